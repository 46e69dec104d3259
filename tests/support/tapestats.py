"""Statistics of a tape, by the definitions of the recorded reference: what a market looks like to a maker.

Prices relative to the mid, bp. An order is the prints of one side of one block. `pen` fits the survival of orders'
depth beyond the mid before them, `rq5` the chance that a quote at a depth is reached within 5 s. Markouts are the
maker's, before fees, at the order's volume-weighted price.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Row = Mapping[str, Any]  # a tape line as JSON gives it
Floats = NDArray[np.float64]

BPS: Final = 1e4
HOLE_MS: Final = 5_000.0


class TapeStats:
    """Quotes and orders of one tape, from its rows."""

    def __init__(self, rows: Iterable[Row]) -> None:
        quotes: dict[int, tuple[float, ...]] = {}
        prints: dict[int, tuple[float, ...]] = {}
        for row in rows:
            content = row["data"]
            if row["channel"] == "bbo" and all(content["bbo"]):
                bid, ask = content["bbo"]
                quotes[content["time"]] = (*map(float, (bid["px"], ask["px"], bid["sz"], ask["sz"])),)
            elif row["channel"] == "trades":
                for x in content:
                    side = 1.0 if x["side"] == "B" else -1.0
                    prints.setdefault(x["tid"], (x["time"], side, float(x["px"]), float(x["sz"])))
        self.at = np.array(sorted(quotes), dtype=float)
        self.bid, self.ask, self.bid_sz, self.ask_sz = np.array([quotes[int(t)] for t in self.at]).T
        self.mid = (self.bid + self.ask) / 2
        known = sorted(p for p in prints.values() if self.at[0] < p[0] <= self.at[-1])
        self.prints = np.array(known)
        gaps = np.diff(self.at)
        self.weights = np.minimum(gaps, HOLE_MS)
        self.seconds = float(gaps[gaps <= HOLE_MS].sum()) / 1000
        self._orders()

    def _orders(self) -> None:
        """Group prints into orders, each with the mid before it."""
        time, side, px, sz = self.prints.T
        _, first, which = np.unique(time * 4 + side, return_index=True, return_inverse=True)
        usd = np.bincount(which, px * sz)
        self.order_at, self.order_side = time[first], side[first]
        self.order_usd, self.order_vwap = usd, usd / np.bincount(which, sz)
        worst = np.full(len(first), -np.inf)
        np.maximum.at(worst, which, px * side)
        before = np.searchsorted(self.at, self.order_at, "left") - 1
        self.mid_before = self.mid[before]
        self.depth_bps = (worst / self.order_side / self.mid_before - 1) * self.order_side * BPS
        touch = np.where(self.order_side > 0, self.ask[before], self.bid[before])
        self.through = worst - touch * self.order_side > 0.25 * self.tick_usd()

    def tick_usd(self) -> float:
        """The smallest spread seen."""
        spread = self.ask - self.bid
        return float(spread[spread > 0].min())

    def mid_at(self, times: Floats) -> Floats:
        """The mid standing at each time (ms)."""
        at: Floats = self.mid[np.maximum(np.searchsorted(self.at, times, "right") - 1, 0)]
        return at

    def _live(self, start: Floats, length_ms: float) -> NDArray[np.bool_]:
        """Which spans of `length_ms` lie within the recording and touch no hole."""
        first = np.searchsorted(self.at, start, "right") - 1
        last = np.searchsorted(self.at, start + length_ms, "right")
        holes = np.r_[0.0, np.cumsum(np.diff(self.at) > HOLE_MS), np.inf]
        ends = np.minimum(last, len(self.at))
        live: NDArray[np.bool_] = holes[ends] == holes[np.maximum(first, 0)]
        return live

    def spread_bps(self) -> float:
        """Time-weighted mean spread."""
        spread = ((self.ask - self.bid) / self.mid)[:-1] * BPS
        return float((spread * self.weights).sum() / self.weights.sum())

    def one_tick_share(self) -> float:
        """Share of time with the smallest possible spread."""
        narrow = ((self.ask - self.bid) < 1.5 * self.tick_usd())[:-1]
        return float(self.weights[narrow].sum() / self.weights.sum())

    def volatility_bps(self, step_s: float) -> float:
        """sqrt(mean(r^2) / step), bp per root second."""
        grid = np.arange(self.at[0], self.at[-1] - step_s * 1000, step_s * 1000)
        grid = grid[self._live(grid, step_s * 1000)]
        moves = np.log(self.mid_at(grid + step_s * 1000) / self.mid_at(grid)) * BPS
        return float(np.sqrt((moves**2).mean() / step_s))

    def touch_usd(self) -> float:
        """Median size at either touch, per quote change."""
        return float(np.median(np.r_[self.bid * self.bid_sz, self.ask * self.ask_sz]))

    def markout_bps(self, horizon_s: float) -> float:
        """The maker's mean markout over all orders."""
        live = self._live(self.order_at, horizon_s * 1000)
        later = self.mid_at(self.order_at + horizon_s * 1000)
        gained = self.order_side * (self.order_vwap - later) / self.mid_before * BPS
        return float(gained[live].mean())

    def pen_k(self) -> float:
        """Decay of the orders' depth, 1/bp."""
        nearest = 0.95 * float(np.median(self.ask - self.bid) / 2 / np.median(self.mid) * BPS)
        grid = np.linspace(nearest, max(float(np.quantile(self.depth_bps, 0.995)), 3 * nearest), 25)
        counts = np.array([(self.depth_bps >= d - 1e-9).sum() for d in grid])
        seen = counts >= 5
        return float(-np.polyfit(grid[seen], np.log(counts[seen]), 1)[0])

    def reach_k(self, tau_s: float = 5.0) -> float:
        """Decay of the rate at which a quote left for `tau_s` is reached, 1/bp."""
        nearest = 0.95 * float(np.median((self.ask - self.bid) / self.mid) / 2 * BPS)
        far = max(12.0, float(np.quantile(self.depth_bps, 0.995)))
        grid = np.unique(np.r_[np.linspace(nearest / 2, max(6 * nearest, 2.0), 14), np.linspace(1, far, 12)].round(4))
        starts = np.arange(self.at[0], self.at[-1] - tau_s * 1000, tau_s * 1000)
        starts = starts[self._live(starts, tau_s * 1000)]
        reached = np.array([self._reach(start, tau_s * 1000) for start in starts]).ravel()
        share = np.array([(reached >= d - 1e-6).mean() for d in grid])
        used = (share > 0.003) & (share < 0.95) & (share * len(reached) >= 8)
        rate = np.log(-np.log1p(-share[used]) / tau_s)
        return float(-np.polyfit(grid[used], rate, 1, w=np.sqrt(len(reached) * share[used]))[0])

    def _reach(self, start: float, length_ms: float) -> tuple[float, float]:
        """How far buyers and sellers printed beyond the mid at `start`, bp."""
        mid = float(self.mid_at(np.array([start]))[0])
        first, last = np.searchsorted(self.prints[:, 0], [start, start + length_ms], "right")
        _, side, px, _ = self.prints[first:last].T
        up = px[side > 0].max(initial=-np.inf) / mid - 1
        down = 1 - px[side < 0].min(initial=np.inf) / mid
        return float(up * BPS), float(down * BPS)

    def summary(self) -> dict[str, float]:
        """Every statistic by name."""
        return {
            "spread_bps": self.spread_bps(),
            "one_tick_share": self.one_tick_share(),
            "volatility_1s_bps": self.volatility_bps(1),
            "volatility_10s_bps": self.volatility_bps(10),
            "volatility_60s_bps": self.volatility_bps(60),
            "prints_per_s": len(self.prints) / self.seconds,
            "orders_per_s": len(self.order_at) / self.seconds,
            "order_usd_p50": float(np.median(self.order_usd)),
            "order_usd_mean": float(self.order_usd.mean()),
            "through_share": float(self.through.mean()),
            "touch_usd_p50": self.touch_usd(),
            "pen_k": self.pen_k(),
            "rq5_k": self.reach_k(),
            "markout_1s_bps": self.markout_bps(1),
            "markout_5s_bps": self.markout_bps(5),
            "markout_30s_bps": self.markout_bps(30),
        }
