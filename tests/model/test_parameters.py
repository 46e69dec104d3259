"""The model's configuration: bounds on every number, no unknown key, and no key without an effect."""

from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from hlmm.model.estimators import CoinEstimators
from hlmm.model.glft import Glft, GlftParameters
from hlmm.model.parameters import MarketPriors, StochasticConfig
from tests.model.cases import PRIORS, STOCHASTIC, Feed

pytestmark = pytest.mark.strategy

MODELS = (MarketPriors, StochasticConfig)
FIELDS = [(model, name) for model in MODELS for name in model.model_fields]


def valid(model: type[MarketPriors | StochasticConfig]) -> dict[str, float]:
    """The test preset of a model, as plain numbers."""
    return (PRIORS if model is MarketPriors else STOCHASTIC).model_dump()


@pytest.mark.parametrize(("model", "name"), FIELDS, ids=lambda x: x if isinstance(x, str) else x.__name__)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -1e9, 1e9, "1", None])
def test_every_number_has_both_bounds(
    model: type[MarketPriors | StochasticConfig], name: str, bad: float | str | None
) -> None:
    """NaN, infinity, numbers out of range and other types are refused for every key."""
    with pytest.raises(ValidationError):
        model.model_validate(valid(model) | {name: bad})


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_unknown_keys_are_refused(model: type[MarketPriors | StochasticConfig]) -> None:
    """A key that no field reads is an error."""
    with pytest.raises(ValidationError):
        model.model_validate(valid(model) | {"sigma": 1.0})


@pytest.mark.parametrize(
    "change",
    [
        {"sigma_fast_halflife_s": 900.0},
        {"flow_fast_halflife_s": 1_000.0},
        {"depth_window_low_kappa": 3.0},
    ],
)
def test_fast_must_be_faster_than_slow(change: dict[str, float]) -> None:
    """Half-lives and windows in the wrong order are refused with both numbers named."""
    with pytest.raises(ValidationError, match="must be below"):
        StochasticConfig.model_validate(STOCHASTIC.model_dump() | change)


@pytest.mark.parametrize("change", [{"sigma_prior_samples": 1_500.0}, {"flow_prior_s": 1_500.0}])
def test_a_prior_that_no_data_could_outweigh_is_refused(change: dict[str, float]) -> None:
    """A prior heavier than its data's half-life allows is an error: the estimate could never become live."""
    with pytest.raises(ValidationError, match="must be below"):
        StochasticConfig.model_validate(STOCHASTIC.model_dump() | change)


def outputs(priors: MarketPriors, config: StochasticConfig) -> list[object]:
    """What estimators with this configuration say, over a fixed feed: warm, across a hole, and stale."""
    one = CoinEstimators(priors, config)
    feed = Feed(one, seed=11, impact=0.5)
    for second in range(60):
        feed.run(20, sigma=1.0)
        one.on_lag(0.1 + 0.01 * (second % 7))
        mid = feed.mid
        one.on_book(feed.ms, [mid - 0.01, mid - 0.02], [3.0, 1.0], [mid + 0.01], [1.0])
    feed.run(3, sigma=0.0, rate=0.0)
    found: list[object] = [one.read(feed.ms * 1_000_000)]
    feed.ms += 6_000
    feed.mid *= 1.001
    feed.run(5)
    found += [one.gaps, one.read(feed.ms * 1_000_000), one.read((feed.ms + 4_000) * 1_000_000)]
    return found


NUDGES = {
    "sigma_floor_frac": 1.0,
    "gap_max_s": 5.0,
    "stale_max_s": 3.0,
    "fair_shift_max_kappa": 0.001,
    "latency_prior_s": 1.0,
    "sigma_sample_s": 2.0,
}
"""Values that must differ in effect where a doubling need not."""


QUOTERS = ("resolve_frac", "survey_s")
"""Keys that the quoter uses: no estimate depends on them."""


@pytest.mark.parametrize("name", [name for name in StochasticConfig.model_fields if name not in QUOTERS])
def test_every_stochastic_key_changes_an_estimate(name: str) -> None:
    """Each key, changed alone, changes what the estimators say on the same feed."""
    changed = NUDGES.get(name, 1.3 * getattr(STOCHASTIC, name))
    config = StochasticConfig.model_validate(STOCHASTIC.model_dump() | {name: changed})
    assert outputs(PRIORS, config) != outputs(PRIORS, STOCHASTIC)


@pytest.mark.parametrize("name", list(MarketPriors.model_fields))
def test_every_prior_changes_an_estimate(name: str) -> None:
    """Each prior, changed alone, changes what the estimators say on the same feed."""
    priors = PRIORS.model_copy(update={name: 1.3 * getattr(PRIORS, name)})
    assert outputs(priors, STOCHASTIC) != outputs(PRIORS, STOCHASTIC)


def test_resolve_frac_decides_when_the_problem_is_solved_anew() -> None:
    """A change of r by 2 % is solved anew at 1 % and served from the cache at 5 %."""
    p = GlftParameters(
        sigma_bps_sqrt_s=1.0,
        arrival_rate_per_s=1.0,
        kappa_per_bps=1.0,
        gamma_per_usd=1.0,
        lot_usd=1.0,
        limit_usd=10.0,
        cost_bps=0.0,
    )
    moved = GlftParameters(
        sigma_bps_sqrt_s=1.01,
        arrival_rate_per_s=1.0,
        kappa_per_bps=1.0,
        gamma_per_usd=1.0,
        lot_usd=1.0,
        limit_usd=10.0,
        cost_bps=0.0,
    )
    for frac, solves in ((0.01, 2), (0.05, 1)):
        cache = Glft(frac)
        cache.solve(p)
        cache.solve(moved)
        assert cache.solves == solves
