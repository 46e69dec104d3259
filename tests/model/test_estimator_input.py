"""What the estimators must refuse, count or forget: impossible input (P31), holes, stale feeds, late trades."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlmm.model.markout import Markout
from tests.model.cases import NS, PRIORS, STOCHASTIC, Feed, coin, numbers

pytestmark = pytest.mark.strategy

BAD = [math.nan, math.inf, -math.inf, -1.0]


@given(
    st.sampled_from(BAD),
    st.integers(0, 3),
    st.sampled_from(["bbo", "bbo-crossed", "bbo-late", "trade", "trade-side", "book", "lag"]),
)
def test_p31_impossible_input_changes_nothing_and_is_counted(bad: float, place: int, kind: str) -> None:
    """P31: NaN, infinity, negative, crossed, late: no estimate moves, and `rejected` grows by one."""
    one = coin()
    feed = Feed(one)
    feed.run(20)
    ts = feed.ms * 1_000_000
    before, rejected = numbers(one.read(ts)), one.rejected
    quote = [100.0, 100.1, 1.0, 1.0]
    quote[place] = bad
    if kind == "bbo":
        one.on_bbo(ts, feed.ms + 100, *quote)
    elif kind == "bbo-crossed":
        one.on_bbo(ts, feed.ms + 100, 100.1, 100.0, 1.0, 1.0)
    elif kind == "bbo-late":
        one.on_bbo(ts, feed.ms - 1, 100.0, 100.1, 1.0, 1.0)
    elif kind == "trade":
        one.on_trade(feed.ms + 100, 1, *([bad, 1.0] if place % 2 else [100.0, bad]))
    elif kind == "trade-side":
        one.on_trade(feed.ms + 100, 0, 100.0, 1.0)
    elif kind == "book":
        one.on_book(feed.ms + 100, [100.0, 99.0], [bad, 1.0], [100.1], [1.0])
    else:
        one.on_lag(bad)
    assert numbers(one.read(ts)) == before
    assert one.rejected == rejected + 1


@pytest.mark.parametrize(
    "book",
    [
        ([], [], [100.1], [1.0]),
        ([100.2], [1.0], [100.1], [1.0]),
        ([100.0], [1.0, 2.0], [100.1], [1.0]),
        ([math.nan], [1.0], [100.1], [1.0]),
    ],
)
def test_p31_broken_books_are_refused(book: tuple[list[float], list[float], list[float], list[float]]) -> None:
    """P31: an empty, crossed, ragged or NaN book is counted and ignored."""
    one = coin()
    Feed(one).run(5)
    before = numbers(one.read(0))
    one.on_book(1_010_000, *book)
    assert numbers(one.read(0)) == before
    assert one.rejected == 1


def test_a_hole_in_the_feed_is_not_measured_across() -> None:
    """After a silence longer than the gap limit, the jump enters no estimate and the hole is counted."""
    one = coin()
    feed = Feed(one)
    feed.run(60)
    sigma = one.read(feed.ms * 1_000_000).sigma_bps_sqrt_s.value
    feed.ms += 60_000
    feed.mid *= 1.05
    feed.run(30)
    assert one.gaps == 1
    assert one.read(feed.ms * 1_000_000).sigma_bps_sqrt_s.value < 2 * sigma


def test_a_clock_that_stepped_back_is_believed_after_a_silence() -> None:
    """Older quotes are refused, until our own clock has seen the feed stale: then the stretch begins anew."""
    one = coin()
    one.on_bbo(0, 10_000_000, 99.0, 101.0, 1.0, 1.0)
    one.on_bbo(NS, 1_000, 99.0, 101.0, 1.0, 1.0)
    assert one.rejected == 1
    one.on_bbo(20 * NS, 2_000, 99.0, 101.0, 1.0, 1.0)
    assert (one.rejected, one.gaps) == (1, 1)


def test_a_stale_feed_reports_the_priors() -> None:
    """Without a quote for the stale limit, values are the priors and the fair value is marked as belief."""
    one = coin()
    feed = Feed(one)
    feed.run(600, sigma=3.0)
    ts = feed.ms * 1_000_000
    assert one.read(ts).sigma_bps_sqrt_s.source == "live"
    stale = one.read(ts + 6 * NS)
    assert stale.sigma_bps_sqrt_s.value == pytest.approx(PRIORS.sigma_bps_sqrt_s)
    assert stale.fair is not None
    assert (stale.fair.source, stale.fair.age_s) == ("prior", pytest.approx(6.0))


def test_a_trade_without_an_earlier_quote_is_counted() -> None:
    """Trades before the first quote, or across a hole, enter nothing and are counted as unmatched."""
    one = coin()
    one.on_trade(500, 1, 100.0, 1.0)
    one.on_bbo(0, 1000, 99.99, 100.01, 1.0, 1.0)
    one.on_trade(1000, 1, 100.01, 1.0)
    one.on_trade(1000 + 60_000, 1, 100.5, 1.0)
    assert one.unmatched == 3


def test_waiting_markouts_are_bounded() -> None:
    """Orders beyond the bound on pending markouts are dropped and counted."""
    markout = Markout(0.0, 1.0, STOCHASTIC)
    for i in range(5_000):
        markout.open(i, 1, 100.0, 1.0)
    assert markout.dropped == 5_000 - 4_096
