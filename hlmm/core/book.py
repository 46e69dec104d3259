"""One coin's market as the feed tells it: top of book, depth, mark and oracle, and how old each is."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from hlmm.types import BPS, NS_PER_S, Level, Px, Side, Sz

if TYPE_CHECKING:
    from hlmm.core.events import BboChanged, BookChanged, ContextChanged
    from hlmm.types import Ms, Ns


MIDS_KEPT: Final = 256
"""Mids remembered for fills that arrive late: some 20 s of blocks."""


class CoinBook:
    """The single writer of one coin's market state. Older venue times never overwrite newer ones."""

    def __init__(self) -> None:
        """Start knowing nothing."""
        self.bid: Level | None = None
        self.ask: Level | None = None
        self.bids: tuple[Level, ...] = ()
        self.asks: tuple[Level, ...] = ()
        self.mark_px: Px | None = None
        self.oracle_px: Px | None = None
        self.funding_hourly = 0.0
        self.top_ts: Ns | None = None
        self.top_venue_ts: Ms | None = None
        self.context_ts: Ns | None = None
        self.late_count = 0
        self._mids: deque[tuple[Ms, Px]] = deque(maxlen=MIDS_KEPT)

    def forget(self) -> None:
        """The connection is gone: nothing known is current."""
        self.bid = self.ask = None
        self.bids = self.asks = ()
        self.top_ts = self.top_venue_ts = self.context_ts = None

    def on_bbo(self, event: BboChanged) -> bool:
        """Take a top of book. Returns: False when it is older than what is known."""
        if self._is_late(event.venue_ts):
            return False
        self.bid, self.ask = event.bid, event.ask
        self._take_top(event.ts, event.venue_ts)
        return True

    def on_book(self, event: BookChanged) -> bool:
        """Take a snapshot of depth. Returns: False when it is older than what is known."""
        if self._is_late(event.venue_ts):
            return False
        self.bids, self.asks = event.bids, event.asks
        self.bid = event.bids[0] if event.bids else None
        self.ask = event.asks[0] if event.asks else None
        self._take_top(event.ts, event.venue_ts)
        return True

    def on_context(self, event: ContextChanged) -> None:
        """Take mark, oracle and funding."""
        self.mark_px, self.oracle_px = event.mark_px, event.oracle_px
        self.funding_hourly = event.funding_hourly
        self.context_ts = event.ts

    def _take_top(self, ts: Ns, venue_ts: Ms) -> None:
        """Note when the touch was told, and the mid of its block."""
        self.top_ts, self.top_venue_ts = ts, venue_ts
        mid_px = self.mid_px
        if mid_px is not None:
            self._mids.append((venue_ts, mid_px))

    def mid_before(self, venue_ts: Ms) -> Px | None:
        """The mid of the last block before `venue_ts`: what a fill of that block traded against.

        A quote of the same block is already the state after its trades. Returns: the oldest mid kept when all are
        later, None when none is known.
        """
        if not self._mids:
            return None
        return next((mid_px for at, mid_px in reversed(self._mids) if at < venue_ts), self._mids[0][1])

    def _is_late(self, venue_ts: Ms) -> bool:
        """Whether a newer block is known already; counts it."""
        late = self.top_venue_ts is not None and venue_ts < self.top_venue_ts
        self.late_count += late
        return late

    @property
    def is_two_sided(self) -> bool:
        """Both sides present and not crossed or locked."""
        return self.bid is not None and self.ask is not None and self.bid.px < self.ask.px

    @property
    def mid_px(self) -> Px | None:
        """Mid, rounded down to a `Px` unit; None unless two-sided. The one mid that PnL is split with."""
        if self.bid is None or self.ask is None or self.bid.px >= self.ask.px:
            return None
        return Px((self.bid.px + self.ask.px) // 2)

    @property
    def spread_bps(self) -> float | None:
        """Best ask minus best bid over mid, bp; None unless two-sided."""
        if self.bid is None or self.ask is None or self.bid.px >= self.ask.px:
            return None
        return BPS * 2 * (self.ask.px - self.bid.px) / (self.ask.px + self.bid.px)

    def age_s(self, ts: Ns) -> float | None:
        """Seconds since the last top of book arrived; None when there is none."""
        return None if self.top_ts is None else (ts - self.top_ts) / NS_PER_S

    def context_age_s(self, ts: Ns) -> float | None:
        """Seconds since mark and oracle arrived; None when they have not."""
        return None if self.context_ts is None else (ts - self.context_ts) / NS_PER_S

    def others_top(self, side: Side, own: dict[Px, Sz]) -> Level | None:
        """Best level of a side that is not only our own orders.

        Args: own, resting size of ours by price on that side.
        Returns: the level with our size taken off, or None when nobody else is seen.
        Quoting around a mid that our own quote made would chase itself.
        """
        top = self.bid if side is Side.BID else self.ask
        deeper = self.bids if side is Side.BID else self.asks
        if top is None:
            return None
        if top.sz > 0 and top.px not in own:
            return top
        for level in (top, *(lv for lv in deeper if side * lv.px < side * top.px)):
            others_sz = level.sz - own.get(level.px, 0)
            if others_sz > 0:
                return Level(level.px, Sz(others_sz))
        return None
