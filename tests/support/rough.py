"""A whole engine on a venue where things go wrong, in virtual time, watched from the simulator's own books."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

from hlmm.config import load
from hlmm.config.run_config import RunConfig, to_engine_config
from hlmm.core.commands import Alarm, AnyCommand, ModifyOrder, PlaceOrder
from hlmm.core.engine import Engine
from hlmm.core.events import AnyEvent
from hlmm.core.orders import is_ours
from hlmm.hyperliquid.session import Session
from hlmm.shell.journal import Tally
from hlmm.shell.node import HashOnly
from hlmm.shell.venues import profile, sandbox_signer
from hlmm.shell.virtual import NetworkConfig, VirtualParts, VirtualResult, VirtualRun
from hlmm.sim.accounts import Account
from hlmm.sim.config import SimConfig, SyntheticMarketConfig
from hlmm.sim.faults import Fault
from hlmm.sim.faulty import FaultyGateway
from hlmm.sim.world import build_world
from hlmm.types import MICRO, NS_PER_S, Address, Cloid, Coin, Ns

BTC: Final = Coin("BTC")
STEP_S: Final = 0.5
LIMIT_SLACK: Final = 1.01
"""Limits are valued at the engine's mark, the check at the venue's: they may be a little apart."""


@cache
def settings() -> RunConfig:
    """The shipped configuration, quoting often."""
    return load(["asset=BTC", "impulse=eager", "spread_profile=aggressive"]).run


class Watch:
    """A recorder that keeps what must never happen twice, and what the engine said."""

    def __init__(self) -> None:
        self._hash = HashOnly()
        self.tally: Tally = self._hash.tally
        self.placed: list[Cloid] = []
        self.alarms: list[str] = []

    def event(self, event: AnyEvent) -> None:
        """Fold one event."""
        self._hash.event(event)

    def commands(self, commands: Sequence[AnyCommand]) -> None:
        """Fold commands; note cloids and alarms."""
        self._hash.commands(commands)
        for command in commands:
            if isinstance(command, PlaceOrder):
                self.placed.append(command.cloid)
            elif isinstance(command, ModifyOrder):
                self.placed.append(command.place.cloid)
            elif isinstance(command, Alarm):
                self.alarms.append(command.code)


class Rough:
    """One run under a plan. `most_usd`: the worst case ever reached by position and resting orders of one side."""

    def __init__(self, faults: Sequence[Fault], seed: int = 5, *, wrapped: bool = True) -> None:
        """Open a venue of BTC alone with a plan, and connect an engine to it, past the plan when not `wrapped`."""
        run = settings()
        sim = SimConfig(market=SyntheticMarketConfig(coins=("BTC",), warmup_s=5), seed=seed)
        world = build_world(sim, seed)
        self.gateway = FaultyGateway(world, faults, seed)
        keys = self.gateway.accounts[0]
        signer = sandbox_signer(keys.agent_private_key)
        signing = profile(Address(keys.address), signer, run.run.connection, (BTC,), batch_max=run.budget.batch_max)
        self.watch = Watch()
        self.engine = Engine(to_engine_config(run), 1)
        self.virtual = VirtualRun(
            VirtualParts(
                engine=self.engine,
                session=Session(signing),
                gateway=self.gateway if wrapped else world,
                network=NetworkConfig(seed=seed),
                start=self.gateway.start,
                tick_ms=run.timing.tick_ms,
                recorder=self.watch,
            )
        )
        self.most_usd = 0.0

    @property
    def account(self) -> Account:
        """Our account as the venue books it."""
        return self.gateway.exchange.accounts[0]

    @property
    def resting(self) -> int:
        """Orders of ours in the venue's book."""
        return sum(order.cloid is not None and is_ours(Cloid(order.cloid)) for order in self.account.open.values())

    @property
    def elapsed_s(self) -> float:
        """Virtual time since the venue opened."""
        return (self.virtual.now - self.gateway.start) / NS_PER_S

    def until(self, at_s: float) -> None:
        """Run to a time, looking at the venue's books on the way."""
        while self.elapsed_s < at_s and not self.virtual.is_over:
            step = Ns(min(self.gateway.start + int(at_s * NS_PER_S), self.virtual.now + int(STEP_S * NS_PER_S)))
            self.virtual.advance(step)
            self._look()

    def quotes_within(self, bound_s: float) -> float | None:
        """Run until our orders rest on both sides and the engine is in agreement. Returns: after how many s."""
        start = self.elapsed_s
        while self.elapsed_s < start + bound_s and not self.virtual.is_over:
            self.until(self.elapsed_s + STEP_S)
            if self.is_well:
                return self.elapsed_s - start
        return None

    @property
    def is_well(self) -> bool:
        """Whether orders of ours rest, none is of unknown outcome, and our position is the venue's."""
        view = self.engine.view()
        return bool(self.resting) and not view.unknown_orders and not view.reasons and self.agrees

    @property
    def agrees(self) -> bool:
        """Whether the engine's position is the venue's."""
        (coin,) = self.engine.view().coins
        instrument = self.gateway.exchange.listings[BTC].instrument
        return round(coin.position / instrument.sz_unit) == self.account.szi(BTC)

    def finish(self) -> VirtualResult:
        """Stop in order."""
        result = self.virtual.finish("test")
        self._look()
        return result

    def _look(self) -> None:
        mark = self.gateway.exchange.listings[BTC].marks.mark
        held = self.account.szi(BTC)
        for sign in (1, -1):
            orders = [order for order in self.account.open.values() if int(order.side) == sign]
            worst = max(0, held * sign) + sum(order.sz for order in orders)
            self.most_usd = max(self.most_usd, worst * mark / MICRO)
