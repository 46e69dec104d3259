"""The halt latch: set survives everything, damage counts as set, only an operator with a reason clears it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlmm.shell.latch import HISTORY_MAX, HaltLatch
from hlmm.types import Address, Ms

ACCOUNT = Address("0x" + "a" * 40)


def latch(folder: Path) -> HaltLatch:
    """The latch under test."""
    return HaltLatch(folder, "mainnet", ACCOUNT)


def test_starts_clear(tmp_path: Path) -> None:
    """An account never halted is not halted, and reading creates nothing."""
    assert latch(tmp_path).latched() is None
    assert list(tmp_path.iterdir()) == []


def test_survives_a_new_process(tmp_path: Path) -> None:
    """A halt set by one object is seen by another, as after a restart."""
    latch(tmp_path).set("loss limit", Ms(1))
    assert latch(tmp_path).latched() == "loss limit"


def test_keeps_the_first_reason(tmp_path: Path) -> None:
    """A second halt does not hide the cause of the first; both are in the history."""
    latch(tmp_path).set("loss limit", Ms(1))
    latch(tmp_path).set("flatten", Ms(2))
    assert latch(tmp_path).latched() == "loss limit"
    assert [entry.reason for entry in latch(tmp_path).history()] == ["loss limit", "flatten"]


def test_clear_needs_a_reason_and_records_it(tmp_path: Path) -> None:
    """Clearing without a reason is refused; with one it releases and is on record."""
    latch(tmp_path).set("loss limit", Ms(1))
    with pytest.raises(ValueError, match="reason"):
        latch(tmp_path).clear("  ", Ms(2))
    assert latch(tmp_path).latched() == "loss limit"
    latch(tmp_path).clear("checked by hand", Ms(3))
    assert latch(tmp_path).latched() is None
    last = latch(tmp_path).history()[-1]
    assert (last.halted, last.ts_ms, last.reason) == (False, 3, "checked by hand")


def test_accounts_and_venues_are_separate(tmp_path: Path) -> None:
    """A halt on one venue or account leaves the others alone; the address's case does not matter."""
    latch(tmp_path).set("x", Ms(1))
    assert HaltLatch(tmp_path, "testnet", ACCOUNT).latched() is None
    assert HaltLatch(tmp_path, "mainnet", Address("0x" + "b" * 40)).latched() is None
    assert HaltLatch(tmp_path, "mainnet", Address("0x" + "A" * 40)).latched() == "x"


@given(st.binary(max_size=200))
def test_damage_counts_as_halted(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Whatever bytes the file holds, reading it never raises and never says clear."""
    one = latch(tmp_path_factory.mktemp("latch"))
    one.path.parent.mkdir()
    one.path.write_bytes(content)
    assert one.latched() is not None


def test_every_cut_of_the_file_counts_as_halted(tmp_path: Path) -> None:
    """A file cut at any byte is halted, even when it said clear; clearing repairs it."""
    one = latch(tmp_path)
    one.set("x", Ms(1))
    one.clear("fine", Ms(2))
    whole = one.path.read_bytes()
    for length in range(len(whole)):
        one.path.write_bytes(whole[:length])
        assert one.latched() is not None
    one.clear("rebuilt", Ms(3))
    assert one.latched() is None


def test_a_folder_in_its_place_counts_as_halted(tmp_path: Path) -> None:
    """A latch that is not a file fails closed."""
    one = latch(tmp_path)
    one.path.mkdir(parents=True)
    assert "cannot be read" in (one.latched() or "")


def test_private_and_bounded(tmp_path: Path) -> None:
    """The file is readable by its owner only, whatever the umask, and its history stays bounded."""
    old = os.umask(0)
    try:
        for n in range(HISTORY_MAX + 5):
            latch(tmp_path).set(f"r{n}", Ms(n))
    finally:
        os.umask(old)
    assert latch(tmp_path).path.stat().st_mode & 0o077 == 0
    assert len(latch(tmp_path).history()) == HISTORY_MAX


def test_two_processes_lose_nothing(tmp_path: Path) -> None:
    """Writers in two processes at once keep every entry."""
    script = (
        "import sys; from pathlib import Path; from hlmm.shell.latch import HaltLatch\n"
        f"one = HaltLatch(Path(sys.argv[1]), 'mainnet', '{ACCOUNT}')\n"
        "[one.set(sys.argv[2] + str(n), n) for n in range(20)]"
    )
    writers = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path), tag]) for tag in "ab"]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert len(latch(tmp_path).history()) == 40
