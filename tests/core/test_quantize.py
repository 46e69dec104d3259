"""Quotes are on the venue's grid, rounded outward, never crossing, never under the minimum."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from hlmm.core.quantize import WishLevel, quantize
from hlmm.types import MIN_NOTIONAL, Coin, Instrument, Px, Side, Sz, decimal_text, decimal_units

SZ_DECIMALS = st.integers(0, 5)


def instrument(sz_decimals: int) -> Instrument:
    """A perp with this size grid."""
    return Instrument(coin=Coin("X"), asset=1, sz_decimals=sz_decimals)


def is_valid_price(text: str, sz_decimals: int) -> bool:
    """The venue's rule, written from its documentation on decimals: integer, or 5 figures and 6 - szDecimals places."""
    value = Decimal(text)
    if value == value.to_integral_value():
        return True
    _, digits, exponent = value.normalize().as_tuple()
    assert isinstance(exponent, int)
    return len(digits) <= 5 and -exponent <= 6 - sz_decimals


@given(sz_decimals=SZ_DECIMALS, price=st.floats(1e-4, 5e6))
def test_directional_rounding_is_valid_idempotent_and_directional(sz_decimals: int, price: float) -> None:
    """P16: down <= price <= up within float slack, both on the venue's grid, and rounding again changes nothing."""
    grid = instrument(sz_decimals)
    down, up = grid.px_down(price), grid.px_up(price)
    slack = price * 1e-11
    assert grid.price(down) <= price + slack
    assert grid.price(up) >= price - slack
    for px in (down, up):
        if px > 0:
            assert is_valid_price(decimal_text(px, grid.px_decimals), sz_decimals)
            assert grid.on_grid_down(px) == px == grid.on_grid_up(px)


def test_prices_at_and_above_100000_have_a_tick_of_one() -> None:
    """R25: an integer price is always valid, so the tick at 100,001 USD is 1, not 10."""
    grid = instrument(5)
    assert grid.px_down(100_001.4) == 1_000_010
    assert grid.px_up(100_001.4) == 1_000_020
    assert grid.tick(Px(1_000_010)) == 10


@given(text=st.decimals(min_value=0, max_value=10**9, places=6))
def test_decimal_text_round_trips(text: Decimal) -> None:
    """Units to text to units is the identity, and the text never has trailing zeros or an exponent."""
    units = int(text * 10**6)
    written = decimal_text(units, 6)
    assert decimal_units(written, 6) == units
    assert "e" not in written.lower()
    assert "." not in written or not written.endswith("0")


levels = st.lists(
    st.tuples(st.sampled_from(list(Side)), st.floats(-0.2, 0.2), st.floats(0, 1e5)), min_size=0, max_size=12
)


@given(sz_decimals=SZ_DECIMALS, mid=st.integers(20, 10**10), half=st.integers(1, 10**4), raw=levels)
def test_quotes_never_cross_and_are_big_enough(
    sz_decimals: int, mid: int, half: int, raw: list[tuple[Side, float, float]]
) -> None:
    """P17, P18: bids stay below the best ask and asks above the best bid; sizes on lot; notional at least 10 USDC."""
    grid = instrument(sz_decimals)
    bid, ask = grid.on_grid_down(Px(max(1, mid - half))), grid.on_grid_up(Px(mid + half))
    middle = grid.price(Px(mid))
    wish = tuple(WishLevel(side, middle * (1 + away), size) for side, away, size in raw)
    quotes = quantize(wish, grid, bid, ask)
    for quote in quotes:
        assert quote.px * quote.sz >= MIN_NOTIONAL
        assert quote.px < ask if quote.side is Side.BID else quote.px > bid
        assert is_valid_price(decimal_text(quote.px, grid.px_decimals), sz_decimals)
    keys = [(quote.side, quote.px) for quote in quotes]
    assert len(dict.fromkeys(keys)) == len(keys)


def test_equal_prices_merge() -> None:
    """Two levels that round to one price become one quote of both sizes."""
    wish = (WishLevel(Side.BID, 99.001, 1.0), WishLevel(Side.BID, 99.0005, 2.0))
    quotes = quantize(wish, instrument(4), Px(9900), Px(9910))
    assert [(quote.px, quote.sz) for quote in quotes] == [(9900, Sz(30_000))]
