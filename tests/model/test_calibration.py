"""Estimators against the theory's simulation tables and against the recorded Hyperliquid tapes' reference estimates."""

from __future__ import annotations

import gzip
import json
import math
import random
from typing import Final

import pytest

from hlmm.model.depth_decay import DepthDecay
from hlmm.model.estimators import CoinEstimators
from hlmm.model.parameters import MarketPriors
from hlmm.model.volatility import Volatility
from tests.model.cases import STOCHASTIC
from tests.shared import SHARED, needs_shared

pytestmark = [pytest.mark.strategy, needs_shared]

RUNS: Final = 60
LONG: Final = 1e5
"""Half-lives so long that a test weighs all data alike, s."""


def table_row(name: str, scenario: str) -> dict[str, float]:
    """The table's row of the Zhou estimator for one scenario."""
    rows = json.loads((SHARED / "theory" / "tables" / "vol.json").read_text())["window"]
    return next(row for row in rows if row["estimator"] == name and row["scenario"] == scenario)


@pytest.mark.parametrize(
    ("scenario", "tick", "noise"),
    [
        ("clean, tick<<sigma", 0.05, 0.0),
        ("tick 1, noise .5 (AR .3s)", 1.0, 0.5),
        ("tick 4, noise 1 (large tick)", 4.0, 1.0),
    ],
)
def test_volatility_error_is_the_tables(scenario: str, tick: float, noise: float) -> None:
    """Over 10 minutes of a tick-quantised, noisy mid the error of sigma is the table's, within sampling error."""
    config = STOCHASTIC.model_copy(
        update={"sigma_fast_halflife_s": LONG, "sigma_slow_halflife_s": 2 * LONG, "sigma_prior_samples": 1.0}
    )
    chance, keep, errors = random.Random(17), math.exp(-0.1 / 0.3), []
    for _ in range(RUNS):
        volatility, value, bounce = Volatility(1.0, config), 0.0, chance.gauss(0.0, noise)
        for step in range(6_000):
            value += chance.gauss(0.0, math.sqrt(0.1))
            bounce = keep * bounce + chance.gauss(0.0, noise * math.sqrt(1 - keep * keep))
            seen = round((value + bounce) / (tick / 2)) * tick / 2
            volatility.pass_grid(step * 100, 1e4 * math.exp(seen / 1e4))
        errors.append(volatility.read(0.0).value - 1.0)
    rmse = math.sqrt(sum(e * e for e in errors) / RUNS)
    assert rmse == pytest.approx(table_row("Zhou 1s 1lag", scenario)["rmse_diff"], rel=0.35)


@pytest.mark.parametrize("index", [0, 1, 3])
def test_kappa_error_is_the_tables(index: int) -> None:
    """On exponential depths the censored estimator's bias is small and its error the table's, for three markets."""
    study = json.loads((SHARED / "theory" / "tables" / "calibration.json").read_text())["studies"][index]
    config = STOCHASTIC.model_copy(
        update={
            "depth_halflife_s": LONG,
            "depth_prior_events": 1.0,
            "depth_window_low_kappa": 0.0,
            "depth_window_high_kappa": 50.0,
        }
    )
    chance, errors, covered = random.Random(23), [], 0
    kappa, rate = study["k"], 2 * study["A"] * math.exp(-study["k"] / 2)
    for _ in range(200):
        depth, at = DepthDecay(kappa, config), 0.0
        while (at := at + chance.expovariate(rate)) < study["T"]:
            depth.add(at, chance.expovariate(kappa))
        found = depth.read(study["T"], 0.0)
        errors.append(found.value / kappa - 1.0)
        covered += abs(found.value - kappa) < 1.96 * found.se
    rmse = math.sqrt(sum(e * e for e in errors) / len(errors))
    expected = study["results"]["mle"]["k_rmse"] / math.sqrt(2)
    assert rmse == pytest.approx(expected, rel=0.3)
    assert covered / len(errors) > 0.9


PRIORS: Final = {
    "BTC": MarketPriors(sigma_bps_sqrt_s=0.8, arrival_rate_per_s=0.1, kappa_per_bps=1.7, markout_bps=0.0),
    "ETH": MarketPriors(sigma_bps_sqrt_s=1.5, arrival_rate_per_s=0.1, kappa_per_bps=0.82, markout_bps=0.0),
    "SOL": MarketPriors(sigma_bps_sqrt_s=1.5, arrival_rate_per_s=0.1, kappa_per_bps=0.65, markout_bps=0.0),
}
"""Priors that hold the window but leave the values to the data."""


@pytest.mark.parametrize("name", list(PRIORS))
def test_estimates_on_a_recorded_tape_agree_with_its_reference(name: str) -> None:
    """On 35 minutes of Hyperliquid, sigma is within 15 % of the reference at 5 s and kappa inside the fits' range."""
    config = STOCHASTIC.model_copy(
        update={
            "sigma_fast_halflife_s": LONG,
            "sigma_slow_halflife_s": 2 * LONG,
            "sigma_prior_samples": 1.0,
            "depth_halflife_s": LONG,
            "depth_prior_events": 1.0,
        }
    )
    one, seen, ts = CoinEstimators(PRIORS[name], config), dict[int, None](), 0
    tape = f"hyperliquid-{name}-20250904T1946Z-35m"
    with gzip.open(SHARED / "data" / f"{tape}.jsonl.gz", "rt") as lines:
        for line in lines:
            message = json.loads(line)
            found, ts = message["data"], int(message["recv_ms"] * 1e6)
            if message["channel"] == "bbo" and all(found["bbo"]):
                bid, ask = found["bbo"]
                one.on_bbo(ts, found["time"], float(bid["px"]), float(ask["px"]), float(bid["sz"]), float(ask["sz"]))
            elif message["channel"] == "trades":
                for trade in found:
                    if trade["tid"] not in seen:
                        seen[trade["tid"]] = None
                        aggressor = 1 if trade["side"] == "B" else -1
                        one.on_trade(trade["time"], aggressor, float(trade["px"]), float(trade["sz"]))
    rows = json.loads((SHARED / "data" / "reference_stats_dev.json").read_text())
    row = next(row for row in rows if row["file"].startswith(tape))
    estimate = one.read(ts)
    assert one.gaps == 1
    assert one.rejected == 0
    assert estimate.sigma_bps_sqrt_s.value == pytest.approx(row["vol_bp_sqrt_s"]["5"], rel=0.15)
    fits = [row["intensity"][fit] for fit in ("pen_lsq", "rq1", "rq5")]
    assert 0.8 * min(fit["k"] for fit in fits) <= estimate.kappa_per_bps.value <= 1.2 * max(fit["k"] for fit in fits)
    at_one_kappa = estimate.arrival_rate_per_s.value / math.e
    reference = [fit["A"] * math.exp(-fit["k"] / estimate.kappa_per_bps.value) for fit in fits]
    assert 0.5 * min(reference) <= at_one_kappa <= 2.0 * max(reference)
