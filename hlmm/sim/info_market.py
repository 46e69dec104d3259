"""Info answers about markets: metadata, contexts, books, trades, candles, funding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from hlmm.sim.candles import HOUR, INTERVALS, candle_json
from hlmm.sim.entry import MARKET_NTL_MAX, market_ntl_max
from hlmm.sim.exchange import Exchange
from hlmm.sim.marks import RATE_E10
from hlmm.sim.query import NoAnswerError, Query
from hlmm.sim.render import book_json, context_json, mid_or_last, print_json, valid_figures
from hlmm.sim.text import Json, rate, usd
from hlmm.sim.tiers import TABLES, MarginTable, table
from hlmm.sim.venue import Listing
from hlmm.types import Coin, Ms

DEPLOYER: Final = "0x" + "5e" * 20
FEE_RECIPIENT: Final = "0x" + "fe" * 20
CANDLES_MAX: Final = 5_000
FUNDING_ROWS: Final = 500
RECENT: Final = 10
SPOT_META: Final[Json] = {
    "universe": [{"tokens": [1, 0], "name": "PURR/USDC", "index": 0, "isCanonical": True}],
    "tokens": [
        {
            "name": "USDC", "szDecimals": 8, "weiDecimals": 8, "index": 0,
            "tokenId": "0xeb62eee3685fc4c43992febcd9e75443", "isCanonical": True, "evmContract": None,
            "fullName": None, "deployerTradingFeeShare": "0.0",
        },
        {
            "name": "PURR", "szDecimals": 0, "weiDecimals": 5, "index": 1,
            "tokenId": "0xc4bf3f870c0e9465323c0b6ed28096c2", "isCanonical": True, "evmContract": None,
            "fullName": None, "deployerTradingFeeShare": "0.0",
        },
    ],
}  # fmt: skip
SPOT_CONTEXT: Final[Json] = {
    "prevDayPx": "0.2", "dayNtlVlm": "0.0", "markPx": "0.2", "midPx": None, "circulatingSupply": "600000000.0",
    "coin": "PURR/USDC", "totalSupply": "600000000.0", "dayBaseVlm": "0.0",
}  # fmt: skip


SPOT_PAIR: Final = "PURR/USDC"
"""Listed, so that clients find a spot market; nobody trades it here: its book stays empty."""


def dexes(exchange: Exchange) -> list[str]:
    """Names of the builder dexes, in `perpDexs` order."""
    return list(dict.fromkeys(x.dex for x in exchange.listings.values() if x.dex))


def meta(exchange: Exchange, query: Query) -> Json:
    """Universe of a dex."""
    return meta_of(query.listed(exchange))


def meta_of(listings: list[Listing]) -> Json:
    """`meta` of one dex. Margin tables below 50 are implicit: one tier of that leverage."""
    universe: list[Json] = []
    for listing in listings:
        perp = listing.instrument
        row: dict[str, Json] = {
            "szDecimals": perp.sz_decimals,
            "name": perp.coin,
            "maxLeverage": perp.max_leverage,
            "marginTableId": listing.terms.table.id,
        }
        if perp.only_isolated:
            row["onlyIsolated"] = True
        if listing.terms.margin_mode is not None:
            row["marginMode"] = listing.terms.margin_mode
        if listing.terms.growth:
            row["growthMode"] = "enabled"
            row["lastGrowthModeChangeTime"] = "1970-01-01T00:00:00"
        universe.append(row)
    tables: list[Json] = [[table_id, margin_table_json(found)] for table_id, found in TABLES.items()]
    return {"universe": universe, "marginTables": tables, "collateralToken": 0}


def margin_table_json(found: MarginTable) -> Json:
    """A margin table as `meta` and `marginTable` show it."""
    tiers: list[Json] = [{"lowerBound": usd(t.lower), "maxLeverage": t.max_leverage} for t in found.tiers]
    return {"description": found.description, "marginTiers": tiers}


def context(exchange: Exchange, listing: Listing) -> Json:
    """Context of one coin."""
    return context_json(listing, exchange.desk.entry.open_interest(listing))


def _meta_and_contexts(exchange: Exchange, query: Query) -> Json:
    listings = query.listed(exchange)
    return [meta_of(listings), [context(exchange, listing) for listing in listings]]


def _all_metas(exchange: Exchange, query: Query) -> Json:
    del query
    listings = exchange.listings.values()
    return [meta_of([x for x in listings if x.dex == dex]) for dex in ("", *dexes(exchange))]


def _perp_dexs(exchange: Exchange, query: Query) -> Json:
    del query
    rows: list[Json] = [None]
    rows.extend(
        {
            "name": dex,
            "fullName": f"{dex} sandbox dex",
            "deployer": DEPLOYER,
            "oracleUpdater": None,
            "feeRecipient": FEE_RECIPIENT,
            "assetToStreamingOiCap": [],
            "subDeployers": [],
            "deployerFeeScale": rate(exchange.config.builder_dexes.fee_scale),
            "lastDeployerFeeScaleChangeTime": "1970-01-01T00:00:00",
            "assetToFundingMultiplier": [],
            "assetToFundingInterestRate": [],
        }
        for dex in dexes(exchange)
    )
    return rows


def _spot_meta(exchange: Exchange, query: Query) -> Json:
    del exchange, query
    return SPOT_META


def _spot_meta_and_contexts(exchange: Exchange, query: Query) -> Json:
    del exchange, query
    return [SPOT_META, [SPOT_CONTEXT]]


def all_mids(exchange: Exchange, query: Query) -> Json:
    """Mid of every coin of a dex."""
    return {listing.coin: mid_or_last(listing) for listing in query.listed(exchange)}


def _book(exchange: Exchange, query: Query) -> Json:
    if not valid_figures(query.n_sig_figs, query.mantissa):
        raise NoAnswerError
    if query.coin == SPOT_PAIR:
        return empty_book(exchange)
    listing = exchange.listings.get(Coin(query.coin or ""))
    return None if listing is None else book_json(listing, exchange.now, query.n_sig_figs, query.mantissa)


def empty_book(exchange: Exchange) -> Json:
    """The book of the spot pair."""
    return {"coin": SPOT_PAIR, "time": exchange.now, "levels": [[], []]}


def _recent_trades(exchange: Exchange, query: Query) -> Json:
    if query.coin == SPOT_PAIR:
        return []
    listing = exchange.listings.get(Coin(query.coin or ""))
    if listing is None:
        raise NoAnswerError
    return [print_json(listing.instrument, x) for x in list(reversed(listing.recent))[:RECENT]]


def _candles(exchange: Exchange, query: Query) -> Json:
    req = query.req
    if req is not None and req.coin == SPOT_PAIR and req.interval in INTERVALS:
        return []
    listing = exchange.listings.get(Coin(req.coin)) if req is not None else None
    if req is None or listing is None or req.interval not in INTERVALS:
        raise NoAnswerError
    span = INTERVALS[req.interval]
    last = req.end_time if req.end_time is not None else exchange.now
    found = listing.candles.between(span, Ms(req.start_time - span + 1), Ms(last))
    return [candle_json(listing.instrument, c, req.interval) for c in found[-CANDLES_MAX:]]


def _funding_history(exchange: Exchange, query: Query) -> Json:
    listing = exchange.listings.get(Coin(query.coin or ""))
    if listing is None:
        raise NoAnswerError
    rows = [p for p in listing.fundings if query.within(p.time)]
    return [
        {
            "coin": listing.coin,
            "fundingRate": rate(p.rate_e10 / RATE_E10),
            "premium": rate(p.premium),
            "time": p.time,
        }
        for p in rows[:FUNDING_ROWS]
    ]


def _predicted(exchange: Exchange, query: Query) -> Json:
    del query
    settled = exchange.now - exchange.now % HOUR
    return [
        [x.coin, [["HlPerp", {"fundingRate": rate(x.marks.funding), "nextFundingTime": settled}]]]
        for x in exchange.listings.values()
        if not x.dex
    ]


def _status(exchange: Exchange, query: Query) -> Json:
    del query
    return {"specialStatuses": None, "time": exchange.now}


def _margin_table(exchange: Exchange, query: Query) -> Json:
    del exchange
    return margin_table_json(table(max(1, query.id or 1)))


def _capped(exchange: Exchange, query: Query) -> Json:
    return [x.coin for x in query.listed(exchange) if exchange.desk.entry.at_cap(x)]


def _market_ntls(exchange: Exchange, query: Query) -> Json:
    del exchange, query
    return [[leverage, usd(market_ntl_max(leverage))] for leverage, _ in MARKET_NTL_MAX if leverage]


MARKET_ANSWERS: Final[Mapping[str, tuple[tuple[str, ...], Callable[[Exchange, Query], Json]]]] = {
    "meta": ((), meta),
    "metaAndAssetCtxs": ((), _meta_and_contexts),
    "allPerpMetas": ((), _all_metas),
    "perpDexs": ((), _perp_dexs),
    "perpsAtOpenInterestCap": ((), _capped),
    "maxMarketOrderNtls": ((), _market_ntls),
    "spotMeta": ((), _spot_meta),
    "spotMetaAndAssetCtxs": ((), _spot_meta_and_contexts),
    "allMids": ((), all_mids),
    "l2Book": (("coin",), _book),
    "recentTrades": (("coin",), _recent_trades),
    "candleSnapshot": (("req",), _candles),
    "fundingHistory": (("coin", "start_time"), _funding_history),
    "predictedFundings": ((), _predicted),
    "exchangeStatus": ((), _status),
    "marginTable": (("id",), _margin_table),
}
