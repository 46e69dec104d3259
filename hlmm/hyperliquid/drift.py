"""Owns the watch on the venue's protocol: messages that the schema does not know, and feeds slower than subscribed.

The hot path decodes only what it needs and ignores the rest, so a new or missing field would go unseen. The sentinel
decodes samples strictly: the first frame of each channel after connecting, then at most one per channel in `SAMPLE_S`;
answers likewise by what was asked. Its counts are therefore counts of samples, and its cost does not grow with traffic.
Pace is counted on every frame of the two feeds that come on a clock, and judged once per `WINDOW_S`.
"""

from __future__ import annotations

from typing import Final

import msgspec

from hlmm.core.events import AnyEvent, DriftKind, DriftSeen
from hlmm.hyperliquid import schema_table, wire
from hlmm.types import NS_PER_S, Coin, Ns

SAMPLE_S: Final = 10
WINDOW_S: Final = 30
SLOW_TIMES: Final = 3
"""A feed is slow when its mean spacing over a window is more than this many times what was subscribed."""
PACE_S: Final = {"l2Book": 0.54, "activeAssetCtx": 1.0}
"""Spacing of the clocked feeds, s: `l2Book` with `fast`, and contexts. Measured on mainnet, 2026-09."""
ACTION: Final = "action"
_NONE: Final[list[AnyEvent]] = []


class Sentinel:
    """Watches one connection at a time. Pure: what it says depends on frames and their times only."""

    def __init__(self) -> None:
        """Watch nothing yet."""
        self._looked: dict[str, Ns] = {}
        self._heard: dict[tuple[str, str], int] = {}
        self._since = Ns(0)

    def subscribed(self, coins: list[Coin], ts: Ns) -> None:
        """A connection carries these coins now: look at its first frames, begin to count."""
        self._looked.clear()
        self._heard = {(channel, coin): 0 for channel in PACE_S for coin in coins}
        self._since = ts

    def lost(self) -> None:
        """The connection is gone: no pace is expected of it."""
        self._heard.clear()

    def frame(self, typed: wire.MarketFrame | wire.UserFrame, frame: bytes | str, ts: Ns) -> list[AnyEvent]:
        """Count a frame, and look at it if its channel is due. Args: frame, the same as received. Raises: nothing."""
        channel = str(type(typed).__struct_config__.tag)
        if isinstance(typed, wire.L2Book | wire.ActiveAssetCtx):
            key = (channel, typed.data.coin)
            if key in self._heard:
                self._heard[key] += 1
        if not self._due(channel, ts):
            return _NONE
        try:
            schema_table.decode_frame(frame)
        except wire.DecodeErrors as error:
            return [_seen(channel, error, ts)]
        return _NONE

    def answer(self, kind: str, payload: bytes | msgspec.Raw, ts: Ns) -> list[AnyEvent]:
        """Look at an answer if its kind is due. Args: kind, the info type or `ACTION`. Raises: nothing."""
        if not self._due(kind, ts):
            return _NONE
        try:
            if kind == ACTION:
                schema_table.decode_answer(payload)
            else:
                schema_table.decode_info(kind, payload)
        except wire.DecodeErrors as error:
            return [_seen(kind, error, ts)]
        return _NONE

    def tick(self, ts: Ns) -> list[AnyEvent]:
        """Judge the pace of the clocked feeds when a window is over. Raises: nothing."""
        elapsed_s = (ts - self._since) / NS_PER_S
        if elapsed_s < WINDOW_S or not self._heard:
            return _NONE
        slow: list[AnyEvent] = [
            DriftSeen(
                ts=ts,
                kind=DriftKind.PACE,
                what=f"{channel} {coin}: fewer than one frame in {SLOW_TIMES * PACE_S[channel]:g} s",
            )
            for (channel, coin), frames in self._heard.items()
            if frames * SLOW_TIMES * PACE_S[channel] < elapsed_s
        ]
        self._heard = dict.fromkeys(self._heard, 0)
        self._since = ts
        return slow

    def _due(self, subject: str, ts: Ns) -> bool:
        """Whether to look now; if so, that is noted."""
        looked = self._looked.get(subject)
        if looked is not None and ts - looked < SAMPLE_S * NS_PER_S:
            return False
        self._looked[subject] = ts
        return True


def _seen(subject: str, error: Exception, ts: Ns) -> DriftSeen:
    return DriftSeen(ts=ts, kind=DriftKind.FIELD, what=f"{subject}: {str(error)[: wire.TEXT_KEPT]}")
