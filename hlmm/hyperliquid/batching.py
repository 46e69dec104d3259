"""Owns how commands become actions: cancels, then modifies, then places, each kind in one action up to a limit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec

from hlmm.core.commands import AnyCommand, CancelOrder, ModifyOrder, PlaceOrder, SetLeverage
from hlmm.hyperliquid.actions import (
    BatchModify,
    CancelByCloid,
    CancelCloidWire,
    ModifyWire,
    Order,
    OrderWire,
    UpdateLeverage,
    order_of_texts,
)
from hlmm.hyperliquid.inflight import ActionPurpose, Cancels, Modifies, Places
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

    cancels: list[CancelOrder]
    modifies: list[ModifyOrder]
    places: list[PlaceOrder]

    def coins(self) -> dict[Coin, None]:
        """Every coin that is named."""
        named = dict.fromkeys(item.coin for item in self.places)
        named.update(dict.fromkeys(item.coin for item in self.cancels))
        named.update(dict.fromkeys(item.place.coin for item in self.modifies))
        return named


def group(commands: Sequence[AnyCommand]) -> Grouped:
    """Pick the order commands out, keeping their order within a kind."""
    cancels: list[CancelOrder] = []
    modifies: list[ModifyOrder] = []
    places: list[PlaceOrder] = []
    for command in commands:
        if isinstance(command, PlaceOrder):
            places.append(command)
        elif isinstance(command, CancelOrder):
            cancels.append(command)
        elif isinstance(command, ModifyOrder):
            modifies.append(command)
    return Grouped(cancels, modifies, places)


def split(grouped: Grouped, universe: Universe) -> tuple[Grouped, Grouped]:
    """Sendable commands, and those for coins that no dex of the run lists."""
    unknown = {coin: None for coin in grouped.coins() if universe.find(coin) is None}
    if not unknown:
        return grouped, Grouped([], [], [])
    known = Grouped(
        [item for item in grouped.cancels if item.coin not in unknown],
        [item for item in grouped.modifies if item.place.coin not in unknown],
        [item for item in grouped.places if item.coin not in unknown],
    )
    rest = Grouped(
        [item for item in grouped.cancels if item.coin in unknown],
        [item for item in grouped.modifies if item.place.coin in unknown],
        [item for item in grouped.places if item.coin in unknown],
    )
    return known, rest


def purposes(grouped: Grouped) -> list[ActionPurpose]:
    """What the groups are for; empty groups are left out."""
    every: tuple[ActionPurpose, ...] = (
        Cancels(tuple(grouped.cancels)),
        Modifies(tuple(grouped.modifies)),
        Places(tuple(grouped.places)),
    )
    return [purpose for purpose in every if purpose.orders]


def batches(grouped: Grouped, universe: Universe, *, fast_cancels: bool, items_max: int) -> Iterator[Batch]:
    """The actions to send, in order.

    Args: grouped, known coins; fast_cancels sets the `f` flag; items_max of one action, 1 to 200. Raises: nothing.
    """
    fast = True if fast_cancels else msgspec.UNSET
    for cancels in _chunks(grouped.cancels, items_max):
        yield Batch(CancelByCloid(tuple([_cancel(item, universe) for item in cancels]), fast), Cancels(cancels))
    for modifies in _chunks(grouped.modifies, items_max):
        changes = tuple([ModifyWire(item.cloid, _order(item.place, universe)) for item in modifies])
        yield Batch(BatchModify(changes), Modifies(modifies))
    for places in _chunks(grouped.places, items_max):
        yield Batch(place_action(places, universe), Places(places))


def place_action(places: Sequence[PlaceOrder], universe: Universe) -> Order:
    """One order action. Args: places, of known coins. Raises: ValueError when a coin is not known."""
    return Order(tuple([_order(item, universe) for item in places]))


def leverage_action(wanted: SetLeverage, universe: Universe) -> UpdateLeverage | None:
    """The updateLeverage action; None when no dex of the run lists the coin."""
    grid = universe.find(wanted.coin)
    return None if grid is None else UpdateLeverage(grid.instrument.asset, wanted.is_cross, wanted.leverage)


def _cancel(cancel: CancelOrder, universe: Universe) -> CancelCloidWire:
    return CancelCloidWire(universe.grid(cancel.coin).instrument.asset, cancel.cloid)


def _order(place: PlaceOrder, universe: Universe) -> OrderWire:
    grid = universe.grid(place.coin)
    return order_of_texts(grid.instrument.asset, grid.px_text[place.px], grid.sz_text[place.sz], place)


def _chunks(items: list[ItemT], items_max: int) -> Iterator[tuple[ItemT, ...]]:
    for start in range(0, len(items), items_max):
        yield tuple(items[start : start + items_max])
