"""The ledger: positions by fills, each once, and PnL terms that sum to the micro-USD."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hlmm.core.account import CoinLedger, Ledger
from hlmm.core.book import CoinBook
from hlmm.core.events import BboChanged, FundingPaid, OrderFilled
from hlmm.types import Coin, Level, MicroUsd, Ms, Ns, Oid, Px, Side, Sz, Tid, to_cloid

COIN = Coin("BTC")


def fill(side: Side, px: int, sz: int, fee: int, tid: int) -> OrderFilled:
    """One fill at block time 100."""
    return OrderFilled(
        ts=Ns(1), venue_ts=Ms(100), coin=COIN, cloid=to_cloid(1), oid=Oid(1), tid=Tid(tid), side=side, px=Px(px),
        sz=Sz(sz), fee=MicroUsd(fee), start_position=Sz(0), crossed=False,
    )  # fmt: skip


steps = st.lists(
    st.tuples(
        st.sampled_from(list(Side)),
        st.integers(1, 10**7),
        st.integers(1, 10**6),
        st.integers(-(10**6), 10**6),
        st.one_of(st.none(), st.integers(1, 10**7)),
        st.integers(0, 10),
    ),
    max_size=30,
)


@given(steps=steps, start=st.integers(-(10**6), 10**6), marks=st.tuples(st.integers(1, 10**7), st.integers(1, 10**7)))
def test_pnl_terms_sum_to_the_change_of_equity(
    steps: list[tuple[Side, int, int, int, int | None, int]], start: int, marks: tuple[int, int]
) -> None:
    """For any fills, mids and marks: spread + adverse selection + inventory + fees + funding = change of equity."""
    ledger = CoinLedger(Sz(start), Px(marks[0]), Ms(0))
    cash, position = 0, start
    for ts, (side, px, sz, fee, mid, wait) in enumerate(steps):
        ledger.fill(fill(side, px, sz, fee, ts), None if mid is None else Px(mid), Ns(ts + wait))
        cash -= side * sz * px + fee
        position += side * sz
        if mid is not None:
            ledger.mature(Ns(ts), Px(mid))
    ledger.mark_px = Px(marks[1])
    pnl = ledger.pnl()
    assert pnl.total == cash + position * marks[1] - start * marks[0]
    assert pnl.total == pnl.spread + pnl.adverse_selection + pnl.inventory + pnl.fees + pnl.funding
    assert ledger.position_sz == position


def test_markout_is_positive_when_the_market_moves_our_way() -> None:
    """A bid fill followed by a rise earns adverse-selection PnL of size times the rise; an ask fill loses it."""
    for side in Side:
        ledger = CoinLedger(Sz(0), Px(100), Ms(0))
        ledger.fill(fill(side, 100, 10, 0, 1), Px(100), Ns(5))
        ledger.mature(Ns(5), Px(103))
        assert ledger.pnl().adverse_selection == side * 30


def test_funding_counts_once_per_settlement_and_only_after_the_start() -> None:
    """The same settlement told twice counts once; one from before the snapshot does not count."""
    ledger = Ledger()
    ledger.begin(Ms(1000), MicroUsd(0))
    ledger.open_coin(COIN, None, Px(1), Ms(1000))
    for venue_ts in (900, 2000, 2000, 3000):
        ledger.fund(FundingPaid(ts=Ns(1), venue_ts=Ms(venue_ts), coin=COIN, amount=MicroUsd(-7)))
    assert ledger.pnl().funding == -14


def test_a_fill_is_new_once_per_coin_and_tid() -> None:
    """The same tid on another coin is another fill."""
    ledger = Ledger()
    assert ledger.is_new(COIN, Tid(1))
    assert not ledger.is_new(COIN, Tid(1))
    assert ledger.is_new(Coin("ETH"), Tid(1))


def test_a_fill_is_measured_against_the_mid_before_its_block() -> None:
    """The quote of a fill's own block already holds its impact, so spread capture looks one block back."""
    book = CoinBook()
    for venue_ts, bid in ((10, 100), (20, 90)):
        book.on_bbo(
            BboChanged(
                ts=Ns(venue_ts),
                venue_ts=Ms(venue_ts),
                coin=COIN,
                bid=Level(Px(bid), Sz(1)),
                ask=Level(Px(bid + 2), Sz(1)),
            )
        )
    assert book.mid_before(Ms(20)) == 101
    assert book.mid_before(Ms(21)) == 91
    assert book.mid_before(Ms(5)) == 101
