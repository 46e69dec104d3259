"""The venue's rules, one row each: what is sent and the text that comes back, with the status its record gets."""

from __future__ import annotations

from typing import Any

import pytest

from hlmm.sim.config import LimitConfig, SimConfig
from hlmm.types import Side
from tests.support.venue import START, Venue, order, still_venue

BAND = "Order price cannot be more than 95% away from the reference price"
NO_CROSS = "Order could not immediately match against any resting orders. asset=0"
CROSSED = "Post only order would have immediately matched, bbo was 99990@100010. asset=0"

ROWS: dict[str, tuple[dict[str, object], str, str | None]] = {
    "tick": (order("B", "99990.5", "0.001"), "Price must be divisible by tick size. asset=0", "tickRejected"),
    "value": (order("B", "90000", "0.0001"), "Order must have minimum value of $10. asset=0", "minTradeNtlRejected"),
    "lot": (order("B", "90000", "0.000001"), "Order has invalid size.", None),
    "zero size": (order("B", "90000", "0"), "Order has zero size.", None),
    "zero price": (order("B", "0", "0.001"), "Order has invalid price.", None),
    "band below": (order("B", "4000", "0.01"), BAND, None),
    "band above": (order("A", "196000", "0.001"), BAND, None),
    "post only": (order("B", "100010", "0.001"), CROSSED, "badAloPxRejected"),
    "ioc": (order("B", "99990", "0.001", "Ioc"), NO_CROSS, "iocCancelRejected"),
    "margin": (order("B", "90000", "50"), "Insufficient margin to place order. asset=0", "perpMarginRejected"),
    "reduce only": (
        order("A", "100010", "0.001", r=True), "Reduce only order would increase position. asset=0",
        "reduceOnlyRejected",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_refusal_texts(name: str) -> None:
    """Each broken rule answers the venue's own text, and leaves a record exactly when the venue does."""
    sent, text, status = ROWS[name]
    venue, _ = still_venue()
    assert venue.place(0, sent) == [{"error": text}]
    records = venue.ask(type="historicalOrders", user=address(venue, 0))
    assert [record["status"] for record in records] == ([] if status is None else [status])
    assert venue.ask(type="openOrders", user=address(venue, 0)) == []


def address(venue: Venue, account: int) -> str:
    return venue.exchange.accounts[account].address


def position(venue: Venue, account: int) -> str:
    """The account's position in the one coin."""
    held = venue.ask(type="clearinghouseState", user=address(venue, account))["assetPositions"]
    return held[0]["position"]["szi"] if held else "0.0"


def test_static_error_refuses_the_whole_batch() -> None:
    """A batch with one malformed size answers a single error and executes nothing."""
    venue, _ = still_venue()
    assert venue.place(0, order("B", "90000", "0.001"), order("B", "90000", "0.0000001")) == [
        {"error": "Order has invalid size."}
    ]
    assert venue.ask(type="openOrders", user=address(venue, 0)) == []
    assert venue.act(0, {"type": "order", "orders": [], "grouping": "na"})["response"]["data"]["statuses"] == [
        {"error": "Orders are empty."}
    ]


def test_business_error_leaves_the_rest_of_the_batch() -> None:
    """Orders after a refused one are still looked at."""
    venue, _ = still_venue()
    first, second = venue.place(0, order("B", "100010", "0.001"), order("B", "90000", "0.001"))
    assert "Post only" in first["error"]
    assert "resting" in second


def test_batch_weight_limit() -> None:
    """201 items are refused as a whole."""
    venue, _ = still_venue()
    orders = [order("B", "90000", "0.001")] * 201
    answer = venue.act(0, {"type": "order", "orders": orders, "grouping": "na"})
    assert answer == {"status": "err", "response": "Signed action over weight limit of 200."}


def test_cloid_is_unique_while_live() -> None:
    """A live cloid is refused, a finished one may be used again, and lookups find the newest."""
    venue, _ = still_venue()
    cloid = "0x" + "ab" * 16
    named = order("B", "90000", "0.001", c=cloid)
    old = venue.place(0, named)[0]["resting"]
    assert old["cloid"] == cloid
    assert venue.place(0, named) == [{"error": "Order has duplicate cloid"}]
    cancels = [{"asset": 0, "cloid": cloid}]
    assert statuses(venue.act(0, {"type": "cancelByCloid", "cancels": cancels})) == ["success"]
    new = venue.place(0, named)[0]["resting"]["oid"]
    assert venue.ask(type="orderStatus", user=address(venue, 0), oid=cloid)["order"]["order"]["oid"] == new


def statuses(answer: dict[str, Any]) -> list[Any]:
    found: list[Any] = answer["response"]["data"]["statuses"]
    return found


def test_cancel_of_nothing() -> None:
    """A cancel that finds nothing says so for its item only."""
    venue, _ = still_venue()
    oid = venue.place(0, order("B", "90000", "0.001"))[0]["resting"]["oid"]
    answer = venue.act(0, {"type": "cancel", "cancels": [{"a": 0, "o": 1}, {"a": 0, "o": oid}]})
    assert statuses(answer) == [{"error": "Order was never placed, already canceled, or filled. asset=0"}, "success"]


MODIFIED: dict[str, tuple[dict[str, object], str, bool]] = {
    "same side, new price": (order("B", "90100", "0.001"), "resting", False),
    "gtc becomes post-only": (order("B", "100010", "0.001", "Gtc"), "Post only", False),
    "ioc": (order("B", "90100", "0.001", "Ioc"), "Attempted to modify to invalid new order", True),
    "side flip": (order("A", "110000", "0.001"), "Attempted to modify to invalid new order", True),
    "bad size": (order("B", "90100", "0.0000001"), "Attempted to modify to invalid new order", True),
    "would cross": (order("B", "100010", "0.001"), "Post only", False),
}


@pytest.mark.parametrize("name", MODIFIED)
def test_modify(name: str) -> None:
    """A modify is cancel and place under a new oid; only an invalid new order leaves the old one."""
    new, outcome, old_stays = MODIFIED[name]
    venue, _ = still_venue()
    old = venue.place(0, order("B", "90000", "0.001"))[0]["resting"]["oid"]
    answer = venue.act(0, {"type": "batchModify", "modifies": [{"oid": old, "order": new}]})
    (status,) = statuses(answer)
    assert outcome in str(status)
    live = [o["oid"] for o in venue.ask(type="openOrders", user=address(venue, 0))]
    assert (old in live) is old_stays
    if outcome == "resting":
        assert status["resting"]["oid"] > old


def test_modify_of_nothing() -> None:
    """A missing target is an item error of batchModify, and the whole action's for modify."""
    venue, _ = still_venue()
    new = order("B", "90100", "0.001")
    missing = "Cannot modify canceled or filled order"
    answer = venue.act(0, {"type": "batchModify", "modifies": [{"oid": 5, "order": new}]})
    assert statuses(answer) == [{"error": missing}]
    assert venue.act(0, {"type": "modify", "oid": 5, "order": new}) == {"status": "err", "response": missing}
    always = venue.act(0, {"type": "batchModify", "modifies": [{"oid": 5, "order": new}], "a": True})
    assert "resting" in statuses(always)[0]


def test_reduce_only_shrinks_with_the_position() -> None:
    """A reduce-only order never exceeds the position, and goes when the position does."""
    venue, market = still_venue()
    assert venue.place(0, order("B", "100010", "0.01", "Ioc"))[0]["filled"]["avgPx"] == "100010.0"
    venue.place(0, order("A", "100050", "0.05", r=True))
    (resting,) = venue.ask(type="openOrders", user=address(venue, 0))
    assert (resting["sz"], resting["origSz"], resting["reduceOnly"]) == ("0.01", "0.05", True)
    market.background(Side.BID, 999_900, 1_000_000)
    venue.place(0, order("A", "99990", "0.004", "Ioc"))
    assert venue.ask(type="openOrders", user=address(venue, 0))[0]["sz"] == "0.006"
    venue.place(0, order("A", "99990", "0.006", "Ioc"))
    assert position(venue, 0) == "0.0"
    assert venue.ask(type="openOrders", user=address(venue, 0)) == []
    assert venue.ask(type="historicalOrders", user=address(venue, 0))[0]["status"] in {"reduceOnlyCanceled", "filled"}


def test_self_trade_expires_the_maker() -> None:
    """An account's own resting order is cancelled instead of trading with it, without a fee."""
    venue, _ = still_venue()
    mine = venue.place(0, order("A", "100005", "0.001"))[0]["resting"]["oid"]
    filled = venue.place(0, order("B", "100010", "0.001", "Ioc"))[0]["filled"]
    assert filled["avgPx"] == "100010.0"
    assert venue.ask(type="orderStatus", user=address(venue, 0), oid=mine)["order"]["status"] == "selfTradeCanceled"
    assert len(venue.ask(type="userFills", user=address(venue, 0))) == 1


def test_fees_are_truncated_toward_zero() -> None:
    """Maker rebate and taker fee of one trade, at the default tier, cut to a micro-USD."""
    venue, _ = still_venue()
    venue.place(0, order("B", "99995", "0.00123"))
    venue.place(1, order("A", "99995", "0.00123", "Ioc"))
    maker, taker = (venue.ask(type="userFills", user=address(venue, n))[0] for n in (0, 1))
    assert (maker["fee"], maker["crossed"], maker["dir"]) == ("-0.002459", False, "Open Long")
    assert (taker["fee"], taker["crossed"], taker["dir"]) == ("0.029518", True, "Open Short")
    assert maker["tid"] == taker["tid"]


def test_nonces() -> None:
    """A nonce serves once, must be near block time, and the refusals are the venue's."""
    venue, _ = still_venue()
    noop = {"type": "noop"}
    now = int(START) + 200
    assert venue.act(0, noop, nonce=now)["status"] == "ok"
    assert venue.act(0, noop, nonce=now)["response"] == f"Invalid nonce: duplicate nonce {now}"
    assert "Invalid nonce: nonce too low" in venue.act(0, noop, nonce=now - 3 * 86_400_000)["response"]
    assert "Invalid nonce: nonce too high" in venue.act(0, noop, nonce=now + 2 * 86_400_000)["response"]
    assert venue.act(0, noop, expiresAfter=now)["response"] == "Action already expired"


def test_unknown_signer() -> None:
    """A signature of nobody's names the address it recovered to."""
    venue, _ = still_venue()
    stranger = "0x" + "9" * 40
    answer = venue.act(0, {"type": "noop"}, signer=stranger)
    assert answer == {"status": "err", "response": f"User or API Wallet {stranger} does not exist."}
    assert "Vault not registered: " in venue.act(0, {"type": "noop"}, vaultAddress=stranger)["response"]


def test_request_budget() -> None:
    """Past the budget an action passes every 10 s; cancels go on until their own ceiling; trading buys requests."""
    venue, _ = still_venue(SimConfig(limits=LimitConfig(base_requests=3)))
    oids = [venue.place(0, order("B", "90000", "0.001"))[0]["resting"]["oid"] for _ in range(3)]
    refused = venue.act(0, {"type": "order", "orders": [order("B", "90000", "0.001")], "grouping": "na"})
    assert refused["response"] == (
        "Too many cumulative requests sent (4 > 3) for cumulative volume traded $0.00. "
        "Place taker orders to free up 1 request per USDC traded."
    )
    assert statuses(venue.act(0, {"type": "cancel", "cancels": [{"a": 0, "o": oids[0]}]})) == ["success"]
    venue.block(10_000)
    assert venue.place(0, order("B", "100010", "0.001", "Ioc"))[0]["filled"]["totalSz"] == "0.001"
    limit = venue.ask(type="userRateLimit", user=address(venue, 0))
    assert limit == {"cumVlm": "100.01", "nRequestsUsed": 5, "nRequestsCap": 103, "nRequestsSurplus": 0}
    assert "resting" in venue.place(0, order("B", "90000", "0.001"))[0]


def test_schedule_cancel_gate() -> None:
    """Below the traded volume the dead man's switch is refused with the amounts."""
    venue, _ = still_venue()
    answer = venue.act(0, {"type": "scheduleCancel", "time": START + 60_000})
    assert answer["response"] == (
        "Cannot set scheduled cancel time until enough volume traded. Required: $1000000. Traded: $0.00."
    )


def test_cancels_and_post_only_run_before_takers() -> None:
    """Within a block a cancel sent after a taker still saves the maker's order."""
    venue, _ = still_venue()
    oid = venue.place(0, order("B", "99995", "0.001"))[0]["resting"]["oid"]
    taker = venue.submit(1, {"type": "order", "orders": [order("A", "99995", "0.001", "Ioc")], "grouping": "na"})
    cancel = venue.submit(0, {"type": "cancel", "cancels": [{"a": 0, "o": oid}]})
    answers = venue.block()
    assert statuses(answers[cancel]) == ["success"]
    assert "could not immediately match" in statuses(answers[taker])[0]["error"]


def test_liquidation_closes_what_margin_cannot_carry() -> None:
    """An account below maintenance loses its orders and its position."""
    venue, market = still_venue()
    venue.act(0, {"type": "updateLeverage", "asset": 0, "isCross": True, "leverage": 40})
    market.background(Side.ASK, 1_000_100, 5_000_000)
    venue.place(0, order("B", "100010", "30", "Ioc"))
    market.book = type(market.book)()
    market.oracle = type(market.oracle)(960_000)
    market.background(Side.BID, 960_000, 10_000_000)
    market.background(Side.ASK, 960_100, 10_000_000)
    for _ in range(60):
        venue.block(3_000)
    assert position(venue, 0) == "0.0"


def test_trigger_order_fires_on_the_mark() -> None:
    """A stop waits off the book, shows as a trigger, and closes the position when the mark falls through it."""
    venue, market = still_venue()
    venue.place(0, order("B", "100010", "0.01", "Ioc"))
    stop = {"trigger": {"isMarket": True, "triggerPx": "99000", "tpsl": "sl"}}
    assert venue.place(0, order("A", "90000", "0.01", r=True, t=stop)) == ["waitingForTrigger"]
    (shown,) = venue.ask(type="frontendOpenOrders", user=address(venue, 0))
    assert (shown["orderType"], shown["triggerCondition"]) == ("Stop Market", "Price below 99000")
    market.book = type(market.book)()
    market.oracle = type(market.oracle)(980_000)
    market.background(Side.BID, 980_000, 100_000)
    market.background(Side.ASK, 980_100, 100_000)
    for _ in range(60):
        venue.block(3_000)
    assert position(venue, 0) == "0.0"
