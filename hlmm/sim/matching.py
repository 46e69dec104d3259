"""One coin's order book: price-time priority on integers, self-trade prevention, ALO refusal.

Prices are kept as keys, `px` for bids and `-px` for asks, so that the best order of either side is always the
largest key and the last element of an ascending list. Most activity is near the touch, hence near that end.
Source: Hyperliquid documentation, order book (price-time priority, expire-maker self-trade prevention).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Generic, TypeVar

from hlmm.sim.market import BACKGROUND, BookLevel, MakerGuard, Match, Placement
from hlmm.types import Oid, Px, Side, Sz, Tif


class Resting:
    """One resting order; `left` is what has not traded yet (Sz units, > 0 while it rests)."""

    __slots__ = ("left", "oid", "owner", "px", "side")

    def __init__(self, oid: Oid, owner: int, side: Side, px: Px, left: Sz) -> None:
        self.oid = oid
        self.owner = owner
        self.side = side
        self.px = px
        self.left = left


RestingT = TypeVar("RestingT", bound=Resting)


class Ladder(Generic[RestingT]):
    """One side of the book: levels by key, best last; a level is its orders in time order."""

    __slots__ = ("keys", "levels", "sign")

    def __init__(self, side: Side) -> None:
        self.sign = int(side)
        self.keys: list[int] = []
        self.levels: dict[int, dict[Oid, RestingT]] = {}

    def best(self) -> Px | None:
        """Best price, or None when the side is empty."""
        return Px(self.keys[-1] * self.sign) if self.keys else None

    def add(self, order: RestingT) -> None:
        """Queue an order behind its level."""
        key = order.px * self.sign
        level = self.levels.get(key)
        if level is None:
            insort(self.keys, key)
            level = self.levels[key] = {}
        level[order.oid] = order

    def drop(self, order: RestingT) -> None:
        """Remove an order that rests here."""
        key = order.px * self.sign
        level = self.levels[key]
        del level[order.oid]
        if not level:
            self.drop_level(key)

    def drop_level(self, key: int) -> None:
        """Remove an empty level."""
        del self.levels[key]
        del self.keys[bisect_left(self.keys, key)]


class MatchingBook:
    """A price-time book. Every method is exact and deterministic; validity of orders is the caller's business."""

    def __init__(self) -> None:
        self.orders: dict[Oid, Resting] = {}
        self.last_px: Px | None = None
        self.guard: MakerGuard | None = None
        self._bids = Ladder[Resting](Side.BID)
        self._asks = Ladder[Resting](Side.ASK)

    def ladder(self, side: Side) -> Ladder[Resting]:
        """The side's levels, for reading."""
        return self._bids if side is Side.BID else self._asks

    def best(self, side: Side) -> Px | None:
        """Best price of a side, or None."""
        return self.ladder(side).best()

    def place(self, oid: Oid, owner: int, side: Side, px: Px, sz: Sz, tif: Tif) -> Placement:
        """Match an order against the other side, then rest what is left of it (Gtc, Alo).

        Args: oid, unused so far; owner, account index or `BACKGROUND`; px in Px, sz in Sz, both > 0.
        Returns: matches in order, self-trade cancels, what rests; `crossed` when an Alo would have matched.
        Raises: nothing; a repeated oid or an empty order is a bug and asserts.
        """
        assert px > 0, px
        assert sz > 0, sz
        assert oid not in self.orders, oid
        best = self.best(side.other)
        crosses = best is not None and (px - best) * side >= 0
        if crosses and tif == "Alo":
            return CROSSED
        order = Resting(oid, owner, side, px, sz)
        matches, self_traded = self._sweep(order) if crosses else ((), ())
        resting = Sz(0)
        if order.left > 0 and tif != "Ioc":
            self.orders[oid] = order
            self.ladder(side).add(order)
            resting = order.left
        return Placement(matches=matches, self_traded=self_traded, resting_sz=resting)

    def cancel(self, oid: Oid) -> Sz | None:
        """Remove a resting order. Returns: its remaining size (Sz), or None when none rests. Raises: nothing."""
        order = self.orders.pop(oid, None)
        if order is None:
            return None
        self.ladder(order.side).drop(order)
        return order.left

    def shrink(self, oid: Oid, sz: Sz) -> None:
        """Reduce a resting order to `sz` (Sz, 0 < sz <= remaining), keeping its place. Raises: asserts otherwise."""
        order = self.orders[oid]
        assert 0 < sz <= order.left, (oid, sz, order.left)
        order.left = sz

    def levels(self, side: Side, depth: int) -> tuple[BookLevel, ...]:
        """Aggregated levels of a side, best first, at most `depth` (>= 0) of them."""
        ladder = self.ladder(side)
        keys = ladder.keys[-depth:] if depth > 0 else ()
        return tuple(
            BookLevel(Px(key * ladder.sign), Sz(sum(order.left for order in level.values())), len(level))
            for key, level in ((key, ladder.levels[key]) for key in reversed(keys))
        )

    def _sweep(self, taker: Resting) -> tuple[tuple[Match, ...], tuple[Oid, ...]]:
        """Match `taker` against the other side, best price first, until it is filled or no longer crosses."""
        ladder = self.ladder(taker.side.other)
        matches: list[Match] = []
        self_traded: list[Oid] = []
        worst_key = taker.px * ladder.sign
        while taker.left > 0 and ladder.keys and ladder.keys[-1] >= worst_key:
            self._sweep_level(taker, ladder.levels[ladder.keys[-1]], matches, self_traded)
            if not ladder.levels[ladder.keys[-1]]:
                ladder.drop_level(ladder.keys[-1])
        if matches:
            self.last_px = matches[-1].px
        return tuple(matches), tuple(self_traded)

    def _sweep_level(
        self, taker: Resting, level: dict[Oid, Resting], matches: list[Match], self_traded: list[Oid]
    ) -> None:
        """Match `taker` against one level in time order, leaving the level possibly empty."""
        gone: list[Oid] = []
        for maker in level.values():
            if taker.left == 0:
                break
            if maker.owner == taker.owner != BACKGROUND:
                self_traded.append(maker.oid)
                gone.append(maker.oid)
                continue
            asked = min(maker.left, taker.left)
            sz = asked if maker.owner == BACKGROUND else admitted(self.guard, maker, asked)
            maker.left = Sz(maker.left - sz)
            taker.left = Sz(taker.left - sz)
            if sz > 0:
                matches.append(execution(maker, taker, sz))
            if maker.left == 0 or sz < asked:
                gone.append(maker.oid)
        for oid in gone:
            del level[oid]
            del self.orders[oid]


CROSSED = Placement(crossed=True)


def admitted(guard: MakerGuard | None, maker: Resting, sz: Sz) -> Sz:
    """How much of `sz` a resting order of an account may trade."""
    return sz if guard is None else guard(maker.owner, maker.oid, maker.px, sz)


def execution(maker: Resting, taker: Resting, sz: Sz) -> Match:
    """The match of `sz` between two orders, after their remainders were reduced."""
    return Match(
        px=maker.px,
        sz=sz,
        aggressor=taker.side,
        maker_oid=maker.oid,
        taker_oid=taker.oid,
        maker_owner=maker.owner,
        taker_owner=taker.owner,
        maker_left=maker.left,
    )
