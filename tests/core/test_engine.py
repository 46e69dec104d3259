"""The engine by scenario: fail-closed start, quoting, fills, lost answers, stale feeds, stop and halt."""

from __future__ import annotations

import msgspec
import pytest
from typing_extensions import override

from hlmm.core.commands import (
    Alarm,
    AnyCommand,
    CancelOrder,
    Decision,
    ModifyOrder,
    PlaceOrder,
    QueryOrder,
    ReadAccount,
    ReadFills,
    ReadOpenOrders,
)
from hlmm.core.engine import Engine
from hlmm.core.events import (
    ActionRefused,
    AnyEvent,
    CancelAcked,
    CancelRejected,
    FeedConnected,
    FeedDisconnected,
    FrameQuarantined,
    HaltRequested,
    Holding,
    OpenOrder,
    OpenOrdersRead,
    OrderRejected,
    OrderState,
    OrderStatusRead,
    Reject,
    RequestLost,
    RequestUnsent,
    Tick,
)
from hlmm.core.orders import make_cloid
from hlmm.core.view import Phase
from hlmm.types import NS_PER_MS, Ms, Ns, Oid, Px, Side, Sz, to_cloid
from tests.support.engines import BTC, RUN_TAG, Bench, coin_config, engine_config, sides


def kinds(commands: list[AnyCommand]) -> list[str]:
    """Class names, for reading a step."""
    return [type(command).__name__ for command in commands]


def quoting(**limits: float) -> Bench:
    """An engine with its ladder resting."""
    bench = Bench(engine_config(coin_config(**limits)))
    bench.connect()
    bench.rest()
    return bench


def test_nothing_is_placed_before_everything_is_known() -> None:
    """Fail closed: only the last of the gate's facts lets quotes out, and the reasons name what is missing."""
    bench = Bench()
    bench.context()
    bench.bbo()
    assert bench.placed() == []
    assert "instruments" in bench.engine.view().reasons
    bench.connect()
    assert sides(bench.placed()) == (2, 2)
    assert bench.engine.phase is Phase.TRADING


def test_quotes_are_post_only_and_straddle_the_market() -> None:
    """Bids below the best ask, asks above the best bid, all Alo."""
    bench = Bench()
    bench.connect()
    for order in bench.placed():
        assert order.tif == "Alo"
        assert order.px < 1_100_000 if order.side is Side.BID else order.px > 1_099_990


def test_a_small_move_inside_the_band_costs_no_request() -> None:
    """An unchanged or barely moved market sends nothing."""
    bench = quoting()
    bench.ts = Ns(bench.ts + 100 * NS_PER_MS)
    assert bench.bbo() == []


def test_a_large_move_replaces_quotes_with_one_request_each() -> None:
    """Outside the band each stale order becomes one modify with a fresh cloid."""
    bench = quoting()
    before = dict(bench.orders)
    bench.ts = Ns(bench.ts + 100 * NS_PER_MS)
    bench.bbo(1_100_990, 1_101_000)
    moves = [command for command in bench.sent if isinstance(command, ModifyOrder)]
    assert moves
    for move in moves:
        assert move.cloid in before
        assert move.place.cloid not in before


def test_inventory_lowers_both_quotes_when_long() -> None:
    """The skew reaches the wire: after a bid fill the wished prices of both sides are lower."""
    flat, long = Bench(), Bench()
    flat.connect()
    long.connect(position=5_000)
    lower = [order.px for order in long.placed()]
    assert lower
    for side in Side:
        best_flat = max(side * order.px for order in flat.placed() if order.side is side)
        best_long = [side * order.px for order in long.placed() if order.side is side]
        assert not best_long or (max(best_long) - best_flat) * side < 0


def test_a_fill_is_counted_once() -> None:
    """The same tid twice moves the position once."""
    bench = quoting()
    cloid = next(iter(bench.orders))
    bench.fill(cloid, tid=42)
    size = bench.engine.view().coins[0].position
    bench.fill(cloid, tid=42)
    assert bench.engine.view().coins[0].position == size > 0
    assert bench.engine.view().fills == 1


