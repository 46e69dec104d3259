"""What one block did: prints, status changes, fills, answers. The gateway turns it into frames."""

from __future__ import annotations

import hashlib

import msgspec

from hlmm.sim.accounts import Account, FundingRow, Order, Record
from hlmm.sim.fills import Fill
from hlmm.sim.standing import LedgerRow, TwapRow
from hlmm.sim.text import ZERO_HASH, Json
from hlmm.sim.venue import Print
from hlmm.types import Coin, Ms, Oid


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The response to one action; `ticket` is the gateway's."""

    ticket: int
    body: Json


class BlockLog:
    """Everything that happened in the block at `time`, in order, per account where it is private."""

    def __init__(self, time: Ms) -> None:
        """Open a block. Args: time, ms."""
        self.time = time
        self.prints: dict[Coin, list[Print]] = {}
        self.records: dict[int, list[Record]] = {}
        self.fills: dict[int, list[Fill]] = {}
        self.fundings: dict[int, list[FundingRow]] = {}
        self.forced: dict[int, list[tuple[Coin, Oid]]] = {}
        self.liquidations: dict[int, list[Json]] = {}
        self.notices: dict[int, list[str]] = {}
        self.ledger: dict[int, list[LedgerRow]] = {}
        self.twaps: dict[int, list[TwapRow]] = {}
        self.slices: dict[int, list[tuple[Fill, int]]] = {}
        self.unsigned = False
        self.answers: list[Answer] = []
        self._actions = 0

    def next_hash(self) -> str:
        """The hash of the next action: a digest of block time and position; zeros for what nobody signed."""
        if self.unsigned:
            return ZERO_HASH
        self._actions += 1
        return "0x" + hashlib.sha256(f"{self.time} {self._actions}".encode()).hexdigest()

    def status(self, account: Account, order: Order, status: str) -> None:
        """Record a status change of an account's order."""
        self.records.setdefault(account.index, []).append(account.note(order, status, self.time))

    def forced_cancel(self, account: Account, order: Order) -> None:
        """Tell the account that the venue, not the user, cancelled an order."""
        self.forced.setdefault(account.index, []).append((order.coin, order.oid))
