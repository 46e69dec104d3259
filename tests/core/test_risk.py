"""The verdict lattice, and permits that keep the worst case within limits."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlmm.core.quantize import Quote
from hlmm.core.risk import (
    CLEAR,
    AccountFacts,
    CoinFacts,
    Finding,
    Stake,
    Verdict,
    judge_account,
    judge_coin,
    permit,
    worst,
)
from hlmm.types import MICRO, Px, Side, Sz
from tests.support.engines import INSTRUMENT, coin_config, engine_config

LIMITS = coin_config().limits
RISK = engine_config().risk
GOOD = CoinFacts(
    feed_age_s=0.1, context_age_s=1.0, is_two_sided=True, spread_bps=0.1, mid_px=Px(1_100_000),
    mark_px=Px(1_100_000), oracle_px=Px(1_100_000), burst_fills=0,
)  # fmt: skip
SOUND = AccountFacts(
    pnl_usd=0.0, account_value_usd=1000.0, peak_value_usd=1000.0, margin_used_usd=0.0, portfolio_usd=0.0, rejects=0,
    unknown_orders=0, out_of_sync="",
)  # fmt: skip


def test_a_sound_market_and_account_are_clear() -> None:
    """Nothing wrong gives ALLOW without a reason."""
    assert judge_coin(GOOD, LIMITS) == CLEAR
    assert judge_account(SOUND, RISK) == CLEAR


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"feed_age_s": LIMITS.feed_age_max_s + 0.1}, "stale_book"),
        ({"feed_age_s": None}, "stale_book"),
        ({"context_age_s": LIMITS.context_age_max_s + 0.1}, "stale_mark"),
        ({"context_age_s": None}, "stale_mark"),
        ({"is_two_sided": False}, "one_sided_book"),
        ({"spread_bps": LIMITS.spread_max_bps + 0.1}, "wide_market"),
        ({"burst_fills": LIMITS.fill_burst_max}, "fill_burst"),
        ({"mark_px": None}, "no_mark"),
        ({"oracle_px": None}, "no_oracle"),
        ({"mark_px": Px(1_090_000)}, "mark_divergence"),
        ({"oracle_px": Px(1_110_000)}, "oracle_divergence"),
    ],
)
def test_each_market_trigger_pulls(change: dict[str, object], code: str) -> None:
    """Every monitor of a coin, injected alone, pulls its quotes with its own reason."""
    finding = judge_coin(msgspec.structs.replace(GOOD, **change), LIMITS)
    assert (finding.verdict, finding.code) == (Verdict.PULL, code)
    assert finding.text


@pytest.mark.parametrize(
    ("change", "verdict", "code"),
    [
        ({"pnl_usd": -RISK.loss_max_usd}, Verdict.HALT, "loss"),
        ({"account_value_usd": 999.9 * (1 - RISK.drawdown_max_frac)}, Verdict.HALT, "drawdown"),
        ({"out_of_sync": "x"}, Verdict.PULL, "out_of_sync"),
        ({"rejects": RISK.rejects_max}, Verdict.PULL, "reject_storm"),
        ({"unknown_orders": RISK.unknown_orders_max + 1}, Verdict.PULL, "unknown_orders"),
        ({"margin_used_usd": 1000.0 * RISK.margin_used_max_frac + 1}, Verdict.REDUCE_ONLY, "margin"),
        ({"portfolio_usd": RISK.portfolio_max_usd + 1}, Verdict.REDUCE_ONLY, "portfolio"),
    ],
)
def test_each_account_trigger_acts(change: dict[str, object], verdict: Verdict, code: str) -> None:
    """Every monitor of the account, injected alone, gives its verdict with its own reason."""
    finding = judge_account(msgspec.structs.replace(SOUND, **change), RISK)
    assert (finding.verdict, finding.code) == (verdict, code)


@given(st.lists(st.sampled_from(list(Verdict)), max_size=6))
def test_the_worst_verdict_wins(verdicts: list[Verdict]) -> None:
    """The lattice's join is the maximum, ALLOW for none."""
    assert worst(tuple(Finding(v, v.name) for v in verdicts)).verdict == max(verdicts, default=Verdict.ALLOW)


ladders = st.lists(
    st.tuples(st.sampled_from(list(Side)), st.integers(1_080_000, 1_120_000), st.integers(1, 10_000)), max_size=12
)


@given(
    raw=ladders,
    verdict=st.sampled_from(list(Verdict)),
    position=st.integers(-20_000, 20_000),
    capacity=st.floats(0, 1e5),
)
def test_permits_keep_the_worst_case_within_the_limit(
    raw: list[tuple[Side, int, int]], verdict: Verdict, position: int, capacity: float
) -> None:
    """P19, P20, R23: all fills of one side keep |position| in the limit; REDUCE_ONLY never increases or flips it."""
    quotes = tuple(Quote(side, Px(px), Sz(sz), float(px)) for side, px, sz in raw)
    stake = Stake(position=Sz(position), oracle_px=Px(1_100_000), capacity_usd=capacity)
    allowed = permit(quotes, Finding(verdict), instrument=INSTRUMENT, limits=LIMITS, stake=stake)
    if verdict >= Verdict.PULL:
        assert allowed.quotes == ()
    for side in Side:
        total = sum(quote.sz for quote in allowed.quotes if quote.side is side)
        if total:
            assert side * position + total <= allowed.limit_sz or verdict is Verdict.REDUCE_ONLY
            assert allowed.limit_sz * 1_100_000 <= min(LIMITS.max_position_usd, capacity) * MICRO
        if verdict is Verdict.REDUCE_ONLY:
            assert total <= max(0, -side * position)


def test_orders_outside_the_price_band_are_dropped() -> None:
    """A quote farther from the oracle than price_band_bps is not placed."""
    far = Quote(Side.BID, Px(1_080_000), Sz(100), float(1_080_000))
    near = Quote(Side.BID, Px(1_099_000), Sz(100), float(1_099_000))
    stake = Stake(position=Sz(0), oracle_px=Px(1_100_000), capacity_usd=1e6)
    assert permit((near, far), CLEAR, instrument=INSTRUMENT, limits=LIMITS, stake=stake).quotes == (near,)
