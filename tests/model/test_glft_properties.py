"""Invariants of the stationary quotes, P1 to P14 of theory section 7."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from hlmm.model.estimate import BPS
from hlmm.model.glft import (
    LOTS_MAX,
    Glft,
    GlftParameters,
    asinh_form,
    gamma_from_target,
    ground_state,
    linear,
    solve,
    unsolvable,
)
from tests.model.cases import inventories, logs, problems, with_r

pytestmark = pytest.mark.strategy

BTC = GlftParameters(
    sigma_bps_sqrt_s=0.55,
    arrival_rate_per_s=0.17,
    kappa_per_bps=1.7,
    gamma_per_usd=0.1,
    lot_usd=500.0,
    limit_usd=10_000.0,
    cost_bps=0.3,
)


def bids(p: GlftParameters) -> list[float]:
    """Bid distances at every lot but the long limit."""
    solution = solve(p)
    return [solution.depth_bps(1, q) for q in inventories(p)[:-1]]


def asks(p: GlftParameters) -> list[float]:
    """Ask distances at every lot but the short limit."""
    solution = solve(p)
    return [solution.depth_bps(-1, q) for q in inventories(p)[1:]]


def same(found: list[float], expected: list[float], kappa: float) -> bool:
    """Equal to 1e-8 of 1/kappa, or of the largest distance where that is larger."""
    scale = max(1.0, max(abs(x) for x in expected) * kappa)
    return all(abs(a - b) * kappa <= 1e-8 * scale for a, b in zip(found, expected, strict=True))


@given(problems(drifts=True, fees=True))
def test_p1_round_trip(p: GlftParameters) -> None:
    """P1: the bid at q and the ask one lot later earn 2 (c1 + cost), whatever the risk, drift and limit."""
    earned = [bid + ask for bid, ask in zip(bids(p), asks(p), strict=True)]
    scale = max(1.0, max(abs(x) for x in bids(p)) * p.kappa_per_bps)
    assert all(abs(x - 2 * (p.inner_bps + p.cost_bps)) * p.kappa_per_bps <= 1e-9 * scale for x in earned)


@given(problems(drifts=True, fees=True))
def test_p2_mirror(p: GlftParameters) -> None:
    """P2: the ask at -q under the opposite drift is the bid at q."""
    assert same(list(reversed(asks(replace(p, drift_bps_per_s=-p.drift_bps_per_s)))), bids(p), p.kappa_per_bps)


@given(problems(drifts=True, fees=True))
def test_p3_monotone_in_inventory(p: GlftParameters) -> None:
    """P3: the more inventory, the farther the bid and the nearer the ask, with drift too."""
    slack = 1e-9 / p.kappa_per_bps * max(1.0, max(abs(x) for x in bids(p)) * p.kappa_per_bps)
    for side in (bids(p), [-x for x in asks(p)]):
        assert all(b >= a - slack for a, b in pairwise(side))


@given(problems(fees=True))
def test_p4_spread_covers_inner_spread_and_costs(p: GlftParameters) -> None:
    """P4: the spread is at least 2 (c1 + cost) at every two-sided inventory."""
    solution = solve(p)
    for q in inventories(p)[1:-1]:
        spread = solution.depth_bps(1, q) + solution.depth_bps(-1, q)
        assert spread >= 2 * (p.inner_bps + p.cost_bps) - 1e-9 / p.kappa_per_bps * max(1.0, spread * p.kappa_per_bps)


@given(problems(drifts=True, fees=True), logs(1e-3, 1e3))
def test_p5_price_scaling(p: GlftParameters, c: float) -> None:
    """P5: stretching the price axis stretches the quotes."""
    q = replace(
        p,
        sigma_bps_sqrt_s=p.sigma_bps_sqrt_s * c,
        kappa_per_bps=p.kappa_per_bps / c,
        gamma_per_usd=p.gamma_per_usd / c,
        xi_per_usd=p.xi_per_usd / c,
        drift_bps_per_s=p.drift_bps_per_s * c,
        cost_bps=p.cost_bps * c,
    )
    assert same(bids(q), [c * x for x in bids(p)], q.kappa_per_bps)


@given(problems(drifts=True, fees=True), logs(1e-3, 1e3))
def test_p6_size_scaling(p: GlftParameters, c: float) -> None:
    """P6: lots, limit and risk tolerance scaled together leave the quotes alone."""
    q = replace(
        p,
        lot_usd=p.lot_usd * c,
        limit_usd=p.limit_usd * c,
        gamma_per_usd=p.gamma_per_usd / c,
        xi_per_usd=p.xi_per_usd / c,
    )
    assert same(bids(q), bids(p), p.kappa_per_bps)


@given(problems(drifts=True, fees=True), logs(1e-3, 1e3))
def test_p7_time_scaling(p: GlftParameters, c: float) -> None:
    """P7: a faster clock leaves the quotes alone and speeds up reversion."""
    q = replace(
        p,
        arrival_rate_per_s=p.arrival_rate_per_s * c,
        sigma_bps_sqrt_s=p.sigma_bps_sqrt_s * math.sqrt(c),
        drift_bps_per_s=p.drift_bps_per_s * c,
    )
    assert same(bids(q), bids(p), p.kappa_per_bps)
    assert solve(q).relaxation_s * c == pytest.approx(solve(p).relaxation_s, rel=1e-9)


@given(problems(fees=True), problems())
def test_p8_one_parameter(p: GlftParameters, other: GlftParameters) -> None:
    """P8: kappa (distance - cost - c1) depends on r and the number of lots alone."""
    q = with_r(replace(other, limit_usd=p.lots * other.lot_usd), p.r)
    assume(q.lots == p.lots)
    bare = [
        [k * (x - base) for x in found]
        for found, k, base in ((bids(z), z.kappa_per_bps, z.cost_bps + z.inner_bps) for z in (p, q))
    ]
    assert same(bare[1], bare[0], 1.0)


@given(problems())
def test_p9_drift_moves_quotes_its_way(p: GlftParameters) -> None:
    """P9: an upward drift brings the bid nearer and the ask farther at every inventory."""
    up = replace(p, drift_bps_per_s=0.3 * p.risk_rate * p.lot_usd)
    slack = 1e-9 / p.kappa_per_bps * max(1.0, max(abs(x) for x in bids(p)) * p.kappa_per_bps)
    assert all(a <= b + slack for a, b in zip(bids(up), bids(p), strict=True))
    assert all(a >= b - slack for a, b in zip(asks(up), asks(p), strict=True))


@given(problems(), st.floats(-0.5, 1.5))
def test_p10_a_fee_is_thinner_flow_and_a_shift(p: GlftParameters, fee_kappa: float) -> None:
    """P10: a fee equals flow thinned by exp(-kappa fee) plus the fee, and widens the flat quote by at least itself."""
    fee = fee_kappa / p.kappa_per_bps
    thin = replace(p, arrival_rate_per_s=p.arrival_rate_per_s * math.exp(-fee_kappa))
    charged = replace(p, cost_bps=fee)
    assert same(bids(charged), [x + fee for x in bids(thin)], p.kappa_per_bps)
    moved = solve(charged).half_spread_bps - solve(p).half_spread_bps
    assert (moved - fee) * math.copysign(1.0, fee) >= -1e-8 / p.kappa_per_bps


@given(problems(xi=False))
def test_p11_value_identity(p: GlftParameters) -> None:
    """P11: inventory balances in detail under pi = f^2, and mean PnL less risk is -(lot / kappa) lambda0."""
    assume(p.r < 50)
    solution = solve(p)
    log_f = [0.0]
    for ratio in solution.ratios:
        log_f.append(log_f[-1] - ratio)
    top = max(log_f)
    weights = [math.exp(2 * (x - top)) for x in log_f]
    total = sum(weights)
    k, rate, qs = p.kappa_per_bps, p.arrival_rate_per_s, inventories(p)
    bid_rates = [rate * math.exp(-k * x) for x in bids(p)]
    ask_rates = [rate * math.exp(-k * x) for x in asks(p)]
    for n, (up, down) in enumerate(zip(bid_rates, ask_rates, strict=True)):
        assert weights[n] * up == pytest.approx(weights[n + 1] * down, rel=1e-7, abs=1e-300)
    earned = sum(weights[n] * rate_n * x for n, (rate_n, x) in enumerate(zip(bid_rates, bids(p), strict=True)))
    earned += sum(weights[n + 1] * rate_n * x for n, (rate_n, x) in enumerate(zip(ask_rates, asks(p), strict=True)))
    earned *= p.lot_usd / total
    risk = 0.5 * p.risk_rate * sum(w * q * q for w, q in zip(weights, qs, strict=True)) / total
    assert earned - risk == pytest.approx(-p.lot_usd / k * solution.lambda0_per_s, abs=1e-8 * (abs(earned) + risk))


@given(problems(xi=False), logs(1.01, 10.0))
def test_p12_comparative_statics(p: GlftParameters, c: float) -> None:
    """P12: more volatility or risk aversion, less flow or flatter flow: wider when flat, and no less skewed."""
    assume(p.lots >= 3)
    slack = 1e-9 / p.kappa_per_bps

    def flat_and_skew(z: GlftParameters) -> tuple[float, float]:
        solution = solve(z)
        return solution.half_spread_bps, solution.depth_bps(1, z.lot_usd) - solution.depth_bps(1, 0.0)

    half, skew = flat_and_skew(p)
    for worse in (
        replace(p, sigma_bps_sqrt_s=p.sigma_bps_sqrt_s * c),
        replace(p, gamma_per_usd=p.gamma_per_usd * c),
        replace(p, arrival_rate_per_s=p.arrival_rate_per_s / c),
        replace(p, kappa_per_bps=p.kappa_per_bps / c),
    ):
        assert flat_and_skew(worse)[0] >= half - slack
        assert flat_and_skew(worse)[1] >= skew - slack


@given(st.integers(1, 30))
def test_p13_zero_risk_cosine_law(lots: int) -> None:
    """P13: without risk the ground state is a half cosine between the limits."""
    eigenvalue, ratios = ground_state(0.0, lots, 0.0)
    step = math.pi / (2 * lots + 2)
    assert eigenvalue == pytest.approx(-2 * math.cos(step), abs=1e-12)
    expected = [math.log(math.cos(step * n) / math.cos(step * (n + 1))) for n in range(-lots, lots)]
    assert ratios == pytest.approx(expected, abs=1e-10)


@given(logs(1e-4, 0.3))
def test_p14_closed_forms_within_their_error(r: float) -> None:
    """P14: within two standard deviations and far from the limits, asinh and linear forms keep their stated errors."""
    lots = max(8, math.ceil(7 / r**0.25))
    p = with_r(replace(BTC, lot_usd=1.0, limit_usd=float(lots), cost_bps=0.0), r)
    solution = solve(p)
    reach = 2 * max(1.0, 1.0 / (math.sqrt(2) * r**0.25))
    for n in range(math.floor(reach)):
        exact = solution.depth_bps(1, float(n))
        assert abs(asinh_form(p, float(n)).bid_bps - exact) * p.kappa_per_bps <= 0.15 * r**1.5 + 0.03 * r + 1e-9
        assert abs(linear(p, float(n)).bid_bps - exact) * p.kappa_per_bps <= 0.25 * r**0.75 + 0.02 * math.sqrt(r)


@given(
    gamma=st.floats(0.01, 10.0),
    kappa=logs(1.0, 1e4),
    sigma=logs(1e-2, 1e2),
    rate=logs(1e-3, 1e2),
    share=st.floats(-1.0, 1.0),
)
def test_spread_is_positive_in_the_whole_operating_range(
    gamma: float, kappa: float, sigma: float, rate: float, share: float
) -> None:
    """Both quotes together are always apart, for gamma 0.01 to 10 and kappa 1 to 10^4, at any inventory."""
    p = replace(
        BTC, gamma_per_usd=gamma, kappa_per_bps=kappa, sigma_bps_sqrt_s=sigma, arrival_rate_per_s=rate, cost_bps=0.0
    )
    inventory = share * p.limit_usd
    assert unsolvable(p) is None
    assert solve(p).depth_bps(1, inventory) + solve(p).depth_bps(-1, inventory) > 0


@given(problems(fees=True), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_skew_is_antisymmetric_and_monotone(p: GlftParameters, a: float, b: float) -> None:
    """Skew is odd in inventory, zero when flat, and leans harder against a larger position."""
    solution, low, high = solve(p), min(a, b) * p.limit_usd, max(a, b) * p.limit_usd
    scale = 1e-9 * (abs(solution.skew_bps(p.limit_usd)) + 1.0 / p.kappa_per_bps)
    assert abs(solution.skew_bps(0.0)) <= scale
    assert abs(solution.skew_bps(high) + solution.skew_bps(-high)) <= scale
    assert solution.skew_bps(high) <= solution.skew_bps(low) + scale


def test_the_side_at_its_limit_does_not_quote() -> None:
    """At the long limit there is no bid, at the short limit no ask, and the reducing side always quotes."""
    solution = solve(BTC)
    for side, inventory in ((1, BTC.limit_usd), (-1, -BTC.limit_usd)):
        assert solution.depth_bps(side, inventory) == math.inf
        assert solution.depth_bps(side, 2 * inventory) == math.inf
        assert math.isfinite(solution.depth_bps(-side, 2 * inventory))


@given(problems(fees=True), st.floats(-1.0, 1.0))
def test_between_lots_a_quote_lies_between_its_neighbours(p: GlftParameters, share: float) -> None:
    """Interpolation never leaves the two neighbouring lots' quotes."""
    inventory = share * (p.limit_usd - p.lot_usd)
    solution, low = solve(p), math.floor(inventory / p.lot_usd) * p.lot_usd
    at, left, right = (solution.depth_bps(1, q) for q in (inventory, low, low + p.lot_usd))
    slack = 1e-9 * (abs(at) + 1.0 / p.kappa_per_bps)
    assert left - slack <= at <= right + slack


