"""What whoever carries bytes needs of a venue, be it sound (`sim.gateway`) or with faults (`sim.faulty`)."""

from __future__ import annotations

from typing import Protocol

from hlmm.sim.accounts import TestAccount
from hlmm.sim.exchange import Exchange
from hlmm.sim.ports import Output
from hlmm.types import Ns


class Venue(Protocol):
    """Every door of a simulated venue. Calls must come in time order."""

    exchange: Exchange
    accounts: tuple[TestAccount, ...]
    start: Ns

    def next_due(self) -> Ns:
        """When `advance` has something to do next."""

    def horizon(self) -> Ns | None:
        """When the first recorded market ends, or None."""

    def advance(self, ts: Ns) -> list[Output]:
        """Run every block and push due up to `ts`. Returns: what is due, in order."""

    def http(
        self, request_id: int, path: str, body: bytes, ts: Ns, content_type: str = "application/json"
    ) -> list[Output]:
        """Take a POST. The answer comes from here or from a later `advance`."""

    def open(self, conn: int, ts: Ns) -> list[Output]:
        """A client connected. Args: conn, a number not in use."""

    def close(self, conn: int) -> None:
        """A client is gone; its subscriptions with it."""

    def receive(self, conn: int, data: bytes | str, ts: Ns) -> list[Output]:
        """Take one text frame. Answers come from here or from a later `advance`."""
