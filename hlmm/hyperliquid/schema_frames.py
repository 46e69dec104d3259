"""Owns the full shape of everything that arrives by WebSocket: posts, acks, and the payload of every channel."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET

from hlmm.hyperliquid.schema import AssetCtx, Count, Decimal, Maybe, Meta, Shape, SpotCtx
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
from hlmm.hyperliquid.schema_answers import Answer

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


class WebData2(Shape, frozen=True, gc=False):
    """`webData2`, served by request only since 2026."""

    clearinghouse_state: ClearinghouseState
    leading_vaults: list[object]
    total_vault_equity: Decimal
    open_orders: list[FrontendOrder]
    agent_address: str | None
    agent_valid_until: Count | None
    cum_ledger: Decimal
    meta: Meta
    asset_ctxs: list[AssetCtx]
    server_time: Count
    is_vault: bool
    user: str
    twap_states: list[tuple[Count, TwapState]]
    spot_state: SpotState
    spot_asset_ctxs: list[SpotCtx]


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
