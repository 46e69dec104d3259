"""Problems, presets and synthetic feeds that the model's tests share."""

from __future__ import annotations

import math
import random
from typing import Final

from hypothesis import strategies as st
from msgspec.structs import replace

from hlmm.model.estimate import BPS, MarketEstimate
from hlmm.model.estimators import CoinEstimators
from hlmm.model.glft import GlftParameters
from hlmm.model.parameters import MarketPriors, StochasticConfig

PRIORS: Final = MarketPriors(sigma_bps_sqrt_s=1.0, arrival_rate_per_s=0.5, kappa_per_bps=1.0, markout_bps=-0.3)

STOCHASTIC: Final = StochasticConfig(
    sigma_sample_s=1.0,
    sigma_fast_halflife_s=45.0,
    sigma_slow_halflife_s=900.0,
    sigma_prior_samples=30.0,
    sigma_floor_frac=0.3,
    flow_fast_halflife_s=60.0,
    flow_slow_halflife_s=900.0,
    flow_fast_weight_frac=0.4,
    flow_prior_s=300.0,
    depth_halflife_s=1800.0,
    depth_prior_events=50.0,
    depth_window_low_kappa=0.5,
    depth_window_high_kappa=3.0,
    markout_horizon_s=30.0,
    markout_halflife_s=1800.0,
    markout_prior_events=100.0,
    markout_window_low_kappa=0.5,
    microprice_weight_frac=0.5,
    imbalance_shift_kappa=0.1,
    imbalance_halflife_s=2.0,
    fair_shift_max_kappa=0.5,
    latency_prior_s=0.3,
    latency_prior_events=20.0,
    latency_halflife_events=200.0,
    gap_max_s=10.0,
    stale_max_s=5.0,
    survey_s=0.0,
    resolve_frac=0.01,
)

NS: Final = 1_000_000_000


def logs(low: float, high: float) -> st.SearchStrategy[float]:
    """Log-uniform floats."""
    return st.floats(math.log(low), math.log(high)).map(math.exp)


@st.composite
def problems(
    draw: st.DrawFn, *, drifts: bool = False, fees: bool = False, xi: bool = True, lots_max: int = 25
) -> GlftParameters:
    """Solvable problems: r log-uniform 1e-6 to 1e2, everything else over four to six decades."""
    kappa, rate, lot = draw(logs(1e-2, 1e3)), draw(logs(1e-3, 1e2)), draw(logs(1e-3, 1e3))
    x = draw(st.one_of(st.just(0.0), logs(1e-6, 1e2))) if xi else 0.0
    base = GlftParameters(
        sigma_bps_sqrt_s=draw(logs(1e-3, 1e2)) / kappa,
        arrival_rate_per_s=rate,
        kappa_per_bps=kappa,
        gamma_per_usd=0.0,
        lot_usd=lot,
        limit_usd=draw(st.integers(1, lots_max)) * lot,
        cost_bps=draw(st.floats(-0.5, 2.0)) / kappa if fees else 0.0,
        xi_per_usd=x * kappa / lot * BPS,
    )
    p = with_r(base, draw(logs(1e-6, 1e2)))
    if drifts:
        return replace(p, drift_bps_per_s=draw(st.floats(-2.0, 2.0)) * p.risk_rate * lot)
    return p


def with_r(p: GlftParameters, r: float) -> GlftParameters:
    """The same problem with the risk aversion that makes its dimensionless number r."""
    return replace(p, gamma_per_usd=r * 2 * p.eta_per_s * BPS / (p.kappa_per_bps * p.sigma_bps_sqrt_s**2 * p.lot_usd))


def inventories(p: GlftParameters) -> list[float]:
    """Every whole-lot inventory, -N to N."""
    return [n * p.lot_usd for n in range(-p.lots, p.lots + 1)]


class Feed:
    """A seeded market in the small: Brownian mid, fixed spread, exponential taker depths, optional informed moves."""

    def __init__(self, coin: CoinEstimators, *, seed: int = 1, start: float = 100.0, impact: float = 0.0) -> None:
        """Args: coin to feed; impact, bp that the mid moves after a taker order, in its direction."""
        self.coin = coin
        self.mid = start
        self.ms = 1_000_000
        self.impact = impact
        self._random = random.Random(seed)

    def run(
        self, seconds: int, *, sigma: float = 1.0, rate: float = 0.5, kappa: float = 1.0, step_ms: int = 100
    ) -> None:
        """Quotes every step, then that block's taker orders, as the wire brings them."""
        steps = seconds * 1000 // step_ms
        dt = step_ms / 1000
        for _ in range(steps):
            before = self.mid
            self.ms += step_ms
            takers = [side for side in (1, -1) if self._random.random() < rate * dt]
            drift = sum(takers) * self.impact
            self.mid *= math.exp((self._random.gauss(0.0, sigma * math.sqrt(dt)) + drift) / BPS)
            half = self.mid * 0.05 / BPS
            size = self._random.uniform(1.0, 3.0)
            self.coin.on_bbo(self.ms * 1_000_000, self.ms, self.mid - half, self.mid + half, size, 2.0)
            for side in takers:
                depth = self._random.expovariate(kappa)
                self.coin.on_trade(self.ms, side, before * (1.0 + side * depth / BPS), 1.0)


def coin(**config: float) -> CoinEstimators:
    """Estimators with the test preset, some keys changed."""
    return CoinEstimators(PRIORS, STOCHASTIC.model_copy(update=config))


def numbers(estimate: MarketEstimate) -> list[float]:
    """Every value and error, in order."""
    found = (getattr(estimate, name) for name in estimate.__struct_fields__)
    return [x for e in found if e is not None for x in (e.value, e.se)]
