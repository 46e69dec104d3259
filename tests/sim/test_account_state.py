"""Margin arithmetic against an account state recorded from the venue."""

from __future__ import annotations

import json

from hlmm.sim.accounts import Account, Margining, Order, Position
from hlmm.sim.clearing import liquidation_px, summary
from hlmm.sim.config import SimConfig
from hlmm.sim.exchange import Exchange
from hlmm.sim.info_account import account_state
from hlmm.sim.venue import Listing
from hlmm.types import Address, Coin, Instrument, Ms, Oid, Px, Side, Sz, decimal_units
from tests.shared import SHARED, needs_shared
from tests.support.venue import StillMarket

RECORDED = SHARED / "hyperliquid" / "fixtures" / "hypaper_testnet"
SOL, BTC = Coin("SOL"), Coin("BTC")


def listed(coin: Coin, asset: int, grid: tuple[int, int], mark: int) -> Listing:
    """A listing whose mark is where the recording had it. Args: grid, size decimals and maximum leverage."""
    return Listing(StillMarket(Instrument(coin, asset, *grid), Px(mark)), Ms(0))


def bid(oid: int, px: int) -> Order:
    return Order(
        oid=Oid(oid), owner=0, coin=BTC, side=Side.BID, px=Px(px), sz=Sz(39), orig_sz=Sz(39), tif="Gtc", placed_ms=Ms(0)
    )


@needs_shared
def test_recorded_account_is_reproduced_to_the_micro_usd() -> None:
    """Every margin number of a recorded account with two positions and two resting bids comes out the same."""
    recorded = json.loads((RECORDED / "09_clearinghouseState.json").read_text())["response"]
    account = Account(
        index=0,
        address=Address("0x" + "1" * 40),
        raw_usd={"": decimal_units(recorded["marginSummary"]["totalRawUsd"], 6)},
        positions={
            SOL: Position(szi=Sz(13), cost=11_249_160),
            BTC: Position(szi=Sz(297), cost=239_133_960, funding_all=3_156_945, funding_open=3_156_945),
        },
        margining={SOL: Margining(10), BTC: Margining(20)},
        open={Oid(1): bid(1, 697_110), Oid(2): bid(2, 708_060)},
    )
    listings = [listed(SOL, 0, (2, 10), 867_460), listed(BTC, 3, (5, 40), 784_900)]
    exchange = Exchange(SimConfig(), listings, [account], Ms(recorded["time"]))
    stated = json.loads(json.dumps(account_state(exchange, account, "")))
    for body in (recorded, stated):
        # The recorded account had its spot balance behind it (unified mode), so the venue gave no liquidation price.
        for held in body["assetPositions"]:
            del held["position"]["liquidationPx"]
    assert stated == recorded


def test_liquidation_price_is_where_equity_meets_maintenance() -> None:
    """At the stated liquidation price a long's equity equals its maintenance margin, to one price unit's worth."""
    account = Account(
        index=0,
        address=Address("0x" + "1" * 40),
        raw_usd={"": -90_000_000_000},
        positions={BTC: Position(szi=Sz(100_000), cost=100_000_000_000)},
        margining={BTC: Margining(20)},
    )
    listing = listed(BTC, 0, (5, 40), 1_000_000)
    px = liquidation_px(account, listing, summary(account, {BTC: listing}, ""))
    assert px is not None
    at_px = summary(account, {BTC: listed(BTC, 0, (5, 40), px)}, "")
    assert abs(at_px.cross_value - at_px.maintenance) <= 100_000
