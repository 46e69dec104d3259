"""Arrival rate of taker orders that reach the window where we quote, per side: a slow rate with a share of a fast one.

The shrunk mixture forecasts clustered flow as well as a Hawkes process at the same decay. Source: theory 4.1, 4.3.
"""

from __future__ import annotations

import math
from typing import Final

from hlmm.model.estimate import Estimate, EwSum
from hlmm.model.parameters import StochasticConfig

BLOCK_S: Final = 30.0
"""Length of the blocks whose counts measure clustering."""
EMPTY_BLOCKS_MAX: Final = 100
"""Empty blocks entered at once after a quiet time; more would carry no news."""
LN_2: Final = math.log(2)


class Flow:
    """Rates of both sides on feed time (s, standing still in holes), with one exposure for both."""

    __slots__ = ("_block_at", "_block_count", "_blocks", "_config", "_fast", "_prior", "_slow")

    def __init__(self, prior_per_s: float, config: StochasticConfig) -> None:
        """Args: prior_per_s, per side in the window, > 0; config."""
        self._prior = prior_per_s
        self._config = config
        self._fast = {1: EwSum(config.flow_fast_halflife_s), -1: EwSum(config.flow_fast_halflife_s)}
        self._slow = {1: EwSum(config.flow_slow_halflife_s), -1: EwSum(config.flow_slow_halflife_s)}
        self._blocks = EwSum(config.flow_slow_halflife_s)
        self._block_at = 0.0
        self._block_count = 0

    def add(self, at_s: float, aggressor: int) -> None:
        """Count one taker order. Args: at_s, feed time; aggressor, +1 buys, -1 sells."""
        self._fast[aggressor].add(at_s, 1.0)
        self._slow[aggressor].add(at_s, 1.0)
        if at_s >= self._block_at + BLOCK_S:
            self._close_blocks(at_s)
        self._block_count += 1

    def rate(self, side: int, now_s: float) -> float:
        """Orders of one side per second: hull of prior and data. Args: side, +1 or -1 aggressor; now_s, feed time."""
        config = self._config
        slow = self._shrunk(self._slow[side], config.flow_slow_halflife_s, now_s, self._prior)
        fast = self._shrunk(self._fast[side], config.flow_fast_halflife_s, now_s, slow)
        return config.flow_fast_weight_frac * fast + (1.0 - config.flow_fast_weight_frac) * slow

    def read(self, now_s: float, age_s: float) -> Estimate:
        """Mean rate per side, 1/s; its error counts orders with their clustering. Args: now_s, feed time."""
        value = 0.5 * (self.rate(1, now_s) + self.rate(-1, now_s))
        exposure = self._exposure(self._config.flow_slow_halflife_s, now_s)
        counted = sum(side.weight * side.keep(now_s) for side in self._slow.values())
        pseudo = 2 * self._prior * self._config.flow_prior_s
        error = value * math.sqrt(self.fano() / (counted + pseudo))
        count = self._slow[1].count + self._slow[-1].count
        return Estimate(value, error, age_s, count, "live" if exposure > self._config.flow_prior_s else "prior")

    def fano(self) -> float:
        """Variance over mean of the counts of 30 s blocks, at least 1 (Poisson)."""
        if self._blocks.total <= 0:
            return 1.0
        return max(1.0, self._blocks.variance() * self._blocks.weight / self._blocks.total)

    def _shrunk(self, counted: EwSum, halflife_s: float, now_s: float, prior: float) -> float:
        prior_s = self._config.flow_prior_s
        return (counted.weight * counted.keep(now_s) + prior * prior_s) / (self._exposure(halflife_s, now_s) + prior_s)

    @staticmethod
    def _exposure(halflife_s: float, now_s: float) -> float:
        """Weighted observation time: integral of the weights since feed time 0, s."""
        return halflife_s / LN_2 * -math.expm1(-LN_2 * now_s / halflife_s)

    def _close_blocks(self, at_s: float) -> None:
        """Enter the finished block, and the empty ones after it that still carry weight."""
        self._block_at += BLOCK_S
        self._blocks.add(self._block_at, self._block_count)
        self._block_count = 0
        empty = math.floor((at_s - self._block_at) / BLOCK_S)
        for _ in range(min(empty, EMPTY_BLOCKS_MAX)):
            self._block_at += BLOCK_S
            self._blocks.add(self._block_at, 0.0)
        self._block_at = max(self._block_at, at_s - BLOCK_S)
