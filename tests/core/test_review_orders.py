"""Scenarios of single orders that an independent review thought of: each once had no end, or cost requests."""

from __future__ import annotations

from hlmm.core.commands import (
    Alarm,
    CancelOrder,
    ModifyOrder,
)
from hlmm.core.events import (
    CancelAcked,
    CancelRejected,
    FeedDisconnected,
    OpenOrder,
    OpenOrdersRead,
    OrderFilled,
    OrderRejected,
    OrderRested,
    OrderState,
    OrderStatusRead,
    OrderUpdated,
    Reject,
    RequestLost,
)
from hlmm.core.orders import make_cloid
from hlmm.core.view import Phase
from hlmm.types import NS_PER_MS, Cloid, Coin, MicroUsd, Ms, Ns, Oid, Px, Side, Sz, Tid
from tests.support.engines import BTC, RUN_TAG, Bench, coin_config, engine_config

OLD = make_cloid(RUN_TAG + 1, 5)


def quoting(bench: Bench | None = None) -> Bench:
    """An engine with its ladder resting."""
    bench = bench or Bench()
    bench.connect()
    bench.rest()
    return bench


def found(cloid: Cloid, coin: Coin = BTC, remaining: int = 600, orig: int = 1000) -> OpenOrder:
    """An order in an open orders snapshot."""
    return OpenOrder(
        coin=coin, cloid=cloid, oid=Oid(77), side=Side.BID, px=Px(1_090_000), remaining_sz=Sz(remaining),
        orig_sz=Sz(orig), placed_ms=Ms(1),
    )  # fmt: skip


def canceled(bench: Bench, cloid: Cloid, remaining: int, orig: int) -> None:
    """The venue says that an adopted order was cancelled."""
    bench.on(CancelAcked(ts=bench.ts, cloid=cloid))
    bench.on(
        OrderUpdated(
            ts=bench.ts, venue_ts=bench.venue_ms, coin=BTC, cloid=cloid, oid=Oid(77), side=Side.BID, px=Px(1_090_000),
            orig_sz=Sz(orig), remaining_sz=Sz(remaining), state=OrderState.CANCELED, word="canceled",
        )
    )  # fmt: skip


def nothing_open(bench: Bench, *orders: OpenOrder, asked: Ns | None = None) -> None:
    """An open orders read."""
    bench.on(OpenOrdersRead(ts=bench.ts, asked_ts=asked or bench.ts, orders=orders))


def absent(bench: Bench, cloid: Cloid) -> None:
    """The venue does not know a cloid."""
    bench.on(
        OrderStatusRead(
            ts=bench.ts, cloid=cloid, oid=None, state=OrderState.ABSENT, word="unknownOid", orig_sz=None,
            remaining_sz=None,
        )
    )  # fmt: skip


def stray(bench: Bench, coin: Coin = BTC, sz: int = 500, venue_ms: int | None = None) -> OrderFilled:
    """A fill that is no order's of ours."""
    return OrderFilled(
        ts=bench.ts, venue_ts=Ms(venue_ms or bench.venue_ms), coin=coin, cloid=None, oid=Oid(3), tid=Tid(9),
        side=Side.BID, px=Px(1_100_000), sz=Sz(sz), fee=MicroUsd(0), start_position=Sz(0), crossed=True,
    )  # fmt: skip


# ---- orders ----


def test_an_adopted_order_filled_in_part_earlier_can_end() -> None:
    """What an earlier run's order had filled before it was adopted is not waited for."""
    bench = Bench()
    bench.connect(open_orders=(found(OLD),))
    canceled(bench, OLD, remaining=600, orig=1000)
    bench.rest()
    assert all(quote.price > 109_000.0 for quote in bench.engine.view().coins[0].quotes)


def test_an_adopted_order_of_a_coin_not_in_this_run_is_cancelled() -> None:
    """Nobody else would: an order of an earlier run with other coins may not rest unmanaged, nor block a stop."""
    bench = Bench()
    bench.connect(open_orders=(found(OLD, coin=Coin("ETH")),))
    assert CancelOrder(cloid=OLD, coin=Coin("ETH")) in bench.log


