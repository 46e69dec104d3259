"""Rules of entry that depend on the venue's state: open-interest caps, post-only window, tiers, order counts, terms."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import msgspec
import pytest

from hlmm.sim.config import BuilderDexConfig, CustomTier, LimitConfig, SimConfig, SyntheticMarketConfig
from hlmm.sim.fees import FeeRates, builder_scale
from hlmm.sim.world import build_world
from hlmm.types import MICRO, Coin, Px, Side
from tests.support.venue import START, Venue, order, still_venue

BTC: Final = Coin("BTC")
CAPPED: Final = "Order would increase open interest while open interest is capped asset=0"


def capped() -> Venue:
    """A venue at its open-interest cap: account 0 is long 0.01 BTC and that is all there may be."""
    venue, _ = still_venue()
    venue.place(0, order("B", "100010", "0.01", "Ioc"))
    listing = venue.exchange.listings[BTC]
    listing.terms = msgspec.structs.replace(listing.terms, open_interest_cap_usd=1_000)
    return venue


CASES: Final[dict[str, tuple[dict[str, object], str, str]]] = {
    "increase": (order("B", "99000", "0.01"), CAPPED, "positionIncreaseAtOpenInterestCapRejected"),
    "flip": (order("A", "101000", "0.02"), CAPPED, "positionFlipAtOpenInterestCapRejected"),
    "aggressive": (
        order("A", "98000", "0.01", "Ioc"),
        "Order rejected due to price more aggressive than oracle while at open interest cap",
        "tooAggressiveAtOpenInterestCapRejected",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_open_interest_cap(name: str) -> None:
    """At the cap no order adds exposure or reaches far beyond the oracle; reducing is free."""
    sent, text, status = CASES[name]
    venue = capped()
    assert venue.place(0, sent) == [{"error": text}]
    assert newest(venue) == status
    assert "resting" in venue.place(0, order("A", "101000", "0.01"))[0]
    assert venue.ask(type="perpsAtOpenInterestCap") == ["BTC"]


def newest(venue: Venue) -> str:
    """Status of account 0's latest record."""
    status: str = venue.ask(type="historicalOrders", user=venue.exchange.accounts[0].address)[0]["status"]
    return status


def test_post_only_window() -> None:
    """After an upgrade only post-only orders are taken; the refusal leaves no record, and cancels work."""
    venue, _ = still_venue(SimConfig(limits=LimitConfig(post_only_ms=1_000)))
    text = "Only post-only orders allowed immediately after network upgrade"
    assert venue.place(0, order("B", "90000", "0.001", "Gtc")) == [{"error": text}]
    assert venue.ask(type="historicalOrders", user=venue.exchange.accounts[0].address) == []
    oid = venue.place(0, order("B", "90000", "0.001"))[0]["resting"]["oid"]
    answer = venue.act(0, {"type": "cancel", "cancels": [{"a": 0, "o": oid}]})
    assert answer["response"]["data"]["statuses"] == ["success"]
    venue.block(1_000)
    assert "resting" in venue.place(0, order("B", "90000", "0.001", "Gtc"))[0]


def test_tier_bounds_the_position() -> None:
    """A position that would enter a tier with less leverage than the account's setting is refused."""
    venue, _ = still_venue()
    rich = venue.exchange.accounts[0]
    rich.raw_usd[""] = rich.deposited = 100_000_000 * MICRO
    venue.act(0, {"type": "updateLeverage", "asset": 0, "isCross": True, "leverage": 40})
    (status,) = venue.place(0, order("B", "99990", "1600"))
    assert "exceed margin tier limit" in status["error"]
    assert newest(venue) == "perpMaxPositionRejected"
    venue.act(0, {"type": "updateLeverage", "asset": 0, "isCross": True, "leverage": 20})
    assert "resting" in venue.place(0, order("B", "99990", "1600"))[0]


def test_reduce_only_orders_have_the_base_limit() -> None:
    """With the base number of open orders, volume earns more plain orders but no reduce-only or trigger orders."""
    venue, _ = still_venue(SimConfig(limits=LimitConfig(open_orders=2)))
    venue.exchange.accounts[0].volume = 5_000_000 * MICRO
    venue.place(0, order("B", "100010", "0.01", "Ioc"))
    bids = [order("B", "90000", "0.001")] * 2
    venue.place(0, *bids)
    assert "Too many" in venue.place(0, order("A", "110000", "0.01", r=True))[0]["error"]
    assert "resting" in venue.place(0, *bids)[0]
    assert "Too many" in venue.place(0, *bids)[0]["error"]


