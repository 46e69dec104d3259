"""A matching book that audits itself: every execution in price-time order, within limit and size of both orders."""

from __future__ import annotations

from typing import NamedTuple

from typing_extensions import override

from hlmm.sim.market import BACKGROUND, Placement
from hlmm.sim.matching import MatchingBook
from hlmm.types import Oid, Px, Side, Sz, Tif


class Queued(NamedTuple):
    """A resting order before a sweep, in the order in which it must trade."""

    oid: Oid
    owner: int
    px: Px
    left: Sz


class AuditedBook(MatchingBook):
    """Judges every placement against the queue as it stood before."""

    def __init__(self, book: MatchingBook) -> None:
        """Take over a book with all that rests in it."""
        self.__dict__.update(book.__dict__)
        self.sweeps = 0

    @override
    def place(self, oid: Oid, owner: int, side: Side, px: Px, sz: Sz, tif: Tif) -> Placement:
        """As `MatchingBook.place`, audited."""
        best = self.best(side.other)
        if best is None or (px - best) * side < 0:
            placed = super().place(oid, owner, side, px, sz, tif)
            assert not placed.matches
            return placed
        queue = self._queue(side.other, px)
        placed = super().place(oid, owner, side, px, sz, tif)
        if tif != "Alo":
            self._audit(queue, placed, owner, (side, px, sz))
        return placed

    def _queue(self, side: Side, limit: Px) -> list[Queued]:
        """Every order of a side within a limit: best price first, oldest first."""
        found = [Queued(o.oid, o.owner, o.px, o.left) for o in self.orders.values() if o.side is side]
        reach = [queued for queued in found if (queued.px - limit) * side >= 0]
        return sorted(reach, key=lambda queued: -queued.px * side)

    def _audit(self, queue: list[Queued], placed: Placement, owner: int, taker: tuple[Side, Px, Sz]) -> None:
        """Walk the queue beside the matches; whoever is passed over is the taker's own or left the book."""
        self.sweeps += 1
        side, limit, left = taker
        matches = list(placed.matches)
        for queued in queue:
            if not matches or matches[0].maker_oid != queued.oid:
                if left > 0:
                    own = queued.owner == owner != BACKGROUND
                    assert queued.oid not in self.orders, queued
                    assert (queued.oid in placed.self_traded) == own, queued
                continue
            match = matches.pop(0)
            assert match.px == queued.px
            assert (match.px - limit) * side <= 0
            assert 0 < match.sz <= min(queued.left, left)
            left = Sz(left - match.sz)
            assert match.sz == queued.left or left == 0 or queued.oid not in self.orders
        assert not matches, "a match out of the queue"
        assert left >= placed.resting_sz
