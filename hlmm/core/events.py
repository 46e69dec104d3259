"""Facts the engine is told: every input of `Engine.on`, in the past tense, each with our receive time `ts` (ns).

`venue_ts` is block time (ms). Sizes and prices are integers on the coin's grid. Money is integer micro-USD.
"""

from __future__ import annotations

import enum

import msgspec

from hlmm.types import Address, Cloid, Coin, Instrument, Level, MicroUsd, Ms, Ns, Oid, Px, Side, Sz, Tid


class Event(msgspec.Struct, frozen=True, gc=False, tag=True, kw_only=True):
    """Base of all events; the union below is what the journal stores."""

    ts: Ns


# ---- time and operator ----


class Tick(Event, frozen=True, gc=False):
    """Time passed. The shell sends one every `tick_ms`."""


class StopRequested(Event, frozen=True, gc=False):
    """Begin an orderly stop: cancel everything, place nothing more."""

    reason: str


class HaltRequested(Event, frozen=True, gc=False):
    """Latch the halt: as stop, and it survives restart."""

    reason: str


# ---- connection ----


class FeedConnected(Event, frozen=True, gc=False):
    """The venue session is open and subscribed; snapshots follow."""


class FeedDisconnected(Event, frozen=True, gc=False):
    """The venue session is gone. Every book is stale, every request in flight is unknown."""

    reason: str


# ---- market ----


