"""One engine per account and venue."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hlmm.shell.lock import AccountLock, LockHeldError
from hlmm.types import Address

ACCOUNT = Address("0x" + "Ab" * 20)
HOLD = """
import sys, time, pathlib
from hlmm.shell.lock import AccountLock
lock = AccountLock(pathlib.Path(sys.argv[1]), "testnet", sys.argv[2])
print("held", flush=True)
time.sleep(60)
"""


def test_second_is_refused_and_named(tmp_path: Path) -> None:
    """A second holder in another process is refused with the first one's pid, whatever the case of the address."""
    with AccountLock(tmp_path, "testnet", ACCOUNT):
        script = HOLD.replace("lock =", "try:\n  lock =").replace(
            "print", "except Exception as e: sys.exit(str(e))\nprint"
        )
        second = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path), ACCOUNT.lower()], capture_output=True, text=True, check=False
        )
    assert second.returncode == 1
    assert f"pid {os.getpid()}" in second.stderr


def test_other_venue_is_another_lock(tmp_path: Path) -> None:
    """The same address on another network may run beside it; a release lets the next one in."""
    with AccountLock(tmp_path, "testnet", ACCOUNT), AccountLock(tmp_path, "mainnet", ACCOUNT):
        pass
    with AccountLock(tmp_path, "testnet", ACCOUNT):
        pass


def test_kill_releases(tmp_path: Path) -> None:
    """SIGKILL of the holder frees the lock at once."""
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path), ACCOUNT], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    holder.stdout.readline()
    with pytest.raises(LockHeldError) as held:
        AccountLock(tmp_path, "testnet", ACCOUNT)
    assert held.value.pid == holder.pid
    holder.kill()
    holder.wait()
    holder.stdout.close()
    AccountLock(tmp_path, "testnet", ACCOUNT).release()
