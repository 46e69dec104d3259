"""What an order must satisfy, in the order the venue checks it, with the venue's own texts.

A `StaticError` refuses the whole batch and leaves no record; a `Refusal` refuses one order and carries the status word
that its record gets. Source: recorded answers of the live venue; wording marked [?] is not confirmed by a recording.
"""

from __future__ import annotations

from typing import Final

import msgspec

from hlmm.sim.actions import WIRE_DECIMALS, OrderWire
from hlmm.sim.venue import Listing
from hlmm.types import MIN_NOTIONAL, PX_FIGURES, Px, Side, Sz, decimal_units

BAND_NUMERATOR, BAND_DENOMINATOR = 95, 100
BATCH_MAX: Final = 200

EMPTY_BATCH: Final = "Orders are empty."
OVERWEIGHT: Final = f"Signed action over weight limit of {BATCH_MAX}."
INVALID_SIZE: Final = "Order has invalid size."
ZERO_SIZE: Final = "Order has zero size."
INVALID_PRICE: Final = "Order has invalid price."
INVALID_ASSET: Final = "Order has invalid asset."
PRICE_BAND: Final = "Order price cannot be more than 95% away from the reference price"
DUPLICATE_CLOID: Final = "Order has duplicate cloid"
TICK: Final = "Price must be divisible by tick size."
MIN_VALUE: Final = "Order must have minimum value of $10."
MARGIN: Final = "Insufficient margin to place order."
REDUCE_ONLY: Final = "Reduce only order would increase position."
NO_MATCH: Final = "Order could not immediately match against any resting orders."
NO_LIQUIDITY: Final = "No liquidity available for market order."
POST_ONLY_WINDOW: Final = "Only post-only orders allowed immediately after network upgrade"
CAPPED: Final = "Order would increase open interest while open interest is capped"
TOO_AGGRESSIVE: Final = "Order rejected due to price more aggressive than oracle while at open interest cap"
TIER: Final = "Order would cause position to exceed margin tier limit at current leverage."
MAX_VALUE: Final = "Order exceeds maximum order value."
POSITION_TPSL: Final = "Position TP/SL orders must be reduce-only."
POST_ONLY: Final = "Post only order would have immediately matched, bbo was "
BAD_TRIGGER: Final = "Invalid TP/SL price."
TOO_MANY: Final = "Too many open orders"
FAST_TRIGGER: Final = "Fast cancels are not allowed for trigger orders."
MISSING: Final = "Order was never placed, already canceled, or filled."
MISSING_MODIFY: Final = "Cannot modify canceled or filled order"
INVALID_MODIFY: Final = "Attempted to modify to invalid new order"


class StaticError(Exception):
    """The whole batch is refused with this text; nothing was executed, nothing recorded."""


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """One order is refused: text (asset suffix included) and the status word of its record; None leaves no record."""

    text: str
    status: str | None


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """An order that passed the static rules, on the coin's grid of units (its tick not yet checked)."""

    wire: OrderWire
    listing: Listing
    side: Side
    px: Px
    sz: Sz
    tif: str
    on_tick: bool
    trigger_px: Px | None = None


def refusal(text: str, asset: int, status: str) -> Refusal:
    """A refusal whose text names the asset as the venue does."""
    return Refusal(f"{text} asset={asset}", status)


def draft(wire: OrderWire, listing: Listing | None) -> Draft:
    """Apply the static rules. Args: wire, canonical; listing, of its asset or None. Raises: StaticError."""
    if listing is None:
        raise StaticError(INVALID_ASSET)
    instrument = listing.instrument
    try:
        sz = Sz(decimal_units(wire.s, instrument.sz_decimals))
    except ValueError:
        raise StaticError(INVALID_SIZE) from None
    if sz == 0:
        raise StaticError(ZERO_SIZE)
    px, on_tick = _price(wire.p, instrument.px_decimals)
    if on_tick:
        exact, reference = int(px), int(listing.marks.mark)
    else:
        exact = decimal_units(wire.p, WIRE_DECIMALS)
        reference = listing.marks.mark * 10 ** (WIRE_DECIMALS - instrument.px_decimals)
    if exact <= 0:
        raise StaticError(INVALID_PRICE)
    if abs(exact - reference) * BAND_DENOMINATOR > reference * BAND_NUMERATOR:
        raise StaticError(PRICE_BAND)
    trigger_px = None
    if wire.t.trigger is not None:
        trigger_px, trigger_on_tick = _price(wire.t.trigger.triggerPx, instrument.px_decimals)
        on_tick = on_tick and trigger_on_tick
    tif = wire.t.limit.tif if wire.t.limit is not None else "Trigger"
    side = Side.BID if wire.b else Side.ASK
    return Draft(wire=wire, listing=listing, side=side, px=px, sz=sz, tif=tif, on_tick=on_tick, trigger_px=trigger_px)


def _price(text: str, decimals: int) -> tuple[Px, bool]:
    """Price units (cut when the text is finer) and whether the price is on the grid."""
    whole, _, fraction = text.partition(".")
    if len(fraction) > decimals:
        return Px(decimal_units(f"{whole}.{fraction[:decimals]}" if decimals else whole, decimals)), False
    figures = (whole + fraction).lstrip("0").rstrip("0")
    return Px(decimal_units(text, decimals)), not fraction or len(figures) <= PX_FIGURES


def form_refusal(order: Draft, position: Sz) -> Refusal | None:
    """Tick, reduce-only and minimum value. Args: order; position, signed size now. Returns: None when all hold."""
    asset = order.wire.a
    if not order.on_tick:
        return refusal(TICK, asset, "tickRejected")
    if order.wire.r and position * int(order.side) >= 0:
        return refusal(REDUCE_ONLY, asset, "reduceOnlyRejected")
    closes_all = order.wire.r and order.sz >= abs(position)
    if order.px * order.sz < MIN_NOTIONAL and not closes_all:
        return refusal(MIN_VALUE, asset, "minTradeNtlRejected")
    return None


def trigger_refusal(order: Draft) -> Refusal | None:
    """A trigger must lie beyond the mark on the side it waits for, and a market trigger's worst price beyond it."""
    kind, px = order.wire.t.trigger, order.trigger_px
    assert kind is not None, order.wire
    assert px is not None, order.wire
    mark = order.listing.marks.mark
    fired = mark >= px if fires_above(kind.tpsl, buy=order.wire.b) else mark <= px
    unreachable = kind.tpsl == "sl" and (order.px - px) * int(order.side) < 0
    return refusal(BAD_TRIGGER, order.wire.a, "badTriggerPxRejected") if fired or unreachable else None


def fires_above(tpsl: str, *, buy: bool) -> bool:
    """Whether a trigger waits for the mark to rise to it: sell TP and buy SL do."""
    return (tpsl == "tp") != buy


def crosses(order: Draft) -> bool:
    """Whether the order would match at once."""
    best = order.listing.market.best(order.side.other)
    return best is not None and (order.px - best) * order.side >= 0
