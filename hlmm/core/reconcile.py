"""From allowed quotes and working orders to the cheapest plan: keep what pays, move what does not, pull the rest.

An order is kept while its distance from the wish stays in a band (units of 1/kappa, wider outward than inward) and its
size is near the wanted one. The room for new size counts everything that may still fill, so no prefix of the plan can
break the position limit. Source: theory section 5.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hlmm.core.orders import Order, Status
from hlmm.types import BPS, NS_PER_MS, NS_PER_S, Ns, Px, Side, Sz

if TYPE_CHECKING:
    from hlmm.core.quantize import Quote
    from hlmm.core.risk import Allowed


class Band(msgspec.Struct, frozen=True, gc=False):
    """How far an order may stand from its wish, bp: nearer to fair value by `inner`, farther by `outer`."""

    inner_bps: float
    outer_bps: float
    size_tolerance_frac: float


class Terms(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a plan is bound by: now, the band, orders that may be spent, and the two waits."""

    ts: Ns
    band: Band
    spendable: int
    position: Sz
    requote_gap_ms: int
    recancel_s: float


class Plan(msgspec.Struct, frozen=True, gc=False):
    """What to send: cancels, then moves (order -> quote), then new quotes."""

    pulls: tuple[Order, ...] = ()
    moves: tuple[tuple[Order, Quote], ...] = ()
    adds: tuple[Quote, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to send."""
        return not (self.pulls or self.moves or self.adds)


def reconcile(allowed: Allowed, orders: tuple[Order, ...], terms: Terms) -> Plan:
    """The plan that takes the working orders to the allowed quotes.

    Args: orders, every working order of this coin.   terms, see `Terms`.
    Returns: the plan; applying it and reconciling again gives an empty one.
    """
    if not allowed.quotes:
        return Plan(pulls=tuple(order for order in orders if _may_cancel(order, terms)))
    pulls: list[Order] = []
    moves: list[tuple[Order, Quote]] = []
    adds: list[Quote] = []
    spend = terms.spendable
    for side in (Side.BID, Side.ASK):
        mine = sorted((o for o in orders if o.side is side), key=lambda o: (-side * o.px, o.cloid))
        wanted = [quote for quote in allowed.quotes if quote.side is side]
        stale, missing = _match(mine, wanted, terms.band)
        room = allowed.limit_sz - side * terms.position - sum(order.resting_sz for order in mine)
        wall = _own_wall(side, orders, adds, moves)
        for order in stale:
            if order.status is not Status.OPEN:
                if not wanted and _may_cancel(order, terms):
                    pulls.append(order)
                continue
            quote = missing[0] if missing else None
            if quote is None:
                pulls.append(order)
            elif terms.ts - order.sent_ts < terms.requote_gap_ms * NS_PER_MS:
                missing.pop(0)
            elif spend > 0 and quote.sz <= room and side * quote.px < side * wall:
                moves.append((order, missing.pop(0)))
                room -= quote.sz
                spend -= 1
            else:
                pulls.append(order)
        for quote in missing:
            if spend > 0 and quote.sz <= room and side * quote.px < side * wall:
                adds.append(quote)
                room -= quote.sz
                spend -= 1
    return Plan(tuple(pulls), tuple(moves), tuple(adds))


def _match(mine: list[Order], wanted: list[Quote], band: Band) -> tuple[list[Order], list[Quote]]:
    """Pair orders that may stay with the quotes they serve. Returns: orders without a quote, quotes without an order."""
    missing = list(wanted)
    stale: list[Order] = []
    for order in mine:
        fit = None
        if order.status in (Status.OPEN, Status.SENT):
            fit = next((quote for quote in missing if _fits(order, quote, band)), None)
        if fit is None:
            stale.append(order)
        else:
            missing.remove(fit)
    return stale, missing


def _fits(order: Order, quote: Quote, band: Band) -> bool:
    """Whether the order is near enough to the quote, in price and size, to be left alone."""
    nearer_bps = BPS * order.side * (order.px - quote.px) / quote.px
    if not -band.outer_bps <= nearer_bps <= band.inner_bps:
        return False
    shortfall = quote.sz - order.resting_sz
    return abs(shortfall) <= band.size_tolerance_frac * quote.sz


def _own_wall(side: Side, orders: tuple[Order, ...], adds: list[Quote], moves: list[tuple[Order, Quote]]) -> Px:
    """The price a new order of this side must stay behind: our own nearest order of the other side, in plan or book."""
    other = side.other
    prices = [order.px for order in orders if order.side is other and order.is_live]
    prices += [quote.px for quote in adds if quote.side is other]
    prices += [quote.px for _, quote in moves if quote.side is other]
    if not prices:
        return Px(0) if side is Side.ASK else Px(_FAR)
    return min(prices) if other is Side.ASK else max(prices)


def _may_cancel(order: Order, terms: Terms) -> bool:
    """Whether a cancel is worth sending now: not already on its way, and not repeated within `recancel_s`."""
    if order.status in (Status.SENT, Status.OPEN):
        return True
    waited = terms.ts - order.cancel_ts >= terms.recancel_s * NS_PER_S
    return order.status in (Status.UNKNOWN, Status.CANCELING) and waited


_FAR = 1 << 62
