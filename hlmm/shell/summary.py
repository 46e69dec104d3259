"""What a run came to: the JSON contract of `hlmm run` and `hlmm backtest`, and the words on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from hlmm.types import BPS, MICRO, NS_PER_S

if TYPE_CHECKING:
    from hlmm.core.view import EngineView, PnlView
    from hlmm.shell.runs import RunDir
    from hlmm.shell.truth import Truth
    from hlmm.shell.virtual import VirtualResult

TIER0_MAKER_BPS: Final = 1.5
"""Maker fee of an account without volume, bp. Source: Hyperliquid documentation, "Fees" (perps, tier 0)."""


class PnlUsd(msgspec.Struct, frozen=True, kw_only=True):
    """PnL of a run, USD; the last five sum to `total` to the micro-USD."""

    total: float
    spread: float
    adverse_selection: float
    inventory: float
    fees: float
    funding: float


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The one object of `hlmm run --json`, and `summary.json`.

    `position` and `resting_orders_at_exit` are the venue's words after the end, None when it did not answer;
    `resting_orders_at_exit` counts orders of this program, `foreign_orders_at_exit` all others of the account.
    `pnl_at_tier0_usd` is `pnl_usd.total` had every fill paid the venue's first-tier maker fee (same fills assumed).
    `simulated` says in words what of the venue is simulated; None: nothing.
    """

    run_id: str
    run_dir: str
    mode: str
    simulated: str | None
    exit_reason: str
    exit_code: int
    config_hash: str
    duration_s: float
    quote_uptime_frac: float
    fills: int
    volume_usd: float
    requests: int
    pnl_usd: PnlUsd
    pnl_at_tier0_usd: float
    maker_bps: float | None
    position: dict[str, float] | None
    resting_orders_at_exit: int | None
    foreign_orders_at_exit: int | None
    account_value_usd: float | None
    decisions_hash: str
    events: int
    conflated: int
    dropped_trades: int
    quarantined_frames: int


class BacktestSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The one object of `hlmm backtest --json`."""

    decisions_hash: str
    run_id: str
    run_dir: str
    config_hash: str
    stopped: bool
    halt_reason: str
    events: int
    commands: int
    fills: int
    volume_usd: float
    requests: int
    quote_uptime_frac: float
    pnl_usd: PnlUsd
    pnl_at_tier0_usd: float
    maker_bps: float | None
    position: dict[str, float]
    resting_orders_at_exit: int
    account_value_usd: float | None
    wall_s: float
    tape_s: float


def pnl_usd(pnl: PnlView) -> PnlUsd:
    """Micro-USD to USD, term by term."""
    return PnlUsd(
        total=pnl.total / MICRO,
        spread=pnl.spread / MICRO,
        adverse_selection=pnl.adverse_selection / MICRO,
        inventory=pnl.inventory / MICRO,
        fees=pnl.fees / MICRO,
        funding=pnl.funding / MICRO,
    )


def at_tier0(view: EngineView) -> float:
    """PnL in USD had the same volume paid the tier-0 maker fee instead of what it paid."""
    paid = view.pnl.fees / MICRO
    return view.pnl.total / MICRO - paid - view.volume_usd * TIER0_MAKER_BPS / BPS


def uptime(view: EngineView) -> float:
    """Share of time with quotes on both sides since the first such moment: the least of all coins."""
    return min((coin.uptime_frac for coin in view.coins), default=0.0)


def of_backtest(result: VirtualResult, truth: Truth, run: RunDir, config_hash: str, wall_s: float) -> BacktestSummary:
    """Sum up a virtual run. Args: truth, re-read from the simulated venue; wall_s, real seconds it took."""
    view = result.view
    return BacktestSummary(
        decisions_hash=result.decisions_hash,
        run_id=run.run_id,
        run_dir=str(run.path.resolve()),
        config_hash=config_hash,
        stopped=result.stopped,
        halt_reason=result.halt_reason,
        events=result.events,
        commands=result.commands,
        fills=view.fills,
        volume_usd=view.volume_usd,
        requests=view.budget.requests,
        quote_uptime_frac=uptime(view),
        pnl_usd=pnl_usd(view.pnl),
        pnl_at_tier0_usd=at_tier0(view),
        maker_bps=view.maker_bps,
        position=truth.positions,
        resting_orders_at_exit=truth.own_orders,
        account_value_usd=truth.account_value_usd,
        wall_s=wall_s,
        tape_s=(result.ended - result.started) / NS_PER_S,
    )
