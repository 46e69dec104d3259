"""Run folders sort by time, have a tag of their own, and are found again."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from hlmm.shell.nonces import AHEAD_MS_MAX, LEASE_MS, NonceFloor
from hlmm.shell.runs import ID_PATTERN, RunMissingError, all_runs, create, find, run_tag
from hlmm.types import Address, Ms

NOW = dt.datetime(2026, 11, 22, 19, 46, 0, tzinfo=dt.UTC)
SIGNER = Address("0x" + "11" * 20)


def test_ids_sort_and_tags_rise(tmp_path: Path) -> None:
    """Ids sort by time, and so do their tags, which fit 48 bits."""
    made = [create(tmp_path, NOW + dt.timedelta(seconds=s), "a: 1\n", "ff") for s in (0, 1, 40, 4000)]
    assert [run.run_id for run in all_runs(tmp_path)] == [run.run_id for run in made]
    assert sorted(run.run_tag for run in made) == [run.run_tag for run in made]
    assert all(ID_PATTERN.fullmatch(run.run_id) for run in made)
    assert made[-1].run_tag < 1 << 48
    assert run_tag("20261122T194600-ab12") & 0xFFFF == 0xAB12
    assert made[0].config.read_text() == "a: 1\n"


def test_find(tmp_path: Path) -> None:
    """A run is found by id, by a unique start of it, by path, by its journal; without a name it is the last."""
    first, last = (create(tmp_path, NOW + dt.timedelta(days=d), "", "") for d in (0, 1))
    assert find(tmp_path, None) == last
    assert find(tmp_path, first.run_id) == first
    assert find(tmp_path, first.run_id[:8]) == first
    assert find(tmp_path / "elsewhere", str(first.path)) == first
    first.journal.touch()
    assert find(tmp_path, str(first.journal)) == first
    for wanted in ("2026", "1999"):
        with pytest.raises(RunMissingError):
            find(tmp_path, wanted)
    with pytest.raises(RunMissingError):
        find(tmp_path / "empty", None)


def test_nonce_floor_outlives_the_process(tmp_path: Path) -> None:
    """After a restart the first nonce is above every nonce used before, also when the clock stepped back."""
    floor = NonceFloor(tmp_path, "testnet", SIGNER, Ms(1_000_000))
    assert floor.start == 1_000_000
    for nonce in range(1_000_000, 1_000_000 + 2 * LEASE_MS, 500):
        floor.used(nonce)
    again = NonceFloor(tmp_path, "testnet", SIGNER, Ms(990_000))
    assert again.start > 1_000_000 + 2 * LEASE_MS - 500
    assert NonceFloor(tmp_path, "mainnet", SIGNER, Ms(5)).start == 5


def test_absurd_floor_is_ignored(tmp_path: Path) -> None:
    """A floor so far ahead that the venue would refuse its nonces (an accelerated run's) does not stop a later run."""
    NonceFloor(tmp_path, "sim", SIGNER, Ms(0)).used(10 * AHEAD_MS_MAX)
    assert NonceFloor(tmp_path, "sim", SIGNER, Ms(1)).start == 1
