"""The halt latch: a stop that survives restart, one per account and venue, cleared only by an operator with a reason.

It fails closed: a latch that cannot be read or understood counts as set. Writes are atomic and synced, and readers
of the old or the new file never see a mix.
"""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import msgspec

from hlmm.shell.statedir import PRIVATE_MODE, write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hlmm.types import Address, Ms

FILE_BYTES_MAX: Final = 1024 * 1024
HISTORY_MAX: Final = 100
REASON_CHARS_MAX: Final = 500


class LatchEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One change of the latch: what, when (wall clock, ms), why."""

    halted: bool
    ts_ms: int
    reason: str


class _Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The file. `reason` is the cause that set it first; empty while clear. `history` is newest last."""

    version: int
    halted: bool
    reason: str
    history: tuple[LatchEntry, ...]


class HaltLatch:
    """One account's latch on one venue. Every call reads or writes the file: other processes share it."""

    __slots__ = ("path",)

    def __init__(self, state: Path, venue: str, account: Address) -> None:
        """Args: state, the state folder; venue, `mainnet`, `testnet` or a simulator's name; account, address."""
        name = re.sub(r"[^a-z0-9.-]", "_", f"{venue}-{account}".lower())
        self.path = state / "halts" / f"{name}.json"

    def latched(self) -> str | None:
        """Why the account is halted, or None when it is not. Raises: nothing; unreadable means halted."""
        return _why(_read(self.path))

    def history(self) -> tuple[LatchEntry, ...]:
        """Changes, oldest first; empty when the file is unreadable."""
        record = _read(self.path)
        return () if isinstance(record, str) else record.history

    def set(self, reason: str, ts_ms: Ms) -> None:
        """Halt. A latch already set keeps its first reason.

        Args: reason, any text; ts_ms, wall clock.   Raises: OSError when it cannot be made durable.
        """
        with self._exclusive():
            entry = LatchEntry(halted=True, ts_ms=ts_ms, reason=_short(reason))
            self._write(entry, reason=self.latched() or entry.reason)

    def clear(self, reason: str, ts_ms: Ms) -> None:
        """Release, also a damaged file.

        Args: reason, why it is safe again, not blank; ts_ms, wall clock.   Raises: OSError; ValueError when blank.
        """
        if not reason.strip():
            message = "a reason is needed to clear the halt latch"
            raise ValueError(message)
        with self._exclusive():
            self._write(LatchEntry(halted=False, ts_ms=ts_ms, reason=_short(reason)), reason="")

    def _write(self, entry: LatchEntry, *, reason: str) -> None:
        """Replace the file durably: a crash leaves the old or the new one, whole."""
        history = (*self.history(), entry)[-HISTORY_MAX:]
        record = _Record(version=1, halted=entry.halted, reason=reason, history=history)
        write_atomically(self.path, msgspec.json.encode(record))
        _sync_folder(self.path.parent)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Hold the writers' lock: a halt set while an operator clears an older one must not be lost."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE_MODE)
        descriptor = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def latched_accounts(state: Path) -> dict[str, str]:
    """Why, by `venue-account`, for every account that is halted. Args: state, the state folder.   Raises: nothing."""
    paths = sorted((state / "halts").glob("*.json"))
    return {path.stem: why for path in paths if (why := _why(_read(path))) is not None}


def _why(record: _Record | str) -> str | None:
    if isinstance(record, str):
        return record
    return record.reason if record.halted else None


def _read(path: Path) -> _Record | str:
    """The file, or why it cannot be trusted."""
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(FILE_BYTES_MAX), type=_Record)
    except FileNotFoundError:
        return EMPTY
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
        return f"the halt latch {path} cannot be read ({type(problem).__name__})"


def _sync_folder(folder: Path) -> None:
    """Make a rename in this folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _short(reason: str) -> str:
    return reason.strip()[:REASON_CHARS_MAX] or "no reason given"


EMPTY: Final = _Record(version=1, halted=False, reason="", history=())