def test_a_fill_before_the_account_snapshot_is_not_counted_twice() -> None:
    """A fill that the first snapshot already holds does not move the position again."""
    bench = quoting()
    bench.connect(position=0)
    cloid = next(iter(bench.orders))
    early = Ns(bench.ts)
    bench.fill(cloid, tid=1)
    assert bench.engine.view().fills == 1
    assert bench.ts > early


def test_a_stale_feed_pulls_every_quote() -> None:
    """Without a top of book for feed_age_max_s everything that rests is cancelled, by the tick alone."""
    bench = quoting()
    bench.wait(4_000)
    assert bench.cancelled() == []
    bench.wait(2_000)
    assert sorted(bench.cancelled()) == sorted(bench.orders)
    assert "stale_book" in bench.engine.view().coins[0].no_quote_reason


def test_a_disconnect_pulls_and_needs_everything_read_again() -> None:
    """Losing the session cancels what rests; quoting resumes only after account and orders are read again."""
    bench = quoting()
    bench.on(FeedDisconnected(ts=bench.ts, reason="test"))
    assert sorted(bench.cancelled()) == sorted(bench.orders)
    assert bench.engine.phase is Phase.STARTING
    bench.cancel_all_acked()
    bench.fresh()
    bench.on(FeedConnected(ts=bench.ts))
    bench.bbo()
    assert bench.fresh() == []
    bench.connect()
    assert sides(bench.fresh()) == (2, 2)


def test_a_lost_place_is_queried_and_never_resent() -> None:
    """A timed-out order is UNKNOWN: asked about by cloid, its room stays taken, nothing is placed in its stead."""
    bench = Bench(engine_config(unknown_orders_max=10))
    bench.connect()
    lost = bench.placed()[0]
    bench.rest(*(order.cloid for order in bench.placed()[1:]))
    bench.on(RequestLost(ts=bench.ts, cloids=(lost.cloid,), cancels=(), why="timeout"))
    assert bench.engine.view().unknown_orders == 1
    bench.wait(1_100)
    assert QueryOrder(cloid=lost.cloid, coin=BTC) in bench.sent
    assert all(order.cloid != lost.cloid for order in bench.placed())


@pytest.mark.parametrize(
    ("state", "unknown", "live"),
    [(OrderState.OPEN, 0, 4), (OrderState.CANCELED, 0, 3), (OrderState.REJECTED, 0, 3), (OrderState.ABSENT, 1, 4)],
)
def test_an_unknown_order_is_resolved_by_the_venues_word(state: OrderState, unknown: int, live: int) -> None:
    """What the query says decides; one absence is not yet evidence."""
    bench = quoting(max_position_usd=1_100.0)
    cloid = next(iter(bench.orders))
    order = bench.orders[cloid]
    bench.on(FeedDisconnected(ts=bench.ts, reason="x"))
    bench.on(RequestLost(ts=bench.ts, cloids=(), cancels=(cloid,), why="timeout"))
    for other in list(bench.orders)[1:]:
        bench.on(RequestUnsent(ts=bench.ts, cloids=(), cancels=(other,), why="x"))
    sz = order.sz if state is OrderState.CANCELED else Sz(0)
    bench.on(
        OrderStatusRead(
            ts=bench.ts, cloid=cloid, oid=bench.oids[cloid], state=state, word=state.value, orig_sz=order.sz,
            remaining_sz=sz,
        )
    )  # fmt: skip
    view = bench.engine.view()
    assert (view.unknown_orders, view.live_orders) == (unknown, live)


