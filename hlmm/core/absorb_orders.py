"""What answers and reports about our orders do to the state. The venue's word is evidence; the table decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from hlmm.core.commands import Alarm
from hlmm.core.events import (
    ActionRefused,
    CancelAcked,
    CancelRejected,
    OpenOrdersRead,
    OrderMatched,
    OrderRejected,
    OrderRested,
    OrderState,
    OrderStatusRead,
    OrderUpdated,
    Reject,
    RequestLost,
    RequestUnsent,
)
from hlmm.core.orders import FINAL, Evidence, Order, Status, is_ours
from hlmm.types import NS_PER_S, Cloid, Ns, Sz

if TYPE_CHECKING:
    from hlmm.core.events import OpenOrder
    from hlmm.core.state import EngineState

Answer = (
    OrderRested
    | OrderMatched
    | OrderRejected
    | CancelAcked
    | CancelRejected
    | ActionRefused
    | RequestLost
    | RequestUnsent
)
Report = OrderUpdated | OrderStatusRead | OpenOrdersRead

NOT_THE_ORDERS_FAULT = frozenset({Reject.RATE_LIMIT, Reject.NONCE, Reject.EXPIRED, Reject.SIGNER, Reject.VENUE_HALTED})
"""Refusals that a cancel may meet although its order rests."""


ORDINARY = frozenset({Reject.POST_ONLY, Reject.MISSING_ORDER})
"""Refusals that racing with the market brings: the touch moved, or the order to be modified was filled meanwhile."""


def absorb_answer(state: EngineState, event: Answer) -> None:
    """Take the venue's answer to a request of ours, or its absence."""
    match event:
        case OrderRested() | OrderMatched():
            evidence = Evidence.RESTED if isinstance(event, OrderRested) else Evidence.MATCHED
            order = _learn(state, event.cloid, evidence)
            if order is not None:
                order.oid = event.oid
                _time_answer(state, order)
        case CancelAcked():
            _learn(state, event.cloid, Evidence.CANCEL_ACKED)
        case OrderRejected():
            _refused(state, event)
        case CancelRejected():
            _uncancelled(state, event)
        case ActionRefused() | RequestUnsent():
            _never_happened(state, event)
        case RequestLost():
            _lost(state, event)
        case _:
            assert_never(event)


def absorb_report(state: EngineState, event: Report) -> None:
    """Take what the venue says of orders, asked or not."""
    match event:
        case OrderUpdated():
            _updated(state, event)
        case OrderStatusRead():
            _status(state, event)
        case OpenOrdersRead():
            _open_orders(state, event)
        case _:
            assert_never(event)


def _learn(state: EngineState, cloid: Cloid, evidence: Evidence) -> Order | None:
    """Apply evidence to the order of a cloid; out of sync when there is none or the table refuses."""
    order = state.orders.get(cloid)
    if order is None:
        state.lose_sync(f"the venue answered for an order we do not know (cloid {cloid})")
        return None
    before = order.status
    if not state.orders.apply(order, evidence, state.ts):
        state.lose_sync(f"order {cloid} was {before.value}, the venue says {evidence.value}")
    return order


def _time_answer(state: EngineState, order: Order) -> None:
    """An answer's round trip is the latency that quotes pay for."""
    coin = state.coins.get(order.coin)
    if coin is not None:
        coin.quoter.estimators.on_lag((state.ts - order.sent_ts) / NS_PER_S)


def _refused(state: EngineState, event: OrderRejected) -> None:
    order = _learn(state, event.cloid, Evidence.REFUSED)
    coin = None if order is None else state.coins.get(order.coin)
    if order is not None and coin is not None and event.reason is Reject.POST_ONLY:
        coin.crossed_ts[order.side] = state.ts
    if event.reason not in ORDINARY:
        state.rejects.append(state.ts)
        state.alarms.append(Alarm(code=f"order_refused.{event.reason.value}", text=event.text))


