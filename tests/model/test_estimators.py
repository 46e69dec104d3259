"""The coin's estimators: P28 to P30 and P32 of theory section 7, and the predecessor's markout faults R10 and R11."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlmm.model.depth_decay import DepthDecay
from hlmm.model.estimate import EwSum, markout_bps
from hlmm.model.estimators import CoinEstimators
from hlmm.model.flow import Flow
from hlmm.model.volatility import Volatility
from tests.model.cases import NS, PRIORS, STOCHASTIC, Feed, coin, logs, numbers

pytestmark = pytest.mark.strategy

Values = st.lists(st.tuples(st.floats(0.01, 5.0), st.floats(0.51, 10.0)), min_size=1, max_size=40)
"""Pairs of a waiting time, s, and a depth in 1/kappa, within the window."""


@given(st.lists(st.floats(-20.0, 20.0), min_size=3, max_size=60), logs(0.1, 10.0))
def test_p28_volatility_scales_with_returns(returns: list[float], c: float) -> None:
    """P28: returns and prior multiplied by c multiply every volatility by c."""
    found = []
    for scale in (1.0, c):
        volatility, mid = Volatility(scale, STOCHASTIC), 100.0
        for i, r in enumerate(returns):
            volatility.pass_grid(1000 * i, mid)
            mid *= math.exp(scale * r / 10_000)
        found.append(volatility.read(0.0))
    assert found[1].value == pytest.approx(c * found[0].value, rel=1e-6)
    assert found[1].se == pytest.approx(c * found[0].se, rel=1e-6)


@given(Values, st.sampled_from([0.125, 0.5, 2.0, 16.0]))
def test_p28_kappa_scales_with_distance(orders: list[tuple[float, float]], c: float) -> None:
    """P28: depths multiplied by c, and the prior divided, divide kappa by c."""
    found = []
    for scale in (1.0, c):
        depth, at = DepthDecay(1.0 / scale, STOCHASTIC), 0.0
        for wait, y in orders:
            at += wait
            depth.add(at, y * scale)
        found.append(depth.read(at, 0.0))
    assert found[1].value * c == pytest.approx(found[0].value, rel=1e-9)


@given(Values, logs(0.1, 10.0))
def test_p28_rate_scales_with_time(orders: list[tuple[float, float]], c: float) -> None:
    """P28: a clock slower by c, half-lives and prior with it, divides the rate by c."""
    found = []
    for scale in (1.0, c):
        config = STOCHASTIC.model_copy(
            update={
                name: getattr(STOCHASTIC, name) * scale
                for name in ("flow_fast_halflife_s", "flow_slow_halflife_s", "flow_prior_s")
            }
        )
        flow, at = Flow(0.5 / scale, config), 0.0
        for wait, _ in orders:
            at += wait * scale
            flow.add(at, 1)
        found.append(flow.rate(1, at))
    assert found[1] * c == pytest.approx(found[0], rel=1e-9)


def test_p28_fair_value_scales_with_price() -> None:
    """P28: prices times c give the fair value times c, and the same estimates in bp."""
    found = []
    for c in (1.0, 7.0):
        one = coin()
        Feed(one, start=100.0 * c).run(120)
        found.append(one.read(0))
    assert found[1].fair is not None
    assert found[0].fair is not None
    assert found[1].fair.value == pytest.approx(7.0 * found[0].fair.value, rel=1e-12)
    assert numbers(found[1])[2:] == pytest.approx(numbers(found[0])[2:], rel=1e-6)


@given(Values, st.floats(0.0, 1e4))
def test_p29_estimates_stay_in_the_hull_of_data_and_prior(orders: list[tuple[float, float]], later: float) -> None:
    """P29: a mean stays between the prior and the data, whenever it is read, and returns to the prior in the end."""
    series, at = EwSum(100.0), 0.0
    for wait, value in orders:
        at += wait
        series.add(at, value)
    values = [value for _, value in orders]
    found = series.mean(at + later, -1.0, 5.0)
    assert min(-1.0, *values) - 1e-9 <= found <= max(-1.0, *values) + 1e-9
    assert series.mean(1e9, -1.0, 5.0) == pytest.approx(-1.0)


def test_p29_without_data_every_estimate_is_its_prior() -> None:
    """P29: before data, everything is the prior, says so, and has an infinite age; there is no fair value."""
    found = coin().read(5 * NS)
    assert found.fair is None
    expected = {
        "sigma_bps_sqrt_s": PRIORS.sigma_bps_sqrt_s,
        "arrival_rate_per_s": PRIORS.arrival_rate_per_s,
        "kappa_per_bps": PRIORS.kappa_per_bps,
        "markout_cost_bps": -PRIORS.markout_bps,
        "markout_slope": 0.0,
        "latency_s": STOCHASTIC.latency_prior_s,
    }
    for name, value in expected.items():
        estimate = getattr(found, name)
        assert estimate.value == pytest.approx(value)
        assert estimate.source == "prior"
        assert estimate.age_s == math.inf
        assert estimate.count == 0


@given(Values)
def test_p29_data_never_blow_up_the_error(orders: list[tuple[float, float]]) -> None:
    """P29: one more datum raises the relative error by at most what was forgotten since the one before."""
    series, at = EwSum(10.0), 0.0
    for wait, value in orders:
        before = series.relative_se(at, 3.0)
        kept = 2.0 ** (-wait / 10.0)
        at += wait
        series.add(at, value)
        assert series.relative_se(at, 3.0) <= before / kept * (1 + 1e-12)


@given(st.lists(st.tuples(st.integers(0, 20), st.floats(-5.0, 5.0)), min_size=1, max_size=20), st.randoms())
def test_p30_the_order_of_data_does_not_matter(data: list[tuple[int, float]], chance: random.Random) -> None:
    """P30: weighted sums are the same for every order of the same data, simultaneous or late."""
    shuffled = sorted(data, key=lambda _: chance.random())
    found = []
    for order in (data, shuffled):
        series = EwSum(7.0)
        for at, value in order:
            series.add(float(at), value)
        found.append([series.mean(20.0, 0.0, 1.0), series.relative_se(20.0, 1.0)])
    assert found[0] == pytest.approx(found[1], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("first", ["bbo", "trades"])
def test_p30_trades_meet_the_quote_before_their_block(first: str) -> None:
    """P30: whether a block's quote or its trades come first, depth counts from the earlier quote's mid."""
    one = coin(depth_window_low_kappa=0.0)
    one.on_bbo(0, 1000, 99.99, 100.01, 1.0, 1.0)

    def block() -> None:
        one.on_bbo(NS, 1100, 100.99, 101.01, 1.0, 1.0)

    if first == "bbo":
        block()
    one.on_trade(1100, 1, 100.01, 1.0)
    one.on_trade(1100, 1, 100.02, 1.0)
    if first == "trades":
        block()
    one.on_bbo(2 * NS, 1600, 100.99, 101.01, 1.0, 1.0)
    n, depth = STOCHASTIC.depth_prior_events, 2.0
    assert one.read(2 * NS).kappa_per_bps.value == pytest.approx((1 + n) / (depth + n), rel=1e-4)
    assert one.read(2 * NS).kappa_per_bps.count == 1


def test_one_sweep_is_one_order_and_both_sides_of_a_block_are_two() -> None:
    """Prints of one block and side are one taker order at their worst price; the other side's are another."""
    one = coin(depth_window_low_kappa=0.0)
    one.on_bbo(0, 1000, 99.99, 100.01, 1.0, 1.0)
    for px in (100.01, 100.03, 100.02):
        one.on_trade(1100, 1, px, 1.0)
    one.on_trade(1100, -1, 99.98, 1.0)
    one.on_bbo(NS, 1500, 99.99, 100.01, 1.0, 1.0)
    found = one.read(NS).kappa_per_bps
    n = STOCHASTIC.depth_prior_events
    assert found.count == 2
    assert found.value == pytest.approx((1 + n) / (3.0 + 2.0 + n), rel=1e-4)