def test_a_coin_that_is_not_listed_does_not_leave_orders_of_the_others() -> None:
    """The gate stays shut, and what an earlier run left on the listed coins is cancelled all the same."""
    bench = Bench(engine_config(coin_config("MOON"), coin_config()))
    bench.connect(open_orders=(found(OLD),))
    assert CancelOrder(cloid=OLD, coin=BTC) in bench.log
    assert bench.orders == {}


def test_fills_that_never_arrive_do_not_block_a_stop_for_ever() -> None:
    """An order the venue ended, whose fills do not come although they were read again, ends with an alarm."""
    bench = quoting()
    cloid = next(iter(bench.orders))
    bench.stop()
    for command in [c for c in bench.sent if isinstance(c, CancelOrder)]:
        bench.on(CancelAcked(ts=bench.ts, cloid=command.cloid))
        left = 0 if command.cloid == cloid else bench.orders[command.cloid].sz
        bench.update(command.cloid, OrderState.CANCELED, left)
    assert bench.engine.view().coins[0].quotes
    for _ in range(10):
        bench.wait(1_100)
        order = bench.orders[cloid]
        bench.on(
            OrderStatusRead(
                ts=bench.ts, cloid=cloid, oid=bench.oids[cloid], state=OrderState.CANCELED, word="canceled",
                orig_sz=order.sz, remaining_sz=Sz(0),
            )
        )  # fmt: skip
    assert any(isinstance(c, Alarm) and c.code == "fills_missing" for c in bench.log)
    assert bench.engine.view().coins[0].quotes == ()


def test_an_ended_order_that_the_venue_forgot_is_ended() -> None:
    """After a cancel ack whose update was lost, a venue that no longer knows the order ends it."""
    bench = quoting()
    cloid = next(iter(bench.orders))
    bench.stop()
    bench.on(CancelAcked(ts=bench.ts, cloid=cloid))
    for _ in range(6):
        bench.wait(1_100)
        absent(bench, cloid)
    assert len(bench.engine.view().coins[0].quotes) == 3


def test_an_order_thought_dead_that_rests_is_cancelled() -> None:
    """A snapshot that shows an order we had buried brings it back, so that it can be cancelled and a stop can end."""
    bench = Bench(engine_config(unknown_orders_max=10))
    bench.connect()
    ghost = bench.placed()[0].cloid
    bench.rest(*(order.cloid for order in bench.placed()[1:]))
    bench.on(OrderRejected(ts=bench.ts, cloid=ghost, reason=Reject.POST_ONLY, text="x"))
    bench.stop()
    bench.cancel_all_acked()
    bench.wait(1_100)
    bench.wait(1_100)
    nothing_open(bench, found(ghost, remaining=400, orig=400))
    assert bench.cancelled() == [ghost]
    assert bench.engine.phase is Phase.STOPPING


def test_an_old_absence_is_forgotten_when_the_order_shows_itself() -> None:
    """An absence from before the order was seen alive is no evidence the next time it is in doubt."""
    bench = Bench(engine_config(unknown_orders_max=10))
    bench.connect()
    cloid = bench.placed()[0].cloid
    bench.rest(*(order.cloid for order in bench.placed()[1:]))
    bench.on(RequestLost(ts=bench.ts, cloids=(cloid,), cancels=(), why="timeout"))
    absent(bench, cloid)
    bench.on(OrderRested(ts=bench.ts, cloid=cloid, oid=Oid(5)))
    bench.wait(4_000)
    bench.stop()
    bench.on(RequestLost(ts=bench.ts, cloids=(), cancels=(cloid,), why="timeout"))
    absent(bench, cloid)
    assert bench.engine.view().unknown_orders == 1


