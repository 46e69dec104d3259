"""Plays of the shell: the live loop in time that only waiting moves, a backtest, a flatten, the doors to venues.

Each takes a whole configuration and returns what was to be seen from outside.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import random
import selectors
import socketserver
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

from typing_extensions import override

from hlmm.config.run_config import RunConfig, to_engine_config
from hlmm.core.commands import AnyCommand
from hlmm.core.engine import Engine
from hlmm.core.events import FeedConnected, TradesPrinted
from hlmm.core.flatten import FlattenScope
from hlmm.core.view import EngineView
from hlmm.hyperliquid.inflight import Request
from hlmm.hyperliquid.rest import RestFailedError
from hlmm.hyperliquid.session import Session
from hlmm.hyperliquid.signing import SecretKeySigner
from hlmm.hyperliquid.socket import Socket, SocketClosedError
from hlmm.shell import emergency
from hlmm.shell.backtest import Backtest, BacktestOrder
from hlmm.shell.clock import WallClock
from hlmm.shell.emergency import Emergency
from hlmm.shell.env import ProdEnv, SimEnv, TestnetEnv
from hlmm.shell.flatten import Flattener, FlattenParts, FlattenTarget
from hlmm.shell.inbox import InboxOverflowError
from hlmm.shell.journal import Header, Journal
from hlmm.shell.live import Limit, LiveLoop, LiveParts, VenueUnreachableError
from hlmm.shell.node import Node
from hlmm.shell.secrets import SecretsError
from hlmm.shell.venues import Access, HttpVenue, VenueRefusedError, open_access, profile, session_profile
from hlmm.sim.server import SpawnError, spawn, stop_spawned
from hlmm.types import NS_PER_S, Coin, Ms, Ns
from tests.support.sops import install
from tests.support.tiny_venue import ACCOUNT, KEY, FakeClock, TinyVenue
from tests.support.ventures import sim_of

Result = TypeVar("Result")
BTC: Final = (Coin("BTC"),)


class _Jumps(selectors.DefaultSelector):
    """Waits for nothing: when nothing is ready, the time is over at once."""

    now = 0.0

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if not found:
            assert timeout is not None, "everything waits, and nothing is due"
            self.now += timeout
        return found


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock moves only by waiting, and whose executor works at once."""

    def __init__(self) -> None:
        self._jumps = _Jumps()
        super().__init__(self._jumps)

    @override
    def time(self) -> float:
        return self._jumps.now

    @override
    def run_in_executor(self, executor: object, func: Callable[..., object], *args: object) -> asyncio.Future[object]:  # type: ignore[override]  # narrower on purpose
        done = self.create_future()
        done.set_result(func(*args))
        return done


def in_jumps(main: Coroutine[object, None, Result]) -> Result:
    """Run on a jumping loop, with seeded jitter, and leave the collector as it was."""
    threshold, state = gc.get_threshold(), random.getstate()
    random.seed(5)
    try:
        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            return runner.run(main)
    finally:
        random.setstate(state)
        gc.unfreeze()
        gc.set_threshold(*threshold)


class _Clock(WallClock):
    """The loop's time."""

    @override
    def now(self) -> Ns:
        return Ns(int(asyncio.get_running_loop().time() * NS_PER_S))


class _Deaf:
    """A connection on which nothing is ever heard."""

    async def recv(self) -> bytes:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(self, frame: bytes) -> None:
        pass

    async def close(self) -> None:
        pass


class _Watch:
    """Watches nothing."""

    def view(self, view: EngineView) -> None:
        pass

    def local(self, command: AnyCommand) -> None:
        pass

    def note(self, text: str) -> None:
        pass


class _Venue:
    """Notes when it is called. It answers a connection after all the time allowed, or never."""

    def __init__(self, log: list[object], *, deaf: bool) -> None:
        self.log = log
        self.deaf = deaf

    async def connect(self, timeout_s: float) -> Socket:
        """Take all the time there is."""
        self.log.append(("connect", asyncio.get_running_loop().time()))
        if self.deaf:
            return _Deaf()
        await asyncio.sleep(timeout_s)
        message = "no answer"
        raise SocketClosedError(message)

    async def post(self, request: Request) -> tuple[int, bytes]:
        """No answer by this way either."""
        await asyncio.Event().wait()
        raise AssertionError(request)


class _Journal(Journal):
    """A journal that notes when it is made durable."""

    def __init__(self, path: Path, header: Header, log: list[object]) -> None:
        self._log = log
        super().__init__(path, header)

    @override
    def sync(self) -> None:
        self._log.append(("fsync", asyncio.get_running_loop().time()))
        super().sync()


