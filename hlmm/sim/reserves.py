"""The resting orders of one account on one side of one coin, and the margin they reserve, kept up to date.

An order reserves margin for what it would add to the position: the oldest orders are the ones that reduce it.
"""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from hlmm.types import Oid, Px, Sz


class Reserving(Protocol):
    """What of an order matters here."""

    oid: Oid
    px: Px
    sz: Sz
    reduce_only: bool


OrderT = TypeVar("OrderT", bound=Reserving)


class SideOrders(Generic[OrderT]):
    """Orders by oid, oldest first; their total size; and the margin of those that may add exposure."""

    __slots__ = ("_leverage", "_margin", "orders", "reduce_only", "size")

    def __init__(self) -> None:
        """No orders."""
        self.orders: dict[Oid, OrderT] = {}
        self.reduce_only: dict[Oid, OrderT] = {}
        self.size = 0
        self._margin = 0
        self._leverage = 1

    def add(self, order: OrderT) -> None:
        """An order rests."""
        self.size += order.sz
        if order.reduce_only:
            self.reduce_only[order.oid] = order
        else:
            self.orders[order.oid] = order
            self._margin += order.px * order.sz // self._leverage

    def drop(self, order: OrderT) -> None:
        """An order that was added rests no more; its size is what it was when last told."""
        self.size -= order.sz
        if order.reduce_only:
            del self.reduce_only[order.oid]
        else:
            del self.orders[order.oid]
            self._margin -= order.px * order.sz // self._leverage

    def resize(self, order: OrderT, sz: Sz) -> None:
        """Give an order that was added a new remaining size."""
        self.size += sz - order.sz
        if not order.reduce_only:
            self._margin += order.px * sz // self._leverage - order.px * order.sz // self._leverage
        order.sz = sz

    def margin(self, leverage: int, reducible: int) -> int:
        """Margin reserved, micro-USD. Args: leverage >= 1; reducible >= 0, size that reduces the position (Sz)."""
        if leverage != self._leverage:
            self._leverage = leverage
            self._margin = sum(o.px * o.sz // leverage for o in self.orders.values())
        total = self._margin
        if reducible == 0:
            return total
        for order in self.orders.values():
            reducing = min(order.sz, reducible)
            total += order.px * (order.sz - reducing) // leverage - order.px * order.sz // leverage
            reducible -= reducing
            if reducible == 0:
                break
        return total
