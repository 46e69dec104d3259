"""The live loop: sockets, timers and signals around one engine. Nothing here waits for the venue's answer.

Reader: everything readable is decoded into the inbox before the engine runs. Engine: drains the inbox, journal ahead
of every step, frames to the connection's queue. Writer: the queue to the socket. Requests that go by HTTP are tasks of
their own. A stop is an event like any other; the loop ends when the engine says the venue confirmed it, or at the
deadline.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import random
import signal
from collections import deque
from typing import TYPE_CHECKING, ClassVar, Final, Protocol, TypeVar

import msgspec

from hlmm.core.commands import AnyCommand, Resubscribe
from hlmm.core.events import HaltRequested, StopRequested, Tick
from hlmm.core.view import EngineView, Phase
from hlmm.hyperliquid.rest import RestFailedError
from hlmm.hyperliquid.socket import SocketClosedError
from hlmm.shell.exits import Exit
from hlmm.shell.inbox import Inbox
from hlmm.shell.node import Node

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from hlmm.core.events import AnyEvent
    from hlmm.hyperliquid.inflight import Outbox, Request
    from hlmm.hyperliquid.socket import Socket
    from hlmm.shell.clock import WallClock
    from hlmm.shell.journal import Journal
    from hlmm.shell.settings import RunConfig

FRAMES_WAITING_MAX: Final = 2_000
PUBLISH_S: Final = 0.25
JITTER: Final = 0.5
GC_THRESHOLD: Final = 50_000
GC_IDLE_S: Final = 5.0
STEPS_BEFORE_YIELD: Final = 200
Result = TypeVar("Result")
ENDED: Final = (Phase.STOPPED, Phase.HALTED)


class VenueUnreachableError(Exception):
    """No session could be opened within `run.first_connect_deadline_s`; the message holds the last cause."""

    exit_code: ClassVar[int] = Exit.VENUE


def _reraise(group: ExceptionGroup[Exception]) -> None:
    """Whatever ended the loop beside its own way out; an unreachable venue without its wrapping."""
    unreachable = group.subgroup(VenueUnreachableError)
    if unreachable is not None:
        raise VenueUnreachableError(str(unreachable.exceptions[0])) from None
    bugs = group.split(_EndedError)[1]
    if bugs is not None:
        raise bugs


class Venue(Protocol):
    """How the loop reaches a venue."""

    async def connect(self, timeout_s: float) -> Socket:
        """Open a WebSocket. Raises: SocketClosedError."""

    async def post(self, request: Request) -> tuple[int, bytes]:
        """POST one request; status and body. Raises: RestFailedError."""


class _EndedError(Exception):
    """The loop's own way out of its task group."""


class Limit(msgspec.Struct, frozen=True):
    """Stop after so many real seconds, giving this reason."""

    after_s: float
    reason: str


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How the loop ended. `confirmed`: the engine has the venue's word that none of its orders rests."""

    reason: str
    confirmed: bool
    signals: tuple[int, ...]


class Observer(Protocol):
    """Who watches. Called inside the loop: must return at once and never raise."""

    def view(self, view: EngineView) -> None:
        """The engine, four times a second."""

    def local(self, command: AnyCommand) -> None:
        """A decision or an alarm."""

    def note(self, text: str) -> None:
        """What the shell itself has to say."""


class LiveParts(msgspec.Struct, frozen=True, kw_only=True):
    """What one live loop is made of. `nonce_used` is told the session's nonce floor before frames leave."""

    node: Node
    journal: Journal
    clock: WallClock
    venue: Venue
    config: RunConfig
    tick_ms: int
    observer: Observer
    nonce_used: Callable[[int], None]


