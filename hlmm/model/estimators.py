"""The estimators of one coin behind one door: market facts in, `MarketEstimate` out. Every update is O(1).

Two clocks enter. Venue time orders quotes and trades; our receive time says how old an estimate is. Feed time is venue
time with the holes cut out, so nothing is measured across a silence.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Final

import msgspec

from hlmm.model.depth_decay import DepthDecay
from hlmm.model.estimate import BPS, MS_PER_S, NS_PER_S, Estimate, MarketEstimate
from hlmm.model.fair_value import FairValue
from hlmm.model.flow import Flow
from hlmm.model.latency import Latency
from hlmm.model.markout import Markout
from hlmm.model.parameters import MarketPriors, StochasticConfig
from hlmm.model.volatility import Volatility

HISTORY: Final = 16
"""Quotes remembered for trades that arrive late: about a second of blocks."""
SWEEP_CLOSE_MS: Final = 250
"""A taker order is complete when the quote is this much newer: the wire brings a block's prints within 40 ms."""


class _Sweep(msgspec.Struct, gc=False):
    """One taker order while its prints come in: venue and feed time, the mid before it, its worst price."""

    venue_ms: int
    at_ms: int
    mid: float
    worst: float


class CoinEstimators:
    """All estimators of one coin. Impossible input (NaN, crossed, out of order) changes nothing and is counted."""

    __slots__ = (
        "_blank", "_depth", "_fair", "_flow", "_gap_ms", "_latency", "_live_ms", "_markout", "_quote_ns", "_quotes",
        "_stale_s", "_sweeps", "_trade_ns", "_venue_ms", "_volatility", "gaps", "rejected", "revision", "unmatched",
    )  # fmt: skip

    def __init__(self, prior: MarketPriors, config: StochasticConfig) -> None:
        """Args: prior, what holds before data; config, how fast data count."""
        kappa = prior.kappa_per_bps
        self._volatility = Volatility(prior.sigma_bps_sqrt_s, config)
        self._depth = DepthDecay(kappa, config)
        self._flow = Flow(prior.arrival_rate_per_s * math.exp(-kappa * self._depth.low_bps), config)
        self._markout = Markout(prior.markout_bps, kappa, config)
        self._fair = FairValue(kappa, config)
        self._latency = Latency(config)
        self._gap_ms = round(config.gap_max_s * MS_PER_S)
        self._stale_s = config.stale_max_s
        self._quotes: deque[tuple[int, float]] = deque(maxlen=HISTORY)
        self._sweeps: dict[int, _Sweep] = {}
        self._live_ms = 0
        self._venue_ms = -1
        self._quote_ns = self._trade_ns = -1
        self.rejected = 0
        self.revision = 0
        """Grows with everything taken in: `read` at equal revisions differs in ages alone, until `is_stale` turns."""
        self.unmatched = 0
        self.gaps = 0
        self._blank = self._estimate(math.inf, math.inf)

    def on_bbo(self, ts_ns: int, venue_ms: int, bid: float, ask: float, bid_sz: float, ask_sz: float) -> None:
        """Take the best bid and ask after a block.

        Args: ts_ns, our receive time; venue_ms, block time; prices USD; sizes base.
        Raises: nothing. A crossed, one-sided, non-finite or older quote is counted in `rejected` and ignored.
        """
        self.revision += 1
        if not (0 < bid < ask < math.inf and 0 <= bid_sz < math.inf and 0 <= ask_sz < math.inf):
            self.rejected += 1
            return
        step = venue_ms - self._venue_ms
        if self._venue_ms < 0 or step > self._gap_ms or step < 0:
            if not self._begin_stretch(ts_ns, venue_ms, step):
                return
        elif step > 0:
            self._live_ms += step
            self._venue_ms = venue_ms
            mid = self._fair.mid
            self._volatility.pass_grid(self._live_ms, mid)
            self._markout.settle(self._live_ms, mid)
            if self._sweeps:
                self._close_sweeps()
        else:
            self._quotes.pop()
        self._fair.quote(bid, ask, bid_sz, ask_sz)
        self._quotes.append((venue_ms, self._fair.mid))
        self._quote_ns = ts_ns

    def on_book(
        self,
        venue_ms: int,
        bids: Sequence[float],
        bid_sizes: Sequence[float],
        asks: Sequence[float],
        ask_sizes: Sequence[float],
    ) -> None:
        """Take a snapshot's depth, for the imbalance of the near book.

        Args: venue_ms, block time; prices USD best first; sizes base, as long as their prices.
        Raises: nothing. An empty, crossed, ragged or non-finite book is counted in `rejected` and ignored.
        """
        self.revision += 1
        whole = bids and asks and len(bids) == len(bid_sizes) and len(asks) == len(ask_sizes)
        if not whole or not 0 < bids[-1] <= bids[0] < asks[0] <= asks[-1] < math.inf:
            self.rejected += 1
            return
        if not math.isfinite(sum(bid_sizes) + sum(ask_sizes)) or min(bid_sizes) < 0 or min(ask_sizes) < 0:
            self.rejected += 1
            return
        self._fair.book(self._feed_ms(venue_ms), bids, bid_sizes, asks, ask_sizes)

    def on_trade(self, venue_ms: int, aggressor: int, px: float, sz: float) -> None:
        """Take one public print; prints of one block and side are one taker order.

        Its depth counts from the mid of the last quote of an earlier block: a quote of the same block is already
        the state after it, and comes first on the wire. History that opens a subscription must not be sent here.

        Args: venue_ms, block time; aggressor, +1 buys, -1 sells; px USD; sz base, only checked.
        Raises: nothing. Non-finite or older prints are counted in `rejected`, prints without an earlier quote in
            `unmatched`.
        """
        self.revision += 1
        if not (0 < px < math.inf and 0 < sz < math.inf) or aggressor * aggressor != 1:
            self.rejected += 1
            return
        sweep = self._sweeps.get(aggressor)
        if sweep is not None:
            if venue_ms == sweep.venue_ms:
                sweep.worst = max(sweep.worst, px) if aggressor > 0 else min(sweep.worst, px)
                return
            if venue_ms < sweep.venue_ms:
                self.rejected += 1
                return
            self._close(aggressor, self._sweeps.pop(aggressor))
        mid = self._mid_before(venue_ms)
        if mid <= 0:
            self.unmatched += 1
            return
        self._sweeps[aggressor] = _Sweep(venue_ms, self._feed_ms(venue_ms), mid, px)

    def on_lag(self, lag_s: float) -> None:
        """Take one measured latency (feed age, or order round trip). Args: lag_s, s; negative or NaN is rejected."""
        self.revision += 1
        if 0 <= lag_s < math.inf:
            self._latency.add(lag_s)
        else:
            self.rejected += 1

    def read(self, ts_ns: int) -> MarketEstimate:
        """Every estimate as of `ts_ns`, our clock. Changes nothing.

        Without a quote for `stale_max_s`, the priors are returned, and the last fair value with its age.
        """
        quote_age = self._age_s(ts_ns, self._quote_ns)
        if self.is_stale(ts_ns):
            return self._stale(quote_age)
        return self._estimate(quote_age, self._age_s(ts_ns, self._trade_ns))

    def fair(self, ts_ns: int) -> Estimate | None:
        """The fair value alone, as `read` gives it. Args: ts_ns, our clock. Raises: nothing."""
        return self._fair.read(self._live_ms, self._age_s(ts_ns, self._quote_ns))

    def is_stale(self, ts_ns: int) -> bool:
        """Whether no quote has come for `stale_max_s`. Args: ts_ns, our clock. Raises: nothing."""
        return self._age_s(ts_ns, self._quote_ns) > self._stale_s

    def _estimate(self, quote_age: float, trade_age: float) -> MarketEstimate:
        now_s = self._live_ms / MS_PER_S
        kappa = self._depth.read(now_s, trade_age)
        adverse = self._markout.read(now_s, trade_age)
        return MarketEstimate(
            fair=self._fair.read(self._live_ms, quote_age),
            sigma_bps_sqrt_s=self._volatility.read(quote_age),
            arrival_rate_per_s=self._arrival_rate(now_s, quote_age, kappa),
            kappa_per_bps=kappa,
            markout_cost_bps=msgspec.structs.replace(adverse, value=max(0.0, -adverse.value)),
            markout_slope=self._markout.slope(now_s, trade_age),
            latency_s=self._latency.read(quote_age),
            latency_p99_s=self._latency.read_tail(quote_age),
        )

    def _arrival_rate(self, now_s: float, age_s: float, kappa: Estimate) -> Estimate:
        """A: the windowed rate extrapolated to the mid, with the errors of both."""
        flow = self._flow.read(now_s, age_s)
        low = self._depth.low_bps
        value = flow.value * math.exp(kappa.value * low)
        error = value * math.hypot(flow.se / flow.value, low * kappa.se)
        return Estimate(value, error, age_s, flow.count, flow.source)

    def _stale(self, age_s: float) -> MarketEstimate:
        fair = self._fair.read(self._live_ms, age_s)
        if fair is None:
            return self._blank
        return msgspec.structs.replace(self._blank, fair=msgspec.structs.replace(fair, source="prior"))

    def _begin_stretch(self, ts_ns: int, venue_ms: int, step: int) -> bool:
        """Start the feed, or start again after a hole; an older quote is refused unless our own clock saw a hole."""
        if self._venue_ms >= 0:
            if step < 0 and self._age_s(ts_ns, self._quote_ns) <= self._stale_s:
                self.rejected += 1
                return False
            self.gaps += 1
        self._venue_ms = venue_ms
        self._volatility.restart(self._live_ms)
        self._markout.forget_pending()
        self._quotes.clear()
        self._sweeps.clear()
        return True

    def _mid_before(self, venue_ms: int) -> float:
        """Mid of the last quote of an earlier block; 0 when there is none or a hole lies between."""
        if venue_ms - self._venue_ms > self._gap_ms:
            return 0.0
        for quoted_ms, mid in reversed(self._quotes):
            if quoted_ms < venue_ms:
                return mid
        return 0.0

    def _feed_ms(self, venue_ms: int) -> int:
        return max(0, self._live_ms + venue_ms - self._venue_ms)

    def _close_sweeps(self) -> None:
        for side in (1, -1):
            sweep = self._sweeps.get(side)
            if sweep is not None and self._venue_ms - sweep.venue_ms >= SWEEP_CLOSE_MS:
                self._close(side, self._sweeps.pop(side))

    def _close(self, side: int, sweep: _Sweep) -> None:
        """Enter one complete taker order, if it reached the windows where we quote."""
        depth = side * (sweep.worst - sweep.mid) / sweep.mid * BPS
        if depth >= self._markout.low_bps:
            self._markout.open(sweep.at_ms, side, sweep.mid, depth)
        if depth >= self._depth.low_bps:
            at_s = sweep.at_ms / MS_PER_S
            self._flow.add(at_s, side)
            self._depth.add(at_s, depth)
            self._trade_ns = self._quote_ns

    @staticmethod
    def _age_s(ts_ns: int, then_ns: int) -> float:
        return math.inf if then_ns < 0 else max(0, ts_ns - then_ns) / NS_PER_S
