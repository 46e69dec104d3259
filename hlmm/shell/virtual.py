"""The virtual-time loop: engine and session, a seeded network, and the simulated venue, with no clock and no socket.

The same bytes pass both ways as over real sockets. Time jumps from one due thing to the next; equal times run in the
order they were scheduled. From one seed and one configuration the whole run, every byte of it, is always the same.
"""

from __future__ import annotations

import heapq
import random
from functools import partial
from typing import TYPE_CHECKING, Final, assert_never

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from hlmm.core.commands import AnyCommand, Resubscribe
from hlmm.core.events import StopRequested, Tick
from hlmm.core.view import Phase
from hlmm.hyperliquid.endpoints import EXCHANGE_PATH, INFO_PATH
from hlmm.shell.node import HashOnly, Node, Recorder
from hlmm.sim.gateway import CloseConn, HttpAnswer, SendFrame
from hlmm.types import NS_PER_MS, NS_PER_S, Ns

if TYPE_CHECKING:
    from collections.abc import Callable

    from hlmm.core.engine import Engine
    from hlmm.core.events import AnyEvent
    from hlmm.core.view import EngineView
    from hlmm.hyperliquid.inflight import Outbox, Request
    from hlmm.hyperliquid.session import Session
    from hlmm.sim.carrier import Venue
    from hlmm.sim.gateway import Output

RECONNECT_NS: Final = Ns(1 * NS_PER_S)
STOP_DEADLINE_NS: Final = Ns(30 * NS_PER_S)
ASKING: Final = -1
"""Request id of questions from beside the engine."""
JITTER: Final = 0.5
ENDED: Final = (Phase.STOPPED, Phase.HALTED)


class NetworkConfig(BaseModel):
    """The wire between engine and venue in virtual time; the venue's own delays are the simulator's."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    up_ms: float = Field(default=1.0, ge=0.0, le=10_000.0, description="mean one-way delay to the venue, ms")
    down_ms: float = Field(default=1.0, ge=0.0, le=10_000.0, description="mean one-way delay from the venue, ms")
    seed: int = Field(default=1, ge=0, le=2**63 - 1, description="seed of the delays")


class VirtualResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a run came to. `stopped` says the venue confirmed that nothing of ours rests. Times: virtual, ns."""

    events: int
    commands: int
    decisions_hash: str
    view: EngineView
    stopped: bool
    halt_reason: str
    started: Ns
    ended: Ns


class _Line:
    """One direction of a connection: seeded delays, first in first out."""

    def __init__(self, mean_ms: float, seed: str) -> None:
        self._mean_ns = mean_ms * NS_PER_MS
        self._random = random.Random(seed)  # noqa: S311 - simulated delays, nothing secret
        self._last = Ns(0)

    def arrival(self, now: Ns) -> Ns:
        """When something sent now arrives."""
        delay = int(self._mean_ns * self._random.uniform(1 - JITTER, 1 + JITTER))
        self._last = Ns(max(self._last, now + delay))
        return self._last


class VirtualParts(msgspec.Struct, frozen=True, kw_only=True):
    """What one virtual run is made of. `start` is the venue's first instant, ns."""

    engine: Engine
    session: Session
    gateway: Venue
    network: NetworkConfig
    start: Ns
    tick_ms: int
    recorder: Recorder = msgspec.field(default_factory=HashOnly)