class Trade(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One public print. `aggressor` is the taker's side."""

    venue_ts: Ms
    px: Px
    sz: Sz
    aggressor: Side
    tid: Tid


class BboChanged(Event, frozen=True, gc=False):
    """Best bid and ask after a block; None is an empty side."""

    venue_ts: Ms
    coin: Coin
    bid: Level | None
    ask: Level | None


class BookChanged(Event, frozen=True, gc=False):
    """A whole book snapshot, best first."""

    venue_ts: Ms
    coin: Coin
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class TradesPrinted(Event, frozen=True, gc=False):
    """Public prints of one frame. `replayed` marks the unflagged history that opens a subscription."""

    coin: Coin
    trades: tuple[Trade, ...]
    replayed: bool = False


class ContextChanged(Event, frozen=True, gc=False):
    """Mark, oracle and the running hourly funding rate of one coin."""

    coin: Coin
    mark_px: Px
    oracle_px: Px
    funding_hourly: float


# ---- answers to our requests ----


class OrderRested(Event, frozen=True, gc=False):
    """The venue acknowledged the order as resting."""

    cloid: Cloid
    oid: Oid


class OrderMatched(Event, frozen=True, gc=False):
    """The venue acknowledged the order as filled at once (IOC, crossing GTC). Fills follow as `OrderFilled`."""

    cloid: Cloid
    oid: Oid
    total_sz: Sz


class OrderRejected(Event, frozen=True, gc=False):
    """The venue refused the order; it never rested."""

    cloid: Cloid
    reason: Reject
    text: str


class CancelAcked(Event, frozen=True, gc=False):
    """The venue cancelled the order."""

    cloid: Cloid


class CancelRejected(Event, frozen=True, gc=False):
    """The venue had no such order: never placed, already cancelled, or filled. Which one is not known yet."""

    cloid: Cloid
    reason: Reject
    text: str


class ActionRefused(Event, frozen=True, gc=False):
    """A whole action was refused before any of its orders was looked at; none of them exists."""

    cloids: tuple[Cloid, ...]
    cancels: tuple[Cloid, ...]
    reason: Reject
    text: str


class RequestLost(Event, frozen=True, gc=False):
    """A request was sent and its answer did not come: its orders and cancels are in an unknown state."""

    cloids: tuple[Cloid, ...]
    cancels: tuple[Cloid, ...]
    why: str


class RequestUnsent(Event, frozen=True, gc=False):
    """A request certainly never left this process."""

    cloids: tuple[Cloid, ...]
    cancels: tuple[Cloid, ...]
    why: str


class Reject(enum.StrEnum):
    """Why the venue refused, from its texts (`hyperliquid/errors.py` holds the one table)."""

    TICK = "tick"
    SIZE = "size"
    MIN_NOTIONAL = "min_notional"
    MARGIN = "margin"
    POST_ONLY = "post_only"
    IOC_NO_MATCH = "ioc_no_match"
    REDUCE_ONLY = "reduce_only"
    PRICE_BAND = "price_band"
    OPEN_INTEREST = "open_interest"
    TOO_MANY_ORDERS = "too_many_orders"
    MISSING_ORDER = "missing_order"
    INVALID_MODIFY = "invalid_modify"
    RATE_LIMIT = "rate_limit"
    NONCE = "nonce"
    EXPIRED = "expired"
    SIGNER = "signer"
    VENUE_HALTED = "venue_halted"
    UNKNOWN_TEXT = "unknown_text"


# ---- our orders, fills and account, as the venue reports them ----


class OrderState(enum.StrEnum):
    """What the venue says of an order, folded from its ~35 status words."""

    OPEN = "open"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    ABSENT = "absent"
    UNRECOGNISED = "unrecognised"


class OrderUpdated(Event, frozen=True, gc=False):
    """One `orderUpdates` element. `cloid` is None for orders without one. `word` is the venue's own status."""

    venue_ts: Ms
    coin: Coin
    cloid: Cloid | None
    oid: Oid
    side: Side
    px: Px
    orig_sz: Sz
    remaining_sz: Sz
    state: OrderState
    word: str


class OrderStatusRead(Event, frozen=True, gc=False):
    """Answer to `QueryOrder`: what the venue knows of a cloid. ABSENT means `unknownOid`."""

    cloid: Cloid
    oid: Oid | None
    state: OrderState
    word: str
    orig_sz: Sz | None
    remaining_sz: Sz | None


class OrderFilled(Event, frozen=True, gc=False):
    """One fill of ours. `fee` includes builder fees; negative is a rebate. `snapshot` fills are history."""

    venue_ts: Ms
    coin: Coin
    cloid: Cloid | None
    oid: Oid
    tid: Tid
    side: Side
    px: Px
    sz: Sz
    fee: MicroUsd
    start_position: Sz
    crossed: bool
    snapshot: bool = False


class FundingPaid(Event, frozen=True, gc=False):
    """Funding settled on one coin; negative is paid by us."""

    venue_ts: Ms
    coin: Coin
    amount: MicroUsd
    snapshot: bool = False


class OpenOrder(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One resting order as a snapshot shows it."""

    coin: Coin
    cloid: Cloid | None
    oid: Oid
    side: Side
    px: Px
    remaining_sz: Sz
    orig_sz: Sz
    placed_ms: Ms
    trigger: bool = False


class OpenOrdersRead(Event, frozen=True, gc=False):
    """All open orders of the account. `asked_ts` is when the request left."""

    asked_ts: Ns
    orders: tuple[OpenOrder, ...]


class Holding(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One position as the venue states it. `mark_px` is position value / size, exact."""

    coin: Coin
    sz: Sz
    mark_px: Px
    liquidation_price: float | None = None


class AccountRead(Event, frozen=True, gc=False):
    """Account value, margin and positions at block time `venue_ts`. `asked_ts` is when the request left."""

    asked_ts: Ns
    venue_ts: Ms
    account_value: MicroUsd
    margin_used: MicroUsd
    withdrawable: MicroUsd
    holdings: tuple[Holding, ...]


class MetaRead(Event, frozen=True, gc=False):
    """The instruments of the run, from the venue."""

    instruments: tuple[Instrument, ...]


class FeesRead(Event, frozen=True, gc=False):
    """The account's maker and taker rates, bp of notional; negative maker is a rebate."""

    maker_bps: float
    taker_bps: float


class BudgetRead(Event, frozen=True, gc=False):
    """The account's request budget as the venue counts it."""

    requests_used: int
    requests_cap: int
    volume: MicroUsd


class LeverageRead(Event, frozen=True, gc=False):
    """The account's leverage and margin mode of one coin, as set at the venue."""

    coin: Coin
    leverage: int
    is_cross: bool


class LeverageRefused(Event, frozen=True, gc=False):
    """The venue refused to set a coin's leverage."""

    coin: Coin
    text: str


class RoleRead(Event, frozen=True, gc=False):
    """Whose orders this signer's are: the account the venue maps the signer to."""

    signer: Address
    account: Address


# ---- what the wire could not explain ----


class FrameQuarantined(Event, frozen=True, gc=False):
    """A frame or element that no decoder accepts: counted, kept as text, never guessed."""

    channel: str
    why: str
    text: str


class DriftKind(enum.StrEnum):
    """In what the venue differs from what this program knows."""

    FIELD = "field"
    MESSAGE = "message"
    STATUS = "status"
    TEXT = "text"
    PACE = "pace"


class DriftSeen(Event, frozen=True, gc=False):
    """The session's sentinel saw a message with other fields than known, or a feed slower than subscribed."""

    kind: DriftKind
    what: str


AnyEvent = (
    BboChanged | BookChanged | TradesPrinted | ContextChanged | Tick
    | OrderRested | OrderUpdated | OrderFilled | CancelAcked | OrderRejected | CancelRejected | OrderMatched
    | ActionRefused | RequestLost | RequestUnsent | OrderStatusRead | OpenOrdersRead | AccountRead | FundingPaid
    | MetaRead | FeesRead | BudgetRead | LeverageRead | LeverageRefused | RoleRead
    | FeedConnected | FeedDisconnected | StopRequested | HaltRequested | FrameQuarantined | DriftSeen
)  # fmt: skip
