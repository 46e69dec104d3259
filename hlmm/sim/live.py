"""A market that follows a real venue's public feeds: frames as they arrive, played like a recording's.

Rules beside those of `sim.played`:
  - frames wait `reorder_ms` and are then played in the order of their venue times, prints before the book they led to:
    the venue sends a block's bbo before its trades, which would flatter our queue positions;
  - frame time is this simulator's own clock, so that the venue's clock and ours need not agree;
  - what was printed before the first block, or while nobody listened, is history and is not played;
  - when the venue falls silent, so do the feeds of this market. No price is ever made up.
"""

from __future__ import annotations

from array import array
from bisect import insort
from collections import deque
from typing import TYPE_CHECKING, Final, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import override

from hlmm.core.events import AnyEvent, BboChanged, BookChanged, ContextChanged, Trade, TradesPrinted
from hlmm.sim.frames import BboFrame, BookFrame, Frame, PrintFrame, venue_order
from hlmm.sim.market import BookLevel, Context, Match
from hlmm.sim.played import Opening, PlayedMarket, TapeConfig
from hlmm.types import Instrument, Level, Ms, Px

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WAITING_MAX: Final = 20_000
"""Frames of one coin that may wait for a block; beyond it the oldest are forgotten. Seconds of any real feed."""
ORDERS_UNKNOWN: Final = 1
"""Number of orders of a level: the wire's is not decoded."""


class FeedConfig(BaseModel):
    """How a market follows public feeds, and how our orders live in it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    orders: TapeConfig = Field(default=TapeConfig(), description="queue model of our orders, and what is a hole")
    reorder_ms: int = Field(
        default=100, ge=0, le=5_000, description="how long frames wait for earlier ones of their block, ms"
    )
    quiet_ms: int = Field(
        default=1_500, ge=100, le=60_000, description="silence of the book after which ours is silent too, ms"
    )
    context_quiet_ms: int = Field(
        default=5_000, ge=500, le=60_000, description="silence of mark and oracle after which ours are silent too, ms"
    )


class _Arrived(msgspec.Struct, frozen=True, gc=False):
    """One waiting frame: its place in venue order, and when a block first saw it."""

    order: tuple[int, int]
    seen_ms: Ms
    frame: Frame


class Arrivals:
    """Frames in order of arrival in, in venue order out; a frame is `reorder_ms` old when it is due."""

    def __init__(self, reorder_ms: int) -> None:
        self._reorder_ms = reorder_ms
        self._unseen: deque[Frame] = deque(maxlen=WAITING_MAX)
        self._waiting: list[_Arrived] = []

    def put(self, frame: Frame) -> None:
        """Take a frame that just arrived."""
        self._unseen.append(frame)

    def due(self, clock: Ms) -> Sequence[Frame]:
        """See `FrameSource.due`. A frame's time is when it is played; one that comes late is played late."""
        for frame in self._unseen:
            insort(self._waiting, _Arrived(venue_order(frame), clock, frame), key=_order)
        self._unseen.clear()
        ripe = [at for at, one in enumerate(self._waiting, 1) if clock - one.seen_ms >= self._reorder_ms]
        count = ripe[-1] if ripe else 0
        played = [msgspec.structs.replace(one.frame, venue_ms=clock) for one in self._waiting[:count]]
        del self._waiting[:count]
        return played


def _order(arrived: _Arrived) -> tuple[int, int]:
    """Sort key; equal places keep their order of arrival."""
    return arrived.order


class LiveMarket(PlayedMarket):
    """One coin of the real venue; implements `sim.market.Market` and `sim.market.Outside`. Open it when `is_ready`."""

    def __init__(self, instrument: Instrument, config: FeedConfig) -> None:
        super().__init__(instrument, config.orders, Opening(mid=Px(0), book_ms=None))
        self._feed = config
        self._arrivals = Arrivals(config.reorder_ms)
        self._context: Context | None = None
        self._context_new, self._context_ms = False, Ms(0)
        self._two_sided = False

    def hear(self, event: AnyEvent) -> None:
        """Take one decoded event of this coin; what is no market data, or history, is left out."""
        match event:
            case BboChanged():
                bid, ask = event.bid, event.ask
                self._arrivals.put(BboFrame(event.venue_ts, _shown(bid), _shown(ask)))
            case BookChanged():
                self._two_sided = self._two_sided or bool(event.bids and event.asks)
                self._arrivals.put(BookFrame(event.venue_ts, _flat(event.bids), _flat(event.asks)))
            case TradesPrinted() if not event.replayed and self._clock is not None:
                for trade in event.trades:
                    self._arrivals.put(_print(trade))
            case ContextChanged():
                self._context_new = True
                self._context = Context(
                    mark_px=event.mark_px, oracle_px=event.oracle_px, funding_hourly=event.funding_hourly
                )
            case _:
                pass

    @property
    def is_ready(self) -> bool:
        """Whether a two-sided book and the prices beside it have arrived."""
        return self._two_sided and self._context is not None

    def step(self, now: Ms) -> tuple[Match, ...]:
        """See `Market.step`: what has arrived, and waited long enough, by the block at `now`."""
        if self._context_new:
            self._context_new, self._context_ms = False, now
        return self.play(self._arrivals, now)

    def horizon(self) -> Ms | None:
        """See `Market.horizon`: the venue does not end."""
        return None

    @override
    def oracle_px(self, now: Ms) -> Px:
        """See `Market.oracle_px`: the venue's own."""
        return self.context().oracle_px

    def context(self) -> Context:
        """See `Outside.context`; not before `is_ready`."""
        assert self._context is not None, self.instrument.coin
        return self._context

    def is_silent(self, what: Literal["book", "context"]) -> bool:
        """See `Outside.is_silent`; silent before the first frame was played."""
        if self._clock is None or self.in_hole:
            return True
        if what == "context":
            return self._clock - self._context_ms > self._feed.context_quiet_ms
        return self._book_ms is None or self._clock - self._book_ms > self._feed.quiet_ms


def _shown(level: Level | None) -> BookLevel | None:
    """One side of a bbo."""
    return None if level is None else BookLevel(level.px, level.sz, ORDERS_UNKNOWN)


def _flat(levels: Iterable[Level]) -> array[int]:
    """One side of a book as flat triples."""
    flat = array("q")
    for level in levels:
        flat.extend((level.px, level.sz, ORDERS_UNKNOWN))
    return flat


def _print(trade: Trade) -> PrintFrame:
    """One public print."""
    return PrintFrame(trade.venue_ts, trade.px, trade.sz, trade.aggressor, trade.tid)
