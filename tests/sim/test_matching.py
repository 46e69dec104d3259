"""The book matches by price then time, refuses crossing Alo orders and never trades an account with itself."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlmm.sim.market import BACKGROUND, BookLevel, Placement
from hlmm.sim.matching import MatchingBook
from hlmm.types import Oid, Px, Side, Sz, Tif

ALICE, BOB, CAROL = 0, 1, 2


def place(  # noqa: PLR0913 - the order's own fields, with defaults
    book: MatchingBook, oid: int, side: Side, px: int, sz: int, *, owner: int = ALICE, tif: Tif = "Gtc"
) -> Placement:
    return book.place(Oid(oid), owner, side, Px(px), Sz(sz), tif)


def test_better_prices_trade_first_and_equal_prices_by_time() -> None:
    """A taker meets the best price first and, at one price, the oldest order first, each at its own price."""
    book = MatchingBook()
    place(book, 1, Side.ASK, 102, 5)
    place(book, 2, Side.ASK, 101, 5)
    place(book, 3, Side.ASK, 101, 5)
    placed = place(book, 4, Side.BID, 102, 12, owner=BOB)
    assert [(m.maker_oid, m.px, m.sz, m.maker_left) for m in placed.matches] == [
        (2, 101, 5, 0),
        (3, 101, 5, 0),
        (1, 102, 2, 3),
    ]
    assert {(m.aggressor, m.taker_oid, m.taker_owner, m.maker_owner) for m in placed.matches} == {
        (Side.BID, 4, BOB, ALICE)
    }
    assert book.last_px == 102


def test_a_limit_rests_what_did_not_trade() -> None:
    """What a Gtc order cannot trade within its limit rests at its limit."""
    book = MatchingBook()
    place(book, 1, Side.ASK, 101, 5)
    place(book, 2, Side.ASK, 103, 5)
    placed = place(book, 3, Side.BID, 102, 9, owner=BOB)
    assert placed.resting_sz == 4
    assert book.levels(Side.BID, 5) == (BookLevel(Px(102), Sz(4), 1),)
    assert book.levels(Side.ASK, 5) == (BookLevel(Px(103), Sz(5), 1),)


def test_an_ioc_never_rests() -> None:
    """What an Ioc order cannot trade at once is dropped; without a crossing price nothing happens."""
    book = MatchingBook()
    place(book, 1, Side.ASK, 101, 5)
    assert place(book, 2, Side.BID, 101, 9, owner=BOB, tif="Ioc").resting_sz == 0
    assert place(book, 3, Side.BID, 101, 9, owner=BOB, tif="Ioc") == Placement()
    assert book.orders == {}


@pytest.mark.parametrize(("px", "crossed"), [(100, False), (101, True), (102, True)])
def test_an_alo_that_would_match_is_refused(px: int, crossed: bool) -> None:  # noqa: FBT001 - a table of outcomes
    """A post-only order at or through the other side's best is refused whole; otherwise it rests."""
    book = MatchingBook()
    place(book, 1, Side.ASK, 101, 5)
    placed = place(book, 2, Side.BID, px, 3, owner=BOB, tif="Alo")
    assert placed == Placement(crossed=crossed, resting_sz=Sz(0 if crossed else 3))
    assert (Oid(2) in book.orders) is not crossed


def test_an_own_resting_order_is_cancelled_instead_of_traded() -> None:
    """A taker that reaches its owner's resting order cancels it and goes on to the next."""
    book = MatchingBook()
    place(book, 1, Side.ASK, 101, 5, owner=ALICE)
    place(book, 2, Side.ASK, 101, 5, owner=BOB)
    placed = place(book, 3, Side.BID, 101, 5, owner=ALICE)
    assert placed.self_traded == (1,)
    assert [m.maker_oid for m in placed.matches] == [2]
    assert book.orders == {}


def test_background_orders_trade_with_each_other() -> None:
    """The background is many traders: its orders match among themselves."""
    book = MatchingBook()
    place(book, -1, Side.ASK, 101, 5, owner=BACKGROUND)
    placed = place(book, -2, Side.BID, 101, 5, owner=BACKGROUND)
    assert placed.self_traded == ()
    assert len(placed.matches) == 1


