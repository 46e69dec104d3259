"""A market played from frames, with our orders in it: its book and prints, and a queue position for each order of ours.

The frames come from a recording (`sim.tape`) or from the venue as they arrive (`sim.live`); one code for both.

Rules, all on the pessimistic side:
  - a print of block time t meets our orders before the book of t applies, so nothing is known too early;
  - a print at our price fills us only after the size ahead of us has traded; a print through it fills us first;
  - what we are filled never exceeds what was printed; the frames themselves do not react to us;
  - our takers execute against displayed size only, which stays consumed until the frames change that level;
  - in a hole of the frames there is no market: nothing is displayed, taken or filled.
An order the played book moved through without a print waits for one, and is left out of the displayed book: a
crossed book would be our doing, not the market's.
Source: theory.md §6.3; SOURCES.md, clocks.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from hlmm.sim.displayed import UNKNOWN, DisplayedSide
from hlmm.sim.frames import BboFrame, BookFrame, Frame, PrintFrame
from hlmm.sim.market import BACKGROUND, BookLevel, MakerGuard, Match, Placement
from hlmm.sim.matching import CROSSED, Ladder, admitted, execution
from hlmm.sim.queues import Queued, QueueModel, RiskAverse
from hlmm.types import Instrument, Ms, Oid, Px, Side, Sz, Tif

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MS_PER_S: Final = 1_000


class TapeConfig(BaseModel):
    """How our orders live in played frames."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    queue: QueueModel = RiskAverse()
    hole_s: float = Field(
        default=5.0, ge=0.5, le=3600.0, description="A longer silence of the played book is a hole: no market."
    )


