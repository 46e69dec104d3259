"""Every refusal text and every status word of the venue: what the engine makes of it, orders and position stay true."""

from __future__ import annotations

import json

import pytest

from hlmm.core.commands import Alarm, PlaceOrder, QueryOrder
from hlmm.core.events import OrderState, OrderUpdated, Reject
from hlmm.core.orders import FINAL, Status
from hlmm.hyperliquid import answers
from hlmm.hyperliquid.errors import STATUS_WORDS, TEXTS, Scope, order_state
from hlmm.hyperliquid.inflight import Cancels, Places
from hlmm.hyperliquid.universe import MetaWire, PerpWire, Universe
from hlmm.types import Cloid, Oid, Sz
from tests.support.engines import BTC, Bench, engine_config

UNIVERSE = Universe({"": MetaWire([PerpWire("BTC", 5, 40)])}, [])
UNSEEN = "The moon is in the wrong house. asset=0"
PART = 60
WHOLE_TEXTS = [text for text, meaning in TEXTS if meaning.scope is Scope.WHOLE]
ORDER_TEXTS = [*(text for text, meaning in TEXTS if meaning.scope is Scope.ORDER), UNSEEN]
DOUBT_TEXTS = [text for text, meaning in TEXTS if meaning.scope is Scope.DOUBT]


def placed() -> tuple[Bench, list[PlaceOrder]]:
    """An engine that has just sent its first ladder."""
    bench = Bench(engine_config(rejects_max=1000, unknown_orders_max=1000))
    bench.connect()
    return bench, list(bench.orders.values())


def answer(bench: Bench, orders: list[PlaceOrder], payload: object) -> None:
    """The venue answers the order action."""
    body = json.dumps(payload).encode()
    for event in answers.action_events(Places(tuple(orders)), body, UNIVERSE, bench.ts):
        bench.on(event)


def status(bench: Bench, cloid: Cloid) -> Status:
    """Where the engine believes the order is."""
    order = bench.engine._state.orders.get(cloid)
    assert order is not None
    return order.status


def statuses(*items: object) -> object:
    """An accepted action with one status per order."""
    return {"status": "ok", "response": {"type": "order", "data": {"statuses": list(items)}}}


@pytest.mark.parametrize("text", ORDER_TEXTS)
def test_one_refused_order_leaves_the_others_alone(text: str) -> None:
    """A per-order refusal ends that order, the rest of the batch rests, the position is what it was."""
    bench, orders = placed()
    resting = [{"resting": {"oid": 7000 + index}} for index in range(1, len(orders))]
    answer(bench, orders, statuses({"error": f"{text} asset=0"}, *resting))
    assert status(bench, orders[0].cloid) is Status.REJECTED
    assert [status(bench, order.cloid) for order in orders[1:]] == [Status.OPEN] * (len(orders) - 1)
    assert bench.engine.view().coins[0].position == 0


@pytest.mark.parametrize("text", WHOLE_TEXTS)
def test_a_refused_action_ends_every_order_of_it(text: str) -> None:
    """A refusal of the whole action, as an error or as one status for the batch, leaves none of its orders."""
    for payload in ({"status": "err", "response": text}, statuses({"error": text})):
        bench, orders = placed()
        answer(bench, orders, payload)
        assert {status(bench, order.cloid) for order in orders} == {Status.REJECTED}
        assert bench.engine.view().coins[0].position == 0


@pytest.mark.parametrize("text", DOUBT_TEXTS)
def test_a_doubtful_refusal_is_asked_about(text: str) -> None:
    """Where this very action may have been taken before, every order is UNKNOWN and the venue is asked."""
    bench, orders = placed()
    answer(bench, orders, {"status": "err", "response": text})
    assert {status(bench, order.cloid) for order in orders} == {Status.UNKNOWN}
    bench.wait(1_100)
    assert {c.cloid for c in bench.sent if isinstance(c, QueryOrder)} >= {order.cloid for order in orders}


@pytest.mark.parametrize("text", [*WHOLE_TEXTS, *DOUBT_TEXTS, *ORDER_TEXTS])
def test_a_refused_cancel_never_ends_an_order(text: str) -> None:
    """Whatever the venue says to a cancel, only its evidence about the order ends it."""
    bench, orders = placed()
    bench.rest()
    bench.stop()
    cancels = tuple(c for c in bench.sent if type(c).__name__ == "CancelOrder")
    body = json.dumps({"status": "err", "response": text}).encode()
    for event in answers.action_events(Cancels(cancels), body, UNIVERSE, bench.ts):  # type: ignore[arg-type]
        bench.on(event)
    assert not any(status(bench, order.cloid) in FINAL for order in orders)


@pytest.mark.parametrize("word", [*STATUS_WORDS, "heretofore unseen"])
def test_each_status_word_of_a_resting_order(word: str) -> None:
    """After a partial fill the order ends as the word says, the position is the fills', an unknown word alarms."""
    bench, orders = placed()
    bench.rest()
    order = orders[0]
    bench.fill(order.cloid, PART, tid=1)
    left = 0 if order_state(word) is OrderState.FILLED else order.sz - PART
    bench.on(
        OrderUpdated(
            ts=bench.ts, venue_ts=bench.venue_ms, coin=BTC, cloid=order.cloid, oid=bench.oids.get(order.cloid, Oid(1)),
            side=order.side, px=order.px, orig_sz=order.sz, remaining_sz=Sz(left), state=order_state(word), word=word,
        )
    )  # fmt: skip
    expected = {
        OrderState.OPEN: Status.OPEN,
        OrderState.FILLED: Status.ENDING,
        OrderState.CANCELED: Status.CANCELED,
        OrderState.REJECTED: Status.REJECTED,
    }
    if order_state(word) is OrderState.UNRECOGNISED:
        assert any(isinstance(c, Alarm) and word in c.text for c in bench.log)
    else:
        assert status(bench, order.cloid) is expected[order_state(word)]
    assert bench.engine._state.ledger.position(BTC) == PART
    if order_state(word) is OrderState.FILLED:
        bench.fill(order.cloid, order.sz - PART, tid=2)
        assert status(bench, order.cloid) is Status.FILLED
        assert bench.engine._state.ledger.position(BTC) == order.sz


def test_every_reason_has_a_text() -> None:
    """No `Reject` member but UNKNOWN_TEXT is unreachable."""
    reached = {meaning.reason for _, meaning in TEXTS} | {Reject.UNKNOWN_TEXT}
    assert reached == set(Reject)