def test_shrinking_keeps_the_place_in_the_queue() -> None:
    """An order whose size was reduced still trades before a later one at its price."""
    book = MatchingBook()
    place(book, 1, Side.BID, 100, 9)
    place(book, 2, Side.BID, 100, 9)
    book.shrink(Oid(1), Sz(2))
    placed = place(book, 3, Side.ASK, 100, 3, owner=BOB)
    assert [(m.maker_oid, m.sz) for m in placed.matches] == [(1, 2), (2, 1)]


def test_cancelling_returns_what_was_left_once() -> None:
    """A cancel answers the remaining size, and None when nothing rests under that id."""
    book = MatchingBook()
    place(book, 1, Side.BID, 100, 9)
    place(book, 2, Side.ASK, 100, 4, owner=BOB)
    assert book.cancel(Oid(1)) == 5
    assert book.cancel(Oid(1)) is None
    assert book.levels(Side.BID, 5) == ()


@dataclass
class Plain:
    """An order of the reference book."""

    oid: int
    owner: int
    side: Side
    px: int
    left: int


class ReferenceBook:
    """The same rules written as slowly and plainly as possible: one list, searched anew for every match."""

    def __init__(self) -> None:
        self.orders: list[Plain] = []

    def place(self, taker: Plain, tif: Tif) -> list[tuple[int, int, int]]:
        """Matches as (maker oid, px, sz)."""
        matches: list[tuple[int, int, int]] = []
        if tif == "Alo" and self._best(taker) is not None:
            return matches
        while taker.left > 0 and (maker := self._best(taker)) is not None:
            if maker.owner == taker.owner != BACKGROUND:
                self.orders.remove(maker)
                continue
            sz = min(maker.left, taker.left)
            matches.append((maker.oid, maker.px, sz))
            maker.left -= sz
            taker.left -= sz
            if maker.left == 0:
                self.orders.remove(maker)
        if taker.left > 0 and tif != "Ioc":
            self.orders.append(taker)
        return matches

    def _best(self, taker: Plain) -> Plain | None:
        """The first order in price-time order that the taker crosses."""
        crossing = [o for o in self.orders if o.side is not taker.side and (taker.px - o.px) * taker.side >= 0]
        return min(crossing, key=lambda o: o.px * taker.side, default=None)


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from([BACKGROUND, ALICE, BOB, CAROL]),
        st.sampled_from([Side.BID, Side.ASK]),
        st.integers(95, 105),
        st.integers(1, 9),
        st.sampled_from(["Gtc", "Ioc", "Alo", "cancel"]),
    ),
    max_size=60,
)


@given(ACTIONS)
def test_it_agrees_with_a_plain_book(actions: list[tuple[int, Side, int, int, str]]) -> None:
    """Any sequence of orders and cancels trades and rests exactly as in the reference book."""
    book, reference = MatchingBook(), ReferenceBook()
    for oid, (owner, side, px, sz, what) in enumerate(actions):
        match what:
            case "Gtc" | "Ioc" | "Alo":
                placed = place(book, oid, side, px, sz, owner=owner, tif=what)
                expected = reference.place(Plain(oid, owner, side, px, sz), what)
                assert [(m.maker_oid, m.px, m.sz) for m in placed.matches] == expected
            case _:
                target = oid * sz // 10
                left = book.cancel(Oid(target))
                assert left == next((o.left for o in reference.orders if o.oid == target), None)
                reference.orders = [o for o in reference.orders if o.oid != target]
        assert {o.oid: o.left for o in book.orders.values()} == {o.oid: o.left for o in reference.orders}
        assert_consistent(book)


def assert_consistent(book: MatchingBook) -> None:
    """Levels hold exactly the resting orders, best first, and the book is not crossed."""
    bids, asks = book.levels(Side.BID, 99), book.levels(Side.ASK, 99)
    assert sum(level.count for level in bids + asks) == len(book.orders)
    assert sum(level.sz for level in bids + asks) == sum(order.left for order in book.orders.values())
    assert [level.px for level in bids] == sorted((level.px for level in bids), reverse=True)
    assert [level.px for level in asks] == sorted(level.px for level in asks)
    if bids and asks:
        assert bids[0].px < asks[0].px
