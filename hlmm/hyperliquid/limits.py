"""Owns the venue's limits per IP and per connection, as data, and the accountant that keeps within them.

Source: Hyperliquid documentation, "Rate limits and user limits" (2026-08).
"""

from __future__ import annotations

from collections import deque
from typing import Final

from hlmm.types import NS_PER_S, Ns

REST_WEIGHT_PER_MIN: Final = 1_200
SOCKET_MESSAGES_PER_MIN: Final = 2_000
POSTS_IN_FLIGHT: Final = 100
SUBSCRIPTIONS: Final = 1_000
CONNECTIONS: Final = 10
NEW_CONNECTIONS_PER_MIN: Final = 30
DISTINCT_USERS: Final = 10
ITEMS_PER_ACTION: Final = 200
MINUTE_NS: Final = 60 * NS_PER_S

INFO_WEIGHT_DEFAULT: Final = 20
INFO_WEIGHTS: Final = {
    "l2Book": 2,
    "allMids": 2,
    "clearinghouseState": 2,
    "orderStatus": 2,
    "spotClearinghouseState": 2,
    "exchangeStatus": 2,
    "userRole": 60,
}
ROWS_PER_WEIGHT_DEFAULT: Final = 20
ROWS_PER_WEIGHT: Final = {
    "candleSnapshot": 60,
    "recentTrades": ROWS_PER_WEIGHT_DEFAULT,
    "historicalOrders": ROWS_PER_WEIGHT_DEFAULT,
    "userFills": ROWS_PER_WEIGHT_DEFAULT,
    "userFillsByTime": ROWS_PER_WEIGHT_DEFAULT,
    "fundingHistory": ROWS_PER_WEIGHT_DEFAULT,
    "userFunding": ROWS_PER_WEIGHT_DEFAULT,
    "nonUserFundingUpdates": ROWS_PER_WEIGHT_DEFAULT,
    "twapHistory": ROWS_PER_WEIGHT_DEFAULT,
    "userTwapSliceFills": ROWS_PER_WEIGHT_DEFAULT,
    "userTwapSliceFillsByTime": ROWS_PER_WEIGHT_DEFAULT,
    "delegatorHistory": ROWS_PER_WEIGHT_DEFAULT,
    "delegatorRewards": ROWS_PER_WEIGHT_DEFAULT,
    "validatorStats": ROWS_PER_WEIGHT_DEFAULT,
}
ITEMS_PER_ACTION_WEIGHT: Final = 40


def info_weight(kind: str, rows: int = 0) -> int:
    """IP weight of one info request. Args: kind, its `type`; rows returned, >= 0. Returns: >= 2."""
    per = ROWS_PER_WEIGHT.get(kind)
    return INFO_WEIGHTS.get(kind, INFO_WEIGHT_DEFAULT) + (0 if per is None else rows // per)


def action_weight(items: int) -> int:
    """IP weight of one exchange action. Args: items in the batch, >= 0. Returns: >= 1."""
    return 1 + items // ITEMS_PER_ACTION_WEIGHT


class Allowance:
    """Counts what was spent in a sliding window. Never refuses by itself: callers ask `fits` first."""

    __slots__ = ("_cap", "_spent", "_total", "_window_ns")

    def __init__(self, cap: int, window_ns: int = MINUTE_NS) -> None:
        """Begin unspent. Args: cap, weight per window, > 0; window_ns, ns, > 0."""
        assert cap > 0, cap
        assert window_ns > 0, window_ns
        self._cap = cap
        self._window_ns = window_ns
        self._total = 0
        self._spent: deque[tuple[Ns, int]] = deque()

    def used(self, ts: Ns) -> int:
        """Weight spent in the window that ends at `ts`. Raises: nothing; after a step back nothing expires early."""
        while self._spent and self._spent[0][0] + self._window_ns <= ts:
            self._total -= self._spent.popleft()[1]
        return self._total

    def fits(self, ts: Ns, weight: int, reserve: int = 0) -> bool:
        """Whether `weight` more would leave `reserve` of the cap unspent."""
        return self.used(ts) + weight <= self._cap - reserve

    def spend(self, ts: Ns, weight: int) -> None:
        """Count weight sent at `ts`."""
        self._spent.append((ts, weight))
        self._total += weight
