"""An independent judge of perp limit orders, written from the venue's published rules on decimals.

Shares no code with the engine, the client or the simulator: it imports nothing of theirs. Rules and texts:
Hyperliquid documentation, "Tick and lot size", "Error responses", "Contract specifications", "Order types", "Margin".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Any

PLAIN = re.compile(r"[0-9]+(\.[0-9]+)?")
MILLIONTH = Decimal("0.000001")


@dataclass(frozen=True)
class Facts:
    """What the venue knows when an order comes: the coin, its book and mark, the account. Prices USD, sizes base."""

    asset: int
    size_decimals: int
    max_leverage: int
    mark: Decimal
    bid: Decimal | None
    ask: Decimal | None
    position: Decimal
    leverage: int
    free_margin: Decimal


def broken(order: Mapping[str, Any], facts: Facts) -> list[str]:
    """Every rule that an order breaks, as the beginning of the text the venue refuses it with; empty for a good one."""
    malformed = [name for name in ("p", "s") if not _plain(order[name])]
    if malformed:
        return ["malformed"]
    price, size = Decimal(order["p"]), Decimal(order["s"])
    static = _static(price, size, facts)
    return static or _business(order, price, size, facts)


def _plain(text: object) -> bool:
    """A decimal text without sign or exponent, of at most eight decimals once trailing zeros are gone."""
    if not isinstance(text, str) or PLAIN.fullmatch(text) is None:
        return False
    _, _, fraction = text.partition(".")
    return len(fraction.rstrip("0")) <= 8


def _static(price: Decimal, size: Decimal, facts: Facts) -> list[str]:
    """Rules that refuse a whole batch."""
    found = []
    if _places(size) > facts.size_decimals:
        found.append("Order has invalid size.")
    if size == 0:
        found.append("Order has zero size.")
    if price == 0:
        found.append("Order has invalid price.")
    elif abs(price - facts.mark) > facts.mark * 95 / 100:
        found.append("Order price cannot be more than 95% away from the reference price")
    return found


def _business(order: Mapping[str, Any], price: Decimal, size: Decimal, facts: Facts) -> list[str]:
    """Rules that refuse one order."""
    found = []
    tif = order["t"]["limit"]["tif"]
    crosses = _crosses(order, price, facts)
    on_tick = valid_price(price, facts.size_decimals)
    if not on_tick:
        found.append("Price must be divisible by tick size.")
    if tif == "Ioc" and not crosses:
        found.append("Order could not immediately match against any resting orders.")
    if tif == "Alo" and crosses:
        found.append("Post only order would have immediately matched, bbo was")
    sign = 1 if order["b"] else -1
    reducing = order["r"] and facts.position * sign < 0
    if order["r"] and not reducing:
        found.append("Reduce only order would increase position.")
    closes_all = reducing and size >= abs(facts.position)
    if price * size < 10 and not closes_all:
        found.append("Order must have minimum value of $10.")
    if price * size > _value_max(facts.max_leverage) * (1 if tif == "Ioc" else 10):
        found.append("Order exceeds maximum order value.")
    adding = size - min(size, abs(facts.position)) if facts.position * sign < 0 else size
    if not order["r"] and adding and _margin(price, adding, facts) > facts.free_margin:
        found.append("Insufficient margin to place order.")
    return found


def valid_price(price: Decimal, size_decimals: int) -> bool:
    """The tick rule: an integer, or at most 5 significant figures and 6 - szDecimals decimals."""
    if price == price.to_integral_value():
        return True
    figures = len(price.normalize().as_tuple().digits)
    return figures <= 5 and _places(price) <= 6 - size_decimals


def _places(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)


def _crosses(order: Mapping[str, Any], price: Decimal, facts: Facts) -> bool:
    if order["b"]:
        return facts.ask is not None and price >= facts.ask
    return facts.bid is not None and price <= facts.bid


def _value_max(max_leverage: int) -> int:
    """Largest market order by maximum leverage, USD."""
    if max_leverage >= 25:
        return 30_000_000
    if max_leverage >= 20:
        return 5_000_000
    return 2_000_000 if max_leverage >= 10 else 500_000


def _margin(price: Decimal, adding: Decimal, facts: Facts) -> Decimal:
    """Initial margin of what the order adds to the position, cut to a millionth."""
    return (adding * price / facts.leverage).quantize(MILLIONTH, rounding=ROUND_DOWN)
