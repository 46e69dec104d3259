"""One live run from lock to summary: everything that must be true before the first quote, and proved after the last."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import os
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

import msgspec

from hlmm import __version__
from hlmm.core.commands import Alarm, AnyCommand, Decision
from hlmm.core.engine import Engine
from hlmm.core.settings import EngineConfig
from hlmm.core.view import EngineView
from hlmm.hyperliquid.endpoints import INFO_PATH
from hlmm.hyperliquid.session import Session
from hlmm.shell import control, runs, summary, truth
from hlmm.shell.control import ControlServer, EngineRecord
from hlmm.shell.exits import Exit
from hlmm.shell.journal import Header, Journal
from hlmm.shell.lastresort import LastResort, cancel_everything
from hlmm.shell.latch import HaltLatch
from hlmm.shell.live import Ending, Limit, LiveLoop, LiveParts
from hlmm.shell.lock import AccountLock
from hlmm.shell.node import Node
from hlmm.shell.nonces import NonceFloor
from hlmm.shell.redact import RedactingFormatter
from hlmm.shell.settings import RunConfig
from hlmm.shell.statedir import state_dir, write_atomically
from hlmm.shell.truth import Truth, TruthUnreadError
from hlmm.shell.venues import Access, session_profile
from hlmm.shell.verdict import of_run
from hlmm.types import NS_PER_S, Coin

if TYPE_CHECKING:
    from hlmm.shell.flatten import FlattenReport
    from hlmm.shell.runs import RunDir
    from hlmm.shell.summary import RunSummary

NOTES_KEPT: Final = 6
TRUTH_ATTEMPTS: Final = 5
TRUTH_PAUSE_S: Final = 0.5
LATCH_POLL_S: Final = 0.5

CANCELLED: Final = "every order of ours was cancelled by the last resort, confirmed by the venue"
NOT_CANCELLED: Final = "ORDERS MAY REST: the venue did not confirm the last resort's cancels; run `hlmm flatten`"


class HaltLatchedError(Exception):
    """The account is halted; an operator must clear it (`hlmm resume`)."""

    exit_code: ClassVar[int] = Exit.HALTED


class Screen(Protocol):
    """Who shows the run to a person. Every call returns at once."""

    def show(self, view: EngineView, notes: tuple[str, ...]) -> None:
        """The newest state."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator ordered. `duration_s` None: until a signal. `config_yaml` and `config_hash`: as effective."""

    engine: EngineConfig
    shell: RunConfig
    config_yaml: str
    config_hash: str
    mode: str
    duration_s: float | None


class _Watch:
    """Observer of the loop: publishes to the control socket, the log and the screen."""

    def __init__(self, screen: Screen, log: logging.Logger) -> None:
        self.server: ControlServer | None = None
        self.last: EngineView | None = None
        self._screen = screen
        self._log = log
        self._notes: deque[str] = deque(maxlen=NOTES_KEPT)

    def view(self, view: EngineView) -> None:
        self.last = view
        if self.server is not None:
            self.server.publish(msgspec.json.encode(view))
        self._screen.show(view, tuple(self._notes))

    def local(self, command: AnyCommand) -> None:
        if isinstance(command, Alarm):
            self._log.warning("%s: %s", command.code, command.text)
            self._notes.append(f"{command.code}: {command.text}")
        elif isinstance(command, Decision):
            self._log.debug("%s", msgspec.json.encode(command).decode())

    def note(self, text: str) -> None:
        self._log.info("%s", text)
        self._notes.append(text)


