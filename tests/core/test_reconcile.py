"""The plan: cheapest, safe in every prefix, and a fixed point once applied."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hlmm.core.orders import Order, Status
from hlmm.core.quantize import Quote
from hlmm.core.reconcile import Band, Plan, Terms, reconcile
from hlmm.core.risk import CLEAR, Allowed
from hlmm.types import Coin, Ns, Oid, Px, Side, Sz, to_cloid

COIN = Coin("BTC")
NOW = Ns(100_000_000_000)


def live(cloid: int, side: Side, px: int, sz: int, status: Status = Status.OPEN) -> Order:
    """One working order."""
    return Order(
        cloid=to_cloid(cloid), coin=COIN, side=side, px=Px(px), sz=Sz(sz), tif="Alo", sent_ts=Ns(1), status=status,
        oid=Oid(cloid),
    )  # fmt: skip


def terms(**changes: object) -> Terms:
    """Plenty of everything, unless changed."""
    base: dict[str, object] = {
        "ts": NOW, "band": Band(1.0, 2.0, 0.2), "spendable": 100, "position": Sz(0), "requote_gap_ms": 0,
        "recancel_s": 1.0,
    }  # fmt: skip
    return Terms(**{**base, **changes})  # type: ignore[arg-type]


def allow(*quotes: Quote, limit: int = 10**9) -> Allowed:
    """Quotes as risk would let them through."""
    return Allowed(COIN, quotes, Sz(limit), CLEAR)


def test_no_quotes_cancels_everything_that_may_rest() -> None:
    """An empty wish pulls open, sent and unknown orders, and waits for cancels already on their way."""
    orders = tuple(
        live(index, Side.BID, 100, 5, status)
        for index, status in enumerate((Status.OPEN, Status.SENT, Status.UNKNOWN, Status.ENDING))
    )
    fresh = live(9, Side.ASK, 101, 5, Status.CANCELING)
    fresh.cancel_ts = NOW
    plan = reconcile(allow(), (*orders, fresh), terms())
    assert [order.cloid for order in plan.pulls] == [to_cloid(0), to_cloid(1), to_cloid(2)]


def test_an_order_inside_the_band_is_kept() -> None:
    """Within 1 bp inward and 2 bp outward of its wish an order costs nothing."""
    quote = Quote(Side.BID, Px(1_000_000), Sz(100), float(1_000_000))
    for px in (1_000_000, 1_000_099, 999_801):
        assert reconcile(allow(quote), (live(1, Side.BID, px, 100),), terms()).is_empty
    for px in (1_000_101, 999_799):
        assert len(reconcile(allow(quote), (live(1, Side.BID, px, 100),), terms()).moves) == 1


def test_the_band_is_mirrored_for_asks() -> None:
    """P36: an ask nearer to fair value than `inner` or farther than `outer` is moved."""
    quote = Quote(Side.ASK, Px(1_000_000), Sz(100), float(1_000_000))
    for px, kept in ((999_901, True), (999_899, False), (1_000_199, True), (1_000_201, False)):
        assert reconcile(allow(quote), (live(1, Side.ASK, px, 100),), terms()).is_empty is kept


def test_no_requests_left_means_pull_not_move() -> None:
    """R19: with nothing to spend, a stale order is cancelled and nothing is placed."""
    quote = Quote(Side.BID, Px(1_000_000), Sz(100), float(1_000_000))
    plan = reconcile(allow(quote), (live(1, Side.BID, 900_000, 100),), terms(spendable=0))
    assert len(plan.pulls) == 1
    assert not plan.moves
    assert not plan.adds


def test_room_counts_orders_of_unknown_outcome() -> None:
    """An order that may still fill takes the room that a new one would need."""
    quote = Quote(Side.BID, Px(1_000_000), Sz(100), float(1_000_000))
    lost = live(1, Side.BID, 900_000, 100, Status.UNKNOWN)
    assert reconcile(allow(quote, limit=150), (lost,), terms()).is_empty
    assert len(reconcile(allow(quote, limit=200), (lost,), terms()).adds) == 1


orders_strategy = st.lists(
    st.tuples(
        st.sampled_from(list(Side)), st.integers(1, 99), st.integers(1, 100),
        st.sampled_from([Status.SENT, Status.OPEN, Status.CANCELING, Status.UNKNOWN, Status.ENDING]),
    ),
    max_size=8,
)  # fmt: skip
quotes_strategy = st.lists(st.tuples(st.sampled_from(list(Side)), st.integers(1, 99), st.integers(1, 100)), max_size=8)


def build(
    raw_orders: list[tuple[Side, int, int, Status]], raw_quotes: list[tuple[Side, int, int]]
) -> tuple[tuple[Order, ...], tuple[Quote, ...]]:
    """Orders and quotes with bids under 1,000,000 and asks over it."""
    orders = tuple(
        live(index, side, 1_000_000 - side * away * 100, sz, status)
        for index, (side, away, sz, status) in enumerate(raw_orders)
    )
    chosen = {
        (side, away): Quote(side, Px(1_000_000 - side * away * 100), Sz(sz), float(1_000_000 - side * away * 100))
        for side, away, sz in raw_quotes
    }
    return orders, tuple(sorted(chosen.values(), key=lambda quote: (-quote.side, -quote.side * quote.px)))


@given(raw_orders=orders_strategy, raw_quotes=quotes_strategy, limit=st.integers(0, 600), spend=st.integers(0, 6))
def test_every_prefix_is_safe_and_paid_for(
    raw_orders: list[tuple[Side, int, int, Status]], raw_quotes: list[tuple[Side, int, int]], limit: int, spend: int
) -> None:
    """Invariants 1, 2 and 6: worst case within the limit after each step, no self-cross, spending within the budget."""
    orders, quotes = build(raw_orders, raw_quotes)
    plan = reconcile(allow(*quotes, limit=limit), orders, terms(spendable=spend))
    assert len(plan.moves) + len(plan.adds) <= spend
    worst: dict[Side, int] = {side: sum(order.resting_sz for order in orders if order.side is side) for side in Side}
    for quote in (*(new for _, new in plan.moves), *plan.adds):
        worst[quote.side] += quote.sz
        assert worst[quote.side] <= limit
    bids = [o.px for o in orders if o.side is Side.BID and o.is_live] + [q.px for q in quotes if q.side is Side.BID]
    asks = [o.px for o in orders if o.side is Side.ASK and o.is_live] + [q.px for q in quotes if q.side is Side.ASK]
    assert not bids or not asks or max(bids) < min(asks)


@given(raw_orders=orders_strategy, raw_quotes=quotes_strategy)
def test_applying_the_plan_twice_is_a_no_op(
    raw_orders: list[tuple[Side, int, int, Status]], raw_quotes: list[tuple[Side, int, int]]
) -> None:
    """P27: once a plan is applied and acknowledged, the same wish asks for nothing."""
    orders, quotes = build(raw_orders, raw_quotes)
    allowed = allow(*quotes)
    after = applied(orders, reconcile(allowed, orders, terms()))
    settled = tuple(order for order in after if order.status in (Status.OPEN, Status.SENT))
    again = applied(settled, reconcile(allowed, settled, terms()))
    assert reconcile(allowed, again, terms()).is_empty


def applied(orders: tuple[Order, ...], plan: Plan) -> tuple[Order, ...]:
    """The working orders after the venue did everything."""
    gone = [order.cloid for order in plan.pulls] + [order.cloid for order, _ in plan.moves]
    new = [quote for _, quote in plan.moves] + list(plan.adds)
    kept = [order for order in orders if order.cloid not in gone]
    first = 1 + max([int(order.cloid, 16) for order in orders], default=0)
    return (*kept, *(live(first + index, quote.side, quote.px, quote.sz) for index, quote in enumerate(new)))
