"""A whole run inside one process, against a real simulated venue: what breaks must not leave orders behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from typing_extensions import override

from hlmm.config.load import load
from hlmm.config.run_config import to_engine_config
from hlmm.core.commands import AnyCommand
from hlmm.core.engine import Engine
from hlmm.core.events import AnyEvent, HaltRequested
from hlmm.core.view import EngineView, Phase
from hlmm.hyperliquid.socket import Socket, SocketClosedError
from hlmm.shell import trade, venues
from hlmm.shell.clock import WallClock
from hlmm.shell.env import SimEnv
from hlmm.shell.exits import Exit
from hlmm.shell.latch import HaltLatch
from hlmm.shell.live import VenueUnreachableError, run_fast
from hlmm.shell.replay import replay
from hlmm.shell.runs import find
from hlmm.shell.statedir import STATE_DIR_VARIABLE, state_dir
from hlmm.shell.summary import RunSummary
from hlmm.types import Coin
from tests.support.program import Venue

pytestmark = pytest.mark.orchestrator

COIN = Coin("BTC")
EVENTS_BEFORE_BUG = 110


class Silent:
    """A screen that keeps the views it was shown."""

    def __init__(self) -> None:
        """Begin with none."""
        self.views: list[EngineView] = []

    def show(self, view: EngineView, notes: tuple[str, ...]) -> None:
        """Keep it."""
        del notes
        self.views.append(view)


@pytest.fixture
def venue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Venue]:
    """A venue, and a state folder of this test's own."""
    monkeypatch.setenv(STATE_DIR_VARIABLE, str(tmp_path / "state"))
    one = Venue(tmp_path)
    yield one
    one.close()


def order(venue: Venue, folder: Path, duration_s: float | None) -> tuple[SimEnv, trade.Order]:
    """A run of BTC on the venue, and the `env` it names."""
    loaded = load(["+asset=BTC", f"env.sim.connect={venue.url}", f"run.dir={folder / 'runs'}"])
    env = loaded.run.env
    assert isinstance(env, SimEnv)
    return env, trade.Order(
        engine=to_engine_config(loaded.run),
        shell=loaded.run.run,
        config_yaml=loaded.yaml,
        config_hash=loaded.hash,
        mode="sim",
        duration_s=duration_s,
    )


def run(venue: Venue, folder: Path, duration_s: float | None, screen: Silent) -> RunSummary:
    """Trade to the end."""
    env, wanted = order(venue, folder, duration_s)
    with venues.open_access(env, (COIN,)) as access:
        return run_fast(trade.trade(access, wanted, screen))


class BrokenEngine(Engine):
    """An engine with a bug that shows only after a while."""

    seen = 0

    @override
    def on(self, event: AnyEvent) -> list[AnyCommand]:
        """Break once orders rest."""
        self.seen += 1
        assert self.seen < EVENTS_BEFORE_BUG, "an invariant is broken"
        return super().on(event)


class HaltingEngine(Engine):
    """An engine whose risk layer finds a reason to halt."""

    seen = 0

    @override
    def on(self, event: AnyEvent) -> list[AnyCommand]:
        """Halt once orders rest."""
        self.seen += 1
        commands = super().on(event)
        if self.seen == EVENTS_BEFORE_BUG:
            commands += super().on(HaltRequested(ts=event.ts, reason="loss limit"))
        return commands


