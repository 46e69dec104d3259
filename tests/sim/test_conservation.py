"""Money and size are neither made nor lost: everything accounts gain, the house and the background lose."""

from __future__ import annotations

from random import Random
from typing import Final

import pytest

from hlmm.sim.exchange import Exchange
from hlmm.sim.venue import Listing
from hlmm.types import Side, decimal_text
from tests.support.venue import Venue, busy_venue

ACTIONS: Final = 20_000
PER_BLOCK: Final = 20
BLOCK_MS: Final = 5_000
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
    orders = [random_order(rng, rng.choice(listings)) for _ in range(rng.randint(1, 3))]
    return {"type": "order", "orders": orders, "grouping": "na"}


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


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_made_or_lost(seed: int) -> None:
    """Cash, positions, fees and funding of all parties sum to the deposits after any of 20,000 random actions."""
    rng, venue = Random(seed), busy_venue(seed)
    exchange = venue.exchange
    for _ in range(ACTIONS // PER_BLOCK):
        for _ in range(PER_BLOCK):
            account = rng.randrange(len(exchange.accounts))
            venue.submit(account, random_action(rng, exchange, account))
        venue.block(BLOCK_MS)
        check(exchange)
    assert all(len(account.fills) > 100 for account in exchange.accounts)
    assert all(account.fundings for account in exchange.accounts)


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
