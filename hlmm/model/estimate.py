"""What an estimator says: a number, its error bar, its age, and whether data or belief made it."""

from __future__ import annotations

import math
from typing import Final, Literal

import msgspec

Source = Literal["live", "prior"]

MS_PER_S: Final = 1_000
NS_PER_S: Final = 1_000_000_000
BPS: Final = 10_000.0


class Estimate(msgspec.Struct, frozen=True, gc=False):
    """One estimated number, in the unit of the field that holds it.

    `se` is one standard error, prior included. `age_s` counts from the last datum that entered, infinite before the
    first. `count` is the number of data that ever entered. `source` is "prior" while belief outweighs data.
    """

    value: float
    se: float
    age_s: float
    count: int
    source: Source


class MarketEstimate(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """All that the quoting problem needs of one coin at one time.

    `fair` is in USD, and None until the first two-sided quote. `arrival_rate_per_s` is the law's value at distance 0
    per side, extrapolated from the window that was measured. `markout_cost_bps` is what adverse selection costs a
    fill, never negative. `markout_slope` is the bp of further adverse move per bp of quote distance; at 1 no distance
    pays.
    """

    fair: Estimate | None
    sigma_bps_sqrt_s: Estimate
    arrival_rate_per_s: Estimate
    kappa_per_bps: Estimate
    markout_cost_bps: Estimate
    markout_slope: Estimate
    latency_s: Estimate
    latency_p99_s: Estimate


def markout_bps(side: int, reference: float, later_mid: float) -> float:
    """How far the mid went in favour of whoever took `side` at `reference`. The only markout function.

    With the fill price as reference it is the fill's markout; with the mid before the fill it is the informed move
    alone, which is what costs are made of. Antisymmetric in side.

    Args:
        side: +1 for who bought, -1 for who sold.   reference: USD, > 0.   later_mid: USD, > 0.
    Returns: bp of the reference; positive is good for that side. Raises: nothing.
    Source: theory 3.4, 4.4.
    """
    return side * (later_mid - reference) / reference * BPS


class EwSum:
    """Exponentially weighted sums of one series: weight, squared weight, value, squared value.

    Times may arrive in any order: an older datum enters with the weight it would have by now, so the order of
    simultaneous events does not matter.
    """

    __slots__ = ("_at", "_halflife", "count", "total", "total_sq", "weight", "weight_sq")

    def __init__(self, halflife: float) -> None:
        """Args: halflife, in the unit of `at`, > 0."""
        self._halflife = halflife
        self._at = -math.inf
        self.weight = 0.0
        self.weight_sq = 0.0
        self.total = 0.0
        self.total_sq = 0.0
        self.count = 0

    def add(self, at: float, value: float) -> None:
        """Fold one finite value in. Args: at, unit of the half-life, finite; value, finite."""
        weight = 1.0
        if at > self._at:
            self._decay(self.keep(at))
            self._at = at
        elif at < self._at:
            weight = math.exp2((at - self._at) / self._halflife)
        self.weight += weight
        self.weight_sq += weight * weight
        self.total += weight * value
        self.total_sq += weight * value * value
        self.count += 1

    def keep(self, now: float) -> float:
        """What is left at `now` of every weight in the sums, 0 to 1. Reading does not change the sums."""
        return math.exp2((self._at - now) / self._halflife) if now > self._at else 1.0

    def mean(self, now: float, prior: float, prior_weight: float) -> float:
        """Weighted mean of data and prior at `now`. Args: prior_weight, in data, > 0."""
        keep = self.keep(now)
        return (self.total * keep + prior_weight * prior) / (self.weight * keep + prior_weight)

    def relative_se(self, now: float, prior_weight: float) -> float:
        """Error of `mean` at `now` when one datum has unit variance."""
        keep = self.keep(now)
        return relative_se(self.weight * keep, self.weight_sq * keep * keep, prior_weight)

    def variance(self) -> float:
        """Weighted variance of the data about their own mean; 0 without data."""
        if self.weight <= 0:
            return 0.0
        mean = self.total / self.weight
        return max(0.0, self.total_sq / self.weight - mean * mean)

    def _decay(self, keep: float) -> None:
        self.weight *= keep
        self.weight_sq *= keep * keep
        self.total *= keep
        self.total_sq *= keep


def relative_se(weight: float, weight_sq: float, prior_weight: float) -> float:
    """Error of a mean of unit-variance data with these weights; the prior counts as `prior_weight` data of weight 1."""
    return math.sqrt(weight_sq + prior_weight) / (weight + prior_weight)
