"""The order table and its store: every pair is decided, nothing is lost, one terminal state."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hlmm.core.orders import FINAL, TABLE, Evidence, Order, OrderStore, Status, is_ours, make_cloid
from hlmm.types import Coin, Ns, Px, Side, Sz, to_cloid

COIN = Coin("BTC")


def new_order(store: OrderStore, sz: int = 100) -> Order:
    """A fresh registered order."""
    order = Order(cloid=store.next_cloid(), coin=COIN, side=Side.BID, px=Px(10), sz=Sz(sz), tif="Alo", sent_ts=Ns(1))
    store.register(order)
    return order


def test_cloids_carry_the_magic_and_never_repeat() -> None:
    """Every cloid is ours by prefix, 128 bits wide, and unique within and across runs."""
    first, second = OrderStore(1), OrderStore(2)
    cloids = [store.next_cloid() for store in (first, second) for _ in range(50)]
    assert len(dict.fromkeys(cloids)) == len(cloids)
    assert all(is_ours(cloid) and len(cloid) == 34 for cloid in cloids)
    assert not is_ours(None)
    assert not is_ours(to_cloid(5))


def test_final_states_never_leave() -> None:
    """No evidence takes a final order back to life."""
    for (before, _), after in TABLE.items():
        if before in FINAL:
            assert after is before


def test_a_timeout_is_never_an_end() -> None:
    """Losing an answer never finishes an order: only the venue does."""
    for status in Status:
        for evidence in (Evidence.LOST, Evidence.CANCEL_LOST):
            after = TABLE.get((status, evidence))
            assert after is None or (after in FINAL) == (status in FINAL)


def test_unknown_is_left_only_by_the_venues_evidence() -> None:
    """Our own acts (sending or losing a cancel) leave an UNKNOWN order UNKNOWN."""
    for evidence in (Evidence.LOST, Evidence.CANCEL_SENT, Evidence.CANCEL_LOST, Evidence.CANCEL_FAILED):
        assert TABLE[Status.UNKNOWN, evidence] is Status.UNKNOWN


def test_impossible_evidence_changes_nothing() -> None:
    """A pair that the table lacks is reported and leaves the order as it was."""
    for status, evidence in itertools.product(Status, Evidence):
        if (status, evidence) in TABLE or status in FINAL:
            continue
        store = OrderStore(1)
        order = new_order(store)
        order.status = status
        assert not store.apply(order, evidence, Ns(5))
        assert order.status is status


def test_a_cancelled_order_waits_for_the_fills_it_owes() -> None:
    """After a cancel with 60 left of 100, the order is final only when fills of 40 have arrived."""
    store = OrderStore(1)
    order = new_order(store)
    store.apply(order, Evidence.RESTED, Ns(2))
    store.apply(order, Evidence.CANCEL_SENT, Ns(3))
    store.apply(order, Evidence.CANCEL_ACKED, Ns(4))
    assert order.status is Status.ENDING
    assert order.resting_sz == 100
    store.end(order, Sz(40), Ns(5))
    assert order.status is Status.ENDING
    assert order.resting_sz == 40
    assert store.fill(order, Sz(40), Ns(6))
    assert order.status is Status.CANCELED
    assert store.working() == ()


def test_fill_before_ack_and_ack_after_fill_agree() -> None:
    """An order filled before its acknowledgement ends FILLED once, and the late ack is harmless."""
    store = OrderStore(1)
    order = new_order(store)
    assert store.fill(order, Sz(100), Ns(2))
    assert order.status is Status.FILLED
    assert store.apply(order, Evidence.RESTED, Ns(3))
    assert order.status is Status.FILLED


def test_a_cancel_that_overtakes_its_order_is_unknown_not_gone() -> None:
    """A missing-order answer to a cancel does not end the order: it may still arrive at the venue."""
    store = OrderStore(1)
    order = new_order(store)
    store.apply(order, Evidence.CANCEL_SENT, Ns(2))
    store.apply(order, Evidence.CANCEL_MISSING, Ns(3))
    assert order.status is Status.UNKNOWN
    assert order.resting_sz == 100
    store.apply(order, Evidence.RESTED, Ns(4))
    assert order.status is Status.OPEN


def test_overfill_is_counted_and_reported() -> None:
    """A fill beyond the order's size is kept in its count and reported as out of sync."""
    store = OrderStore(1)
    order = new_order(store)
    assert store.fill(order, Sz(90), Ns(2))
    assert not store.fill(order, Sz(20), Ns(3))
    assert order.filled_sz == 110


