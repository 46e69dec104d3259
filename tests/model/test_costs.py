"""Costs of a fill, and the answer to whether any distance pays."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlmm.model.costs import (
    FillCosts,
    ProfitFloor,
    alpha_shift_bps,
    best_venture,
    funding_drift_bps_per_s,
    latency_cost_bps,
    no_go,
)
from tests.model.cases import logs

pytestmark = pytest.mark.strategy


def charged(total_bps: float) -> FillCosts:
    """A cost made of a fee alone."""
    return FillCosts(maker_fee_bps=total_bps, markout_bps=0.0, latency_bps=0.0)


@given(logs(1e-2, 1e2), st.floats(-1.0, 5.0), st.floats(-0.5, 0.95), st.floats(0.1, 100.0), st.floats(0.0, 1.0))
def test_no_distance_within_the_bound_earns_more(
    kappa: float, cost_kappa: float, slope: float, cap_kappa: float, share: float
) -> None:
    """The best distance earns at least what any other distance between 0 and the bound earns per unit time."""
    cost, cap = cost_kappa / kappa, cap_kappa / kappa
    found = best_venture(1.0, kappa, charged(cost), markout_slope=slope, half_spread_max_bps=cap)
    other = share * cap
    rival = math.exp(-kappa * other) * ((1.0 - slope) * other - cost) * 3_600.0
    assert found.depth_bps <= cap
    assert found.profit_bps_per_h >= rival - 1e-9 * (1.0 + abs(rival)) / kappa


def test_costs_add_up() -> None:
    """The cost of a fill is the sum of its three named terms."""
    assert FillCosts(maker_fee_bps=-0.1, markout_bps=0.3, latency_bps=0.05).total_bps == pytest.approx(0.25)


def test_profitable_at_a_makers_fee_and_not_at_the_bound() -> None:
    """A wide enough bound pays at any cost below it; a bound that the cost exceeds is refused with the numbers."""
    good = best_venture(0.17, 1.7, charged(1.8), markout_slope=0.0, half_spread_max_bps=10.0)
    assert good.depth_bps == pytest.approx(1.8 + 1 / 1.7)
    assert no_go(good, ProfitFloor(half_spread_max_bps=10.0), markout_slope=0.0) is None
    floor = ProfitFloor(half_spread_max_bps=1.5)
    bad = best_venture(0.17, 1.7, charged(1.8), markout_slope=0.0, half_spread_max_bps=1.5)
    reason = no_go(bad, floor, markout_slope=0.0)
    assert reason is not None
    assert "edge -0.30 bp at 1.50 bp" in reason


def test_a_markout_that_grows_with_distance_is_refused_only_beyond_doubt() -> None:
    """Slope 1.2 is refused with a standard error of 0.05 and not with one of 0.5."""
    venture = best_venture(0.17, 1.7, charged(0.0), markout_slope=0.0, half_spread_max_bps=10.0)
    floor = ProfitFloor(half_spread_max_bps=10.0)
    assert no_go(venture, floor, markout_slope=1.2, markout_slope_se=0.05) is not None
    assert no_go(venture, floor, markout_slope=1.2, markout_slope_se=0.5) is None


@given(st.floats(1.0, 3.0), st.floats(0.0, 5.0))
def test_no_distance_pays_when_the_markout_outruns_it(slope: float, cost: float) -> None:
    """With slope 1 or more and a cost that is not negative, the edge is never positive at any bound."""
    assert best_venture(1.0, 1.0, charged(cost), markout_slope=slope, half_spread_max_bps=50.0).edge_bps <= 0


def test_too_few_fills_is_a_reason() -> None:
    """A floor on fills per hour refuses a distance that is almost never reached."""
    venture = best_venture(0.17, 1.7, charged(8.0), markout_slope=0.0, half_spread_max_bps=20.0)
    floor = ProfitFloor(half_spread_max_bps=20.0, fills_min_per_h=1.0)
    assert "fills/h" in (no_go(venture, floor, markout_slope=0.0) or "")


@given(logs(0.01, 10.0), logs(0.01, 10.0), st.floats(0.0, 5.0))
def test_latency_cost_is_what_staleness_takes_from_the_best_distance(kappa: float, sigma: float, lag: float) -> None:
    """The latency cost is kappa sigma^2 tau: it is the drift of the edge of fills at a Gaussian stale mid."""
    assert latency_cost_bps(kappa, sigma, lag) == pytest.approx(kappa * sigma * sigma * lag)


def test_funding_is_a_drift_against_who_pays() -> None:
    """At 4 %/h longs lose 1/9 bp per second of holding; a negative rate pays them."""
    assert funding_drift_bps_per_s(0.04) == pytest.approx(-0.04 * 10_000 / 3_600)
    assert funding_drift_bps_per_s(-0.04) > 0


@given(st.floats(-10.0, 10.0), logs(0.1, 1e4), logs(0.1, 1e4))
def test_alpha_shift_lies_between_nothing_and_the_move(move: float, life: float, relaxation: float) -> None:
    """A signal moves the quotes by no more than it expects: all of it when short, little when it outlives inventory."""
    found = alpha_shift_bps(move, life, relaxation)
    assert abs(found) <= abs(move)
    assert found * move >= 0
    assert found == pytest.approx(move * relaxation / (relaxation + life))