@given(target=st.floats(1.0, 6.0), cost=st.floats(-0.3, 2.0))
def test_gamma_from_target_gives_the_target(target: float, cost: float) -> None:
    """The stationary standard deviation of inventory is the target within 4 % at one lot, 1 % from two lots on."""
    p = replace(BTC, lot_usd=1.0, limit_usd=40.0, cost_bps=cost)
    p = replace(p, gamma_per_usd=gamma_from_target(target, p))
    log_f = [0.0]
    for ratio in solve(p).ratios:
        log_f.append(log_f[-1] - ratio)
    weights = [math.exp(2 * (x - max(log_f))) for x in log_f]
    deviation = math.sqrt(sum(w * q * q for w, q in zip(weights, inventories(p), strict=True)) / sum(weights))
    assert deviation == pytest.approx(target, rel=0.04 if target < 2 else 0.01)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"sigma_bps_sqrt_s": math.nan}, "sigma"),
        ({"arrival_rate_per_s": 0.0}, "arrival"),
        ({"kappa_per_bps": math.inf}, "kappa"),
        ({"gamma_per_usd": -1.0}, "gamma"),
        ({"lot_usd": -1.0}, "lot"),
        ({"limit_usd": 100.0}, "limit"),
        ({"limit_usd": 500.0 * (LOTS_MAX + 2)}, "limit"),
        ({"cost_bps": math.nan}, "cost"),
        ({"cost_bps": 1e6}, "cost"),
        ({"cost_bps": -1e6}, "cost"),
        ({"drift_bps_per_s": math.inf}, "drift"),
        ({"gamma_per_usd": 1e300}, "risk"),
    ],
)
def test_impossible_problems_are_named(change: dict[str, float], word: str) -> None:
    """A problem without an answer in floats gets the name of what is wrong, and the cache returns nothing."""
    p = replace(BTC, **change)
    assert word in (unsolvable(p) or "")
    assert Glft(0.01).solve(p) is None


