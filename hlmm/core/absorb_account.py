"""What fills, funding and account reads do to the state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from hlmm.core.commands import Alarm
from hlmm.core.events import (
    AccountRead,
    BudgetRead,
    FeesRead,
    FundingPaid,
    LeverageRead,
    LeverageRefused,
    MetaRead,
    OrderFilled,
    RoleRead,
)
from hlmm.core.orders import is_ours
from hlmm.core.state import Leverage
from hlmm.types import NS_PER_S, Coin, Ns, Px, Sz

if TYPE_CHECKING:
    from hlmm.core.account import CoinLedger
    from hlmm.core.state import EngineState

AccountFact = (
    OrderFilled
    | FundingPaid
    | AccountRead
    | BudgetRead
    | FeesRead
    | MetaRead
    | RoleRead
    | LeverageRead
    | LeverageRefused
)

FLAT_MARK: Final = Px(1)
"""Stands for the mark of a coin without a position until the first one arrives; it multiplies a size of zero."""


def absorb_account(state: EngineState, event: AccountFact) -> None:
    """Take one fact about the account."""
    match event:
        case OrderFilled():
            _filled(state, event)
        case AccountRead():
            _account(state, event)
        case FundingPaid():
            state.ledger.fund(event)
        case BudgetRead() | FeesRead() | RoleRead():
            _terms(state, event)
        case MetaRead():
            _meta(state, event)
        case LeverageRead() | LeverageRefused():
            _leverage(state, event)
        case _:
            assert_never(event)


def _terms(state: EngineState, event: BudgetRead | FeesRead | RoleRead) -> None:
    """What the account may do, and at what price."""
    match event:
        case BudgetRead():
            state.budget.read(event.requests_used, event.requests_cap)
            state.gate.confirm("budget")
        case FeesRead():
            state.maker_bps = event.maker_bps
            state.gate.confirm("fees")
        case RoleRead():
            _role(state, event)
        case _:
            assert_never(event)


def _leverage(state: EngineState, event: LeverageRead | LeverageRefused) -> None:
    """Learn what a coin is set to; the gate opens when every coin is set as configured. Other coins are not ours."""
    coin = state.coins.get(event.coin)
    if coin is None:
        return
    if isinstance(event, LeverageRefused):
        coin.leverage = Leverage.REFUSED
        fix = "close the position or set it by hand at the venue, then start again"
        text = f"{event.coin}: the venue refused {coin.config.margin_mode} {coin.config.leverage}x: {event.text}; {fix}"
        state.alarms.append(Alarm(code="leverage_refused", text=text))
        return
    wanted = (coin.config.leverage, coin.config.margin_mode == "cross")
    coin.leverage = Leverage.AS_WANTED if (event.leverage, event.is_cross) == wanted else Leverage.OTHER
    if all(other.leverage is Leverage.AS_WANTED for other in state.coins.values()):
        state.gate.confirm("leverage")


def _role(state: EngineState, event: RoleRead) -> None:
    """Only a signer that the venue maps to an account may trade."""
    state.is_signer_refused = not event.account
    if event.account:
        state.gate.confirm("signer")
        return
    state.gate.doubt("signer")
    text = f"the venue does not let {event.signer} act for this account: approve the agent key, then start again"
    state.alarms.append(Alarm(code="signer_unknown", text=text))


def _meta(state: EngineState, event: MetaRead) -> None:
    """Learn the grids. A coin that the venue does not list keeps the gate shut."""
    listed = {instrument.coin: instrument for instrument in event.instruments}
    for coin, coin_state in state.coins.items():
        found = listed.get(coin)
        if found is None:
            state.alarms.append(Alarm(code="coin_not_listed", text=f"the venue does not list {coin}"))
            continue
        known = coin_state.instrument
        if known is not None and known != found:
            state.alarms.append(Alarm(code="instrument_changed", text=f"{coin} changed from {known}"))
        if known is not None and (known.asset, known.sz_decimals) != (found.asset, found.sz_decimals):
            # Every size and price held is a whole number of the old units: none of them means anything now.
            state.regridded = f"{coin} has {found.sz_decimals} size decimals, it had {known.sz_decimals}"
            continue
        coin_state.instrument = found
    if all(coin in listed for coin in state.coins):
        state.gate.confirm("instruments")


def _filled(state: EngineState, event: OrderFilled) -> None:
    """Count a fill once. Before the first account snapshot it waits: the snapshot may hold it already."""
    if state.ledger.snapshot_ms is None:
        state.early_fills.append(event)
        return
    if event.venue_ts <= state.ledger.snapshot_ms or not state.ledger.is_new(event.coin, event.tid):
        return
    ledger = state.ledger.coins.get(event.coin)
    if ledger is None:
        state.ledger.open_coin(event.coin, None, event.px, state.ledger.snapshot_ms)
        ledger = state.ledger.coins[event.coin]
    _count(state, event, ledger)
    order = state.orders.get(event.cloid)
    if order is None:
        if is_ours(event.cloid):
            state.alarms.append(Alarm(code="orphan_fill", text=f"fill {event.tid} of an order we do not know"))
        else:
            state.alarms.append(Alarm(code="foreign_fill", text=f"{event.coin}: fill {event.tid} that is not ours"))
        return
    order.oid = event.oid
    if not state.orders.fill(order, event.sz, state.ts):
        state.lose_sync(f"fill {event.tid} of {event.sz} does not fit order {order.cloid}")


def _count(state: EngineState, event: OrderFilled, ledger: CoinLedger) -> None:
    """Book the fill in the ledger, the budget and the burst window."""
    coin = state.coins.get(event.coin)
    if ledger.mark_px == FLAT_MARK:
        # Nothing has marked this coin yet: the stand-in would book the whole notional as a loss.
        ledger.mark_px = event.px
    due_ts = Ns(state.ts + int(state.config.timing.markout_s * NS_PER_S))
    ledger.fill(event, None if coin is None else coin.book.mid_before(event.venue_ts), due_ts)
    state.recent_fills.append((event.venue_ts, event.coin, Sz(event.side * event.sz)))
    state.budget.earn_notional(event.sz * event.px)
    if coin is not None and not event.snapshot:
        coin.burst.append((state.ts, event.side))


def _account(state: EngineState, event: AccountRead) -> None:
    """The first read begins the ledger; later ones check it."""
    ledger = state.ledger
    held = {holding.coin: holding for holding in event.holdings}
    if ledger.snapshot_ms is None:
        ledger.begin(event.venue_ts, event.account_value)
        for coin in dict.fromkeys([*state.coins, *held]):
            known = state.coins[coin].book.mark_px if coin in state.coins else None
            ledger.open_coin(coin, held.get(coin), known or FLAT_MARK, event.venue_ts)
        early, state.early_fills = list(state.early_fills), type(state.early_fills)(maxlen=state.early_fills.maxlen)
        for fill in early:
            _filled(state, fill)
    for coin, holding in held.items():
        if coin in ledger.coins:
            ledger.coins[coin].mark_px = holding.mark_px
    ledger.value(event.account_value, event.margin_used, event.withdrawable)
    agrees = _check_positions(state, event)
    if not agrees and state.gate.lacks("account"):
        state.lose_sync("positions differ since the connection was lost")
    state.resync.saw_account(event.asked_ts, agrees=agrees)
    state.account_asked = event.asked_ts
    state.gate.confirm("account")
    if state.confirm_ts is not None and event.asked_ts >= state.confirm_ts:
        state.confirmed_account = True


def _check_positions(state: EngineState, event: AccountRead) -> bool:
    """Compare our positions, as of the read's block, with the venue's. Disagreement that lasts is drift.

    Returns: whether every position agrees.
    """
    held = {holding.coin: holding.sz for holding in event.holdings}
    later: dict[Coin, int] = {}
    for venue_ts, coin, signed in state.recent_fills:
        if venue_ts > event.venue_ts:
            later[coin] = later.get(coin, 0) + signed
    agrees = True
    for coin, ledger in state.ledger.coins.items():
        gap = held.get(coin, 0) - (ledger.position_sz - later.get(coin, 0))
        agrees = agrees and gap == 0
        _judge_gap(state, coin, ledger, gap)
    if agrees:
        state.agreed_ms = event.venue_ts
    return agrees


def _judge_gap(state: EngineState, coin: Coin, ledger: CoinLedger, gap: int) -> None:
    """Alarm when positions differ for several reads; take the venue's when re-read fills do not explain it."""
    reads = state.config.risk.position_drift_reads
    ledger.same_gap_reads = ledger.same_gap_reads + 1 if gap and gap == ledger.gap else 0
    ledger.gap = gap
    ledger.drift_reads = ledger.drift_reads + 1 if gap else 0
    if ledger.drift_reads < reads:
        return
    if state.resync.asks > 1 and ledger.same_gap_reads >= 2 * reads:
        ledger.adopt(Sz(gap))
        ledger.gap = ledger.drift_reads = ledger.same_gap_reads = 0
        text = f"{coin}: the venue's position is {gap:+} (size units) from ours and no fill explains it: took it over"
        state.alarms.append(Alarm(code="position_adopted", text=text))
        return
    text = f"{coin}: we count {ledger.position_sz}, the venue {gap:+} (size units)"
    state.alarms.append(Alarm(code="position_drift", text=text))
    state.lose_sync(f"position drift on {coin}")
