"""The inbox between sockets and engine: bounded, newest market state per coin, every private event kept.

A market snapshot (`BboChanged`, `BookChanged`, `ContextChanged`) and a `Tick` make their waiting predecessor for the
same coin worthless, so it is replaced and the newer one waits at the end, where its time belongs. Trades are never
merged; when the consumer is so far behind that they hit the limit, new ones are dropped and counted. Everything else
is about our own orders or money: it is never dropped, and reaching its limit is the end of the run.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from hlmm.core.events import AnyEvent, BboChanged, BookChanged, ContextChanged, Tick, TradesPrinted

CONFLATED: Final = (BboChanged, BookChanged, ContextChanged)


class InboxOverflowError(Exception):
    """Private events wait beyond the limit: the engine no longer knows its own orders in time."""


class Inbox:
    """First in, first out, with the exceptions above. Args: limits, counts of waiting events, > 0."""

    def __init__(self, *, private_max: int, public_max: int) -> None:
        self._slots: OrderedDict[object, AnyEvent] = OrderedDict()
        self._private_max = private_max
        self._public_max = public_max
        self._sequence = 0
        self._private = 0
        self._trades = 0
        self.conflated = 0
        self.dropped_trades = 0

    def __len__(self) -> int:
        """Events waiting."""
        return len(self._slots)

    def push(self, event: AnyEvent) -> None:
        """Add one event. Raises: InboxOverflowError when private events reach their limit."""
        if isinstance(event, CONFLATED):
            self._replace((type(event), event.coin), event)
        elif isinstance(event, TradesPrinted):
            self._push_trades(event)
        elif isinstance(event, Tick):
            self._replace(Tick, event)
        else:
            if self._private >= self._private_max:
                message = f"{self._private} private events wait; the limit is run.inbox_private_max"
                raise InboxOverflowError(message)
            self._private += 1
            self._append(event)

    def pop(self) -> AnyEvent | None:
        """The oldest event, or None."""
        if not self._slots:
            return None
        _, event = self._slots.popitem(last=False)
        if isinstance(event, TradesPrinted):
            self._trades -= 1
        elif not isinstance(event, (*CONFLATED, Tick)):
            self._private -= 1
        return event

    def _push_trades(self, event: TradesPrinted) -> None:
        if self._trades >= self._public_max:
            self.dropped_trades += 1
            return
        self._trades += 1
        self._append(event)

    def _append(self, event: AnyEvent) -> None:
        self._sequence += 1
        self._slots[self._sequence] = event

    def _replace(self, key: object, event: AnyEvent) -> None:
        if self._slots.pop(key, None) is not None:
            self.conflated += 1
        self._slots[key] = event
