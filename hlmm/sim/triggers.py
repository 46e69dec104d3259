"""Trigger orders: when they fire and what they become. Source: protocol.md §8.3, §11.

A trigger waits off the book until the mark reaches it, then it becomes a market order (its limit the worst price) or a
limit order. No margin is reserved before that.
"""

from __future__ import annotations

from hlmm.sim.accounts import Account, Order, Trigger
from hlmm.sim.clearing import free_margin, initial_margin, margining, opening_sz
from hlmm.sim.desk import Desk
from hlmm.sim.venue import Listing
from hlmm.types import Px, Sz


def fire_all(desk: Desk, listing: Listing) -> None:
    """Fire every waiting order of a coin whose trigger the mark has reached, the oldest first per account."""
    for account in desk.accounts:
        if account.waiting:
            for order in [o for o in account.waiting.values() if o.coin == listing.coin and not o.dormant]:
                if order.trigger is not None and reached(order.trigger, listing.marks.mark):
                    fire(desk, account, order)


def reached(trigger: Trigger, mark: Px) -> bool:
    """Whether a mark fires a trigger."""
    return mark >= trigger.px if trigger.above else mark <= trigger.px


def fire(desk: Desk, account: Account, order: Order) -> None:
    """Turn a waiting order into a live one; nothing when an earlier firing took it away."""
    if account.waiting.pop(order.oid, None) is None:
        return
    assert order.trigger is not None, order.oid
    order.tif = "Ioc" if order.trigger.is_market else "Gtc"
    desk.log.status(account, order, "triggered")
    refused = _refused(desk, account, order)
    if refused is not None:
        desk.log.status(account, order, refused)
        desk.log.forced_cancel(account, order)
        return
    desk.execute(account, order)


def _refused(desk: Desk, account: Account, order: Order) -> str | None:
    """Size a fired order. Returns: the status that ends it instead, or None."""
    held, listing = account.szi(order.coin), desk.listings[order.coin]
    if order.reduce_only:
        if held * order.side >= 0:
            return "reduceOnlyCanceled"
        order.sz = Sz(abs(held) if order.position_sized else min(order.sz, abs(held)))
        return None
    adding = opening_sz(account, order.coin, order.side, order.sz)
    needed = initial_margin(order.px * adding, margining(account, listing).leverage)
    short = needed > 0 and free_margin(account, desk.listings, listing.dex) < needed
    return "perpMarginRejected" if short else None
