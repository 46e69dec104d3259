"""From state to the view that observers get: no decision is made here."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hlmm.core.orders import Status
from hlmm.core.view import BudgetView, CoinView, EngineView, QuoteView
from hlmm.types import MICRO

if TYPE_CHECKING:
    from hlmm.core.state import CoinState, EngineState
    from hlmm.types import Level


def engine_view(state: EngineState) -> EngineView:
    """Everything an observer may see, as plain frozen data."""
    ledger = state.ledger
    reasons = list(state.gate.missing)
    if state.out_of_sync:
        reasons.append(state.out_of_sync)
    if state.halt_reason or state.stop_reason:
        reasons.append(state.halt_reason or state.stop_reason)
    return EngineView(
        ts=state.ts,
        phase=state.phase,
        reasons=tuple(reasons),
        coins=tuple(_coin_view(state, coin) for coin in state.coins.values()),
        pnl=ledger.pnl(),
        budget=BudgetView(
            requests=state.budget.run_requests,
            orders_left=state.budget.orders_left,
            cancels_left=state.budget.cancels_left,
        ),
        fills=ledger.fill_count,
        volume_usd=ledger.volume / MICRO,
        maker_bps=state.maker_bps,
        account_value_usd=None if ledger.account_value is None else ledger.account_value / MICRO,
        live_orders=state.orders.count_live(),
        unknown_orders=state.orders.count(Status.UNKNOWN),
        foreign_orders=len(state.foreign),
        quarantined_frames=state.quarantined,
        drift=state.drift.views(),
    )


def _coin_view(state: EngineState, coin: CoinState) -> CoinView:
    instrument, book, wish = coin.instrument, coin.book, coin.wish
    position_sz = state.ledger.position(coin.coin)
    ledger = state.ledger.coins.get(coin.coin)

    def price_of(level: Level | None) -> float | None:
        return None if level is None or instrument is None else instrument.price(level.px)

    quotes = () if instrument is None else tuple(
        QuoteView(
            side=order.side,
            price=instrument.price(order.px),
            size=instrument.size(order.resting_sz),
            state=order.status.value,
        )
        for order in sorted(state.orders.of(coin.coin), key=lambda order: (-order.side, -order.px))
    )  # fmt: skip
    return CoinView(
        coin=coin.coin,
        fair=_known(wish.fair),
        best_bid=price_of(book.bid),
        best_ask=price_of(book.ask),
        mark=None if instrument is None or book.mark_px is None else instrument.price(book.mark_px),
        book_age_s=book.age_s(state.ts),
        position=0.0 if instrument is None else instrument.size(position_sz),
        inventory_usd=position_sz * (book.mid_px or book.mark_px or 0) / MICRO,
        half_spread_bps=_known(wish.half_spread_bps),
        skew_bps=_known(wish.skew_bps),
        sigma_bps_sqrt_s=_known(wish.sigma_bps_sqrt_s),
        quotes=quotes,
        terms=wish.terms,
        no_quote_reason="" if coin.is_two_sided and not wish.reason else _why(coin),
        uptime_frac=coin.uptime_frac(state.ts),
        fills=0 if ledger is None else ledger.fill_count,
        volume_usd=0.0 if ledger is None else ledger.volume / MICRO,
    )


def _why(coin: CoinState) -> str:
    """The one reason for not quoting both sides, with its figures where there are some."""
    return f"{coin.reason}: {coin.wish.text}" if coin.wish.text else coin.reason


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
