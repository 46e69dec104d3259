"""What we wish to quote on one coin, or the one reason not to: estimators, GLFT, costs and the ladder, in floats.

Every distance is a sum of named terms in bp; nothing is multiplied into a spread. "Do not quote" is a wish without
levels on the same path, so what rests is cancelled. Source: theory sections 0, 1 and 3.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import msgspec

from hlmm.core.commands import QuoteTerm
from hlmm.core.quantize import WishLevel
from hlmm.model.band import BandInputs, BandWidth, band
from hlmm.model.costs import (
    FillCosts,
    ProfitFloor,
    best_venture,
    funding_drift_bps_per_s,
    latency_cost_bps,
    no_go,
)
from hlmm.model.estimate import MarketEstimate
from hlmm.model.estimators import CoinEstimators
from hlmm.model.glft import Glft, GlftParameters, GlftSolution, gamma_from_target, unsolvable
from hlmm.model.ladder import levels
from hlmm.types import BPS, NS_PER_S, Ns, Side

if TYPE_CHECKING:
    from hlmm.core.settings import CoinConfig


class Wish(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A wanted ladder with its explanation. No levels: `reason` is why. Distances in bp of `fair`, USD."""

    reason: str = ""
    text: str = ""
    fair: float = math.nan
    levels: tuple[WishLevel, ...] = ()
    half_spread_bps: float = math.nan
    skew_bps: float = math.nan
    sigma_bps_sqrt_s: float = math.nan
    terms: tuple[QuoteTerm, ...] = ()
    width: BandWidth = BandWidth(0.0, 0.0)


