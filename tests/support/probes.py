"""What a probe is, the configurations probes start from, and the probes of the keys that the engine runs on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from hlmm.config.run_config import RunConfig
from hlmm.shell.env import SimEnv, SimVenue
from hlmm.shell.settings import RunConfig as ShellConfig
from hlmm.sim.config import SyntheticMarketConfig
from tests.support import stories, ventures
from tests.support.engines import engine_config
from tests.support.tiny_venue import CONFIG as FLATTEN

Scenario = Callable[[RunConfig], object]
NOTHING: Final[Mapping[str, object]] = {}


class Probe(NamedTuple):
    """A key's other value, what is played with both values, and what else must be set for the key to matter."""

    value: object
    scenario: Scenario
    given: Mapping[str, object] = NOTHING


def simulated() -> RunConfig:
    """One profitable coin on a small embedded venue."""
    engine = engine_config()
    return RunConfig(
        assets={"BTC": engine.coins[0]},
        risk=engine.risk,
        budget=engine.budget,
        timing=engine.timing,
        env=SimEnv(kind="sim", sim=SimVenue(market=SyntheticMarketConfig(coins=("BTC",), warmup_s=2))),
        flatten=FLATTEN,
        run=ShellConfig(),
    )


MARKET: Final = "assets.*.market."
SPREAD: Final = "assets.*.spread."
STOCHASTIC: Final = "assets.*.stochastic."
BAND: Final = "assets.*.band."
LIMITS: Final = "assets.*.limits."

COSTLY: Final = {SPREAD + "edge_min_bps": 50.0}
PICKY: Final = {SPREAD + "unprofitable": "abstain"}
LEANING: Final = {STOCHASTIC + "imbalance_shift_kappa": 2.0}
BOLD: Final = {STOCHASTIC + "fair_shift_max_kappa": 5.0}
EAGER: Final = {STOCHASTIC + "flow_prior_s": 20.0}
WIDE_BAND: Final = {BAND + "band_max_kappa": 10.0}
WARY: Final = {SPREAD + "cold_widen_bps": 2.0}
JUMPY: Final = {"risk.rejects_max": 3}