def _uncancelled(state: EngineState, event: CancelRejected) -> None:
    failed = event.reason in NOT_THE_ORDERS_FAULT
    order = _learn(state, event.cloid, Evidence.CANCEL_FAILED if failed else Evidence.CANCEL_MISSING)
    if order is not None and failed:
        order.refused_ts = state.ts


def _lost(state: EngineState, event: RequestLost) -> None:
    """No answer came: what was sent may or may not have happened."""
    for cloid in event.cloids:
        _learn(state, cloid, Evidence.LOST)
    for cloid in event.cancels:
        _learn(state, cloid, Evidence.CANCEL_LOST)
    state.alarms.append(Alarm(code="request_lost", text=f"no answer: {event.why}; asking the venue"))


def _never_happened(state: EngineState, event: ActionRefused | RequestUnsent) -> None:
    """The whole request was refused or not sent: its orders do not exist, its cancels did nothing."""
    for cloid in event.cloids:
        _learn(state, cloid, Evidence.REFUSED if isinstance(event, ActionRefused) else Evidence.UNSENT)
    for cloid in event.cancels:
        order = _learn(state, cloid, Evidence.CANCEL_FAILED)
        if order is not None and not event.cloids:
            # Only a cancel that failed waits before it is repeated; after a failed modify the cancel may go at once.
            order.refused_ts = state.ts
    if isinstance(event, ActionRefused):
        if event.reason is Reject.RATE_LIMIT:
            state.doubt_budget()
        state.rejects.extend([state.ts] * max(1, len(event.cloids)))
        state.alarms.append(Alarm(code=f"action_refused.{event.reason.value}", text=event.text))


def _updated(state: EngineState, event: OrderUpdated) -> None:
    order = state.orders.get(event.cloid)
    if order is None and not is_ours(event.cloid):
        if event.state is OrderState.OPEN:
            state.foreign[event.oid] = event.coin
        else:
            state.foreign.pop(event.oid, None)
        return
    if order is None:
        order = _adopt_update(state, event)
        if order is None:
            return
    order.oid = event.oid
    filled = event.orig_sz if event.state is OrderState.FILLED else Sz(event.orig_sz - event.remaining_sz)
    _say(state, order, event.state, filled, event.word)


def _adopt_update(state: EngineState, event: OrderUpdated) -> Order | None:
    """An order of an earlier run of ours that turned up; only a living one is worth knowing."""
    if event.state is not OrderState.OPEN or event.cloid is None:
        return None
    order = Order(
        cloid=event.cloid, coin=event.coin, side=event.side, px=event.px, sz=event.orig_sz, tif="Alo",
        sent_ts=state.ts, oid=event.oid, filled_sz=Sz(event.orig_sz - event.remaining_sz),
    )  # fmt: skip
    state.orders.register(order)
    return order


def _say(state: EngineState, order: Order, said: OrderState, filled: Sz, word: str) -> None:
    """Apply the venue's state of an order."""
    before = order.status
    match said:
        case OrderState.OPEN:
            possible = state.orders.apply(order, Evidence.SAID_OPEN, state.ts)
        case OrderState.FILLED | OrderState.CANCELED:
            possible = state.orders.end(order, filled, state.ts)
        case OrderState.REJECTED:
            possible = state.orders.apply(order, Evidence.SAID_REJECTED, state.ts)
        case OrderState.ABSENT:
            possible = True
        case OrderState.UNRECOGNISED:
            state.alarms.append(Alarm(code="unrecognised_status", text=f"venue status {word!r} of {order.cloid}"))
            _doubt(state, order)
            _absent(state, order)
            possible = False
        case _:
            assert_never(said)
    if said not in (OrderState.ABSENT, OrderState.UNRECOGNISED):
        order.absent_since = None
    if not possible:
        state.lose_sync(f"order {order.cloid} was {before.value}, the venue says {word}")


