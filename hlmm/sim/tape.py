"""A recorded market: a tape's frames, played on a clock that may be shifted against the recording's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from hlmm.sim.frames import BboFrame, BookFrame, Frame, PrintFrame, Tape, TapeError
from hlmm.sim.market import BookLevel, Match
from hlmm.sim.played import Hole, Opening, PlayedMarket, TapeConfig
from hlmm.types import Instrument, Ms, Px

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Hole", "TapeConfig", "TapeMarket"]


class TapeMarket(PlayedMarket):
    """One coin played from a tape; implements `sim.market.Market`. Venue time is tape time plus `offset_ms`."""

    def __init__(self, instrument: Instrument, tape: Tape, config: TapeConfig, offset_ms: int = 0) -> None:
        """Raises: TapeError when the tape holds another coin, or no two-sided book."""
        if tape.coin != instrument.coin:
            raise TapeError(f"{tape.source}: holds {tape.coin!r}, not {instrument.coin!r}")
        super().__init__(instrument, config, Opening(mid=_opening_mid(tape), book_ms=tape.start_ms), offset_ms)
        self.tape = tape
        self._frames = _Cursor(tape.frames)

    def step(self, now: Ms) -> tuple[Match, ...]:
        """See `Market.step`. The first step only positions the tape: what was printed before it is history."""
        return self.play(self._frames, now)

    def horizon(self) -> Ms | None:
        """See `Market.horizon`: the last frame of the tape."""
        return Ms(self.tape.end_ms + self._offset_ms)

    @property
    @override
    def in_hole(self) -> bool:
        """Whether the recording is silent now, or over, or not begun."""
        return self._clock is None or self._clock < self.tape.start_ms or super().in_hole


class _Cursor:
    """A recording's frames, each given once."""

    def __init__(self, frames: tuple[Frame, ...]) -> None:
        self._frames = frames
        self._next = 0

    def due(self, clock: Ms) -> Sequence[Frame]:
        """See `FrameSource.due`."""
        first, frames = self._next, self._frames
        while self._next < len(frames) and frames[self._next].venue_ms <= clock:
            self._next += 1
        return frames[first : self._next]


def _opening_mid(tape: Tape) -> Px:
    """Mid of the first two-sided book. Raises: TapeError when there is none."""
    for frame in tape.frames:
        match frame:
            case BookFrame() if frame.bids and frame.asks:
                return Px((frame.bids[0] + frame.asks[0]) // 2)
            case BboFrame(bid=BookLevel(px=bid), ask=BookLevel(px=ask)):
                return Px((bid + ask) // 2)
            case PrintFrame() | BookFrame() | BboFrame():
                pass
    raise TapeError(f"{tape.source}: its book never has both sides")
