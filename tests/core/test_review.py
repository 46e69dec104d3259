"""Scenarios an independent review thought of: each once lost money, requests or agreement with the venue."""

from __future__ import annotations

import msgspec
import pytest

from hlmm.core.commands import (
    Alarm,
    ModifyOrder,
    PlaceOrder,
    QueryOrder,
    ReadAccount,
    ReadBudget,
    ReadFills,
    ReadOpenOrders,
    Resubscribe,
)
from hlmm.core.events import (
    AccountRead,
    ActionRefused,
    BudgetRead,
    CancelAcked,
    CancelRejected,
    FeedConnected,
    FeedDisconnected,
    FeesRead,
    Holding,
    MetaRead,
    OpenOrder,
    OpenOrdersRead,
    OrderFilled,
    OrderState,
    OrderStatusRead,
    OrderUpdated,
    Reject,
    RequestLost,
    RequestUnsent,
    RoleRead,
)
from hlmm.core.orders import make_cloid
from hlmm.core.view import Phase
from hlmm.types import NS_PER_MS, Address, Cloid, Coin, MicroUsd, Ms, Ns, Oid, Px, Side, Sz, Tid
from tests.support.engines import BTC, INSTRUMENT, RUN_TAG, Bench, coin_config, engine_config

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


# ---- cancels that cannot be sent ----


@pytest.mark.parametrize("refused", [False, True])
def test_a_cancel_that_failed_is_repeated_at_a_bounded_rate(*, refused: bool) -> None:
    """Without a network, or over the budget, each failure does not bring the next cancel at once."""
    bench = quoting()
    bench.on(FeedDisconnected(ts=bench.ts, reason="cable"))
    cancels = tuple(bench.cancelled())
    assert len(cancels) == 4
    for _ in range(20):
        bench.ts = Ns(bench.ts + 5 * NS_PER_MS)
        failed = (
            ActionRefused(ts=bench.ts, cloids=(), cancels=cancels, reason=Reject.RATE_LIMIT, text="Too many")
            if refused
            else RequestUnsent(ts=bench.ts, cloids=(), cancels=cancels, why="unreachable")
        )
        bench.on(failed)
        assert bench.cancelled() == []
    bench.wait(1_000)
    assert sorted(bench.cancelled()) == sorted(cancels)


def test_a_refused_modify_does_not_delay_the_cancel() -> None:
    """Over the order budget a modify fails; the pull that follows is not made to wait for it."""
    bench = quoting()
    bench.bbo(1_100_990, 1_101_000)
    moves = [command for command in bench.sent if isinstance(command, ModifyOrder)]
    bench.stop()
    bench.on(
        ActionRefused(
            ts=bench.ts, cloids=tuple(move.place.cloid for move in moves), cancels=tuple(m.cloid for m in moves),
            reason=Reject.RATE_LIMIT, text="Too many cumulative requests",
        )
    )  # fmt: skip
    assert {move.cloid for move in moves} <= set(bench.cancelled())


def test_a_refusal_for_the_rate_reads_the_budget() -> None:
    """The venue counts differently: ask for its figures at once, not within the minute."""
    bench = quoting()
    bench.wait(1_100)
    cloid = next(iter(bench.orders))
    bench.on(ActionRefused(ts=bench.ts, cloids=(), cancels=(cloid,), reason=Reject.RATE_LIMIT, text="Too many"))
    assert ReadBudget() in bench.sent


# ---- the gate ----


def test_a_signer_that_the_venue_does_not_know_keeps_the_gate_shut() -> None:
    """An empty account means nobody approved this key: no order may be tried with it."""
    bench = Bench()
    bench.on(MetaRead(ts=bench.ts, instruments=(INSTRUMENT,)))
    bench.on(RoleRead(ts=bench.ts, signer=Address("0xa"), account=Address("")))
    assert any(isinstance(c, Alarm) and c.code == "signer_unknown" for c in bench.sent)
    bench.on(FeesRead(ts=bench.ts, maker_bps=-0.2, taker_bps=2.4))
    bench.on(BudgetRead(ts=bench.ts, requests_used=0, requests_cap=20_000, volume=MicroUsd(0)))
    bench.on(bench.account())
    nothing_open(bench)
    bench.on(FeedConnected(ts=bench.ts))
    bench.context()
    bench.bbo()
    assert bench.orders == {}
    assert "signer" in bench.engine.view().reasons


def test_a_lost_read_of_the_opening_does_not_keep_the_gate_shut_for_ever() -> None:
    """Fees and role are asked once per connection: without them a new connection is asked for."""
    bench = Bench()
    bench.on(FeedConnected(ts=bench.ts))
    bench.on(RequestLost(ts=bench.ts, cloids=(), cancels=(), why="userFees"))
    for _ in range(60):
        bench.wait(500)
    assert len([command for command in bench.log if isinstance(command, Resubscribe)]) == 1


