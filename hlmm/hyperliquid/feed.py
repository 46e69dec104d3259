"""Owns market and user frames: wire structs to core events with integer prices and sizes.

What cannot be explained becomes one `FrameQuarantined` per frame; nothing raises and nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import gt, lt
from typing import Final, TypeVar

import msgspec

from hlmm.core.events import (
    AnyEvent,
    BboChanged,
    BookChanged,
    ContextChanged,
    FrameQuarantined,
    FundingPaid,
    OrderFilled,
    OrderUpdated,
    Trade,
    TradesPrinted,
)
from hlmm.hyperliquid import wire
from hlmm.hyperliquid.errors import order_state
from hlmm.hyperliquid.grid import Grid, cloid_of, money, rate
from hlmm.hyperliquid.universe import Universe, is_spot
from hlmm.types import Coin, Level, Ms, Ns, Oid, Px, Side, Tid

SIDES: Final[dict[wire.SideWord, Side]] = {"B": Side.BID, "A": Side.ASK}

ElementT = TypeVar("ElementT")
EventT = TypeVar("EventT")
_UPDATE: Final = msgspec.json.Decoder(wire.OrderUpdateWire)
_FILL: Final = msgspec.json.Decoder(wire.FillWire)
_FUNDING: Final = msgspec.json.Decoder(wire.FundingWire)


class Feed:
    """Decodes the frames of one connection. The only state is which coins have shown their trade replay."""

    def __init__(self, universe: Universe) -> None:
        """Begin a connection: the next trades frame of each coin is its replay."""
        self._universe = universe
        self._replayed: dict[str, None] = {}

    def decode(self, frame: bytes | str, ts: Ns) -> list[AnyEvent]:
        """Bytes to events; frames that carry no market or user data give none. Raises: nothing."""
        typed = wire.decode_frame(frame)
        match typed:
            case wire.Undecodable():
                return [quarantined(typed, ts)]
            case wire.SubscriptionResponse() | wire.Pong() | wire.ErrorFrame() | wire.Post():
                return []
            case _:
                return self.events(typed, ts)

    def events(self, frame: wire.MarketFrame | wire.UserFrame, ts: Ns) -> list[AnyEvent]:
        """A typed frame to events. Args: ts, our receive time. Raises: nothing."""
        match frame:
            case wire.Bbo():
                return self._whole(frame.data, self._bbo, "bbo", ts)
            case wire.L2Book():
                return self._whole(frame.data, self._book, "l2Book", ts)
            case wire.Trades():
                return self._whole(frame.data, self._trades, "trades", ts)
            case wire.ActiveAssetCtx():
                return self._whole(frame.data, self._context, "activeAssetCtx", ts)
            case wire.OrderUpdates():
                return order_updates(self._universe, frame.data, ts)
            case wire.UserFills():
                return fills(self._universe, frame.data.fills, ts, snapshot=frame.data.is_snapshot is True)
            case wire.UserFundings():
                return fundings(self._universe, frame.data.fundings, ts, snapshot=frame.data.is_snapshot is True)

    def _whole(
        self, payload: ElementT, convert: Callable[[ElementT, Ns], list[AnyEvent]], channel: str, ts: Ns
    ) -> list[AnyEvent]:
        try:
            return convert(payload, ts)
        except ValueError as error:
            text = msgspec.json.encode(payload)
            return [FrameQuarantined(ts=ts, channel=channel, why=str(error), text=wire.clip(text))]

    def _bbo(self, bbo: wire.BboData, ts: Ns) -> list[AnyEvent]:
        grid = self._universe.grid(bbo.coin)
        bid, ask = bbo.bbo
        return [
            BboChanged(
                ts=ts,
                venue_ts=Ms(bbo.time),
                coin=grid.instrument.coin,
                bid=None if bid is None else Level(grid.px[bid.px], grid.sz[bid.sz]),
                ask=None if ask is None else Level(grid.px[ask.px], grid.sz[ask.sz]),
            )
        ]

    def _book(self, book: wire.L2BookData, ts: Ns) -> list[AnyEvent]:
        grid = self._universe.grid(book.coin)
        bids, asks = book.levels
        return [
            BookChanged(
                ts=ts,
                venue_ts=Ms(book.time),
                coin=grid.instrument.coin,
                bids=_levels(grid, bids, gt),
                asks=_levels(grid, asks, lt),
            )
        ]

    def _trades(self, trades: list[wire.TradeWire], ts: Ns) -> list[AnyEvent]:
        by_coin: dict[str, list[Trade]] = {}
        for trade in trades:
            grid = self._universe.grid(trade.coin)
            by_coin.setdefault(grid.instrument.coin, []).append(
                Trade(
                    venue_ts=Ms(trade.time),
                    px=grid.px[trade.px],
                    sz=grid.sz[trade.sz],
                    aggressor=SIDES[trade.side],
                    tid=Tid(trade.tid),
                )
            )
        events: list[AnyEvent] = []
        for coin, prints in by_coin.items():
            replay = coin not in self._replayed
            self._replayed[coin] = None
            events.append(TradesPrinted(ts=ts, coin=Coin(coin), trades=tuple(prints), replayed=replay))
        return events

    def _context(self, context: wire.CtxData, ts: Ns) -> list[AnyEvent]:
        grid = self._universe.grid(context.coin)
        return [
            ContextChanged(
                ts=ts,
                coin=grid.instrument.coin,
                mark_px=grid.px[context.ctx.mark_px],
                oracle_px=grid.px[context.ctx.oracle_px],
                funding_hourly=rate(context.ctx.funding),
            )
        ]


def quarantined(frame: wire.Undecodable, ts: Ns) -> FrameQuarantined:
    """An undecodable frame as an event."""
    return FrameQuarantined(ts=ts, channel=frame.channel, why=frame.why, text=frame.text)


def order_updates(universe: Universe, elements: Sequence[msgspec.Raw], ts: Ns) -> list[AnyEvent]:
    """Elements of `orderUpdates` to `OrderUpdated`; spot orders are left out. Raises: nothing."""

    def convert(element: msgspec.Raw) -> OrderUpdated | None:
        update = _UPDATE.decode(element)
        order = update.order
        if is_spot(order.coin):
            return None
        grid = universe.grid(order.coin)
        return OrderUpdated(
            ts=ts,
            venue_ts=Ms(update.status_timestamp),
            coin=grid.instrument.coin,
            cloid=cloid_of(order.cloid),
            oid=Oid(order.oid),
            side=SIDES[order.side],
            px=grid.px[order.limit_px],
            orig_sz=grid.sz_or_zero(order.orig_sz),
            remaining_sz=grid.sz_or_zero(order.sz),
            state=order_state(update.status),
            word=update.status,
        )

    return _each(elements, convert, "orderUpdates", ts)


def fills(universe: Universe, elements: Sequence[msgspec.Raw], ts: Ns, *, snapshot: bool) -> list[AnyEvent]:
    """Fills to `OrderFilled`, oldest first in a snapshot; spot fills are left out. Raises: nothing."""

    def convert(element: msgspec.Raw) -> OrderFilled | None:
        fill = _FILL.decode(element)
        if is_spot(fill.coin):
            return None
        grid = universe.grid(fill.coin)
        return OrderFilled(
            ts=ts,
            venue_ts=Ms(fill.time),
            coin=grid.instrument.coin,
            cloid=cloid_of(fill.cloid),
            oid=Oid(fill.oid),
            tid=Tid(fill.tid),
            side=SIDES[fill.side],
            px=grid.px[fill.px],
            sz=grid.sz[fill.sz],
            fee=money(fill.fee),
            start_position=grid.signed_sz(fill.start_position),
            crossed=fill.crossed,
            snapshot=snapshot,
        )

    events = _each(elements, convert, "userFills", ts)
    return _oldest_first(events) if snapshot else events


def fundings(universe: Universe, elements: Sequence[msgspec.Raw], ts: Ns, *, snapshot: bool) -> list[AnyEvent]:
    """Funding payments to `FundingPaid`. Raises: nothing."""

    def convert(element: msgspec.Raw) -> FundingPaid:
        paid = _FUNDING.decode(element)
        coin = universe.grid(paid.coin).instrument.coin
        return FundingPaid(ts=ts, venue_ts=Ms(paid.time), coin=coin, amount=money(paid.usdc), snapshot=snapshot)

    return _each(elements, convert, "userFundings", ts)


def _levels(grid: Grid, levels: list[wire.LevelWire], better: Callable[[Px, Px], bool]) -> tuple[Level, ...]:
    """One side of a book. Raises: ValueError unless each price is strictly better than the next."""
    px, sz = grid.px, grid.sz
    pxs = [px[level.px] for level in levels]
    if not all(map(better, pxs, pxs[1:])):
        message = "book levels out of order"
        raise ValueError(message)
    return tuple(map(Level, pxs, [sz[level.sz] for level in levels]))


def _each(
    elements: Sequence[msgspec.Raw], convert: Callable[[msgspec.Raw], AnyEvent | None], channel: str, ts: Ns
) -> list[AnyEvent]:
    """Convert what can be converted; one quarantine event names the first failure and counts the rest."""
    events: list[AnyEvent] = []
    failures: list[tuple[str, msgspec.Raw]] = []
    for element in elements:
        try:
            event = convert(element)
        except wire.DecodeErrors as error:
            failures.append((str(error), element))
        else:
            if event is not None:
                events.append(event)
    if failures:
        why, element = failures[0]
        why = f"{len(failures)} of {len(elements)} elements: {why}"[: wire.TEXT_KEPT]
        events.append(FrameQuarantined(ts=ts, channel=channel, why=why, text=wire.clip(element)))
    return events


def _oldest_first(events: list[AnyEvent]) -> list[AnyEvent]:
    """Snapshots come newest first; a stable sort of the reversed list keeps the order within one block."""
    ordered = events[::-1]
    ordered.sort(key=lambda event: event.venue_ts if isinstance(event, OrderFilled) else 0)
    return ordered
