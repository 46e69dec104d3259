"""The venue's limits per IP address: request weight, connections, subscriptions, messages, distinct users.

A simulator serves one machine, so all its clients count as one address. Source: rate limit documentation of the venue;
where the venue's reaction is not documented (too many messages, connections), the connection is closed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import Final

from hlmm.sim.config import LimitConfig
from hlmm.sim.feeds import Topic
from hlmm.types import NS_PER_MS, Ns

MINUTE_NS: Final = 60_000 * NS_PER_MS


class Window:
    """Counts over the last minute, up to a limit; without a limit nothing is counted."""

    def __init__(self, limit: int | None) -> None:
        """Allow `limit` per minute."""
        self._limit = limit
        self._taken: deque[tuple[Ns, int]] = deque()
        self._sum = 0

    def over(self, ts: Ns, cost: int) -> bool:
        """Take `cost` > 0 at `ts`. Returns: whether that is too much; then nothing is taken."""
        if self._limit is None:
            return False
        while self._taken and self._taken[0][0] <= ts - MINUTE_NS:
            self._sum -= self._taken.popleft()[1]
        if self._sum + cost > self._limit:
            return True
        self._taken.append((ts, cost))
        self._sum += cost
        return False


class Meter:
    """Everything that is counted per address."""

    def __init__(self, limits: LimitConfig) -> None:
        """Apply `limits`; None switches one off."""
        self._limits = limits
        self.weight = Window(limits.ip_weight_per_min)
        self.messages = Window(limits.ws_messages_per_min)
        self._opened = Window(limits.ws_new_per_min)

    def refuses_connection(self, ts: Ns, connected: int) -> bool:
        """Whether one more connection is too many. Args: connected, how many there are."""
        limit = self._limits.ws_connections
        return self._opened.over(ts, 1) or (limit is not None and connected >= limit)

    def refusal(self, topic: Topic, topics: Collection[Topic]) -> str | None:
        """Why a subscription is refused, or None. Args: topics, of all connections."""
        most = self._limits.ws_subscriptions
        if most is not None and len(topics) >= most:
            return f"Cannot track more than {most} total subscriptions."
        most = self._limits.ws_users
        if most is None or topic.user is None:
            return None
        users = {other.user for other in topics if other.user is not None}
        return f"Cannot track more than {most} total users." if len(users | {topic.user}) > most else None