def test_a_bug_cancels_everything(venue: Venue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the engine asserts, every order is cancelled by the other way, and the traceback says it is confirmed."""
    monkeypatch.setattr(trade, "Engine", BrokenEngine)
    screen = Silent()
    with pytest.raises(ExceptionGroup) as bug:
        run(venue, tmp_path, None, screen)
    assert bug.group_contains(AssertionError, match="an invariant is broken")
    assert trade.CANCELLED in bug.value.__notes__
    assert any(view.live_orders for view in screen.views)
    assert venue.cloids() == []


def test_a_halt_is_latched(venue: Venue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A risk halt ends the run with code 7 and nothing resting, and the next run refuses to start."""
    monkeypatch.setattr(trade, "Engine", HaltingEngine)
    summary = run(venue, tmp_path, 60.0, Silent())
    assert summary.exit_code == Exit.HALTED
    assert "loss limit" in summary.exit_reason
    assert venue.cloids() == []
    with pytest.raises(trade.HaltLatchedError, match="loss limit"):
        run(venue, tmp_path, 5.0, Silent())


class LatchingScreen(Silent):
    """An operator whose only word is the latch, set once quotes rest."""

    def __init__(self, latch: HaltLatch) -> None:
        """Args: latch, of the account."""
        super().__init__()
        self._latch = latch
        self._clock = WallClock()
        self.latched_s = 0.0

    @override
    def show(self, view: EngineView, notes: tuple[str, ...]) -> None:
        """Latch once."""
        super().show(view, notes)
        if view.live_orders and not self.latched_s:
            self._latch.set("operator", self._clock.now_ms())
            self.latched_s = time.monotonic()


def test_a_latch_set_by_another_process_halts_the_run(venue: Venue, tmp_path: Path) -> None:
    """A halt latched in the state folder alone, without the control socket, stops a running engine within seconds."""
    env, wanted = order(venue, tmp_path, 60.0)
    with venues.open_access(env, (COIN,)) as access:
        screen = LatchingScreen(HaltLatch(state_dir(), access.venue_name, access.account))
        summary = run_fast(trade.trade(access, wanted, screen))
    assert time.monotonic() - screen.latched_s < 10.0
    assert summary.exit_code == Exit.HALTED
    assert summary.exit_reason == "halted: operator"
    assert venue.cloids() == []


class MortalSocket:
    """A socket that dies after a number of frames."""

    def __init__(self, socket: Socket, frames: int) -> None:
        """Wrap an open socket."""
        self._socket = socket
        self._left = frames

    async def recv(self) -> bytes:
        """The next frame, while there is life."""
        self._left -= 1
        if self._left < 0:
            await self._socket.close()
            message = "cut by the test"
            raise SocketClosedError(message)
        return await self._socket.recv()

    async def send(self, frame: bytes) -> None:
        """Pass on."""
        await self._socket.send(frame)

    async def close(self) -> None:
        """Pass on."""
        await self._socket.close()


class MortalVenue(venues.HttpVenue):
    """A venue whose first connections die; the first attempt of all fails."""

    def __init__(self, rest_url: str, ws_url: str) -> None:
        """As `HttpVenue`."""
        super().__init__(rest_url, ws_url)
        self.connects = 0

    @override
    async def connect(self, timeout_s: float) -> Socket:
        """Refuse once, then two mortal connections, then good ones."""
        self.connects += 1
        if self.connects == 1:
            message = "refused by the test"
            raise SocketClosedError(message)
        socket = await super().connect(timeout_s)
        return MortalSocket(socket, 60) if self.connects <= 3 else socket


def test_reconnect(venue: Venue, tmp_path: Path) -> None:
    """Lost connections are replaced, quoting returns, nothing is left behind, and the journal still replays."""
    env, wanted = order(venue, tmp_path, 14.0)
    screen = Silent()
    with venues.open_access(env, (COIN,)) as access:
        mortal = MortalVenue(venue.url, "ws" + venue.url.removeprefix("http") + "/ws")
        summary = run_fast(trade.trade(msgspec.structs.replace(access, venue=mortal), wanted, screen))
    assert mortal.connects == 4
    assert summary.exit_code == Exit.DONE
    assert [view for view in screen.views if view.phase is Phase.TRADING][-1].live_orders >= 2
    assert venue.cloids() == []
    assert replay(find(tmp_path / "runs", None).journal).identical


def test_unreachable_venue_gives_up(venue: Venue, tmp_path: Path) -> None:
    """A venue that refuses every connection ends the run with the venue's exit code after the limit."""
    env, wanted = order(venue, tmp_path, None)
    quick = wanted.shell.model_copy(update={"first_connect_deadline_s": 1.0})
    with venues.open_access(env, (COIN,)) as access:
        nowhere = venues.HttpVenue(venue.url, "ws://127.0.0.1:9/ws")
        started = time.monotonic()
        with pytest.raises(VenueUnreachableError) as lost:
            asyncio.run(
                trade.trade(
                    msgspec.structs.replace(access, venue=nowhere),
                    msgspec.structs.replace(wanted, shell=quick),
                    Silent(),
                )
            )
    assert lost.value.exit_code == Exit.VENUE
    assert time.monotonic() - started < 15
