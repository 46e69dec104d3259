"""The flatten plan: everything in scope goes, nothing overshoots, limits widen to their cap and stay on the grid."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hlmm.core.flatten import (
    FlattenConfig,
    FlattenOrder,
    FlattenPosition,
    FlattenReading,
    FlattenScope,
    plan,
    slippage_bps,
)
from hlmm.core.orders import make_cloid
from hlmm.types import Coin, Instrument, Oid, Side, Sz, to_cloid

BTC = Instrument(coin=Coin("BTC"), asset=0, sz_decimals=5)
CONFIG = FlattenConfig(
    slippage_first_bps=20,
    slippage_max_bps=1000,
    order_max_usd=1_000_000,
    poll_s=0.5,
    request_timeout_s=5.0,
    clean_reads=2,
)
POSITIONS = st.builds(
    FlattenPosition,
    instrument=st.builds(
        Instrument, coin=st.just(Coin("X")), asset=st.integers(0, 120_000), sz_decimals=st.integers(0, 5)
    ),
    sz=st.integers(-(10**12), 10**12).filter(bool).map(Sz),
    mid=st.floats(0.01, 200_000),
)


def long_btc(size: float) -> FlattenPosition:
    """A BTC position at 60,000."""
    return FlattenPosition(instrument=BTC, sz=Sz(round(size * 10**5)), mid=60_000.0)


def test_cancels_all_and_closes_against_the_position() -> None:
    """A long is sold below mid, a short bought above, each for its whole size, and every order is cancelled once."""
    orders = tuple(FlattenOrder(coin=BTC.coin, asset=0, oid=Oid(n)) for n in range(3))
    for size, side, px in ((0.5, Side.ASK, 598_800), (-0.5, Side.BID, 601_200)):
        made = plan(FlattenReading(orders=orders, positions=(long_btc(size),)), {}, CONFIG)
        assert made.cancels == orders
        assert [(c.side, c.px, c.sz) for c in made.closes] == [(side, px, 50_000)]


def test_each_attempt_widens_to_the_cap() -> None:
    """The distance doubles from the first to the cap and never passes it, however many attempts."""
    assert [slippage_bps(n, CONFIG) for n in range(8)] == [20, 40, 80, 160, 320, 640, 1000, 1000]
    assert slippage_bps(10**6, CONFIG) == 1000


@given(POSITIONS, st.integers(0, 40))
def test_a_close_reduces_and_is_valid(position: FlattenPosition, attempt: int) -> None:
    """Any close is against the position, never larger than it, on the grid, on the marketable side of the mid."""
    (close,) = plan(FlattenReading(orders=(), positions=(position,)), {Coin("X"): attempt}, CONFIG).closes
    instrument = position.instrument
    assert close.side == (Side.ASK if position.sz > 0 else Side.BID)
    assert 1 <= close.sz <= abs(position.sz)
    assert close.px >= 1
    assert instrument.on_grid_down(close.px) == close.px
    limit = instrument.price(close.px)
    if close.px > 1:
        assert limit <= position.mid if close.side is Side.ASK else limit >= position.mid
    assert close.sz == 1 or instrument.size(close.sz) * position.mid <= CONFIG.order_max_usd * (1 + 1e-9)


def test_large_positions_go_in_pieces() -> None:
    """A position above `order_max_usd` is closed by one piece of that value per plan."""
    (close,) = plan(FlattenReading(orders=(), positions=(long_btc(100.0),)), {}, CONFIG).closes
    assert BTC.size(close.sz) * 60_000 <= 1_000_000
    assert BTC.size(close.sz) * 60_000 > 999_000


def test_dust_is_known_and_still_tried() -> None:
    """A rest below 10 USD is dust; it is still closed whole, which the venue exempts from its minimum."""
    assert long_btc(0.0001).is_dust
    assert not long_btc(0.001).is_dust
    assert plan(FlattenReading(orders=(), positions=(long_btc(0.0001),)), {}, CONFIG).closes[0].sz == 10


def test_only_a_complete_empty_reading_is_clean() -> None:
    """Something left, or something not read, is not clean."""
    assert FlattenReading(orders=(), positions=()).is_clean
    assert not FlattenReading(orders=(), positions=(), missing=("openOrders",)).is_clean
    assert not FlattenReading(orders=(), positions=(long_btc(1.0),)).is_clean
    assert not FlattenReading(orders=(FlattenOrder(coin=BTC.coin, asset=0, oid=Oid(1)),), positions=()).is_clean


def test_scopes() -> None:
    """`own` takes our cloids anywhere and the configured coins' positions, `coin` one coin, `all` everything."""
    ours, foreign = make_cloid(1, 2), to_cloid(5)
    own = FlattenScope("own", (Coin("BTC"),))
    assert own.takes_order(Coin("ETH"), ours)
    assert not own.takes_order(Coin("BTC"), foreign)
    assert not own.takes_order(Coin("BTC"), None)
    assert own.takes_position(Coin("BTC"))
    assert not own.takes_position(Coin("ETH"))
    one = FlattenScope("coin", (Coin("ETH"),))
    assert one.takes_order(Coin("ETH"), None)
    assert not one.takes_order(Coin("BTC"), ours)
    assert FlattenScope("all").takes_order(Coin("@107"), None)
    assert FlattenScope("all").takes_position(Coin("SOL"))