@given(Values)
def test_p32_online_equals_batch(orders: list[tuple[float, float]]) -> None:
    """P32: kappa and the rate equal their closed forms over the whole sample at the same weights, to 1e-12."""
    depth, flow, at, times = DepthDecay(1.0, STOCHASTIC), Flow(0.5, STOCHASTIC), 0.0, []
    for wait, y in orders:
        at += wait
        times.append(at)
        depth.add(at, y)
        flow.add(at, -1)
    c = STOCHASTIC
    weights = [2.0 ** ((t - at) / c.depth_halflife_s) for t in times]
    inside = sum(w for w, (_, y) in zip(weights, orders, strict=True) if y < c.depth_window_high_kappa)
    excess = sum(
        w * (min(y, c.depth_window_high_kappa) - c.depth_window_low_kappa)
        for w, (_, y) in zip(weights, orders, strict=True)
    )
    n = c.depth_prior_events
    assert depth.read(at, 0.0).value == pytest.approx((inside + n) / (excess + n), rel=1e-12)
    slow = fast = 0.5
    for name, half in (("slow", c.flow_slow_halflife_s), ("fast", c.flow_fast_halflife_s)):
        counted = sum(2.0 ** ((t - at) / half) for t in times)
        exposure = half / math.log(2) * (1 - 2.0 ** (-at / half))
        value = (counted + (0.5 if name == "slow" else slow) * c.flow_prior_s) / (exposure + c.flow_prior_s)
        slow, fast = (value, fast) if name == "slow" else (slow, value)
    mixed = c.flow_fast_weight_frac * fast + (1 - c.flow_fast_weight_frac) * slow
    assert flow.rate(-1, at) == pytest.approx(mixed, rel=1e-12)


