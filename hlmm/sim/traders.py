"""A synthetic market for one coin: background makers and takers around an efficient price that jumps.

Theory of operation, once per block:
  1. the efficient price moves (diffusion, jumps, the impact of takers);
  2. makers notice late: after a random wait they move the book towards it. On some moves a taker is faster and
     sweeps the quotes left behind, an account's included: this is the adverse selection;
  3. uninformed takers arrive in clusters, with fat-tailed sizes;
  4. makers come and go at the touch and behind it, so that a fresh touch is thin and a calm one is deep.
Account orders are plain liquidity: they are hit in price-time order, and makers never quote through them.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from hlmm.sim.market import BACKGROUND, BookLevel, MakerGuard, Match, Placement
from hlmm.sim.matching import MatchingBook
from hlmm.types import BPS, Instrument, Ms, Oid, Px, Side, Sz, Tif

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from hlmm.sim.matching import Resting
    from hlmm.sim.presets import TraderConfig

MS_PER_S: Final = 1_000
STEP_MAX_S: Final = 2.0
"""A longer pause between blocks counts as this much trading: a paused simulator does not come back to a crash."""
ORDERS_PER_BLOCK_MAX: Final = 20
BURST_MAX: Final = 10
MAKER_USD_MAX: Final = 5e6
MAKER_ORDERS_MAX: Final = 40
"""Background orders on one level."""
ABANDON_FRAC: Final = 0.7
"""Share of makers who leave a level when the touch moves on in front of it."""
BEHIND_CHURN: Final = 0.3
"""Probability per block that one level behind the touch changes."""
BEHIND_ORDERS: Final = 3
"""Orders that a level behind the touch settles at."""
PICK_OFF_S: Final = 0.15
"""Mean time an order beyond the makers' own quotes survives before a sniper takes it."""
STEP_FRAC_MIN: Final = 0.5
"""Makers close between this share and all of the gap to the efficient price in one move."""
ORACLE_MS: Final = 3_000
"""Oracle period. Source: protocol.md §16."""
SIDES: Final = (Side.BID, Side.ASK)


