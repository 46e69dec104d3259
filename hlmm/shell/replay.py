"""Replay: the events of a journal through a fresh engine, its commands against the journalled ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec
from pydantic import ValidationError

from hlmm.core.commands import Command
from hlmm.core.engine import Engine
from hlmm.core.events import AnyEvent
from hlmm.core.settings import EngineConfig
from hlmm.shell.exits import Exit
from hlmm.shell.journal import FORMAT, Reader, Tally, command_payload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hlmm.core.commands import AnyCommand


class Divergence(msgspec.Struct, frozen=True, kw_only=True):
    """Where the replay first differs: the event's index from 0, the event, and the commands on both sides."""

    index: int
    why: str
    event: str
    expected: str
    got: str


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome. `torn_bytes` is a tail that a kill cut off; it is no divergence."""

    identical: bool
    events: int
    decisions_hash: str
    first_divergence: Divergence | None
    torn_bytes: int
    complete: bool


class JournalUnreadableError(Exception):
    """The journal has no usable header: nothing can be replayed."""

    exit_code: ClassVar[int] = Exit.CHECK_FAILED


class _Step(msgspec.Struct):
    """One event and the commands journalled after it. `last` has no record after it."""

    event: AnyEvent
    payload: bytes
    commands: list[AnyCommand]
    payloads: list[bytes]
    last: bool


def replay(journal: Path) -> Replayed:
    """Re-execute a journal.

    Args: journal, path of the file.
    Returns: identical, or the first divergence.
    Raises: JournalUnreadableError; OSError when the file is missing.
    """
    reader = Reader(journal)
    header = reader.header
    if header is None or header.format != FORMAT:
        message = f"{journal} has no header this version can read"
        raise JournalUnreadableError(message)
    try:
        config = EngineConfig.model_validate_json(header.engine_config)
    except ValidationError as error:
        message = f"{journal} was written by hlmm {header.version}, whose engine has other settings than this one"
        raise JournalUnreadableError(message) from error
    engine = Engine(config, header.run_tag)
    tally = Tally()
    divergence: Divergence | None = None
    for step in _steps(reader):
        got = engine.on(step.event)
        open_end = step.last and reader.footer is None
        divergence = _compare(tally.events, step, got, open_end=open_end)
        if divergence is not None:
            break
        tally.event(step.payload)
        for payload in step.payloads:
            tally.command(payload)
    if divergence is None:
        divergence = _damage(reader, tally)
    loss = reader.loss
    return Replayed(
        identical=divergence is None,
        events=tally.events,
        decisions_hash=tally.decisions_hash,
        first_divergence=divergence,
        torn_bytes=loss.lost_bytes if loss is not None and loss.kind == "torn" else 0,
        complete=reader.footer is not None and loss is None,
    )


def _steps(reader: Reader) -> Iterator[_Step]:
    """The journal as events with their commands. A command before any event is damage and ends the walk."""
    step: _Step | None = None
    for record in reader:
        if isinstance(record, Command):
            if step is not None:
                step.commands.append(record)
                step.payloads.append(reader.payload)
        else:
            if step is not None:
                yield step
            step = _Step(record, reader.payload, [], [], last=False)
    if step is not None:
        step.last = True
        yield step


def _compare(index: int, step: _Step, got: list[AnyCommand], *, open_end: bool) -> Divergence | None:
    """Bytes against bytes. A kill may have cut the last event's commands short (`open_end`): a prefix will do then."""
    now = [command_payload(command) for command in got]
    if now == step.payloads or (open_end and now[: len(step.payloads)] == step.payloads):
        return None
    at = next((i for i, pair in enumerate(zip(now, step.payloads, strict=False)) if pair[0] != pair[1]), None)
    position = min(len(got), len(step.commands)) if at is None else at
    return Divergence(
        index=index,
        why=f"command {position} differs: {len(step.commands)} journalled, {len(got)} now",
        event=_text(step.event),
        expected=_text(step.commands[position]) if position < len(step.commands) else "nothing",
        got=_text(got[position]) if position < len(got) else "nothing",
    )


def _damage(reader: Reader, tally: Tally) -> Divergence | None:
    """A journal that does not verify differs from what was written, from there on."""
    loss = reader.loss
    if loss is not None and loss.kind == "damaged":
        return Divergence(
            index=tally.events,
            why=f"the journal is damaged at byte {loss.at_byte}: {loss.lost_bytes} bytes do not verify",
            event="unreadable",
            expected="a record whose checksum continues the chain",
            got="altered bytes",
        )
    footer = reader.footer
    if footer is not None and footer.decisions_hash != tally.decisions_hash:
        return Divergence(
            index=tally.events,
            why="the footer's hash is not that of the records",
            event="footer",
            expected=footer.decisions_hash,
            got=tally.decisions_hash,
        )
    return None


def _text(record: AnyEvent | AnyCommand) -> str:
    return msgspec.json.encode(record).decode()
