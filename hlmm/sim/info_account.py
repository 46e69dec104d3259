"""Info answers about one account's trading: state, orders, fills, funding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from hlmm.sim.accounts import HISTORY, Account, Order, Record
from hlmm.sim.clearing import Summary, initial_margin, liquidation_px, margining, position_margin, summary
from hlmm.sim.exchange import Exchange
from hlmm.sim.fills import Fill
from hlmm.sim.query import NoAnswerError, Query
from hlmm.sim.render import fill_json, frontend_json, funding_json, order_json, record_json
from hlmm.sim.text import ZERO_HASH, Json, decimal, px_text, rate, sz_text, usd
from hlmm.sim.venue import Listing, dex_of
from hlmm.types import Coin, MicroUsd, Oid, Sz


def account_state(exchange: Exchange, account: Account, dex: str) -> Json:
    """`clearinghouseState` of an account on one dex; in the unified modes only what its positions and orders hold."""
    money = summary(account, exchange.listings, dex)
    pooled = money.withdrawable if account.unified and not dex else 0
    positions: list[Json] = [
        {"type": "oneWay", "position": _position(account, exchange.listings[coin], money)}
        for coin, held in account.positions.items()
        if held.szi and dex_of(coin) == dex
    ]
    return {
        "marginSummary": _margins(money.value - pooled, money.notional, money.raw - pooled, money.margin_used),
        "crossMarginSummary": _margins(
            money.cross_value - pooled, money.cross_notional, money.cross_raw - pooled, money.cross_margin_used
        ),
        "crossMaintenanceMarginUsed": usd(money.maintenance),
        "withdrawable": usd(money.withdrawable - pooled),
        "assetPositions": positions,
        "time": exchange.now,
    }


def _margins(value: int, notional: int, raw: int, used: int) -> Json:
    return {
        "accountValue": usd(value),
        "totalNtlPos": usd(notional),
        "totalRawUsd": usd(raw),
        "totalMarginUsed": usd(used),
    }


def _position(account: Account, listing: Listing, money: Summary) -> Json:
    held, setting, instrument = account.position(listing.coin), margining(account, listing), listing.instrument
    side, notional = (1 if held.szi > 0 else -1), abs(held.szi) * listing.marks.mark
    pnl = side * (notional - held.cost)
    liquidation = liquidation_px(account, listing, money)
    leverage: dict[str, Json] = {"type": "cross" if setting.cross else "isolated", "value": setting.leverage}
    if not setting.cross:
        leverage["rawUsd"] = usd(held.isolated_raw)
    return {
        "coin": listing.coin,
        "szi": sz_text(instrument, held.szi),
        "leverage": leverage,
        "entryPx": decimal(held.cost // abs(held.szi), instrument.px_decimals),
        "positionValue": usd(notional),
        "unrealizedPnl": usd(pnl),
        "returnOnEquity": rate(pnl * setting.leverage / held.cost if held.cost else 0.0),
        "liquidationPx": None if liquidation is None else px_text(instrument, liquidation),
        "marginUsed": usd(position_margin(held, listing, setting)),
        "maxLeverage": instrument.max_leverage,
        "cumFunding": {
            "allTime": usd(held.funding_all),
            "sinceOpen": usd(held.funding_open),
            "sinceChange": usd(held.funding_change),
        },
    }


def _clearinghouse(exchange: Exchange, query: Query) -> Json:
    query.listed(exchange)
    return account_state(exchange, query.account(exchange), query.dex or "")


def spot_state(exchange: Exchange, account: Account) -> Json:
    """`spotClearinghouseState`: USDC only; in the unified modes it is everything, and holds the margin of all dexes."""
    if account.index < 0:
        return {"balances": []}
    if not account.unified:
        return {"balances": [_usdc(account.spot_usd, 0)]}
    parts = [summary(account, exchange.listings, dex) for dex in dict.fromkeys(["", *account.raw_usd])]
    total = sum(money.value for money in parts)
    body: dict[str, Json] = {"balances": [_usdc(total, total - sum(money.withdrawable for money in parts))]}
    if account.abstraction == "portfolioMargin":
        body["portfolioMarginEnabled"] = True
    return {**body, "tokenToAvailableAfterMaintenance": [[0, usd(total - sum(money.maintenance for money in parts))]]}


def _usdc(total: int, hold: int) -> Json:
    return {"coin": "USDC", "token": 0, "total": usd(total), "hold": usd(hold), "entryNtl": "0.0"}


def _spot(exchange: Exchange, query: Query) -> Json:
    return spot_state(exchange, query.account(exchange))


def open_orders(exchange: Exchange, account: Account, dex: str, *, frontend: bool) -> Json:
    """Open orders and waiting triggers on a dex, newest first."""
    live = [o for o in (*account.open.values(), *account.waiting.values()) if dex_of(o.coin) == dex]
    live.sort(key=lambda order: -order.oid)
    if not frontend:
        return [order_json(exchange.listings[o.coin].instrument, o) for o in live]
    children: dict[Oid, list[Order]] = {}
    for order in reversed(live):
        if order.dormant:
            children.setdefault(order.group, []).append(order)
    shown = [o for o in live if not o.dormant]
    return [frontend_json(exchange.listings[o.coin].instrument, o, children.get(o.oid, ())) for o in shown]


def _open(exchange: Exchange, query: Query) -> Json:
    query.listed(exchange)
    return open_orders(exchange, query.account(exchange), query.dex or "", frontend=False)


def _frontend(exchange: Exchange, query: Query) -> Json:
    query.listed(exchange)
    return open_orders(exchange, query.account(exchange), query.dex or "", frontend=True)


def _order_status(exchange: Exchange, query: Query) -> Json:
    account, wanted = query.account(exchange), query.oid
    oid = account.by_cloid.get(wanted.lower(), Oid(0)) if isinstance(wanted, str) else Oid(wanted or 0)
    record = account.latest.get(oid)
    if record is None:
        return {"status": "unknownOid"}
    return {"status": "order", "order": _record(exchange, record)}


def _record(exchange: Exchange, record: Record) -> Json:
    return record_json(exchange.listings[record.order.coin].instrument, record)


def _historical(exchange: Exchange, query: Query) -> Json:
    return [_record(exchange, r) for r in reversed(query.account(exchange).records)]


def fills_of(exchange: Exchange, fills: Iterable[Fill]) -> list[Json]:
    """Fills as JSON, in the given order."""
    return [fill_json(exchange.listings[f.coin].instrument, f) for f in fills]


def _fills(exchange: Exchange, query: Query) -> Json:
    found = list(reversed(query.account(exchange).fills))
    return fills_of(exchange, _aggregated(found) if query.aggregate_by_time else found)


def _fills_by_time(exchange: Exchange, query: Query) -> Json:
    found = [f for f in query.account(exchange).fills if query.within(f.time)][-HISTORY:]
    if query.aggregate_by_time:
        found = _aggregated(found)
    return fills_of(exchange, reversed(found) if query.reversed else found)


def _aggregated(fills: Iterable[Fill]) -> list[Fill]:
    """Consecutive fills of one order at one time and price as one."""
    merged: list[Fill] = []
    for fill in fills:
        last = merged[-1] if merged else None
        if last is not None and (last.oid, last.time, last.px) == (fill.oid, fill.time, fill.px):
            merged[-1] = msgspec.structs.replace(
                last,
                sz=Sz(last.sz + fill.sz),
                fee=MicroUsd(last.fee + fill.fee),
                closed_pnl=MicroUsd(last.closed_pnl + fill.closed_pnl),
            )
        else:
            merged.append(fill)
    return merged


def _user_funding(exchange: Exchange, query: Query) -> Json:
    rows = [r for r in query.account(exchange).fundings if query.within(r.time)]
    return [
        {
            "time": r.time,
            "hash": ZERO_HASH,
            "delta": {"type": "funding", **_without_time(funding_json(exchange.listings[r.coin].instrument, r))},
        }
        for r in rows
    ]


def _without_time(body: Mapping[str, Json]) -> dict[str, Json]:
    return {key: value for key, value in body.items() if key != "time"}


def active_asset(exchange: Exchange, account: Account, listing: Listing) -> Json:
    """`activeAssetData`: leverage setting, and what could be traded on each side."""
    setting, mark = margining(account, listing), listing.marks.mark
    money, szi = summary(account, exchange.listings, listing.dex), account.szi(listing.coin)
    free = max(0, money.free)
    closing = 2 * initial_margin(abs(szi) * mark, setting.leverage)
    usable = (free + (closing if szi < 0 else 0), free + (closing if szi > 0 else 0))
    sizes = [Sz(amount * setting.leverage // mark) for amount in usable]
    return {
        "user": account.address,
        "coin": listing.coin,
        "leverage": {"type": "cross" if setting.cross else "isolated", "value": setting.leverage},
        "maxTradeSzs": [sz_text(listing.instrument, sz) for sz in sizes],
        "availableToTrade": [usd(amount) for amount in usable],
        "markPx": px_text(listing.instrument, mark),
    }


def _active_asset(exchange: Exchange, query: Query) -> Json:
    listing = exchange.listings.get(Coin(query.coin or ""))
    if listing is None:
        raise NoAnswerError
    return active_asset(exchange, query.account(exchange), listing)


def _portfolio(exchange: Exchange, query: Query) -> Json:
    return portfolio_of(exchange, query.account(exchange))


def portfolio_of(exchange: Exchange, account: Account) -> Json:
    """`portfolio`: value and volume now, for every period."""
    value = usd(sum(summary(account, exchange.listings, dex).value for dex in account.raw_usd))
    body: Json = {
        "accountValueHistory": [[exchange.now, value]],
        "pnlHistory": [[exchange.now, "0.0"]],
        "vlm": usd(account.volume),
    }
    periods = ("day", "week", "month", "allTime", "perpDay", "perpWeek", "perpMonth", "perpAllTime")
    return [[period, body] for period in periods]


USER: Final = ("user",)
ACCOUNT_ANSWERS: Final[Mapping[str, tuple[tuple[str, ...], Callable[[Exchange, Query], Json]]]] = {
    "clearinghouseState": (USER, _clearinghouse),
    "spotClearinghouseState": (USER, _spot),
    "openOrders": (USER, _open),
    "frontendOpenOrders": (USER, _frontend),
    "orderStatus": (("user", "oid"), _order_status),
    "historicalOrders": (USER, _historical),
    "userFills": (USER, _fills),
    "userFillsByTime": (("user", "start_time"), _fills_by_time),
    "userFunding": (USER, _user_funding),
    "activeAssetData": (("user", "coin"), _active_asset),
    "portfolio": (USER, _portfolio),
}
