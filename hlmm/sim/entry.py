"""The business rules of a new order: what an account may place on a listing now. The first broken rule answers.

Order of checks: post-only window, crossing of market orders, form (`sim.rules`), number of orders, triggers, order
value, open-interest cap, margin tier, margin, post-only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from hlmm.sim import rules
from hlmm.sim.accounts import Account
from hlmm.sim.clearing import free_margin, initial_margin, margining, opening_sz
from hlmm.sim.rules import Draft, Refusal, refusal
from hlmm.sim.text import px_text
from hlmm.sim.venue import House, Listing
from hlmm.types import MICRO, Coin, Ms, Side

MARKET_TIFS: Final = ("Ioc", "FrontendMarket", "LiquidationMarket")
OPEN_ORDERS_MAX: Final = 5_000
USD_PER_OPEN_ORDER: Final = 5_000_000
CAPPED_BAND: Final = 100
"""At an open-interest cap no order may stand further from the oracle than one part in this many."""

MARKET_NTL_MAX: Final[tuple[tuple[int, int], ...]] = ((25, 30_000_000), (20, 5_000_000), (10, 2_000_000), (0, 500_000))
"""Largest market order (USD) from a maximum leverage on; a limit order may be ten times that."""
LIMIT_FACTOR: Final = 10


def market_ntl_max(max_leverage: int) -> int:
    """Largest value of a market order, micro-USD."""
    return next(usd for floor, usd in MARKET_NTL_MAX if max_leverage >= floor) * MICRO


class EntryRules:
    """Admission of orders to every listing."""

    def __init__(self, listings: Mapping[Coin, Listing], accounts: Sequence[Account], house: House) -> None:
        """Judge orders on `listings`; `accounts` may grow."""
        self._listings = listings
        self._accounts = accounts
        self._house = house
        self.open_limit = 1_000
        self.post_only_until = Ms(0)
        self.forced: Callable[[Account, Draft], Refusal | None] | None = None
        """Asked before every rule: what a fault plan refuses."""

    def refusal(self, account: Account, draft: Draft, now: Ms) -> Refusal | None:
        """The first rule that a statically valid order breaks; None when it may go to the book."""
        forced = None if self.forced is None else self.forced(account, draft)
        if forced is not None:
            return forced
        if draft.tif != "Alo" and now < self.post_only_until:
            return Refusal(rules.POST_ONLY_WINDOW, None)
        crossing = draft.tif != "Trigger" and rules.crosses(draft)
        return self._form(account, draft, crossing=crossing) or self._money(account, draft, crossing=crossing)

    def _form(self, account: Account, draft: Draft, *, crossing: bool) -> Refusal | None:
        asset, trigger = draft.wire.a, draft.wire.t.trigger is not None
        if draft.tif in MARKET_TIFS and draft.on_tick and not crossing:
            return no_match(draft)
        formed = rules.form_refusal(draft, account.szi(draft.listing.coin))
        if formed is not None and not (trigger and formed.status == "reduceOnlyRejected"):
            return formed
        if self._too_many(account, draft):
            return refusal(rules.TOO_MANY, asset, "tooManyOpenOrdersRejected")
        return rules.trigger_refusal(draft) if trigger else None

    def _too_many(self, account: Account, draft: Draft) -> bool:
        """Whether the account's open orders are used up; reduce-only and trigger orders have the base limit only."""
        live = len(account.open) + len(account.waiting)
        if live < self.open_limit:
            return False
        earned = self.open_limit + account.volume // (USD_PER_OPEN_ORDER * MICRO)
        plain = not draft.wire.r and draft.wire.t.trigger is None
        return not plain or live >= min(OPEN_ORDERS_MAX, earned)

    def _money(self, account: Account, draft: Draft, *, crossing: bool) -> Refusal | None:
        asset, listing = draft.wire.a, draft.listing
        if draft.wire.t.trigger is not None:
            return None
        most = market_ntl_max(listing.instrument.max_leverage) * (1 if draft.tif in MARKET_TIFS else LIMIT_FACTOR)
        if draft.px * draft.sz > most:
            return refusal(rules.MAX_VALUE, asset, "rejected")
        if not draft.wire.r:
            refused = self._capped(account, draft) or self._unaffordable(account, draft)
            if refused is not None:
                return refused
        if draft.tif == "Alo" and crossing:
            return refusal(rules.POST_ONLY + bbo_text(listing), asset, "badAloPxRejected")
        return None

    def _unaffordable(self, account: Account, draft: Draft) -> Refusal | None:
        listing = draft.listing
        adding = opening_sz(account, listing.coin, draft.side, draft.sz)
        if adding == 0:
            return None
        setting = margining(account, listing)
        after = abs(account.szi(listing.coin) + int(draft.side) * draft.sz) * draft.px
        if setting.leverage > listing.terms.table.leverage_at(after):
            return refusal(rules.TIER, draft.wire.a, "perpMaxPositionRejected")
        needed = initial_margin(draft.px * adding, setting.leverage)
        if free_margin(account, self._listings, listing.dex) < needed:
            return refusal(rules.MARGIN, draft.wire.a, "perpMarginRejected")
        return None

    # ---- open interest ----

    def open_interest(self, listing: Listing) -> int:
        """Long side of the coin over all accounts and the background (Sz)."""
        longs = sum(max(0, account.szi(listing.coin)) for account in self._accounts)
        return longs + max(0, self._house.background.get(listing.coin, 0))

    def at_cap(self, listing: Listing) -> bool:
        """Whether the coin's open interest has reached its cap."""
        cap = listing.terms.open_interest_cap_usd
        return cap is not None and self.open_interest(listing) * listing.marks.mark >= cap * MICRO

    def _capped(self, account: Account, draft: Draft) -> Refusal | None:
        listing, asset = draft.listing, draft.wire.a
        if listing.terms.open_interest_cap_usd is None or not self.at_cap(listing):
            return None
        held, signed = account.szi(listing.coin), int(draft.side) * draft.sz
        if held * signed >= 0:
            return refusal(rules.CAPPED, asset, "positionIncreaseAtOpenInterestCapRejected")
        if abs(signed) > abs(held):
            return refusal(rules.CAPPED, asset, "positionFlipAtOpenInterestCapRejected")
        if beyond_cap_band(listing, draft.side, draft.px):
            return Refusal(rules.TOO_AGGRESSIVE, "tooAggressiveAtOpenInterestCapRejected")
        return None


def beyond_cap_band(listing: Listing, side: Side, px: int) -> bool:
    """Whether a price is more aggressive than a coin at its open-interest cap allows."""
    oracle = listing.marks.oracle
    return (px - oracle) * int(side) * CAPPED_BAND > oracle


def no_match(draft: Draft) -> Refusal:
    """The refusal of an order that had to match at once and could not."""
    if draft.tif == "FrontendMarket":
        return refusal(rules.NO_LIQUIDITY, draft.wire.a, "marketOrderNoLiquidityRejected")
    return refusal(rules.NO_MATCH, draft.wire.a, "iocCancelRejected")


def bbo_text(listing: Listing) -> str:
    """`bid@ask` as the post-only error prints it."""
    sides = listing.bbo()
    return "@".join(px_text(listing.instrument, side[0]).removesuffix(".0") if side else "0" for side in sides) + "."
