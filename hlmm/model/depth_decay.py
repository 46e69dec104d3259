"""Decay of the arrival rate with distance: maximum likelihood on a window of taker orders' depths.

The exponential law holds only locally (a spike at the touch, a heavy tail), so depths are truncated below and censored
above the window where we quote. Source: theory 4.1; needs 4-16 times less data than a log-linear fit.
"""

from __future__ import annotations

from hlmm.model.estimate import Estimate, EwSum
from hlmm.model.parameters import StochasticConfig


class DepthDecay:
    """kappa of one coin: uncensored orders over the sum of their depths beyond the window's edge.

    Depths are continuous bp of the mid, so a tick grid that is fine against 1/kappa needs no correction: its offset
    from the window's edge averages out.
    """

    __slots__ = ("_excess", "_high", "_inside", "_prior", "_prior_n", "low_bps")

    def __init__(self, prior_per_bps: float, config: StochasticConfig) -> None:
        """Args: prior_per_bps, > 0, which also sets the window; config."""
        self._prior = prior_per_bps
        self._prior_n = config.depth_prior_events
        self.low_bps = config.depth_window_low_kappa / prior_per_bps
        self._high = config.depth_window_high_kappa / prior_per_bps
        self._excess = EwSum(config.depth_halflife_s)
        self._inside = EwSum(config.depth_halflife_s)

    def add(self, at_s: float, depth_bps: float) -> None:
        """Fold in one taker order. Args: at_s, feed time; depth_bps of the mid before it, >= `low_bps`."""
        self._excess.add(at_s, min(depth_bps, self._high) - self.low_bps)
        if depth_bps < self._high:
            self._inside.add(at_s, 1.0)

    def read(self, now_s: float, age_s: float) -> Estimate:
        """kappa, 1/bp; the prior counts as `depth_prior_events` orders. Args: now_s, feed time."""
        n = self._prior_n
        events = self._inside.weight * self._inside.keep(now_s)
        kappa = (events + n) / (self._excess.total * self._excess.keep(now_s) + n / self._prior)
        error = kappa * self._inside.relative_se(now_s, n)
        return Estimate(kappa, error, age_s, self._excess.count, "live" if events > n else "prior")
