"""I/O. Serves a `Gateway` over loopback HTTP and WebSocket; the only clock of the simulator: wall clock x speed.

`serve` runs inside any asyncio program. `spawn` starts the server in a process of its own, so that its work does not
show up as the engine's latency; the child ends with its parent (its standard input closes).
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Final

import msgspec
import uvicorn
from pydantic import TypeAdapter
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from typing_extensions import override

from hlmm.sim.accounts import TestAccount
from hlmm.sim.admin import Admin
from hlmm.sim.carrier import Venue
from hlmm.sim.config import AnySimConfig, PaperConfig
from hlmm.sim.faulty import FaultyGateway
from hlmm.sim.feedsource import FeedSource
from hlmm.sim.frames import TapeError
from hlmm.sim.gateway import Gateway, HttpAnswer, Output, SendFrame
from hlmm.sim.world import UnlistedCoinError, build_paper_world, build_world
from hlmm.types import NS_PER_MS, NS_PER_S, Ns

FRAMES_WAITING_MAX: Final = 20_000
SPAWN_TIMEOUT_S: Final = 60.0
UNUSABLE: Final = 3
"""Exit code for settings that no market can be made of."""
UNREACHABLE: Final = 5
"""Exit code for an exchange that is not there."""
STOP_TIMEOUT_S: Final = 5.0
NAP_MAX_S: Final = 0.2
READ_BYTES: Final = 4_096
SERVER_ERROR: Final = 500
CONFIG: Final[TypeAdapter[AnySimConfig]] = TypeAdapter(AnySimConfig)


class Ready(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The first line of `hlmm sim --json`: where to connect, funded accounts with keys; `admin_url` when asked."""

    rest_url: str
    ws_url: str
    accounts: tuple[TestAccount, ...]
    admin_url: str = ""


class Doors(msgspec.Struct, frozen=True, kw_only=True):
    """Where to listen. Port 0 takes a free one; `admin_port` None leaves the fault plan without a door."""

    host: str
    port: int
    admin_port: int | None = None


class SpawnError(RuntimeError):
    """The simulator process did not come up. It said why on standard error.

    `exit_code`: the process's own when its settings are unusable (3), else 5, the venue cannot be reached.
    """

    def __init__(self, exit_code: int | None) -> None:
        """Args: exit_code, of the process; None when it had to be killed."""
        super().__init__(f"the simulator did not start (exit code {exit_code}); its own words stand above")
        self.exit_code = UNUSABLE if exit_code == UNUSABLE else UNREACHABLE


class _Server(uvicorn.Server):
    """Uvicorn that leaves signals to its caller and says when it listens."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._started = started

    @contextmanager
    @override
    def capture_signals(self) -> Iterator[None]:
        yield

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._started()


class _Client:
    """One WebSocket's outgoing frames."""

    def __init__(self) -> None:
        self.frames: asyncio.Queue[bytes | None] = asyncio.Queue(FRAMES_WAITING_MAX)

    def put(self, frame: bytes | None) -> None:
        """Queue a frame (None closes); a client that reads too slowly is dropped."""
        try:
            self.frames.put_nowait(frame)
        except asyncio.QueueFull:
            while not self.frames.empty():
                self.frames.get_nowait()
            self.frames.put_nowait(None)


