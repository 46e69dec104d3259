"""The seam between the simulated exchange and a coin's market: what any order book must do, whoever trades in it.

`sim.matching.MatchingBook` with `sim.traders` (synthetic), `sim.tape.TapeMarket` (recorded) and `sim.live.LiveMarket`
(the real venue's public feeds) implement it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, Protocol, TypeAlias

import msgspec

from hlmm.types import Instrument, Ms, Oid, Px, Side, Sz, Tif

BACKGROUND: Final = -1
"""Owner of every order that belongs to no account of the exchange."""


class Match(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One execution at the resting order's price. Owners are account indices or `BACKGROUND`."""

    px: Px
    sz: Sz
    aggressor: Side
    maker_oid: Oid
    taker_oid: Oid
    maker_owner: int
    taker_owner: int
    maker_left: Sz


class Placement(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What became of one new order.

    `crossed` says an Alo order would have matched and was refused. `self_traded` lists the owner's own resting
    orders that were cancelled instead of trading with it. `resting_sz` is what rests (0 for Ioc).
    """

    matches: tuple[Match, ...] = ()
    self_traded: tuple[Oid, ...] = ()
    resting_sz: Sz = Sz(0)
    crossed: bool = False


class BookLevel(msgspec.Struct, frozen=True, gc=False):
    """One aggregated level: price, size, number of orders."""

    px: Px
    sz: Sz
    count: int


MakerGuard: TypeAlias = Callable[[int, Oid, Px, Sz], Sz]
"""Asked before an account's resting order trades: (owner, oid, px, sz) to how much of sz it may trade. Less than sz
removes the order from the book after that much."""


class Market(Protocol):
    """One coin: its book, its background traders, its oracle. Pure: time is an argument, randomness is seeded."""

    instrument: Instrument

    def guard_makers(self, guard: MakerGuard) -> None:
        """Ask `guard` before an account's resting order trades, from now on."""

    def place(self, oid: Oid, owner: int, side: Side, px: Px, sz: Sz, tif: Tif) -> Placement:
        """Match, then rest (Gtc, Alo). The caller has checked grid, notional and margin."""

    def cancel(self, oid: Oid) -> Sz | None:
        """Remove a resting order; its remaining size, or None when there is none."""

    def shrink(self, oid: Oid, sz: Sz) -> None:
        """Reduce a resting order's remaining size in place, keeping its queue position."""

    def step(self, now: Ms) -> tuple[Match, ...]:
        """Let the background trade for one block ending at `now`; every execution, ours or not, in order."""

    def bids(self, depth: int) -> tuple[BookLevel, ...]:
        """Best first, account orders included, at most `depth` levels."""

    def asks(self, depth: int) -> tuple[BookLevel, ...]:
        """Best first, account orders included, at most `depth` levels."""

    def best(self, side: Side) -> Px | None:
        """Best price of a side, account orders included, or None."""

    def oracle_px(self, now: Ms) -> Px:
        """Oracle price; valid from the start."""

    def last_px(self) -> Px | None:
        """Price of the last execution."""

    def horizon(self) -> Ms | None:
        """Venue time at which the market ends (a tape's last message), or None."""


class Context(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a real venue says of a coin beside its book. `funding_hourly`: the running rate, a fraction."""

    mark_px: Px
    oracle_px: Px
    funding_hourly: float


class Outside(Protocol):
    """The real venue behind a market, where there is one: its own prices, and whether they still arrive."""

    def context(self) -> Context:
        """Mark, oracle and funding as last told."""

    def is_silent(self, what: Literal["book", "context"]) -> bool:
        """Whether nothing was heard for too long: the simulated feeds of it are silent then, too."""
