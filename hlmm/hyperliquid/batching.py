"""Owns how commands become actions: cancels, then modifies, then places, each kind in one action of <= 200 items."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec

from hlmm.core.commands import AnyCommand, CancelOrder, ModifyOrder, PlaceOrder
from hlmm.hyperliquid.actions import (
    BatchModify,
    CancelByCloid,
    CancelCloidWire,
    ModifyWire,
    Order,
    OrderSpec,
    OrderWire,
    cloid_text,
    order_wire,
)
from hlmm.hyperliquid.inflight import ActionPurpose, Cancels, Modifies, Places
from hlmm.hyperliquid.limits import ITEMS_PER_ACTION
from hlmm.hyperliquid.universe import Universe
from hlmm.types import Coin

ItemT = TypeVar("ItemT")
BatchAction = Order | CancelByCloid | BatchModify


class Batch(msgspec.Struct, frozen=True, gc=False):
    """One action and what it is for."""

    action: BatchAction
    purpose: ActionPurpose


class Grouped(msgspec.Struct, frozen=True, gc=False):
    """Order commands by kind, in the order of sending."""

    cancels: tuple[CancelOrder, ...]
    modifies: tuple[ModifyOrder, ...]
    places: tuple[PlaceOrder, ...]


def group(commands: Sequence[AnyCommand]) -> Grouped:
    """Pick the order commands out, keeping their order within a kind."""
    return Grouped(
        tuple(command for command in commands if isinstance(command, CancelOrder)),
        tuple(command for command in commands if isinstance(command, ModifyOrder)),
        tuple(command for command in commands if isinstance(command, PlaceOrder)),
    )


def purposes(grouped: Grouped) -> list[ActionPurpose]:
    """What the groups are for; empty groups are left out."""
    every: tuple[ActionPurpose, ...] = (Cancels(grouped.cancels), Modifies(grouped.modifies), Places(grouped.places))
    return [purpose for purpose in every if purpose.orders]


def unlisted(grouped: Grouped, universe: Universe) -> list[ActionPurpose]:
    """Commands for coins the venue does not list: they cannot be encoded."""
    return purposes(
        Grouped(
            tuple(item for item in grouped.cancels if not _known(item.coin, universe)),
            tuple(item for item in grouped.modifies if not _known(item.place.coin, universe)),
            tuple(item for item in grouped.places if not _known(item.coin, universe)),
        )
    )


def batches(grouped: Grouped, universe: Universe, *, fast_cancels: bool) -> Iterator[Batch]:
    """The actions to send, in order. Args: fast_cancels sets the `f` flag. Raises: nothing."""
    fast = True if fast_cancels else msgspec.UNSET
    for cancels in _chunks([item for item in grouped.cancels if _known(item.coin, universe)]):
        wires = tuple(CancelCloidWire(_asset(item.coin, universe), cloid_text(item.cloid)) for item in cancels)
        yield Batch(CancelByCloid(wires, fast), Cancels(cancels))
    for modifies in _chunks([item for item in grouped.modifies if _known(item.place.coin, universe)]):
        changes = tuple(ModifyWire(cloid_text(item.cloid), _wire(item.place, universe)) for item in modifies)
        yield Batch(BatchModify(changes), Modifies(modifies))
    for places in _chunks([item for item in grouped.places if _known(item.coin, universe)]):
        yield Batch(Order(tuple(_wire(item, universe) for item in places)), Places(places))


def _known(coin: Coin, universe: Universe) -> bool:
    return universe.find(coin) is not None


def _asset(coin: Coin, universe: Universe) -> int:
    return universe.grid(coin).instrument.asset


def _wire(place: PlaceOrder, universe: Universe) -> OrderWire:
    spec = OrderSpec(
        side=place.side,
        px=place.px,
        sz=place.sz,
        tif=place.tif,
        reduce_only=place.reduce_only,
        cloid=place.cloid,
    )
    return order_wire(universe.grid(place.coin).instrument, spec)


def _chunks(items: list[ItemT]) -> Iterator[tuple[ItemT, ...]]:
    for start in range(0, len(items), ITEMS_PER_ACTION):
        yield tuple(items[start : start + ITEMS_PER_ACTION])