@given(st.lists(st.tuples(st.integers(1, 4000), st.floats(-20.0, 20.0)), min_size=2, max_size=40))
def test_p32_volatility_online_equals_batch(steps: list[tuple[int, float]]) -> None:
    """P32: volatility with quiet seconds skipped equals Zhou's sum over every second at the same weights, to 1e-9."""
    volatility, mid, at, path = Volatility(1.0, STOCHASTIC), 100.0, 0, [(0, 100.0)]
    for wait, r in steps:
        at += wait
        volatility.pass_grid(at, mid)
        mid *= math.exp(r / 10_000)
        path.append((at, mid))
    samples, i = [], 0
    for grid in range(0, at, 1000):
        while i + 1 < len(path) and path[i + 1][0] <= grid:
            i += 1
        samples.append(path[i][1])
    returns = [math.log(b / a) * 10_000 for a, b in pairwise(samples)]
    increments = [r * r + 2 * r * p for r, p in zip(returns, [0.0, *returns], strict=False)]

    def mean(half: float, prior: float) -> float:
        weights = [2.0 ** (-(len(increments) - 1 - j) / half) for j in range(len(increments))]
        total = sum(w * z for w, z in zip(weights, increments, strict=True))
        return float((total + 30.0 * prior) / (sum(weights) + 30.0))

    slow = max(mean(900.0, 1.0), 0.09)
    fast = max(mean(45.0, slow), slow * 0.09)
    assert volatility.read(0.0).value == pytest.approx(math.sqrt(fast), rel=1e-9)


@given(logs(0.01, 1e5), logs(0.5, 2.0))
def test_r10_markout_is_antisymmetric_in_side(reference: float, ratio: float) -> None:
    """R10: what the buyer gains the seller loses, and a move in our favour is positive."""
    later = reference * ratio
    assert markout_bps(1, reference, later) == -markout_bps(-1, reference, later)
    assert markout_bps(1, reference, reference * 1.001) > 0
    assert markout_bps(-1, reference, reference * 0.999) > 0


def test_r10_favourable_moves_reduce_the_cost() -> None:
    """R10: when the mid comes back after taker orders the signed mean is positive and the cost is 0, never negative."""
    found = {}
    for impact in (-2.0, 0.0, 2.0):
        one = coin(markout_horizon_s=1.0, markout_prior_events=5.0, markout_window_low_kappa=0.0)
        Feed(one, impact=impact).run(900, sigma=0.3)
        found[impact] = one.read(0).markout_cost_bps.value
    assert found[-2.0] == 0.0
    assert found[-2.0] <= found[0.0] <= found[2.0]
    assert found[2.0] == pytest.approx(2.0, abs=0.5)


