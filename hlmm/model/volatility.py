"""Volatility of the mid: exponentially weighted Zhou variance on a fixed sampling step, fast and slow.

r_t^2 + 2 r_t r_{t-1} removes the first-order bounce of a tick-quantised, noisy mid; at 1 s it is unbiased where plain
realised variance is 20-90 % too high. Source: Zhou (1996); theory 4.2.
"""

from __future__ import annotations

import math
from typing import Final

from hlmm.model.estimate import BPS, MS_PER_S, Estimate, relative_se
from hlmm.model.parameters import StochasticConfig

ZHOU_SE_FACTOR: Final = 1.5
"""Relative variance of sigma per Zhou increment of a Gaussian: a quarter of 2 x 3."""


class ZhouSum:
    """One exponentially weighted mean of Zhou increments, per sampling step."""

    __slots__ = ("_keep", "increments", "weight", "weight_sq")

    def __init__(self, halflife_steps: float) -> None:
        """Args: halflife_steps, in sampling steps, > 0."""
        self._keep = math.exp2(-1.0 / halflife_steps)
        self.increments = 0.0
        self.weight = 0.0
        self.weight_sq = 0.0

    def add(self, increment: float) -> None:
        """Fold one increment in, bp^2, any sign."""
        keep = self._keep
        self.increments = self.increments * keep + increment
        self.weight = self.weight * keep + 1.0
        self.weight_sq = self.weight_sq * keep * keep + 1.0

    def add_zeros(self, count: int) -> None:
        """Fold `count` >= 0 increments of zero in, at once."""
        keep = self._keep**count
        self.increments *= keep
        self.weight = self.weight * keep + (1.0 - keep) / (1.0 - self._keep)
        square = self._keep * self._keep
        self.weight_sq = self.weight_sq * keep * keep + (1.0 - keep * keep) / (1.0 - square)

    def variance(self, prior: float, prior_weight: float) -> float:
        """Mean increment shrunk to the prior, bp^2 per step; may be negative when the data bounce."""
        return (self.increments + prior_weight * prior) / (self.weight + prior_weight)


class Volatility:
    """Fast and slow volatility of one mid. Times are feed time in ms, which stands still in holes of the feed."""

    __slots__ = ("_fast", "_floor", "_grid_ms", "_last", "_prior_bps", "_prior_n", "_r", "_slow", "_step_ms", "count")

    def __init__(self, prior_bps_sqrt_s: float, config: StochasticConfig) -> None:
        """Args: prior_bps_sqrt_s, > 0; config."""
        self._step_ms = max(1, round(config.sigma_sample_s * MS_PER_S))
        self._prior_bps = prior_bps_sqrt_s
        self._prior_n = config.sigma_prior_samples
        self._floor = config.sigma_floor_frac
        self._fast = ZhouSum(config.sigma_fast_halflife_s * MS_PER_S / self._step_ms)
        self._slow = ZhouSum(config.sigma_slow_halflife_s * MS_PER_S / self._step_ms)
        self._last = 0.0
        self._r = 0.0
        self._grid_ms = 0
        self.count = 0

    def restart(self, at_ms: int) -> None:
        """Begin a new stretch after a hole: no return spans it. Sums are kept."""
        self._last = 0.0
        self._r = 0.0
        self._grid_ms = at_ms

    def pass_grid(self, at_ms: int, mid: float) -> None:
        """Sample `mid`, in force until just before `at_ms`, at every grid point it was in force on.

        Args: at_ms, feed time of the next mid, non-decreasing; mid, USD > 0. Raises: nothing.
        """
        if at_ms <= self._grid_ms:
            return
        points = (at_ms - self._grid_ms - 1) // self._step_ms + 1
        self._grid_ms += points * self._step_ms
        if self._last <= 0:
            self._last = mid
            points -= 1
            if points == 0:
                return
        r = math.log(mid / self._last) * BPS
        increment = r * r + 2 * r * self._r
        self._fast.add(increment)
        self._slow.add(increment)
        self._last = mid
        self._r = r
        self.count += points
        if points > 1:
            self._fast.add_zeros(points - 1)
            self._slow.add_zeros(points - 1)
            self._r = 0.0

    def read(self, age_s: float) -> Estimate:
        """Volatility to quote with: the fast one, shrunk to the slow one, which is shrunk to the prior; both floored.

        Returns: bp/sqrt(s). Raises: nothing.
        """
        slow, n = self.slow_variance(), self._prior_n
        fast = max(self._fast.variance(slow, n), slow * self._floor**2)
        sigma = math.sqrt(fast * MS_PER_S / self._step_ms)
        error = sigma * math.sqrt(ZHOU_SE_FACTOR) * relative_se(self._fast.weight, self._fast.weight_sq, n)
        return Estimate(sigma, error, age_s, self.count, "live" if self._slow.weight > n else "prior")

    def slow_variance(self) -> float:
        """Slow variance per step, bp^2, floored against the prior."""
        prior = self._prior_bps**2 * self._step_ms / MS_PER_S
        return max(self._slow.variance(prior, self._prior_n), prior * self._floor**2)
