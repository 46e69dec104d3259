"""One engine joined to one venue session: event in, journal ahead, bytes out. Live and virtual loops both drive it.

The order is the promise: the event is journalled before the engine sees it, and the engine's commands before any of
their bytes exist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from hlmm.core.commands import Alarm, AnyCommand, Decision, Resubscribe
from hlmm.shell.journal import Tally, command_payload, event_payload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hlmm.core.engine import Engine
    from hlmm.core.events import AnyEvent
    from hlmm.hyperliquid.inflight import Outbox
    from hlmm.hyperliquid.session import Session
    from hlmm.types import Ns

LOCAL: Final = (Decision, Alarm, Resubscribe)


class Recorder(Protocol):
    """Where events and commands are kept: `journal.Journal` or a `HashOnly`."""

    tally: Tally

    def event(self, event: AnyEvent) -> None:
        """Keep one event."""

    def commands(self, commands: Sequence[AnyCommand]) -> None:
        """Keep the answer to the last event."""


class HashOnly:
    """A recorder that keeps only counts and the hash."""

    def __init__(self) -> None:
        self.tally = Tally()

    def event(self, event: AnyEvent) -> None:
        """Fold one event."""
        self.tally.event(event_payload(event))

    def commands(self, commands: Sequence[AnyCommand]) -> None:
        """Fold commands."""
        for command in commands:
            self.tally.command(command_payload(command))


class Node:
    """Engine, session and recorder. `on_local` is told what does not go to the venue, after it is journalled."""

    def __init__(
        self, engine: Engine, session: Session, recorder: Recorder, on_local: Callable[[AnyCommand], None]
    ) -> None:
        self.engine = engine
        self.session = session
        self.recorder = recorder
        self._on_local = on_local

    def feed(self, event: AnyEvent, now: Ns) -> Outbox | None:
        """Take one event through the engine. Args: now >= event.ts. Returns: what to send, None when nothing."""
        self.recorder.event(event)
        commands = self.engine.on(event)
        if not commands:
            return None
        self.recorder.commands(commands)
        outward: list[AnyCommand] = []
        for command in commands:
            if isinstance(command, LOCAL):
                self._on_local(command)
            else:
                outward.append(command)
        return self.session.submit(outward, now) if outward else None