def test_a_long_absence_means_the_order_never_existed() -> None:
    """Absent answers over absent_after_s end an order that the venue never acknowledged."""
    bench = Bench(engine_config(unknown_orders_max=10))
    bench.connect()
    lost = bench.placed()[0].cloid
    bench.on(RequestLost(ts=bench.ts, cloids=(lost,), cancels=(), why="timeout"))

    def absent() -> None:
        bench.on(
            OrderStatusRead(
                ts=bench.ts, cloid=lost, oid=None, state=OrderState.ABSENT, word="unknownOid", orig_sz=None,
                remaining_sz=None,
            )
        )  # fmt: skip

    absent()
    bench.wait(2_900)
    absent()
    assert bench.engine.view().unknown_orders == 1
    bench.wait(200)
    absent()
    assert bench.engine.view().unknown_orders == 0


def test_too_many_unknown_orders_pull_the_rest() -> None:
    """Beyond unknown_orders_max nothing is quoted until the venue has answered."""
    bench = Bench(engine_config(unknown_orders_max=0))
    bench.connect()
    first, *rest = [order.cloid for order in bench.placed()]
    bench.rest(*rest)
    bench.on(RequestLost(ts=bench.ts, cloids=(first,), cancels=(), why="timeout"))
    assert sorted(bench.cancelled()) == sorted([first, *rest])


def test_a_refused_action_frees_its_orders_and_counts() -> None:
    """An action refused as a whole rejects its orders; enough of them within the window pull."""
    bench = Bench(engine_config(rejects_max=4))
    bench.connect()
    cloids = tuple(order.cloid for order in bench.placed())
    bench.on(ActionRefused(ts=bench.ts, cloids=cloids, cancels=(), reason=Reject.RATE_LIMIT, text="Too many"))
    assert bench.placed() == []
    assert "reject_storm" in bench.engine.view().coins[0].no_quote_reason
    bench.fresh()
    bench.wait(31_000)
    bench.bbo()
    bench.context()
    assert sides(bench.fresh()) == (2, 2)


def test_a_post_only_refusal_is_ordinary() -> None:
    """An Alo order that would have crossed counts as no storm; its level is quoted again on the next book."""
    bench = Bench(engine_config(rejects_max=1))
    bench.connect()
    first = bench.placed()[0]
    bench.rest(*(order.cloid for order in bench.placed()[1:]))
    bench.on(OrderRejected(ts=bench.ts, cloid=first.cloid, reason=Reject.POST_ONLY, text="would match"))
    assert bench.placed() == []
    bench.wait(50)
    bench.bbo()
    assert [order.px for order in bench.placed()] == [first.px]


def test_a_cancel_that_finds_nothing_asks_instead_of_assuming() -> None:
    """The answer "never placed, already canceled, or filled" leaves the order in doubt until the venue says which."""
    bench = quoting()
    bench.wait(6_000)
    cloid = bench.cancelled()[0]
    bench.on(CancelRejected(ts=bench.ts, cloid=cloid, reason=Reject.MISSING_ORDER, text="missing"))
    assert bench.engine.view().unknown_orders == 1
    bench.wait(1_100)
    assert any(isinstance(command, QueryOrder) and command.cloid == cloid for command in bench.sent)


def test_own_orders_of_an_earlier_run_are_adopted_and_foreign_ones_left_alone() -> None:
    """After a crash, resting orders with our prefix are managed; orders without it are counted, never touched."""
    old = make_cloid(RUN_TAG + 1, 5)
    found = tuple(
        OpenOrder(
            coin=BTC, cloid=cloid, oid=Oid(index), side=Side.BID, px=Px(1_090_000), remaining_sz=Sz(100),
            orig_sz=Sz(100), placed_ms=Ms(1),
        )
        for index, cloid in enumerate((old, None, to_cloid(77)))
    )  # fmt: skip
    bench = Bench()
    bench.connect(open_orders=found)
    touched = [c.cloid for c in bench.log if isinstance(c, CancelOrder | ModifyOrder)]
    assert touched == [old]
    assert bench.engine.view().foreign_orders == 2


