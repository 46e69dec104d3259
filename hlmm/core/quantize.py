"""From a wish in floats to quotes on the venue's grid: outward, never crossing, never below the minimum notional."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hlmm.types import MIN_NOTIONAL, Px, Side, Sz

if TYPE_CHECKING:
    from hlmm.types import Instrument


class WishLevel(msgspec.Struct, frozen=True, gc=False):
    """One wanted order in the model's numbers: price USD, size base units."""

    side: Side
    price: float
    size: float


class Quote(msgspec.Struct, frozen=True, gc=False):
    """One wanted order on the grid. `wish_px` is where it stood before rounding, in `Px` units, never outside `px`.

    An order is too near when it passes `wish_px`, too far when it falls behind `px`: the tick between them is slack,
    so a wish that hovers around a grid line costs no requests.
    """

    side: Side
    px: Px
    sz: Sz
    wish_px: float


def quantize(levels: tuple[WishLevel, ...], instrument: Instrument, bid_px: Px, ask_px: Px) -> tuple[Quote, ...]:
    """Round a ladder onto the grid.

    Args:
        levels: wanted orders, any order.   bid_px, ask_px: the book's touch, 0 < bid_px < ask_px.
    Returns: quotes, bids then asks, best first; equal prices merged; a bid is below the best ask, an ask above the
        best bid (stepped away, never through); levels under the venue's minimum notional are absent.
    Raises: nothing.
    """
    assert 0 < bid_px < ask_px, (bid_px, ask_px)
    bid_cap = instrument.on_grid_down(Px(ask_px - 1))
    ask_floor = instrument.on_grid_up(Px(bid_px + 1))
    scale = 1 / instrument.px_unit
    merged: dict[tuple[Side, Px], Quote] = {}
    for level in levels:
        wish_px = level.price * scale
        if level.side is Side.BID:
            px = min(instrument.px_down(level.price), bid_cap)
            wish_px = min(max(wish_px, px), bid_cap)
        else:
            px = max(instrument.px_up(level.price), ask_floor)
            wish_px = max(min(wish_px, px), ask_floor)
        sz = instrument.sz_down(level.size)
        if px > 0 and sz > 0:
            key = (level.side, Px(px))
            before = merged.get(key)
            merged[key] = Quote(*key, Sz(sz), wish_px) if before is None else Quote(*key, Sz(before.sz + sz), wish_px)
    quotes = [quote for quote in merged.values() if quote.px * quote.sz >= MIN_NOTIONAL]
    return tuple(sorted(quotes, key=lambda quote: (-quote.side, -quote.side * quote.px)))
