"""What the feed does to a coin: book, estimators, marks and the markouts of our fills."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from hlmm.core.commands import Alarm
from hlmm.core.events import BboChanged, BookChanged, ContextChanged, TradesPrinted
from hlmm.core.view import Phase
from hlmm.types import Ms, Px, Side, Sz

if TYPE_CHECKING:
    from hlmm.core.state import CoinState, EngineState

MarketFact = BboChanged | BookChanged | TradesPrinted | ContextChanged


def absorb_market(state: EngineState, coin: CoinState, event: MarketFact) -> None:
    """Take one market fact of one coin."""
    match event:
        case BboChanged():
            if coin.book.on_bbo(event):
                _quoted(state, coin)
        case BookChanged():
            if coin.book.on_book(event):
                _quoted(state, coin)
                _deepened(coin)
        case TradesPrinted():
            _printed(coin, event)
        case ContextChanged():
            coin.book.on_context(event)
            ledger = state.ledger.coins.get(coin.coin)
            if ledger is not None:
                ledger.mark_px = event.mark_px
        case _:
            assert_never(event)


def disconnected(state: EngineState, reason: str) -> None:
    """The feed is gone: nothing known of any market is current, and quoting needs fresh reads."""
    for coin in state.coins.values():
        coin.book.forget()
    state.gate.lose_connection()
    if state.phase is Phase.TRADING:
        state.phase = Phase.STARTING
    state.alarms.append(Alarm(code="disconnected", text=f"lost the venue: {reason}"))


def own_sizes(state: EngineState, coin: CoinState) -> tuple[dict[Px, Sz], dict[Px, Sz]]:
    """Our own resting size by price, of bids and of asks, as far as the venue may show it."""
    bids: dict[Px, Sz] = {}
    asks: dict[Px, Sz] = {}
    for order in state.orders.of(coin.coin):
        if order.oid is not None and order.is_live:
            sizes = bids if order.side is Side.BID else asks
            sizes[order.px] = Sz(sizes.get(order.px, 0) + order.resting_sz)
    return bids, asks


def _quoted(state: EngineState, coin: CoinState) -> None:
    """Feed the estimators the top of book without our own orders, and settle due markouts."""
    mid_px = coin.book.mid_px
    ledger = state.ledger.coins.get(coin.coin)
    if ledger is not None and mid_px is not None:
        ledger.mature(state.ts, mid_px)
    own_bids, own_asks = own_sizes(state, coin)
    bid = coin.book.others_top(Side.BID, own_bids)
    ask = coin.book.others_top(Side.ASK, own_asks)
    instrument = coin.instrument
    if bid is None or ask is None or instrument is None or coin.book.top_venue_ts is None:
        return
    coin.quoter.estimators.on_bbo(
        state.ts,
        coin.book.top_venue_ts,
        instrument.price(bid.px),
        instrument.price(ask.px),
        instrument.size(bid.sz),
        instrument.size(ask.sz),
    )


def _deepened(coin: CoinState) -> None:
    instrument = coin.instrument
    if instrument is None:
        return
    book = coin.book
    coin.quoter.estimators.on_book(
        book.top_venue_ts or Ms(0),
        [instrument.price(level.px) for level in book.bids],
        [instrument.size(level.sz) for level in book.bids],
        [instrument.price(level.px) for level in book.asks],
        [instrument.size(level.sz) for level in book.asks],
    )


def _printed(coin: CoinState, event: TradesPrinted) -> None:
    """Feed the estimators new prints; the history that opens a subscription is not news."""
    instrument = coin.instrument
    if event.replayed or instrument is None:
        return
    for trade in event.trades:
        price, size = instrument.price(trade.px), instrument.size(trade.sz)
        coin.quoter.estimators.on_trade(trade.venue_ts, int(trade.aggressor), price, size)
