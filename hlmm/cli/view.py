"""What a run looks like: the live screen, one progress line, and the final table. Rendering only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.columns import Columns
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from hlmm.core.view import Phase
from hlmm.types import MICRO, Side

if TYPE_CHECKING:
    from rich.console import RenderableType

    from hlmm.core.view import CoinView, EngineView, PnlView
    from hlmm.shell.summary import RunSummary

BID_STYLE: Final = "green"
ASK_STYLE: Final = "red"
PHASE_STYLES: Final = {
    Phase.STARTING: "yellow",
    Phase.TRADING: "bold green",
    Phase.STOPPING: "yellow",
    Phase.STOPPED: "dim",
    Phase.HALTED: "bold red",
}
PNL_TERMS: Final = ("spread", "adverse_selection", "inventory", "fees", "funding")
LADDER_ROWS_MAX: Final = 6


def screen(view: EngineView, title: str, notes: tuple[str, ...]) -> RenderableType:
    """The whole live view. Args: title, mode, run and account; notes, the newest messages, oldest first."""
    parts: list[RenderableType] = [_head(view, title)]
    parts += [_coin(coin) for coin in view.coins]
    parts.append(_money(view))
    parts += [Text(note, style="dim", overflow="ellipsis", no_wrap=True) for note in notes]
    parts.append(Text("Ctrl-C: cancel everything, confirm with the venue, and stop", style="dim"))
    return Group(*parts)


def progress_line(view: EngineView, elapsed_s: float) -> str:
    """One line for logs and pipes."""
    why = "; ".join(dict.fromkeys((*view.reasons, *(c.no_quote_reason for c in view.coins if c.no_quote_reason))))
    coins = " ".join(f"{c.coin} {c.position:+g} up {c.uptime_frac:.1%}" for c in view.coins)
    return (
        f"{elapsed_s:7.1f}s {view.phase} | {coins} | fills {view.fills} | pnl {view.pnl.total / MICRO:+.2f} USD"
        f" | requests {view.budget.requests} | orders {view.live_orders}" + (f" | {why}" if why else "")
    )


def final_table(summary: RunSummary) -> Table:
    """The summary of a finished run."""
    table = Table(title=f"run {summary.run_id}", show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column()
    table.add_row("ended by", f"{summary.exit_reason} after {summary.duration_s:.1f} s")
    table.add_row("two-sided quotes", f"{summary.quote_uptime_frac:.1%} of the time after the first")
    table.add_row("fills", f"{summary.fills}, {summary.volume_usd:,.2f} USD")
    table.add_row("requests", str(summary.requests))
    table.add_row("PnL", f"{summary.pnl_usd.total:+,.4f} USD")
    for term in PNL_TERMS:
        table.add_row(f"  {term.replace('_', ' ')}", f"{getattr(summary.pnl_usd, term):+,.4f}")
    tier = "unknown" if summary.maker_bps is None else f"{summary.maker_bps:+.2f} bp"
    table.add_row("maker fee paid", tier)
    table.add_row("PnL at tier-0 fees", f"{summary.pnl_at_tier0_usd:+,.4f} USD with the same fills")
    table.add_row("resting at exit", _venue_word(summary))
    position = summary.position
    text = (
        "unknown" if position is None else ", ".join(f"{coin} {size:+g}" for coin, size in position.items()) or "flat"
    )
    table.add_row("position", text)
    table.add_row("files", summary.run_dir)
    return table


def _venue_word(summary: RunSummary) -> Text:
    if summary.resting_orders_at_exit is None:
        return Text("UNKNOWN: the venue did not answer", style="bold red")
    if summary.resting_orders_at_exit:
        return Text(f"{summary.resting_orders_at_exit} ORDERS STILL REST", style="bold red")
    return Text("none, confirmed by the venue", style="green")


def _head(view: EngineView, title: str) -> Text:
    text = Text()
    text.append(f" {view.phase} ", style=PHASE_STYLES[view.phase])
    text.append(f" {title}", style="bold")
    if view.reasons:
        text.append("  waiting for: " + ", ".join(view.reasons), style="yellow")
    return text


def _coin(coin: CoinView) -> Panel:
    title = f"{coin.coin}  fair {_price(coin.fair)}  inventory {coin.position:+g} ({coin.inventory_usd:+,.0f} USD)"
    numbers = (
        f"half-spread {_number(coin.half_spread_bps)} bp   skew {_number(coin.skew_bps)} bp   "
        f"σ {_number(coin.sigma_bps_sqrt_s)} bp/√s   mark {_price(coin.mark)}   "
        f"book {_number(coin.book_age_s)} s old   up {coin.uptime_frac:.1%}   "
        f"fills {coin.fills}   volume {coin.volume_usd:,.0f} USD"
    )
    body: list[RenderableType] = [Columns([_ladder(coin, Side.BID), _ladder(coin, Side.ASK)], padding=(0, 4))]
    if coin.terms:
        body.append(Text("  ".join(f"{term.name} {term.bps:+.2f}" for term in coin.terms) + " bp", style="dim"))
    body.append(Text(numbers, style="dim"))
    if coin.no_quote_reason:
        body.append(Text(f"not quoting both sides: {coin.no_quote_reason}", style="yellow"))
    return Panel(Group(*body), title=title, title_align="left")


def _ladder(coin: CoinView, side: Side) -> Table:
    """Own orders of one side, best first, with the market's touch above them."""
    name, style, touch = ("bid", BID_STYLE, coin.best_bid) if side is Side.BID else ("ask", ASK_STYLE, coin.best_ask)
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(f"our {name}s", justify="right", min_width=12)
    table.add_column("size", justify="right", min_width=10)
    table.add_column("state", min_width=9)
    table.add_row(_price(touch), "", "market", style="dim")
    quotes = sorted((q for q in coin.quotes if q.side is side), key=lambda quote: -side * quote.price)
    for quote in quotes[:LADDER_ROWS_MAX]:
        table.add_row(_price(quote.price), f"{quote.size:g}", quote.state, style=style)
    return table


def _money(view: EngineView) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in (
        "PnL USD",
        *(term.replace("_", " ") for term in PNL_TERMS),
        "fills",
        "volume USD",
        "requests",
        "maker",
    ):
        table.add_column(name, justify="right")
    pnl: PnlView = view.pnl
    table.add_row(
        f"{pnl.total / MICRO:+,.4f}",
        *(f"{getattr(pnl, term) / MICRO:+,.4f}" for term in PNL_TERMS),
        str(view.fills),
        f"{view.volume_usd:,.0f}",
        f"{view.budget.requests} ({view.budget.orders_left} left)",
        "?" if view.maker_bps is None else f"{view.maker_bps:+.2f} bp",
    )
    return table


def _price(price: float | None) -> str:
    return "-" if price is None else f"{price:,.8g}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