class TrueVenue(RuleBasedStateMachine):
    """A venue that tells the truth in any order and late; the store must end where the venue did."""

    @initialize(sz=st.integers(1, 50))
    def start(self, sz: int) -> None:
        """Place one order; decide at once what the venue will really do."""
        self.store = OrderStore(3)
        self.order = new_order(self.store, sz)
        self.left = sz
        self.alive = True
        self.acked = False
        self.cancel_sent = False
        self.mail: list[tuple[str, int]] = [("rested", 0)]
        self.told = 0

    @precondition(lambda self: self.alive)
    @rule(share=st.floats(0.01, 1.0))
    def trade(self, share: float) -> None:
        """The venue fills part of the order and owes us the news."""
        sz = max(1, int(self.left * share))
        self.left -= sz
        self.mail.append(("fill", sz))
        if self.left == 0:
            self.alive = False
            self.mail.append(("ended", self.order.sz))

    @precondition(lambda self: self.order.status not in FINAL and not self.cancel_sent)
    @rule()
    def cancel(self) -> None:
        """We ask for a cancel; the venue answers by its own state."""
        self.cancel_sent = True
        if not self.store.apply(self.order, Evidence.CANCEL_SENT, Ns(9)):
            assert self.order.status is Status.ENDING
            return
        if self.alive:
            self.alive = False
            self.mail += [("cancel_acked", 0), ("ended", self.order.sz - self.left)]
        else:
            self.mail.append(("cancel_missing", 0))

    @precondition(lambda self: bool(self.mail))
    @rule(pick=st.integers(0, 1000))
    def deliver(self, pick: int) -> None:
        """Any undelivered message arrives."""
        kind, value = self.mail.pop(pick % len(self.mail))
        ts = Ns(10)
        match kind:
            case "rested":
                assert self.store.apply(self.order, Evidence.RESTED, ts)
            case "fill":
                assert self.store.fill(self.order, Sz(value), ts)
                self.told += value
            case "ended":
                assert self.store.end(self.order, Sz(value), ts)
            case "cancel_acked":
                assert self.store.apply(self.order, Evidence.CANCEL_ACKED, ts)
            case _:
                assert self.store.apply(self.order, Evidence.CANCEL_MISSING, ts)

    @rule()
    def wait(self) -> None:
        """Nothing happens."""

    @invariant()
    def filled_is_what_was_told(self) -> None:
        """Filled size is the sum of delivered fills, always."""
        assert self.order.filled_sz == self.told

    @invariant()
    def never_understates_what_may_still_fill(self) -> None:
        """What can still reach us (undelivered fills, and what rests) is covered by `resting_sz`."""
        owed = sum(value for kind, value in self.mail if kind == "fill")
        possible = owed + (self.left if self.alive else 0)
        assert self.order.resting_sz >= possible

    @invariant()
    def final_when_all_is_told(self) -> None:
        """Once the order ended and every message arrived, the order is final, with the venue's size."""
        if not self.alive and not self.mail:
            assert self.order.status in FINAL
            assert self.order.filled_sz == self.order.sz - self.left


TrueVenue.TestCase.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
TestTrueVenue = TrueVenue.TestCase


@given(tag=st.integers(0, (1 << 48) - 1), sequence=st.integers(0, (1 << 48) - 1))
def test_cloid_layout(tag: int, sequence: int) -> None:
    """A cloid holds magic, run tag and sequence without overlap."""
    cloid = make_cloid(tag, sequence)
    assert is_ours(cloid)
    assert int(cloid, 16) & ((1 << 48) - 1) == sequence
    assert (int(cloid, 16) >> 48) & ((1 << 48) - 1) == tag