class Hole(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One silence of the book, in the frames' own time."""

    start_ms: Ms
    end_ms: Ms


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """What is known before the first frame: a mid, and since when (frame time) there is a book; None: not yet."""

    mid: Px
    book_ms: Ms | None


class FrameSource(Protocol):
    """Where frames come from. Frame time, in `venue_ms`, never runs backwards in what `due` gives."""

    def due(self, clock: Ms) -> Sequence[Frame]:
        """The frames to play up to `clock` (frame time), each given once, a block's prints before its book."""


class PlayedMarket:
    """One coin played from frames: `sim.market.Market` but for `step` and `horizon`.

    Venue time is frame time plus `offset_ms`.
    """

    def __init__(self, instrument: Instrument, config: TapeConfig, opening: Opening, offset_ms: int = 0) -> None:
        self.instrument = instrument
        self.holes: list[Hole] = []
        self._config = config
        self._offset_ms = offset_ms
        self._shown = {side: DisplayedSide(side) for side in (Side.BID, Side.ASK)}
        self._guard: MakerGuard | None = None
        self._own = {side: Ladder[Queued](side) for side in (Side.BID, Side.ASK)}
        self._orders: dict[Oid, Queued] = {}
        self._clock: Ms | None = None
        self._book_ms = opening.book_ms
        self._last_px: Px | None = None
        self._last_oid = 0
        self._mid = opening.mid

    # ---- the Market seam ----

    def guard_makers(self, guard: MakerGuard) -> None:
        """See `Market.guard_makers`."""
        self._guard = guard

    def place(self, oid: Oid, owner: int, side: Side, px: Px, sz: Sz, tif: Tif) -> Placement:
        """See `Market.place`. Takers meet displayed size and other accounts' orders."""
        assert px > 0, px
        assert sz > 0, sz
        assert oid not in self._orders, oid
        order = Queued(oid, owner, side, px, sz)
        best = self._best(side.other)
        crosses = best is not None and (px - best) * side >= 0
        if crosses and tif == "Alo":
            return CROSSED
        matches: list[Match] = []
        self_traded: list[Oid] = []
        if crosses:
            self._sweep(order, matches, self_traded)
        resting = Sz(0)
        if order.left > 0 and tif != "Ioc":
            order.join(self._shown[side].size(px))
            self._orders[oid] = order
            self._own[side].add(order)
            resting = order.left
        return Placement(matches=tuple(matches), self_traded=tuple(self_traded), resting_sz=resting)

    def cancel(self, oid: Oid) -> Sz | None:
        """See `Market.cancel`."""
        order = self._orders.get(oid)
        if order is None:
            return None
        self._remove(order)
        return order.left

    def shrink(self, oid: Oid, sz: Sz) -> None:
        """See `Market.shrink`."""
        order = self._orders[oid]
        assert 0 < sz <= order.left, (oid, sz, order.left)
        order.left = sz

    def play(self, source: FrameSource, now: Ms) -> tuple[Match, ...]:
        """Play what is due for one block ending at `now`; every execution, ours or not, in order.

        The first call only positions the market: what was printed before it is history.
        """
        clock = Ms(now - self._offset_ms)
        silent, self._clock = self._clock is None, clock
        matches: list[Match] = []
        for frame in source.due(clock):
            if not isinstance(frame, PrintFrame):
                self._book(frame)
            elif not silent:
                self._print(frame, matches)
        return tuple(matches)

    def bids(self, depth: int) -> tuple[BookLevel, ...]:
        """See `Market.bids`; empty in a hole."""
        return self._view(Side.BID, depth)

    def asks(self, depth: int) -> tuple[BookLevel, ...]:
        """See `Market.asks`; empty in a hole."""
        return self._view(Side.ASK, depth)

    def best(self, side: Side) -> Px | None:
        """See `Market.best`; None in a hole."""
        shown = self._view(side, 1)
        return shown[0].px if shown else None

    def oracle_px(self, now: Ms) -> Px:  # noqa: ARG002 - the seam's signature
        """See `Market.oracle_px`: frames hold no oracle, so this is the last displayed mid."""
        return self._mid

    def last_px(self) -> Px | None:
        """See `Market.last_px`."""
        return self._last_px

    @property
    def in_hole(self) -> bool:
        """Whether the book is silent now, or has not begun."""
        return self._clock is None or self._silent_since(self._clock)

    # ---- the frames ----

    def _book(self, frame: BookFrame | BboFrame) -> None:
        """Apply a book or bbo, and let it move our queue positions."""
        if self._book_ms is not None and self._silent_since(frame.venue_ms):
            self.holes.append(Hole(start_ms=self._book_ms, end_ms=frame.venue_ms))
        self._book_ms = frame.venue_ms
        bids, asks = self._shown[Side.BID], self._shown[Side.ASK]
        if isinstance(frame, BookFrame):
            bids.replace(frame.bids)
            asks.replace(frame.asks)
        else:
            bids.touch(frame.bid)
            asks.touch(frame.ask)
        for order in self._orders.values():
            order.update(self._config.queue, self._shown[order.side].size(order.px))
        bid, ask = bids.best(), asks.best()
        if bid is not None and ask is not None:
            self._mid = Px((bid + ask) // 2)

    def _print(self, trade: PrintFrame, matches: list[Match]) -> None:
        """Meet our orders with one public print; what they do not take stays a trade of the background."""
        side = trade.aggressor.other
        ladder, print_key = self._own[side], trade.px * side
        taker = Queued(self._background_oid(), BACKGROUND, trade.aggressor, trade.px, trade.sz)
        reachable = not self._silent_since(trade.venue_ms)
        while reachable and taker.left > 0 and ladder.keys and ladder.keys[-1] >= print_key:
            through = ladder.keys[-1] > print_key
            used_up = self._fill_level(taker, Px(ladder.keys[-1] * side), through=through, matches=matches)
            reachable = used_up and through
        if taker.left > 0:
            maker = Queued(self._background_oid(), BACKGROUND, side, trade.px, taker.left)
            matches.append(self._execute(maker, taker, taker.left))

    def _fill_level(self, taker: Queued, px: Px, *, through: bool, matches: list[Match]) -> bool:
        """Fill our orders at one price from a print, each after the size ahead of it unless the print went through.

        Returns: whether the level is used up, so that the print may reach the next.
        """
        orders = sorted(self._own[taker.side.other].levels[px * taker.side.other].values(), key=_queue_order)
        displayed, budget = 0, int(taker.left)
        for order in orders:
            wait = 0 if through else max(0, order.ahead - displayed)
            displayed += min(wait, budget)
            budget -= min(wait, budget)
            if budget == 0:
                break
            budget -= self._meet(order, taker, Sz(min(order.left, budget)), matches)
        displayed += 0 if through else budget
        for order in orders:
            order.traded(displayed)
        return budget > 0

    # ---- our takers ----

    def _sweep(self, taker: Queued, matches: list[Match], self_traded: list[Oid]) -> None:
        """Execute our taker level by level, displayed size and accounts' orders in queue order."""
        side = taker.side.other
        for px in self._prices(side):
            if taker.left == 0 or (taker.px - px) * taker.side < 0:
                return
            level = self._own[side].levels.get(px * side, {})
            consumed = 0
            for order in sorted(level.values(), key=_queue_order):
                consumed += self._take_shown(taker, px, order.ahead - consumed, matches)
                if taker.left == 0:
                    break
                if order.owner == taker.owner:
                    self_traded.append(order.oid)
                    self._remove(order)
                    continue
                self._meet(order, taker, Sz(min(order.left, taker.left)), matches)
            consumed += self._take_shown(taker, px, taker.left, matches)
            for order in level.values():
                order.traded(consumed)

    def _take_shown(self, taker: Queued, px: Px, most: int, matches: list[Match]) -> int:
        """Take up to `most` of the displayed size at `px`. Returns: what was taken."""
        side = taker.side.other
        shown = Sz(0) if self.in_hole else self._shown[side].size(px)
        if shown >= UNKNOWN:
            return 0
        sz = Sz(min(most, taker.left, shown))
        if sz > 0:
            maker = Queued(self._background_oid(), BACKGROUND, side, px, sz)
            matches.append(self._execute(maker, taker, sz))
            self._shown[side].take(px, sz)
        return max(0, sz)

    def _execute(self, maker: Queued, taker: Queued, sz: Sz) -> Match:
        """Reduce both orders by `sz` and report the match."""
        maker.left = Sz(maker.left - sz)
        taker.left = Sz(taker.left - sz)
        self._last_px = maker.px
        return execution(maker, taker, sz)

    def _meet(self, order: Queued, taker: Queued, asked: Sz, matches: list[Match]) -> Sz:
        """Trade an order of ours, which goes when it is filled or may not trade all. Returns: what it traded."""
        sz = admitted(self._guard, order, asked)
        if sz > 0:
            matches.append(self._execute(order, taker, sz))
        if order.left == 0 or sz < asked:
            self._remove(order)
        return sz

    def _remove(self, order: Queued) -> None:
        """Take an order of ours off the book."""
        del self._orders[order.oid]
        self._own[order.side].drop(order)

    def _background_oid(self) -> Oid:
        """Background orders are numbered downwards from -1, so they never meet the exchange's own ids."""
        self._last_oid -= 1
        return Oid(self._last_oid)

    # ---- what is visible ----

    def _displayed(self, side: Side) -> Iterator[BookLevel]:
        """The visible levels of the frames, best first; none in a hole."""
        return iter(()) if self.in_hole else self._shown[side].visible()

    def _best(self, side: Side) -> Px | None:
        """Best price of a side, frames and accounts together."""
        shown = next(self._displayed(side), None)
        own = self._own[side].best()
        if shown is None or own is None:
            return own if shown is None else shown.px
        return Px(max(shown.px * side, own * side) * side)

    def _prices(self, side: Side) -> list[Px]:
        """Every price with something to take, best first."""
        keys = dict.fromkeys(level.px * side for level in self._displayed(side))
        keys |= dict.fromkeys(self._own[side].keys)
        return [Px(key * side) for key in sorted(keys, reverse=True)]

    def _view(self, side: Side, depth: int) -> tuple[BookLevel, ...]:
        """The frames' levels with our orders in them, save those that the frames' other side has passed."""
        if self.in_hole:
            return ()
        levels = {level.px * side: level for level in islice(self._displayed(side), depth)}
        passed = next(self._displayed(side.other), None)
        for key in islice(reversed(self._own[side].keys), depth):
            if passed is not None and key >= passed.px * side:
                continue
            orders = self._own[side].levels[key].values()
            shown = levels.get(key, BookLevel(Px(key * side), Sz(0), 0))
            sz = Sz(shown.sz + sum(order.left for order in orders))
            levels[key] = BookLevel(shown.px, sz, shown.count + len(orders))
        return tuple(levels[key] for key in sorted(levels, reverse=True)[:depth])

    def _silent_since(self, frame_ms: Ms) -> bool:
        """Whether there is no book yet, or the one last seen is too old at `frame_ms` to be one."""
        return self._book_ms is None or frame_ms - self._book_ms > self._config.hole_s * MS_PER_S


def _queue_order(order: Queued) -> int:
    """Sort key within a price; equal places keep their time order, since sorting is stable."""
    return order.ahead
