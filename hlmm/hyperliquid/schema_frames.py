"""Owns the full shape of everything that arrives by WebSocket or in answer to an action.

Frames are told apart by `channel`, posts by what they answer, answers by `status` and `type`.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET

from hlmm.hyperliquid.schema import AssetCtx, Count, Decimal, Maybe, Shape, SpotCtx
from hlmm.hyperliquid.schema_account import (
    ClearinghouseState,
    Fill,
    FrontendOrder,
    Funding,
    LedgerEntry,
    OrderRecord,
    SpotState,
    TwapEntry,
    TwapSliceFill,
    TwapState,
)

# ---- answers to actions ----


class Resting(Shape, frozen=True, gc=False):
    """An order that rests."""

    oid: Count
    cloid: Maybe[str] = UNSET


class Filled(Shape, frozen=True, gc=False):
    """An order that filled at once."""

    total_sz: Decimal
    avg_px: Decimal
    oid: Count
    cloid: Maybe[str] = UNSET


class OrderOutcome(Shape, frozen=True, gc=False):
    """Exactly one of its fields is present."""

    resting: Maybe[Resting] = UNSET
    filled: Maybe[Filled] = UNSET
    error: Maybe[str] = UNSET


class OrderOutcomes(Shape, frozen=True, gc=False):
    """One element per order."""

    statuses: list[OrderOutcome | Literal["waitingForFill", "waitingForTrigger"]]


class Failed(Shape, frozen=True, gc=False):
    """An item that failed."""

    error: str


class CancelOutcomes(Shape, frozen=True, gc=False):
    """One element per cancel."""

    statuses: list[Failed | Literal["success"]]


class TwapId(Shape, frozen=True, gc=False):
    """A started TWAP."""

    twap_id: Count


class TwapStart(Shape, frozen=True, gc=False):
    """Exactly one of its fields is present."""

    running: Maybe[TwapId] = UNSET
    error: Maybe[str] = UNSET


class TwapStarted(Shape, frozen=True, gc=False):
    """Outcome of `twapOrder`."""

    status: TwapStart


class TwapStopped(Shape, frozen=True, gc=False):
    """Outcome of `twapCancel`."""

    status: Failed | Literal["success"]


class Body(msgspec.Struct, frozen=True, gc=False, tag_field="type", forbid_unknown_fields=True):
    """Base of accepted answers; `type` is the tag."""


class OrderBody(Body, frozen=True, gc=False, tag="order"):
    """Answer to `order` and `batchModify`."""

    data: OrderOutcomes


class CancelBody(Body, frozen=True, gc=False, tag="cancel"):
    """Answer to `cancel` and `cancelByCloid`."""

    data: CancelOutcomes


class DefaultBody(Body, frozen=True, gc=False, tag="default"):
    """Answer of most actions."""


class SubAccountBody(Body, frozen=True, gc=False, tag="createSubAccount"):
    """The new sub-account's address."""

    data: str


class VaultBody(Body, frozen=True, gc=False, tag="createVault"):
    """The new vault's address."""

    data: str


class TwapOrderBody(Body, frozen=True, gc=False, tag="twapOrder"):
    """Answer to `twapOrder`."""

    data: TwapStarted


class TwapCancelBody(Body, frozen=True, gc=False, tag="twapCancel"):
    """Answer to `twapCancel`."""

    data: TwapStopped


class Ok(msgspec.Struct, frozen=True, gc=False, tag_field="status", tag="ok", forbid_unknown_fields=True):
    """The action was taken."""

    response: OrderBody | CancelBody | DefaultBody | SubAccountBody | VaultBody | TwapOrderBody | TwapCancelBody


class Err(msgspec.Struct, frozen=True, gc=False, tag_field="status", tag="err", forbid_unknown_fields=True):
    """The action was refused as a whole."""

    response: str


Answer = Ok | Err

# ---- posts ----


