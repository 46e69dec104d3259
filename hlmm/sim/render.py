"""The venue's JSON for orders, fills, trades, books and contexts, shared by the info endpoint and the feeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from hlmm.sim.accounts import FundingRow, Order, Record
from hlmm.sim.fills import Fill
from hlmm.sim.market import BookLevel
from hlmm.sim.text import Json, decimal, mid_text, px_text, rate, sz_text, usd
from hlmm.sim.venue import Listing, Print
from hlmm.types import PX_FIGURES, Instrument, Px, Side, Sz

BOOK_LEVELS: Final = 20
FAST_LEVELS: Final = 5
SOURCE_LEVELS: Final = 2_000
FIGURES_MIN: Final = 2


def side_text(side: Side) -> str:
    """`B` for bids and buyers, `A` for asks and sellers."""
    return "B" if side is Side.BID else "A"


def order_json(instrument: Instrument, order: Order) -> dict[str, Json]:
    """An order as `openOrders` and `orderUpdates` show it; absent keys are absent."""
    body: dict[str, Json] = {
        "coin": order.coin,
        "side": side_text(order.side),
        "limitPx": px_text(instrument, order.px),
        "sz": sz_text(instrument, order.sz),
        "oid": order.oid,
        "timestamp": order.placed_ms,
        "origSz": sz_text(instrument, order.orig_sz),
    }
    if order.cloid is not None:
        body["cloid"] = order.cloid
    if order.reduce_only:
        body["reduceOnly"] = True
    return body


def frontend_json(instrument: Instrument, order: Order, children: Sequence[Order] = ()) -> dict[str, Json]:
    """An order with everything the front end shows. Args: children, that wait for its fill."""
    trigger = order.trigger
    condition, px = "N/A", "0.0"
    if trigger is not None:
        px = px_text(instrument, trigger.px)
        where = "above" if trigger.above else "below"
        condition = f"Price {where} {px.removesuffix('.0')}" if order.tif == "Trigger" else "Triggered"
    return {
        "coin": order.coin,
        "side": side_text(order.side),
        "limitPx": px_text(instrument, order.px),
        "sz": sz_text(instrument, order.sz),
        "oid": order.oid,
        "timestamp": order.placed_ms,
        "triggerCondition": condition,
        "isTrigger": trigger is not None,
        "triggerPx": px,
        "children": [frontend_json(instrument, child) for child in children],
        "isPositionTpsl": order.position_sized,
        "reduceOnly": order.reduce_only,
        "orderType": _order_type(order),
        "origSz": sz_text(instrument, order.orig_sz),
        "tif": None if trigger is not None else order.tif,
        "cloid": order.cloid,
    }


def _order_type(order: Order) -> str:
    if order.trigger is not None:
        base = "Take Profit" if order.trigger.kind == "tp" else "Stop"
        return f"{base} {'Market' if order.trigger.is_market else 'Limit'}"
    return "Market" if order.tif in {"FrontendMarket", "LiquidationMarket"} else "Limit"


def record_json(instrument: Instrument, record: Record) -> Json:
    """A status change as `historicalOrders` lists it."""
    order = dict(frontend_json(instrument, record.order))
    if record.status == "filled":
        order["sz"] = "0.0"
    return {"order": order, "status": record.status, "statusTimestamp": record.status_ms}


def update_json(instrument: Instrument, record: Record) -> Json:
    """A status change as `orderUpdates` pushes it."""
    order = order_json(instrument, record.order)
    return {"order": order, "status": record.status, "statusTimestamp": record.status_ms}


def fill_json(instrument: Instrument, fill: Fill) -> Json:
    """A fill, keys in the venue's order."""
    body: dict[str, Json] = {
        "coin": fill.coin,
        "px": px_text(instrument, fill.px),
        "sz": sz_text(instrument, fill.sz),
        "side": side_text(fill.side),
        "time": fill.time,
        "startPosition": sz_text(instrument, fill.start_position),
        "dir": fill.direction,
        "closedPnl": usd(fill.closed_pnl),
        "hash": fill.hash,
        "oid": fill.oid,
        "crossed": fill.crossed,
        "fee": usd(fill.fee),
        "tid": fill.tid,
    }
    if fill.cloid is not None:
        body["cloid"] = fill.cloid
    if fill.liquidation is not None:
        body["liquidation"] = {
            "liquidatedUser": fill.liquidation.user,
            "markPx": px_text(instrument, fill.liquidation.mark),
            "method": fill.liquidation.method,
        }
    body["feeToken"] = "USDC"
    if fill.builder_fee is not None:
        body["builderFee"] = usd(fill.builder_fee)
    body["twapId"] = None
    return body


