"""The inbox conflates market state, keeps private events, and is bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlmm.core.events import (
    AnyEvent,
    BboChanged,
    BookChanged,
    CancelAcked,
    ContextChanged,
    OrderRested,
    Tick,
    TradesPrinted,
)
from hlmm.shell.inbox import Inbox, InboxOverflowError
from hlmm.types import Coin, Level, Ms, Ns, Oid, Px, Sz, to_cloid

COINS = (Coin("BTC"), Coin("ETH"))


def bbo(ts: int, coin: Coin = COINS[0]) -> BboChanged:
    """One top of book."""
    return BboChanged(ts=Ns(ts), venue_ts=Ms(ts), coin=coin, bid=Level(Px(ts + 1), Sz(1)), ask=None)


def private(ts: int) -> OrderRested:
    """One event about our own order."""
    return OrderRested(ts=Ns(ts), cloid=to_cloid(ts), oid=Oid(ts))


def drain(inbox: Inbox) -> list[AnyEvent]:
    """Pop everything."""
    events = []
    while (event := inbox.pop()) is not None:
        events.append(event)
    return events


def make(private_max: int = 100, public_max: int = 100) -> Inbox:
    """An inbox with limits."""
    return Inbox(private_max=private_max, public_max=public_max)


def test_newest_market_state_waits_last() -> None:
    """A newer quote of the same coin replaces the waiting one and takes its own place in time."""
    inbox = make()
    for event in (bbo(1), private(2), bbo(3, COINS[1]), bbo(4)):
        inbox.push(event)
    assert drain(inbox) == [private(2), bbo(3, COINS[1]), bbo(4)]
    assert inbox.conflated == 1


def test_private_overflow_stops() -> None:
    """One private event above the limit raises instead of being dropped."""
    inbox = make(private_max=2)
    inbox.push(private(1))
    inbox.push(private(2))
    inbox.push(bbo(3))
    with pytest.raises(InboxOverflowError):
        inbox.push(private(4))


def test_trades_are_bounded_and_counted() -> None:
    """Trades beyond their limit are dropped and counted; private events still pass."""
    inbox = make(public_max=1)
    for ts in range(3):
        inbox.push(TradesPrinted(ts=Ns(ts), coin=COINS[0], trades=()))
    inbox.push(private(5))
    assert inbox.dropped_trades == 2
    assert len(drain(inbox)) == 2


def kind_of(choice: int, ts: int) -> AnyEvent:
    """One event of each kind, by number."""
    coin = COINS[ts % 2]
    return (
        bbo(ts, coin),
        BookChanged(ts=Ns(ts), venue_ts=Ms(ts), coin=coin, bids=(), asks=()),
        ContextChanged(ts=Ns(ts), coin=coin, mark_px=Px(1), oracle_px=Px(1), funding_hourly=0.0),
        Tick(ts=Ns(ts)),
        TradesPrinted(ts=Ns(ts), coin=coin, trades=()),
        private(ts),
        CancelAcked(ts=Ns(ts), cloid=to_cloid(ts)),
    )[choice]


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), max_size=200))
def test_any_interleaving(steps: list[tuple[int, bool]]) -> None:
    """Private events and trades all arrive in order, time never steps back, every coin's last state arrives."""
    inbox = make(private_max=1_000, public_max=1_000)
    pushed: list[AnyEvent] = []
    popped: list[AnyEvent] = []
    for ts, (choice, pop) in enumerate(steps):
        pushed.append(kind_of(choice, ts))
        inbox.push(pushed[-1])
        if pop and (event := inbox.pop()) is not None:
            popped.append(event)
    popped += drain(inbox)
    kept = (TradesPrinted, OrderRested, CancelAcked)
    assert [e for e in popped if isinstance(e, kept)] == [e for e in pushed if isinstance(e, kept)]
    assert [e.ts for e in popped] == sorted(e.ts for e in popped)
    newest = {(type(e), getattr(e, "coin", None)): e for e in pushed if not isinstance(e, kept)}
    assert {(type(e), getattr(e, "coin", None)): e for e in popped if not isinstance(e, kept)} == newest
