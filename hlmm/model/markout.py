"""Adverse selection: the plateau move of the mid after taker orders that reach the window where we quote.

All market orders are used, not only our fills: ours are a hundred times too few. The sign is the maker's: positive is
good for whoever was hit. Source: theory 3.4, 4.4.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

import msgspec

from hlmm.model.estimate import MS_PER_S, Estimate, EwSum, Source, markout_bps
from hlmm.model.parameters import StochasticConfig

PENDING_MAX: Final = 4_096
"""Orders that may wait for their plateau; more are not measured."""
CLUSTER: Final = 2.5
"""How much too small the error is when fills come in bursts and horizons overlap: 2.5 at 30 s, 2.7 at 60 s."""
SD_PRIOR_KAPPA: Final = 2.0
"""Standard deviation of one plateau move before data, in 1/kappa of the prior."""


class _Pending(msgspec.Struct, frozen=True, gc=False):
    """A taker order that waits for its plateau. `due_ms` is feed time."""

    due_ms: int
    maker: int
    mid: float
    depth_bps: float


class Markout:
    """Mean plateau move and its slope in depth."""

    __slots__ = (
        "_cross",
        "_depth",
        "_horizon_ms",
        "_move",
        "_pending",
        "_prior",
        "_prior_n",
        "_scale",
        "dropped",
        "low_bps",
    )

    def __init__(self, prior_bps: float, kappa_per_bps: float, config: StochasticConfig) -> None:
        """Args: prior_bps, maker's side, signed; kappa_per_bps of the prior, the scale of depths; config."""
        self._prior = prior_bps
        self._prior_n = config.markout_prior_events
        self._scale = 1.0 / kappa_per_bps
        self.low_bps = config.markout_window_low_kappa / kappa_per_bps
        self._horizon_ms = round(config.markout_horizon_s * MS_PER_S)
        self._move = EwSum(config.markout_halflife_s)
        self._depth = EwSum(config.markout_halflife_s)
        self._cross = EwSum(config.markout_halflife_s)
        self._pending: deque[_Pending] = deque()
        self.dropped = 0

    def open(self, at_ms: int, aggressor: int, mid: float, depth_bps: float) -> None:
        """Begin to watch one taker order. Args: at_ms, feed time; mid USD before it; depth_bps of that mid."""
        if len(self._pending) >= PENDING_MAX:
            self.dropped += 1
            return
        self._pending.append(_Pending(at_ms + self._horizon_ms, -aggressor, mid, depth_bps))

    def settle(self, at_ms: int, mid: float) -> None:
        """Score what came due while `mid` was in force, that is before `at_ms`. Amortised O(1)."""
        pending = self._pending
        while pending and pending[0].due_ms < at_ms:
            order = pending.popleft()
            at_s = order.due_ms / MS_PER_S
            move = markout_bps(order.maker, order.mid, mid)
            self._move.add(at_s, move)
            self._depth.add(at_s, order.depth_bps)
            self._cross.add(at_s, order.depth_bps * move)

    def forget_pending(self) -> None:
        """Give up what waits: a hole in the feed hides its plateau."""
        self.dropped += len(self._pending)
        self._pending.clear()

    def read(self, now_s: float, age_s: float) -> Estimate:
        """Mean plateau move from the mid before the order, maker's side, bp: negative is adverse. Signed, unclipped."""
        value = self._move.mean(now_s, self._prior, self._prior_n)
        error = CLUSTER * self._deviation() * self._move.relative_se(now_s, self._prior_n)
        return Estimate(value, error, age_s, self._move.count, self._source(now_s))

    def slope(self, now_s: float, age_s: float) -> Estimate:
        """Further adverse move per bp of depth, bp, shrunk to 0 by the prior's weight."""
        n, keep = self._prior_n, self._move.keep(now_s)
        weight = self._move.weight
        spread = keep * weight * self._depth.variance() + n * self._scale**2
        covariance = keep * (self._cross.total - self._move.total * self._depth.total / weight) if weight > 0 else 0.0
        error = CLUSTER * self._deviation() / math.sqrt(spread)
        return Estimate(-covariance / spread, error, age_s, self._move.count, self._source(now_s))

    def _deviation(self) -> float:
        """Standard deviation of one plateau move, shrunk to the prior's."""
        n, weight = self._prior_n, self._move.weight
        prior = (SD_PRIOR_KAPPA * self._scale) ** 2
        return math.sqrt((weight * self._move.variance() + n * prior) / (weight + n))

    def _source(self, now_s: float) -> Source:
        return "live" if self._move.weight * self._move.keep(now_s) > self._prior_n else "prior"
