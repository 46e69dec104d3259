"""Liquidation: partly and wholly on the book, by the backstop, by deleveraging others; and makers short of margin."""

from __future__ import annotations

from typing import Any, Final

from hlmm.sim.liquidation import LIQUIDATOR
from hlmm.types import MICRO, Coin, Px, Side
from tests.sim.test_conservation import check
from tests.support.venue import StillMarket, Venue, order, still_venue

BTC: Final = Coin("BTC")


def account(venue: Venue, number: int) -> str:
    return venue.exchange.accounts[number].address


def leveraged(deposit_usd: int, sz: str, *, cross: bool = True) -> tuple[Venue, StillMarket]:
    """A venue whose account 0 is long `sz` at 100,010 with 40x leverage on `deposit_usd`."""
    venue, market = still_venue()
    owner = venue.exchange.accounts[0]
    owner.raw_usd[""] = owner.deposited = deposit_usd * MICRO
    venue.act(0, {"type": "updateLeverage", "asset": 0, "isCross": cross, "leverage": 40})
    market.background(Side.ASK, 1_000_100, 10_000_000)
    assert "filled" in venue.place(0, order("B", "100010", sz, "Ioc"))[0]
    return venue, market


def fall(venue: Venue, market: StillMarket, usd: int, *, depth: int) -> None:
    """Take mark and book to a price at once, with `depth` (Sz) bid there."""
    for side in Side:
        market.drain(side)
    market.oracle = Px(usd * 10)
    market.background(Side.BID, usd * 10 - 10, depth)
    market.background(Side.ASK, usd * 10 + 10, 10_000_000)
    marks = venue.exchange.listings[BTC].marks
    marks.mark = Px(usd * 10)
    liquidate(venue)


def fills(venue: Venue, user: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = venue.ask(type="userFills", user=user)
    return found


def test_small_position_is_closed_on_the_book() -> None:
    """Equity below maintenance closes a small position by a market order whose fills say so; orders go first."""
    venue, market = leveraged(1_000, "0.3")
    venue.place(0, order("A", "120000", "0.001"))
    fall(venue, market, 97_900, depth=10_000_000)
    assert venue.exchange.accounts[0].szi(BTC) == 0
    assert not venue.exchange.accounts[0].open
    newest = fills(venue, account(venue, 0))[0]
    told = newest["liquidation"]
    assert (told["liquidatedUser"], told["method"]) == (account(venue, 0), "market")
    (event,) = venue.exchange.desk.log.liquidations[0]
    assert isinstance(event, dict)
    assert event["liquidated_user"] == account(venue, 0)
    ledger = venue.ask(type="userNonFundingLedgerUpdates", user=account(venue, 0))[-1]["delta"]
    assert (ledger["type"], ledger["liquidatedPositions"]) == ("liquidation", [{"coin": "BTC", "szi": "0.3"}])
    records = venue.ask(type="historicalOrders", user=account(venue, 0))
    assert "liquidatedCanceled" in {record["status"] for record in records}
    check(venue.exchange)


def test_large_position_is_closed_a_fifth_first() -> None:
    """Above 100,000 USD the first liquidation order is a fifth of the position; within 30 s the rest follows whole."""
    venue, market = leveraged(10_000, "3")
    market.drain(Side.BID)
    market.background(Side.BID, 976_000, 10_000_000)
    venue.exchange.listings[BTC].marks.mark = Px(976_000)
    held = []
    for _ in range(2):
        liquidate(venue)
        held.append(venue.exchange.accounts[0].szi(BTC))
    assert held == [240_000, 0]
    check(venue.exchange)


def test_backstop_takes_position_and_margin() -> None:
    """Below two thirds of maintenance the liquidator gets the position and all that is left of the margin."""
    venue, market = leveraged(10_000, "3")
    listing = venue.exchange.listings[BTC]
    for side in Side:
        market.drain(side)
    market.oracle = Px(970_000)
    listing.marks.mark = Px(970_000)
    liquidate(venue)
    owner, taker = venue.exchange.accounts[0], venue.exchange.registry.account(LIQUIDATOR)
    assert taker is not None
    assert (owner.szi(BTC), owner.raw_usd[""], taker.szi(BTC)) == (0, 0, 300_000)
    (newest, *_) = fills(venue, account(venue, 0))
    assert (newest["dir"], newest["liquidation"]["method"]) == ("Liquidated Cross Long", "backstop")
    check(venue.exchange)


def liquidate(venue: Venue) -> None:
    """Run the liquidator on the marks as they stand."""
    venue.exchange.liquidator.run(venue.exchange.now)


def test_no_value_left_deleverages_the_other_side() -> None:
    """An account under water is closed against the opposite holders at the previous mark, the richest first."""
    venue, market = leveraged(3_000, "0.5")
    venue.place(1, order("B", "99991", "0.5"))
    venue.place(2, order("A", "99991", "0.5", "Ioc"))
    liquidate(venue)
    previous = venue.exchange.listings[BTC].marks.mark
    venue.exchange.listings[BTC].marks.mark = Px(900_000)
    liquidate(venue)
    newest = fills(venue, account(venue, 0))[0]
    assert newest["dir"] == "Auto-Deleveraging"
    assert newest["px"] == f"{previous / 10:.1f}"
    assert venue.exchange.accounts[0].szi(BTC) == 0
    assert venue.exchange.accounts[2].szi(BTC) == 0
    check(venue.exchange)
    del market


def test_isolated_position_falls_alone() -> None:
    """An isolated position is taken with its own margin; the rest of the account stays."""
    venue, market = leveraged(10_000, "0.5", cross=False)
    before = venue.exchange.accounts[0].raw_usd[""]
    venue.exchange.listings[BTC].marks.mark = Px(980_000)
    liquidate(venue)
    owner = venue.exchange.accounts[0]
    assert owner.szi(BTC) == 0
    assert owner.raw_usd[""] == before
    assert owner.position(BTC).isolated_raw == 0
    check(venue.exchange)
    del market


def test_maker_without_margin_is_cancelled_at_the_match() -> None:
    """A resting order that its account can no longer afford is cancelled instead of filled, and matching goes on."""
    venue, market = still_venue()
    poor = venue.exchange.accounts[0]
    poor.raw_usd[""] = poor.deposited = 100 * MICRO
    oid = venue.place(0, order("B", "99995", "0.015"))[0]["resting"]["oid"]
    poor.raw_usd[""] = poor.deposited = 50 * MICRO
    (status,) = venue.place(1, order("A", "99990", "0.02", "Ioc"))
    assert status["filled"]["avgPx"] == "99990.0"
    found = venue.ask(type="orderStatus", user=account(venue, 0), oid=oid)
    assert found["order"]["status"] == "marginCanceled"
    assert oid not in market.book.orders
    check(venue.exchange)


def test_reduce_only_maker_never_flips() -> None:
    """When a plain order and a reduce-only order of one side are swept at once, the latter stops at zero."""
    venue, market = still_venue()
    venue.place(0, order("B", "100010", "0.01", "Ioc"))
    market.drain(Side.ASK)
    venue.place(0, order("A", "100020", "0.006"))
    oid = venue.place(0, order("A", "100030", "0.01", r=True))[0]["resting"]["oid"]
    venue.place(1, order("B", "100050", "0.1", "Gtc"))
    assert venue.exchange.accounts[0].szi(BTC) == 0
    found = venue.ask(type="orderStatus", user=account(venue, 0), oid=oid)["order"]
    assert (found["status"], found["order"]["sz"]) == ("reduceOnlyCanceled", "0.006")
    check(venue.exchange)
