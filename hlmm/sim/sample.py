"""A tape made of a synthetic market: rows in the layout of recorded tapes, from a seed alone."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final, TypeAlias

from hlmm.sim.traders import SyntheticMarket
from hlmm.types import Instrument, Ms, Side, decimal_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hlmm.sim.market import BookLevel, Match
    from hlmm.sim.presets import TraderConfig

MS_PER_S: Final = 1_000
BLOCK_MS: Final = (50, 110)
"""Bounds of a block interval. Source: protocol.md §17 (72 ms median, 89 ms mean)."""
BOOK_MS: Final = 540
BOOK_LEVELS: Final = 20
LAG_MS: Final = (260.0, 420.0)
"""Bounds of the time from block to recorder."""
TRADES_LATER_MS: Final = 10.0
BOOK_LATER_MS: Final = 40.0
"""Within a block the bbo comes first, then trades, then the book."""
NO_HASH: Final = "0x" + "0" * 64
START_MS: Final = Ms(1_700_000_000_000)

Row: TypeAlias = dict[str, object]


def sample_tape(instrument: Instrument, config: TraderConfig, *, seed: int, seconds: float) -> list[Row]:
    """Simulate one coin and record it as `{"recv_ms", "channel", "data"}` rows, sorted by `recv_ms`.

    Args: instrument and config of the coin; seed, any integer; seconds of venue time, >= 0.
    Returns: rows that `json.dumps` writes as one tape line each. Raises: nothing.
    """
    rng = Random(seed)
    market = SyntheticMarket(instrument, config, rng)
    recorder = _Recorder(instrument)
    rows: list[Row] = []
    now, end = START_MS, START_MS + int(seconds * MS_PER_S)
    while now <= end:
        matches = market.step(now)
        lag_ms = rng.uniform(*LAG_MS)
        for later_ms, channel, payload in recorder.block(market, now, matches):
            rows.append({"recv_ms": now + lag_ms + later_ms, "channel": channel, "data": payload})
        now = Ms(now + rng.randint(*BLOCK_MS))
    rows.sort(key=_recv_ms)
    return rows


def _recv_ms(row: Row) -> float:
    """Sort key of a row."""
    recv_ms = row["recv_ms"]
    assert isinstance(recv_ms, float)
    return recv_ms


class _Recorder:
    """What a subscriber of bbo, trades and l2Book is sent after each block."""

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._touch: tuple[tuple[BookLevel, ...], tuple[BookLevel, ...]] | None = None
        self._book_due = START_MS
        self._last_tid = 0

    def block(
        self, market: SyntheticMarket, now: Ms, matches: tuple[Match, ...]
    ) -> Iterator[tuple[float, str, object]]:
        """Messages of one block: delay after the first (ms), channel, data."""
        coin = self._instrument.coin
        touch = (market.bids(1), market.asks(1))
        if touch != self._touch:
            self._touch = touch
            sides = [self._level(levels[0]) if levels else None for levels in touch]
            yield 0.0, "bbo", {"coin": coin, "time": now, "bbo": sides}
        if matches:
            yield TRADES_LATER_MS, "trades", [self._print(match, now) for match in matches]
        if now >= self._book_due:
            self._book_due = Ms(now + BOOK_MS)
            book = (market.bids(BOOK_LEVELS), market.asks(BOOK_LEVELS))
            levels = [[self._level(level) for level in side] for side in book]
            yield BOOK_LATER_MS, "l2Book", {"coin": coin, "time": now, "levels": levels}

    def _level(self, level: BookLevel) -> Row:
        """One level as on the wire."""
        return {"px": self._px(level.px), "sz": self._sz(level.sz), "n": level.count}

    def _print(self, match: Match, now: Ms) -> Row:
        """One print as on the wire."""
        self._last_tid += 1
        return {
            "coin": self._instrument.coin,
            "side": "B" if match.aggressor is Side.BID else "A",
            "px": self._px(match.px),
            "sz": self._sz(match.sz),
            "hash": NO_HASH,
            "time": now,
            "tid": self._last_tid,
        }

    def _px(self, px: int) -> str:
        """A price as the feeds write it: at least one decimal."""
        return _feed_text(px, self._instrument.px_decimals)

    def _sz(self, sz: int) -> str:
        """A size as the feeds write it."""
        return _feed_text(sz, self._instrument.sz_decimals)


def _feed_text(value: int, decimals: int) -> str:
    """Decimal text with at least one place."""
    text = decimal_text(value, decimals)
    return text if "." in text else text + ".0"
