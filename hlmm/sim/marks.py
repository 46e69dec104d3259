"""Mark price, premium and funding of one coin, a simple faithful version of the venue's rules.

Mark: median of (oracle + 150 s EMA of (mid - oracle)), the local median (best bid, best ask, last trade), and, because
no third source exists here, the 30 s EMA of the local median. Funding: hourly, F(8h) = avg premium + clamp(interest -
avg premium), charged F/8. A market that follows a real venue has that venue's own mark and funding instead.
Source: Hyperliquid documentation, "Robust price indices", "Funding".
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Final

import msgspec

from hlmm.sim.market import BookLevel, Market, Outside
from hlmm.types import MICRO, Ms, Px

BASIS_TAU_S: Final = 150.0
LOCAL_TAU_S: Final = 30.0
INTEREST_8H: Final = 0.0001
CLAMP_8H: Final = 0.0005
CLAMP_8H_BUILDER: Final = 0.0003
FUNDING_CAP_HOURLY: Final = 0.04
HOURS_PER_PERIOD: Final = 8
IMPACT_USD_MAJOR: Final = 20_000
IMPACT_USD: Final = 6_000
MAJORS: Final = ("BTC", "ETH")
IMPACT_DEPTH: Final = 50
RATE_E10: Final = 10_000_000_000


class Ema(msgspec.Struct):
    """The venue's exponential average: numerator and denominator both decay by exp(-dt/tau)."""

    tau_s: float
    numerator: float = 0.0
    denominator: float = 0.0

    def add(self, sample: float, dt_s: float) -> float:
        """Take one sample. Args: sample, any finite; dt_s > 0, seconds since the last. Returns: the average."""
        keep = math.exp(-dt_s / self.tau_s)
        self.numerator = self.numerator * keep + sample * dt_s
        self.denominator = self.denominator * keep + dt_s
        return self.numerator / self.denominator


class Marks:
    """Oracle, mark, running premium and funding estimate of one coin."""

    def __init__(self, market: Market, now: Ms, outside: Outside | None = None) -> None:
        """Start at the market's oracle.

        Args: market, valid from the start; now, block time; outside, whose mark and funding are taken when given.
        """
        coin = market.instrument.coin
        self.market = market
        self.oracle: Px = market.oracle_px(now)
        self.mark: Px = self.oracle
        self.funding = 0.0
        self.premium: float | None = None
        self.impact: tuple[Px, Px] | None = None
        self._outside = outside
        self._builder = ":" in coin
        self._impact_micro = (IMPACT_USD_MAJOR if coin in MAJORS else IMPACT_USD) * MICRO
        self._basis, self._local = Ema(BASIS_TAU_S), Ema(LOCAL_TAU_S)
        self._premium_sum = 0.0
        self._samples = 0
        if outside is not None:
            self._follow(outside)

    def update(self, now: Ms, dt_s: float) -> None:
        """Take the oracle and recompute the mark. Args: now, block time; dt_s > 0, since the last update."""
        self.oracle = self.market.oracle_px(now)
        if self._outside is not None:
            self._follow(self._outside)
            return
        bids, asks = self.market.bids(1), self.market.asks(1)
        if not bids or not asks:
            return
        bid, ask = bids[0].px, asks[0].px
        last = self.market.last_px()
        local = float(statistics.median((bid, ask, last if last is not None else bid)))
        fair = self.oracle + self._basis.add((bid + ask) / 2 - self.oracle, dt_s)
        self.mark = Px(max(1, round(statistics.median((fair, local, self._local.add(local, dt_s))))))

    def sample_premium(self) -> None:
        """Sample the premium from the book's impact prices; nothing when a side is too thin."""
        bid = impact_px(self.market.bids(IMPACT_DEPTH), self._impact_micro)
        ask = impact_px(self.market.asks(IMPACT_DEPTH), self._impact_micro)
        self.impact = None if bid is None or ask is None else (Px(round(bid)), Px(round(ask)))
        if bid is None or ask is None:
            return
        if self._builder:
            premium = (bid + ask) / 2 / self.oracle - 1
        else:
            premium = (max(bid - self.oracle, 0.0) - max(self.oracle - ask, 0.0)) / self.oracle
        self.premium = premium
        self._premium_sum += premium
        self._samples += 1
        if self._outside is None:
            self.funding = self._rate(self._premium_sum / self._samples)

    def settle(self) -> tuple[int, float]:
        """Close the hour. Returns: hourly rate in 1e-10, average premium; the next hour starts empty."""
        average = self._premium_sum / self._samples if self._samples else 0.0
        rate = self._rate(average) if self._samples else 0.0
        if self._outside is not None:
            rate = self.funding
        self._premium_sum, self._samples = 0.0, 0
        return round(rate * RATE_E10), average

    def _follow(self, outside: Outside) -> None:
        """Take the real venue's mark and running funding rate."""
        told = outside.context()
        self.mark, self.funding = told.mark_px, told.funding_hourly

    def _rate(self, premium: float) -> float:
        """Hourly rate of an average premium."""
        clamp = CLAMP_8H_BUILDER if self._builder else CLAMP_8H
        period = premium + min(clamp, max(-clamp, INTEREST_8H - premium))
        return min(FUNDING_CAP_HOURLY, max(-FUNDING_CAP_HOURLY, period / HOURS_PER_PERIOD))


def impact_px(levels: Sequence[BookLevel], notional: int) -> float | None:
    """Average price of executing `notional` (micro-USD) into a side; None when the side is thinner.

    Args: levels, best first; notional > 0. Returns: price in Px units, fractional.
    """
    left, base = notional, 0.0
    for level in levels:
        here = level.px * level.sz
        if here >= left:
            return notional / (base + left / level.px)
        left -= here
        base += level.sz
    return None


def funding_payment(szi: int, oracle: Px, rate_e10: int) -> int:
    """What a position pays for one hour, micro-USD, truncated toward zero; negative is received."""
    product = szi * oracle * rate_e10
    return -(-product // RATE_E10) if product < 0 else product // RATE_E10
