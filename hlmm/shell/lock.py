"""The single-instance lock: one engine per account and venue on this machine."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING, ClassVar, Self

from hlmm.shell.exits import Exit
from hlmm.shell.statedir import PRIVATE_MODE

if TYPE_CHECKING:
    from pathlib import Path

    from hlmm.types import Address


class LockHeldError(Exception):
    """Another live process holds the lock; `pid` is its id, 0 when it is not readable."""

    exit_code: ClassVar[int] = Exit.LOCKED

    def __init__(self, pid: int, path: Path) -> None:
        super().__init__(f"another hlmm engine (pid {pid}) runs on this account; its lock is {path}")
        self.pid = pid


class AccountLock:
    """Held from construction to `release` or the death of the process, whichever comes first.

    Args: state, the state folder; venue, a name for the venue such as `mainnet`; account, address.
    Raises: LockHeldError; OSError when the state folder is not writable.
    """

    def __init__(self, state: Path, venue: str, account: Address) -> None:
        folder = state / "locks"
        folder.mkdir(mode=PRIVATE_MODE, parents=True, exist_ok=True)
        self.path = folder / f"{venue}-{account.lower()}.lock"
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = _holder(self._fd)
            os.close(self._fd)
            raise LockHeldError(pid, self.path) from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Let go. The file stays: removing it would let two processes lock two files of one name."""
        os.close(self._fd)

    def __enter__(self) -> Self:
        """Nothing more than construction."""
        return self

    def __exit__(self, *_: object) -> None:
        """Release."""
        self.release()


def _holder(descriptor: int) -> int:
    text = os.pread(descriptor, 32, 0)
    return int(text) if text.isdigit() else 0
