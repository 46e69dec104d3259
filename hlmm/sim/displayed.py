"""The book a tape displays: levels by price, what our own takers consumed of them, and how far it is known.

A recorded book ends somewhere (5 or 20 levels, or the touch alone). Beyond that edge sizes are unknown, not zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hlmm.sim.frames import LEVEL_FIELDS
from hlmm.sim.market import BookLevel
from hlmm.types import Px, Side, Sz

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator

UNKNOWN: Final = Sz(2**62)
"""Size of a level beyond the edge of the recorded book."""


class Shown:
    """One displayed level: what the tape says, and how much of it our takers already took."""

    __slots__ = ("count", "sz", "taken")

    def __init__(self, sz: Sz, count: int) -> None:
        self.sz = sz
        self.count = count
        self.taken = 0


class DisplayedSide:
    """One side of the displayed book. Keys are `px * side`, so the best is the largest, as in `matching`."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self._levels: dict[int, Shown] = {}
        self._keys: list[int] = []
        self._edge: int | None = None

    def replace(self, flat: array[int]) -> None:
        """Take a whole side of an l2Book. What we consumed of a level stands until the tape changes the level."""
        before, self._levels = self._levels, {}
        for at in range(0, len(flat), LEVEL_FIELDS):
            key, sz = flat[at] * self.side, Sz(flat[at + 1])
            known = before.get(key)
            same = known is not None and known.sz == sz
            self._levels[key] = known if known is not None and same else Shown(sz, flat[at + 2])
        self._keys = sorted(self._levels)
        self._edge = self._keys[0] if self._keys else None

    def touch(self, best: BookLevel | None) -> None:
        """Take a bbo: nothing is better than it, everything behind it stands as last seen."""
        if best is None:
            self._levels, self._keys, self._edge = {}, [], None
            return
        key = best.px * self.side
        while self._keys and self._keys[-1] > key:
            del self._levels[self._keys.pop()]
        known = self._levels.get(key)
        if known is None:
            self._keys.append(key)
        if known is None or known.sz != best.sz:
            self._levels[key] = Shown(best.sz, best.count)
        self._edge = key if self._edge is None else min(self._edge, key)

    def size(self, px: Px) -> Sz:
        """What is visible at a price; `UNKNOWN` beyond the edge of what the tape records."""
        key = px * self.side
        shown = self._levels.get(key)
        if shown is not None:
            return Sz(shown.sz - shown.taken)
        return Sz(0) if self._edge is not None and key > self._edge else UNKNOWN

    def take(self, px: Px, sz: Sz) -> None:
        """Our taker consumed `sz` of the level at `px`."""
        shown = self._levels[px * self.side]
        shown.taken += sz
        assert shown.taken <= shown.sz, (px, sz)

    def visible(self) -> Iterator[BookLevel]:
        """Levels with something left, best first."""
        for key in reversed(self._keys):
            shown = self._levels[key]
            if shown.sz > shown.taken:
                yield BookLevel(Px(key * self.side), Sz(shown.sz - shown.taken), shown.count)

    def best(self) -> Px | None:
        """Best visible price, or None."""
        level = next(self.visible(), None)
        return None if level is None else level.px
