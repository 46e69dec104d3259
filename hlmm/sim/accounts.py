"""What the venue remembers of an account: balances, positions, orders, histories; and the test keys of a sandbox."""

from __future__ import annotations

import hashlib
from collections import deque
from typing import Final

import msgspec

from hlmm.sim.fills import Fill
from hlmm.sim.reserves import SideOrders
from hlmm.sim.standing import Standing
from hlmm.types import Address, Coin, MicroUsd, Ms, Oid, Px, Side, Sz

HISTORY: Final = 2_000
"""Records and fills that answers reach back to."""

SECP256K1_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
DEFAULT_LEVERAGE: Final = 20


class Trigger(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """When and how a trigger order fires."""

    px: Px
    is_market: bool
    above: bool
    kind: str


class Order(msgspec.Struct, kw_only=True):
    """One order of an account, from placement to its end. `status` is the venue's word.

    `group` is the parent's oid (of a child: a TP or SL that waits for its parent's fill), or the first order's oid (of
    TP and SL on a position); 0 when the order stands alone. `dormant` children wait for their parent.
    """

    oid: Oid
    owner: int
    coin: Coin
    side: Side
    px: Px
    sz: Sz
    orig_sz: Sz
    tif: str
    placed_ms: Ms
    cloid: str | None = None
    reduce_only: bool = False
    builder_fee: int = 0
    trigger: Trigger | None = None
    group: Oid = Oid(0)
    dormant: bool = False
    position_sized: bool = False
    status: str = "open"
    status_ms: Ms = Ms(0)


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One status change: the order as it was then."""

    order: Order
    status: str
    status_ms: Ms


class FundingRow(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One funding settlement; negative `usdc` was paid."""

    time: Ms
    coin: Coin
    usdc: MicroUsd
    szi: Sz
    rate: str


class Margining(msgspec.Struct, frozen=True, gc=False):
    """Leverage setting of one coin."""

    leverage: int
    cross: bool = True


class Position(msgspec.Struct, kw_only=True):
    """Signed size, cost basis (>= 0, micro-USD), isolated cash, and funding paid (positive = paid by the account)."""

    szi: Sz = Sz(0)
    cost: int = 0
    isolated_raw: int = 0
    funding_all: int = 0
    funding_open: int = 0
    funding_change: int = 0


class Agent(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An approved agent key; the unnamed one has an empty name."""

    address: Address
    name: str
    valid_until: Ms


class Account(Standing, msgspec.Struct, kw_only=True):
    """One address. `raw_usd` is cross cash per perp dex, net of position cost, micro-USD."""

    index: int
    address: Address
    raw_usd: dict[str, int] = {}
    spot_usd: int = 0
    positions: dict[Coin, Position] = {}
    margining: dict[Coin, Margining] = {}
    open: dict[Oid, Order] = {}
    waiting: dict[Oid, Order] = {}
    latest: dict[Oid, Record] = {}
    by_cloid: dict[str, Oid] = {}
    records: deque[Record] = msgspec.field(default_factory=lambda: deque(maxlen=HISTORY))
    fills: deque[Fill] = msgspec.field(default_factory=lambda: deque(maxlen=HISTORY))
    fundings: deque[FundingRow] = msgspec.field(default_factory=lambda: deque(maxlen=HISTORY))
    agents: dict[str, Agent] = {}
    builders: dict[str, int] = {}
    volume: int = 0
    day_volume: dict[int, list[int]] = {}
    requests: int = 0
    last_action_ms: Ms = Ms(0)
    cancel_all_at: Ms | None = None
    cancels_fired: dict[int, int] = {}
    deposited: int = 0
    sides: dict[Coin, tuple[SideOrders[Order], SideOrders[Order]]] = {}

    def __post_init__(self) -> None:
        """Index the orders that rest already."""
        for order in self.open.values():
            self.side(order.coin, order.side).add(order)

    def side(self, coin: Coin, side: Side) -> SideOrders[Order]:
        """The account's resting orders on one side of a coin."""
        found = self.sides.get(coin)
        if found is None:
            found = self.sides[coin] = (SideOrders(), SideOrders())
        return found[0 if side is Side.BID else 1]

    def rest(self, order: Order) -> None:
        """Take an order among the open ones."""
        self.open[order.oid] = order
        self.side(order.coin, order.side).add(order)

    def unrest(self, oid: Oid) -> Order | None:
        """Take an order from the open ones; None when it is none of them."""
        order = self.open.pop(oid, None)
        if order is not None:
            self.side(order.coin, order.side).drop(order)
        return order

    def resize(self, order: Order, sz: Sz) -> None:
        """Give an open order a new remaining size."""
        self.side(order.coin, order.side).resize(order, sz)

    def position(self, coin: Coin) -> Position:
        """The position in a coin, made when absent."""
        return self.positions.setdefault(coin, Position())

    def szi(self, coin: Coin) -> Sz:
        """Signed position size; 0 when flat."""
        held = self.positions.get(coin)
        return held.szi if held is not None else Sz(0)

    def note(self, order: Order, status: str, now: Ms) -> Record:
        """Write a status change into the account's history. Returns: the record."""
        order.status, order.status_ms = status, now
        record = Record(order=msgspec.structs.replace(order), status=status, status_ms=now)
        self.records.append(record)
        self.latest.pop(order.oid, None)
        self.latest[order.oid] = record
        if order.cloid is not None and self.by_cloid.get(order.cloid, Oid(0)) <= order.oid:
            self.by_cloid[order.cloid] = order.oid
        while len(self.latest) > HISTORY + len(self.open):
            gone = self.latest.pop(next(iter(self.latest)))
            if gone.order.cloid is not None and self.by_cloid.get(gone.order.cloid) == gone.order.oid:
                del self.by_cloid[gone.order.cloid]
        return record


class TestAccount(msgspec.Struct, frozen=True, kw_only=True):
    """A funded sandbox account with its master and agent keys, as the first line of `hlmm sim --json` prints it."""

    address: str
    private_key: str
    agent_address: str
    agent_private_key: str


def private_key(seed: int, index: int, role: str) -> bytes:
    """A sandbox key, a pure function of its arguments. Worthless by design: anyone can compute it."""
    digest = hashlib.sha256(f"hlmm sandbox {seed} {index} {role}".encode()).digest()
    return (int.from_bytes(digest, "big") % (SECP256K1_ORDER - 1) + 1).to_bytes(32, "big")
