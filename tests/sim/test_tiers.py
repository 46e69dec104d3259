"""Margin tables: what the tiers charge, and how they bound leverage."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlmm.sim.tiers import TABLES, Tier, implicit, table, table_of
from hlmm.types import MICRO

notionals = st.integers(0, 10**9 * MICRO)


@given(notional=notionals, which=st.sampled_from(sorted(TABLES)))
def test_maintenance_is_each_tiers_rate_on_its_part(notional: int, which: int) -> None:
    """Rate and deduction charge what each tier's rate charges on its part, to the micro-USD that deductions round."""
    found = TABLES[which]
    bounds = [tier.lower for tier in found.tiers[1:]] + [max(notional, found.tiers[-1].lower)]
    exact = sum(
        (Fraction(max(0, min(notional, upper) - tier.lower), 2 * tier.max_leverage)
         for tier, upper in zip(found.tiers, bounds, strict=True)), start=Fraction(0),
    )  # fmt: skip
    assert abs(found.maintenance(notional) - exact) <= len(found.tiers)


def test_tables_below_fifty_are_implicit() -> None:
    """An id below 50 is one tier of that leverage and is not listed; listed tables keep theirs."""
    assert table(37).tiers == (Tier(0, 37),)
    assert not implicit(37).explicit
    assert [table_of("BTC", 40).id, table_of("BTC", 25).id, table_of("PEPE", 10).id] == [56, 25, 10]


@pytest.mark.parametrize(("notional_usd", "leverage"), [(0, 40), (149_999_999, 40), (150_000_000, 20)])
def test_leverage_falls_with_notional(notional_usd: int, leverage: int) -> None:
    """A position in a higher tier may have that tier's leverage at most."""
    assert table_of("BTC", 40).leverage_at(notional_usd * MICRO) == leverage
