"""Owns the full shape of what the venue tells of an account: state, orders, fills, funding, ledger, fees, roles."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, field

from hlmm.hyperliquid.schema import Count, Decimal, Maybe, Shape, SideLetter

# ---- state ----


class MarginSummary(Shape, frozen=True, gc=False):
    """Money of one margin pool, USD."""

    account_value: Decimal
    total_ntl_pos: Decimal
    total_raw_usd: Decimal
    total_margin_used: Decimal


class Leverage(Shape, frozen=True, gc=False):
    """A leverage setting; `raw_usd` of an isolated position only."""

    type: Literal["cross", "isolated"]
    value: Count
    raw_usd: Maybe[Decimal] = UNSET


class CumFunding(Shape, frozen=True, gc=False):
    """Funding paid on a position, USD."""

    all_time: Decimal
    since_open: Decimal
    since_change: Decimal


class Position(Shape, frozen=True, gc=False):
    """One position."""

    coin: str
    szi: Decimal
    leverage: Leverage
    entry_px: Decimal | None
    position_value: Decimal
    unrealized_pnl: Decimal
    return_on_equity: Decimal
    liquidation_px: Decimal | None
    margin_used: Decimal
    max_leverage: Maybe[Count] = UNSET
    cum_funding: Maybe[CumFunding] = UNSET
    max_trade_szs: Maybe[tuple[Decimal, Decimal]] = UNSET


class AssetPosition(Shape, frozen=True, gc=False):
    """A position and its mode."""

    type: Literal["oneWay"]
    position: Position


class ClearinghouseState(Shape, frozen=True, gc=False):
    """`clearinghouseState` of one dex."""

    margin_summary: MarginSummary
    cross_margin_summary: MarginSummary
    withdrawable: Decimal
    asset_positions: list[AssetPosition]
    cross_maintenance_margin_used: Maybe[Decimal] = UNSET
    time: Maybe[Count] = UNSET


class SpotBalance(Shape, frozen=True, gc=False):
    """One token's balance."""

    coin: str
    token: Count
    total: Decimal
    hold: Decimal
    entry_ntl: Decimal
    spot_hold: Maybe[Decimal] = UNSET
    ltv: Maybe[Decimal] = UNSET
    borrowed: Maybe[Decimal] = UNSET
    supplied: Maybe[Decimal] = UNSET


class SpotState(Shape, frozen=True, gc=False):
    """`spotClearinghouseState`."""

    balances: list[SpotBalance]
    evm_escrows: Maybe[list[SpotBalance]] = UNSET
    is_portfolio_margin: Maybe[bool] = field(default=UNSET, name="portfolioMarginEnabled")
    portfolio_margin_ratio: Maybe[Decimal] = UNSET
    token_to_portfolio_borrow_ratio: Maybe[list[tuple[Count, Decimal]]] = UNSET
    token_to_portfolio_supply_ratio: Maybe[list[tuple[Count, Decimal]]] = UNSET
    token_to_available_after_maintenance: Maybe[list[tuple[Count, Decimal]]] = UNSET


class ActiveAsset(Shape, frozen=True, gc=False):
    """`activeAssetData`: leverage, and what could be traded on each side."""

    user: str
    coin: str
    leverage: Leverage
    max_trade_szs: tuple[Decimal, Decimal]
    available_to_trade: tuple[Decimal, Decimal]
    mark_px: Maybe[Decimal] = UNSET


# ---- orders ----


class OpenOrder(Shape, frozen=True, gc=False):
    """An order as `openOrders` and `orderUpdates` show it."""

    coin: str
    side: SideLetter
    limit_px: Decimal
    sz: Decimal
    oid: Count
    timestamp: Count
    orig_sz: Maybe[Decimal] = UNSET
    cloid: Maybe[str | None] = UNSET
    reduce_only: Maybe[bool] = UNSET


class FrontendOrder(Shape, frozen=True, gc=False):
    """An order with all its properties."""

    coin: str
    side: SideLetter
    limit_px: Decimal
    sz: Decimal
    oid: Count
    timestamp: Count
    trigger_condition: str
    is_trigger: bool
    trigger_px: Decimal
    children: list[FrontendOrder]
    is_position_tpsl: bool
    reduce_only: bool
    order_type: Literal[
        "Market", "Limit", "Stop Market", "Stop Limit", "Take Profit Market", "Take Profit Limit", "Twap Slice",
        "Vault Close", "Spot Dust Conversion",
    ]  # fmt: skip
    orig_sz: Decimal
    tif: Literal["Gtc", "Ioc", "Alo", "FrontendMarket", "LiquidationMarket"] | None
    cloid: Maybe[str | None] = UNSET


class OrderUpdate(Shape, frozen=True, gc=False):
    """One element of `orderUpdates`."""

    order: OpenOrder
    status: str
    status_timestamp: Count


