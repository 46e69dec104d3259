"""Info answers about one account: state, orders, fills, funding, fees, limits, role."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from hlmm.sim.accounts import HISTORY, Account, Fill, Record
from hlmm.sim.admission import day_of
from hlmm.sim.clearing import Summary, initial_margin, liquidation_px, margining, position_margin, summary
from hlmm.sim.exchange import Exchange
from hlmm.sim.fees import TIERS, FeeRates
from hlmm.sim.query import NoAnswerError, Query
from hlmm.sim.render import fill_json, frontend_json, funding_json, order_json, record_json
from hlmm.sim.text import ZERO_HASH, Json, decimal, px_text, rate, sz_text, usd
from hlmm.sim.venue import Listing, dex_of
from hlmm.types import Coin, MicroUsd, Oid, Sz

RATE_DECIMALS: Final = 8
VOLUME_DAYS: Final = 15
CENTS: Final = 10_000
EPOCH: Final = dt.date(1970, 1, 1).toordinal()
VIP_CUTOFFS: Final = ("5000000.0", "25000000.0", "100000000.0", "500000000.0", "2000000000.0", "7000000000.0")
SPOT_RATES: Final = (
    ("0.0006", "0.0003"), ("0.0005", "0.0002"), ("0.0004", "0.0001"), ("0.00035", "0.0"), ("0.0003", "0.0"),
    ("0.00025", "0.0"),
)  # fmt: skip
MAKER_CUTOFFS: Final = ("0.005", "0.015", "0.03")
STAKING: Final = (
    ("0.0", "0.0"), ("0.0001", "0.05"), ("0.001", "0.1"), ("0.01", "0.15"), ("0.1", "0.2"), ("1.0", "0.3"),
    ("5.0", "0.4"),
)  # fmt: skip
NO_STAKE: Final[Json] = {"bpsOfMaxSupply": "0.0", "discount": "0.0"}


def account_state(exchange: Exchange, account: Account, dex: str) -> Json:
    """`clearinghouseState` of an account on one dex."""
    money = summary(account, exchange.listings, dex)
    positions: list[Json] = [
        {"type": "oneWay", "position": _position(account, exchange.listings[coin], money)}
        for coin, held in account.positions.items()
        if held.szi and dex_of(coin) == dex
    ]
    return {
        "marginSummary": _margins(money.value, money.notional, money.raw, money.margin_used),
        "crossMarginSummary": _margins(
            money.cross_value, money.cross_notional, money.cross_raw, money.cross_margin_used
        ),
        "crossMaintenanceMarginUsed": usd(money.maintenance),
        "withdrawable": usd(money.withdrawable),
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


def spot_state(account: Account) -> Json:
    """`spotClearinghouseState`: USDC only."""
    if account.index < 0:
        return {"balances": []}
    total = usd(account.spot_usd)
    return {"balances": [{"coin": "USDC", "token": 0, "total": total, "hold": "0.0", "entryNtl": "0.0"}]}


def _spot(exchange: Exchange, query: Query) -> Json:
    return spot_state(query.account(exchange))


def open_orders(exchange: Exchange, account: Account, dex: str, *, frontend: bool) -> Json:
    """Open orders and waiting triggers on a dex, newest first."""
    render = frontend_json if frontend else order_json
    live = [o for o in (*account.open.values(), *account.waiting.values()) if dex_of(o.coin) == dex]
    live.sort(key=lambda order: -order.oid)
    return [render(exchange.listings[o.coin].instrument, o) for o in live]


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


def _ledger(exchange: Exchange, query: Query) -> Json:
    account = query.account(exchange)
    if not account.deposited:
        return []
    return [{"time": 0, "hash": ZERO_HASH, "delta": {"type": "deposit", "usdc": usd(account.deposited)}}]


def _fraction(rate_e8: int) -> str:
    return decimal(rate_e8, RATE_DECIMALS)


def _schedule(rates: Mapping[str, FeeRates]) -> Json:
    vip: list[Json] = [
        {
            "ntlCutoff": cutoff,
            "cross": _fraction(rates[f"tier{n}"].taker_e8),
            "add": _fraction(rates[f"tier{n}"].maker_e8),
            "spotCross": SPOT_RATES[n - 1][0],
            "spotAdd": SPOT_RATES[n - 1][1],
        }
        for n, cutoff in enumerate(VIP_CUTOFFS, 1)
    ]
    makers: list[Json] = [
        {"makerFractionCutoff": cutoff, "add": _fraction(rates[f"maker-rebate-{n}"].maker_e8)}
        for n, cutoff in enumerate(MAKER_CUTOFFS, 1)
    ]
    return {
        "cross": _fraction(rates["tier0"].taker_e8),
        "add": _fraction(rates["tier0"].maker_e8),
        "spotCross": "0.0007",
        "spotAdd": "0.0004",
        "tiers": {"vip": vip, "mm": makers},
        "referralDiscount": "0.04",
        "stakingDiscountTiers": [{"bpsOfMaxSupply": a, "discount": b} for a, b in STAKING],
    }


def _fees(exchange: Exchange, query: Query) -> Json:
    account, today = query.account(exchange), day_of(exchange.now)
    days: list[Json] = []
    for day in range(today - VOLUME_DAYS + 1, today + 1):
        taker, maker = account.day_volume.get(day, (0, 0))
        date = dt.date.fromordinal(EPOCH + day).isoformat()
        days.append({"date": date, "userCross": usd(taker), "userAdd": usd(maker), "exchange": usd(taker + maker)})
    rates = exchange.desk.rates if account.index >= 0 else TIERS["tier0"]
    return {
        "dailyUserVlm": days,
        "feeSchedule": _schedule(TIERS),
        "userCrossRate": _fraction(rates.taker_e8),
        "userAddRate": _fraction(rates.maker_e8),
        "userSpotCrossRate": "0.0007",
        "userSpotAddRate": "0.0004",
        "activeReferralDiscount": "0.0",
        "trial": None,
        "feeTrialEscrow": "0.0",
        "nextTrialAvailableTimestamp": None,
        "stakingLink": None,
        "activeStakingDiscount": NO_STAKE,
    }


def _rate_limit(exchange: Exchange, query: Query) -> Json:
    account = query.account(exchange)
    return {
        "cumVlm": decimal(account.volume // CENTS, 2),
        "nRequestsUsed": account.requests,
        "nRequestsCap": exchange.budget.cap(account),
        "nRequestsSurplus": 0,
    }


def _role(exchange: Exchange, query: Query) -> Json:
    if exchange.registry.account(query.address) is not None:
        return {"role": "user"}
    master = exchange.registry.master_of(query.address, exchange.now)
    return {"role": "missing"} if master is None else {"role": "agent", "data": {"user": master.address}}


def _agents(exchange: Exchange, query: Query) -> Json:
    agents = query.account(exchange).agents.values()
    return [{"name": a.name, "address": a.address, "validUntil": a.valid_until} for a in agents if a.name]


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


def _builder_fee(exchange: Exchange, query: Query) -> Json:
    return query.account(exchange).builders.get((query.builder or "").lower(), 0)


def _builders(exchange: Exchange, query: Query) -> Json:
    return list(query.account(exchange).builders)


def _referral(exchange: Exchange, query: Query) -> Json:
    return {
        "referredBy": None,
        "cumVlm": decimal(query.account(exchange).volume // CENTS, 2),
        "unclaimedRewards": "0.0",
        "claimedRewards": "0.0",
        "builderRewards": "0.0",
        "referrerState": {"stage": "needToTrade", "data": {"required": "10000.0"}},
        "rewardHistory": [],
        "tokenToState": [],
    }


def _portfolio(exchange: Exchange, query: Query) -> Json:
    account = query.account(exchange)
    value = usd(sum(summary(account, exchange.listings, dex).value for dex in account.raw_usd))
    body: Json = {
        "accountValueHistory": [[exchange.now, value]],
        "pnlHistory": [[exchange.now, "0.0"]],
        "vlm": usd(account.volume),
    }
    periods = ("day", "week", "month", "allTime", "perpDay", "perpWeek", "perpMonth", "perpAllTime")
    return [[period, body] for period in periods]


def _constant(value: Json) -> Callable[[Exchange, Query], Json]:
    def answer(exchange: Exchange, query: Query) -> Json:
        del exchange, query
        return value

    return answer


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
    "userNonFundingLedgerUpdates": (USER, _ledger),
    "userFees": (USER, _fees),
    "userRateLimit": (USER, _rate_limit),
    "userRole": (USER, _role),
    "extraAgents": (USER, _agents),
    "activeAssetData": (("user", "coin"), _active_asset),
    "maxBuilderFee": (("user", "builder"), _builder_fee),
    "approvedBuilders": (USER, _builders),
    "referral": (USER, _referral),
    "portfolio": (USER, _portfolio),
    "subAccounts": (USER, _constant(None)),
    "subAccounts2": (USER, _constant(None)),
    "userAbstraction": (USER, _constant("default")),
    "userDexAbstraction": (USER, _constant(None)),
    "userVaultEquities": (USER, _constant([])),
    "delegations": (USER, _constant([])),
    "twapHistory": (USER, _constant([])),
    "userTwapSliceFills": (USER, _constant([])),
    "userToMultiSigSigners": (USER, _constant(None)),
    "isVip": (USER, _constant(None)),
    "legalCheck": (USER, _constant({"ipAllowed": True, "acceptedTerms": True, "userAllowed": True})),
}