class _Front:
    """Joins Starlette to the gateway: numbers requests and connections, keeps the venue's clock."""

    def __init__(self, gateway: Venue, speed: float) -> None:
        self.gateway = gateway
        self._speed = speed
        self._origin = time.monotonic_ns()
        self._requests: dict[int, asyncio.Future[HttpAnswer]] = {}
        self._clients: dict[int, _Client] = {}
        self._numbers = itertools.count(1)
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Let the pump look again: something may be due earlier."""
        self._wake.set()

    def now(self) -> Ns:
        """Venue time."""
        return Ns(self.gateway.start + int((time.monotonic_ns() - self._origin) * self._speed))

    async def pump(self) -> None:
        """Advance the venue for ever, sleeping until something is due."""
        while True:
            self.deliver(self.gateway.advance(self.now()))
            self._wake.clear()
            wait_s = (self.gateway.next_due() - self.now()) / NS_PER_S / self._speed
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), min(max(wait_s, 0.0), NAP_MAX_S))

    def deliver(self, outputs: Iterable[Output]) -> None:
        """Hand outputs to the waiting requests and connections."""
        for output in outputs:
            if isinstance(output, HttpAnswer):
                future = self._requests.pop(output.request_id, None)
                if future is not None and not future.done():
                    future.set_result(output)
                continue
            client = self._clients.get(output.conn)
            if client is not None:
                client.put(output.frame if isinstance(output, SendFrame) else None)

    async def post(self, request: Request) -> Response:
        """One HTTP request, answered when the venue answers."""
        body, number = await request.body(), next(self._numbers)
        future = self._requests[number] = asyncio.get_running_loop().create_future()
        kind = request.headers.get("content-type", "")
        self.deliver(self.gateway.http(number, request.url.path, body, self.now(), kind))
        self._wake.set()
        answer = await future
        headers = {"access-control-allow-origin": "*", "vary": "origin", "content-type": answer.content_type}
        return Response(answer.body, answer.status, headers)

    async def websocket(self, websocket: WebSocket) -> None:
        """One WebSocket connection."""
        while isinstance(self.gateway, FaultyGateway) and not self.gateway.shakes_hands():  # noqa: ASYNC110
            await asyncio.sleep(NAP_MAX_S)  # its end is a time of the plan, nobody's event
        await websocket.accept()
        number, client = next(self._numbers), _Client()
        self._clients[number] = client
        self.deliver(self.gateway.open(number, self.now()))
        writer = asyncio.create_task(_write(websocket, client))
        try:
            while (frame := await _read(websocket)) is not None:
                self.deliver(self.gateway.receive(number, frame, self.now()))
                self._wake.set()
        finally:
            writer.cancel()
            self.gateway.close(number)
            del self._clients[number]


async def _read(websocket: WebSocket) -> bytes | str | None:
    """The next text or binary message; None when the client is gone."""
    message = await websocket.receive()
    if message["type"] != "websocket.receive":
        return None
    text: str | None = message.get("text")
    data: bytes | None = message.get("bytes")
    return text if text is not None else data or b""


async def _write(websocket: WebSocket, client: _Client) -> None:
    """Write queued frames until the venue closes or the client goes."""
    with suppress(WebSocketDisconnect, RuntimeError, OSError):
        while (frame := await client.frames.get()) is not None:
            await websocket.send_text(frame.decode())
        await websocket.close()


async def _bare(request: Request, error: Exception) -> Response:
    """A wrong path or method gets a status and no body, as from the venue."""
    del request
    return Response(status_code=error.status_code if isinstance(error, HTTPException) else SERVER_ERROR)


def _listener(doors: Doors, port: int) -> socket.socket:
    """A listening socket. Raises: OSError when the port is taken."""
    family = socket.AF_INET6 if ":" in doors.host else socket.AF_INET
    return socket.create_server((doors.host, port), family=family, backlog=256)


def _base(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@asynccontextmanager
async def _administered(front: _Front, doors: Doors) -> AsyncIterator[str]:
    """Serve the fault plan beside the venue, if asked to. Gives its URL, or "". Raises: OSError."""
    gateway = front.gateway
    if doors.admin_port is None or not isinstance(gateway, FaultyGateway):
        yield ""
        return
    with _listener(doors, doors.admin_port) as listener:
        app = Admin(gateway, front.now, front.wake).app()
        settings = uvicorn.Config(app, log_level="error", access_log=False, lifespan="off", timeout_graceful_shutdown=1)
        server = _Server(settings, lambda: None)
        serving = asyncio.create_task(server.serve([listener]))
        try:
            yield f"http://{_base(listener)}"
        finally:
            server.should_exit = True
            await serving


async def serve(
    gateway: Venue, doors: Doors, speed: float, on_ready: Callable[[Ready], None], stop: asyncio.Event
) -> None:
    """Serve until `stop` is set. Args: speed, venue seconds per second; on_ready, called once.

    Raises: OSError when a port is taken.
    """
    front = _Front(gateway, speed)
    with _listener(doors, doors.port) as listener:
        async with _administered(front, doors) as admin_url:
            await _serve(front, listener, admin_url, on_ready, stop)


async def _serve(
    front: _Front, listener: socket.socket, admin_url: str, on_ready: Callable[[Ready], None], stop: asyncio.Event
) -> None:
    """Serve on a socket that listens, until `stop` is set."""
    base, accounts = _base(listener), front.gateway.accounts
    ready = Ready(rest_url=f"http://{base}", ws_url=f"ws://{base}/ws", accounts=accounts, admin_url=admin_url)
    routes = [
        Route("/info", front.post, methods=["POST"]),
        Route("/exchange", front.post, methods=["POST"]),
        WebSocketRoute("/ws", front.websocket),
    ]
    settings = uvicorn.Config(
        Starlette(routes=routes, exception_handlers={404: _bare, 405: _bare}), log_level="error", access_log=False,
        lifespan="off", ws_per_message_deflate=False, ws_ping_interval=None, timeout_graceful_shutdown=1,
        server_header=False, date_header=False,
    )  # fmt: skip
    server = _Server(settings, lambda: on_ready(ready))
    pump, serving = asyncio.create_task(front.pump()), asyncio.create_task(server.serve([listener]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({pump, serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    await serving
    stopping.cancel()
    if pump.done():
        pump.result()
    pump.cancel()


@asynccontextmanager
async def open_world(config: AnySimConfig, broken: Callable[[], None]) -> AsyncIterator[Gateway]:
    """The venue for a live clock: it opens now.

    Args: broken, called when its market can move no more because of a bug.
    Raises: UnlistedCoinError, TapeError, FeedUnreachableError.
    """
    if isinstance(config, PaperConfig):
        async with FeedSource(config.market).opened(broken) as markets:
            yield build_paper_world(config, config.seed, time.time_ns() // NS_PER_MS, markets)
    else:
        yield build_world(config, config.seed, time.time_ns() // NS_PER_MS)


def run(
    config: AnySimConfig,
    announce: Callable[[Ready], None],
    *,
    lifeline: int | None = None,
    admin_port: int | None = None,
) -> None:
    """Build the venue and serve it until SIGINT or SIGTERM.

    Args: announce, called once it listens; lifeline, a pipe's descriptor whose end also stops the server; admin_port,
    where the fault plan may be changed (0: a free port), None: nowhere.
    Raises: UnlistedCoinError, TapeError, OSError.
    """
    asyncio.run(_main(config, announce, lifeline, admin_port))


async def _main(
    config: AnySimConfig, announce: Callable[[Ready], None], lifeline: int | None, admin_port: int | None
) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    if lifeline is not None:
        loop.add_reader(lifeline, _drain, lifeline, ended)
    doors = Doors(host=config.host, port=config.port, admin_port=admin_port)
    async with open_world(config, ended.set) as world:
        gc.collect()
        gc.freeze()
        sound = admin_port is None and not config.faults
        gateway = world if sound else FaultyGateway(world, config.faults, config.seed)
        await serve(gateway, doors, config.speed, announce, ended)


def _drain(descriptor: int, ended: asyncio.Event) -> None:
    """Read and forget; the pipe's end means that the parent is gone."""
    if not os.read(descriptor, READ_BYTES):
        asyncio.get_running_loop().remove_reader(descriptor)
        ended.set()


