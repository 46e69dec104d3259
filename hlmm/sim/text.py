"""The venue's way to write numbers in answers: decimal strings, trailing zeros stripped, one decimal always kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from hlmm.types import PERP_DECIMALS, Instrument, MicroUsd, Px, Sz, decimal_text

Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | int | float | bool | None"

RATE_DECIMALS: Final = 10
ZERO_HASH: Final = "0x" + "0" * 64


def decimal(value: int, decimals: int) -> str:
    """Integer units as answer text: `(841430, 1) -> "84143.0"`. Args: value, any; decimals >= 0."""
    text = decimal_text(value, decimals)
    return text if "." in text else text + ".0"


def usd(value: int) -> str:
    """Micro-USD as answer text: `27238902 -> "27.238902"`."""
    return decimal(value, PERP_DECIMALS)


def px_text(instrument: Instrument, px: Px) -> str:
    """A price as answer text."""
    return decimal(px, instrument.px_decimals)


def sz_text(instrument: Instrument, sz: Sz) -> str:
    """A size as answer text."""
    return decimal(sz, instrument.sz_decimals)


def rate(value: float) -> str:
    """A node-side float (funding, premium, return on equity) as answer text: at most ten decimals."""
    text = f"{value:.{RATE_DECIMALS}f}".rstrip("0")
    text = text + "0" if text.endswith(".") else text
    return "0.0" if text == "-0.0" else text


def mid_text(instrument: Instrument, bid: Px, ask: Px) -> str:
    """Mid price as answer text; it may carry one decimal more than a price."""
    return decimal((bid + ask) * 5, instrument.px_decimals + 1)


def whole_usd(value: MicroUsd) -> str:
    """Micro-USD with two decimals, as error texts write volumes: `250350000 -> "250.35"`."""
    cents = value // 10_000
    return f"{cents // 100}.{cents % 100:02d}".rstrip("0").rstrip(".") or "0"
