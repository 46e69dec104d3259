"""Owns requests whose answer is awaited: what each was for, when it is given up, and which transport carries it."""

from __future__ import annotations

import enum
from typing import Final, Literal

import msgspec

from hlmm.core.commands import CancelOrder, ModifyOrder, PlaceOrder, SetLeverage
from hlmm.core.events import RequestLost, RequestUnsent
from hlmm.types import Cloid, Coin, Ns

LATE_KEPT: Final = 1_000
"""Given-up requests that are remembered: a late answer is still evidence."""


class SentState(enum.StrEnum):
    """What a failed transport knows of a request."""

    UNSENT = "it certainly never left"
    UNKNOWN = "it may have reached the venue"


class Request(msgspec.Struct, frozen=True, gc=False):
    """A request to POST: `info` to /info, `action` to /exchange; `body` is the JSON."""

    id: int
    kind: Literal["info", "action"]
    body: bytes


class Outbox(msgspec.Struct, gc=False):
    """What the shell must do: write `frames` in order, POST `requests`, and reconnect when a reason is given."""

    frames: list[bytes] = msgspec.field(default_factory=list)
    requests: list[Request] = msgspec.field(default_factory=list)
    reconnect: str = ""

    def extend(self, other: Outbox) -> None:
        """Append another outbox; the first reason to reconnect stays."""
        self.frames += other.frames
        self.requests += other.requests
        self.reconnect = self.reconnect or other.reconnect


class Purpose(msgspec.Struct, frozen=True, gc=False):
    """Base of what a request was for."""


class Places(Purpose, frozen=True, gc=False):
    """One order action."""

    orders: tuple[PlaceOrder, ...]


class Cancels(Purpose, frozen=True, gc=False):
    """One cancelByCloid action."""

    orders: tuple[CancelOrder, ...]


class Modifies(Purpose, frozen=True, gc=False):
    """One batchModify action."""

    orders: tuple[ModifyOrder, ...]


class SetTo(Purpose, frozen=True, gc=False):
    """One updateLeverage action."""

    wanted: SetLeverage


class DexsRead(Purpose, frozen=True, gc=False):
    """`perpDexs` of the opening."""


class MetaOf(Purpose, frozen=True, gc=False):
    """`meta` of one dex, of the opening."""

    dex: str


class StateOf(Purpose, frozen=True, gc=False):
    """`clearinghouseState` of one dex, part of an account read."""

    dex: str
    gather: int


class OrdersOf(Purpose, frozen=True, gc=False):
    """`openOrders` of one dex, part of an open orders read."""

    dex: str
    gather: int


class StatusOf(Purpose, frozen=True, gc=False):
    """`orderStatus` of one cloid."""

    cloid: Cloid
    coin: Coin


class LeverageOf(Purpose, frozen=True, gc=False):
    """`activeAssetData` of one coin."""

    coin: Coin


class Simple(Purpose, frozen=True, gc=False):
    """A read whose answer stands alone."""

    read: Literal["userFees", "userRateLimit", "userRole", "userFillsByTime", "userFunding"]


ActionPurpose = Places | Cancels | Modifies
InfoPurpose = DexsRead | MetaOf | StateOf | OrdersOf | StatusOf | LeverageOf | Simple
AnyPurpose = ActionPurpose | SetTo | InfoPurpose


class Pending(msgspec.Struct, frozen=True, gc=False):
    """One request in flight."""

    id: int
    purpose: AnyPurpose
    asked_ts: Ns
    deadline_ts: Ns
    by_socket: bool


def cloids_of(purpose: AnyPurpose) -> tuple[tuple[Cloid, ...], tuple[Cloid, ...]]:
    """The orders a request would create and those it would cancel."""
    match purpose:
        case Places():
            return tuple(order.cloid for order in purpose.orders), ()
        case Cancels():
            return (), tuple(order.cloid for order in purpose.orders)
        case Modifies():
            return tuple(item.place.cloid for item in purpose.orders), tuple(item.cloid for item in purpose.orders)
        case _:
            return (), ()


def lost(purpose: AnyPurpose, ts: Ns, why: str) -> RequestLost:
    """The outcome of a request is unknown. For a read both tuples are empty."""
    cloids, cancels = cloids_of(purpose)
    return RequestLost(ts=ts, cloids=cloids, cancels=cancels, why=why)


def unsent(purpose: AnyPurpose, ts: Ns, why: str) -> RequestUnsent:
    """A request never left. For a read both tuples are empty."""
    cloids, cancels = cloids_of(purpose)
    return RequestUnsent(ts=ts, cloids=cloids, cancels=cancels, why=why)


class InFlight:
    """The table of requests in flight, oldest first."""

    def __init__(self, timeout_ns: Ns) -> None:
        """Begin empty. Args: timeout_ns, ns, > 0."""
        self._timeout_ns = timeout_ns
        self._last_id = 0
        self._pending: dict[int, Pending] = {}
        self._late: dict[int, Pending] = {}
        self.on_socket = 0

    def open(self, purpose: AnyPurpose, ts: Ns, *, by_socket: bool) -> int:
        """Register a request before it is sent. Returns: its id, unique in the session."""
        self._last_id += 1
        deadline = Ns(ts + self._timeout_ns)
        self._pending[self._last_id] = Pending(self._last_id, purpose, ts, deadline, by_socket)
        self.on_socket += by_socket
        return self._last_id

    def close(self, request_id: int) -> Pending | None:
        """Take the request an answer is for, also if it was given up; None when it is nobody's or was answered."""
        pending = self._pending.pop(request_id, None)
        if pending is not None:
            self.on_socket -= pending.by_socket
            return pending
        return self._late.pop(request_id, None)

    def expire(self, ts: Ns) -> list[Pending]:
        """Give up what is past its deadline."""
        overdue = [pending for pending in self._pending.values() if pending.deadline_ts <= ts]
        for pending in overdue:
            self._give_up(pending)
        return overdue

    def drop_socket(self) -> list[Pending]:
        """The connection is gone: give up what it carried."""
        carried = [pending for pending in self._pending.values() if pending.by_socket]
        for pending in carried:
            self._give_up(pending)
        return carried

    def _give_up(self, pending: Pending) -> None:
        self.close(pending.id)
        self._late[pending.id] = pending
        if len(self._late) > LATE_KEPT:
            del self._late[next(iter(self._late))]
