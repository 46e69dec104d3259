"""The request budget: orders, cancels, reserve and what scarcity does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hlmm.core.budget import Budget
from hlmm.core.settings import BudgetConfig
from hlmm.types import MICRO

CONFIG = BudgetConfig(reserve_requests=100, scarce_requests=1000, band_scarce_max=5.0, batch_max=40)


def test_nothing_may_be_spent_before_the_venue_told_the_budget() -> None:
    """Unknown budget means zero spendable requests."""
    budget = Budget(CONFIG)
    assert not budget.is_known
    assert budget.spendable == 0


def test_a_batch_counts_every_order_and_volume_earns_requests() -> None:
    """Ten orders cost ten; 250 USDC traded earn 250."""
    budget = Budget(CONFIG)
    budget.read(used=9_000, cap=10_000)
    budget.spend(10)
    assert budget.orders_left == 990
    budget.earn_notional(250 * MICRO)
    assert budget.orders_left == 1240
    assert budget.run_requests == 10


@given(used=st.integers(0, 300_000), cap=st.integers(10_000, 250_000))
def test_cancels_outlive_orders(used: int, cap: int) -> None:
    """R19: the cancel ceiling min(cap + 100,000, 2 cap) leaves cancels when orders are exhausted."""
    budget = Budget(CONFIG)
    budget.read(used=used, cap=cap)
    assert 0 <= budget.spendable <= budget.orders_left <= budget.cancels_left
    if used <= cap:
        assert budget.cancels_left >= min(100_000, cap)


def test_scarcity_widens_the_band_linearly() -> None:
    """The factor is 1 with plenty, `band_scarce_max` at the reserve, and in between half way."""
    budget = Budget(CONFIG)
    for used, factor in ((0, 1.0), (10_000 - 100 - 500, 3.0), (9_900, 5.0), (12_000, 5.0)):
        budget.read(used=used, cap=10_000)
        assert abs(budget.band_factor - factor) < 1e-12
