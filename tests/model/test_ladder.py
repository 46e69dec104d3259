"""The ladder: P22 to P25 of theory section 7, and the exact sweep ladder's table."""

from __future__ import annotations

import json
import math
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hlmm.model.estimate import BPS
from hlmm.model.glft import GlftParameters, gamma_from_target
from hlmm.model.ladder import (
    Allocation,
    Slot,
    allocate,
    allocation_value,
    ladder_slope_bps_per_usd,
    levels,
    natural_level_usd,
    sweep_depth_bps,
    sweep_marginal_bps,
)
from tests.model.cases import logs, problems
from tests.shared import SHARED, needs_shared

pytestmark = pytest.mark.strategy

TABLES = SHARED / "theory" / "tables"


@st.composite
def allocations(draw: st.DrawFn) -> tuple[list[Slot], Allocation]:
    """Up to eight levels with their own costs, and a budget."""
    kappa = draw(logs(0.1, 10.0))
    gaps = draw(st.lists(st.floats(0.05, 2.0), min_size=1, max_size=8))
    depth, slots = 0.0, []
    for gap in gaps:
        depth += gap / kappa
        slots.append(Slot(depth, draw(st.floats(-0.5, 1.0)) / kappa))
    problem = Allocation(
        kappa_per_bps=kappa,
        slope_bps_per_usd=draw(logs(0.01, 1.0)) / kappa,
        inventory_usd=draw(st.floats(-10.0, 10.0)),
        budget_usd=draw(st.floats(0.0, 20.0)),
    )
    return slots, problem


@given(allocations(), st.integers(0, 2**32))
def test_p22_no_feasible_ladder_is_better(case: tuple[list[Slot], Allocation], seed: int) -> None:
    """P22: sizes are not negative, fit the budget, and no random feasible ladder is worth more."""
    slots, problem = case
    sizes = allocate(slots, problem)
    assert all(size >= 0 for size in sizes)
    assert sum(sizes) <= problem.budget_usd * (1 + 1e-12)
    best = allocation_value(slots, sizes, problem)
    chance = random.Random(seed)
    for _ in range(20):
        cuts = sorted(chance.uniform(0.0, problem.budget_usd) for _ in slots)
        other = [b - a for a, b in zip([0.0, *cuts], cuts, strict=False)]
        assert allocation_value(slots, other, problem) <= best + 1e-9 * (1 + abs(best))


@given(allocations(), st.floats(0.0, 10.0), st.floats(0.05, 2.0))
def test_p23_more_choice_is_never_worse(case: tuple[list[Slot], Allocation], more: float, gap: float) -> None:
    """P23: more budget, or one more level, never lowers the best value."""
    slots, problem = case
    best = allocation_value(slots, allocate(slots, problem), problem)
    richer = replace(problem, budget_usd=problem.budget_usd + more)
    assert allocation_value(slots, allocate(slots, richer), richer) >= best - 1e-9 * (1 + abs(best))
    longer = [*slots, Slot(slots[-1].depth_bps + gap / problem.kappa_per_bps, 0.0)]
    assert allocation_value(longer, allocate(longer, problem), problem) >= best - 1e-9 * (1 + abs(best))


@given(problems(drifts=True, fees=True, xi=False), st.floats(-20.0, 20.0))
def test_p24_sweep_ladder_balances_both_sides(p: GlftParameters, lots: float) -> None:
    """P24: marginal profits differ by drift less risk; the marginal value falls in inventory, odd without drift."""
    q = lots * p.lot_usd
    m, k = sweep_marginal_bps(p, q), p.kappa_per_bps
    gain = p.arrival_rate_per_s / k * math.exp(-1.0 - k * p.cost_bps)
    buy, sell = gain * math.exp(k * m), gain * math.exp(-k * m)
    assert buy - sell == pytest.approx(p.drift_bps_per_s - p.risk_rate * q, rel=1e-6, abs=1e-9 * (buy + sell))
    assert sweep_marginal_bps(p, q + p.lot_usd) <= m
    flat = replace(p, drift_bps_per_s=0.0)
    assert sweep_marginal_bps(flat, -q) == pytest.approx(-sweep_marginal_bps(flat, q), rel=1e-12)


@given(st.floats(-3.0, 3.0), st.floats(0.1, 1.0), st.integers(2, 10), st.floats(10.0, 1e4))
def test_p25_a_fill_of_one_level_shifts_the_ladder_by_one(
    touch: float, spacing: float, count: int, level_usd: float
) -> None:
    """P25: moved by one spacing, a ladder keeps every level but the nearest and gains one at the deep end."""
    before = levels(touch, spacing, count, level_usd, math.inf)
    after = levels(touch + spacing, spacing, count, level_usd, math.inf)
    for kept, moved in zip(before[1:], after, strict=False):
        assert moved.depth_bps == pytest.approx(kept.depth_bps, abs=1e-9)
        assert moved.size_usd == kept.size_usd


