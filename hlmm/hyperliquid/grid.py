"""Owns the way between the venue's decimal texts and integers: exact, bounded, and fast because texts repeat.

A text that is no plain decimal, is finer than the grid, or does not fit 64 bits raises ValueError; nothing is rounded.
"""

from __future__ import annotations

import math
from typing import Final

from hlmm.types import Cloid, Instrument, MicroUsd, Px, Sz, decimal_text, decimal_units

MEMO_MAX: Final = 4_096
"""Texts remembered per coin and kind, about 0.5 MB; the memo is emptied when full."""
TEXT_MAX: Final = 40
INT64_MAX: Final = (1 << 63) - 1
MONEY_DECIMALS: Final = 6
CLOID_TEXT_LENGTH: Final = 34
CLOID_DIGITS: Final = frozenset("0123456789abcdefABCDEF")
HEX: Final = 16


def exact(text: str, decimals: int) -> int:
    """A signed decimal text in units of 10^-decimals. Raises: ValueError unless it is exact and fits 64 bits."""
    if len(text) > TEXT_MAX:
        message = f"number of {len(text)} characters"
        raise ValueError(message)
    value = decimal_units(text, decimals)
    if not -INT64_MAX <= value <= INT64_MAX:
        message = f"number beyond 64 bits: {text}"
        raise ValueError(message)
    return value


def positive(text: str, decimals: int) -> int:
    """As `exact`, > 0."""
    value = exact(text, decimals)
    if value <= 0:
        message = f"not positive: {text}"
        raise ValueError(message)
    return value


def not_negative(text: str, decimals: int) -> int:
    """As `exact`, >= 0."""
    value = exact(text, decimals)
    if value < 0:
        message = f"negative: {text}"
        raise ValueError(message)
    return value


def money(text: str) -> MicroUsd:
    """Micro-USD, truncated towards zero as the venue truncates. Raises: ValueError unless a plain decimal."""
    whole, point, fraction = text.partition(".")
    if fraction and not (fraction.isascii() and fraction.isdecimal()):
        message = f"not a decimal: {text[:TEXT_MAX]!r}"
        raise ValueError(message)
    return MicroUsd(exact(whole + point + fraction[:MONEY_DECIMALS], MONEY_DECIMALS))


def rate(text: str) -> float:
    """A rate such as funding or a fee, as float. Raises: ValueError unless finite and a plain decimal."""
    whole, _, fraction = text.removeprefix("-").partition(".")
    digits = whole + fraction
    if len(text) > TEXT_MAX or not (digits.isascii() and digits.isdecimal()):
        message = f"not a decimal: {text[:TEXT_MAX]!r}"
        raise ValueError(message)
    value = float(text)
    assert math.isfinite(value), text
    return value


def cloid_of(text: str | None) -> Cloid | None:
    """A cloid, lower case; None when the order has none. Raises: ValueError when malformed."""
    if text is None:
        return None
    if len(text) != CLOID_TEXT_LENGTH or text[:2] != "0x" or not CLOID_DIGITS.issuperset(text[2:]):
        message = f"not a cloid: {text[:TEXT_MAX]!r}"
        raise ValueError(message)
    return Cloid(text.lower())


class PxMemo(dict[str, Px]):
    """Price text to `Px`, > 0, remembered."""

    def __init__(self, decimals: int) -> None:
        super().__init__()
        self._decimals = decimals

    def __missing__(self, text: str) -> Px:
        value = Px(positive(text, self._decimals))
        if len(self) >= MEMO_MAX:
            self.clear()
        self[text] = value
        return value


class SzMemo(dict[str, Sz]):
    """Size text to `Sz`, > 0, remembered."""

    def __init__(self, decimals: int) -> None:
        super().__init__()
        self._decimals = decimals

    def __missing__(self, text: str) -> Sz:
        value = Sz(positive(text, self._decimals))
        if len(self) >= MEMO_MAX:
            self.clear()
        self[text] = value
        return value


class TextMemo(dict[int, str]):
    """Integer units to the request text, remembered."""

    def __init__(self, decimals: int) -> None:
        super().__init__()
        self._decimals = decimals

    def __missing__(self, units: int) -> str:
        text = decimal_text(units, self._decimals)
        if len(self) >= MEMO_MAX:
            self.clear()
        self[units] = text
        return text


class Grid:
    """One instrument and its conversions."""

    __slots__ = ("instrument", "px", "px_text", "sz", "sz_text")

    def __init__(self, instrument: Instrument) -> None:
        """Begin with empty memos."""
        self.instrument = instrument
        self.px = PxMemo(instrument.px_decimals)
        self.sz = SzMemo(instrument.sz_decimals)
        self.px_text = TextMemo(instrument.px_decimals)
        self.sz_text = TextMemo(instrument.sz_decimals)

    def sz_or_zero(self, text: str) -> Sz:
        """A size >= 0. Raises: ValueError."""
        return Sz(not_negative(text, self.instrument.sz_decimals))

    def signed_sz(self, text: str) -> Sz:
        """A signed size. Raises: ValueError."""
        return Sz(exact(text, self.instrument.sz_decimals))
