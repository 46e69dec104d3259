"""What a finished backtest looks like on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table

if TYPE_CHECKING:
    from hlmm.shell.summary import BacktestSummary

PNL_TERMS: Final = ("spread", "adverse_selection", "inventory", "fees", "funding")


def backtest_table(summary: BacktestSummary) -> Table:
    """The summary. It says what was simulated, and promises nothing."""
    table = Table(title=f"backtest {summary.run_id}", show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    speed = summary.tape_s / summary.wall_s if summary.wall_s else 0.0
    table.add_row("simulated", f"{summary.tape_s:,.0f} s in {summary.wall_s:.1f} s ({speed:,.0f} × real time)")
    table.add_row("events, commands", f"{summary.events:,}, {summary.commands:,}")
    table.add_row("two-sided quotes", f"{summary.quote_uptime_frac:.1%} of the time after the first")
    table.add_row("fills", f"{summary.fills}, {summary.volume_usd:,.2f} USD")
    table.add_row("requests", str(summary.requests))
    table.add_row("PnL", f"{summary.pnl_usd.total:+,.4f} USD")
    for term in PNL_TERMS:
        table.add_row(f"  {term.replace('_', ' ')}", f"{getattr(summary.pnl_usd, term):+,.4f}")
    table.add_row("PnL at tier-0 fees", f"{summary.pnl_at_tier0_usd:+,.4f} USD with the same fills")
    table.add_row("position", ", ".join(f"{coin} {size:+g}" for coin, size in summary.position.items()) or "flat")
    table.add_row("decisions hash", summary.decisions_hash)
    table.add_row("files", summary.run_dir)
    if summary.halt_reason:
        table.add_row("halted", summary.halt_reason)
    return table