class VirtualRun:
    """One run. `advance` moves it; `finish` stops it in order and reports."""

    def __init__(self, parts: VirtualParts) -> None:
        network = parts.network
        self._gateway = parts.gateway
        self._node = Node(parts.engine, parts.session, parts.recorder, self._local)
        self._up = _Line(network.up_ms, f"up {network.seed}")
        self._down = _Line(network.down_ms, f"down {network.seed}")
        self._tick_ns = parts.tick_ms * NS_PER_MS
        self._heap: list[tuple[Ns, int, Callable[[], None]]] = []
        self._sequence = 0
        self._connection = 0
        self._open = False
        self.started = parts.start
        self.now = parts.start
        self._at(self.now, self._connect)
        self._at(Ns(self.now + self._tick_ns), self._tick)

    def advance(self, until: Ns) -> None:
        """Run everything due up to and including `until`. Raises: AssertionError on a bug in any part."""
        while self._node.engine.phase not in ENDED:
            due_here = self._heap[0][0]
            due_there = self._gateway.next_due()
            if min(due_here, due_there) > until:
                self.now = until
                return
            if due_there <= due_here:
                self.now = Ns(max(self.now, due_there))
                self._deliver(self._gateway.advance(self.now))
            else:
                self.now, _, action = heapq.heappop(self._heap)
                action()

    def finish(self, reason: str) -> VirtualResult:
        """Ask for an orderly stop, run until the venue confirmed it or 30 virtual seconds passed, and report."""
        ended = self.now
        self.now = Ns(self.now + 1)
        self._feed([StopRequested(ts=self.now, reason=reason)])
        self.advance(Ns(self.now + STOP_DEADLINE_NS))
        tally = self._node.recorder.tally
        return VirtualResult(
            events=tally.events,
            commands=tally.commands,
            decisions_hash=tally.decisions_hash,
            view=self._node.engine.view(),
            halt_reason=self._node.engine.halt_reason,
            stopped=self._node.engine.phase in ENDED,
            started=self.started,
            ended=ended,
        )

    @property
    def is_over(self) -> bool:
        """Whether the engine has stopped or halted, confirmed by the venue."""
        return self._node.engine.phase in ENDED

    def ask(self, body: bytes) -> tuple[int, bytes]:
        """POST to the venue's `/info` from beside the engine, and let time pass until the answer.

        Returns: status and body. Raises: nothing; a venue that never answers asserts.
        """
        outputs = self._gateway.http(ASKING, INFO_PATH, body, self.now)
        while not any(isinstance(output, HttpAnswer) for output in outputs):
            self.now = self._gateway.next_due()
            outputs = self._gateway.advance(self.now)
        answer = next(output for output in outputs if isinstance(output, HttpAnswer))
        assert answer.request_id == ASKING, "the engine still waits for an answer"
        return answer.status, answer.body

    def _at(self, due: Ns, action: Callable[[], None]) -> None:
        self._sequence += 1
        heapq.heappush(self._heap, (due, self._sequence, action))

    # ---- our side ----

    def _connect(self) -> None:
        self._connection += 1
        self._open = True
        self._deliver(self._gateway.open(self._connection, self.now))
        self._send(self._node.session.connected(self.now))

    def _disconnect(self, why: str) -> None:
        if self._open:
            self._open = False
            self._feed(self._node.session.disconnected(self.now, why))
            self._at(Ns(self.now + RECONNECT_NS), self._connect)

    def _tick(self) -> None:
        outbox, events = self._node.session.tick(self.now)
        self._send(outbox)
        self._feed([*events, Tick(ts=self.now)])
        self._at(Ns(self.now + self._tick_ns), self._tick)

    def _arrived(self, connection: int, frame: bytes) -> None:
        if connection == self._connection and self._open:
            outbox, events = self._node.session.receive(frame, self.now)
            self._send(outbox)
            self._feed(events)

    def _answered(self, answer: HttpAnswer) -> None:
        outbox, events = self._node.session.answered(answer.request_id, answer.status, answer.body, self.now)
        self._send(outbox)
        self._feed(events)

    def _feed(self, events: list[AnyEvent]) -> None:
        for event in events:
            outbox = self._node.feed(event, self.now)
            if outbox is not None:
                self._send(outbox)

    def _local(self, command: AnyCommand) -> None:
        if isinstance(command, Resubscribe):
            self._at(self.now, partial(self._drop, command.why))

    def _drop(self, why: str) -> None:
        if self._open:
            self._gateway.close(self._connection)
            self._disconnect(why)

    # ---- the wire ----

    def _send(self, outbox: Outbox) -> None:
        for frame in outbox.frames:
            self._at(self._up.arrival(self.now), partial(self._reach, self._connection, frame))
        for request in outbox.requests:
            self._at(self._up.arrival(self.now), partial(self._post, request))
        if outbox.reconnect:
            self._at(self.now, partial(self._drop, outbox.reconnect))

    def _reach(self, connection: int, frame: bytes) -> None:
        if connection == self._connection and self._open:
            self._deliver(self._gateway.receive(connection, frame, self.now))

    def _post(self, request: Request) -> None:
        path = INFO_PATH if request.kind == "info" else EXCHANGE_PATH
        self._deliver(self._gateway.http(request.id, path, request.body, self.now))

    def _deliver(self, outputs: list[Output]) -> None:
        for output in outputs:
            due = self._down.arrival(self.now)
            match output:
                case SendFrame():
                    self._at(due, partial(self._arrived, output.conn, output.frame))
                case HttpAnswer():
                    self._at(due, partial(self._answered, output))
                case CloseConn():
                    self._at(due, partial(self._closed, output.conn))
                case _:
                    assert_never(output)

    def _closed(self, connection: int) -> None:
        if connection == self._connection:
            self._disconnect("closed by the venue")
