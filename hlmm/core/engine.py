"""The engine: events in, commands out; deterministic, single-threaded, without clock, I/O or randomness.

`on` absorbs the fact, then walks the one path to the venue for every coin it concerns:
wish -> quantize -> permit -> reconcile -> commands. "Do not quote" is an empty wish on that path, so it cancels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from hlmm.core import absorb_account, absorb_orders
from hlmm.core.absorb_drift import note_drift
from hlmm.core.absorb_market import absorb_market, disconnected
from hlmm.core.caretaker import care
from hlmm.core.commands import Alarm, AnyCommand
from hlmm.core.events import (
    AccountRead,
    ActionRefused,
    AnyEvent,
    BboChanged,
    BookChanged,
    BudgetRead,
    CancelAcked,
    CancelRejected,
    ContextChanged,
    DriftSeen,
    FeedConnected,
    FeedDisconnected,
    FeesRead,
    FrameQuarantined,
    FundingPaid,
    HaltRequested,
    LeverageRead,
    LeverageRefused,
    MetaRead,
    OpenOrdersRead,
    OrderFilled,
    OrderMatched,
    OrderRejected,
    OrderRested,
    OrderStatusRead,
    OrderUpdated,
    RequestLost,
    RequestUnsent,
    RoleRead,
    StopRequested,
    Tick,
    TradesPrinted,
)
from hlmm.core.pathway import decide_coin, judge
from hlmm.core.risk import Verdict
from hlmm.core.snapshot import engine_view
from hlmm.core.state import CoinState, EngineState
from hlmm.core.view import EngineView, Phase
from hlmm.types import Coin

if TYPE_CHECKING:
    from hlmm.core.settings import EngineConfig

PATIENCE: Final = 2
"""How many survey intervals a book lets pass before it surveys itself; ticks come in between."""
Control = FeedConnected | FeedDisconnected | StopRequested | HaltRequested | FrameQuarantined | DriftSeen


class Engine:
    """One account, any number of coins."""

    def __init__(self, config: EngineConfig, run_tag: int) -> None:
        """Start before the venue has said anything. Args: run_tag, 48 bits, unique per run: it marks our cloids."""
        self._state = EngineState(config, run_tag)

    @property
    def phase(self) -> Phase:
        """Where the engine is in its life."""
        return self._state.phase

    @property
    def halt_reason(self) -> str:
        """Why it halted, or ""."""
        return self._state.halt_reason

    def view(self) -> EngineView:
        """What observers may see, now."""
        return engine_view(self._state)

    def on(self, event: AnyEvent) -> list[AnyCommand]:
        """Take one fact and return what to do about it.

        Args: event, with `ts` never before the previous one (asserted).
        Returns: commands in the order they must be sent. Raises: nothing; a broken invariant asserts.
        """
        state = self._state
        assert event.ts >= state.ts, f"time went back: {event.ts} < {state.ts}"
        state.ts = event.ts
        if isinstance(event, BboChanged | BookChanged | TradesPrinted):
            commands = self._follow(event)
        else:
            touched = self._absorb(event)
            self._count_uptime()
            commands = self._act(touched)
        alarms, state.alarms = state.alarms, []
        return [*commands, *alarms]

    def _follow(self, event: BboChanged | BookChanged | TradesPrinted) -> list[AnyCommand]:
        """The short way of the many: a quote or trade changes neither orders nor account, only one coin's wish."""
        state = self._state
        coin = state.coins.get(event.coin)
        if coin is None:
            return []
        absorb_market(state, coin, event)
        return [] if isinstance(event, TradesPrinted) else decide_coin(state, coin, state.account_finding, PATIENCE)

    def _absorb(self, event: AnyEvent) -> tuple[CoinState, ...]:
        """Fact to state. Returns: the coins that may now want other quotes."""
        state = self._state
        match event:
            case BboChanged() | BookChanged() | TradesPrinted() | ContextChanged():
                coin = state.coins.get(event.coin)
                if coin is None:
                    return ()
                absorb_market(state, coin, event)
                return (coin,)
            case Tick():
                pass
            case (
                OrderRested()
                | OrderMatched()
                | OrderRejected()
                | CancelAcked()
                | CancelRejected()
                | ActionRefused()
                | RequestLost()
                | RequestUnsent()
            ):
                absorb_orders.absorb_answer(state, event)
                note_drift(state, event)
            case OrderUpdated() | OrderStatusRead() | OpenOrdersRead():
                absorb_orders.absorb_report(state, event)
                note_drift(state, event)
            case (
                OrderFilled()
                | FundingPaid()
                | AccountRead()
                | BudgetRead()
                | FeesRead()
                | MetaRead()
                | RoleRead()
                | LeverageRead()
                | LeverageRefused()
            ):
                absorb_account.absorb_account(state, event)
            case (
                FrameQuarantined()
                | DriftSeen()
                | FeedConnected()
                | FeedDisconnected()
                | StopRequested()
                | HaltRequested()
            ):
                self._absorb_control(event)
            case _:
                assert_never(event)
        return tuple(state.coins.values())

    def _absorb_control(self, event: Control) -> None:
        state = self._state
        match event:
            case FeedConnected():
                state.connect()
            case FeedDisconnected():
                disconnected(state, event.reason)
            case StopRequested():
                self._stop(event.reason)
            case HaltRequested():
                self._halt(event.reason)
            case FrameQuarantined() | DriftSeen():
                state.quarantined += isinstance(event, FrameQuarantined)
                note_drift(state, event)
            case _:
                assert_never(event)

    def _stop(self, reason: str) -> None:
        if not self._state.is_stopping:
            self._state.phase = Phase.STOPPING
            self._state.stop_reason = reason

    def _halt(self, reason: str) -> None:
        if not self._state.halt_reason:
            self._state.halt_reason = reason
            self._state.alarms.append(Alarm(code="halt", text=f"halted: {reason}; `hlmm resume` clears it"))
        self._stop(reason)

    def _act(self, touched: tuple[CoinState, ...]) -> list[AnyCommand]:
        """State to commands: the account's verdict, every touched coin's path, then what must be asked."""
        state = self._state
        account = state.account_finding = judge(state)
        if account.verdict is Verdict.HALT:
            self._halt(f"{account.code}: {account.text}")
            touched = tuple(state.coins.values())
        if state.phase is Phase.STARTING and not state.gate.missing:
            state.phase = Phase.TRADING
        commands: list[AnyCommand] = []
        for coin in touched:
            commands += decide_coin(state, coin, account)
        commands += care(state)
        self._finish()
        return commands

    def _finish(self) -> None:
        state = self._state
        if state.phase is Phase.STOPPING and state.confirmed_orders and state.confirmed_account:
            state.phase = Phase.HALTED if state.halt_reason else Phase.STOPPED

    def _count_uptime(self) -> None:
        """Sides come and go with what we hear of orders, never with the market alone."""
        state = self._state
        elapsed = state.ts - state.counted_ts if state.counted_ts else 0
        state.counted_ts = state.ts
        for coin in state.coins.values():
            coin.count_uptime(elapsed, state.ts, two_sided=_is_two_sided(state, coin.coin))


def _is_two_sided(state: EngineState, coin: Coin) -> bool:
    """Whether an order of ours is known to rest on each side."""
    sides = [order.side for order in state.orders.of(coin) if order.oid is not None and order.is_live]
    return len(dict.fromkeys(sides)) > 1
