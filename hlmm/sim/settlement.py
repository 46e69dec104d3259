"""What executions do: public prints, and each account's position, cash, fee, volume and fill record.

The single writer of positions and cash on account of trades. Source: protocol.md §7.4 (fills), §14 (fees).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from hlmm.sim.accounts import Account, Order
from hlmm.sim.blocklog import BlockLog
from hlmm.sim.clearing import apply_fill
from hlmm.sim.fees import BUILDER_UNIT, FeeRates, builder_scale, fee_of, truncated
from hlmm.sim.fills import Fill, Liquidation
from hlmm.sim.market import BACKGROUND, Match
from hlmm.sim.text import px_text, sz_text
from hlmm.sim.venue import House, Listing, Print, background_address, is_background, trade_id
from hlmm.types import Coin, MicroUsd, Ms, Oid, Px, Side, Sz

DAY_MS: Final = 86_400_000
GROWTH_VOLUME_DIVISOR: Final = 10
"""In growth mode a tenth of the volume earns requests."""


class Trade(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One account's side of one execution."""

    match: Match
    oid: Oid
    side: Side
    crossed: bool
    hash: str
    tid: int


class Transfer(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A position handed from one party to another at a price, outside the book. Owners as in `Match`."""

    px: Px
    sz: Sz
    seller: int
    buyer: int
    direction: str
    liquidation: Liquidation | None = None


class Settlement:
    """Books executions of every listing. `ended` is told of each order that is completely filled."""

    def __init__(
        self, listings: Mapping[Coin, Listing], accounts: list[Account], ended: Callable[[Account, Order], None]
    ) -> None:
        """Serve `accounts` on `listings`; the list may grow."""
        self.listings = listings
        self.accounts = accounts
        self.house = House()
        self.log = BlockLog(Ms(0))
        self.rates = FeeRates(0, 0)
        self.liquidation: Liquidation | None = None
        self._ended = ended
        self._terms: dict[Coin, FeeRates] = {}

    def use_rates(self, rates: FeeRates) -> None:
        """Charge base fee `rates`, scaled by each listing's terms."""
        self.rates = rates
        self._terms = {coin: self._scaled(rates, x) for coin, x in self.listings.items()}

    @staticmethod
    def _scaled(rates: FeeRates, listing: Listing) -> FeeRates:
        """Rates on a listing: a builder dex's scale and growth mode apply."""
        terms = listing.terms
        return rates.scaled(builder_scale(terms.fee_scale, growth=terms.growth)) if listing.dex else rates

    def book_all(self, listing: Listing, matches: Iterable[Match]) -> dict[int, None]:
        """Book executions in order. Returns: the accounts they touched, in order."""
        touched: dict[int, None] = {}
        for match in matches:
            self._book(listing, match, touched)
        return touched

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
        if match.maker_owner == match.taker_owner == BACKGROUND:
            return
        sides = ((match.maker_owner, match.maker_oid, aggressor.other), (match.taker_owner, match.taker_oid, aggressor))
        for (owner, oid, side), crossed in zip(sides, (False, True), strict=True):
            if is_background(owner):
                self._background(listing.coin, int(side) * match.sz, match.px)
                continue
            touched[owner] = None
            execution = Trade(match=match, oid=oid, side=side, crossed=crossed, hash=txn, tid=tid)
            self._fill(self.accounts[owner], listing, execution)

    def _background(self, coin: Coin, signed: int, px: Px) -> None:
        """Move size and cash of the background."""
        self.house.background_raw -= signed * px
        self.house.background[coin] = self.house.background.get(coin, 0) + signed

    def _user(self, owner: int, oid: Oid) -> str:
        return background_address(oid) if is_background(owner) else self.accounts[owner].address

    def _fill(self, account: Account, listing: Listing, trade: Trade) -> None:
        """Book one side of an execution to its account: position, cash, fee, volume, records."""
        match, coin = trade.match, listing.coin
        order = account.open[trade.oid]
        start = account.szi(coin)
        direction, closed = apply_fill(account, listing, trade.side, match.px, match.sz)
        notional = match.px * match.sz
        rates = self._terms[coin] if account.rates is None else self._scaled(account.rates, listing)
        fee = fee_of(notional, rates.taker_e8 if trade.crossed else rates.maker_e8, order.builder_fee)
        account.raw_usd[listing.dex] -= fee
        self.house.fees += fee
        self._count_volume(account, notional // (GROWTH_VOLUME_DIVISOR if listing.terms.growth else 1), trade)
        account.resize(order, Sz(order.sz - match.sz))
        builder = truncated(notional, order.builder_fee, BUILDER_UNIT) if order.builder_fee else None
        fill = Fill(
            coin=coin, px=match.px, sz=match.sz, side=trade.side, time=self.log.time, start_position=start,
            direction=direction, closed_pnl=MicroUsd(closed), hash=trade.hash, oid=trade.oid, crossed=trade.crossed,
            fee=fee, tid=trade.tid, cloid=order.cloid, builder_fee=builder, liquidation=self.liquidation,
        )  # fmt: skip
        self._record(account, fill)
        if order.sz == 0:
            account.unrest(trade.oid)
            self._ended(account, order)
        if not trade.crossed:
            self.log.notices.setdefault(account.index, []).append(_notice(listing, fill))

    def _record(self, account: Account, fill: Fill) -> None:
        account.fills.append(fill)
        self.log.fills.setdefault(account.index, []).append(fill)

    def _count_volume(self, account: Account, notional: int, trade: Trade) -> None:
        """Add to cumulative and daily volume (micro-USD; daily: taker, maker)."""
        account.volume += notional
        day = account.day_volume.setdefault(self.log.time // DAY_MS, [0, 0])
        day[0 if trade.crossed else 1] += notional

    def transfer(self, listing: Listing, moved: Transfer) -> None:
        """Hand a position over at a price, without fee, volume or public print; both sides get a fill."""
        txn = self.log.next_hash()
        for owner, side in ((moved.seller, Side.ASK), (moved.buyer, Side.BID)):
            if is_background(owner):
                self._background(listing.coin, int(side) * moved.sz, moved.px)
                continue
            account = self.accounts[owner]
            start = account.szi(listing.coin)
            _, closed = apply_fill(account, listing, side, moved.px, moved.sz)
            fill = Fill(
                coin=listing.coin, px=moved.px, sz=moved.sz, side=side, time=self.log.time, start_position=start,
                direction=moved.direction, closed_pnl=MicroUsd(closed), hash=txn, oid=Oid(0), crossed=True,
                fee=MicroUsd(0), tid=trade_id(moved.buyer, int(txn[2:18], 16)), liquidation=moved.liquidation,
            )  # fmt: skip
            self._record(account, fill)


def _notice(listing: Listing, fill: Fill) -> str:
    """The notification text of a maker fill."""
    verb = "Bought" if fill.side is Side.BID else "Sold"
    sz, px = sz_text(listing.instrument, fill.sz), px_text(listing.instrument, fill.px).removesuffix(".0")
    return f"Resting order filled: {verb} {sz} {listing.coin} at ${px}"