def _ignore(_: object) -> None:
    """Nobody listens."""


def _live_parts(run: RunConfig, folder: Path, log: list[object], *, deaf: bool) -> LiveParts:
    engine = to_engine_config(run)
    header = Header(
        run_id="r", run_tag=1, version="0", mode="sim", config_hash="", engine_config=engine.model_dump_json(),
        started_ns=Ns(0),
    )  # fmt: skip
    journal = _Journal(folder / "journal.bin", header, log)
    session = Session(profile(ACCOUNT, SecretKeySigner(KEY), run.run.connection, BTC, batch_max=run.budget.batch_max))
    return LiveParts(
        node=Node(Engine(engine, 1), session, journal, _ignore),
        journal=journal,
        clock=_Clock(start_ns=0),
        venue=_Venue(log, deaf=deaf),
        config=run.run,
        tick_ms=engine.timing.tick_ms,
        observer=_Watch(),
        nonce_used=_ignore,
    )


def _live(run: RunConfig, *, deaf: bool) -> object:
    log: list[object] = []

    async def main(folder: Path) -> None:
        parts = _live_parts(run, folder, log, deaf=deaf)
        try:
            ending = await LiveLoop(parts).run([Limit(3.0, "duration")] if deaf else [])
            log.append((ending.reason, ending.confirmed))
        except VenueUnreachableError as error:
            log.append(type(error).__name__)
        log.append(asyncio.get_running_loop().time())
        parts.journal.close()

    with tempfile.TemporaryDirectory() as folder:
        in_jumps(main(Path(folder)))
    return log


def unreachable(run: RunConfig) -> object:
    """No connection ever: when each is tried, and when the run gives up."""
    return [entry for entry in _seen(_live(run, deaf=False)) if not _is_fsync(entry)]


def deaf(run: RunConfig) -> object:
    """A venue that takes the connection and says nothing; after 3 s the run is to stop, which nobody confirms."""
    return _live(run, deaf=True)


def _seen(log: object) -> list[object]:
    assert isinstance(log, list)
    return log


def _is_fsync(entry: object) -> bool:
    return isinstance(entry, tuple) and entry[0] == "fsync"


def flood(run: RunConfig) -> object:
    """Two hundred private events and two hundred trades at once: how the inbox of the loop takes them."""

    async def main(folder: Path) -> object:
        parts = _live_parts(run, folder, [], deaf=True)
        inbox = LiveLoop(parts).inbox
        parts.journal.close()
        try:
            for _ in range(200):
                inbox.push(TradesPrinted(ts=Ns(0), coin=BTC[0], trades=()))
            for _ in range(200):
                inbox.push(FeedConnected(ts=Ns(0)))
        except InboxOverflowError as error:
            return type(error).__name__
        return inbox.dropped_trades

    with tempfile.TemporaryDirectory() as folder:
        return in_jumps(main(Path(folder)))


