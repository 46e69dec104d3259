"""The core's own config models: what each number means, its unit and both of its bounds.

Kept together because the engine sums them; each is used by the module of its name.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hlmm.model.parameters import Frozen, MarketPriors, StochasticConfig


class SpreadConfig(Frozen):
    """`spread_profile`: how a coin is quoted."""

    target_inventory_usd: float = Field(
        ge=10.0, le=1e8, description="wanted standard deviation of inventory; sets gamma"
    )
    level_usd: float = Field(ge=10.0, le=1e7, description="notional of one order, the model's lot")
    level_count: int = Field(ge=1, le=20, description="orders per side")
    level_spacing_kappa: float = Field(ge=0.02, le=5.0, description="distance between levels in units of 1/kappa")
    half_spread_min_bps: float = Field(
        ge=0.0, le=100.0, description="floor of the touch quote's distance from fair value"
    )
    half_spread_max_bps: float = Field(ge=0.1, le=1000.0, description="beyond it no quote is placed on that side")
    edge_min_bps: float = Field(ge=-10.0, le=100.0, description="least expected edge per fill after fee and markout")
    unprofitable: Literal["abstain", "quote"] = Field(description="what to do when no depth earns edge_min_bps")
    cold_widen_bps: float = Field(
        ge=0.0, le=100.0, description="added to both sides while an estimator runs on its prior"
    )
    cold_size_frac: float = Field(ge=0.01, le=1.0, description="size multiplier while an estimator runs on its prior")


class BandConfig(Frozen):
    """`impulse.band`: when a resting order is worth a request."""

    requote_cost_usd: float = Field(ge=1e-6, le=1.0, description="what one requote is charged")
    queue_value_frac: float = Field(ge=0.0, le=1.0, description="part of one tick on one level added to that charge")
    band_min_kappa: float = Field(ge=0.0, le=5.0, description="floor of the band in units of 1/kappa")
    band_max_kappa: float = Field(ge=0.01, le=10.0, description="cap of the band in units of 1/kappa")
    size_tolerance_frac: float = Field(ge=0.0, le=1.0, description="a smaller shortfall of size is left alone")


class CoinLimits(Frozen):
    """`risk.limits`: hard limits of one coin."""

    max_position_usd: float = Field(ge=10.0, le=1e9, description="worst case of position, resting and in flight")
    max_order_usd: float = Field(ge=10.0, le=1e8, description="largest single order")
    price_band_bps: float = Field(ge=1.0, le=5000.0, description="no order farther than this from the oracle price")
    feed_age_max_s: float = Field(ge=0.1, le=120.0, description="older top of book pulls the quotes")
    context_age_max_s: float = Field(ge=1.0, le=600.0, description="older mark and oracle pull the quotes")
    mark_divergence_max_bps: float = Field(ge=1.0, le=5000.0, description="mid against mark beyond it pulls")
    oracle_divergence_max_bps: float = Field(ge=1.0, le=5000.0, description="mid against oracle beyond it pulls")
    spread_max_bps: float = Field(ge=0.1, le=5000.0, description="a wider market pulls")
    fill_burst_max: int = Field(ge=1, le=1000, description="own fills of one side within the window that pull")
    fill_burst_window_s: float = Field(ge=0.1, le=600.0, description="window of fill_burst_max, and its pause")


class RiskConfig(Frozen):
    """`risk.account`: limits of the whole account."""

    loss_max_usd: float = Field(ge=1.0, le=1e8, description="loss since start that halts")
    drawdown_max_frac: float = Field(ge=0.001, le=1.0, description="fall of equity from its peak that halts")
    margin_used_max_frac: float = Field(ge=0.01, le=1.0, description="margin used / account value: beyond, reduce only")
    portfolio_max_usd: float = Field(ge=10.0, le=1e9, description="sum of |position|: beyond it, reduce only")
    rejects_max: int = Field(ge=1, le=10_000, description="refused orders within the window that pull")
    rejects_window_s: float = Field(ge=1.0, le=3600.0, description="window of rejects_max; also the pause after it")
    unknown_orders_max: int = Field(ge=0, le=1000, description="orders of unknown outcome beyond it pull")
    position_drift_reads: int = Field(ge=1, le=20, description="account reads in a row that disagree before the alarm")


class BudgetConfig(Frozen):
    """`impulse.budget`: the account's requests."""

    reserve_requests: int = Field(ge=0, le=100_000, description="kept back: below it nothing new is placed")
    scarce_requests: int = Field(ge=1, le=1_000_000, description="below it the band widens to band_scarce_max")
    band_scarce_max: float = Field(ge=1.0, le=20.0, description="band multiplier when only the reserve is left")
    batch_max: int = Field(ge=1, le=200, description="orders in one action; the venue's cap is 200")


class TimingConfig(Frozen):
    """`run`'s part that the core uses: its deadlines."""

    tick_ms: int = Field(ge=5, le=5000, description="time between `Tick` events")
    sync_s: float = Field(ge=1.0, le=300.0, description="time between reads of account and open orders")
    budget_read_s: float = Field(ge=5.0, le=3600.0, description="time between reads of the request budget")
    query_after_s: float = Field(ge=0.1, le=60.0, description="wait before asking what became of an order")
    absent_after_s: float = Field(ge=1.0, le=600.0, description="an order unknown to the venue this long never existed")
    markout_s: float = Field(ge=0.5, le=60.0, description="horizon that splits adverse selection from inventory PnL")
    requote_gap_ms: int = Field(ge=0, le=60_000, description="least time between two requotes of one order")


class CoinConfig(Frozen):
    """Everything one coin runs on."""

    coin: str = Field(
        pattern=r"^([a-z0-9]{1,6}:)?[A-Za-z0-9]{1,16}$", description="name on the wire; dex:COIN is HIP-3"
    )
    leverage: int = Field(ge=1, le=50, description="set at the venue; position limit as a multiple of account value")
    margin_mode: Literal["cross", "isolated"] = Field(description="set at the venue; builder-dex coins are isolated")
    market: MarketPriors
    spread: SpreadConfig
    stochastic: StochasticConfig
    band: BandConfig
    limits: CoinLimits


class EngineConfig(Frozen):
    """Everything one engine runs on."""

    coins: tuple[CoinConfig, ...] = Field(min_length=1, max_length=100)
    risk: RiskConfig
    budget: BudgetConfig
    timing: TimingConfig
