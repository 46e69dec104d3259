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
    """One wanted order on the grid."""

    side: Side
    px: Px
    sz: Sz


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
    merged: dict[tuple[Side, Px], int] = {}
    for level in levels:
        if level.side is Side.BID:
            px = min(instrument.px_down(level.price), bid_cap)
        else:
            px = max(instrument.px_up(level.price), ask_floor)
        sz = instrument.sz_down(level.size)
        if px > 0 and sz > 0:
            merged[level.side, Px(px)] = merged.get((level.side, Px(px)), 0) + sz
    quotes = [Quote(side, px, Sz(sz)) for (side, px), sz in merged.items() if px * sz >= MIN_NOTIONAL]
    return tuple(sorted(quotes, key=lambda quote: (-quote.side, -quote.side * quote.px)))