def test_a_snapshot_that_lacks_an_order_only_raises_a_question() -> None:
    """One lagging snapshot never deletes a live order; the venue is asked about it."""
    bench = quoting()
    bench.ts = Ns(bench.ts + 3_000 * NS_PER_MS)
    bench.bbo()
    bench.context()
    bench.on(OpenOrdersRead(ts=bench.ts, asked_ts=bench.ts, orders=()))
    view = bench.engine.view()
    assert (view.unknown_orders, view.live_orders) == (4, 4)


def test_position_drift_pulls_and_rereads_then_recovers() -> None:
    """Two account reads in a row that disagree raise an alarm, pull, and read fills again; agreement resumes."""
    bench = quoting()
    wrong = (Holding(coin=BTC, sz=Sz(999), mark_px=Px(1_100_000)),)
    bench.on(bench.account(wrong))
    assert bench.cancelled() == []
    bench.on(bench.account(wrong))
    assert any(isinstance(c, Alarm) and c.code == "position_drift" for c in bench.sent)
    assert any(isinstance(c, ReadFills) for c in bench.sent)
    assert sorted(bench.cancelled()) == sorted(bench.orders)
    bench.cancel_all_acked()
    bench.fresh()
    bench.wait(10)
    bench.on(OpenOrdersRead(ts=bench.ts, asked_ts=bench.ts, orders=()))
    bench.on(bench.account())
    bench.bbo()
    assert sides(bench.fresh()) == (2, 2)


def test_stop_cancels_confirms_and_places_nothing_more() -> None:
    """Invariant 4: after a stop only cancels leave; STOPPED needs the venue's word on orders and account."""
    bench = quoting()
    bench.stop()
    assert sorted(bench.cancelled()) == sorted(bench.orders)
    assert bench.placed() == []
    bench.cancel_all_acked()
    bench.wait(60)
    assert bench.engine.phase is Phase.STOPPING
    assert ReadOpenOrders() in bench.sent or bench.engine.view().live_orders == 0
    bench.wait(1_100)
    assert ReadOpenOrders() in bench.sent
    assert ReadAccount() in bench.sent
    bench.on(OpenOrdersRead(ts=bench.ts, asked_ts=bench.ts, orders=()))
    assert bench.engine.phase is Phase.STOPPING
    bench.on(bench.account())
    assert bench.engine.phase is Phase.STOPPED
    bench.bbo(1_200_000, 1_200_010)
    assert bench.sent == []


def test_a_stop_is_not_proved_by_a_read_that_still_shows_an_order() -> None:
    """An order of ours in the confirming snapshot is adopted and cancelled before the stop is done."""
    bench = quoting()
    bench.stop()
    bench.cancel_all_acked()
    bench.wait(1_100)
    ghost = OpenOrder(
        coin=BTC, cloid=make_cloid(99, 1), oid=Oid(5), side=Side.BID, px=Px(1_000_000), remaining_sz=Sz(100),
        orig_sz=Sz(100), placed_ms=Ms(1),
    )  # fmt: skip
    bench.on(OpenOrdersRead(ts=bench.ts, asked_ts=bench.ts, orders=(ghost,)))
    assert bench.cancelled() == [ghost.cloid]
    bench.on(bench.account())
    assert bench.engine.phase is Phase.STOPPING


def test_a_loss_halts_for_good() -> None:
    """A loss beyond loss_max_usd cancels everything and ends HALTED, not STOPPED."""
    bench = quoting()
    bench.fill(next(iter(bench.orders)))
    bench.context(px=1_095_000)
    assert bench.engine.view().pnl.total < 0
    bench = Bench(engine_config(loss_max_usd=1.0))
    bench.connect(position=10_000)
    bench.rest()
    bench.context(px=1_099_000)
    assert "loss" in bench.engine.halt_reason
    assert bench.cancelled()
    bench.cancel_all_acked()
    bench.wait(1_100)
    bench.on(OpenOrdersRead(ts=bench.ts, asked_ts=bench.ts, orders=()))
    bench.on(bench.account((Holding(coin=BTC, sz=Sz(10_000), mark_px=Px(1_099_000)),)))
    assert bench.engine.phase is Phase.HALTED