class SyntheticMarket:
    """One coin with seeded background traders; implements `sim.market.Market`."""

    def __init__(self, instrument: Instrument, config: TraderConfig, rng: Random) -> None:
        self.instrument = instrument
        self._config = config
        self._rng = rng
        self._book = MatchingBook()
        self._fair_usd = config.start_px_usd
        self._tick = instrument.tick(instrument.px_up(config.start_px_usd))
        bid = instrument.px_down(config.start_px_usd)
        self._goal = {Side.BID: bid, Side.ASK: Px(bid + self._tick)}
        self._front = dict(self._goal)
        self._excitement = 0.0
        self._now: Ms | None = None
        self._last_oid = 0
        self._oracle: tuple[Ms, Px] | None = None
        for side in SIDES:
            self._quote_behind(side, 0)
            for _ in range(int(config.touch_births_per_s / config.touch_deaths_per_s)):
                self._join(side, 0, 1.0)

    # ---- the Market seam ----

    def guard_makers(self, guard: MakerGuard) -> None:
        """See `Market.guard_makers`."""
        self._book.guard = guard

    def use_book(self, wrap: Callable[[MatchingBook], MatchingBook]) -> None:
        """Put another book, made from the present one, in its place."""
        self._book = wrap(self._book)

    def shock(self, move_bps: float) -> None:
        """Move the efficient price at once, as news would. Args: move_bps, > -10,000."""
        self._fair_usd *= 1 + move_bps / BPS

    def place(self, oid: Oid, owner: int, side: Side, px: Px, sz: Sz, tif: Tif) -> Placement:
        """See `Market.place`. Taking background liquidity moves the efficient price as any taker does."""
        placed = self._book.place(oid, owner, side, px, sz, tif)
        if placed.matches:
            self._push(side)
        return placed

    def cancel(self, oid: Oid) -> Sz | None:
        """See `Market.cancel`."""
        return self._book.cancel(oid)

    def shrink(self, oid: Oid, sz: Sz) -> None:
        """See `Market.shrink`."""
        self._book.shrink(oid, sz)

    def step(self, now: Ms) -> tuple[Match, ...]:
        """See `Market.step`. Args: now, venue time, ms, non-decreasing."""
        before, self._now = (now if self._now is None else self._now), now
        assert now >= before, (now, before)
        dt_s = min((now - before) / MS_PER_S, STEP_MAX_S)
        if dt_s <= 0.0:
            return ()
        matches: list[Match] = []
        self._drift(dt_s)
        self._follow(dt_s, matches)
        self._take(dt_s, matches)
        for side in SIDES:
            self._close_spread(side, dt_s)
            self._churn(side, dt_s)
        return tuple(matches)

    def bids(self, depth: int) -> tuple[BookLevel, ...]:
        """See `Market.bids`."""
        return self._book.levels(Side.BID, depth)

    def asks(self, depth: int) -> tuple[BookLevel, ...]:
        """See `Market.asks`."""
        return self._book.levels(Side.ASK, depth)

    def best(self, side: Side) -> Px | None:
        """See `Market.best`."""
        return self._book.best(side)

    def oracle_px(self, now: Ms) -> Px:
        """See `Market.oracle_px`: the efficient price, published every 3 s."""
        if self._oracle is None or now - self._oracle[0] >= ORACLE_MS:
            self._oracle = (now, Px(round(self._fair_usd * 10**self.instrument.px_decimals)))
        return self._oracle[1]

    def last_px(self) -> Px | None:
        """See `Market.last_px`."""
        return self._book.last_px

    def horizon(self) -> Ms | None:
        """See `Market.horizon`: a synthetic market never ends."""
        return None

    # ---- the efficient price ----

    def _drift(self, dt_s: float) -> None:
        """Diffuse and jump the efficient price."""
        config, rng = self._config, self._rng
        move_bps = config.diffusion_bps_sqrt_s * math.sqrt(dt_s) * rng.gauss(0.0, 1.0)
        if rng.random() < config.jump_rate_per_s * dt_s:
            size_bps = config.jump_mean_bps * rng.expovariate(1.0)
            move_bps += size_bps * self._coin_flip()
        self._fair_usd *= math.exp(move_bps / BPS)

    def _push(self, side: Side) -> None:
        """The permanent impact of one taker order."""
        self._fair_usd *= math.exp(side * self._config.impact_bps / BPS)

    def _gap_ticks(self) -> float:
        """Efficient price minus the middle of the makers' goal, in ticks."""
        fair = self._fair_usd / self.instrument.px_unit
        return (fair - (self._goal[Side.BID] + self._goal[Side.ASK]) / 2) / self._tick

    # ---- makers' prices ----

    def _follow(self, dt_s: float, matches: list[Match]) -> None:
        """Move the makers' goal towards the efficient price, perhaps with a taker ahead of them."""
        config, rng = self._config, self._rng
        gap = self._gap_ticks()
        sweep = False
        if abs(gap) > config.inertia_ticks and rng.random() < _chance(dt_s, config.tracking_s):
            ticks = max(1, round(abs(gap) * rng.uniform(STEP_FRAC_MIN, 1.0)))
            self._move_goal(math.copysign(ticks, gap))
            sweep = rng.random() < config.sweep_frac
            self._withdraw(Side.ASK if gap > 0 else Side.BID, leave_stale=sweep)
        self._pick_off(dt_s, matches, now=sweep)

    def _move_goal(self, ticks: float) -> None:
        """Shift the makers' goal; the side that recedes leaves at once, the other follows in `_close_spread`."""
        middle = Px(self._goal[Side.BID] + round(ticks) * self._tick)
        self._tick = self.instrument.tick(middle)
        bid = self.instrument.on_grid_down(middle)
        self._goal = {Side.BID: bid, Side.ASK: Px(bid + self._tick)}
        self._front[Side.BID] = min(self._front[Side.BID], bid)
        self._front[Side.ASK] = max(self._front[Side.ASK], self._goal[Side.ASK])

    def _withdraw(self, side: Side, *, leave_stale: bool) -> None:
        """Cancel background quotes in front of the goal, leaving a remnant on each level when a sweep is coming."""
        book, goal = self._book, self._goal[side]
        ladder = book.ladder(side)
        worst_key = goal * side
        for key in [k for k in reversed(ladder.keys) if k > worst_key]:
            left_behind = leave_stale
            for order in tuple(ladder.levels[key].values()):
                if order.owner != BACKGROUND:
                    continue
                if left_behind:
                    left_behind = False
                    book.shrink(order.oid, min(order.left, self._size(order.px, self._config.stale_usd, 1.0)))
                else:
                    book.cancel(order.oid)
        self._quote_behind(side, 0)

    def _pick_off(self, dt_s: float, matches: list[Match], *, now: bool) -> None:
        """Let a sniper take whatever rests beyond the makers' goal: remnants, and accounts that did not follow."""
        for side in SIDES:
            best, goal = self._book.best(side), self._goal[side]
            if best is None or (best - goal) * side <= 0:
                continue
            if now or self._rng.random() < _chance(dt_s, PICK_OFF_S):
                limit = Px(goal + side * self._tick)
                self._send(side.other, limit, self._config.order_max_usd / 2, matches)
                self._withdraw(side, leave_stale=False)

    def _close_spread(self, side: Side, dt_s: float) -> None:
        """Let the side that lags behind its goal improve to it."""
        goal, front = self._goal[side], self._front[side]
        if front == goal or self._rng.random() >= _chance(dt_s, self._config.refill_s):
            return
        self._abandon(side, front)
        self._front[side] = goal
        px = goal
        while (px - front) * side > 0:
            self._place(side, px, self._maker_size(px, 1.0 if px == goal else self._config.behind_frac))
            step = self.instrument.tick(px) if side is Side.ASK else self._tick
            px = self.instrument.on_grid_down(Px(px - side * step))
        self._prune(side)

    def _abandon(self, side: Side, px: Px) -> None:
        """Most makers leave a level that is no longer the touch."""
        level = self._book.ladder(side).levels.get(px * side, {})
        for order in tuple(level.values()):
            if order.owner == BACKGROUND and self._rng.random() < ABANDON_FRAC:
                self._book.cancel(order.oid)

    # ---- makers' sizes ----

    def _churn(self, side: Side, dt_s: float) -> None:
        """Orders come and go at the touch, and now and then on one level behind it."""
        config, rng = self._config, self._rng
        if rng.random() < config.touch_births_per_s * dt_s:
            self._join(side, 0, 1.0)
        self._leave(side, 0, config.touch_deaths_per_s * dt_s)
        if rng.random() < BEHIND_CHURN:
            offset = 1 + int(rng.random() * (config.levels - 1))
            self._join(side, offset, config.behind_frac)
            self._leave(side, offset, 1.0 / BEHIND_ORDERS)
        if not self._level(side, 0):
            self._join(side, 0, 1.0)
            self._quote_behind(side, 1)

    def _px(self, side: Side, offset: int) -> Px:
        """The price `offset` ticks behind the makers' front; on the grid also where the tick changes."""
        return self.instrument.on_grid_down(Px(self._front[side] - side * offset * self._tick))

    def _level(self, side: Side, offset: int) -> dict[Oid, Resting]:
        """The level `offset` ticks behind the makers' front, possibly empty."""
        return self._book.ladder(side).levels.get(self._px(side, offset) * side, {})

    def _join(self, side: Side, offset: int, scale: float) -> None:
        """One more maker order on a level."""
        px = self._px(side, offset)
        if len(self._level(side, offset)) < MAKER_ORDERS_MAX:
            self._place(side, px, self._maker_size(px, scale))

    def _leave(self, side: Side, offset: int, chance_each: float) -> None:
        """Perhaps one maker order leaves a level: `chance_each` per resting order."""
        level = self._level(side, offset)
        if level and self._rng.random() < chance_each * len(level):
            oid = tuple(level)[int(self._rng.random() * len(level))]
            if oid < 0:
                self._book.cancel(oid)

    def _quote_behind(self, side: Side, first: int) -> None:
        """Fill every empty level from `first` ticks behind the front to the depth that is kept."""
        for offset in range(first, self._config.levels):
            if not self._level(side, offset):
                self._join(side, offset, self._config.behind_frac)

    def _prune(self, side: Side) -> None:
        """Cancel background orders far behind the front."""
        ladder = self._book.ladder(side)
        worst_key = (self._front[side] - side * self._config.levels * 2 * self._tick) * side
        for key in ladder.keys[: bisect_left(ladder.keys, worst_key)]:
            for order in tuple(ladder.levels[key].values()):
                if order.owner == BACKGROUND:
                    self._book.cancel(order.oid)

    def _maker_size(self, px: Px, scale: float) -> Sz:
        """A maker's order size."""
        return self._size(px, self._config.maker_usd * scale, self._config.maker_log_sd)

    def _size(self, px: Px, median_usd: float, log_sd: float, max_usd: float = MAKER_USD_MAX) -> Sz:
        """A log-normal USD amount as a size, at least one lot."""
        usd = min(median_usd * math.exp(log_sd * self._rng.gauss(0.0, 1.0)), max_usd)
        return Sz(max(1, int(usd / self.instrument.price(px) * 10**self.instrument.sz_decimals)))

    def _place(self, side: Side, px: Px, sz: Sz) -> None:
        """Rest one background order; a price that would cross is simply not quoted."""
        self._book.place(self._oid(), BACKGROUND, side, px, sz, "Alo")

    def _oid(self) -> Oid:
        """Background orders are numbered downwards from -1, so they never meet the exchange's own ids."""
        self._last_oid -= 1
        return Oid(self._last_oid)

    # ---- takers ----

    def _take(self, dt_s: float, matches: list[Match]) -> None:
        """Uninformed (and a few informed) takers of this block."""
        config, rng = self._config, self._rng
        self._excitement *= math.exp(-dt_s / config.cluster_s)
        for _ in range(ORDERS_PER_BLOCK_MAX):
            rate = config.order_rate_per_s * (1.0 - config.cluster_frac) + self._excitement
            if rng.random() >= 1.0 - math.exp(-rate * dt_s):
                return
            self._excitement += config.cluster_frac / config.cluster_s
            self._take_burst(matches)

    def _take_burst(self, matches: list[Match]) -> None:
        """One taker, or several of one side in the same block; each accepts some distance beyond the touch."""
        config, rng = self._config, self._rng
        gap = self._gap_ticks()
        side = self._coin_flip()
        if rng.random() < config.informed_frac and abs(gap) > config.inertia_ticks:
            side = Side.BID if gap > 0 else Side.ASK
        for _ in range(BURST_MAX):
            best = self._book.best(side.other)
            if best is None:
                return
            walk = int(best * config.walk_bps / BPS * rng.expovariate(1.0))
            limit = self.instrument.on_grid_up(Px(max(1, best + side * walk)))
            self._send(side, limit, config.order_usd, matches)
            self._push(side)
            if rng.random() >= config.burst_frac:
                return

    def _coin_flip(self) -> Side:
        """Either side, equally likely."""
        return SIDES[self._rng.getrandbits(1)]

    def _send(self, side: Side, limit: Px, median_usd: float, matches: list[Match]) -> None:
        """Send one background IOC."""
        config = self._config
        sz = self._size(limit, median_usd, config.order_log_sd, config.order_max_usd)
        placed = self._book.place(self._oid(), BACKGROUND, side, limit, sz, "Ioc")
        matches.extend(placed.matches)


def _chance(dt_s: float, mean_s: float) -> float:
    """Probability that a memoryless wait of mean `mean_s` ends within `dt_s`."""
    return 1.0 - math.exp(-dt_s / mean_s) if mean_s > 0.0 else 1.0
