"""What the engine asks the venue by itself: orders in doubt, regular reads, the resync, and the proof of a stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hlmm.core.commands import (
    CancelOrder,
    QueryOrder,
    ReadAccount,
    ReadBudget,
    ReadFills,
    ReadOpenOrders,
    Resubscribe,
    SetLeverage,
)
from hlmm.core.orders import Evidence, Order, Status
from hlmm.core.state import Leverage
from hlmm.types import NS_PER_MS, NS_PER_S, Ns

if TYPE_CHECKING:
    from hlmm.core.commands import AnyCommand
    from hlmm.core.state import EngineState

FILLS_OVERLAP_MS: Final = 5000
"""How far before the doubtful order fills are read again; duplicates are known by tid."""

QUIET_SYNCS: Final = 2
"""Sync intervals (beyond the feed's own limit) without a book, after which the connection is taken for dead."""


def care(state: EngineState) -> list[AnyCommand]:
    """Every question due now. Args: state after absorbing the event. Returns: reads, queries and repeated cancels."""
    if state.is_done:
        return []
    commands = _care_for_orders(state)
    connected = state.gate.is_connected
    if connected and _due(state, state.sync_ts, state.config.timing.sync_s):
        state.sync_ts = state.ts
        commands += [ReadOpenOrders(), ReadAccount()]
    if connected and _due(state, state.budget_ts, state.config.timing.budget_read_s):
        state.budget_ts = state.ts
        commands.append(ReadBudget())
    if state.resync.is_due(state.ts, state.config.timing.query_after_s):
        commands += [*_read_missed_fills(state), ReadOpenOrders(), ReadAccount()]
    elif connected and state.is_refetch_due:
        commands += _read_missed_fills(state)
    return commands + _set_leverages(state) + _prove_stop(state) + _renew_feed(state)


def _set_leverages(state: EngineState) -> list[AnyCommand]:
    """Set what the venue says is set otherwise. Setting is idempotent, so a lost answer is simply asked for again."""
    commands: list[AnyCommand] = []
    for coin in () if state.is_stopping else state.coins.values():
        if coin.leverage is Leverage.OTHER and _due(state, coin.leverage_ts, state.config.timing.query_after_s):
            coin.leverage_ts = state.ts
            state.budget.spend(1)
            is_cross = coin.config.margin_mode == "cross"
            commands.append(SetLeverage(coin=coin.coin, leverage=coin.config.leverage, is_cross=is_cross))
    return commands


def _care_for_orders(state: EngineState) -> list[AnyCommand]:
    commands: list[AnyCommand] = []
    for order in state.orders.working():
        if order.status is not Status.OPEN:
            commands += _care_for(state, order)
        elif order.coin not in state.coins:
            commands += _cancel_unmanaged(state, order)
    return commands


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


def _cancel_unmanaged(state: EngineState, order: Order) -> list[AnyCommand]:
    """Cancel an order that no coin of this run will ever decide about: an earlier run of ours had other coins."""
    if not _due(state, order.refused_ts, state.config.timing.query_after_s):
        return []
    state.orders.apply(order, Evidence.CANCEL_SENT, state.ts)
    state.budget.spend(1)
    return [CancelOrder(cloid=order.cloid, coin=order.coin)]


def _read_missed_fills(state: EngineState) -> list[AnyCommand]:
    """Read every fill since the last block at which our positions and the venue's agreed."""
    state.is_refetch_due = False
    snapshot_ms = state.ledger.snapshot_ms
    if snapshot_ms is None:
        return []
    state.fills_ts = state.ts
    agreed_ms = snapshot_ms if state.agreed_ms is None else state.agreed_ms - FILLS_OVERLAP_MS
    return [ReadFills(since_ms=max(snapshot_ms, agreed_ms))]


def _renew_feed(state: EngineState) -> list[AnyCommand]:
    """Ask for a new connection when this one brings no books, or never brought what only its opening asks for."""
    if state.is_stopping or not state.gate.is_connected:
        return []
    timing = state.config.timing
    coins = [coin for coin in state.coins.values() if coin.instrument is not None]
    ages = [coin.config.limits.feed_age_max_s for coin in coins]
    wait_s = QUIET_SYNCS * timing.sync_s + max(ages, default=0.0)
    if not _due(state, state.connected_ts, wait_s):
        return []
    lost = state.gate.lacks("fees") or (state.gate.lacks("signer") and not state.is_signer_refused)
    quiet = bool(coins) and all(_due(state, coin.book.top_ts or state.connected_ts, wait_s) for coin in coins)
    if not (lost or quiet):
        return []
    state.connected_ts = state.ts
    return [Resubscribe(why="no books arrive" if quiet else "fees or signer were never told")]


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
    if state.confirmed_orders and state.confirmed_account:
        return []
    if state.confirm_ts is None:
        state.confirm_ts = state.ts
    elif not _due(state, state.proof_ts, state.config.timing.query_after_s):
        return []
    state.proof_ts = state.ts
    return [ReadOpenOrders(), ReadAccount()]