def test_a_query_that_overtakes_a_cancels_ack_is_no_contradiction() -> None:
    """UNKNOWN, found open, then the cancel that was on its way is acknowledged: an ordinary end."""
    bench = quoting()
    cloid = next(iter(bench.orders))
    bench.on(FeedDisconnected(ts=bench.ts, reason="x"))
    bench.on(RequestLost(ts=bench.ts, cloids=(), cancels=(cloid,), why="timeout"))
    bench.connect()
    bench.on(
        OrderStatusRead(
            ts=bench.ts, cloid=cloid, oid=bench.oids[cloid], state=OrderState.OPEN, word="open", orig_sz=Sz(1),
            remaining_sz=Sz(1),
        )
    )  # fmt: skip
    bench.on(CancelAcked(ts=bench.ts, cloid=cloid))
    assert not any("0x" in reason for reason in bench.engine.view().reasons)


def test_modifies_that_race_with_fills_do_not_pull_the_other_quotes() -> None:
    """A sweep that takes the orders we were moving is news about fills, not orders of unknown outcome."""
    bench = quoting(Bench(engine_config(unknown_orders_max=0)))
    bench.bbo(1_100_990, 1_101_000)
    moves = [command for command in bench.sent if isinstance(command, ModifyOrder)]
    assert moves
    for move in moves[:1]:
        bench.on(CancelRejected(ts=bench.ts, cloid=move.cloid, reason=Reject.MISSING_ORDER, text="x"))
        bench.on(OrderRejected(ts=bench.ts, cloid=move.place.cloid, reason=Reject.MISSING_ORDER, text="x"))
        assert bench.cancelled() == []
    bench.wait(2_200)
    assert "unknown_orders" in bench.engine.view().coins[0].no_quote_reason


def test_a_status_word_nobody_knows_still_ends() -> None:
    """R16: an unknown word alarms, and an order that no snapshot shows is ended all the same."""
    bench = quoting()
    cloid = next(iter(bench.orders))
    for _ in range(8):
        bench.update(cloid, OrderState.UNRECOGNISED)
        bench.wait(1_100)
        bench.on(
            OrderStatusRead(
                ts=bench.ts, cloid=cloid, oid=bench.oids[cloid], state=OrderState.UNRECOGNISED, word="moonCanceled",
                orig_sz=Sz(9), remaining_sz=Sz(9),
            )
        )  # fmt: skip
    assert all(c.code != "halt" for c in bench.log if isinstance(c, Alarm))
    assert bench.engine.view().unknown_orders == 0
    bench.stop()
    assert cloid not in bench.cancelled()


# ---- requests ----


def test_orders_in_flight_are_not_doubled_while_the_market_moves() -> None:
    """A stale order whose ack is on its way is moved when it has come, not quoted a second time meanwhile."""
    bench = Bench()
    bench.connect()
    for step in range(1, 6):
        bench.ts = Ns(bench.ts + 50 * NS_PER_MS)
        bench.bbo(1_099_990 + step * 1_000, 1_100_000 + step * 1_000)
    assert len(bench.orders) == 4


def test_a_post_only_refusal_waits_for_a_newer_book() -> None:
    """The book we quote on is older than the refusal: the same price at once would be refused again."""
    bench = Bench()
    bench.connect()
    first = next(order for order in bench.placed() if order.side is Side.BID)
    bench.rest(*(order.cloid for order in bench.placed() if order.cloid != first.cloid))
    bench.fresh()
    for _ in range(10):
        bench.ts = Ns(bench.ts + 20 * NS_PER_MS)
        bench.on(OrderRejected(ts=bench.ts, cloid=first.cloid, reason=Reject.POST_ONLY, text="would match"))
    assert bench.fresh() == []
    bench.ts = Ns(bench.ts + 20 * NS_PER_MS)
    bench.bbo()
    assert [order.side for order in bench.fresh()] == [Side.BID]


def test_a_post_only_refusal_does_not_stop_a_pull() -> None:
    """Waiting for a newer book never keeps an order resting that must go."""
    bench = Bench()
    bench.connect()
    first = bench.placed()[0]
    bench.rest(*(order.cloid for order in bench.placed()[1:]))
    bench.on(OrderRejected(ts=bench.ts, cloid=first.cloid, reason=Reject.POST_ONLY, text="would match"))
    bench.stop()
    assert len(bench.cancelled()) == 3
