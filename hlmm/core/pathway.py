"""The one path from state to venue for one coin: wish, quantize, permit, reconcile, commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hlmm.core.commands import CancelOrder, Decision, ModifyOrder, PlaceOrder
from hlmm.core.orders import Evidence, Order
from hlmm.core.quantize import Quote, quantize
from hlmm.core.quoting import Circumstances, Wish
from hlmm.core.reconcile import Band, Plan, Terms, reconcile
from hlmm.core.risk import (
    AccountFacts,
    Allowed,
    CoinFacts,
    Finding,
    Stake,
    Verdict,
    judge_account,
    judge_coin,
    permit,
    worst,
)
from hlmm.core.view import Phase
from hlmm.types import BPS, MICRO, Side, Sz

if TYPE_CHECKING:
    from hlmm.core.commands import AnyCommand
    from hlmm.core.state import CoinState, EngineState
    from hlmm.types import Instrument

RACE_WAITS: Final = 2
"""Query waits for which an order that a modify did not find is taken for filled: one to ask, one for the answer."""


def judge(state: EngineState) -> Finding:
    """The account's verdict now."""
    ledger = state.ledger
    if state.regridded:
        return Finding(Verdict.HALT, "grid_changed", state.regridded)
    if ledger.account_value is None:
        return Finding(Verdict.PULL, "starting", "the account has not been read yet")
    return judge_account(
        AccountFacts(
            pnl_usd=ledger.pnl_total / MICRO,
            account_value_usd=ledger.account_value / MICRO,
            peak_value_usd=ledger.peak_value / MICRO,
            margin_used_usd=ledger.margin_used / MICRO,
            portfolio_usd=sum(abs(coin.position_sz * coin.mark_px) for coin in ledger.coins.values()) / MICRO,
            rejects=state.count_rejects(),
            unknown_orders=state.orders.count_doubtful(state.ts, RACE_WAITS * state.config.timing.query_after_s),
            out_of_sync=state.out_of_sync,
        ),
        state.config.risk,
    )


def decide_coin(state: EngineState, coin: CoinState, account: Finding, patience: int = 1) -> list[AnyCommand]:
    """Walk the path for one coin. Args: patience, see `Circumstances`.

    Returns: a `Decision` when something changed, then cancels, moves, places.
    """
    instrument = coin.instrument
    if instrument is None:
        coin.reason = "instruments"
        return []
    finding = worst((_life(state), account, judge_coin(_facts(state, coin), coin.config.limits)))
    wish = Wish(reason=finding.code, text=finding.text)
    quotes: tuple[Quote, ...] = ()
    if finding.verdict < Verdict.PULL:
        wish = _wish(state, coin, instrument, patience)
        quotes = _grid(coin, wish, instrument)
    position = state.ledger.position(coin.coin)
    stake = Stake(
        position=position,
        oracle_px=coin.book.oracle_px or coin.book.mid_px or coin.fallback_px,
        capacity_usd=max(0, state.ledger.account_value or 0) / MICRO * coin.config.leverage,
    )
    allowed = permit(quotes, finding, instrument=instrument, limits=coin.config.limits, stake=stake)
    plan = reconcile(allowed, state.orders.of(coin.coin), _terms(state, coin, wish, position))
    commands = _commands(state, coin, plan)
    _assert_safe(state, coin, allowed, commands)
    return _explain(state, coin, wish, allowed) + commands


def _life(state: EngineState) -> Finding:
    """Whether the engine's own life allows quoting."""
    if state.halt_reason:
        return Finding(Verdict.HALT, "halted", state.halt_reason)
    if state.is_stopping:
        return Finding(Verdict.PULL, "stopping", state.stop_reason)
    if state.phase is Phase.STARTING:
        return Finding(Verdict.PULL, "starting", "waiting for " + ", ".join(state.gate.missing))
    return Finding(Verdict.ALLOW)


def _facts(state: EngineState, coin: CoinState) -> CoinFacts:
    book = coin.book
    return CoinFacts(
        feed_age_s=book.age_s(state.ts),
        context_age_s=book.context_age_s(state.ts),
        is_two_sided=book.is_two_sided,
        spread_bps=book.spread_bps,
        mid_px=book.mid_px,
        mark_px=book.mark_px,
        oracle_px=book.oracle_px,
        burst_fills=coin.burst_fills(state.ts),
    )


def _wish(state: EngineState, coin: CoinState, instrument: Instrument, patience: int) -> Wish:
    """The strategy's wish at today's inventory."""
    assert state.maker_bps is not None
    mid_px = coin.book.mid_px
    assert mid_px is not None
    return coin.quoter.wish(
        Circumstances(
            ts=state.ts,
            inventory_usd=state.ledger.position(coin.coin) * mid_px / MICRO,
            maker_bps=state.maker_bps,
            tick_bps=BPS * instrument.tick(mid_px) / mid_px,
            funding_hourly=coin.book.funding_hourly,
            patience=patience,
        )
    )


