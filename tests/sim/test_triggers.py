"""Trigger orders alone and in groups: what waits, what fires, and what goes with what."""

from __future__ import annotations

from typing import Any

import pytest

from hlmm.types import Px, Side
from tests.support.venue import StillMarket, Venue, order, still_venue


def trigger(side: str, px: str, kind: str, *, limit: str | None = None, sz: str = "0.01") -> dict[str, object]:
    """A reduce-only TP or SL at trigger price `px`; a market one unless `limit` is given."""
    worst = limit or ("90000" if side == "A" else "110000")
    shape = {"trigger": {"isMarket": limit is None, "triggerPx": px, "tpsl": kind}}
    return order(side, worst, sz, r=True, t=shape)


def send(venue: Venue, grouping: str, *orders: dict[str, object]) -> list[Any]:
    """The statuses of one grouped action of account 0."""
    answer = venue.act(0, {"type": "order", "orders": list(orders), "grouping": grouping})
    found: list[Any] = answer["response"]["data"]["statuses"]
    return found


def move(venue: Venue, market: StillMarket, usd: int) -> None:
    """Take the oracle and the book to a price and let the marks follow."""
    market.oracle = Px(usd * 10)
    for side in Side:
        market.drain(side)
    market.background(Side.BID, usd * 10 - 100, 1_000_000)
    market.background(Side.ASK, usd * 10 + 100, 1_000_000)
    for _ in range(60):
        venue.block(3_000)


def statuses(venue: Venue) -> dict[str, list[str]]:
    """Statuses of account 0's orders, oldest first, by trigger price ("0.0" for plain ones)."""
    found: dict[str, list[str]] = {}
    for record in reversed(venue.ask(type="historicalOrders", user=venue.exchange.accounts[0].address)):
        found.setdefault(record["order"]["triggerPx"], []).append(record["status"])
    return found


def held(venue: Venue) -> int:
    return venue.exchange.accounts[0].szi(venue.exchange.desk.listings[next(iter(venue.exchange.listings))].coin)


def test_children_wait_for_their_parent() -> None:
    """TP and SL of a resting parent wait for its fill, wake when it is complete, and the filled one ends the other."""
    venue, market = still_venue()
    parent, take, stop = send(
        venue,
        "normalTpsl",
        order("B", "99995", "0.01", "Gtc"),
        trigger("A", "101000", "tp"),
        trigger("A", "98000", "sl"),
    )
    assert ("resting" in parent, take, stop) == (True, "waitingForFill", "waitingForFill")
    (shown,) = venue.ask(type="frontendOpenOrders", user=venue.exchange.accounts[0].address)
    assert [child["triggerPx"] for child in shown["children"]] == ["101000.0", "98000.0"]
    venue.place(1, order("A", "99995", "0.01", "Ioc"))
    assert held(venue) == 1_000
    move(venue, market, 102_000)
    assert held(venue) == 0
    seen = statuses(venue)
    assert seen["101000.0"] == ["open", "open", "triggered", "filled"]
    assert seen["98000.0"] == ["open", "open", "siblingFilledCanceled"]


@pytest.mark.parametrize("partly", [False, True])
def test_cancelling_the_parent_cancels_the_children(partly: bool) -> None:  # noqa: FBT001 - a parameter of pytest's
    """A cancelled parent takes its TP and SL along, also after a partial fill."""
    venue, _ = still_venue()
    parent, _take = send(venue, "normalTpsl", order("B", "99995", "0.01", "Gtc"), trigger("A", "101000", "tp"))
    if partly:
        venue.place(1, order("A", "99995", "0.004", "Ioc"))
    venue.act(0, {"type": "cancel", "cancels": [{"a": 0, "o": parent["resting"]["oid"]}]})
    assert statuses(venue)["101000.0"] == ["open", "canceled"]
    assert not venue.exchange.accounts[0].waiting


def test_children_of_a_filled_parent_wait_for_their_trigger() -> None:
    """A parent that is filled at once leaves its TP and SL armed."""
    venue, _ = still_venue()
    parent, take = send(venue, "normalTpsl", order("B", "100010", "0.01", "Gtc"), trigger("A", "101000", "tp"))
    assert "filled" in parent
    assert take == "waitingForTrigger"