def test_an_operators_halt_is_a_halt() -> None:
    """HaltRequested pulls everything and keeps its reason."""
    bench = quoting()
    bench.on(HaltRequested(ts=bench.ts, reason="3 a.m."))
    assert bench.engine.halt_reason == "3 a.m."
    assert sorted(bench.cancelled()) == sorted(bench.orders)


def test_the_request_reserve_is_never_spent_on_orders() -> None:
    """With only the reserve left nothing is placed, and cancels still go."""
    bench = Bench()
    bench.connect(used=19_900)
    assert bench.placed() == []
    assert bench.engine.view().budget.cancels_left > 10_000


def test_quarantined_frames_are_counted_and_shown() -> None:
    """A frame that no decoder accepts is visible, not fatal."""
    bench = quoting()
    bench.on(FrameQuarantined(ts=bench.ts, channel="bbo", why="bad", text="{}"))
    assert bench.engine.view().quarantined_frames == 1


def test_a_decision_is_emitted_when_the_reason_changes() -> None:
    """Why we (do not) quote is an output, once per change."""
    bench = quoting()
    bench.wait(6_000)
    decisions = [command for command in bench.sent if isinstance(command, Decision)]
    assert [(decision.verdict, decision.reason) for decision in decisions] == [("pull", "stale_book")]
    bench.wait(50)
    assert not any(isinstance(command, Decision) for command in bench.sent)


def test_the_half_spread_is_the_sum_of_its_terms() -> None:
    """Every quote can be explained: the terms before the skew add up to the half-spread."""
    coin = quoting().engine.view().coins[0]
    assert coin.half_spread_bps == pytest.approx(sum(term.bps for term in coin.terms[:-1]), abs=1e-12)


def test_replaying_the_same_events_gives_the_same_commands() -> None:
    """Invariant 7: two engines fed alike answer alike, byte for byte."""
    log: list[AnyEvent] = []

    class Recorder(Bench):
        @override
        def on(self, event: AnyEvent) -> list[AnyCommand]:
            log.append(event)
            return super().on(event)

    bench = Recorder()
    bench.connect()
    bench.rest()
    bench.fill(next(iter(bench.orders)))
    for step in range(40):
        bench.ts = Ns(bench.ts + 250 * NS_PER_MS)
        bench.bbo(1_099_990 + step * 40, 1_100_000 + step * 40)
        bench.context(1_100_000 + step * 40)
        bench.rest()
    bench.stop()
    outputs = []
    for _ in range(2):
        engine = Engine(engine_config(), RUN_TAG)
        outputs.append(msgspec.json.encode([engine.on(event) for event in log]))
    assert outputs[0] == outputs[1]


def test_time_never_goes_back() -> None:
    """An event older than the last one is a bug of the shell and asserts."""
    bench = quoting()
    with pytest.raises(AssertionError, match="time went back"):
        bench.engine.on(Tick(ts=Ns(bench.ts - 1)))


def test_late_cancel_ack_after_the_fill_keeps_position_right() -> None:
    """A cancel acknowledged for an order that was filled meanwhile: the fill counts, nothing is lost."""
    bench = quoting()
    cloid = next(iter(bench.orders))
    bench.wait(6_000)
    bench.fill(cloid)
    bench.on(CancelAcked(ts=bench.ts, cloid=cloid))
    assert bench.engine.view().fills == 1
    assert bench.engine.view().coins[0].position > 0


def test_commands_are_well_formed_orders() -> None:
    """Every placed order has a fresh cloid, a positive price and size, and worth at least 10 USDC."""
    bench = quoting()
    cloids = list(bench.orders)
    assert len(cloids) == len([c for c in bench.log if isinstance(c, PlaceOrder | ModifyOrder)])
    assert all(order.px * order.sz >= 10_000_000 for order in bench.orders.values())