class LiveLoop:
    """One run of one engine. Create it inside the running event loop."""

    def __init__(self, parts: LiveParts) -> None:
        config = parts.config
        self._parts = parts
        self._node = parts.node
        self._clock = parts.clock
        self.inbox = Inbox(private_max=config.inbox_private_max, public_max=config.inbox_public_max)
        self._wake = asyncio.Event()
        self._done = asyncio.Event()
        self._connection: Socket | None = None
        self._frames: deque[bytes] = deque()
        self._frames_wake = asyncio.Event()
        self._tasks = asyncio.TaskGroup()
        self._reason = ""
        self._signals: list[int] = []
        self._ever_connected = False

    # ---- outside ----

    def stop(self, reason: str) -> None:
        """Begin the orderly stop; only the first reason counts."""
        self._begin_stop(reason, StopRequested(ts=self._clock.now(), reason=reason))

    def halt(self, reason: str) -> None:
        """Begin the orderly stop because the account is halted; a stop under way goes on as it is."""
        self._begin_stop(f"halted: {reason}", HaltRequested(ts=self._clock.now(), reason=reason))

    def _begin_stop(self, reason: str, event: StopRequested | HaltRequested) -> None:
        if not self._reason:
            self._reason = reason
            self._parts.observer.note(f"stopping: {reason}")
            self._push([event])
            asyncio.get_running_loop().call_later(self._parts.config.stop_deadline_s, self._done.set)

    def on_signal(self, number: int) -> None:
        """First signal: stop. Any later one changes nothing but says where the stop is."""
        self._signals.append(number)
        if self._reason:
            view = self._node.engine.view()
            self._parts.observer.note(
                f"still stopping ({self._reason}): {view.live_orders} orders live, {view.unknown_orders} unknown; "
                "cancelling is never skipped"
            )
        self.stop(signal.Signals(number).name)

    async def run(self, limits: Sequence[Limit]) -> Ending:
        """Run until stopped, then until the stop is confirmed or its deadline passes.

        Args: limits, when to stop by itself, and in which words.
        Raises: VenueUnreachableError; whatever a bug in any part raises, as an ExceptionGroup.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.on_signal, number)
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD)
        for limit in limits:
            loop.call_later(limit.after_s, self.stop, limit.reason)
        try:
            async with self._tasks as tasks:
                for part in (self._connect_forever, self._drain_forever, self._tick_forever, self._keep_house):
                    tasks.create_task(part())
                tasks.create_task(self._end())
        except ExceptionGroup as group:
            _reraise(group)
        return Ending(
            reason=self._reason,
            confirmed=self._node.engine.phase in ENDED,
            signals=tuple(self._signals),
        )

    async def _end(self) -> None:
        """Ends the task group, and with it every task of this loop."""
        await self._done.wait()
        raise _EndedError

    # ---- engine ----

    async def _drain_forever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            steps = 0
            while (event := self.inbox.pop()) is not None:
                outbox = self._node.feed(event, self._clock.now())
                if outbox is not None:
                    self._send(outbox)
                steps += 1
                if steps % STEPS_BEFORE_YIELD == 0:
                    await asyncio.sleep(0)
            self._follow_phase()

    def _follow_phase(self) -> None:
        match self._node.engine.phase:
            case Phase.STOPPED | Phase.HALTED:
                self._done.set()
            case Phase.STOPPING:
                self.stop(f"halted: {self._node.engine.halt_reason}")
            case Phase.STARTING | Phase.TRADING:
                pass

    def _push(self, events: Sequence[AnyEvent]) -> None:
        for event in events:
            self.inbox.push(event)
        if events:
            self._wake.set()

    def local(self, command: AnyCommand) -> None:
        """Take a command that is not for the venue; wired as the node's `on_local`."""
        if isinstance(command, Resubscribe):
            self._parts.observer.note(f"reconnecting: {command.why}")
            self._drop_connection()
        else:
            self._parts.observer.local(command)

    async def _tick_forever(self) -> None:
        loop = asyncio.get_running_loop()
        period_s = self._clock.real_s(self._parts.tick_ms / 1_000)
        due = loop.time()
        while True:
            now = self._clock.now()
            outbox, events = self._node.session.tick(now)
            self._send(outbox)
            self._push([*events, Tick(ts=now)])
            due = max(due + period_s, loop.time())
            await asyncio.sleep(due - loop.time())

    async def _keep_house(self) -> None:
        """Group fsync, published views, and the collector in quiet moments."""
        loop = asyncio.get_running_loop()
        sync_s = self._parts.config.journal_fsync_ms / 1_000
        next_view = next_collect = loop.time()
        while True:
            await asyncio.sleep(min(sync_s, PUBLISH_S))
            await loop.run_in_executor(None, self._parts.journal.sync)
            if loop.time() >= next_view:
                next_view = loop.time() + PUBLISH_S
                self._parts.observer.view(self._node.engine.view())
            if loop.time() >= next_collect and not self.inbox:
                next_collect = loop.time() + GC_IDLE_S
                gc.collect(1)

    # ---- wire ----

    def _send(self, outbox: Outbox) -> None:
        if outbox.frames or outbox.requests:
            self._parts.nonce_used(self._node.session.nonce_floor)
        if outbox.frames:
            self._frames.extend(outbox.frames)
            self._frames_wake.set()
            if len(self._frames) > FRAMES_WAITING_MAX:
                self._drop_connection()
        for request in outbox.requests:
            self._tasks.create_task(self._post(request))
        if outbox.reconnect:
            self._parts.observer.note(f"reconnecting: {outbox.reconnect}")
            self._drop_connection()

    async def _post(self, request: Request) -> None:
        session = self._node.session
        try:
            status, body = await self._parts.venue.post(request)
        except RestFailedError as error:
            self._push(session.failed(request.id, sent=error.sent, why=error.why, ts=self._clock.now()))
        else:
            outbox, events = session.answered(request.id, status, body, self._clock.now())
            self._send(outbox)
            self._push(events)

    def _drop_connection(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            self._tasks.create_task(connection.close())

    async def _connect_forever(self) -> None:
        config = self._parts.config
        loop = asyncio.get_running_loop()
        started = loop.time()
        delay_s = config.reconnect_min_s
        while True:
            opened = loop.time()
            try:
                connection = await self._parts.venue.connect(config.connect_timeout_s)
            except SocketClosedError as error:
                why = str(error)
                if not self._ever_connected and loop.time() - started > config.first_connect_deadline_s:
                    raise VenueUnreachableError(why) from error
            else:
                self._ever_connected = True
                why = await self._converse(connection)
                if loop.time() - opened > config.reconnect_max_s:
                    delay_s = config.reconnect_min_s
            self._parts.observer.note(f"no connection ({why}); next try in about {delay_s:.2f} s")
            await asyncio.sleep(delay_s * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 - jitter, not a secret
            delay_s = min(2 * delay_s, config.reconnect_max_s)

    async def _converse(self, connection: Socket) -> str:
        """One connection from open to closed. Returns: why it ended."""
        self._connection = connection
        self._frames.clear()
        self._send(self._node.session.connected(self._clock.now()))
        writer = asyncio.get_running_loop().create_task(self._write_forever(connection))
        try:
            why = await self._read_until_closed(connection)
        finally:
            self._connection = None
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writer
            await connection.close()
        self._frames.clear()
        self._push(self._node.session.disconnected(self._clock.now(), why))
        return why

    async def _read_until_closed(self, connection: Socket) -> str:
        session, clock = self._node.session, self._clock
        try:
            while True:
                frame = await connection.recv()
                outbox, events = session.receive(frame, clock.now())
                self._send(outbox)
                self._push(events)
        except SocketClosedError as error:
            return str(error)

    async def _write_forever(self, connection: Socket) -> None:
        while True:
            await self._frames_wake.wait()
            self._frames_wake.clear()
            while self._frames:
                frame = self._frames.popleft()
                try:
                    await connection.send(frame)
                except SocketClosedError:
                    return


def run_fast(main: Coroutine[object, None, Result]) -> Result:
    """Run a coroutine to its end on uvloop where there is one (not on Windows), else on asyncio."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(main)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        uvloop = importlib.import_module("uvloop")
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
