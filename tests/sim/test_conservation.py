"""Money and size are neither made nor lost: everything accounts gain, the house and the background lose.

`HLMM_CONSERVATION_ACTIONS` sets the number of random actions per seed; the acceptance figure is 1000000.
"""

from __future__ import annotations

import os
from collections import Counter
from random import Random
from typing import Final

import pytest

from hlmm.sim.clearing import summary
from hlmm.sim.exchange import Exchange
from hlmm.sim.traders import SyntheticMarket
from hlmm.sim.venue import Listing
from hlmm.types import MICRO, Px, Side, decimal_text
from tests.support.audit import AuditedBook
from tests.support.venue import Venue, busy_venue

ACTIONS: Final = int(os.environ.get("HLMM_CONSERVATION_ACTIONS", "15000"))
PER_BLOCK: Final = 50
BLOCK_MS: Final = 5_000
BLOCKS_MS: Final = (80, 1_000, 5_000, 20_000, 300_000)
PEOPLE: Final = 3
DEPOSIT_USD: Final = 20_000
NEWS: Final = 0.02
NEWS_BPS: Final = 900.0
TIFS: Final = ("Alo", "Alo", "Alo", "Gtc", "Ioc")


def random_order(rng: Random, listing: Listing) -> dict[str, object]:
    """An order near the touch, mostly valid."""
    side = rng.choice((Side.BID, Side.ASK))
    px = listing.marks.mark + int(side) * rng.randint(-30, 20) * listing.instrument.tick(listing.marks.mark)
    px = listing.instrument.on_grid_down(type(listing.marks.mark)(px))
    sz = rng.randint(1, 3 * 10_000_000_000 // listing.marks.mark)
    instrument = listing.instrument
    return {
        "a": instrument.asset, "b": side is Side.BID, "p": decimal_text(px, instrument.px_decimals),
        "s": decimal_text(sz, instrument.sz_decimals), "r": rng.random() < 0.2,
        "t": {"limit": {"tif": rng.choice(TIFS)}},
    }  # fmt: skip


def random_action(rng: Random, exchange: Exchange, account: int) -> dict[str, object]:
    """Any action an account might take."""
    listings = list(exchange.listings.values())
    live = list(exchange.accounts[account].open.values())
    roll = rng.random()
    if live and roll < 0.35:
        gone = rng.choice(live)
        return {"type": "cancel", "cancels": [{"a": exchange.listings[gone.coin].instrument.asset, "o": gone.oid}]}
    if live and roll < 0.5:
        old = rng.choice(live)
        new = random_order(rng, exchange.listings[old.coin]) | {"b": old.side is Side.BID}
        return {"type": "batchModify", "modifies": [{"oid": old.oid, "order": new}]}
    if roll < 0.53:
        coin = rng.choice(listings).instrument
        return {"type": "updateLeverage", "asset": coin.asset, "isCross": rng.random() < 0.5,
                "leverage": rng.randint(1, coin.max_leverage)}  # fmt: skip
    if roll < 0.56:
        asset = rng.choice(listings).instrument.asset
        return {"type": "updateIsolatedMargin", "asset": asset, "isBuy": True, "ntli": rng.randint(-(10**9), 10**9)}
    if roll < 0.64:
        return family(rng, rng.choice(listings))
    orders = [random_order(rng, rng.choice(listings)) for _ in range(rng.randint(1, 3))]
    return {"type": "order", "orders": orders, "grouping": "na"}


def family(rng: Random, listing: Listing) -> dict[str, object]:
    """A parent with TP and SL, or TP and SL on the position."""
    parent = random_order(rng, listing)
    mark, grid = listing.marks.mark, listing.instrument
    buy = not parent["b"]
    children: list[dict[str, object]] = []
    for kind in ("tp", "sl"):
        away = rng.randint(1, 300) * grid.tick(mark) * (1 if (kind == "tp") != buy else -1)
        px = decimal_text(grid.on_grid_down(Px(mark + away)), grid.px_decimals)
        worst = decimal_text(grid.on_grid_down(Px(mark * (3 if buy else 1) // 2)), grid.px_decimals)
        shape = {"trigger": {"isMarket": rng.random() < 0.7, "triggerPx": px, "tpsl": kind}}
        children.append({**parent, "b": buy, "p": worst, "r": True, "t": shape})
    if rng.random() < 0.5:
        return {"type": "order", "orders": children, "grouping": "positionTpsl"}
    return {"type": "order", "orders": [{**parent, "r": False}, *children], "grouping": "normalTpsl"}


def check(exchange: Exchange) -> None:
    """Assert the conservation laws at this instant."""
    house = exchange.desk.house
    cash = house.fees + house.funding + house.background_raw
    for account in exchange.accounts:
        isolated = sum(held.isolated_raw for held in account.positions.values())
        cash += sum(account.raw_usd.values()) + account.spot_usd + isolated
    assert cash == sum(account.deposited for account in exchange.accounts)
    for coin in exchange.listings:
        assert house.background.get(coin, 0) + sum(account.szi(coin) for account in exchange.accounts) == 0


def check_orders(exchange: Exchange, filled: Counter[int]) -> None:
    """Assert that the last block's executions stay within each order's limit and size."""
    for index, fills in exchange.desk.log.fills.items():
        for fill in fills:
            record = exchange.accounts[index].latest.get(fill.oid)
            if record is None:
                assert fill.direction.startswith(("Auto", "Liquidated")), fill
                continue
            filled[fill.oid] += fill.sz
            assert filled[fill.oid] <= record.order.orig_sz or record.order.position_sized, fill
            assert (fill.px - record.order.px) * record.order.side <= 0, fill


def upset(rng: Random, exchange: Exchange) -> None:
    """Now and then news for a coin; whoever lost nearly all brings new money."""
    for listing in exchange.listings.values():
        if rng.random() < NEWS:
            assert isinstance(listing.market, SyntheticMarket)
            listing.market.shock(rng.uniform(-NEWS_BPS, NEWS_BPS))
    for account in exchange.accounts[:PEOPLE]:
        for dex in account.raw_usd:
            if summary(account, exchange.listings, dex).value < 1_000 * MICRO:
                account.raw_usd[dex] += DEPOSIT_USD * MICRO
                account.deposited += DEPOSIT_USD * MICRO


def audited(seed: int) -> Venue:
    """The busy venue with little money, every book of it audited."""
    venue = busy_venue(seed, deposit_usd=DEPOSIT_USD)
    for listing in venue.exchange.listings.values():
        market = listing.market
        assert isinstance(market, SyntheticMarket)
        market.use_book(AuditedBook)
    return venue


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_made_or_lost(seed: int) -> None:
    """Cash, positions, fees and funding of all parties sum to the deposits after any of the random actions.

    Every execution on the way stays within its orders' sizes and limits and keeps price-time order.
    """
    rng, venue = Random(seed), audited(seed)
    exchange, filled = venue.exchange, Counter[int]()
    for _ in range(ACTIONS // PER_BLOCK):
        for _ in range(PER_BLOCK):
            account = rng.randrange(PEOPLE)
            venue.submit(account, random_action(rng, exchange, account))
        upset(rng, exchange)
        venue.block(rng.choice(BLOCKS_MS))
        check(exchange)
        check_orders(exchange, filled)
    assert all(len(account.fills) > 100 for account in exchange.accounts[:PEOPLE])
    assert any(account.fundings for account in exchange.accounts)


def test_account_value_is_the_sum_of_its_history() -> None:
    """Deposit, less fees, plus closed PnL, plus funding, plus unrealised PnL is the account value, to the micro-USD."""
    rng, venue = Random(3), busy_venue(3)
    exchange = venue.exchange
    fills: list[tuple[int, int]] = []
    for _ in range(200):
        venue.submit(0, random_action(rng, exchange, 0))
        log_before = len(fills)
        venue.block(BLOCK_MS)
        fills += [(f.closed_pnl, f.fee) for f in exchange.desk.log.fills.get(0, [])]
        assert len(fills) >= log_before
    account = exchange.accounts[0]
    funding = sum(row.usdc for row in account.fundings)
    unrealised = sum(
        held.szi * exchange.listings[coin].marks.mark - (held.cost if held.szi > 0 else -held.cost)
        for coin, held in account.positions.items()
        if held.szi
    )
    expected = account.deposited + sum(pnl - fee for pnl, fee in fills) + funding + unrealised
    assert value(venue) == expected


def value(venue: Venue) -> int:
    """The first account's value over all dexes, as its answers state it, micro-USD."""
    address = venue.exchange.accounts[0].address
    total = 0
    for dex in ("", "xyz"):
        text = venue.ask(type="clearinghouseState", user=address, dex=dex)["marginSummary"]["accountValue"]
        whole, _, fraction = text.removeprefix("-").partition(".")
        total += (-1 if text[0] == "-" else 1) * int(whole + fraction.ljust(6, "0"))
    return total
