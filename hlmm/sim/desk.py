"""The order desk: places, cancels and settles orders of accounts on the books, and books every execution.

The single writer of positions, cash and order histories. Source: order life cycle and matching rules of the venue.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, cast

import msgspec

from hlmm.sim import rules
from hlmm.sim.accounts import Account, Fill, Order, Trigger
from hlmm.sim.blocklog import BlockLog
from hlmm.sim.clearing import apply_fill, initial_margin, margining, opening_sz, summary
from hlmm.sim.fees import BUILDER_UNIT, HIP3_FACTOR, FeeRates, fee_of, truncated
from hlmm.sim.market import Match, Placement
from hlmm.sim.rules import Draft, Refusal
from hlmm.sim.text import px_text, sz_text
from hlmm.sim.venue import House, Listing, Print, background_address, is_background, trade_id
from hlmm.types import Coin, MicroUsd, Ms, Oid, Px, Side, Sz, Tif

FIRST_OID: Final = 450_000_000_000
MARKET_TIFS: Final = ("Ioc", "FrontendMarket", "LiquidationMarket")


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one order: refused, waiting for its trigger, or executed and/or resting."""

    order: Order
    refused: Refusal | None = None
    filled: int = 0
    notional: int = 0


class Trade(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One account's side of one execution."""

    match: Match
    oid: Oid
    side: Side
    crossed: bool
    hash: str
    tid: int


class Desk:
    """Orders and executions of every account."""

    def __init__(self, listings: Mapping[Coin, Listing], accounts: list[Account], rates: FeeRates) -> None:
        """Serve `accounts` on `listings` at base fee `rates`; the list may grow."""
        self.listings = listings
        self.accounts = accounts
        self.rates = rates
        self.house = House()
        self.log = BlockLog(Ms(0))
        self.open_limit = 1_000
        self._next_oid = FIRST_OID

    def place(self, account: Account, draft: Draft, builder_fee: int = 0) -> Placed:
        """Place one order. Args: draft, statically valid; builder_fee, tenths of a bp. Returns: what became of it."""
        order = self._order(account, draft, builder_fee)
        refused = self._refusal(account, draft)
        if refused is not None:
            self.log.status(account, order, refused.status)
            return Placed(order=order, refused=refused)
        if order.trigger is not None:
            account.waiting[order.oid] = order
            self.log.status(account, order, "open")
            return Placed(order=order)
        if order.reduce_only:
            order.sz = Sz(min(order.sz, abs(account.szi(order.coin))))
        return self._execute(account, order, draft.listing)

    def _order(self, account: Account, draft: Draft, builder_fee: int) -> Order:
        self._next_oid += 1
        kind = draft.wire.t.trigger
        trigger = None
        if kind is not None and draft.trigger_px is not None:
            above = (kind.tpsl == "tp") != draft.wire.b
            trigger = Trigger(px=draft.trigger_px, is_market=kind.isMarket, above=above, kind=kind.tpsl)
        return Order(
            oid=Oid(self._next_oid),
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
            status_ms=self.log.time,
        )

    def _refusal(self, account: Account, draft: Draft) -> Refusal | None:
        """The first business rule the order breaks, in the venue's order."""
        asset, trigger = draft.wire.a, draft.wire.t.trigger is not None
        position = account.szi(draft.listing.coin)
        crossing = rules.crosses(draft)
        if draft.tif in MARKET_TIFS and draft.on_tick and not crossing:
            return rules.refusal(rules.NO_MATCH, asset, "iocCancelRejected")
        formed = rules.form_refusal(draft, position)
        if formed is not None and not (trigger and formed.status == "reduceOnlyRejected"):
            return formed
        if len(account.open) + len(account.waiting) >= self.open_limit:
            return rules.refusal(rules.TOO_MANY, asset, "tooManyOpenOrdersRejected")
        if trigger:
            return None
        if not draft.wire.r and not self._affords(account, draft):
            return rules.refusal(rules.MARGIN, asset, "perpMarginRejected")
        if draft.tif == "Alo" and crossing:
            return rules.refusal(rules.POST_ONLY + self._bbo_text(draft.listing), asset, "badAloPxRejected")
        return None

    def _affords(self, account: Account, draft: Draft) -> bool:
        """Whether free margin covers what the order would add to exposure."""
        adding = opening_sz(account, draft.listing.coin, draft.side, draft.sz)
        needed = initial_margin(draft.px * adding, margining(account, draft.listing).leverage)
        return needed == 0 or summary(account, self.listings, draft.listing.dex).free >= needed

    @staticmethod
    def _bbo_text(listing: Listing) -> str:
        """`bid@ask` as the post-only error prints it."""
        sides = listing.bbo()
        return (
            "@".join(px_text(listing.instrument, side[0]).removesuffix(".0") if side else "0" for side in sides) + "."
        )

    def _execute(self, account: Account, order: Order, listing: Listing) -> Placed:
        """Put an admitted order on the book, settle what matched, record what rests."""
        tif: Tif = "Ioc" if order.tif in MARKET_TIFS else cast("Tif", order.tif)
        self.log.status(account, order, "open")
        account.open[order.oid] = order
        placement = listing.market.place(order.oid, account.index, order.side, order.px, order.sz, tif)
        self._expire_makers(account, placement)
        touched = self._book_all(listing, placement.matches)
        filled = sum(m.sz for m in placement.matches)
        notional = sum(m.px * m.sz for m in placement.matches)
        if placement.resting_sz == 0 and order.oid in account.open:
            del account.open[order.oid]
            self.log.status(account, order, "filled" if filled else "iocCancelRejected")
        self._trim(listing, touched)
        return Placed(order=order, filled=filled, notional=notional)

    def _expire_makers(self, account: Account, placement: Placement) -> None:
        """End the account's own resting orders that self-trade prevention removed."""
        for oid in placement.self_traded:
            order = account.open.pop(oid, None)
            if order is not None:
                self.log.status(account, order, "selfTradeCanceled")
                self.log.forced_cancel(account, order)

    def settle(self, listing: Listing, matches: Iterable[Match]) -> None:
        """Book executions in order: the public print, and each account's side."""
        self._trim(listing, self._book_all(listing, matches))

    def _book_all(self, listing: Listing, matches: Iterable[Match]) -> dict[int, None]:
        """Book executions. Returns: the accounts they touched, in order."""
        touched: dict[int, None] = {}
        for match in matches:
            self._book(listing, match, touched)
        return touched

    def _trim(self, listing: Listing, touched: Iterable[int]) -> None:
        """Shrink the reduce-only orders of accounts whose position moved."""
        for index in touched:
            self.trim_reduce_only(self.accounts[index], listing)

    def _book(self, listing: Listing, match: Match, touched: dict[int, None]) -> None:
        """Book one execution."""
        aggressor = match.aggressor
        bids = aggressor is Side.BID
        buyer, seller = (match.taker_oid, match.maker_oid) if bids else (match.maker_oid, match.taker_oid)
        tid, txn = trade_id(buyer, seller), self.log.next_hash()
        users = [self._user(match.maker_owner, match.maker_oid), self._user(match.taker_owner, match.taker_oid)]
        trade = Print(
            coin=listing.coin, side=aggressor, px=match.px, sz=match.sz, time=self.log.time, hash=txn, tid=tid,
            users=(users[1], users[0]) if bids else (users[0], users[1]),
        )  # fmt: skip
        listing.printed(trade)
        self.log.prints.setdefault(listing.coin, []).append(trade)
        sides = ((match.maker_owner, match.maker_oid, aggressor.other), (match.taker_owner, match.taker_oid, aggressor))
        if all(is_background(owner) for owner, _, _ in sides):
            return
        for (owner, oid, side), crossed in zip(sides, (False, True), strict=True):
            if is_background(owner):
                self.house.background_raw -= int(side) * match.px * match.sz
                held = self.house.background.get(listing.coin, 0)
                self.house.background[listing.coin] = held + int(side) * match.sz
                continue
            touched[owner] = None
            execution = Trade(match=match, oid=oid, side=side, crossed=crossed, hash=txn, tid=tid)
            self._fill(self.accounts[owner], listing, execution)

    def _user(self, owner: int, oid: Oid) -> str:
        return background_address(oid) if is_background(owner) else self.accounts[owner].address

    def _fill(self, account: Account, listing: Listing, trade: Trade) -> None:
        """Book one side of an execution to its account: position, cash, fee, volume, records."""
        match, coin = trade.match, listing.coin
        order = account.open[trade.oid]
        start = account.szi(coin)
        direction, closed = apply_fill(account, listing, trade.side, match.px, match.sz)
        notional = match.px * match.sz
        rates = self.rates.scaled(HIP3_FACTOR) if listing.dex else self.rates
        rate = rates.taker_e8 if trade.crossed else rates.maker_e8
        fee = fee_of(notional, rate, order.builder_fee)
        account.raw_usd[listing.dex] -= fee
        self.house.fees += fee
        self._count_volume(account, notional, crossed=trade.crossed)
        order.sz = Sz(order.sz - match.sz)
        builder = truncated(notional, order.builder_fee, BUILDER_UNIT) if order.builder_fee else None
        fill = Fill(
            coin=coin, px=match.px, sz=match.sz, side=trade.side, time=self.log.time, start_position=start,
            direction=direction, closed_pnl=MicroUsd(closed), hash=trade.hash, oid=trade.oid, crossed=trade.crossed,
            fee=fee, tid=trade.tid, cloid=order.cloid, builder_fee=builder,
        )  # fmt: skip
        account.fills.append(fill)
        self.log.fills.setdefault(account.index, []).append(fill)
        if order.sz == 0:
            del account.open[trade.oid]
            self.log.status(account, order, "filled")
        if not trade.crossed:
            self.log.notices.setdefault(account.index, []).append(_notice(listing, fill))

    def _count_volume(self, account: Account, notional: int, *, crossed: bool) -> None:
        """Add to cumulative and daily volume (micro-USD; daily: taker, maker)."""
        account.volume += notional
        day = account.day_volume.setdefault(self.log.time // 86_400_000, [0, 0])
        day[0 if crossed else 1] += notional

    def cancel(self, account: Account, order: Order, status: str) -> None:
        """Take an order of the account off the book (or out of the waiting triggers) with a terminal status."""
        if account.open.pop(order.oid, None) is not None:
            self.listings[order.coin].market.cancel(order.oid)
        else:
            account.waiting.pop(order.oid, None)
        self.log.status(account, order, status)
        if status != "canceled":
            self.log.forced_cancel(account, order)

    def find(self, account: Account, coin: Coin | None, target: int | str) -> Order | None:
        """A live order by oid or cloid. Args: coin, that it must be on, or None; target, oid or canonical cloid."""
        oid = account.by_cloid.get(target, Oid(0)) if isinstance(target, str) else Oid(target)
        order = account.open.get(oid) or account.waiting.get(oid)
        return order if order is not None and coin in {None, order.coin} else None

    def trim_reduce_only(self, account: Account, listing: Listing) -> None:
        """Shrink resting reduce-only orders to the position; the older ones give way first."""
        szi = account.szi(listing.coin)
        resting = [o for o in account.open.values() if o.coin == listing.coin and o.reduce_only]
        left = abs(szi)
        for order in reversed(resting):
            keep = min(order.sz, left) if szi * int(order.side) < 0 else 0
            if keep == 0:
                self.cancel(account, order, "reduceOnlyCanceled")
            elif keep < order.sz:
                order.sz = Sz(keep)
                listing.market.shrink(order.oid, order.sz)
            left -= keep

    def fire_triggers(self, listing: Listing) -> None:
        """Turn waiting orders whose trigger the mark has reached into market or limit orders."""
        mark = listing.marks.mark
        for account in self.accounts:
            for order in [o for o in account.waiting.values() if o.coin == listing.coin]:
                trigger = order.trigger
                if trigger is None or (mark < trigger.px if trigger.above else mark > trigger.px):
                    continue
                del account.waiting[order.oid]
                self.log.status(account, order, "triggered")
                self._fire(account, order, listing, market=trigger.is_market)

    def _fire(self, account: Account, order: Order, listing: Listing, *, market: bool) -> None:
        order.tif = "Ioc" if market else "Gtc"
        held = account.szi(order.coin)
        if order.reduce_only:
            order.sz = Sz(min(order.sz, abs(held)))
        if order.sz == 0 or (order.reduce_only and held * int(order.side) >= 0):
            self.log.status(account, order, "reduceOnlyCanceled")
            return
        self._execute(account, order, listing)

    def close_out(self, account: Account, listing: Listing) -> None:
        """Liquidate a position: a market order for all of it, as far as the book reaches."""
        szi = account.szi(listing.coin)
        side = Side.ASK if szi > 0 else Side.BID
        mark = listing.marks.mark
        self._next_oid += 1
        order = Order(
            oid=Oid(self._next_oid), owner=account.index, coin=listing.coin, side=side,
            px=Px(max(1, mark // 2) if side is Side.ASK else mark * 2), sz=Sz(abs(szi)), orig_sz=Sz(abs(szi)),
            tif="LiquidationMarket", placed_ms=self.log.time, reduce_only=True, status_ms=self.log.time,
        )  # fmt: skip
        self._execute(account, order, listing)


def _notice(listing: Listing, fill: Fill) -> str:
    """The notification text of a maker fill."""
    verb = "Bought" if fill.side is Side.BID else "Sold"
    sz, px = sz_text(listing.instrument, fill.sz), px_text(listing.instrument, fill.px).removesuffix(".0")
    return f"Resting order filled: {verb} {sz} {listing.coin} at ${px}"
