"""GLFT against numbers that were made without it: 50-digit recursion, numerical HJB, Mathieu functions."""

from __future__ import annotations

import json
import math
from typing import Final

import pytest

from hlmm.model.estimate import BPS
from hlmm.model.glft import GlftParameters, asinh_form, ground_state, linear, solve
from tests.shared import SHARED, needs_shared

pytestmark = [pytest.mark.strategy, needs_shared]

TABLES: Final = SHARED / "theory" / "tables"
TOLERANCE: Final = 1e-9


def parameters(row: dict[str, float]) -> GlftParameters:
    """A table's row, whose money is price x size, in our units, whose money is USDC."""
    return GlftParameters(
        sigma_bps_sqrt_s=row["sigma"],
        arrival_rate_per_s=row["A"],
        kappa_per_bps=row["k"],
        gamma_per_usd=row["gamma"] * BPS,
        lot_usd=row["Delta"],
        limit_usd=row["Q"],
        cost_bps=row["fee"],
        xi_per_usd=row["xi"] * BPS,
        drift_bps_per_s=row["mu"],
    )


def reference() -> list[dict[str, dict[str, list[float]]]]:
    """All cases of the table; none when it is absent."""
    path = TABLES / "glft_reference.json"
    return json.loads(path.read_text())["cases"] if path.exists() else []


@pytest.mark.parametrize("case", reference(), ids=lambda case: str(case["id"]))
def test_quotes_equal_the_reference(case: dict[str, dict[str, list[float | None]]]) -> None:
    """Exact quotes are within 1e-9/kappa of the 50-digit reference at every inventory, and absent where it has none."""
    p = parameters(case["params"])  # type: ignore[arg-type]
    solution, exact = solve(p), case["exact"]
    for side, name in ((1, "bid"), (-1, "ask")):
        for inventory, expected in zip(exact["q"], exact[name], strict=True):
            assert inventory is not None
            found = solution.depth_bps(side, inventory)
            if expected is None:
                assert found == math.inf
            else:
                assert abs(found - expected) * p.kappa_per_bps <= TOLERANCE


@pytest.mark.parametrize("case", reference(), ids=lambda case: str(case["id"]))
def test_derived_quantities_equal_the_reference(case: dict[str, dict[str, float]]) -> None:
    """c1, eta, r, slope and lambda0 equal the reference to 1e-9 relative."""
    p, derived = parameters(case["params"]), case["derived"]
    solution = solve(p)
    found = (solution.inner_bps, p.eta_per_s, solution.r, solution.slope_bps_per_usd, solution.lambda0_per_s)
    expected = tuple(derived[name] for name in ("c1", "eta", "r", "slope", "lambda0"))
    assert found == pytest.approx(expected, rel=TOLERANCE)


@pytest.mark.parametrize("case", reference(), ids=lambda case: str(case["id"]))
def test_closed_forms_equal_the_reference(case: dict[str, dict[str, list[float]]]) -> None:
    """Both closed forms reproduce the tabulated approximations to 1e-9 relative."""
    p = parameters(case["params"])  # type: ignore[arg-type]
    for form, table in ((linear, case["approx_linear"]), (asinh_form, case["approx_asinh"])):
        for inventory, bid, ask in zip(case["exact"]["q"], table["bid"], table["ask"], strict=True):
            found = form(p, inventory)
            assert (found.bid_bps, found.ask_bps) == pytest.approx((bid, ask), rel=TOLERANCE, abs=TOLERANCE)


def test_the_universal_functions_equal_the_mathieu_reference() -> None:
    """g_n(r) and the eigenvalue equal the table for all 13 values of r, at the bound the table was made with."""
    rows = json.loads((TABLES / "glft_master_g.json").read_text())["rows"]
    assert len(rows) == 13
    for row in rows:
        lots = max(12, math.ceil(7.5 / row["r"] ** 0.25))
        eigenvalue, ratios = ground_state(row["r"], lots, 0.0)
        assert eigenvalue == pytest.approx(row["lambda0_over_eta"], abs=1e-11)
        assert ratios[lots : lots + len(row["g"])] == pytest.approx(row["g"], abs=TOLERANCE)


def test_the_notebook_example_prints_its_numbers() -> None:
    """hftbacktest's ETH notebook prints half-spread 20.47209 and skew 9.76327 for the linear form."""
    row = {"sigma": 10.69, "A": 2.98616, "k": 0.0423574, "gamma": 0.05, "xi": 0.05, "Delta": 1.0, "Q": 10.0}
    p = parameters(row | {"fee": 0.0, "mu": 0.0})
    assert linear(p, 0.0).bid_bps == pytest.approx(20.47209, abs=5e-4)
    assert p.slope_bps_per_usd == pytest.approx(9.76327, abs=5e-4)
