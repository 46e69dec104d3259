"""The order desk: places, cancels and executes orders of accounts on the books, and ends them.

The single writer of order histories. Source: order life cycle and matching rules of the venue (protocol.md §10, §11).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, cast

import msgspec

from hlmm.sim.accounts import Account, Order, Trigger
from hlmm.sim.blocklog import BlockLog
from hlmm.sim.clearing import cross_margin, margining
from hlmm.sim.entry import MARKET_TIFS, EntryRules, beyond_cap_band
from hlmm.sim.fees import FeeRates
from hlmm.sim.market import Match, Placement
from hlmm.sim.rules import Draft, Refusal, fires_above
from hlmm.sim.settlement import Settlement
from hlmm.sim.venue import House, Listing
from hlmm.types import Coin, Oid, Px, Side, Sz, Tif

FIRST_OID: Final = 450_000_000_000
UNASKED: Final = ("canceled", "filled")
__all__ = ["MARKET_TIFS", "Desk", "Placed"]


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one order: refused, waiting (for its trigger or parent), or executed and/or resting."""

    order: Order
    refused: Refusal | None = None
    filled: int = 0
    notional: int = 0


class Grouping(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """How a new trigger order belongs to others: see `Order`."""

    group: Oid = Oid(0)
    dormant: bool = False
    position_sized: bool = False


ALONE: Final = Grouping()


class Promised(msgspec.Struct):
    """What an account's resting orders have traded in a sweep that is not booked yet."""

    szi: int = 0
    margin: int = 0


class Desk:
    """Orders of every account, from placement to their end."""

    def __init__(self, listings: Mapping[Coin, Listing], accounts: list[Account], rates: FeeRates) -> None:
        """Serve `accounts` on `listings` at base fee `rates`; the list may grow."""
        self.listings = listings
        self.accounts = accounts
        self.settlement = Settlement(listings, accounts, self._filled)
        self.settlement.use_rates(rates)
        self.entry = EntryRules(listings, accounts, self.house)
        self._next_oid = FIRST_OID
        self._promised: dict[int, Promised] = {}
        self._cut: dict[Oid, str] = {}
        for listing in listings.values():
            listing.market.guard_makers(self._admit)

    @property
    def house(self) -> House:
        """The other side of everything."""
        return self.settlement.house

    @property
    def log(self) -> BlockLog:
        """What the current block did."""
        return self.settlement.log

    @log.setter
    def log(self, log: BlockLog) -> None:
        """Begin a block."""
        self.settlement.log = log

    @property
    def rates(self) -> FeeRates:
        """Base fee rates."""
        return self.settlement.rates

    # ---- placing ----

    def place(self, account: Account, draft: Draft, builder_fee: int = 0, grouping: Grouping = ALONE) -> Placed:
        """Place one order. Args: draft, statically valid; builder_fee, tenths of a bp. Returns: what became of it."""
        refused = self.entry.refusal(account, draft, self.log.time)
        order = self._order(account, draft, builder_fee, grouping)
        if refused is not None:
            if refused.status is not None:
                self.log.status(account, order, refused.status)
            return Placed(order=order, refused=refused)
        if order.trigger is not None:
            account.waiting[order.oid] = order
            self.log.status(account, order, "open")
            return Placed(order=order)
        if order.reduce_only:
            order.sz = Sz(min(order.sz, abs(account.szi(order.coin))))
        return self.execute(account, order)

    def _order(self, account: Account, draft: Draft, builder_fee: int, grouping: Grouping) -> Order:
        kind = draft.wire.t.trigger
        trigger = None
        if kind is not None and draft.trigger_px is not None:
            above = fires_above(kind.tpsl, buy=draft.wire.b)
            trigger = Trigger(px=draft.trigger_px, is_market=kind.isMarket, above=above, kind=kind.tpsl)
        return Order(
            oid=self.next_oid(),
            owner=account.index,
            coin=draft.listing.coin,
            side=draft.side,
            px=draft.px,
            sz=draft.sz,
            orig_sz=draft.sz,
            tif=draft.tif,
            placed_ms=self.log.time,
            cloid=draft.wire.c,
            reduce_only=draft.wire.r,
            builder_fee=builder_fee,
            trigger=trigger,
            group=grouping.group,
            dormant=grouping.dormant,
            position_sized=grouping.position_sized,
            status_ms=self.log.time,
        )

    def next_oid(self) -> Oid:
        """A fresh order id."""
        self._next_oid += 1
        return Oid(self._next_oid)

    def execute(self, account: Account, order: Order) -> Placed:
        """Put an admitted order on the book, settle what matched, record what rests."""
        listing = self.listings[order.coin]
        tif: Tif = "Ioc" if order.tif in MARKET_TIFS else cast("Tif", order.tif)
        if order.status != "triggered" or tif != "Ioc":
            self.log.status(account, order, "open")
        account.rest(order)
        placement = listing.market.place(order.oid, account.index, order.side, order.px, order.sz, tif)
        self._expire_makers(account, placement)
        touched = self._book_all(listing, placement.matches)
        filled = sum(m.sz for m in placement.matches)
        notional = sum(m.px * m.sz for m in placement.matches)
        if placement.resting_sz == 0 and order.oid in account.open:
            account.unrest(order.oid)
            self._end(account, order, "filled" if filled else _unmatched(order))
        self._trim(listing, touched)
        return Placed(order=order, filled=filled, notional=notional)

    def _expire_makers(self, account: Account, placement: Placement) -> None:
        """End the account's own resting orders that self-trade prevention removed."""
        for oid in placement.self_traded:
            order = account.unrest(oid)
            if order is not None:
                self._end(account, order, "selfTradeCanceled")

    def settle(self, listing: Listing, matches: Iterable[Match]) -> None:
        """Book executions in order: the public print, and each account's side."""
        self._trim(listing, self._book_all(listing, matches))

    # ---- resting orders at a match ----

    def _admit(self, owner: int, oid: Oid, px: Px, sz: Sz) -> Sz:
        """How much of `sz` a resting order may trade: reduce-only never flips, new exposure needs its margin."""
        account = self.accounts[owner]
        order = account.open[oid]
        promised = self._promised.setdefault(owner, Promised())
        held = account.szi(order.coin) + promised.szi
        reducible = abs(held) if held * order.side < 0 else 0
        allowed = min(sz, reducible) if order.reduce_only else sz
        if allowed < sz:
            self._cut[oid] = "reduceOnlyCanceled"
        adding = allowed - min(allowed, reducible)
        if adding:
            listing = self.listings[order.coin]
            needed = px * adding // margining(account, listing).leverage
            value, used = cross_margin(account, self.listings, listing.dex)
            if value - used - promised.margin < needed:
                self._cut[oid] = "marginCanceled"
                return Sz(0)
            promised.margin += needed
        promised.szi += order.side * allowed
        return Sz(allowed)

    def _book_all(self, listing: Listing, matches: Iterable[Match]) -> dict[int, None]:
        """Book executions and end the orders that were cut short. Returns: the accounts touched, in order."""
        touched = self.settlement.book_all(listing, matches)
        if self._cut:
            cut, self._cut = self._cut, {}
            for owner in self._promised:
                account = self.accounts[owner]
                for oid, status in cut.items():
                    order = account.unrest(oid)
                    if order is not None:
                        self._end(account, order, status)
        self._promised.clear()
        return touched

    # ---- ends ----

    def _filled(self, account: Account, order: Order) -> None:
        self._end(account, order, "filled")

    def _end(self, account: Account, order: Order, status: str) -> None:
        """Record a terminal status of an order that is off the book, and act on those grouped with it."""
        self.log.status(account, order, status)
        if status not in UNASKED:
            self.log.forced_cancel(account, order)
        if account.waiting or order.group:
            self._end_group(account, order, status)

    def _end_group(self, account: Account, order: Order, status: str) -> None:
        """Wake or cancel an order's children; cancel the sibling of a filled TP or SL."""
        partly = status == "marginCanceled" and order.sz < order.orig_sz
        for child in [o for o in account.waiting.values() if o.dormant and o.group == order.oid]:
            if status == "filled" or partly:
                child.dormant = False
                self.log.status(account, child, "open")
            else:
                self.cancel(account, child, "canceled")
        if order.group and status == "filled":
            live = (*account.waiting.values(), *account.open.values())
            for sibling in [o for o in live if o.group == order.group and not o.dormant]:
                self.cancel(account, sibling, "siblingFilledCanceled")

    def cancel(self, account: Account, order: Order, status: str) -> None:
        """Take an order of the account off the book (or out of the waiting triggers) with a terminal status."""
        if account.unrest(order.oid) is not None:
            self.listings[order.coin].market.cancel(order.oid)
        elif account.waiting.pop(order.oid, None) is None:
            return
        self._end(account, order, status)

    def cancel_all(self, account: Account, dex: str | None, status: str) -> None:
        """Cancel every order of the account. Args: dex, or None for all of them."""
        for order in [*account.open.values(), *account.waiting.values()]:
            if dex is None or self.listings[order.coin].dex == dex:
                self.cancel(account, order, status)

    def enforce_cap(self, listing: Listing) -> None:
        """Cancel resting orders that a coin at its open-interest cap does not bear."""
        if listing.terms.open_interest_cap_usd is None or not self.entry.at_cap(listing):
            return
        for account in self.accounts:
            for order in [o for o in account.open.values() if o.coin == listing.coin]:
                if beyond_cap_band(listing, order.side, order.px):
                    self.cancel(account, order, "openInterestCapCanceled")

    def find(self, account: Account, coin: Coin | None, target: int | str) -> Order | None:
        """A live order by oid or cloid. Args: coin, that it must be on, or None; target, oid or canonical cloid."""
        oid = account.by_cloid.get(target, Oid(0)) if isinstance(target, str) else Oid(target)
        order = account.open.get(oid) or account.waiting.get(oid)
        return order if order is not None and coin in {None, order.coin} else None

    # ---- reduce-only ----

    def _trim(self, listing: Listing, touched: Iterable[int]) -> None:
        """Shrink the reduce-only orders of accounts whose position moved."""
        for index in touched:
            self.trim_reduce_only(self.accounts[index], listing)

    def trim_reduce_only(self, account: Account, listing: Listing) -> None:
        """Shrink resting reduce-only orders to the position; the older ones give way first."""
        szi, coin = account.szi(listing.coin), listing.coin
        for side in (Side.BID, Side.ASK):
            resting = account.side(coin, side).reduce_only
            if resting:
                self._shrink(account, list(resting.values()), abs(szi) if szi * side < 0 else 0)
        if account.waiting:
            for order in [o for o in account.waiting.values() if o.position_sized and o.coin == coin]:
                if szi * order.side >= 0:
                    self.cancel(account, order, "reduceOnlyCanceled")

    def _shrink(self, account: Account, resting: list[Order], left: int) -> None:
        """Let `resting`, oldest first, sum to at most `left`; the newest keep their size."""
        for order in reversed(resting):
            keep = min(order.sz, left)
            if keep == 0:
                self.cancel(account, order, "reduceOnlyCanceled")
            elif keep < order.sz:
                account.resize(order, Sz(keep))
                self.listings[order.coin].market.shrink(order.oid, order.sz)
            left -= keep


def _unmatched(order: Order) -> str:
    """The status of an order that had to match at once and found nothing."""
    return "iocCancelRejected" if order.trigger is None else "marketOrderNoLiquidityRejected"
