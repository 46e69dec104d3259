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
from hlmm.model.costs import FillCosts, ProfitFloor, best_venture, latency_cost_bps, no_go
from hlmm.model.estimators import CoinEstimators
from hlmm.model.glft import Glft, GlftParameters, GlftSolution, gamma_from_target, unsolvable
from hlmm.types import BPS, Side

if TYPE_CHECKING:
    from hlmm.core.settings import CoinConfig
    from hlmm.model.estimate import MarketEstimate
    from hlmm.types import Ns


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

    def wish(self, ts: Ns, inventory_usd: float, maker_bps: float) -> Wish:
        """The ladder wanted now.

        Args: ts, ns.   inventory_usd: signed position at fair value.   maker_bps: the account's fee, negative a rebate.
        Returns: a wish; without levels when an input is missing, the problem has no answer, or nothing pays.
        """
        estimate = self.estimators.read(ts)
        if estimate.fair is None:
            return Wish(reason="no_fair_value", text="no two-sided quote has been seen yet")
        fair = estimate.fair.value
        costs = self._costs(estimate, maker_bps)
        problem = self._problem(estimate, costs)
        solution = self._glft.solve(problem)
        if solution is None:
            return Wish(reason="unsolvable", text=unsolvable(problem) or "", fair=fair)
        refusal = self._refuse(estimate, costs)
        if refusal is not None:
            return Wish(reason="unprofitable", text=refusal, fair=fair)
        return self._ladder(estimate, solution, costs, inventory_usd)

    def _costs(self, estimate: MarketEstimate, maker_bps: float) -> FillCosts:
        """One number per fill: fee, plateau markout, and the age of what we quote on."""
        kappa, sigma = estimate.kappa_per_bps.value, estimate.sigma_bps_sqrt_s.value
        return FillCosts(
            maker_fee_bps=maker_bps,
            markout_bps=estimate.markout_cost_bps.value,
            latency_bps=latency_cost_bps(kappa, sigma, estimate.latency_s.value),
        )

    def _problem(self, estimate: MarketEstimate, costs: FillCosts) -> GlftParameters:
        spread = self._config.spread
        return GlftParameters(
            sigma_bps_sqrt_s=estimate.sigma_bps_sqrt_s.value,
            arrival_rate_per_s=estimate.arrival_rate_per_s.value,
            kappa_per_bps=estimate.kappa_per_bps.value,
            gamma_per_usd=self.gamma_per_usd,
            lot_usd=spread.level_usd,
            limit_usd=self._config.limits.max_position_usd,
            cost_bps=costs.total_bps,
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
            markout_slope=min(slope.value, 0.0),
            half_spread_max_bps=spread.half_spread_max_bps,
        )
        floor = ProfitFloor(half_spread_max_bps=spread.half_spread_max_bps, edge_min_bps=spread.edge_min_bps)
        return no_go(venture, floor, markout_slope=slope.value, markout_slope_se=slope.se)

    def _ladder(self, estimate: MarketEstimate, solution: GlftSolution, costs: FillCosts, inventory_usd: float) -> Wish:
        """Uniform levels outward from each side's best distance (theory 3.8)."""
        assert estimate.fair is not None
        spread, fair = self._config.spread, estimate.fair.value
        cold = _is_cold(estimate)
        widen_bps = spread.cold_widen_bps if cold else 0.0
        size = spread.level_usd * (spread.cold_size_frac if cold else 1.0) / fair
        step_bps = spread.level_spacing_kappa / estimate.kappa_per_bps.value
        levels: list[WishLevel] = []
        nearest_bps = math.inf
        for side in (Side.BID, Side.ASK):
            raw_bps = solution.depth_bps(side, inventory_usd) + widen_bps
            touch_bps = max(raw_bps, spread.half_spread_min_bps)
            nearest_bps = min(nearest_bps, touch_bps)
            for index in range(spread.level_count):
                depth_bps = touch_bps + index * step_bps
                if depth_bps <= spread.half_spread_max_bps:
                    levels.append(WishLevel(side, fair * (1.0 - side * depth_bps / BPS), size))
        if not levels:
            text = f"the best distance is {nearest_bps:.2f} bp, beyond spread.half_spread_max_bps"
            return Wish(reason="too_wide", text=text, fair=fair)
        skew_bps = solution.skew_bps(inventory_usd)
        return Wish(
            fair=fair,
            levels=tuple(levels),
            half_spread_bps=solution.half_spread_bps + widen_bps,
            skew_bps=skew_bps,
            sigma_bps_sqrt_s=estimate.sigma_bps_sqrt_s.value,
            terms=_terms(solution, costs, widen_bps, skew_bps),
            width=self._band(estimate, min(nearest_bps, spread.half_spread_max_bps)),
        )

    def _band(self, estimate: MarketEstimate, depth_bps: float) -> BandWidth:
        config = self._config
        return band(
            BandInputs(
                sigma_bps_sqrt_s=estimate.sigma_bps_sqrt_s.value,
                arrival_rate_per_s=estimate.arrival_rate_per_s.value,
                kappa_per_bps=estimate.kappa_per_bps.value,
                depth_bps=depth_bps,
                lot_usd=config.spread.level_usd,
                requote_cost_usd=config.band.requote_cost_usd,
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