def test_a_feed_that_went_quiet_on_a_living_socket_is_replaced() -> None:
    """Pongs keep a socket alive whose subscriptions died; no book for long asks for a new connection."""
    bench = quoting()
    for _ in range(60):
        bench.wait(500)
    assert len([command for command in bench.log if isinstance(command, Resubscribe)]) == 1


def test_reads_from_before_a_reconnect_do_not_open_the_gate() -> None:
    """An account read while the feed was down may lack later fills: only one asked after it counts."""
    bench = quoting()
    bench.on(FeedDisconnected(ts=bench.ts, reason="cable"))
    bench.cancel_all_acked()
    bench.fresh()
    bench.wait(500)
    bench.on(bench.account())
    nothing_open(bench)
    bench.wait(500)
    bench.on(FeedConnected(ts=bench.ts))
    bench.context()
    bench.bbo()
    assert bench.fresh() == []


def test_a_reconnect_reads_missed_fills_and_waits_until_positions_agree() -> None:
    """R17: what was filled in the gap is asked for, and nothing is quoted on a position known to be wrong."""
    bench = quoting()
    bench.on(FeedDisconnected(ts=bench.ts, reason="cable"))
    bench.cancel_all_acked()
    bench.fresh()
    bench.wait(500)
    missed = stray(bench)
    bench.wait(500)
    bench.on(FeedConnected(ts=bench.ts))
    assert any(isinstance(c, ReadFills) and c.since_ms <= missed.venue_ts for c in bench.sent)
    bench.context()
    bench.bbo()
    nothing_open(bench)
    held = (Holding(coin=BTC, sz=Sz(500), mark_px=Px(1_100_000)),)
    bench.on(bench.account(held))
    assert bench.fresh() == []
    bench.on(stray(bench, venue_ms=missed.venue_ts))
    bench.wait(1_100)
    bench.context()
    bench.bbo()
    nothing_open(bench)
    bench.on(bench.account(held))
    assert len(bench.fresh()) > 0


# ---- PnL and position ----


def test_a_fill_before_the_first_mark_is_no_loss() -> None:
    """Mark and oracle may arrive before the account: the ledger starts at that mark, not at a stand-in."""
    bench = Bench(engine_config(loss_max_usd=50.0))
    bench.on(MetaRead(ts=bench.ts, instruments=(INSTRUMENT,)))
    bench.context()
    bench.bbo()
    bench.on(RoleRead(ts=bench.ts, signer=Address("0xa"), account=Address("0xb")))
    bench.on(FeesRead(ts=bench.ts, maker_bps=-0.2, taker_bps=2.4))
    bench.on(BudgetRead(ts=bench.ts, requests_used=0, requests_cap=20_000, volume=MicroUsd(0)))
    bench.leverage()
    bench.on(FeedConnected(ts=bench.ts))
    bench.on(bench.account())
    nothing_open(bench)
    bench.rest()
    bench.fill(next(iter(bench.orders)))
    assert bench.engine.halt_reason == ""


def test_a_foreign_fill_before_any_mark_is_no_loss() -> None:
    """A fill of somebody else's order on our coin, before mark and oracle, does not halt."""
    bench = Bench()
    bench.on(bench.account())
    bench.ts = Ns(bench.ts + 5 * NS_PER_MS)
    bench.on(stray(bench))
    assert bench.engine.halt_reason == ""


def test_drift_reads_fills_from_the_last_agreement_and_at_a_bounded_rate() -> None:
    """A fill missed long before the newest one is still asked for, and a lasting drift does not spin."""
    bench = quoting()
    bench.wait(100)
    bench.on(bench.account())
    agreed_ms = bench.venue_ms
    bench.wait(30_000)
    bench.rest()
    bench.on(stray(bench))
    wrong = (Holding(coin=BTC, sz=Sz(1_500), mark_px=Px(1_100_000)),)
    bench.on(bench.account(wrong))
    bench.on(bench.account(wrong))
    since = [command.since_ms for command in bench.sent if isinstance(command, ReadFills)]
    assert since
    assert since[0] <= agreed_ms
    asked = 0
    for _ in range(20):
        bench.ts = Ns(bench.ts + 20 * NS_PER_MS)
        bench.on(bench.account(wrong))
        asked += sum(isinstance(command, ReadAccount) for command in bench.sent)
    assert asked <= 1


def test_out_of_sync_needs_orders_and_account_to_clear() -> None:
    """An account read alone says nothing of orders: quotes return after both were read and agree."""
    bench = quoting()
    bench.on(CancelAcked(ts=bench.ts, cloid=make_cloid(RUN_TAG, 10**9)))
    assert ReadOpenOrders() in bench.sent
    bench.cancel_all_acked()
    bench.fresh()
    bench.wait(20)
    bench.bbo()
    bench.on(bench.account())
    assert bench.fresh() == []
    nothing_open(bench)
    assert len(bench.fresh()) == 4


