"""What the account channels push about funds and TWAPs: opening snapshots, and the news of a block."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from hlmm.sim.accounts import Account
from hlmm.sim.blocklog import BlockLog
from hlmm.sim.exchange import Exchange
from hlmm.sim.info_account import account_state
from hlmm.sim.info_market import dexes
from hlmm.sim.info_people import history_json, ledger_json, ledger_of, slice_json, twap_states
from hlmm.sim.render import record_json
from hlmm.sim.text import Json


def _ledger(exchange: Exchange, account: Account, log: BlockLog | None) -> dict[str, Json]:
    del exchange
    rows = ledger_of(account) if log is None else log.ledger.get(account.index, [])
    return {"nonFundingLedgerUpdates": ledger_json(rows)}


def _slices(exchange: Exchange, account: Account, log: BlockLog | None) -> dict[str, Json]:
    pairs = reversed(account.slices) if log is None else log.slices.get(account.index, [])
    return {"twapSliceFills": slice_json(exchange, pairs)}


def _history(exchange: Exchange, account: Account, log: BlockLog | None) -> dict[str, Json]:
    rows = reversed(account.twap_rows) if log is None else log.twaps.get(account.index, [])
    return {"history": history_json(exchange, account, rows)}


def _orders(exchange: Exchange, account: Account, log: BlockLog | None) -> dict[str, Json]:
    rows = reversed(account.records) if log is None else log.records.get(account.index, [])
    return {"orderHistory": [record_json(exchange.listings[r.order.coin].instrument, r) for r in rows]}


LISTS: Final[Mapping[str, Callable[[Exchange, Account, BlockLog | None], dict[str, Json]]]] = {
    "userNonFundingLedgerUpdates": _ledger,
    "userTwapSliceFills": _slices,
    "userTwapHistory": _history,
    "userHistoricalOrders": _orders,
}
"""Channels that open with a list and then push what is new. Each renders a block's news, or everything (None)."""


def opening(exchange: Exchange, kind: str, account: Account, user: str) -> Json:
    """The first frame of such a channel."""
    return {"isSnapshot": True, "user": user, **LISTS[kind](exchange, account, None)}


def news(exchange: Exchange, kind: str, account: Account, user: str, log: BlockLog) -> Json:
    """What a block adds to such a channel; None when nothing."""
    body = LISTS[kind](exchange, account, log)
    return {"user": user, **body} if any(body.values()) else None


def events(exchange: Exchange, account: Account, log: BlockLog) -> list[Json]:
    """What a block adds to `userEvents` beside fills, funding and cancels: TWAPs, liquidations."""
    found: list[Json] = []
    if account.index in log.twaps:
        found.append({"twapHistory": history_json(exchange, account, log.twaps[account.index])})
    if account.index in log.slices:
        found.append({"twapSliceFills": slice_json(exchange, log.slices[account.index])})
    found.extend({"liquidation": told} for told in log.liquidations.get(account.index, []))
    return found


def running(exchange: Exchange, account: Account, user: str, dex: str) -> Json:
    """`twapStates`."""
    return {"dex": dex, "user": user, "states": twap_states(exchange, account, dex)}


def every_dex(exchange: Exchange, account: Account, user: str) -> Json:
    """`allDexsClearinghouseState`."""
    states: list[Json] = [[dex, account_state(exchange, account, dex)] for dex in ("", *dexes(exchange))]
    return {"user": user, "clearinghouseStates": states}
