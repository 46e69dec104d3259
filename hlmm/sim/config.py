"""The simulator's settings: everything `env.sim` in YAML and `hlmm sim` on the command line may say.

Defaults and their sources: block spacing, latencies and feed cadence from measurements of 2026-09.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from hlmm.sim.faults import Fault
from hlmm.sim.live import FeedConfig
from hlmm.sim.played import TapeConfig

FROZEN: Final = ConfigDict(frozen=True, extra="forbid", strict=True)

Bps = Annotated[float, Field(ge=-5.0, le=50.0, allow_inf_nan=False)]
Network = Literal["any", "mainnet", "testnet"]


class NamedTier(BaseModel):
    """A row of the venue's fee schedule, by name (`sim.fees.TIERS`)."""

    model_config = FROZEN

    kind: Literal["named"] = "named"
    name: Literal[
        "tier0", "tier1", "tier2", "tier3", "tier4", "tier5", "tier6",
        "maker-rebate-1", "maker-rebate-2", "maker-rebate-3",
    ] = "maker-rebate-2"  # fmt: skip


class CustomTier(BaseModel):
    """Fee rates of one's own, bp of notional; a negative maker rate is a rebate."""

    model_config = FROZEN

    kind: Literal["custom"] = "custom"
    maker_bps: Bps
    taker_bps: Bps


class ScheduledFees(BaseModel):
    """The venue's own schedule: each account's tier by its 14-day volume. `staked_hype`: what every account staked."""

    model_config = FROZEN

    kind: Literal["schedule"] = "schedule"
    staked_hype: int = Field(default=0, ge=0, le=10**9)


FeeTier = Annotated[NamedTier | CustomTier | ScheduledFees, Field(discriminator="kind")]


class SyntheticMarketConfig(BaseModel):
    """Synthetic traders, calibrated per coin. They trade for `warmup_s` before it opens: it has a past."""

    model_config = FROZEN

    kind: Literal["synthetic"] = "synthetic"
    coins: tuple[str, ...] = Field(
        strict=False, default=("BTC", "ETH", "SOL", "HYPE", "xyz:XYZ100"), min_length=1, max_length=64
    )
    warmup_s: int = Field(default=30, ge=0, le=3_600)


class TapeMarketConfig(BaseModel):
    """Recorded feeds, one file per coin, with a queue-position model for our own orders."""

    model_config = FROZEN

    kind: Literal["tape"] = "tape"
    paths: tuple[str, ...] = Field(strict=False, min_length=1, max_length=64)
    orders: TapeConfig = TapeConfig()


class FeedMarketConfig(FeedConfig):
    """A real venue's public feeds, followed live; our own orders are matched here and never leave."""

    kind: Literal["feed"] = "feed"
    rest_url: str = Field(min_length=1, max_length=200)
    ws_url: str = Field(min_length=1, max_length=200)
    coins: tuple[str, ...] = Field(strict=False, min_length=1, max_length=64)


MarketConfig = Annotated[SyntheticMarketConfig | TapeMarketConfig, Field(discriminator="kind")]


class LatencyConfig(BaseModel):
    """Times at the venue's door. Each has a uniform jitter of `jitter_frac` of itself around it."""

    model_config = FROZEN

    ingress_ms: int = Field(default=30, ge=0, le=10_000)
    taker_delay_ms: int = Field(default=0, ge=0, le=10_000)
    answer_ms: int = Field(default=30, ge=0, le=10_000)
    feed_ms: int = Field(default=30, ge=0, le=10_000)
    info_ms: int = Field(default=20, ge=0, le=10_000)
    jitter_frac: float = Field(default=0.3, ge=0.0, le=1.0, allow_inf_nan=False)


class CadenceConfig(BaseModel):
    """How often the venue pushes what it does not push per block."""

    model_config = FROZEN

    block_ms: int = Field(default=80, ge=10, le=5_000)
    block_jitter_frac: float = Field(default=0.25, ge=0.0, le=0.9, allow_inf_nan=False)
    book_ms: int = Field(default=5_360, ge=50, le=60_000)
    fast_book_ms: int = Field(default=540, ge=50, le=60_000)
    mids_ms: int = Field(default=5_050, ge=50, le=60_000)
    context_ms: int = Field(default=1_000, ge=50, le=60_000)
    state_ms: int = Field(default=5_000, ge=50, le=60_000)
    oracle_ms: int = Field(default=3_000, ge=100, le=60_000)
    premium_ms: int = Field(default=5_000, ge=100, le=60_000)


