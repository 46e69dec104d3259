"""What the engine asks the venue by itself: orders in doubt, regular reads, the resync, and the proof of a stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hlmm.core.commands import CancelOrder, QueryOrder, ReadAccount, ReadBudget, ReadFills, ReadOpenOrders
from hlmm.core.orders import Evidence, Order, Status
from hlmm.types import NS_PER_MS, NS_PER_S, Ns

if TYPE_CHECKING:
    from hlmm.core.commands import AnyCommand
    from hlmm.core.state import EngineState

FILLS_OVERLAP_MS: Final = 5000
"""How far before the doubtful order fills are read again; duplicates are known by tid."""


def care(state: EngineState) -> list[AnyCommand]:
    """Every question due now. Args: state after absorbing the event. Returns: reads, queries and repeated cancels."""
    if state.is_done:
        return []
    commands: list[AnyCommand] = []
    for order in state.orders.working():
        if order.status is not Status.OPEN:
            commands += _care_for(state, order)
    connected = state.gate.is_connected
    if connected and _due(state, state.sync_ts, state.config.timing.sync_s):
        state.sync_ts = state.ts
        commands += [ReadOpenOrders(), ReadAccount()]
    if connected and _due(state, state.budget_ts, state.config.timing.budget_read_s):
        state.budget_ts = state.ts
        commands.append(ReadBudget())
    if state.out_of_sync and state.resync_after is None:
        state.resync_after = state.ts
        commands += [*_read_fills(state, state.ts), ReadOpenOrders(), ReadAccount()]
    return commands + _prove_stop(state)


def _due(state: EngineState, last: Ns, every_s: float) -> bool:
    return state.ts - last >= every_s * NS_PER_S


def _care_for(state: EngineState, order: Order) -> list[AnyCommand]:
    """Ask about an order whose state has waited too long for evidence; send a lost cancel again."""
    wait_s = state.config.timing.query_after_s
    if not _due(state, max(order.asked_ts, order.changed_ts, order.sent_ts), wait_s):
        return []
    order.asked_ts = state.ts
    commands: list[AnyCommand] = [QueryOrder(cloid=order.cloid, coin=order.coin)]
    if order.status is Status.CANCELING and _due(state, order.cancel_ts, wait_s):
        state.orders.apply(order, Evidence.CANCEL_SENT, state.ts)
        state.budget.spend(1)
        commands.append(CancelOrder(cloid=order.cloid, coin=order.coin))
    if order.status is Status.ENDING:
        commands += _read_fills(state, order.sent_ts)
    return commands


def _read_fills(state: EngineState, since: Ns) -> list[AnyCommand]:
    """Read our fills again, at most once per query wait; the ledger's snapshot bounds how far back matters."""
    if state.ledger.snapshot_ms is None or not _due(state, state.fills_ts, state.config.timing.query_after_s):
        return []
    state.fills_ts = state.ts
    age_ms = (state.ts - since) // NS_PER_MS
    newest_ms = state.recent_fills[-1][0] if state.recent_fills else state.ledger.snapshot_ms
    return [ReadFills(since_ms=max(state.ledger.snapshot_ms, newest_ms - age_ms - FILLS_OVERLAP_MS))]


def _prove_stop(state: EngineState) -> list[AnyCommand]:
    """Once nothing of ours may rest, have the venue say so: open orders and account, read after the last end."""
    if not state.is_stopping or state.orders.working():
        state.confirm_ts = None
        state.confirmed_orders = state.confirmed_account = False
        return []
    waited = state.confirm_ts is None or _due(state, state.confirm_ts, state.config.timing.query_after_s)
    if not waited or (state.confirmed_orders and state.confirmed_account):
        return []
    state.confirm_ts = state.ts
    state.confirmed_orders = state.confirmed_account = False
    return [ReadOpenOrders(), ReadAccount()]