def _status(state: EngineState, event: OrderStatusRead) -> None:
    """The answer to a query of ours."""
    order = state.orders.get(event.cloid)
    if order is None or order.status in FINAL:
        return
    if event.state is OrderState.ABSENT:
        _absent(state, order)
        return
    if event.oid is not None:
        order.oid = event.oid
    whole = order.sz if event.orig_sz is None else event.orig_sz
    left = Sz(0) if event.remaining_sz is None or event.state is OrderState.FILLED else event.remaining_sz
    _say(state, order, event.state, Sz(whole - left), event.word)
    if order.status is Status.ENDING and _has_waited(state, order.changed_ts):
        owed = (order.ended_sz or Sz(0)) - order.filled_sz
        text = f"order {order.cloid} ended; {owed} of its fills (size units) never came, the position check decides"
        state.alarms.append(Alarm(code="fills_missing", text=text))
        state.orders.give_up(order, state.ts)


def _has_waited(state: EngineState, since: Ns) -> bool:
    """Whether the venue has had `absent_after_s` to say more."""
    return state.ts - since >= state.config.timing.absent_after_s * NS_PER_S


def _doubt(state: EngineState, order: Order) -> None:
    """A living order that the venue's words do not explain is UNKNOWN: as after a cancel without an answer."""
    if order.status in (Status.SENT, Status.OPEN):
        state.orders.apply(order, Evidence.CANCEL_SENT, state.ts)
    if order.status is Status.CANCELING:
        state.orders.apply(order, Evidence.CANCEL_LOST, state.ts)


def _absent(state: EngineState, order: Order) -> None:
    """The venue does not know the order. Look-ups lag, so only a long, repeated absence is evidence."""
    if order.status not in (Status.UNKNOWN, Status.ENDING):
        return
    if order.absent_since is None:
        order.absent_since = state.ts
        return
    if not _has_waited(state, order.absent_since):
        return
    if order.status is Status.UNKNOWN and order.oid is None and order.filled_sz == 0:
        state.orders.apply(order, Evidence.NEVER_EXISTED, state.ts)
    else:
        state.orders.end(order, order.filled_sz, state.ts)


def _open_orders(state: EngineState, event: OpenOrdersRead) -> None:
    """A snapshot: adopts ours that we do not know, counts foreign ones, and doubts what it lacks.

    One snapshot never ends an order: it may be older than the order. It only makes us ask.
    """
    state.gate.confirm("open_orders")
    state.orders_asked = event.asked_ts
    state.foreign = {order.oid: order.coin for order in event.orders if not is_ours(order.cloid)}
    seen = {order.cloid: order for order in event.orders if order.cloid is not None and is_ours(order.cloid)}
    grace = state.config.timing.query_after_s * NS_PER_S
    for cloid, found in seen.items():
        known = state.orders.get(cloid)
        if known is None:
            _adopt_snapshot(state, found, event.ts)
        elif known.status is Status.UNKNOWN:
            state.orders.apply(known, Evidence.SAID_OPEN, event.ts)
        elif known.status in FINAL and event.asked_ts - known.changed_ts > grace:
            state.orders.revive(known, found.remaining_sz, event.ts)
            state.alarms.append(Alarm(code="order_revived", text=f"order {cloid} was thought dead, and rests"))
    for order in state.orders.working():
        settled = event.asked_ts - max(order.sent_ts, order.changed_ts) > grace
        if order.status is Status.OPEN and order.cloid not in seen and settled:
            _doubt(state, order)
    state.resync.saw_orders(event.asked_ts)
    if state.confirm_ts is not None and event.asked_ts >= state.confirm_ts:
        state.confirmed_orders = not seen


def _adopt_snapshot(state: EngineState, found: OpenOrder, ts: Ns) -> None:
    """An order of an earlier run of ours that still rests: from now on it is managed like any other."""
    assert found.cloid is not None
    order = Order(
        cloid=found.cloid, coin=found.coin, side=found.side, px=found.px, sz=found.orig_sz, tif="Alo",
        sent_ts=ts, oid=found.oid, status=Status.OPEN, filled_sz=Sz(found.orig_sz - found.remaining_sz),
    )  # fmt: skip
    state.orders.register(order)
    state.alarms.append(Alarm(code="order_adopted", text=f"adopted order {found.cloid} of an earlier run"))
