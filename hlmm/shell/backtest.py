"""One backtest: a simulated venue and an engine in virtual time, journalled like any run."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from hlmm import __version__
from hlmm.core.engine import Engine
from hlmm.core.settings import EngineConfig
from hlmm.hyperliquid.session import Session
from hlmm.shell import runs, summary, truth
from hlmm.shell.journal import Header, Journal
from hlmm.shell.runs import RunDir
from hlmm.shell.settings import RunConfig
from hlmm.shell.statedir import write_atomically
from hlmm.shell.truth import Truth
from hlmm.shell.venues import listing, profile, sandbox_signer
from hlmm.shell.virtual import NetworkConfig, VirtualParts, VirtualRun
from hlmm.sim.config import SimConfig
from hlmm.sim.faulty import with_faults
from hlmm.sim.world import UnlistedCoinError, build_world
from hlmm.types import NS_PER_S, Address, Coin, Ns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hlmm.shell.summary import BacktestSummary
    from hlmm.sim.carrier import Venue

RUN_TAG: Final = 1
"""Every backtest marks its orders alike: the run's random id must not reach a decision."""
SYNTHETIC_S: Final = 600.0
STEP_S: Final = 5.0


class BacktestOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What to run. `duration_s`: virtual seconds, None for the whole tape (or ten minutes of a synthetic market)."""

    engine: EngineConfig
    shell: RunConfig
    sim: SimConfig
    config_yaml: str
    config_hash: str
    duration_s: float | None


class Backtest:
    """Built by its constructor, moved by `steps`, summed up by `finish`."""

    def __init__(self, order: BacktestOrder) -> None:
        """Build the market and open the run's folder. Raises: TapeError, UnlistedCoinError, OSError."""
        coins = tuple(Coin(coin.coin) for coin in order.engine.coins)
        gateway = with_faults(build_world(listing(order.sim, coins), order.sim.seed), order.sim)
        _refuse_unlisted(coins, gateway)
        keys = gateway.accounts[0]
        self._order = order
        self._coins = coins
        self._account = Address(keys.address)
        self.end = _end(gateway.start, gateway.horizon(), order.duration_s)
        self.run: RunDir = runs.create(
            Path(order.shell.dir),
            dt.datetime.now(dt.UTC),  # noqa: TID251 - the shell names the run
            order.config_yaml,
            order.config_hash,
        )
        self._journal = Journal(self.run.journal, self._header(gateway.start))
        signing = profile(
            self._account,
            sandbox_signer(keys.agent_private_key),
            order.shell.connection,
            coins,
            batch_max=order.engine.budget.batch_max,
        )
        self._virtual = VirtualRun(
            VirtualParts(
                engine=Engine(order.engine, RUN_TAG),
                session=Session(signing),
                gateway=gateway,
                network=NetworkConfig(seed=order.sim.seed),
                start=gateway.start,
                tick_ms=order.engine.timing.tick_ms,
                recorder=self._journal,
            )
        )

    @property
    def start(self) -> Ns:
        """Virtual time at the start."""
        return self._virtual.started

    def steps(self) -> Iterator[Ns]:
        """Run to the end, giving the virtual time every few virtual seconds. Raises: AssertionError on a bug."""
        while self._virtual.now < self.end and not self._virtual.is_over:
            self._virtual.advance(Ns(min(self.end, self._virtual.now + int(STEP_S * NS_PER_S))))
            yield self._virtual.now

    def finish(self, wall_s: float) -> BacktestSummary:
        """Stop in order, ask the venue what is left, write the summary. Args: wall_s, real seconds so far."""
        result = self._virtual.finish("end of the tape" if self._order.duration_s is None else "duration")
        told: Truth = truth.read(self._virtual.ask, self._account, self._coins)
        self._journal.close()
        done = summary.of_backtest(result, told, self.run, self._order.config_hash, wall_s)
        write_atomically(self.run.summary, msgspec.json.format(msgspec.json.encode(done), indent=2) + b"\n")
        return done

    def _header(self, start: Ns) -> Header:
        return Header(
            run_id=self.run.run_id,
            run_tag=RUN_TAG,
            version=__version__,
            mode="backtest",
            config_hash=self._order.config_hash,
            engine_config=self._order.engine.model_dump_json(),
            started_ns=start,
        )


def _refuse_unlisted(coins: tuple[Coin, ...], gateway: Venue) -> None:
    """A coin without a market would be waited for to the end of the tape. Raises: UnlistedCoinError."""
    listed = gateway.exchange.listings
    missing = [coin for coin in coins if coin not in listed]
    if missing:
        message = f"no recording of {', '.join(missing)} is given: there are {', '.join(listed)}"
        raise UnlistedCoinError(message)


def _end(start: Ns, horizon: Ns | None, duration_s: float | None) -> Ns:
    """When to stop: the duration's end or the tape's, whichever is first."""
    wanted = None if duration_s is None else Ns(start + int(duration_s * NS_PER_S))
    ends = [end for end in (wanted, horizon) if end is not None]
    return min(ends) if ends else Ns(start + int(SYNTHETIC_S * NS_PER_S))
