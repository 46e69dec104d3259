"""Replay gives the same commands, and names the first place where it does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from typing_extensions import override

from hlmm.core.commands import AnyCommand, Command, PlaceOrder
from hlmm.core.engine import Engine
from hlmm.core.events import AnyEvent, BboChanged
from hlmm.shell.journal import Header, Journal, Reader
from hlmm.shell.replay import JournalUnreadableError, replay
from hlmm.types import Level, Px
from tests.support.engines import RUN_TAG, Bench, engine_config

Record = AnyEvent | AnyCommand


def header() -> Header:
    """The header of a run of the test engine."""
    return Header(
        run_id="20261122T194600-ab12",
        run_tag=RUN_TAG,
        version="0.1.0",
        mode="sim",
        config_hash="00",
        engine_config=engine_config().model_dump_json(),
        started_ns=1,
    )


class Journalled(Engine):
    """An engine whose every step is journalled, as the shell does it."""

    journal: Journal

    @override
    def on(self, event: AnyEvent) -> list[AnyCommand]:
        """Event ahead, commands after."""
        self.journal.event(event)
        commands = super().on(event)
        self.journal.commands(commands)
        return commands


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """The journal of a short session: start, quotes, moves, a fill, a stop."""
    path = tmp_path / "journal.bin"
    bench = Bench()
    engine = Journalled(engine_config(), RUN_TAG)
    engine.journal = Journal(path, header())
    bench.engine = engine
    bench.connect()
    bench.wait(100)
    bench.rest()
    for step in range(40):
        bench.wait(250)
        bench.bbo(bid=1_099_990 + 10 * (step % 7), ask=1_100_000 + 10 * (step % 7))
        bench.rest()
    bench.fill(next(iter(bench.oids)))
    bench.wait(1)
    bench.stop()
    engine.journal.close()
    return path


def rewrite(source: Path, target: Path, change: Callable[[int, Record], Record]) -> None:
    """A journal with valid checksums whose records went through `change`, by index."""
    journal = Journal(target, header())
    for index, record in enumerate(Reader(source)):
        changed = change(index, record)
        if isinstance(changed, Command):
            journal.commands([changed])
        else:
            journal.event(changed)
    journal.close()


def test_identical(journal: Path) -> None:
    """An untouched journal replays identically, with the hash in its own footer."""
    outcome = replay(journal)
    assert outcome.identical
    assert outcome.first_divergence is None
    assert outcome.complete
    reader = Reader(journal)
    records = list(reader)
    assert any(isinstance(record, PlaceOrder) for record in records)
    assert reader.footer is not None
    assert outcome.decisions_hash == reader.footer.decisions_hash
    assert outcome.events == reader.footer.events > 40


def test_flipped_event_is_named(journal: Path, tmp_path: Path) -> None:
    """A changed event makes other commands: the divergence names its index, both commands and the event."""
    places = [i for i, record in enumerate(Reader(journal)) if isinstance(record, PlaceOrder)]
    events = [i for i, record in enumerate(Reader(journal)) if not isinstance(record, Command) and i < places[0]]

    def move(index: int, record: Record) -> Record:
        if index != events[-1]:
            return record
        assert isinstance(record, BboChanged)
        assert record.bid is not None
        lower = Level(Px(record.bid.px - 5_000), record.bid.sz)
        return msgspec.structs.replace(record, bid=lower, ask=Level(Px(record.bid.px - 4_990), record.bid.sz))

    rewrite(journal, tmp_path / "flipped", move)
    outcome = replay(tmp_path / "flipped")
    assert not outcome.identical
    divergence = outcome.first_divergence
    assert divergence is not None
    assert divergence.index == len(events) - 1
    assert "BboChanged" in divergence.event
    assert divergence.expected != divergence.got


def test_flipped_command_is_named(journal: Path, tmp_path: Path) -> None:
    """A changed command diverges at the event it belongs to."""
    first = next(i for i, record in enumerate(Reader(journal)) if isinstance(record, PlaceOrder))

    def move(index: int, record: Record) -> Record:
        return msgspec.structs.replace(record, px=Px(1)) if index == first else record

    rewrite(journal, tmp_path / "flipped", move)
    divergence = replay(tmp_path / "flipped").first_divergence
    assert divergence is not None
    assert '"px":1,' in divergence.expected


def test_flipped_byte_is_named(journal: Path, tmp_path: Path) -> None:
    """A byte changed on disk is never identical, and the divergence says which event it stopped at."""
    whole = journal.read_bytes()
    for at in range(0, len(whole), len(whole) // 37):
        changed = bytearray(whole)
        changed[at] ^= 1
        (tmp_path / "x").write_bytes(bytes(changed))
        try:
            outcome = replay(tmp_path / "x")
        except JournalUnreadableError:
            assert at < 5_000
            continue
        assert not outcome.identical
        assert outcome.first_divergence is not None
        assert "damaged" in outcome.first_divergence.why


def test_killed_run_replays(journal: Path, tmp_path: Path) -> None:
    """Cut at any byte, as by a kill, the journal replays identically up to the cut."""
    whole = journal.read_bytes()
    head = Journal(tmp_path / "head", header())
    head.close()
    for size in range(len(whole) // 2, len(whole), 211):
        (tmp_path / "cut").write_bytes(whole[:size])
        outcome = replay(tmp_path / "cut")
        assert outcome.identical, outcome
        assert not outcome.complete
