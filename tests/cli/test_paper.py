"""`hlmm run env=paper` end to end: another venue's public feeds, quotes that never reach it, and their end with it."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.program import Venue, hlmm, start

pytestmark = pytest.mark.orchestrator

WAIT_S: Final = 60.0


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Venue]:
    """A venue that stands for mainnet."""
    one = Venue(tmp_path)
    yield one
    one.close()


def paper(source: Venue, *more: str) -> tuple[str, ...]:
    """Arguments of a paper run on a venue's feeds."""
    ws_url = "ws" + source.url.removeprefix("http") + "/ws"
    return "run", "+asset=BTC", "env=paper", f"env.rest_url={source.url}", f"env.ws_url={ws_url}", "--json", *more


def account_of(source: Venue, name: str) -> Any:  # noqa: ANN401 - venue JSON
    """What the source says of its first account, whose keys the paper venue's first account shares."""
    return source.info({"type": name, "user": source.account})


def running(folder: Path) -> dict[str, Any]:
    """`hlmm status` of the only engine."""
    found = json.loads(hlmm(folder, "status", "--json").stdout)
    return found[0] if found else {"state": "absent", "open_orders": None, "reasons": []}


def wait_for(folder: Path, process: subprocess.Popen[str], orders: int) -> dict[str, Any]:
    """Wait until the engine has quotes on both sides (orders 2), or none (orders 0)."""
    give_up = time.monotonic() + WAIT_S
    while time.monotonic() < give_up:
        assert process.poll() is None, process.communicate()
        one = running(folder)
        if one["open_orders"] is not None and (one["open_orders"] >= orders if orders else one["open_orders"] == 0):
            return one
        time.sleep(0.1)
    pytest.fail(f"never {orders} orders: {one}")


def test_paper_quotes_and_the_source_sees_nothing(tmp_path: Path, source: Venue) -> None:
    """Two-sided quotes on the source's real prices, no order and no request there, and the summary says what it is."""
    before = account_of(source, "userRateLimit")
    process = start(tmp_path, *paper(source, "--for", "10s"))
    wait_for(tmp_path, process, orders=2)
    assert account_of(source, "frontendOpenOrders") == []
    stdout, stderr = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, stderr
    summary = json.loads(stdout)
    assert (summary["mode"], summary["resting_orders_at_exit"]) == ("paper", 0)
    assert summary["quote_uptime_frac"] > 0.5
    assert summary["requests"] >= 2
    assert summary["simulated"].startswith("fills are simulated: queue model risk-averse, real market data from 127.0.")
    assert summary["simulated"] in stderr.replace("\n", " ")
    assert summary["account_value_usd"] == pytest.approx(10_000 + summary["pnl_usd"]["total"])
    assert account_of(source, "userRateLimit") == before
    assert account_of(source, "historicalOrders") == []
    replayed = json.loads(hlmm(tmp_path, "replay", summary["run_id"], "--json").stdout)
    assert replayed["identical"]


def test_without_its_source_paper_stops_quoting(tmp_path: Path, source: Venue) -> None:
    """When the source dies the quotes are pulled for want of fresh data; the run itself ends in order."""
    process = start(tmp_path, *paper(source))
    wait_for(tmp_path, process, orders=2)
    source.process.kill()
    killed = time.monotonic()
    pulled = wait_for(tmp_path, process, orders=0)
    assert time.monotonic() - killed < 20
    assert pulled["state"] == "trading"
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, stderr
    assert json.loads(stdout)["resting_orders_at_exit"] == 0


def test_paper_needs_its_feeds_and_a_listed_coin(tmp_path: Path, source: Venue) -> None:
    """No feed, no WebSocket, or a coin that is not listed: exit 5, the cause, and what to do; no run is left behind."""
    cases = (
        ("env.rest_url=http://127.0.0.1:9", "http://127.0.0.1:9: ConnectError"),
        ("env.ws_url=ws://127.0.0.1:9/ws", "ws://127.0.0.1:9/ws: no market data of BTC"),
        ("assets.BTC.coin=NOTHING", "does not list NOTHING"),
    )
    for other, said in cases:
        key = other.partition("=")[0]
        done = hlmm(tmp_path, *(word for word in paper(source) if not word.startswith(f"{key}=")), other)
        assert done.returncode == 5, done.stderr
        assert said in done.stderr.replace("\n", " ")
        assert "fix: check the network" in done.stderr.replace("\n", " ")
        assert done.stdout == ""
    assert not (tmp_path / "runs").exists()


def test_paper_has_nothing_to_flatten(tmp_path: Path) -> None:
    """The paper venue ends with its run, so the emergency verbs refuse it instead of starting another."""
    done = hlmm(tmp_path, "flatten", "+asset=BTC", "env=paper", "--json")
    assert done.returncode == 5
    assert "lives and ends with its own `hlmm run`" in done.stderr.replace("\n", " ")