ENGINE: Final[Mapping[str, Probe]] = {
    "assets.*.coin": Probe("ETH", stories.market),
    "assets.*.leverage": Probe(1, stories.poor),
    "assets.*.margin_mode": Probe("isolated", stories.poor),
    MARKET + "sigma_bps_sqrt_s": Probe(1.5, stories.market),
    MARKET + "arrival_rate_per_s": Probe(0.05, stories.market),
    MARKET + "kappa_per_bps": Probe(1.2, stories.market),
    MARKET + "markout_bps": Probe(-0.8, stories.market),
    SPREAD + "target_inventory_usd": Probe(800.0, stories.market),
    SPREAD + "level_usd": Probe(300.0, stories.market),
    SPREAD + "level_count": Probe(1, stories.market),
    SPREAD + "level_spacing_kappa": Probe(1.0, stories.market),
    SPREAD + "half_spread_min_bps": Probe(3.0, stories.market),
    SPREAD + "half_spread_max_bps": Probe(0.5, stories.market),
    SPREAD + "edge_min_bps": Probe(50.0, stories.market, PICKY),
    SPREAD + "unprofitable": Probe("abstain", stories.market, COSTLY),
    SPREAD + "cold_widen_bps": Probe(0.0, stories.market),
    SPREAD + "cold_size_frac": Probe(0.5, stories.market),
    STOCHASTIC + "sigma_sample_s": Probe(2.0, stories.market),
    STOCHASTIC + "sigma_fast_halflife_s": Probe(5.0, stories.market),
    STOCHASTIC + "sigma_slow_halflife_s": Probe(60.0, stories.market),
    STOCHASTIC + "sigma_prior_samples": Probe(5.0, stories.market),
    STOCHASTIC + "sigma_floor_frac": Probe(1.0, stories.minute),
    STOCHASTIC + "flow_fast_halflife_s": Probe(5.0, stories.minute, EAGER),
    STOCHASTIC + "flow_slow_halflife_s": Probe(61.0, stories.minute, EAGER),
    STOCHASTIC + "flow_fast_weight_frac": Probe(1.0, stories.market),
    STOCHASTIC + "flow_prior_s": Probe(20.0, stories.minute),
    STOCHASTIC + "depth_halflife_s": Probe(5.0, stories.market),
    STOCHASTIC + "depth_prior_events": Probe(5.0, stories.market),
    STOCHASTIC + "depth_window_low_kappa": Probe(1.0, stories.market),
    STOCHASTIC + "depth_window_high_kappa": Probe(1.0, stories.market),
    STOCHASTIC + "markout_horizon_s": Probe(1.0, stories.market),
    STOCHASTIC + "markout_window_low_kappa": Probe(2.0, stories.market),
    STOCHASTIC + "markout_halflife_s": Probe(5.0, stories.market),
    STOCHASTIC + "markout_prior_events": Probe(1.0, stories.market),
    STOCHASTIC + "microprice_weight_frac": Probe(1.0, stories.uneven, BOLD),
    STOCHASTIC + "imbalance_shift_kappa": Probe(2.0, stories.market),
    STOCHASTIC + "imbalance_halflife_s": Probe(60.0, stories.market, LEANING),
    STOCHASTIC + "fair_shift_max_kappa": Probe(0.0, stories.market, LEANING),
    STOCHASTIC + "latency_prior_s": Probe(3.0, stories.market),
    STOCHASTIC + "latency_prior_events": Probe(1.0, stories.market),
    STOCHASTIC + "latency_halflife_events": Probe(1.0, stories.market),
    STOCHASTIC + "gap_max_s": Probe(0.5, stories.market),
    STOCHASTIC + "stale_max_s": Probe(0.5, stories.silences, WARY),
    STOCHASTIC + "survey_s": Probe(5.0, stories.market),
    STOCHASTIC + "resolve_frac": Probe(0.5, stories.market),
    BAND + "requote_cost_usd": Probe(0.1, stories.market, WIDE_BAND),
    BAND + "queue_value_frac": Probe(1.0, stories.market, WIDE_BAND),
    BAND + "band_min_kappa": Probe(5.0, stories.market, WIDE_BAND),
    BAND + "band_max_kappa": Probe(0.05, stories.market),
    BAND + "size_tolerance_frac": Probe(0.0, stories.market),
    LIMITS + "max_position_usd": Probe(1_000.0, stories.market),
    LIMITS + "max_order_usd": Probe(100.0, stories.market),
    LIMITS + "price_band_bps": Probe(1.0, stories.market),
    LIMITS + "feed_age_max_s": Probe(20.0, stories.silences),
    LIMITS + "context_age_max_s": Probe(600.0, stories.silences),
    LIMITS + "mark_divergence_max_bps": Probe(10.0, stories.apart),
    LIMITS + "oracle_divergence_max_bps": Probe(10.0, stories.apart),
    LIMITS + "spread_max_bps": Probe(2.0, stories.apart),
    LIMITS + "fill_burst_max": Probe(1, stories.burst),
    LIMITS + "fill_burst_window_s": Probe(60.0, stories.burst, {LIMITS + "fill_burst_max": 3}),
    "risk.loss_max_usd": Probe(10.0, stories.long_inventory),
    "risk.drawdown_max_frac": Probe(0.01, stories.long_inventory),
    "risk.margin_used_max_frac": Probe(0.1, stories.long_inventory),
    "risk.portfolio_max_usd": Probe(1_000.0, stories.long_inventory),
    "risk.rejects_max": Probe(2, stories.refused),
    "risk.rejects_window_s": Probe(5.0, stories.refused, JUMPY),
    "risk.unknown_orders_max": Probe(0, stories.lost),
    "risk.position_drift_reads": Probe(5, stories.drifted),
    "budget.reserve_requests": Probe(500, stories.scarce),
    "budget.scarce_requests": Probe(1, stories.scarce),
    "budget.band_scarce_max": Probe(1.0, stories.scarce),
    "budget.batch_max": Probe(2, ventures.wire),
    "timing.sync_s": Probe(3.0, stories.quiet),
    "timing.budget_read_s": Probe(20.0, stories.quiet),
    "timing.query_after_s": Probe(3.0, stories.lost),
    "timing.absent_after_s": Probe(30.0, stories.lost),
    "timing.markout_s": Probe(1.0, stories.pnl),
    "timing.requote_gap_ms": Probe(5_000, stories.market),
}
"""By key: every key of assets, risk, budget and timing but the tick, which the shell sends."""
