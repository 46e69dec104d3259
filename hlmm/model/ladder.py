"""The ladder: how the size of one side is spread over distances from the fair value.

Equal sizes at uniform spacing are within 0.5 % of the optimum (spacing 1/4 to 1/2 of 1/kappa) and need one request per
fill: after a fill the best bids are the remaining ones plus one at the deep end. Source: theory 3.8.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import msgspec

from hlmm.model.glft import GlftParameters

E: Final = math.e
SIZE_DUST_FRAC: Final = 1e-9
"""Part of a level below which a remainder of room is nothing."""


class LadderLevel(msgspec.Struct, frozen=True, gc=False):
    """One wish: distance from the fair value, bp, and size, USDC > 0."""

    depth_bps: float
    size_usd: float


def levels(
    touch_bps: float, spacing_bps: float, count: int, level_usd: float, room_usd: float
) -> tuple[LadderLevel, ...]:
    """A uniform ladder outward from the touch, cut where the room for inventory ends.

    Args:
        touch_bps: distance of the first level, finite; infinite means the side must not quote.
        spacing_bps: > 0.   count: levels, >= 0.   level_usd: size of each, > 0.   room_usd: total allowed; <= 0 none.
    Returns: at most `count` levels, nearest first; the last may be smaller. Raises: nothing.
    """
    if not math.isfinite(touch_bps):
        return ()
    found: list[LadderLevel] = []
    for index in range(count):
        size = min(level_usd, room_usd - index * level_usd)
        if size <= level_usd * SIZE_DUST_FRAC:
            break
        found.append(LadderLevel(touch_bps + index * spacing_bps, size))
    return tuple(found)


def ladder_slope_bps_per_usd(p: GlftParameters, mean_fill_usd: float) -> float:
    """Skew per USDC of inventory when market orders sweep levels and leave `mean_fill_usd` for us on average.

    Between GLFT (one fill of fixed size) and the sweep ladder (unlimited volume); within 2.4 % of the exact answer.

    Args: p, solvable, xi = 0; mean_fill_usd, USDC > 0. Returns: bp per USDC. Source: theory 3.8 (b).
    """
    sweep = _sweep_gain(p) * p.risk_rate / p.kappa_per_bps
    single_sq = sweep / (p.kappa_per_bps * mean_fill_usd)
    return 0.5 * (sweep + math.sqrt(sweep * sweep + 2 * (2 * single_sq)))


def natural_level_usd(spacing_bps: float, slope_bps_per_usd: float) -> float:
    """Level size at which a fill of one level moves the ladder by exactly one spacing: spacing / slope.

    Args: spacing bp > 0; slope bp per USDC > 0. Returns: USDC. Source: theory 3.8 (c), (e).
    """
    return spacing_bps / slope_bps_per_usd


def sweep_marginal_bps(p: GlftParameters, inventory_usd: float) -> float:
    """Value of one more unit at this inventory, when market orders sweep every order up to their depth.

    Args: p, solvable, xi = 0 (lot and limit are not read); inventory_usd, signed.
    Returns: bp, odd and decreasing in inventory without drift. Source: theory 3.8 (a), the exact sweep ladder.
    """
    return -math.asinh(_sweep_gain(p) * (p.risk_rate * inventory_usd - p.drift_bps_per_s)) / p.kappa_per_bps


def sweep_depth_bps(p: GlftParameters, side_sign: int, inventory_usd: float) -> float:
    """Distance at which the unit at inventory level `inventory_usd` is bid (+1) or offered (-1) in the sweep ladder.

    Args and source as `sweep_marginal_bps`. Returns: bp.
    """
    return p.cost_bps + 1.0 / p.kappa_per_bps - side_sign * sweep_marginal_bps(p, inventory_usd)


class Slot(msgspec.Struct, frozen=True, gc=False):
    """A distance on offer to `allocate`: bp from the fair value, and cost of a fill there, bp."""

    depth_bps: float
    cost_bps: float


class Allocation(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The problem `allocate` solves: decay 1/bp, value slope bp/USDC > 0, inventory towards the side, budget >= 0."""

    kappa_per_bps: float
    slope_bps_per_usd: float
    inventory_usd: float
    budget_usd: float


def allocate(slots: Sequence[Slot], problem: Allocation) -> tuple[float, ...]:
    """The exactly optimal sizes at given distances under a budget.

    The value is separable and concave in the cumulative size, whose unconstrained optimum is made monotone by pooling
    adjacent violators and then clipped to the budget.

    Args: slots, distances strictly increasing; problem.
    Returns: USDC per slot, >= 0, sum <= budget. Raises: nothing. Source: theory 3.8 (d).
    """
    weights = [math.exp(-problem.kappa_per_bps * slot.depth_bps) for slot in slots] + [0.0]
    gains = [weight * (slot.depth_bps - slot.cost_bps) for weight, slot in zip(weights, slots, strict=False)] + [0.0]
    steps = [weights[i] - weights[i + 1] for i in range(len(slots))]
    wanted = [
        (gains[i] - gains[i + 1]) / (problem.slope_bps_per_usd * steps[i]) - problem.inventory_usd
        for i in range(len(slots))
    ]
    sizes: list[float] = []
    done = 0.0
    for target in _pool(wanted, steps):
        upto = min(max(target, 0.0), problem.budget_usd)
        sizes.append(upto - done)
        done = upto
    return tuple(sizes)


def allocation_value(slots: Sequence[Slot], sizes: Sequence[float], problem: Allocation) -> float:
    """What a ladder earns per market order that comes, in bp x USDC: what `allocate` maximises.

    Args: as `allocate`, with one size per slot. Source: theory 3.8 (d).
    """
    total = 0.0
    held = problem.inventory_usd
    for slot, size in zip(slots, sizes, strict=True):
        risk = 0.5 * problem.slope_bps_per_usd * ((held + size) ** 2 - held**2)
        total += math.exp(-problem.kappa_per_bps * slot.depth_bps) * (size * (slot.depth_bps - slot.cost_bps) - risk)
        held += size
    return total


def _pool(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Weighted isotonic (non-decreasing) regression by pooling adjacent violators."""
    blocks: list[_Block] = []
    for value, weight in zip(values, weights, strict=True):
        block = _Block(value, weight, 1)
        while blocks and blocks[-1].mean >= block.mean:
            block = _merge(blocks.pop(), block)
        blocks.append(block)
    return [block.mean for block in blocks for _ in range(block.length)]


class _Block(msgspec.Struct, frozen=True, gc=False):
    """A run of pooled entries."""

    mean: float
    weight: float
    length: int


def _merge(left: _Block, right: _Block) -> _Block:
    weight = left.weight + right.weight
    mean = (left.mean * left.weight + right.mean * right.weight) / weight
    return _Block(mean, weight, left.length + right.length)


def _sweep_gain(p: GlftParameters) -> float:
    """Inventory risk, bp/s, to the argument of the marginal value's asinh: kappa e / (2 A exp(-kappa cost))."""
    return p.kappa_per_bps * E / (2 * p.arrival_rate_per_s * math.exp(-p.kappa_per_bps * p.cost_bps))