class OrderRecord(Shape, frozen=True, gc=False):
    """One status change in full."""

    order: FrontendOrder
    status: str
    status_timestamp: Count


class OrderStatus(Shape, frozen=True, gc=False):
    """`orderStatus`."""

    status: Literal["order", "unknownOid"]
    order: Maybe[OrderRecord] = UNSET


# ---- fills and money ----


class FillLiquidation(Shape, frozen=True, gc=False):
    """The liquidation that a fill belongs to."""

    mark_px: Decimal
    method: Literal["market", "backstop"]
    liquidated_user: Maybe[str] = UNSET


class Fill(Shape, frozen=True, gc=False):
    """One fill. `fee` contains `builder_fee`; negative is a rebate."""

    coin: str
    px: Decimal
    sz: Decimal
    side: SideLetter
    time: Count
    start_position: Decimal
    dir: str
    closed_pnl: Decimal
    hash: str
    oid: Count
    crossed: bool
    fee: Maybe[Decimal] = UNSET
    tid: Maybe[Count] = UNSET
    cloid: Maybe[str] = UNSET
    liquidation: Maybe[FillLiquidation | None] = UNSET
    fee_token: Maybe[str] = UNSET
    builder_fee: Maybe[Decimal] = UNSET
    builder: Maybe[str] = UNSET
    fee_trial_escrow: Maybe[Decimal] = UNSET
    twap_id: Maybe[Count | None] = UNSET


class Funding(Shape, frozen=True, gc=False):
    """One payment as the feed shows it; `usdc` negative is paid."""

    time: Count
    coin: str
    usdc: Decimal
    szi: Decimal
    funding_rate: Decimal
    n_samples: Maybe[Count | None] = UNSET


class FundingDelta(Shape, frozen=True, gc=False):
    """One payment as the ledger shows it."""

    type: Literal["funding"]
    coin: str
    usdc: Decimal
    szi: Decimal
    funding_rate: Decimal
    n_samples: Maybe[Count | None] = UNSET


class FundingEntry(Shape, frozen=True, gc=False):
    """A ledger row of funding."""

    time: Count
    hash: str
    delta: FundingDelta


class LiquidatedPosition(Shape, frozen=True, gc=False):
    """What a liquidation took."""

    coin: str
    szi: Decimal


class LedgerDelta(Shape, frozen=True, gc=False):
    """Any other movement of money; which fields there are depends on the type."""

    type: str
    usdc: Maybe[Decimal] = UNSET
    amount: Maybe[Decimal] = UNSET
    token: Maybe[str] = UNSET
    usdc_value: Maybe[Decimal] = UNSET
    user: Maybe[str] = UNSET
    destination: Maybe[str] = UNSET
    source_dex: Maybe[str] = UNSET
    destination_dex: Maybe[str] = UNSET
    fee: Maybe[Decimal] = UNSET
    native_token_fee: Maybe[Decimal] = UNSET
    fee_token: Maybe[str] = UNSET
    nonce: Maybe[Count | None] = UNSET
    to_perp: Maybe[bool] = UNSET
    vault: Maybe[str] = UNSET
    requested_usd: Maybe[Decimal] = UNSET
    commission: Maybe[Decimal] = UNSET
    closing_cost: Maybe[Decimal] = UNSET
    basis: Maybe[Decimal] = UNSET
    net_withdrawn_usd: Maybe[Decimal] = UNSET
    account_value: Maybe[Decimal] = UNSET
    leverage_type: Maybe[Literal["Cross", "Isolated"]] = UNSET
    liquidated_ntl_pos: Maybe[Decimal] = UNSET
    liquidated_positions: Maybe[list[LiquidatedPosition]] = UNSET
    dex: Maybe[str] = UNSET
    is_deposit: Maybe[bool] = UNSET
    operation: Maybe[str] = UNSET


class LedgerEntry(Shape, frozen=True, gc=False):
    """A ledger row."""

    time: Count
    hash: str
    delta: LedgerDelta


class TwapState(Shape, frozen=True, gc=False):
    """A running TWAP."""

    coin: str
    user: str
    side: SideLetter
    sz: Decimal
    executed_sz: Decimal
    executed_ntl: Decimal
    minutes: Count
    reduce_only: bool
    randomize: bool
    timestamp: Count
    stop_px: Maybe[Decimal | None] = UNSET
    trigger: object = UNSET


class TwapStatus(Shape, frozen=True, gc=False):
    """How far a TWAP is."""

    status: Literal["activated", "finished", "terminated", "waitingForTrigger", "stopped", "error"]
    description: Maybe[str] = UNSET


class TwapEntry(Shape, frozen=True, gc=False):
    """A status change of a TWAP; `time` in seconds."""

    time: Count
    state: TwapState
    status: TwapStatus
    twap_id: Maybe[Count | None] = UNSET


class TwapSliceFill(Shape, frozen=True, gc=False):
    """A fill of a TWAP slice."""

    fill: Fill
    twap_id: Count
