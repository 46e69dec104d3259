"""Margin tables: how leverage and maintenance margin depend on a position's notional.

A position's maintenance is notional x rate(tier) - deduction(tier), rate = 1 / (2 x tier leverage), which is the same
as charging each tier's rate on the part of the notional inside it. Source: protocol.md §15; tables as listed on
mainnet in 2026-06. Table ids below 50 are implicit: one tier whose leverage is the id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from hlmm.types import MICRO

EXPLICIT_FROM: Final = 50
MILLION: Final = 1_000_000 * MICRO


class Tier(msgspec.Struct, frozen=True, gc=False):
    """From `lower` (micro-USD of notional) on, at most `max_leverage`."""

    lower: int
    max_leverage: int


class MarginTable(msgspec.Struct, frozen=True, kw_only=True):
    """Tiers of one or more coins, the lowest first; its first tier begins at zero."""

    id: int
    description: str = ""
    tiers: tuple[Tier, ...]

    @property
    def explicit(self) -> bool:
        """Whether metadata lists the table."""
        return self.id >= EXPLICIT_FROM

    def maintenance(self, notional: int) -> int:
        """Maintenance margin of a position. Args: notional >= 0, micro-USD. Returns: micro-USD, rounded down."""
        rate, deduction = self.maintenance_rate(notional)
        return notional // rate - deduction

    def maintenance_rate(self, notional: int) -> tuple[int, int]:
        """Of the tier that holds `notional`: the rate's denominator (twice its leverage) and its deduction."""
        deduction, last = 0, self.tiers[0]
        for tier in self.tiers[1:]:
            if notional < tier.lower:
                break
            deduction += tier.lower // (2 * tier.max_leverage) - tier.lower // (2 * last.max_leverage)
            last = tier
        return 2 * last.max_leverage, deduction

    def leverage_at(self, notional: int) -> int:
        """Most leverage that a position of this notional may have. Args: notional >= 0, micro-USD."""
        return self.maintenance_rate(notional)[0] // 2


def implicit(max_leverage: int) -> MarginTable:
    """The table of a coin without tiers. Args: 1 <= max_leverage < 50, or 50, which metadata lists."""
    return MarginTable(id=max_leverage, tiers=(Tier(0, max_leverage),))


def _tiered(table: int, description: str, first: int, bound: int, second: int) -> MarginTable:
    tiers = (Tier(0, first), Tier(bound * MILLION, second))
    return MarginTable(id=table, description=description, tiers=tiers)


TABLES: Final[Mapping[int, MarginTable]] = {
    50: implicit(50),
    51: _tiered(51, "tiered 10x", 10, 3, 5),
    52: _tiered(52, "tiered 10x (2)", 10, 20, 5),
    53: _tiered(53, "tiered 20x", 20, 40, 10),
    54: _tiered(54, "tiered 20x (2)", 20, 70, 10),
    55: _tiered(55, "tiered 25x", 25, 100, 15),
    56: _tiered(56, "tiered 40x", 40, 150, 20),
}
"""The tables that metadata lists, by id."""

TABLE_OF: Final[Mapping[str, int]] = {"BTC": 56, "ETH": 55, "SOL": 54, "HYPE": 52}


def table_of(coin: str, max_leverage: int) -> MarginTable:
    """The coin's table on mainnet; one tier of its maximum leverage when it is not a listed one's."""
    found = TABLES.get(TABLE_OF.get(coin, max_leverage))
    fits = found is not None and found.tiers[0].max_leverage == max_leverage
    return found if found is not None and fits else implicit(max_leverage)


def table(table_id: int) -> MarginTable:
    """A table by id. Args: table_id >= 1."""
    return TABLES.get(table_id) or implicit(table_id)