def test_lower_leverage_needs_the_margin_for_it() -> None:
    """Leverage of an open position may rise freely, and fall only when the account has the margin."""
    venue, _ = still_venue()
    owner = venue.exchange.accounts[0]
    owner.raw_usd[""] = owner.deposited = 1_000 * MICRO
    venue.place(0, order("B", "100010", "0.1", "Ioc"))

    def leverage(value: int, *, cross: bool = True) -> Any:  # noqa: ANN401 - venue JSON
        return venue.act(0, {"type": "updateLeverage", "asset": 0, "isCross": cross, "leverage": value})

    assert leverage(40)["status"] == "ok"
    assert leverage(15)["status"] == "ok"
    assert leverage(5)["response"].startswith("Cross position does not have sufficient margin available")
    assert leverage(15, cross=False)["response"] == "Cannot switch leverage type with open position."
    assert leverage(41)["response"] == "Invalid leverage value"


def test_strict_isolated_margin_only_grows() -> None:
    """In strict isolated mode margin may be added to a position and never removed."""
    venue, _ = still_venue()
    listing = venue.exchange.listings[BTC]
    listing.terms = msgspec.structs.replace(listing.terms, margin_mode="strictIsolated")
    venue.act(0, {"type": "updateLeverage", "asset": 0, "isCross": False, "leverage": 10})
    venue.place(0, order("B", "100010", "0.01", "Ioc"))

    def add(ntli: int) -> Any:  # noqa: ANN401 - venue JSON
        return venue.act(0, {"type": "updateIsolatedMargin", "asset": 0, "isBuy": True, "ntli": ntli})

    assert add(50 * MICRO)["status"] == "ok"
    assert add(-10 * MICRO)["response"].startswith("Cannot remove isolated margin for this asset.")


@pytest.mark.parametrize(("scale", "growth", "factor"), [(0.5, False, 1.5), (1.0, False, 2.0), (1.0, True, 0.2)])
def test_builder_dex_fees(scale: float, growth: bool, factor: float) -> None:  # noqa: FBT001 - a parameter of pytest's
    """Fees on a builder dex: 1 + s below a deployer scale of one, 2 s above, a tenth in growth; rebates unchanged."""
    assert builder_scale(scale, growth=growth) == pytest.approx(factor)
    assert FeeRates(-2_000, 24_000).scaled(factor) == FeeRates(-2_000, round(24_000 * factor))


def test_capped_coin_sheds_far_orders() -> None:
    """A resting order more aggressive than a coin at its cap bears is cancelled at the next mark."""
    venue, market = still_venue()
    venue.place(0, order("A", "100015", "0.001"))
    venue.place(1, order("B", "100010", "0.01", "Ioc"))
    listing = venue.exchange.listings[BTC]
    listing.terms = msgspec.structs.replace(listing.terms, open_interest_cap_usd=1_000)
    market.drain(Side.BID)
    market.oracle = Px(1_020_000)
    for _ in range(3):
        venue.block(3_000)
    assert newest(venue) == "openInterestCapCanceled"


def test_growth_mode_on_a_builder_dex() -> None:
    """A listing in growth mode says so, charges a tenth of its dex's fees, and earns a tenth of the requests."""
    terms = BuilderDexConfig(fee_scale=0.5, growth_coins=("xyz:XYZ100",))
    market = SyntheticMarketConfig(coins=("BTC", "xyz:XYZ100"), warmup_s=5)
    tier = CustomTier(maker_bps=1.0, taker_bps=4.0)
    venue = Venue(build_world(SimConfig(market=market, fees=tier, builder_dexes=terms), 1, START).exchange)
    (row,) = venue.ask(type="meta", dex="xyz")["universe"]
    assert (row["growthMode"], row["marginMode"], row["onlyIsolated"]) == ("enabled", "noCross", True)
    assert venue.ask(type="perpDexs")[1]["deployerFeeScale"] == "0.5"
    ask = venue.exchange.listings[Coin("xyz:XYZ100")].market.asks(1)[0].px
    taken = {**order("B", f"{ask / 100:.2f}", "0.01", "Ioc"), "a": 110_000}
    before = venue.exchange.accounts[0].volume
    notional = Decimal(venue.place(0, taken)[0]["filled"]["avgPx"]) * Decimal("0.01")
    (fill,) = venue.ask(type="userFills", user=venue.exchange.accounts[0].address)
    assert abs(Decimal(fill["fee"]) - notional * Decimal("0.00006")) <= Decimal("0.000002")
    assert venue.exchange.accounts[0].volume - before == int(notional * MICRO) // 10
