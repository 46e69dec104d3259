"""An account's executions as the venue remembers them."""

from __future__ import annotations

import msgspec

from hlmm.types import Address, Coin, MicroUsd, Ms, Oid, Px, Side, Sz


class Liquidation(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What marks a fill as part of a liquidation. `method` is `market` or `backstop`."""

    user: Address
    mark: Px
    method: str


class Fill(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One execution of an account. `fee` contains the builder fee; negative is a rebate."""

    coin: Coin
    px: Px
    sz: Sz
    side: Side
    time: Ms
    start_position: Sz
    direction: str
    closed_pnl: MicroUsd
    hash: str
    oid: Oid
    crossed: bool
    fee: MicroUsd
    tid: int
    cloid: str | None = None
    builder_fee: MicroUsd | None = None
    liquidation: Liquidation | None = None
