"""What an account is besides its trading: a sub-account, a vault, a group; its mode, referrals, ledger and TWAPs."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from hlmm.types import Address, Coin, Ms, Px, Side, Sz

if TYPE_CHECKING:
    from hlmm.sim.fees import FeeRates
    from hlmm.sim.fills import Fill
    from hlmm.sim.text import Json

ROWS: Final = 2_000
"""Ledger rows, TWAP rows and slice fills that answers reach back to."""


class LedgerRow(msgspec.Struct, frozen=True, kw_only=True):
    """One movement of funds that is neither trade nor funding; `delta` as the venue shows it."""

    time: Ms
    hash: str
    delta: Mapping[str, Json]


class MultiSig(msgspec.Struct, frozen=True):
    """Who signs for a converted account, and how many of them it takes."""

    authorized: tuple[str, ...]
    threshold: int


class Follower(msgspec.Struct, kw_only=True):
    """One depositor of a vault. `basis`: micro-USD paid in for the shares still held."""

    shares: int = 0
    basis: int = 0
    entered: Ms
    locked_until: Ms


class VaultBook(msgspec.Struct, kw_only=True):
    """What makes an account a vault. `followers` by address, the leader among them."""

    name: str
    description: str
    leader: Address
    opened: Ms
    followers: dict[str, Follower] = {}
    allow_deposits: bool = True
    always_close: bool = False

    @property
    def shares(self) -> int:
        """Shares outstanding."""
        return sum(follower.shares for follower in self.followers.values())


class Twap(msgspec.Struct, kw_only=True):
    """One time-weighted order, running or ended. `executed_ntl` in micro-USD; `trigger`: price and whether above."""

    number: int
    owner: int
    coin: Coin
    side: Side
    sz: Sz
    minutes: int
    reduce_only: bool
    randomize: bool
    started: Ms
    stop_px: Px | None = None
    trigger: tuple[Px, bool] | None = None
    executed: Sz = Sz(0)
    executed_ntl: int = 0
    sliced: int = 0
    next_slice: Ms = Ms(0)


class TwapRow(msgspec.Struct, frozen=True, kw_only=True):
    """One status change of a TWAP: the order as it was then."""

    time: Ms
    twap: Twap
    status: str


class Standing(msgspec.Struct, kw_only=True):
    """Base of an account. `rates`: its own fee rates; None pays the venue's base rates."""

    name: str = ""
    master: Address | None = None
    vault: VaultBook | None = None
    abstraction: str = "default"
    multi_sig: MultiSig | None = None
    referrer: str | None = None
    referral_code: str | None = None
    reserved: int = 0
    rates: FeeRates | None = None
    ledger: deque[LedgerRow] = msgspec.field(default_factory=lambda: deque(maxlen=ROWS))
    twap_rows: deque[TwapRow] = msgspec.field(default_factory=lambda: deque(maxlen=ROWS))
    slices: deque[tuple[Fill, int]] = msgspec.field(default_factory=lambda: deque(maxlen=ROWS))

    @property
    def unified(self) -> bool:
        """Whether spot and perp balances are one."""
        return self.abstraction in {"unifiedAccount", "portfolioMargin"}
