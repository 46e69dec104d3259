"""The words every part shares: prices, sizes, ids, sides and the instrument's grid.

`Px` counts 10^-(6 - szDecimals) USD and `Sz` counts 10^-szDecimals base, so `Px * Sz` is exactly
micro-USD for every perp. Models use floats; `Instrument` holds the only crossings.
Source: Hyperliquid documentation, "Tick and lot size" (perps: 5 significant figures, 6 - szDecimals decimals).
"""

from __future__ import annotations

import enum
import math
from typing import Final, Literal, NewType

import msgspec

Px = NewType("Px", int)
Sz = NewType("Sz", int)
Ns = NewType("Ns", int)
Ms = NewType("Ms", int)
MicroUsd = NewType("MicroUsd", int)
Cloid = NewType("Cloid", str)
"""A client order id as the wire has it: 0x and 32 lower-case hex digits."""
Oid = NewType("Oid", int)
Tid = NewType("Tid", int)
Coin = NewType("Coin", str)
Address = NewType("Address", str)

NS_PER_S: Final = 1_000_000_000
NS_PER_MS: Final = 1_000_000
MICRO: Final = 1_000_000
BPS: Final = 10_000
PERP_DECIMALS: Final = 6
PX_FIGURES: Final = 5
POWERS: Final[tuple[int, ...]] = tuple(10**power for power in range(PERP_DECIMALS + 1))
"""10^0 … 10^6: the scales of every grid."""
FIGURES_END: Final = 10**PX_FIGURES
"""The first price, in units, with one figure too many."""
MIN_NOTIONAL: Final = MicroUsd(10 * MICRO)


class Side(enum.IntEnum):
    """BID buys, ASK sells; the value is the sign of the position it builds."""

    BID = 1
    ASK = -1

    @property
    def other(self) -> Side:
        """The opposite side."""
        return Side.ASK if self is Side.BID else Side.BID


Tif = Literal["Alo", "Ioc", "Gtc"]


class Level(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One price level of a book: price and displayed size."""

    px: Px
    sz: Sz


class Instrument(msgspec.Struct, frozen=True, gc=False):
    """One perp and its grid. `asset` is the integer that actions use; `coin` the name on the wire."""

    coin: Coin
    asset: int
    sz_decimals: int
    max_leverage: int = 50
    only_isolated: bool = False

    @property
    def px_decimals(self) -> int:
        """Decimals of a price in USD: 6 - szDecimals."""
        return PERP_DECIMALS - self.sz_decimals

    @property
    def px_unit(self) -> float:
        """USD per `Px` unit."""
        return float(10.0**-self.px_decimals)

    @property
    def sz_unit(self) -> float:
        """Base units per `Sz` unit."""
        return float(10.0**-self.sz_decimals)

    def price(self, px: Px) -> float:
        """`Px` to USD. Args: px, any integer. Returns: USD. Raises: nothing."""
        return px / POWERS[PERP_DECIMALS - self.sz_decimals]

    def size(self, sz: Sz) -> float:
        """`Sz` to base units. Args: sz, any integer. Returns: base. Raises: nothing."""
        return sz / POWERS[self.sz_decimals]

    def tick(self, px: Px) -> Px:
        """Tick at a price: the step to the next valid price above it. Args: px > 0. Returns: Px >= 1.

        Integers are always valid, so the tick never exceeds 1 USD.
        """
        assert px > 0, px
        tick, whole = 1, POWERS[PERP_DECIMALS - self.sz_decimals]
        while tick < whole and px >= tick * FIGURES_END:
            tick *= 10
        return Px(tick)

    def px_down(self, price: float) -> Px:
        """Largest valid `Px` <= price. Args: price, USD, finite. Returns: 0 when below one unit."""
        return self.on_grid_down(Px(_floor(price, self.px_decimals)))

    def px_up(self, price: float) -> Px:
        """Smallest valid `Px` >= price. Args: price, USD, finite, > 0."""
        return self.on_grid_up(Px(_ceil(price, self.px_decimals)))

    def on_grid_down(self, px: Px) -> Px:
        """Largest valid `Px` <= px. Args: px, Px units. Returns: 0 when px <= 0."""
        if px <= 0:
            return Px(0)
        tick = self.tick(px)
        return Px(px - px % tick)

    def on_grid_up(self, px: Px) -> Px:
        """Smallest valid `Px` >= px. Args: px, Px units, > 0."""
        tick = self.tick(px)
        return Px(px + -px % tick)

    def sz_down(self, size: float) -> Sz:
        """Largest `Sz` <= size. Args: size, base units, finite, >= 0."""
        return Sz(_floor(size, self.sz_decimals))


def _floor(value: float, decimals: int) -> int:
    """Floor of value * 10^decimals, forgiving the last bits of a float that meant a decimal."""
    scaled = value * POWERS[decimals]
    nearest = round(scaled)
    slack = FLOAT_SLACK * max(1.0, abs(scaled), abs(nearest))
    return nearest if abs(scaled - nearest) <= slack else math.floor(scaled)


def _ceil(value: float, decimals: int) -> int:
    """Ceiling of value * 10^decimals, forgiving the last bits of a float that meant a decimal."""
    return -_floor(-value, decimals)


FLOAT_SLACK: Final = 1e-12


def to_cloid(number: int) -> Cloid:
    """The cloid of a 128-bit number. Args: 0 <= number < 2^128 (asserted)."""
    assert 0 <= number < 1 << 128, number
    return Cloid(f"0x{number:032x}")


def decimal_text(value: int, decimals: int) -> str:
    """Integer units as the venue's request text: no exponent, no trailing zeros. `(841430, 1) -> "84143"`."""
    sign, digits = ("-", str(-value)) if value < 0 else ("", str(value))
    if decimals == 0:
        return sign + digits
    digits = digits.rjust(decimals + 1, "0")
    fraction = digits[-decimals:].rstrip("0")
    return sign + digits[:-decimals] + ("." + fraction if fraction else "")


def decimal_units(text: str, decimals: int) -> int:
    """The venue's decimal text to integer units, exactly.

    Args: text, plain decimal such as "84143.0"; decimals, of the unit.
    Raises: ValueError when the text is not a plain decimal or is finer than the unit.
    """
    sign, digits = (-1, text[1:]) if text[:1] == "-" else (1, text)
    whole, _, fraction = digits.partition(".")
    fraction = fraction.rstrip("0")
    if not (whole + fraction).isdecimal() or not whole.isascii() or not fraction.isascii() or len(fraction) > decimals:
        message = f"not a decimal of at most {decimals} places: {text[:40]!r}"
        raise ValueError(message)
    units: int = sign * int(whole + fraction.ljust(decimals, "0"))
    return units
