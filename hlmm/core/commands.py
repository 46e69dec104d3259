"""Wishes the engine returns: every output of `Engine.on`.

Imperatives go to the venue; `Decision` and `Alarm` to observers.
"""

from __future__ import annotations

import msgspec

from hlmm.types import Cloid, Coin, Ns, Px, Side, Sz, Tif


class Command(msgspec.Struct, frozen=True, gc=False, tag=True, kw_only=True):
    """Base of all commands; the union below is what the journal stores."""


class PlaceOrder(Command, frozen=True, gc=False):
    """Place one limit order under a fresh cloid."""

    cloid: Cloid
    coin: Coin
    side: Side
    px: Px
    sz: Sz
    tif: Tif = "Alo"
    reduce_only: bool = False


class CancelOrder(Command, frozen=True, gc=False):
    """Cancel one order of ours by cloid."""

    cloid: Cloid
    coin: Coin


class ModifyOrder(Command, frozen=True, gc=False):
    """Replace one resting order: the venue cancels `cloid` and places `place` (new cloid, new oid) for one request."""

    cloid: Cloid
    place: PlaceOrder


class QueryOrder(Command, frozen=True, gc=False):
    """Ask the venue what became of a cloid (`orderStatus`)."""

    cloid: Cloid
    coin: Coin


class ReadOpenOrders(Command, frozen=True, gc=False):
    """Ask for all open orders; answered by `OpenOrdersRead`."""


class ReadAccount(Command, frozen=True, gc=False):
    """Ask for positions, margin and account value; answered by `AccountRead`."""


class ReadFills(Command, frozen=True, gc=False):
    """Ask for our fills and funding since a block time; answered by `OrderFilled` and `FundingPaid`."""

    since_ms: int


class SetLeverage(Command, frozen=True, gc=False):
    """Set a coin's leverage and margin mode at the venue; answered by `LeverageRead` or `LeverageRefused`."""

    coin: Coin
    leverage: int
    is_cross: bool


class ReadBudget(Command, frozen=True, gc=False):
    """Ask for the request budget; answered by `BudgetRead`."""


class Resubscribe(Command, frozen=True, gc=False):
    """Drop the connection and open a new one: a feed went quiet."""

    why: str


class Alarm(Command, frozen=True, gc=False):
    """Something an operator should know. `code` is stable for machines; `text` says what to do."""

    code: str
    text: str


class QuoteTerm(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One additive term of a quote's distance from the fair value, in bp, with the config key behind it."""

    name: str
    bps: float
    key: str


class Decision(Command, frozen=True, gc=False):
    """Why a coin is (not) quoted now. Emitted when the plan or the reason changes."""

    ts: Ns
    coin: Coin
    verdict: str
    reason: str
    fair: float
    inventory_usd: float
    terms: tuple[QuoteTerm, ...] = ()


AnyCommand = (
    PlaceOrder | CancelOrder | ModifyOrder | QueryOrder | ReadOpenOrders | ReadAccount | ReadFills | ReadBudget
    | SetLeverage | Resubscribe | Alarm | Decision
)  # fmt: skip
