"""Positions and money: what a fill does, what margin is needed, what is left. Integers only, micro-USD.

Cash is `raw_usd`, net of position cost, so account value = raw + sum(szi x mark), exactly. Source: margin relations
recomputed from recorded account states.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from hlmm.sim.accounts import DEFAULT_LEVERAGE, Account, Margining, Order, Position
from hlmm.sim.reserves import SideOrders
from hlmm.sim.venue import Listing
from hlmm.types import Coin, Px, Side, Sz

MIN_MARGIN_DIVISOR: Final = 10


class Summary(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Money of an account on one dex. `cross_*` leaves isolated positions out."""

    value: int
    notional: int
    raw: int
    margin_used: int
    cross_value: int
    cross_notional: int
    cross_raw: int
    cross_margin_used: int
    maintenance: int
    order_margin: int

    @property
    def withdrawable(self) -> int:
        """Cash that may leave: cross value less max(margin, a tenth of notional) less margin of resting orders."""
        held = max(self.cross_margin_used, self.cross_notional // MIN_MARGIN_DIVISOR)
        return max(0, self.cross_value - held - self.order_margin)

    @property
    def free(self) -> int:
        """Cross margin available to new orders; may be negative."""
        return self.cross_value - self.cross_margin_used - self.order_margin


def margining(account: Account, listing: Listing) -> Margining:
    """The account's leverage setting for a coin, or the default the venue starts with."""
    found = account.margining.get(listing.coin)
    if found is not None:
        return found
    instrument = listing.instrument
    return Margining(min(DEFAULT_LEVERAGE, instrument.max_leverage), cross=not instrument.only_isolated)


def initial_margin(notional: int, leverage: int) -> int:
    """Margin that opens `notional`. Args: notional >= 0, micro-USD; leverage >= 1."""
    return notional // leverage


def apply_fill(account: Account, listing: Listing, side: Side, px: Px, sz: Sz) -> tuple[str, int]:
    """Move size and cash for one execution, fee apart. Returns: the venue's `dir` text and closed PnL (gross)."""
    position = account.position(listing.coin)
    before, delta = position.szi, int(side) * sz
    after = before + delta
    closing = min(abs(before), sz) if before * delta < 0 else 0
    released = position.cost * closing // abs(before) if closing else 0
    closed_pnl = (1 if before > 0 else -1) * (px * closing - released) if closing else 0
    setting = margining(account, listing)
    share = position.isolated_raw * closing // abs(before) if closing and not setting.cross else 0
    position.cost += (sz - closing) * px - released
    position.szi = Sz(after)
    if before == 0 or before * after < 0:
        position.funding_open = 0
    position.funding_change = 0
    _pay(account, listing, -delta * px, closing * (px if before > 0 else -px), share)
    return direction(before, after), closed_pnl


def _pay(account: Account, listing: Listing, cash: int, closing_cash: int, share: int) -> None:
    """Book the cash of a fill: to the cross purse, or to the isolated position and its margin."""
    dex, setting = listing.dex, margining(account, listing)
    position = account.position(listing.coin)
    if setting.cross:
        account.raw_usd[dex] = account.raw_usd.get(dex, 0) + cash
        return
    opening_cash = cash - closing_cash
    added = initial_margin(abs(opening_cash), setting.leverage)
    position.isolated_raw += opening_cash + added - share
    account.raw_usd[dex] = account.raw_usd.get(dex, 0) + closing_cash + share - added
    if position.szi == 0:
        account.raw_usd[dex] += position.isolated_raw
        position.isolated_raw = 0


def direction(before: int, after: int) -> str:
    """The venue's `dir` of a fill from the position before and after."""
    if before * after < 0:
        return "Long > Short" if before > 0 else "Short > Long"
    if abs(after) > abs(before):
        return "Open Long" if after > 0 else "Open Short"
    return "Close Long" if before > 0 else "Close Short"


def position_margin(position: Position, listing: Listing, setting: Margining) -> int:
    """Margin in use: notional over leverage (cross), or the position's own equity (isolated)."""
    notional = abs(position.szi) * listing.marks.mark
    if setting.cross:
        return initial_margin(notional, setting.leverage)
    return position.isolated_raw + position.szi * listing.marks.mark


def order_margin(account: Account, listings: Mapping[Coin, Listing], dex: str) -> int:
    """Margin reserved by resting orders of a dex: what each side would add beyond reducing the position."""
    total = 0
    for coin, sides in account.sides.items():
        listing = listings[coin]
        if listing.dex == dex:
            total += _coin_margin(account, listing, sides)
    return total


def _coin_margin(account: Account, listing: Listing, sides: tuple[SideOrders[Order], SideOrders[Order]]) -> int:
    bids, asks = sides
    if not bids.orders and not asks.orders:
        return 0
    held, leverage = account.szi(listing.coin), margining(account, listing).leverage
    return bids.margin(leverage, max(0, -held)) + asks.margin(leverage, max(0, held))


def opening_sz(account: Account, coin: Coin, side: Side, sz: Sz) -> int:
    """Of a new order, the size beyond what reduces the position after the account's resting orders of that side."""
    held = account.szi(coin)
    if held * int(side) >= 0:
        return sz
    return sz - min(sz, max(0, abs(held) - account.side(coin, side).size))


def free_margin(account: Account, listings: Mapping[Coin, Listing], dex: str) -> int:
    """Cross margin available to new orders, as `Summary.free`, without the rest of the summary."""
    value, used = cross_margin(account, listings, dex)
    return value - used - order_margin(account, listings, dex)


def cross_margin(account: Account, listings: Mapping[Coin, Listing], dex: str) -> tuple[int, int]:
    """Value of the cross account on a dex, and the margin that its positions use."""
    value, used = account.raw_usd.get(dex, 0), 0
    for listing, held, setting in _held(account, listings, dex):
        if setting.cross:
            value += held.szi * listing.marks.mark
            used += abs(held.szi) * listing.marks.mark // setting.leverage
    return value, used


def summary(account: Account, listings: Mapping[Coin, Listing], dex: str) -> Summary:
    """Everything about an account's money on one dex at the current marks."""
    cross_raw = account.raw_usd.get(dex, 0)
    cross_value, cross_notional, cross_used, needed = cross_raw, 0, 0, 0
    raw = value = notional = used = 0
    for listing, held, setting in _held(account, listings, dex):
        here = abs(held.szi) * listing.marks.mark
        margin = position_margin(held, listing, setting)
        if setting.cross:
            cross_value += held.szi * listing.marks.mark
            cross_notional += here
            cross_used += margin
            needed += listing.terms.table.maintenance(here)
        else:
            raw, value = raw + held.isolated_raw, value + margin
            notional, used = notional + here, used + margin
    return Summary(
        value=value + cross_value,
        notional=notional + cross_notional,
        raw=raw + cross_raw,
        margin_used=used + cross_used,
        cross_value=cross_value,
        cross_notional=cross_notional,
        cross_raw=cross_raw,
        cross_margin_used=cross_used,
        maintenance=needed,
        order_margin=order_margin(account, listings, dex),
    )


def _held(
    account: Account, listings: Mapping[Coin, Listing], dex: str
) -> Iterable[tuple[Listing, Position, Margining]]:
    """The account's open positions on a dex."""
    for coin, held in account.positions.items():
        if held.szi:
            listing = listings[coin]
            if listing.dex == dex:
                yield listing, held, margining(account, listing)


def position_maintenance(held: Position, listing: Listing) -> int:
    """Maintenance margin of one position at the mark."""
    return listing.terms.table.maintenance(abs(held.szi) * listing.marks.mark)


def liquidation_px(account: Account, listing: Listing, money: Summary) -> Px | None:
    """Mark at which the position is liquidated, others unchanged; None when it is not positive.

    Where equity meets maintenance: `equity + szi x (p - mark) = others + |szi| p / d - deduction`, d and deduction of
    the margin tier that holds p.
    """
    held, table = account.position(listing.coin), listing.terms.table
    side, size = (1 if held.szi > 0 else -1), abs(held.szi)
    here = size * listing.marks.mark
    if margining(account, listing).cross:
        spare = money.maintenance - table.maintenance(here) - money.cross_value
    else:
        spare = -(held.isolated_raw + held.szi * listing.marks.mark)
    found = None
    for tier in table.tiers:
        rate, deduction = table.maintenance_rate(tier.lower)
        px = rate * (side * here + spare - deduction) // (size * (side * rate - 1))
        if found is None or px * size >= tier.lower:
            found = Px(px)
    return found if found is not None and found > 0 else None
