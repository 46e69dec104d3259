"""TWAPs: slices in time, answers, histories, and how they end."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from hlmm.sim.text import ZERO_HASH
from hlmm.types import Side
from tests.support.venue import START, Venue, order, still_venue

USER = "0x" + "0" * 39 + "1"
GONE = "TWAP was never placed, already canceled, or filled."


def start(venue: Venue, **more: object) -> Any:  # noqa: ANN401 - venue JSON
    """Start a TWAP buying 0.011 BTC over 5 minutes; its status."""
    details = {"details": more.pop("details")} if "details" in more else {}
    twap = {"a": 0, "b": True, "s": "0.011", "r": False, "m": 5, "t": False, **more}
    answer = venue.act(0, {"type": "twapOrder", "twap": twap, **details})
    assert answer["response"]["type"] == "twapOrder"
    return answer["response"]["data"]["status"]


def test_slices_fill_over_the_time() -> None:
    """Eleven slices, one every 30 s, trade the whole size; fills carry no hash and are listed by TWAP."""
    venue, _ = still_venue()
    number = start(venue)["running"]["twapId"]
    for _ in range(11):
        venue.block(30_000)
    slices = venue.ask(type="userTwapSliceFills", user=USER)
    assert [row["fill"]["sz"] for row in slices] == ["0.001"] * 11
    assert {row["twapId"] for row in slices} == {number}
    assert {row["fill"]["hash"] for row in slices} == {ZERO_HASH}
    times = [row["fill"]["time"] for row in slices]
    assert all(29_000 < newer - older < 61_000 for newer, older in pairwise(times))
    newest, oldest = venue.ask(type="twapHistory", user=USER)
    assert [row["status"]["status"] for row in (newest, oldest)] == ["finished", "activated"]
    assert (newest["state"]["executedSz"], newest["state"]["executedNtl"]) == ("0.011", "1100.11")
    assert oldest["time"] == (START + 80) // 1_000
    assert venue.exchange.office.twaps.running == {}


def test_cancel() -> None:
    """A running TWAP is stopped by its owner; anything else was never placed."""
    venue, _ = still_venue()
    number = start(venue)["running"]["twapId"]

    def cancel(account: int) -> Any:  # noqa: ANN401 - venue JSON
        return venue.act(account, {"type": "twapCancel", "a": 0, "t": number})["response"]["data"]["status"]

    assert cancel(1) == {"error": GONE}
    assert cancel(0) == "success"
    assert cancel(0) == {"error": GONE}
    assert venue.ask(type="twapHistory", user=USER)[0]["status"] == {"status": "terminated"}


REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "too short": ({"m": 1}, "Invalid TWAP duration: 1 min(s)"),
    "too small": ({"s": "0.001"}, "TWAP order value too small. Min is $110"),
    "no position": ({"r": True}, "Reduce-only TWAP order would increase position."),
    "no coin": ({"a": 9}, "Order has invalid asset."),
    "too fine": ({"s": "0.0000001"}, "Order has invalid size."),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    """A TWAP that breaks a rule is refused in an ok envelope."""
    more, text = REFUSED[name]
    venue, _ = still_venue()
    assert start(venue, **more) == {"error": text}


def test_missed_slices_are_caught_up() -> None:
    """After slices without liquidity the next ones are larger, at most three times."""
    venue, market = still_venue()
    assert "filled" in venue.place(1, order("B", "100010", "1", "Ioc"))[0]
    number = start(venue)["running"]["twapId"]
    twap = venue.exchange.office.twaps.running[number]
    for _ in range(4):
        venue.block(30_000)
    assert (twap.executed, twap.sliced) == (0, 5)
    market.background(Side.ASK, 1_000_100, 100_000)
    for _ in range(6):
        venue.block(30_000)
    assert venue.exchange.office.twaps.running == {}
    sizes = [float(row["fill"]["sz"]) for row in venue.ask(type="userTwapSliceFills", user=USER)]
    assert max(sizes[1:]) == 0.003
    assert sum(sizes) == pytest.approx(0.011)


def test_trigger_and_stop() -> None:
    """A TWAP with a trigger waits for the mark; one with a stop price ends beyond it."""
    venue, _ = still_venue()
    waiting = start(venue, details={"t": {"p": "120000", "a": True}, "s": None})["running"]["twapId"]
    venue.block(30_000)
    assert venue.exchange.office.twaps.running[waiting].sliced == 0
    assert venue.ask(type="twapHistory", user=USER)[0]["status"] == {"status": "waitingForTrigger"}
    stopped = start(venue, details={"t": None, "s": "90000"})["running"]["twapId"]
    venue.block(30_000)
    assert stopped not in venue.exchange.office.twaps.running
    assert venue.ask(type="twapHistory", user=USER)[0]["status"] == {"status": "stopped"}


def test_a_randomised_twap_trades_the_same_total() -> None:
    """Randomised slices differ in size and sum to the order."""
    venue, _ = still_venue()
    start(venue, t=True, s="0.11")
    for _ in range(11):
        venue.block(30_000)
    sizes = [float(row["fill"]["sz"]) for row in venue.ask(type="userTwapSliceFills", user=USER)]
    assert sum(sizes) == pytest.approx(0.11)
    assert len(set(sizes)) > 3
    assert venue.place(0, order("A", "100020", "0.001"))[0]["resting"]
