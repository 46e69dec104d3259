"""Owns the watch on the venue's protocol: messages that the schema does not know, and feeds slower than subscribed.

The hot path decodes only what it needs and ignores the rest, so a new or missing field would go unseen. The sentinel
decodes samples strictly: the first frame of each channel after connecting, then at most one per channel in `SAMPLE_S`;
answers likewise by what was asked. Its counts are therefore counts of samples, and its cost does not grow with traffic.
Pace is counted on every frame of the two feeds that come on a clock, and judged once per `WINDOW_S`.
"""

from __future__ import annotations

from typing import Final

import msgspec

from hlmm.core.events import DriftKind, DriftSeen
from hlmm.hyperliquid import schema_table, wire
from hlmm.types import NS_PER_S, Coin, Ns

SAMPLE_S: Final = 10
SAMPLE_NS: Final = SAMPLE_S * NS_PER_S
WINDOW_S: Final = 30
SLOW_TIMES: Final = 3
"""A feed is slow when its mean spacing over a window is more than this many times what was subscribed."""
CLOCKED: Final = (wire.L2Book, wire.ActiveAssetCtx)
PACE_S: Final[dict[type[wire.Frame], float]] = {wire.L2Book: 0.54, wire.ActiveAssetCtx: 1.0}
"""Spacing of the clocked feeds, s: `l2Book` with `fast`, and contexts. Measured on mainnet, 2026-09."""
ACTION: Final = "action"
NOTHING: Final[tuple[DriftSeen, ...]] = ()


class Sentinel:
    """Watches one connection at a time. Pure: what it says depends on frames and their times only."""

    def __init__(self) -> None:
        """Watch nothing yet."""
        self._due: dict[object, Ns] = {}
        self._heard: dict[tuple[type[wire.Frame], str], int] = {}
        self._since = Ns(0)

    def subscribed(self, coins: list[Coin], ts: Ns) -> None:
        """A connection carries these coins now: look at its first frames, begin to count."""
        self._due.clear()
        self._heard = {(feed, coin): 0 for feed in PACE_S for coin in coins}
        self._since = ts

    def lost(self) -> None:
        """The connection is gone: no pace is expected of it."""
        self._heard.clear()

    def frame(self, typed: wire.MarketFrame | wire.UserFrame, frame: bytes | str, ts: Ns) -> tuple[DriftSeen, ...]:
        """Count a frame, and look at it if its channel is due. Args: frame, the same as received. Raises: nothing."""
        if isinstance(typed, CLOCKED):
            key = (typed.__class__, typed.data.coin)
            if key in self._heard:
                self._heard[key] += 1
        if ts < self._due.get(typed.__class__, 0):
            return NOTHING
        self._due[typed.__class__] = Ns(ts + SAMPLE_NS)
        try:
            schema_table.decode_frame(frame)
        except wire.DecodeErrors as error:
            return (_seen(_channel(typed.__class__), error, ts),)
        return NOTHING

    def answer(self, kind: str, payload: bytes | msgspec.Raw, ts: Ns) -> tuple[DriftSeen, ...]:
        """Look at an answer if its kind is due. Args: kind, the info type or `ACTION`. Raises: nothing."""
        if ts < self._due.get(kind, 0):
            return NOTHING
        self._due[kind] = Ns(ts + SAMPLE_NS)
        try:
            if kind == ACTION:
                schema_table.decode_answer(payload)
            else:
                schema_table.decode_info(kind, payload)
        except wire.DecodeErrors as error:
            return (_seen(kind, error, ts),)
        return NOTHING

    def tick(self, ts: Ns) -> tuple[DriftSeen, ...]:
        """Judge the pace of the clocked feeds when a window is over. Raises: nothing."""
        elapsed_s = (ts - self._since) / NS_PER_S
        if elapsed_s < WINDOW_S or not self._heard:
            return NOTHING
        slow = tuple(
            DriftSeen(
                ts=ts,
                kind=DriftKind.PACE,
                what=f"{_channel(feed)} {coin}: fewer than one frame in {SLOW_TIMES * PACE_S[feed]:g} s",
            )
            for (feed, coin), frames in self._heard.items()
            if frames * SLOW_TIMES * PACE_S[feed] < elapsed_s
        )
        self._heard = dict.fromkeys(self._heard, 0)
        self._since = ts
        return slow


def _channel(feed: type[wire.Frame]) -> str:
    return str(feed.__struct_config__.tag)


def _seen(subject: str, error: Exception, ts: Ns) -> DriftSeen:
    return DriftSeen(ts=ts, kind=DriftKind.FIELD, what=f"{subject}: {str(error)[: wire.TEXT_KEPT]}")
