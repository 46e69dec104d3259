"""What a finished backtest looks like on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from hlmm.cli.words import Card, Row, fee_rows, holdings, pnl_rows
from hlmm.shell.summary import TIER0_MAKER_BPS

if TYPE_CHECKING:
    from hlmm.shell.summary import BacktestSummary


def backtest_card(summary: BacktestSummary) -> Card:
    """The summary. It says what was simulated, and promises nothing."""
    speed = summary.tape_s / summary.wall_s if summary.wall_s else 0.0
    rows = [
        Row("simulated", f"{summary.tape_s:,.0f} s in {summary.wall_s:.1f} s ({speed:,.0f} × real time)"),
        Row("events", f"{summary.events:,}, answered by {summary.commands:,} commands"),
        Row("quoted", f"both sides {summary.quote_uptime_frac:.1%} of the time after the first such moment"),
        Row("fills", f"{summary.fills:,}, {summary.volume_usd:,.2f} USD"),
        Row("requests", f"{summary.requests:,}"),
        *pnl_rows(summary.pnl_usd),
        *fee_rows(summary.maker_bps, summary.pnl_at_tier0_usd, TIER0_MAKER_BPS),
        Row("position", holdings(summary.position)),
        Row("decisions", summary.decisions_hash),
        Row("files", summary.run_dir),
    ]
    if summary.halt_reason:
        rows.append(Row("halted", summary.halt_reason, "bold red"))
    return Card(Text(f"backtest {summary.run_id}", style="bold"), rows)