class Circumstances(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a wish depends on besides the market's estimates.

    `inventory_usd` is the signed position at the mid; `maker_bps` the account's fee, negative a rebate; `tick_bps` one
    price step, what a queue place is worth at most; `funding_hourly` a fraction of notional, paid by longs. `patience`
    multiplies `survey_s`: a book that waits for its answer leaves the survey to the next tick unless it is overdue.
    """

    ts: Ns
    inventory_usd: float
    maker_bps: float
    tick_bps: float
    funding_hourly: float
    patience: int = 1


class Terrain(msgspec.Struct, frozen=True):
    """What changes slowly under the ladders of a while: the solved problem, its costs and the band, distances in bp."""

    solution: GlftSolution
    costs: FillCosts
    sigma_bps_sqrt_s: float
    step_bps: float
    widen_bps: float
    level_usd: float
    estimate: MarketEstimate


class Quoter:
    """One coin's quoting: owns its estimators and its last GLFT solution."""

    def __init__(self, config: CoinConfig) -> None:
        """Fix risk aversion at the priors, so that it responds to the market instead of following it."""
        self._config = config
        self.estimators = CoinEstimators(config.market, config.stochastic)
        self._glft = Glft(config.stochastic.resolve_frac)
        prior = config.market
        reference = GlftParameters(
            sigma_bps_sqrt_s=prior.sigma_bps_sqrt_s,
            arrival_rate_per_s=prior.arrival_rate_per_s,
            kappa_per_bps=prior.kappa_per_bps,
            gamma_per_usd=0.0,
            lot_usd=config.spread.level_usd,
            limit_usd=config.limits.max_position_usd,
            cost_bps=0.0,
        )
        self.gamma_per_usd = gamma_from_target(config.spread.target_inventory_usd, reference)
        self._made_of: tuple[float, ...] = ()
        self._made = Wish()
        self._surveyed_of: tuple[bool, float, float] | None = None
        self._surveyed_ts = Ns(0)
        self._survey_count = 0
        self._surveyed: Terrain | Wish = Wish()
        self._survey_ns = int(config.stochastic.survey_s * NS_PER_S)

    def wish(self, circumstances: Circumstances) -> Wish:
        """The ladder wanted now; the last one again while nothing it was made of has changed.

        Args: circumstances, what the quoter cannot estimate itself.
        Returns: a wish; without levels when an input is missing, the problem has no answer, or nothing pays.
        """
        terrain = self._terrain(circumstances)
        made_of = (
            self._survey_count,
            self.estimators.revision,
            self.estimators.is_stale(circumstances.ts),
            circumstances.inventory_usd,
            circumstances.maker_bps,
            circumstances.tick_bps,
            circumstances.funding_hourly,
        )
        if made_of != self._made_of:
            self._made_of, self._made = made_of, self._make(circumstances, terrain)
        return self._made

    def _make(self, circumstances: Circumstances, terrain: Terrain | Wish) -> Wish:
        fair = self.estimators.fair(circumstances.ts)
        if fair is None:
            return Wish(reason="no_fair_value", text="no two-sided quote has been seen yet")
        if isinstance(terrain, Wish):
            return msgspec.structs.replace(terrain, fair=fair.value)
        return self._ladder(terrain, circumstances, fair.value)

    def _terrain(self, circumstances: Circumstances) -> Terrain | Wish:
        """The last survey while it is fresh and made for the same account."""
        surveyed_of = (
            self.estimators.is_stale(circumstances.ts), circumstances.maker_bps, circumstances.funding_hourly
        )  # fmt: skip
        due_ns = self._survey_ns * circumstances.patience
        if surveyed_of != self._surveyed_of or circumstances.ts - self._surveyed_ts >= due_ns:
            self._surveyed_of, self._surveyed_ts = surveyed_of, circumstances.ts
            self._survey_count += 1
            self._surveyed = self._survey(circumstances)
        return self._surveyed

    def _survey(self, circumstances: Circumstances) -> Terrain | Wish:
        """Read every estimate and solve the problem. Returns: a wish without levels when there is nothing to quote."""
        estimate = self.estimators.read(circumstances.ts)
        costs = self._costs(estimate, circumstances.maker_bps)
        problem = self._problem(estimate, costs, circumstances.funding_hourly)
        solution = self._glft.solve(problem)
        if solution is None:
            return Wish(reason="unsolvable", text=unsolvable(problem) or "")
        refusal = self._refuse(estimate, costs)
        if refusal is not None:
            return Wish(reason="unprofitable", text=refusal)
        spread, cold = self._config.spread, _is_cold(estimate)
        return Terrain(
            solution=solution,
            costs=costs,
            sigma_bps_sqrt_s=estimate.sigma_bps_sqrt_s.value,
            # Levels nearer than a tick would merge and part again at every move of the fair value.
            step_bps=max(spread.level_spacing_kappa / estimate.kappa_per_bps.value, circumstances.tick_bps),
            widen_bps=spread.cold_widen_bps if cold else 0.0,
            level_usd=spread.level_usd * (spread.cold_size_frac if cold else 1.0),
            estimate=estimate,
        )

    def _costs(self, estimate: MarketEstimate, maker_bps: float) -> FillCosts:
        """One number per fill: fee, plateau markout, and the age of what we quote on."""
        kappa, sigma = estimate.kappa_per_bps.value, estimate.sigma_bps_sqrt_s.value
        return FillCosts(
            maker_fee_bps=maker_bps,
            markout_bps=estimate.markout_cost_bps.value,
            latency_bps=latency_cost_bps(kappa, sigma, estimate.latency_s.value),
        )

    def _problem(self, estimate: MarketEstimate, costs: FillCosts, funding_hourly: float) -> GlftParameters:
        spread = self._config.spread
        return GlftParameters(
            sigma_bps_sqrt_s=estimate.sigma_bps_sqrt_s.value,
            arrival_rate_per_s=estimate.arrival_rate_per_s.value,
            kappa_per_bps=estimate.kappa_per_bps.value,
            gamma_per_usd=self.gamma_per_usd,
            lot_usd=spread.level_usd,
            limit_usd=self._config.limits.max_position_usd,
            cost_bps=costs.total_bps,
            drift_bps_per_s=funding_drift_bps_per_s(funding_hourly),
        )

    def _refuse(self, estimate: MarketEstimate, costs: FillCosts) -> str | None:
        """Why no distance is worth quoting at this account's costs, or None."""
        spread = self._config.spread
        if spread.unprofitable == "quote":
            return None
        slope = estimate.markout_slope
        venture = best_venture(
            estimate.arrival_rate_per_s.value,
            estimate.kappa_per_bps.value,
            costs,
            markout_slope=0.0,
            half_spread_max_bps=spread.half_spread_max_bps,
        )
        floor = ProfitFloor(half_spread_max_bps=spread.half_spread_max_bps, edge_min_bps=spread.edge_min_bps)
        return no_go(venture, floor, markout_slope=slope.value, markout_slope_se=slope.se)

    def _ladder(self, terrain: Terrain, circumstances: Circumstances, fair: float) -> Wish:
        """Uniform levels outward from each side's best distance (theory 3.8)."""
        solution, spread, inventory_usd = terrain.solution, self._config.spread, circumstances.inventory_usd
        wanted: list[WishLevel] = []
        nearest_bps = math.inf
        for side in (Side.BID, Side.ASK):
            touch_bps = max(solution.depth_bps(side, inventory_usd) + terrain.widen_bps, spread.half_spread_min_bps)
            nearest_bps = min(nearest_bps, touch_bps)
            room_usd = self._config.limits.max_position_usd - side * inventory_usd
            for level in levels(touch_bps, terrain.step_bps, spread.level_count, terrain.level_usd, room_usd):
                if level.depth_bps <= spread.half_spread_max_bps:
                    price = fair * (1.0 - side * level.depth_bps / BPS)
                    wanted.append(WishLevel(side, price, level.size_usd / fair))
        if not wanted:
            text = f"the best distance is {nearest_bps:.2f} bp, beyond spread.half_spread_max_bps"
            return Wish(reason="too_wide", text=text, fair=fair)
        skew_bps = solution.skew_bps(inventory_usd)
        return Wish(
            fair=fair,
            levels=tuple(wanted),
            half_spread_bps=solution.half_spread_bps + terrain.widen_bps,
            skew_bps=skew_bps,
            sigma_bps_sqrt_s=terrain.sigma_bps_sqrt_s,
            terms=_terms(solution, terrain.costs, terrain.widen_bps, skew_bps),
            width=self._band(terrain.estimate, circumstances.tick_bps, min(nearest_bps, spread.half_spread_max_bps)),
        )

    def _band(self, estimate: MarketEstimate, tick_bps: float, depth_bps: float) -> BandWidth:
        """The band at the best distance; a queue place is worth at most one tick on the order (theory 5.3)."""
        config = self._config
        queue_usd = config.band.queue_value_frac * config.spread.level_usd * tick_bps / BPS
        return band(
            BandInputs(
                sigma_bps_sqrt_s=estimate.sigma_bps_sqrt_s.value,
                arrival_rate_per_s=estimate.arrival_rate_per_s.value,
                kappa_per_bps=estimate.kappa_per_bps.value,
                depth_bps=depth_bps,
                lot_usd=config.spread.level_usd,
                requote_cost_usd=config.band.requote_cost_usd + queue_usd,
                min_kappa=config.band.band_min_kappa,
                max_kappa=config.band.band_max_kappa,
            )
        )


def _is_cold(estimate: MarketEstimate) -> bool:
    """Whether belief still outweighs data where it matters most: volatility."""
    return estimate.sigma_bps_sqrt_s.source == "prior"


def _terms(solution: GlftSolution, costs: FillCosts, widen_bps: float, skew_bps: float) -> tuple[QuoteTerm, ...]:
    """The half-spread and the skew as named terms; the first six sum to the half-spread."""
    risk_bps = solution.half_spread_bps - solution.base_bps
    return (
        QuoteTerm(name="inner", bps=solution.inner_bps, key=KAPPA_KEY),
        QuoteTerm(name="inventory_risk", bps=risk_bps, key="spread.target_inventory_usd"),
        QuoteTerm(name="fee", bps=costs.maker_fee_bps, key="env"),
        QuoteTerm(name="markout", bps=costs.markout_bps, key="market.markout_bps"),
        QuoteTerm(name="latency", bps=costs.latency_bps, key="stochastic.latency_prior_s"),
        QuoteTerm(name="cold", bps=widen_bps, key="spread.cold_widen_bps"),
        QuoteTerm(name="skew", bps=skew_bps, key="spread.target_inventory_usd"),
    )


KAPPA_KEY: Final = "market.kappa_per_bps"