def test_a_lost_resync_is_asked_again() -> None:
    """The reads that would clear a disagreement may be lost too."""
    bench = quoting()
    bench.on(CancelAcked(ts=bench.ts, cloid=make_cloid(RUN_TAG, 10**9)))
    bench.on(RequestLost(ts=bench.ts, cloids=(), cancels=(), why="read"))
    bench.wait(1_100)
    assert ReadOpenOrders() in bench.sent
    assert ReadAccount() in bench.sent


def test_a_drift_that_fills_cannot_explain_ends_with_the_venues_position() -> None:
    """Invariant 5: after repeated reads and a re-read of fills the venue's word is taken, with an alarm."""
    bench = quoting()
    wrong = (Holding(coin=BTC, sz=Sz(300), mark_px=Px(1_100_000)),)
    for _ in range(8):
        bench.wait(1_100)
        nothing_open(bench)
        bench.on(bench.account(wrong))
    assert any(isinstance(c, Alarm) and c.code == "position_adopted" for c in bench.log)
    assert bench.engine.view().coins[0].position == pytest.approx(0.003)
    bench.wait(1_100)
    nothing_open(bench)
    bench.on(bench.account(wrong))
    assert not any("drift" in reason for reason in bench.engine.view().reasons)


# ---- stop and limits ----


def test_a_stop_is_proved_by_answers_slower_than_the_question() -> None:
    """Reads that take longer than query_after_s still prove it: asking again does not void the first answer."""
    bench = quoting()
    bench.stop()
    bench.cancel_all_acked()
    asked = bench.ts
    for _ in range(3):
        bench.wait(1_100)
    nothing_open(bench, asked=asked)
    bench.on(slow_account(bench, asked))
    assert bench.engine.phase is Phase.STOPPED


def slow_account(bench: Bench, asked: Ns) -> AccountRead:
    """A flat account read that was asked earlier."""
    return msgspec.structs.replace(bench.account(), asked_ts=asked)


def test_reduce_only_never_flips_the_position() -> None:
    """Orders of unknown outcome count: all that may fill on the reducing side is at most the position."""
    bench = Bench(engine_config(portfolio_max_usd=10.0, unknown_orders_max=10))
    bench.connect(position=1_000)
    asks = [order for order in bench.placed() if order.side is Side.ASK]
    assert sum(order.sz for order in asks) <= 1_000
    assert asks
    bench.on(RequestLost(ts=bench.ts, cloids=tuple(order.cloid for order in asks), cancels=(), why="timeout"))
    bench.bbo()
    bench.bbo(1_099_980, 1_099_990)
    assert sum(order.sz for order in bench.orders.values() if order.side is Side.ASK) <= 1_000


def test_unknown_orders_are_asked_about_until_told() -> None:
    """A lost query is asked again: an UNKNOWN order is never left alone."""
    bench = Bench(engine_config(unknown_orders_max=10))
    bench.connect()
    cloid = bench.placed()[0].cloid
    bench.on(RequestLost(ts=bench.ts, cloids=(cloid,), cancels=(), why="timeout"))
    for _ in range(5):
        bench.wait(1_100)
        assert QueryOrder(cloid=cloid, coin=BTC) in bench.sent
        bench.on(RequestLost(ts=bench.ts, cloids=(), cancels=(), why="query"))


def test_no_order_leaves_after_a_halt_whatever_arrives() -> None:
    """Invariant 4 under every kind of late answer."""
    bench = quoting()
    bench.stop()
    bench.fresh()
    for cloid in list(bench.orders):
        bench.on(CancelRejected(ts=bench.ts, cloid=cloid, reason=Reject.RATE_LIMIT, text="x"))
        bench.fill(cloid, sz=1)
        bench.bbo(1_101_000, 1_101_010)
    assert bench.fresh() == []
    assert not any(isinstance(c, PlaceOrder | ModifyOrder) for c in bench.sent)


def test_coins_do_not_disturb_each_other() -> None:
    """A foreign coin's fill and holding change neither our coin's position nor its agreement with the venue."""
    bench = Bench(engine_config(coin_config()))
    bench.connect()
    bench.rest()
    bench.wait(100)
    bench.on(stray(bench, coin=Coin("DOGE")))
    held = (Holding(coin=Coin("DOGE"), sz=Sz(500), mark_px=Px(1_100_000)),)
    for _ in range(3):
        bench.wait(100)
        bench.on(bench.account(held))
    assert bench.engine.view().coins[0].position == 0
    assert bench.engine.view().reasons == ()