@given(st.floats(-3.0, 3.0), st.floats(0.01, 1.0), st.integers(0, 12), st.floats(1.0, 1e4), st.floats(-1e4, 1e5))
def test_a_ladder_fits_its_room(touch: float, spacing: float, count: int, level_usd: float, room: float) -> None:
    """Depths increase, sizes are positive and at most one level's, and their sum is within the room."""
    found = levels(touch, spacing, count, level_usd, room)
    assert len(found) <= count
    assert all(0 < x.size_usd <= level_usd for x in found)
    assert all(b.depth_bps > a.depth_bps for a, b in pairwise(found))
    assert sum(x.size_usd for x in found) <= max(0.0, room) * (1 + 1e-9)


def test_a_side_that_must_not_quote_has_no_ladder() -> None:
    """An infinite touch distance gives no levels."""
    assert levels(math.inf, 0.1, 5, 100.0, 1e6) == ()


@needs_shared
def test_sweep_ladder_equals_the_table() -> None:
    """Distances are c + 1/k + asinh(k a y)/k and the value integral is the table's, for all rows."""
    for row in json.loads((TABLES / "ladder_exact.json").read_text())["rows"]:
        p = GlftParameters(
            sigma_bps_sqrt_s=row["sigma"],
            arrival_rate_per_s=row["A"],
            kappa_per_bps=row["k"],
            gamma_per_usd=row["gamma"] * BPS,
            lot_usd=1.0,
            limit_usd=row["Q"],
            cost_bps=0.0,
        )
        k, steps = row["k"], 20_000
        for y in (-row["Q"], -0.3, 0.0, 1.0, row["Q"]):
            expected = (1.0 + math.asinh(k * row["a"] * y)) / k
            assert sweep_depth_bps(p, 1, y) == pytest.approx(expected, abs=1e-12)
        width = row["Q"] / steps
        points = ((i + 0.5) * width for i in range(steps))
        value = sum(math.exp(k * sweep_marginal_bps(p, y)) for y in points) * width * 2 * row["A"] / (k * math.e)
        assert value == pytest.approx(row["rho_formula"], rel=1e-7)
        assert value == pytest.approx(row["rho"], rel=1e-4)


@needs_shared
def test_ladder_slope_is_near_the_numerical_one() -> None:
    """With limited market-order volume, the slope is within 3 % of the numerical solution over every tabulated case."""
    for row in json.loads((TABLES / "ladder_sim.json").read_text())["mo_volume_slope"]:
        p = GlftParameters(
            sigma_bps_sqrt_s=row["sigma"],
            arrival_rate_per_s=row["A"],
            kappa_per_bps=row["k"],
            gamma_per_usd=row["gamma"] * BPS,
            lot_usd=1.0,
            limit_usd=10.0,
            cost_bps=0.0,
        )
        found = ladder_slope_bps_per_usd(p, row["vbar"])
        assert found == pytest.approx(row["a_formula"], rel=1e-12)
        assert found == pytest.approx(row["a_numeric"], rel=0.03)


def test_the_worked_example_of_the_allocation() -> None:
    """k = 1, slope 1/4, cost 0.2, budget 8, depths 0.5 to 5: the sizes printed in theory 3.8 (d)."""
    slots = [Slot(0.5 * i, 0.2) for i in range(1, 11)]
    problem = Allocation(kappa_per_bps=1.0, slope_bps_per_usd=0.25, inventory_usd=0.0, budget_usd=8.0)
    assert allocate(slots, problem) == pytest.approx([0, 0.117, 2, 2, 2, 1.883, 0, 0, 0, 0], abs=1e-3)


def test_the_natural_level_moves_the_ladder_by_one_spacing() -> None:
    """A fill of the natural size moves the skew by exactly one spacing."""
    assert natural_level_usd(0.2, 0.001) * 0.001 == pytest.approx(0.2)


def test_slope_from_target() -> None:
    """GLFT's slope at a target inventory s is lot / (2 k s^2): what an operator can check by hand."""
    p = GlftParameters(
        sigma_bps_sqrt_s=0.55,
        arrival_rate_per_s=0.17,
        kappa_per_bps=1.7,
        gamma_per_usd=0.0,
        lot_usd=500.0,
        limit_usd=10_000.0,
        cost_bps=0.2,
    )
    p = replace(p, gamma_per_usd=gamma_from_target(2_000.0, p))
    assert p.slope_bps_per_usd == pytest.approx(500.0 / (2 * 1.7 * 2_000.0**2))