def spawn(config: AnySimConfig) -> tuple[subprocess.Popen[bytes], Ready]:
    """Start a simulator in its own process and wait until it listens. It ends when this process does.

    Returns: the process (stop it with `stop_spawned`) and where to connect. Raises: SpawnError.
    """
    command = [sys.executable, "-m", "hlmm.sim.server"]
    process = subprocess.Popen(  # noqa: S603 - our own module
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C goes to the whole foreground group: the venue must outlive the engine's stop
    )
    assert process.stdin is not None, command
    assert process.stdout is not None, command
    watchdog = threading.Timer(SPAWN_TIMEOUT_S, process.kill)
    watchdog.start()
    try:
        process.stdin.write(config.model_dump_json().encode() + b"\n")
        process.stdin.flush()
        line = process.stdout.readline()
        return process, msgspec.json.decode(line, type=Ready)
    except (OSError, msgspec.DecodeError) as error:
        stop_spawned(process)
        raise SpawnError(process.returncode) from error
    finally:
        watchdog.cancel()


def stop_spawned(process: subprocess.Popen[bytes]) -> None:
    """Stop a spawned simulator and wait for it; kill it after 5 s."""
    if process.stdin is not None:
        with suppress(BrokenPipeError):
            process.stdin.close()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _announce(ready: Ready) -> None:
    sys.stdout.write(msgspec.json.encode(ready).decode() + "\n")
    sys.stdout.flush()


def _child() -> None:
    """Entry of the spawned process: configuration on standard input, which closes when the parent ends."""
    config = CONFIG.validate_json(sys.stdin.buffer.readline())
    try:
        run(config, _announce, lifeline=sys.stdin.fileno())
    except (TapeError, UnlistedCoinError, OSError) as error:
        sys.stderr.write(f"✗ {error}\n")
        sys.exit(UNREACHABLE if isinstance(error, OSError) else UNUSABLE)


if __name__ == "__main__":
    _child()
