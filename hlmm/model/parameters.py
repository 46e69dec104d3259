"""The model's configuration: what is believed of a market before data, and how fast data replaces belief.

Units: price in bp of the pre-trade mid, size in USDC, time in s. `kappa` lengths are multiples of 1/kappa, so one
preset fits a coin of any tick and volatility.
"""

from __future__ import annotations

import math
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Halflife = Annotated[float, Field(ge=0.5, le=604_800.0)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]


class Frozen(BaseModel):
    """Base of the model's config: immutable, strict, no unknown key, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class MarketPriors(Frozen):
    """One coin's calibrated law: what every estimator says before it has data of its own.

    The intensity law is that of a quote where makers can live, not of the touch: a one-tick book has a spike of flow
    at the touch and a heavy tail, and only the tail pays for fees.
    """

    sigma_bps_sqrt_s: Annotated[float, Field(ge=1e-3, le=1e3)]
    """Volatility of the mid at 1-60 s, bp per root second."""
    arrival_rate_per_s: Annotated[float, Field(ge=1e-6, le=1e3)]
    """A: taker orders per second and side that would reach a quote at the mid, extrapolated."""
    kappa_per_bps: Annotated[float, Field(ge=1e-4, le=1e4)]
    """k: decay of the arrival rate with distance from the mid."""
    markout_bps: Annotated[float, Field(ge=-100.0, le=100.0)]
    """Plateau move of the mid after a taker order of the markout window, maker's side, from the mid before it; negative
    is adverse. It excludes the distance earned: a fill's markout is this plus the quote's distance."""


class StochasticConfig(Frozen):
    """How the estimators weigh new data against old data and against the priors."""

    sigma_sample_s: Annotated[float, Field(ge=0.1, le=60.0)]
    """Sampling step of the volatility estimator; at least the scale on which the tick bounces."""
    sigma_fast_halflife_s: Halflife
    sigma_slow_halflife_s: Halflife
    sigma_prior_samples: Annotated[float, Field(ge=1.0, le=1e5)]
    """Weight of the prior, in samples."""
    sigma_floor_frac: Fraction
    """Least fast volatility as a fraction of the slow one, and least slow one as a fraction of the prior."""
    flow_fast_halflife_s: Halflife
    flow_slow_halflife_s: Halflife
    flow_fast_weight_frac: Fraction
    """Share of the fast rate in the rate used; the slow rate has the rest."""
    flow_prior_s: Annotated[float, Field(ge=1.0, le=1e6)]
    """Weight of the prior rate, in seconds of observation."""
    depth_halflife_s: Halflife
    depth_prior_events: Annotated[float, Field(ge=1.0, le=1e5)]
    """Weight of the prior kappa, in taker orders."""
    depth_window_low_kappa: Annotated[float, Field(ge=0.0, le=10.0)]
    """Shallowest taker order that counts, in 1/kappa of the prior: the window where we quote begins here."""
    depth_window_high_kappa: Annotated[float, Field(ge=0.1, le=100.0)]
    """Depth at which a taker order is censored, in 1/kappa of the prior."""
    markout_horizon_s: Annotated[float, Field(ge=0.5, le=300.0)]
    """Age at which the move after a taker order counts as its plateau."""
    markout_window_low_kappa: Annotated[float, Field(ge=0.0, le=10.0)]
    """Shallowest taker order whose move counts, in 1/kappa of the prior. Orders that stop at the touch are harmless and
    never reach a quote that stands behind it; with 0 they dilute what such a quote suffers."""
    markout_halflife_s: Halflife
    markout_prior_events: Annotated[float, Field(ge=1.0, le=1e5)]
    """Weight of the prior markout, in taker orders."""
    microprice_weight_frac: Fraction
    """Share of the way from the mid to the size-weighted mid."""
    imbalance_shift_kappa: Annotated[float, Field(ge=0.0, le=2.0)]
    """Fair-value shift at full depth imbalance, in 1/kappa of the prior."""
    imbalance_halflife_s: Halflife
    """Life of a book snapshot's imbalance."""
    fair_shift_max_kappa: Annotated[float, Field(ge=0.0, le=5.0)]
    """Largest distance of the fair value from the mid, in 1/kappa of the prior."""
    latency_prior_s: Annotated[float, Field(ge=0.0, le=60.0)]
    latency_prior_events: Annotated[float, Field(ge=1.0, le=1e5)]
    latency_halflife_events: Annotated[float, Field(ge=1.0, le=1e6)]
    gap_max_s: Annotated[float, Field(ge=0.5, le=3_600.0)]
    """A longer silence is a hole in the feed: nothing is measured across it."""
    stale_max_s: Annotated[float, Field(ge=0.5, le=3_600.0)]
    """Without a quote for this long, the priors are reported in place of the estimates."""
    survey_s: Annotated[float, Field(ge=0.0, le=10.0)]
    """The slow estimates are read, and the quoting problem is set up, at most this often; fair value at every quote."""
    resolve_frac: Annotated[float, Field(ge=0.0, le=0.5)]
    """The quoting problem is solved anew when its dimensionless parameters moved by more than this."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        pairs = (
            ("sigma_fast_halflife_s", "sigma_slow_halflife_s"),
            ("flow_fast_halflife_s", "flow_slow_halflife_s"),
            ("depth_window_low_kappa", "depth_window_high_kappa"),
        )
        for low, high in pairs:
            small, large = float(getattr(self, low)), float(getattr(self, high))
            if small >= large:
                message = f"{low} ({small:g}) must be below {high} ({large:g})"
                raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _data_can_win(self) -> Self:
        """Weights of data saturate at half-life / ln 2; a heavier prior would be reported for ever."""
        samples = self.sigma_slow_halflife_s / self.sigma_sample_s / math.log(2)
        for name, prior, limit in (
            ("sigma_prior_samples", self.sigma_prior_samples, samples),
            ("flow_prior_s", self.flow_prior_s, self.flow_slow_halflife_s / math.log(2)),
        ):
            if prior >= limit:
                message = f"{name} ({prior:g}) must be below {limit:.4g}, the most that data with this half-life weigh"
                raise ValueError(message)
        return self
