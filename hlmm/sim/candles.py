"""Candles built from executions: minutes are kept, longer intervals are folded from them when asked for."""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec

from hlmm.sim.text import Json, px_text, sz_text
from hlmm.types import Instrument, Ms, Px, Sz

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
KEPT: Final = 5_000
INTERVALS: Final = {
    "1m": MINUTE, "3m": 3 * MINUTE, "5m": 5 * MINUTE, "15m": 15 * MINUTE, "30m": 30 * MINUTE,
    "1h": HOUR, "2h": 2 * HOUR, "4h": 4 * HOUR, "8h": 8 * HOUR, "12h": 12 * HOUR,
    "1d": DAY, "3d": 3 * DAY, "1w": 7 * DAY, "1M": 30 * DAY,
}  # fmt: skip


class Candle(msgspec.Struct):
    """Open, high, low, close, volume and number of trades from `start` (ms)."""

    start: Ms
    open: Px
    high: Px
    low: Px
    close: Px
    volume: int
    trades: int


class Candles:
    """The minutes of one coin."""

    def __init__(self) -> None:
        """Empty: the venue's history begins with its first execution."""
        self._minutes: deque[Candle] = deque(maxlen=KEPT)

    def add(self, now: Ms, px: Px, sz: Sz) -> None:
        """Count one execution. Args: now, block time, not before the last one."""
        start = Ms(now - now % MINUTE)
        if not self._minutes or self._minutes[-1].start != start:
            self._minutes.append(Candle(start, px, px, px, px, sz, 1))
            return
        minute = self._minutes[-1]
        minute.high, minute.low = max(minute.high, px), min(minute.low, px)
        minute.close, minute.volume, minute.trades = px, minute.volume + sz, minute.trades + 1

    def between(self, span: int, first: Ms, last: Ms) -> list[Candle]:
        """Candles of `span` ms whose start lies in [first, last], oldest first."""
        folded: dict[int, Candle] = {}
        for minute in self._minutes:
            start = minute.start - minute.start % span
            if not first <= start <= last:
                continue
            whole = folded.get(start)
            if whole is None:
                folded[start] = msgspec.structs.replace(minute, start=Ms(start))
                continue
            whole.high, whole.low = max(whole.high, minute.high), min(whole.low, minute.low)
            whole.close = minute.close
            whole.volume, whole.trades = whole.volume + minute.volume, whole.trades + minute.trades
        return list(folded.values())


def candle_json(instrument: Instrument, candle: Candle, interval: str) -> Json:
    """A candle as the venue writes it."""
    return {
        "t": candle.start,
        "T": candle.start + INTERVALS[interval] - 1,
        "s": instrument.coin,
        "i": interval,
        "o": px_text(instrument, candle.open),
        "c": px_text(instrument, candle.close),
        "h": px_text(instrument, candle.high),
        "l": px_text(instrument, candle.low),
        "v": sz_text(instrument, Sz(candle.volume)),
        "n": candle.trades,
    }