class LimitConfig(BaseModel):
    """The venue's limits; None or zero switches one off where the live venue may differ by network."""

    model_config = FROZEN

    base_requests: int = Field(default=10_000, ge=0, le=10**12)
    throttled_action_ms: int = Field(default=10_000, ge=0, le=600_000)
    schedule_cancel_volume_usd: int = Field(default=1_000_000, ge=0, le=10**12)
    schedule_cancel_per_day: int = Field(default=10, ge=1, le=10**6)
    open_orders: int = Field(default=1_000, ge=1, le=100_000)
    post_only_ms: int = Field(default=0, ge=0, le=3_600_000)
    ip_weight_per_min: int | None = Field(default=None, ge=1, le=10**9)
    ws_users: int | None = Field(default=None, ge=1, le=10**6)
    ws_connections: int | None = Field(default=None, ge=1, le=10**6)
    ws_new_per_min: int | None = Field(default=None, ge=1, le=10**6)
    ws_subscriptions: int | None = Field(default=None, ge=1, le=10**6)
    ws_messages_per_min: int | None = Field(default=None, ge=1, le=10**9)
    ws_posts_in_flight: int = Field(default=100, ge=1, le=10**6)
    ws_idle_close_ms: int = Field(default=60_000, ge=1_000, le=3_600_000)


class BuilderDexConfig(BaseModel):
    """Terms of the builder (HIP-3) dexes: the deployer's fee scale, and the coins in growth mode."""

    model_config = FROZEN

    fee_scale: float = Field(default=1.0, ge=0.0, le=3.0, allow_inf_nan=False)
    growth_coins: tuple[str, ...] = Field(strict=False, default=(), max_length=64)


class OpenInterestCap(BaseModel):
    """Where a coin's open interest stops growing, USD of notional."""

    model_config = FROZEN

    coin: str = Field(min_length=1, max_length=64)
    usd: int = Field(ge=0, le=10**12)


class ExchangeConfig(BaseModel):
    """The exchange of a simulated venue, whatever its market.

    The default account is an established maker: `prior_volume_usd` opens `scheduleCancel` and earns the rebate tier,
    `prior_requests` leaves it the 10,000 requests of headroom that a new account would have.
    """

    model_config = FROZEN

    fees: FeeTier = NamedTier()
    seed: int = Field(default=1, ge=0, le=2**63 - 1)
    accounts: int = Field(default=3, ge=1, le=100)
    deposit_usd: int = Field(default=100_000, ge=0, le=10**9)
    prior_volume_usd: int = Field(default=2_000_000, ge=0, le=10**12)
    prior_requests: int = Field(default=2_000_000, ge=0, le=10**12)
    network: Network = "any"
    latency: LatencyConfig = LatencyConfig()
    cadence: CadenceConfig = CadenceConfig()
    limits: LimitConfig = LimitConfig()
    builder_dexes: BuilderDexConfig = BuilderDexConfig()
    open_interest_caps: tuple[OpenInterestCap, ...] = Field(strict=False, default=(), max_length=64)
    faults: tuple[Fault, ...] = Field(
        strict=False, default=(), max_length=1_000, description="what goes wrong, and when (`hlmm.sim.faults`)"
    )
    host: Literal["127.0.0.1", "::1"] = "127.0.0.1"
    port: int = Field(default=0, ge=0, le=65_535)


class SimConfig(ExchangeConfig):
    """One simulated venue. `speed`: venue seconds per second."""

    market: MarketConfig = SyntheticMarketConfig()
    speed: float = Field(default=1.0, ge=0.01, le=1_000.0, allow_inf_nan=False)


class PaperConfig(ExchangeConfig):
    """One simulated venue in real time, on a real venue's public feeds."""

    market: FeedMarketConfig

    @property
    def speed(self) -> float:
        """Venue seconds per second: the real venue's clock cannot be hurried."""
        return 1.0


AnySimConfig = SimConfig | PaperConfig