@pytest.mark.parametrize("seed", range(5))
def test_r11_noise_has_no_adverse_selection(seed: int) -> None:
    """R11: on uninformed flow the signed mean is within three standard errors of 0, and its slope too."""
    prior = PRIORS.model_copy(update={"markout_bps": 0.0})
    config = STOCHASTIC.model_copy(update={"markout_horizon_s": 5.0, "markout_prior_events": 1.0})
    one = CoinEstimators(prior, config)
    feed = Feed(one, seed=seed)
    feed.run(1800)
    signed = one._markout.read(1800.0, 0.0)
    slope = one._markout.slope(1800.0, 0.0)
    assert abs(signed.value) <= 3 * signed.se
    assert abs(slope.value) <= 3 * slope.se


def test_estimates_find_the_truth() -> None:
    """On two hours of a known market, volatility, kappa and the arrival rate are within four standard errors of it."""
    one = CoinEstimators(
        PRIORS.model_copy(update={"sigma_bps_sqrt_s": 0.5, "arrival_rate_per_s": 1.0, "kappa_per_bps": 1.5}), STOCHASTIC
    )
    feed = Feed(one, seed=3)
    feed.run(7200, sigma=1.0, rate=0.5, kappa=1.0)
    found = one.read(feed.ms * 1_000_000)
    for estimate, truth in (
        (found.sigma_bps_sqrt_s, 1.0),
        (found.kappa_per_bps, 1.0),
        (found.arrival_rate_per_s, 0.5),
    ):
        assert estimate.source == "live"
        assert abs(estimate.value - truth) <= 4 * estimate.se + 0.1 * truth


def test_fair_value_leans_to_the_thin_side_within_its_bound() -> None:
    """More size on the bid lifts the fair value, inside the spread and never beyond the configured distance."""
    one = coin(microprice_weight_frac=1.0)
    one.on_bbo(0, 1000, 100.0, 100.02, 1.2, 1.0)
    found = one.read(0).fair
    assert found is not None
    assert 100.01 < found.value < 100.02
    one.on_book(1000, [100.0, 99.99], [100.0, 100.0], [100.02], [1.0])
    wide = one.read(0).fair
    assert wide is not None
    assert wide.value > found.value
    assert (wide.value / 100.01 - 1) * 10_000 <= STOCHASTIC.fair_shift_max_kappa / PRIORS.kappa_per_bps + 1e-9


def test_latency_tail_is_above_the_mean() -> None:
    """On exponential lags the mean is right within errors and the tail is near the 99th percentile."""
    one, chance = coin(), random.Random(5)
    one.on_bbo(0, 1000, 99.99, 100.01, 1.0, 1.0)
    for _ in range(20_000):
        one.on_lag(chance.expovariate(10.0))
    found = one.read(0)
    assert found.latency_s.value == pytest.approx(0.1, abs=4 * found.latency_s.se + 0.005)
    assert 0.3 < found.latency_p99_s.value < 0.7


def test_reading_changes_nothing() -> None:
    """Estimates after many reads equal those of a twin that was never read, bit for bit."""
    one, two = coin(), coin()
    first, second = Feed(one), Feed(two)
    for _ in range(30):
        first.run(2)
        one.read(first.ms * 1_000_000)
        second.run(2)
    assert msgspec.json.encode(one.read(0)) == msgspec.json.encode(two.read(0))


def test_volatility_becomes_live_after_as_many_samples_as_the_prior_weighs() -> None:
    """With a prior of 40 samples and a fast half-life of 15, volatility is belief at 30 s and data at 60 s."""
    config = STOCHASTIC.model_copy(update={"sigma_prior_samples": 40.0, "sigma_fast_halflife_s": 15.0})
    one = CoinEstimators(PRIORS, config)
    feed, found = Feed(one), []
    for _ in range(2):
        feed.run(30)
        found.append(one.read(feed.ms * 1_000_000).sigma_bps_sqrt_s.source)
    assert found == ["prior", "live"]
