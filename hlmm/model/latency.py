"""Latency: how old the market is when our decision reaches it. Mean and upper tail, per event.

Source: theory 3.5: the cost is kappa sigma^2 tau, so the mean is what prices; the tail is what alarms.
"""

from __future__ import annotations

import math
from typing import Final

from hlmm.model.estimate import Estimate, EwSum
from hlmm.model.parameters import StochasticConfig

TAIL: Final = 0.99
"""The quantile tracked."""
TAIL_GAIN: Final = 10.0
"""Robbins-Monro steps of the tail, in mean lags per half-life."""
TAIL_PRIOR: Final = 3.0
"""Prior of the tail, in prior means."""


class Latency:
    """Exponentially weighted mean, and the 0.99 quantile by stochastic approximation."""

    __slots__ = ("_config", "_lags", "_tail")

    def __init__(self, config: StochasticConfig) -> None:
        """Args: config."""
        self._config = config
        self._lags = EwSum(config.latency_halflife_events)
        self._tail = TAIL_PRIOR * config.latency_prior_s

    def add(self, lag_s: float) -> None:
        """Fold one lag in. Args: lag_s, s, finite, >= 0."""
        self._lags.add(float(self._lags.count), lag_s)
        step = TAIL_GAIN * self._mean() / self._config.latency_halflife_events
        self._tail = max(0.0, self._tail + step * (TAIL if lag_s > self._tail else TAIL - 1.0))

    def read(self, age_s: float) -> Estimate:
        """Mean lag, s."""
        n = self._config.latency_prior_events
        deviation = max(math.sqrt(self._lags.variance()), 0.5 * self._config.latency_prior_s)
        error = deviation * self._lags.relative_se(-math.inf, n)
        return self._estimate(self._mean(), error, age_s)

    def read_tail(self, age_s: float) -> Estimate:
        """99th percentile of the lag, s; its error is not known and reported as the distance from the mean."""
        mean = self._mean()
        tail = max(self._tail, mean)
        return self._estimate(tail, tail - mean, age_s)

    def _mean(self) -> float:
        return self._lags.mean(-math.inf, self._config.latency_prior_s, self._config.latency_prior_events)

    def _estimate(self, value: float, error: float, age_s: float) -> Estimate:
        live = self._lags.weight > self._config.latency_prior_events
        return Estimate(value, error, age_s, self._lags.count, "live" if live else "prior")
