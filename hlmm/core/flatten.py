"""The way to zero, as a plan: from what the venue shows to the next cancels and reduce-only closes.

Pure and without memory: the caller reads the venue, asks for a plan, sends it, and reads again. A request of unknown
outcome needs no special case, because every plan starts from a new reading and reduce-only never overshoots.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, assert_never

import msgspec
from pydantic import Field

from hlmm.core.orders import is_ours
from hlmm.model.parameters import Frozen
from hlmm.types import BPS, MICRO, MIN_NOTIONAL, Cloid, Coin, Instrument, Oid, Px, Side, Sz

SMALLEST: Final = Px(1)


class FlattenConfig(Frozen):
    """`flatten`: how fast and how dear the way to zero may be."""

    slippage_first_bps: int = Field(ge=1, le=1000, description="first limit's distance from mid")
    slippage_max_bps: int = Field(ge=1, le=5000, description="cap of that distance; it doubles with every attempt")
    order_max_usd: int = Field(ge=100, le=100_000_000, description="largest single closing order")
    poll_s: float = Field(ge=0.05, le=10.0, description="pause before the venue is read again")
    request_timeout_s: float = Field(ge=0.2, le=60.0, description="limit on one request")
    clean_reads: int = Field(ge=1, le=10, description="readings in a row that must show nothing left")


class FlattenScope(msgspec.Struct, frozen=True, gc=False):
    """What must go.

    `orders`: every order with our cloids on the dexes of `coins`, no position. `own`: these orders and the positions of
    `coins`. `coin`: orders and position of `coins`, whoever
    made them. `all`: every order and position of the account on every dex.
    """

    kind: Literal["orders", "own", "coin", "all"]
    coins: tuple[Coin, ...] = ()

    def takes_order(self, coin: Coin, cloid: Cloid | None) -> bool:
        """Whether an order is to be cancelled. Args: cloid, None for an order without one."""
        match self.kind:
            case "orders" | "own":
                return is_ours(cloid)
            case "coin":
                return coin in self.coins
            case "all":
                return True
            case _:
                assert_never(self.kind)

    def takes_position(self, coin: Coin) -> bool:
        """Whether a position is to be closed."""
        return self.kind == "all" or (self.kind != "orders" and coin in self.coins)


class FlattenOrder(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One resting order in scope. `asset` is the integer that actions use."""

    coin: Coin
    asset: int
    oid: Oid


class FlattenPosition(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One position in scope: signed size, and the mid (mark where there is no mid), USD."""

    instrument: Instrument
    sz: Sz
    mid: float

    @property
    def is_dust(self) -> bool:
        """Below the venue's minimum order value: only a close of the whole may be taken."""
        return abs(self.instrument.size(self.sz)) * self.mid * MICRO < MIN_NOTIONAL


class FlattenReading(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What one reading of the venue shows within the scope. `missing` names what could not be read."""

    orders: tuple[FlattenOrder, ...]
    positions: tuple[FlattenPosition, ...]
    missing: tuple[str, ...] = ()

    @property
    def is_clean(self) -> bool:
        """Everything was read and nothing is left."""
        return not (self.orders or self.positions or self.missing)


class Close(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One reduce-only IOC. `sz` > 0."""

    instrument: Instrument
    side: Side
    px: Px
    sz: Sz


class FlattenPlan(msgspec.Struct, frozen=True, gc=False):
    """What to send now, cancels first."""

    cancels: tuple[FlattenOrder, ...]
    closes: tuple[Close, ...]


def plan(reading: FlattenReading, attempts: Mapping[Coin, int], config: FlattenConfig) -> FlattenPlan:
    """The next actions towards zero.

    Args:
        reading: what the venue shows now.
        attempts: closes already sent per coin without reaching zero, >= 0; each doubles the limit's distance.
    Returns: every order once in `cancels`, every position once in `closes`, none larger than `order_max_usd`.
    Raises: nothing.
    """
    closes = tuple(
        _close(position, attempts.get(position.instrument.coin, 0), config) for position in reading.positions
    )
    return FlattenPlan(reading.orders, closes)


def slippage_bps(attempt: int, config: FlattenConfig) -> int:
    """Distance of the limit from the mid, bp. Args: attempt, >= 0."""
    doublings = min(attempt, config.slippage_max_bps.bit_length())
    return min(config.slippage_first_bps << doublings, config.slippage_max_bps)


def _close(position: FlattenPosition, attempt: int, config: FlattenConfig) -> Close:
    assert position.sz != 0, position
    instrument, slip = position.instrument, slippage_bps(attempt, config) / BPS
    if position.sz > 0:
        side, px = Side.ASK, max(instrument.px_down(position.mid * (1 - slip)), SMALLEST)
    else:
        side, px = Side.BID, instrument.px_up(position.mid * (1 + slip))
    largest = max(instrument.sz_down(config.order_max_usd / position.mid), Sz(1))
    return Close(instrument=instrument, side=side, px=px, sz=Sz(min(abs(position.sz), largest)))
