"""The parameters of a synthetic coin (`TraderConfig`) and the shipped presets.

BTC, ETH and SOL were fitted so that a simulated tape has the statistics of Hyperliquid's own, recorded on
4 September 2025 (spread, volatility at 1 s, 10 s and 60 s, order rate and size, penetration, touch size, maker
markouts); `tests/sim/test_traders.py` states how closely. HYPE and xyz:XYZ100 have no recording: they are the SOL
shape scaled to a smaller and thinner coin, and claim no more than that.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Mapping


class TraderConfig(BaseModel):
    """What trades in the background of one coin, and how much of it. Rates are per second of venue time."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    start_px_usd: float = Field(ge=1e-4, le=1e7, description="Price at the start.")
    jump_rate_per_s: float = Field(ge=0.0, le=10.0, description="News: jumps of the efficient price.")
    jump_mean_bps: float = Field(ge=0.0, le=100.0, description="Mean absolute size of a jump (exponential).")
    diffusion_bps_sqrt_s: float = Field(ge=0.0, le=100.0, description="Volatility between jumps.")
    tracking_s: float = Field(ge=0.02, le=30.0, description="Mean wait until makers follow the efficient price.")
    inertia_ticks: float = Field(ge=0.5, le=10.0, description="Distance of the mid that makers do not correct.")
    sweep_frac: float = Field(ge=0.0, le=1.0, description="Share of maker moves that a taker runs ahead of.")
    stale_usd: float = Field(ge=0.0, le=1e7, description="Median size a sweep finds left on each stale level.")
    refill_s: float = Field(ge=0.0, le=10.0, description="Mean time until the spread closes after a move.")
    touch_births_per_s: float = Field(ge=0.1, le=50.0, description="New orders at the touch, per side.")
    touch_deaths_per_s: float = Field(ge=0.001, le=10.0, description="Cancels at the touch, per resting order.")
    maker_usd: float = Field(ge=10.0, le=1e7, description="Median size of a maker's order at the touch.")
    maker_log_sd: float = Field(ge=0.0, le=4.0, description="Log-sd of a maker's order size.")
    behind_frac: float = Field(ge=0.01, le=10.0, description="Size of orders behind the touch, of those at it.")
    levels: int = Field(ge=5, le=100, description="Levels kept per side.")
    order_rate_per_s: float = Field(ge=0.0, le=50.0, description="Uninformed taker orders, both sides, long run.")
    cluster_frac: float = Field(ge=0.0, le=0.9, description="Share of them excited by earlier ones (Hawkes).")
    cluster_s: float = Field(ge=0.05, le=60.0, description="Memory of that excitement.")
    burst_frac: float = Field(ge=0.0, le=0.9, description="Chance that one more of the same side joins its block.")
    order_usd: float = Field(ge=1.0, le=1e7, description="Median taker order.")
    order_log_sd: float = Field(ge=0.0, le=5.0, description="Log-sd of taker orders.")
    order_max_usd: float = Field(ge=10.0, le=1e8, description="Largest taker order.")
    walk_bps: float = Field(ge=0.0, le=50.0, description="Mean distance beyond the touch a taker accepts.")
    impact_bps: float = Field(ge=0.0, le=10.0, description="Permanent move of the efficient price per taker order.")
    informed_frac: float = Field(ge=0.0, le=1.0, description="Share of taker orders that know the efficient price.")


BTC: Final = TraderConfig(
    start_px_usd=110_000.0,
    jump_rate_per_s=0.2,
    jump_mean_bps=0.9,
    diffusion_bps_sqrt_s=0.05,
    tracking_s=1.1,
    inertia_ticks=1.2,
    sweep_frac=0.65,
    stale_usd=2_500.0,
    refill_s=0.18,
    touch_births_per_s=2.5,
    touch_deaths_per_s=0.16,
    maker_usd=46_000.0,
    maker_log_sd=1.8,
    behind_frac=0.37,
    levels=24,
    order_rate_per_s=0.95,
    cluster_frac=0.16,
    cluster_s=2.0,
    burst_frac=0.5,
    order_usd=25.0,
    order_log_sd=4.2,
    order_max_usd=1_500_000.0,
    walk_bps=0.55,
    impact_bps=0.024,
    informed_frac=0.09,
)

ETH: Final = TraderConfig(
    start_px_usd=4_300.0,
    jump_rate_per_s=0.095,
    jump_mean_bps=2.6,
    diffusion_bps_sqrt_s=0.15,
    tracking_s=0.42,
    inertia_ticks=1.2,
    sweep_frac=0.6,
    stale_usd=2_900.0,
    refill_s=0.16,
    touch_births_per_s=3.1,
    touch_deaths_per_s=0.17,
    maker_usd=27_000.0,
    maker_log_sd=1.8,
    behind_frac=2.0,
    levels=24,
    order_rate_per_s=1.1,
    cluster_frac=0.16,
    cluster_s=2.0,
    burst_frac=0.52,
    order_usd=11.0,
    order_log_sd=4.6,
    order_max_usd=2_000_000.0,
    walk_bps=0.6,
    impact_bps=0.087,
    informed_frac=0.06,
)

SOL: Final = TraderConfig(
    start_px_usd=202.0,
    jump_rate_per_s=0.25,
    jump_mean_bps=1.8,
    diffusion_bps_sqrt_s=0.2,
    tracking_s=0.7,
    inertia_ticks=1.0,
    sweep_frac=0.36,
    stale_usd=2_500.0,
    refill_s=0.15,
    touch_births_per_s=2.5,
    touch_deaths_per_s=0.16,
    maker_usd=8_000.0,
    maker_log_sd=1.8,
    behind_frac=3.4,
    levels=24,
    order_rate_per_s=0.78,
    cluster_frac=0.16,
    cluster_s=2.0,
    burst_frac=0.5,
    order_usd=5.0,
    order_log_sd=5.0,
    order_max_usd=1_500_000.0,
    walk_bps=0.7,
    impact_bps=0.1,
    informed_frac=0.09,
)

HYPE: Final = SOL.model_copy(
    update={
        "start_px_usd": 45.0,
        "jump_rate_per_s": 0.25,
        "jump_mean_bps": 2.6,
        "inertia_ticks": 1.5,
        "maker_usd": 1_500.0,
        "stale_usd": 400.0,
        "order_rate_per_s": 0.7,
        "order_max_usd": 300_000.0,
        "walk_bps": 1.5,
        "refill_s": 0.4,
        "impact_bps": 0.15,
    }
)

XYZ100: Final = SOL.model_copy(
    update={
        "start_px_usd": 24_000.0,
        "jump_rate_per_s": 0.1,
        "jump_mean_bps": 1.0,
        "maker_usd": 3_000.0,
        "stale_usd": 800.0,
        "order_rate_per_s": 0.25,
        "order_max_usd": 200_000.0,
        "refill_s": 0.4,
        "impact_bps": 0.08,
        "touch_births_per_s": 1.2,
        "touch_deaths_per_s": 0.12,
    }
)

PRESETS: Final[Mapping[str, TraderConfig]] = MappingProxyType(
    {"BTC": BTC, "ETH": ETH, "SOL": SOL, "HYPE": HYPE, "xyz:XYZ100": XYZ100}
)
"""Preset by the coin's name on the wire."""
