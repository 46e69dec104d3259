"""From allowed quotes and working orders to the cheapest plan: keep what pays, move what does not, pull the rest.

An order is kept while its distance from the wish stays in a band (units of 1/kappa, wider outward than inward) and its
size is near the wanted one. The room for new size counts everything that may still fill, so no prefix of the plan can
break the position limit. Source: theory section 5.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from hlmm.core.orders import Order, Status
from hlmm.core.quantize import Quote
from hlmm.types import BPS, NS_PER_MS, NS_PER_S, Ns, Side, Sz

if TYPE_CHECKING:
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
    held: tuple[Side, ...] = ()
    """Sides whose quotes wait for a newer book: the venue just refused one as crossing."""


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
    draft = _Draft(spend=terms.spendable)
    for side in (Side.BID, Side.ASK):
        if side in terms.held and any(quote.side is side for quote in allowed.quotes):
            continue
        _plan_side(draft, side, allowed, orders, terms)
    return Plan(tuple(draft.pulls), tuple(draft.moves), tuple(draft.adds))


class _Draft(msgspec.Struct):
    """A plan in the making, with what is left to spend, the side's room, and its wall."""

    spend: int
    room: int = 0
    wall: int = 0
    pulls: list[Order] = []
    moves: list[tuple[Order, Quote]] = []
    adds: list[Quote] = []

    def affords(self, quote: Quote) -> bool:
        """Whether one more order fits the budget, the room and the wall."""
        behind = quote.side * quote.px < quote.side * self.wall
        return self.spend > 0 and quote.sz <= self.room and behind

    def move(self, order: Order, quote: Quote, terms: Terms) -> None:
        """Replace an order, or pull it where the new one does not fit; one that just came is left alone."""
        if terms.ts - order.sent_ts < terms.requote_gap_ms * NS_PER_MS:
            return
        if self.affords(quote):
            self.moves.append((order, quote))
            self.take(quote)
        else:
            self.pulls.append(order)

    def take(self, quote: Quote) -> None:
        """Use up what a new order needs."""
        self.room -= quote.sz
        self.spend -= 1


def _plan_side(draft: _Draft, side: Side, allowed: Allowed, orders: tuple[Order, ...], terms: Terms) -> None:
    """One side: orders that no longer serve are moved to quotes that nothing serves, or pulled; the rest is added."""
    mine = sorted((o for o in orders if o.side is side), key=lambda o: (-side * o.px, o.cloid))
    wanted = [quote for quote in allowed.quotes if quote.side is side]
    stale, missing = _match(mine, wanted, terms.band)
    if not stale and not missing:
        return
    draft.wall = _own_wall(side, orders, draft)
    draft.room = allowed.limit_sz - side * terms.position - sum(order.resting_sz for order in mine)
    _resolve(draft, stale, missing, terms, is_wanted=bool(wanted))


def _resolve(draft: _Draft, stale: list[Order], missing: list[Quote], terms: Terms, *, is_wanted: bool) -> None:
    """Turn what does not match into moves, pulls and adds. Args: is_wanted, whether this side has any quote."""
    for order in stale:
        if not missing:
            if _may_cancel(order, terms) and (not is_wanted or order.status is Status.OPEN):
                draft.pulls.append(order)
        elif order.status is Status.OPEN:
            draft.move(order, missing.pop(0), terms)
        elif order.status is Status.SENT:
            missing.pop(0)  # it is moved there when its answer has come; a second order would only double it
    for quote in missing:
        if draft.affords(quote):
            draft.adds.append(quote)
            draft.take(quote)


def _match(mine: list[Order], wanted: list[Quote], band: Band) -> tuple[list[Order], list[Quote]]:
    """Pair orders that may stay with quotes. Returns: orders without a quote, quotes without an order."""
    missing = list(wanted)
    stale: list[Order] = []
    for order in mine:
        fit: Quote | None = None
        if order.status in (Status.OPEN, Status.SENT):
            for quote in missing:
                nearer = fit is None or abs(quote.px - order.px) < abs(fit.px - order.px)
                if nearer and _fits(order, quote, band):
                    fit = quote
        if fit is None:
            stale.append(order)
        else:
            missing.remove(fit)
    return stale, missing


def _fits(order: Order, quote: Quote, band: Band) -> bool:
    """Whether the order is near enough to the quote, in price and size, to be left alone."""
    per_px = BPS * order.side
    if per_px * (order.px - quote.wish_px) / quote.px > band.inner_bps:  # too near to the fair value
        return False
    if per_px * (quote.px - order.px) / quote.px > band.outer_bps:  # too far from it
        return False
    shortfall = quote.sz - order.resting_sz
    return abs(shortfall) <= band.size_tolerance_frac * quote.sz


def _own_wall(side: Side, orders: tuple[Order, ...], draft: _Draft) -> int:
    """The price a new order of this side must stay behind: our nearest order of the other side."""
    other = side.other
    prices = [int(order.px) for order in orders if order.side is other and order.is_live]
    prices += [int(quote.px) for quote in draft.adds if quote.side is other]
    prices += [int(quote.px) for _, quote in draft.moves if quote.side is other]
    if not prices:
        return side * FAR
    return min(prices) if other is Side.ASK else max(prices)


def _may_cancel(order: Order, terms: Terms) -> bool:
    """Whether a cancel is worth sending now: not already on its way, and not repeated within `recancel_s`."""
    if order.status in (Status.SENT, Status.OPEN):
        return terms.ts - order.refused_ts >= terms.recancel_s * NS_PER_S
    waited = terms.ts - order.cancel_ts >= terms.recancel_s * NS_PER_S
    return order.status in (Status.UNKNOWN, Status.CANCELING) and waited


FAR: Final = 1 << 62
"""Beyond every price: the wall where we have no order on the other side."""