def backtest(run: RunConfig) -> object:
    """The folders that a one-second backtest leaves where it is started."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        done = Backtest(
            BacktestOrder(
                engine=to_engine_config(run), shell=run.run, sim=sim_of(run), config_yaml="", config_hash="",
                duration_s=1.0,
            )
        )  # fmt: skip
        deque(done.steps(), maxlen=0)
        done.finish(0.0)
        return sorted(path.name for path in Path(folder).iterdir())


# ---- flatten ----


class _Floor:
    """A nonce floor in memory."""

    def __init__(self, start: Ms) -> None:
        self.start = start

    def used(self, nonce: int) -> None:
        """Forget."""


def flatten(run: RunConfig) -> object:
    """A slippery venue that loses one request and fills 30,000 USD: every action sent, and how long it took."""
    clock = FakeClock()
    venue = TinyVenue(clock)
    venue.positions = {"BTC": 0.5}
    venue.slippage_bps = 150.0
    venue.info_faults = deque(["", "silent"])
    sent: list[tuple[str, object]] = []
    parts = FlattenParts(
        target=FlattenTarget(account=ACCOUNT, network="mainnet", signer=SecretKeySigner(KEY)),
        scope=FlattenScope("all"),
        config=run.flatten,
        post=venue.post,
        clock=clock,
        nonces=_Floor,
        step=lambda words, action: sent.append((words, action)),
    )
    report = Flattener(parts).run(120.0)
    return sent, report


def preview(run: RunConfig) -> object:
    """What `hlmm flatten --dry-run` reads of a venue that needs a third of a second for each answer."""
    server = listener()
    url = f"127.0.0.1:{server.server_address[1]}"
    access = Access(
        venue=HttpVenue(f"http://{url}", f"ws://{url}/ws"), account=ACCOUNT, signer=SecretKeySigner(KEY),
        network="mainnet", venue_name="test", title="", clock=WallClock(),
    )  # fmt: skip
    server.delay_s = 0.33
    try:
        with tempfile.TemporaryDirectory() as folder:
            scope = FlattenScope("own", BTC)
            order = Emergency(access=access, scope=scope, config=run.flatten, state=Path(folder), say=lambda _: None)
            return emergency.preview(order).remaining
    finally:
        server.delay_s = 0.0


# ---- the door to a venue ----


class _Listener(socketserver.ThreadingTCPServer):
    """Takes any HTTP request, notes its first line and host, and answers 404."""

    daemon_threads = True
    allow_reuse_address = True
    heard: list[str]
    delay_s = 0.0


class _Note(socketserver.StreamRequestHandler):
    @override
    def handle(self) -> None:
        lines: list[str] = []
        while (line := self.rfile.readline().decode().strip()) != "":
            lines.append(line)
        host = [line for line in lines if line.lower().startswith("host:")]
        assert isinstance(self.server, _Listener)
        self.server.heard += [lines[0], *host]
        time.sleep(self.server.delay_s)
        self.wfile.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


@cache
def listener() -> _Listener:
    """One for the test process."""
    server = _Listener(("127.0.0.1", 0), _Note)
    server.heard = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


SOPS: Final = '#!/bin/sh\nenv > "$HOME/environment"\nsleep "$(cat "$HOME/pause")"\nfor file; do :; done\ncat "$file"\n'
"""A `sops` that takes some time and "decrypts" plain JSON."""


@contextlib.contextmanager
def _home(entries: Mapping[str, object], pause_s: float) -> Iterator[None]:
    """A folder with that `sops` and two secret files, as HOME, working directory and PATH."""
    kept = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        install(Path(folder) / "bin", SOPS)
        Path("pause").write_text(str(pause_s))
        Path("agent.json").write_text(json.dumps(entries))
        path = f"{folder}/bin:/usr/bin:/bin"
        os.environ.clear()
        os.environ.update({"HOME": folder, "PATH": path, "AWS_PROFILE": "trader"})
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(kept)


def _entries(network: str) -> dict[str, object]:
    agent = {
        "network": network, "account_address": ACCOUNT, "agent_address": SecretKeySigner(KEY).address,
        "agent_private_key": "0x" + KEY.hex(),
    }  # fmt: skip
    return {"agent": agent}


def door(run: RunConfig, pause_s: float = 0.0) -> object:
    """Open the venue: whose account, which key, what `sops` may see, and what the venue hears of it."""
    assert isinstance(run.env, TestnetEnv | ProdEnv)
    server = listener()
    server.heard.clear()
    with _home(_entries(run.env.network), pause_s):
        try:
            with open_access(run.env, BTC) as access:
                environment = Path("environment").read_text().count("AWS_PROFILE")
                session = session_profile(access, run.run.connection, BTC, batch_max=run.budget.batch_max)
                with access.venue.sync(1.0) as rest, contextlib.suppress(RestFailedError):
                    rest.post("/info", b"{}")
                with contextlib.suppress(SocketClosedError):
                    asyncio.run(access.venue.connect(1.0))
                signing = session.account, session.vault, session.network, session.signer.address
                return signing, environment, tuple(server.heard)
        except (SecretsError, VenueRefusedError) as error:
            return type(error).__name__, str(error)


def slow_door(run: RunConfig) -> object:
    """As `door`, with a `sops` that takes more than a second."""
    return door(run, 1.2)


def entrance(run: RunConfig) -> object:
    """Open a simulated venue: where it listens, and how much real time a second of its clock takes."""
    assert isinstance(run.env, SimEnv)
    try:
        with open_access(run.env, BTC) as access, access.venue.sync(5.0) as rest:
            rest.post("/info", b'{"type":"meta"}')
            return access.clock.real_s(1.0), access.title
    except VenueRefusedError as error:
        return type(error).__name__


def lodging(run: RunConfig) -> object:
    """Which host a simulator says it listens on, and whether on the port it was told."""
    sim = sim_of(run)
    try:
        process, ready = spawn(sim)
    except SpawnError:  # a machine without IPv6 has no ::1
        return sim.host
    stop_spawned(process)
    url = urlsplit(ready.rest_url)
    return url.hostname, url.port == sim.port