async def trade(access: Access, order: Order, screen: Screen) -> RunSummary:
    """Trade until the order is done, prove the stop, write the run's folder.

    Args: access, the venue and the account's signer; order; screen.
    Returns: the summary, its `exit_code` set.
    Raises: LockHeldError, HaltLatchedError, VenueUnreachableError, OSError for folders; ExceptionGroup for a bug.
    """
    state = state_dir()
    with AccountLock(state, access.venue_name, access.account):
        latch = HaltLatch(state, access.venue_name, access.account)
        why = latch.latched()
        if why is not None:
            message = f"the account is halted: {why}"
            raise HaltLatchedError(message)
        _forget_dead(state, access)
        run = runs.create(Path(order.shell.dir), dt.datetime.now(dt.UTC), order.config_yaml, order.config_hash)  # noqa: TID251 - the shell names the run
        log = _logger(run)
        try:
            return await _Trading(access, order, run, state, _Watch(screen, log)).run(latch)
        finally:
            for handler in log.handlers:
                handler.close()


class _Trading:
    """The parts of one run, in the order they come to life."""

    def __init__(self, access: Access, order: Order, run: RunDir, state: Path, watch: _Watch) -> None:
        self._access = access
        self._order = order
        self._run = run
        self._watch = watch
        self._coins = tuple(Coin(coin.coin) for coin in order.engine.coins)
        self._clock = access.clock
        header = Header(
            run_id=run.run_id,
            run_tag=run.run_tag,
            version=__version__,
            mode=order.mode,
            config_hash=order.config_hash,
            engine_config=order.engine.model_dump_json(),
            started_ns=self._clock.now(),
        )
        self._journal = Journal(run.journal, header)
        self._floor = NonceFloor(state, access.venue_name, access.signer.address, self._clock.now_ms())
        self._engine = Engine(order.engine, run.run_tag)
        batch_max = order.engine.budget.batch_max
        signing = session_profile(access, order.shell.connection, self._coins, batch_max=batch_max)
        self._session = Session(signing, self._floor.start)
        self._state = state

    async def run(self, latch: HaltLatch) -> RunSummary:
        """Run to the end and sum up."""
        clock = self._clock
        loop_time = asyncio.get_running_loop().time
        started = loop_time()
        loop: LiveLoop | None = None

        def local(command: AnyCommand) -> None:
            assert loop is not None, "the loop feeds the node"
            loop.local(command)

        node = Node(self._engine, self._session, self._journal, local)
        loop = LiveLoop(
            LiveParts(
                node=node,
                journal=self._journal,
                clock=clock,
                venue=self._access.venue,
                config=self._order.shell,
                tick_ms=self._order.engine.timing.tick_ms,
                observer=self._watch,
                nonce_used=self._floor.used,
            )
        )
        events = asyncio.get_running_loop()

        def stop_from_outside() -> None:
            if latch.latched() is None:  # else the latch's own watcher stops the run, with the operator's reason
                events.call_soon_threadsafe(loop.stop, "asked over the control socket")

        server = ControlServer(self._state, self._record(), stop_from_outside)
        self._watch.server = server
        watcher = events.create_task(_heed(latch, loop))
        try:
            ending = await self._supervised(loop)
            if self._engine.halt_reason and not watcher.done():
                latch.set(self._engine.halt_reason, clock.now_ms())
            told = await self._truth()
        finally:
            watcher.cancel()
            self._watch.view(self._engine.view())
            self._journal.close()
            server.close()
            await self._access.venue.close()
        return self._sum_up(loop, ending, told, loop_time() - started)

    async def _supervised(self, loop: LiveLoop) -> Ending:
        """Run the loop; when it breaks or cannot confirm its stop, cancel by the other way."""
        try:
            ending = await loop.run(self._limits())
        except ExceptionGroup as bug:
            report = await asyncio.to_thread(self._last_resort)
            bug.add_note(CANCELLED if report.verified_flat else f"{NOT_CANCELLED} ({report.reason})")
            raise
        if not ending.confirmed:
            await asyncio.to_thread(self._last_resort)
        return ending

    def _limits(self) -> list[Limit]:
        """When the run ends by itself."""
        limits = [] if self._order.duration_s is None else [Limit(self._order.duration_s, "duration")]
        if self._access.ends_ns is not None:
            left_s = self._clock.real_s((self._access.ends_ns - self._clock.now()) / NS_PER_S)
            limits.append(Limit(max(left_s, 0.0), "end of the tape"))
        return limits

    def _last_resort(self) -> FlattenReport:
        return cancel_everything(
            LastResort(
                access=self._access,
                coins=self._coins,
                state=self._state,
                nonce_floor=self._session.nonce_floor,
                say=self._watch.note,
            )
        )

    def _record(self) -> EngineRecord:
        run_id = self._run.run_id
        return EngineRecord(
            run_id=run_id,
            run_dir=str(self._run.path.resolve()),
            pid=os.getpid(),
            socket=str(control.socket_path(self._state, run_id)),
            mode=self._order.mode,
            account=self._access.account,
            coins=tuple(self._coins),
            config_hash=self._order.config_hash,
        )

    async def _truth(self) -> Truth | None:
        """The venue's word after the end; asked again while it still shows orders of ours, or does not answer."""
        told: Truth | None = None
        for attempt in range(TRUTH_ATTEMPTS):
            if attempt:
                await asyncio.sleep(TRUTH_PAUSE_S)
            try:
                told = await asyncio.to_thread(self._read_truth)
            except TruthUnreadError as error:
                self._watch.note(f"the venue does not confirm: {error}")
                continue
            if told.own_orders == 0:
                break
        return told

    def _read_truth(self) -> Truth:
        """The venue's word, by a client of its own: the loop's may be what is broken."""
        with self._access.venue.sync() as rest:
            return truth.read(lambda body: rest.post(INFO_PATH, body), self._access.account, self._coins)

    def _sum_up(self, loop: LiveLoop, ending: Ending, told: Truth | None, duration_s: float) -> RunSummary:
        view = self._engine.view()
        code = of_run(ending, told, halt_reason=self._engine.halt_reason)
        tally = self._journal.tally
        result = summary.RunSummary(
            run_id=self._run.run_id,
            run_dir=str(self._run.path.resolve()),
            mode=self._order.mode,
            simulated=self._access.simulated,
            exit_reason=ending.reason if code is not Exit.NOT_VERIFIED else f"{ending.reason}; stop not verified",
            exit_code=code,
            config_hash=self._order.config_hash,
            duration_s=duration_s,
            quote_uptime_frac=summary.uptime(view),
            fills=view.fills,
            volume_usd=view.volume_usd,
            requests=view.budget.requests,
            pnl_usd=summary.pnl_usd(view.pnl),
            pnl_at_tier0_usd=summary.at_tier0(view),
            maker_bps=view.maker_bps,
            position=None if told is None else told.positions,
            resting_orders_at_exit=None if told is None else told.own_orders,
            foreign_orders_at_exit=None if told is None else told.foreign_orders,
            account_value_usd=None if told is None else told.account_value_usd,
            decisions_hash=tally.decisions_hash,
            events=tally.events,
            conflated=loop.inbox.conflated,
            dropped_trades=loop.inbox.dropped_trades,
            quarantined_frames=view.quarantined_frames,
        )
        write_atomically(self._run.summary, msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")
        return result


async def _heed(latch: HaltLatch, loop: LiveLoop) -> None:
    """Halt the run once somebody latched the account's halt: they may not reach the control socket. Then ends."""
    while (why := await asyncio.to_thread(latch.latched)) is None:  # noqa: ASYNC110 - other processes' file, no event
        await asyncio.sleep(LATCH_POLL_S)
    loop.halt(why)


def _forget_dead(state: Path, access: Access) -> None:
    """Drop the records of dead engines of this account: the lock proves that none runs, and this run takes over."""
    for record in control.engines(state):
        if record.account == access.account and not control.alive(record):
            control.forget(state, record)


def _logger(run: RunDir) -> logging.Logger:
    log = logging.getLogger(f"hlmm.run.{run.run_id}")
    log.propagate = False
    handler = logging.FileHandler(run.log)
    handler.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    return log