def funding_json(instrument: Instrument, row: FundingRow) -> dict[str, Json]:
    """A funding settlement as the feeds show it."""
    return {
        "time": row.time,
        "coin": row.coin,
        "usdc": usd(row.usdc),
        "szi": sz_text(instrument, row.szi),
        "fundingRate": row.rate,
        "nSamples": None,
    }


def print_json(instrument: Instrument, trade: Print) -> Json:
    """A public trade, keys in the venue's order."""
    return {
        "coin": trade.coin,
        "side": side_text(trade.side),
        "px": px_text(instrument, trade.px),
        "sz": sz_text(instrument, trade.sz),
        "time": trade.time,
        "hash": trade.hash,
        "tid": trade.tid,
        "users": trade.users,
    }


def bbo_json(listing: Listing, time: int) -> Json:
    """Best bid and ask as `bbo` pushes them."""
    instrument = listing.instrument
    sides: list[Json] = [
        None if s is None else {"px": px_text(instrument, s[0]), "sz": sz_text(instrument, s[1]), "n": s[2]}
        for s in listing.bbo()
    ]
    return {"coin": listing.coin, "time": time, "bbo": sides}


def book_json(listing: Listing, time: int, figures: int | None = None, mantissa: int | None = None) -> dict[str, Json]:
    """A book of 20 levels, aggregated to `figures` significant figures (2 to 5) when asked."""
    market, instrument = listing.market, listing.instrument
    depth = BOOK_LEVELS if figures is None else SOURCE_LEVELS
    bids, asks = market.bids(depth), market.asks(depth)
    if figures is None:
        return book_body(instrument, time, (bids, asks))
    grouped = (_grouped(bids, Side.BID, figures, mantissa or 1), _grouped(asks, Side.ASK, figures, mantissa or 1))
    body = book_body(instrument, time, grouped)
    if bids and asks:
        body["spread"] = px_text(instrument, Px(asks[0].px - bids[0].px))
    return body


def book_body(
    instrument: Instrument, time: int, sides: tuple[Sequence[BookLevel], Sequence[BookLevel]]
) -> dict[str, Json]:
    """A book from its levels, best first."""
    levels: list[Json] = [
        [{"px": px_text(instrument, x.px), "sz": sz_text(instrument, x.sz), "n": x.count} for x in side]
        for side in sides
    ]
    return {"coin": instrument.coin, "time": time, "levels": levels}


def _grouped(levels: Iterable[BookLevel], side: Side, figures: int, mantissa: int) -> list[BookLevel]:
    """Levels summed into buckets of `figures` significant figures times `mantissa`; bids round down, asks up."""
    buckets: dict[int, tuple[int, int]] = {}
    for level in levels:
        width = 10 ** max(0, len(str(level.px)) - figures) * mantissa
        key = level.px - level.px % width if side is Side.BID else level.px + -level.px % width
        if key not in buckets and len(buckets) == BOOK_LEVELS:
            break
        sz, count = buckets.get(key, (0, 0))
        buckets[key] = (sz + level.sz, count + level.count)
    return [BookLevel(Px(px), Sz(sz), count) for px, (sz, count) in buckets.items()]


def context_json(listing: Listing, open_interest: int) -> Json:
    """A coin's context. Args: open_interest, long side of all parties (Sz)."""
    instrument, marks = listing.instrument, listing.marks
    notional, base = listing.day_volume()
    bid, ask = listing.bbo()
    return {
        "funding": rate(marks.funding),
        "openInterest": decimal(open_interest, instrument.sz_decimals),
        "prevDayPx": px_text(instrument, listing.prev_day_px),
        "dayNtlVlm": usd(notional),
        "premium": None if marks.premium is None else rate(marks.premium),
        "oraclePx": px_text(instrument, marks.oracle),
        "markPx": px_text(instrument, marks.mark),
        "midPx": mid_text(instrument, bid[0], ask[0]) if bid and ask else None,
        "impactPxs": None if marks.impact is None else [px_text(instrument, px) for px in marks.impact],
        "dayBaseVlm": decimal(base, instrument.sz_decimals),
    }


def mid_or_last(listing: Listing) -> str:
    """Mid price text; the last trade (or the oracle) when a side is empty."""
    bid, ask = listing.bbo()
    if bid and ask:
        return mid_text(listing.instrument, bid[0], ask[0])
    last = listing.market.last_px()
    return px_text(listing.instrument, last if last is not None else listing.marks.oracle)


def valid_figures(figures: int | None, mantissa: int | None) -> bool:
    """Whether the venue serves this aggregation: 2 to 5 figures; mantissa 2 or 5 with 5 figures only."""
    if figures is None:
        return mantissa is None
    return FIGURES_MIN <= figures <= PX_FIGURES and (mantissa is None or (figures == PX_FIGURES and mantissa in {2, 5}))
