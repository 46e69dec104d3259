"""Fair value: the mid, moved by the imbalance of the touch and of the near book, within a bound.

Top-of-book size moves it inside the spread (size-weighted mid); depth within about 1/kappa adds what a small spread
cannot carry. Source: theory 3.6.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from hlmm.model.estimate import BPS, MS_PER_S, Estimate
from hlmm.model.parameters import StochasticConfig

Depth = Sequence[float]
"""One side of a snapshot: prices or sizes, best first."""
UNIFORM_VARIANCE: Final = 12.0
UNIFORM_SD: Final = 1.0 / math.sqrt(UNIFORM_VARIANCE)
"""Standard deviation of a uniform variable of width 1: what is known of a value between bid and ask."""


class FairValue:
    """The last two-sided quote and the last book's imbalance. Times are feed time in ms."""

    __slots__ = (
        "_ask", "_ask_size", "_bid", "_bid_size", "_config", "_imbalance", "_imbalance_ms", "_kappa", "count", "mid",
    )  # fmt: skip

    def __init__(self, kappa_per_bps: float, config: StochasticConfig) -> None:
        """Args: kappa_per_bps, of the prior: the scale of distances; config."""
        self._kappa = kappa_per_bps
        self._config = config
        self._bid = self._ask = self._bid_size = self._ask_size = 0.0
        self._imbalance = 0.0
        self._imbalance_ms = 0
        self.mid = 0.0
        self.count = 0

    def quote(self, bid: float, ask: float, bid_size: float, ask_size: float) -> None:
        """Take the touch. Args: USD, 0 < bid < ask; base sizes >= 0, finite."""
        self._bid, self._ask, self._bid_size, self._ask_size = bid, ask, bid_size, ask_size
        self.mid = 0.5 * (bid + ask)
        self.count += 1

    def book(self, at_ms: int, bids: Depth, bid_sizes: Depth, asks: Depth, ask_sizes: Depth) -> None:
        """Take a snapshot's depth. Args: prices USD, best first, non-empty; sizes in base, as long as their prices."""
        mid = 0.5 * (bids[0] + asks[0])
        rate = self._kappa * BPS / mid
        bid_depth = sum(size * math.exp(rate * (px - mid)) for px, size in zip(bids, bid_sizes, strict=True))
        ask_depth = sum(size * math.exp(rate * (mid - px)) for px, size in zip(asks, ask_sizes, strict=True))
        total = bid_depth + ask_depth
        self._imbalance = (bid_depth - ask_depth) / total if total > 0 else 0.0
        self._imbalance_ms = at_ms

    def shift_bps(self, now_ms: int) -> float:
        """Fair value minus mid, bp, within the configured bound. Args: now_ms, feed time."""
        config = self._config
        size = self._bid_size + self._ask_size
        touch = (self._bid_size - self._ask_size) / size if size > 0 else 0.0
        half_spread = 0.5 * (self._ask - self._bid) / self.mid * BPS
        old_s = max(0, now_ms - self._imbalance_ms) / MS_PER_S
        depth = self._imbalance * math.exp2(-old_s / config.imbalance_halflife_s)
        shift = config.microprice_weight_frac * half_spread * touch + config.imbalance_shift_kappa / self._kappa * depth
        bound = config.fair_shift_max_kappa / self._kappa
        return min(max(shift, -bound), bound)

    def read(self, now_ms: int, age_s: float) -> Estimate | None:
        """Fair value in USD, or None before the first quote. Its error is that of a value inside the spread."""
        if self.count == 0:
            return None
        value = self.mid * (1.0 + self.shift_bps(now_ms) / BPS)
        return Estimate(value, (self._ask - self._bid) * UNIFORM_SD, age_s, self.count, "live")
