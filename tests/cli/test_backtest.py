"""`hlmm backtest`: the same input gives the same hash, and the money adds up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.shared import SHARED, needs_shared
from tests.support.program import hlmm

pytestmark = pytest.mark.orchestrator

SYNTHETIC = ("backtest", "+asset=BTC", "env.sim.market.coins=[BTC]", "--for", "120s", "--json")
TAPE = SHARED / "data" / "hyperliquid-BTC-20250904T1946Z-35m.jsonl.gz"
CONTRACT = {
    "decisions_hash", "events", "fills", "volume_usd", "requests", "pnl_usd", "wall_s", "tape_s",
}  # fmt: skip
MICRO = 1_000_000


def outcome(folder: Path, *arguments: str, **more: str) -> dict[str, object]:
    """The JSON of a backtest that must succeed."""
    done = hlmm(folder, *arguments, **more)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert isinstance(summary, dict)
    assert set(summary) >= CONTRACT
    pnl = {term: round(usd * MICRO) for term, usd in summary["pnl_usd"].items()}
    total = pnl.pop("total")
    assert total == sum(pnl.values())
    assert round(summary["account_value_usd"] * MICRO) == 100_000 * MICRO + total
    assert summary["resting_orders_at_exit"] == 0
    return summary


def test_synthetic_is_deterministic(tmp_path: Path) -> None:
    """Two hash seeds, one result; another market seed, another result; each can be replayed identically."""
    first = outcome(tmp_path, *SYNTHETIC, PYTHONHASHSEED="1")
    assert first["tape_s"] == 120
    again = outcome(tmp_path, *SYNTHETIC, PYTHONHASHSEED="2")
    assert again["decisions_hash"] == first["decisions_hash"]
    replayed = hlmm(tmp_path, "replay", str(first["run_id"]), "--json", PYTHONHASHSEED="3")
    assert json.loads(replayed.stdout)["decisions_hash"] == first["decisions_hash"]
    other = outcome(tmp_path, *SYNTHETIC, "env.sim.seed=2")
    assert other["decisions_hash"] != first["decisions_hash"]


@needs_shared
def test_tape_is_deterministic(tmp_path: Path) -> None:
    """Real recorded feeds: quotes most of the time, and the same hash under another PYTHONHASHSEED."""
    arguments = ("backtest", "+asset=BTC", f"tape={TAPE}", "--for", "200s", "--json")
    first = outcome(tmp_path, *arguments, PYTHONHASHSEED="1")
    assert first["quote_uptime_frac"] > 0.9  # type: ignore[operator]  # the JSON number
    assert outcome(tmp_path, *arguments, PYTHONHASHSEED="2")["decisions_hash"] == first["decisions_hash"]


def test_needs_the_simulated_exchange(tmp_path: Path) -> None:
    """A backtest on another venue is a usage error."""
    done = hlmm(tmp_path, "backtest", "+asset=BTC", "env=paper")
    assert done.returncode == 2
    assert "env=paper" in done.stderr