class InfoPayload(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """An info answer; `data` has the shape that `schema_info.INFO` gives for `type`."""

    type: str
    data: msgspec.Raw


class InfoResponse(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="info", forbid_unknown_fields=True):
    """Answer to a posted info request."""

    payload: InfoPayload


class ActionResponse(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="action", forbid_unknown_fields=True):
    """Answer to a posted action."""

    payload: Answer


class ErrorResponse(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="error", forbid_unknown_fields=True):
    """The post failed as an HTTP request would."""

    payload: str


class Posted(Shape, frozen=True, gc=False):
    """The answer to the post with this id."""

    id: Count
    response: InfoResponse | ActionResponse | ErrorResponse


# ---- payloads of channels ----


class Mids(Shape, frozen=True, gc=False):
    """Mid of every coin."""

    mids: dict[str, Decimal]
    dex: Maybe[str] = UNSET


class CoinCtx(Shape, frozen=True, gc=False):
    """A perp's context."""

    coin: str
    ctx: AssetCtx


class CoinSpotCtx(Shape, frozen=True, gc=False):
    """A spot pair's context."""

    coin: str
    ctx: SpotCtx


class AllCtxs(Shape, frozen=True, gc=False):
    """Contexts of every dex."""

    ctxs: list[tuple[str, list[AssetCtx]]]


class DexCtxs(Shape, frozen=True, gc=False):
    """Contexts of one dex."""

    dex: str
    ctxs: list[AssetCtx]


class UserLiquidation(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A liquidation of the user."""

    lid: Count
    liquidator: str
    liquidated_user: str
    liquidated_ntl_pos: Decimal
    liquidated_account_value: Decimal


class NonUserCancel(Shape, frozen=True, gc=False):
    """An order that the venue cancelled."""

    coin: str
    oid: Count


class UserEvent(Shape, frozen=True, gc=False):
    """Exactly one of its fields is present."""

    fills: Maybe[list[Fill]] = UNSET
    funding: Maybe[Funding] = UNSET
    liquidation: Maybe[UserLiquidation] = UNSET
    non_user_cancel: Maybe[list[NonUserCancel]] = UNSET
    twap_history: Maybe[list[TwapEntry]] = UNSET
    twap_slice_fills: Maybe[list[TwapSliceFill]] = UNSET


class UserFillsFeed(Shape, frozen=True, gc=False):
    """Fills; first a snapshot."""

    user: str
    fills: list[Fill]
    is_snapshot: Maybe[bool] = UNSET


class UserFundingsFeed(Shape, frozen=True, gc=False):
    """Funding payments; first a snapshot."""

    user: str
    fundings: list[Funding]
    is_snapshot: Maybe[bool] = UNSET


class LedgerFeed(Shape, frozen=True, gc=False):
    """Other ledger rows; first a snapshot."""

    user: str
    non_funding_ledger_updates: list[LedgerEntry]
    is_snapshot: Maybe[bool] = UNSET


class OpenOrdersFeed(Shape, frozen=True, gc=False):
    """All open orders of a dex."""

    dex: str
    user: str
    orders: list[FrontendOrder]


class StateFeed(Shape, frozen=True, gc=False):
    """The state of one dex."""

    dex: str
    user: str
    clearinghouse_state: ClearinghouseState


class AllStatesFeed(Shape, frozen=True, gc=False):
    """The state of every dex."""

    user: str
    clearinghouse_states: list[tuple[str, ClearinghouseState]]


class SpotStateFeed(Shape, frozen=True, gc=False):
    """Spot balances."""

    user: str
    spot_state: SpotState


class WebUser(Shape, frozen=True, gc=False):
    """The user's part of `webData3`."""

    agent_address: str | None
    agent_valid_until: Count | None
    cum_ledger: Decimal
    server_time: Count
    is_vault: bool
    user: str
    opt_out_of_spot_dusting: Maybe[bool] = UNSET
    is_dex_abstraction: Maybe[bool] = msgspec.field(default=UNSET, name="dexAbstractionEnabled")
    abstraction: Maybe[str] = UNSET


class WebDex(Shape, frozen=True, gc=False):
    """One dex's part of `webData3`."""

    total_vault_equity: Decimal
    perps_at_open_interest_cap: Maybe[list[str]] = UNSET
    leading_vaults: object = UNSET


class WebData(Shape, frozen=True, gc=False):
    """`webData3`."""

    user_state: WebUser
    perp_dex_states: list[WebDex]


class Notice(Shape, frozen=True, gc=False):
    """A text for the user."""

    notification: str


class TwapStatesFeed(Shape, frozen=True, gc=False):
    """Running TWAPs by id."""

    dex: str
    user: str
    states: list[tuple[Count, TwapState]]


class TwapHistoryFeed(Shape, frozen=True, gc=False):
    """Status changes of TWAPs."""

    user: str
    history: list[TwapEntry]
    is_snapshot: Maybe[bool] = UNSET


class TwapFillsFeed(Shape, frozen=True, gc=False):
    """Fills of TWAP slices."""

    user: str
    twap_slice_fills: list[TwapSliceFill]
    is_snapshot: Maybe[bool] = UNSET


class OrderHistoryFeed(Shape, frozen=True, gc=False):
    """Status changes of orders in full."""

    user: str
    order_history: list[OrderRecord]
    is_snapshot: Maybe[bool] = UNSET


class Subscribed(Shape, frozen=True, gc=False):
    """A subscription as the venue echoes it, defaults filled in."""

    type: str
    coin: Maybe[str] = UNSET
    user: Maybe[str] = UNSET
    dex: Maybe[str] = UNSET
    interval: Maybe[str] = UNSET
    n_sig_figs: Maybe[Count | None] = UNSET
    mantissa: Maybe[Count | None] = UNSET
    fast: Maybe[bool] = UNSET
    aggregate_by_time: Maybe[bool] = UNSET
    is_portfolio_margin: Maybe[bool] = UNSET
    ignore_portfolio_margin: Maybe[bool] = UNSET


class Ack(Shape, frozen=True, gc=False):
    """Which subscription was taken or dropped."""

    method: Literal["subscribe", "unsubscribe"]
    subscription: Subscribed