def test_group_needs_children() -> None:
    """`normalTpsl` without children, and a position TP/SL that is not reduce-only, are static errors."""
    venue, _ = still_venue()
    assert send(venue, "normalTpsl", order("B", "99995", "0.01")) == [{"error": "Unexpected number of trigger orders"}]
    loose = {**trigger("A", "101000", "tp"), "r": False}
    assert len(send(venue, "positionTpsl", loose, loose)) == 1


def test_fast_cancel_spares_triggers() -> None:
    """A fast cancel refuses a trigger order and takes a plain one."""
    venue, _ = still_venue()
    venue.place(0, order("B", "100010", "0.01", "Ioc"))
    venue.place(0, trigger("A", "98000", "sl"))
    plain = venue.place(0, order("B", "90000", "0.001"))[0]["resting"]["oid"]
    (waiting,) = venue.exchange.accounts[0].waiting
    cancels = [{"a": 0, "o": waiting}, {"a": 0, "o": plain}]
    answer = venue.act(0, {"type": "cancel", "cancels": cancels, "f": True})
    refused, taken = answer["response"]["data"]["statuses"]
    assert ("error" in refused, taken) == (True, "success")


def test_a_modified_leg_stays_in_its_group() -> None:
    """A TP moved to another price is still ended by its SL."""
    venue, market = still_venue()
    venue.place(0, order("B", "100010", "0.01", "Ioc"))
    send(venue, "positionTpsl", trigger("A", "102000", "tp"), trigger("A", "98000", "sl"))
    take = next(iter(venue.exchange.accounts[0].waiting))
    moved = {"oid": take, "order": trigger("A", "103000", "tp")}
    assert venue.act(0, {"type": "batchModify", "modifies": [moved]})["response"]["data"]["statuses"] == [
        "waitingForTrigger",
    ]  # fmt: skip
    move(venue, market, 97_000)
    assert held(venue) == 0
    assert not venue.exchange.accounts[0].waiting


def test_position_tpsl_follows_the_position() -> None:
    """TP and SL on a position close whatever it is when they fire, and go when it is gone."""
    venue, market = still_venue()
    venue.place(0, order("B", "100010", "0.01", "Ioc"))
    assert send(venue, "positionTpsl", trigger("A", "98000", "sl"), trigger("A", "102000", "tp")) == [
        "waitingForTrigger", "waitingForTrigger",
    ]  # fmt: skip
    (shown, _) = venue.ask(type="frontendOpenOrders", user=venue.exchange.accounts[0].address)
    assert shown["isPositionTpsl"] is True
    venue.place(0, order("B", "100010", "0.02", "Ioc"))
    move(venue, market, 97_000)
    assert held(venue) == 0
    assert statuses(venue)["102000.0"][-1] in {"siblingFilledCanceled", "reduceOnlyCanceled"}


def test_closing_by_hand_ends_position_tpsl() -> None:
    """When the position is closed otherwise, its TP and SL are cancelled."""
    venue, _ = still_venue()
    venue.place(0, order("B", "100010", "0.01", "Ioc"))
    send(venue, "positionTpsl", trigger("A", "98000", "sl"))
    venue.place(0, order("A", "99990", "0.01", "Ioc"))
    assert statuses(venue)["98000.0"] == ["open", "reduceOnlyCanceled"]


def test_limit_trigger_rests() -> None:
    """A limit trigger becomes a resting limit order when the mark reaches it."""
    venue, market = still_venue()
    venue.place(0, order("B", "100010", "0.01", "Ioc"))
    venue.place(0, trigger("A", "101000", "tp", limit="105000"))
    move(venue, market, 102_000)
    (resting,) = venue.ask(type="openOrders", user=venue.exchange.accounts[0].address)
    assert (resting["limitPx"], resting["sz"]) == ("105000.0", "0.01")
    assert statuses(venue)["101000.0"] == ["open", "triggered", "open"]


@pytest.mark.parametrize(("side", "px", "kind"), [("A", "99000", "tp"), ("A", "101000", "sl"), ("B", "99000", "sl")])
def test_trigger_on_the_wrong_side_is_refused(side: str, px: str, kind: str) -> None:
    """A trigger that the mark has passed already is no valid TP or SL."""
    venue, _ = still_venue()
    venue.place(0, order("B", "100010", "0.01", "Ioc"))
    assert venue.place(0, trigger(side, px, kind)) == [{"error": "Invalid TP/SL price. asset=0"}]
    assert statuses(venue)[px + ".0"] == ["badTriggerPxRejected"]