def test_the_cache_solves_again_only_when_the_problem_moved() -> None:
    """Costs, units and small moves reuse the ratios; a move of r, lots or target beyond the fraction does not."""
    cache = Glft(0.01)
    assert cache.solve(BTC) == solve(BTC)
    near = cache.solve(replace(BTC, gamma_per_usd=BTC.gamma_per_usd * 1.005))
    assert near is not None
    assert cache.solves == 1
    shifted = with_r(replace(BTC, cost_bps=1.0), BTC.r)
    moved = cache.solve(shifted)
    assert moved is not None
    assert moved.half_spread_bps == pytest.approx(solve(shifted).half_spread_bps, rel=1e-12)
    assert cache.solves == 1
    for far in (
        replace(BTC, gamma_per_usd=BTC.gamma_per_usd * 1.02),
        replace(BTC, limit_usd=5_000.0),
        replace(BTC, drift_bps_per_s=0.1 * BTC.risk_rate * BTC.lot_usd),
    ):
        before = cache.solves
        assert cache.solve(far) == solve(far)
        assert cache.solves == before + 1


def test_gamma_is_per_usdc() -> None:
    """Money is USDC: with sigma in bp, the marginal price of 1 USDC held is gamma sigma^2 / 10^4 bp/s."""
    assert replace(BTC, gamma_per_usd=BPS, sigma_bps_sqrt_s=2.0).risk_rate == pytest.approx(4.0)