def _grid(coin: CoinState, wish: Wish, instrument: Instrument) -> tuple[Quote, ...]:
    """The wish on the venue's grid; the last result again while wish and touch are the same."""
    bid, ask = coin.book.bid, coin.book.ask
    assert bid is not None
    assert ask is not None
    source = (wish, instrument, bid.px, ask.px)
    if source != coin.gridded_from:
        coin.gridded_from, coin.gridded = source, quantize(wish.levels, instrument, bid.px, ask.px)
    return coin.gridded


def _terms(state: EngineState, coin: CoinState, wish: Wish, position: Sz) -> Terms:
    factor = state.budget.band_factor
    return Terms(
        ts=state.ts,
        band=Band(wish.width.inner_bps * factor, wish.width.outer_bps * factor, coin.config.band.size_tolerance_frac),
        spendable=min(state.budget.spendable, state.config.budget.batch_max),
        position=position,
        requote_gap_ms=state.config.timing.requote_gap_ms,
        recancel_s=state.config.timing.query_after_s,
        held=coin.held_sides,
    )


def _commands(state: EngineState, coin: CoinState, plan: Plan) -> list[AnyCommand]:
    """Register every intent in the store and the budget, then name it."""
    commands: list[AnyCommand] = []
    for order in plan.pulls:
        state.orders.apply(order, Evidence.CANCEL_SENT, state.ts)
        if order.cancel_ts != state.ts:
            order.cancel_ts = state.ts
        commands.append(CancelOrder(cloid=order.cloid, coin=coin.coin))
    for order, quote in plan.moves:
        state.orders.apply(order, Evidence.CANCEL_SENT, state.ts)
        commands.append(ModifyOrder(cloid=order.cloid, place=_place(state, coin, quote)))
    commands += [_place(state, coin, quote) for quote in plan.adds]
    state.budget.spend(len(commands))
    return commands


def _place(state: EngineState, coin: CoinState, quote: Quote) -> PlaceOrder:
    order = Order(
        cloid=state.orders.next_cloid(), coin=coin.coin, side=quote.side, px=quote.px, sz=quote.sz, tif="Alo",
        sent_ts=state.ts, changed_ts=state.ts,
    )  # fmt: skip
    state.orders.register(order)
    return PlaceOrder(cloid=order.cloid, coin=coin.coin, side=order.side, px=order.px, sz=order.sz)


def _assert_safe(state: EngineState, coin: CoinState, allowed: Allowed, commands: list[AnyCommand]) -> None:
    """The invariants of design section 6 that concern one coin, checked on every decision that places something."""
    places = [command.place if isinstance(command, ModifyOrder) else command for command in commands]
    placed = [place for place in places if isinstance(place, PlaceOrder)]
    if not placed:
        return
    assert not state.is_stopping, "an order was placed after the stop began"
    assert allowed.finding.verdict < Verdict.PULL, allowed.finding
    position, book = state.ledger.position(coin.coin), coin.book
    for side in dict.fromkeys(place.side for place in placed):
        open_sz = sum(order.resting_sz for order in state.orders.of(coin.coin) if order.side is side)
        assert side * position + open_sz <= allowed.limit_sz, "the worst case is beyond the position limit"
    for place in placed:
        assert book.bid is not None
        assert book.ask is not None
        crosses = place.px >= book.ask.px if place.side is Side.BID else place.px <= book.bid.px
        assert not crosses, "an order crosses the book it was computed on"


def _explain(state: EngineState, coin: CoinState, wish: Wish, allowed: Allowed) -> list[AnyCommand]:
    """A `Decision` when the verdict, the reason or the number of quotes changed since the last one."""
    instrument = coin.instrument
    assert instrument is not None
    reason = allowed.finding.code or wish.reason or ("" if allowed.quotes else "below_minimum")
    sides = len(dict.fromkeys(quote.side for quote in allowed.quotes))
    reason = reason or ("" if sides > 1 else "one_sided")
    coin.reason = reason
    coin.wish = wish
    last = coin.decision
    verdict = allowed.finding.verdict.name.lower()
    if last is not None and (last.verdict, last.reason) == (verdict, reason):
        return []
    position = state.ledger.position(coin.coin)
    coin.decision = Decision(
        ts=state.ts,
        coin=coin.coin,
        verdict=verdict,
        reason=reason,
        fair=wish.fair,
        inventory_usd=position * (coin.book.mid_px or 0) / MICRO,
        terms=wish.terms,
    )
    return [coin.decision]
