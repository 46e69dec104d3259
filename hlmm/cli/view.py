"""What a run looks like: the live screen, one progress line, and the final card. Rendering only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from rich.text import Text

from hlmm.cli.words import (
    PNL_TERMS,
    Card,
    Row,
    ending,
    fee_rows,
    held,
    holdings,
    pack,
    pnl_rows,
    price,
    size,
    wrapped,
)
from hlmm.core.view import Phase
from hlmm.shell.exits import Exit
from hlmm.shell.summary import TIER0_MAKER_BPS
from hlmm.types import MICRO, Side

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from hlmm.core.view import CoinView, EngineView
    from hlmm.shell.summary import RunSummary

SIDE_STYLES: Final = {Side.BID: "green", Side.ASK: "red"}
PHASE_STYLES: Final = {
    Phase.STARTING: "yellow",
    Phase.TRADING: "bold green",
    Phase.STOPPING: "yellow",
    Phase.STOPPED: "dim",
    Phase.HALTED: "bold red",
}
FOOTS: Final = {
    Phase.STOPPING: "stopping: cancelling everything and waiting for the venue's word",
    Phase.STOPPED: "stopped: the venue confirmed it",
    Phase.HALTED: "halted: `hlmm resume` clears it",
}
FOOT: Final = "Ctrl-C: cancel everything, confirm with the venue, and stop"
SIDE_GAP: Final = "    "


class Detail(NamedTuple):
    """How much of each coin is drawn: own orders a side, the half-spread's terms, the model's numbers."""

    orders: int
    terms: int
    numbers: int


DETAILS: Final = (
    *(Detail(orders, terms=1, numbers=1) for orders in (6, 5, 4, 3)),
    *(Detail(orders, terms=0, numbers=1) for orders in (3, 2, 1)),
    *(Detail(orders, terms=0, numbers=0) for orders in (2, 1, 0)),
)
"""From the fullest to the barest; the first that fits the terminal is drawn."""


class LiveScreen:
    """The whole live view, as full as the terminal's width and height allow; no number is ever cut."""

    def __init__(self, view: EngineView, title: str, notes: tuple[str, ...]) -> None:
        """Args: title, coins, mode and account; notes, the newest messages, oldest first."""
        self._view = view
        self._title = title
        self._notes = notes

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Lines for this terminal."""
        width, room = options.max_width, console.size.height - 1
        view = self._view
        head = _head(view, self._title, width)
        tail = [*_money(view, width), Text(FOOTS.get(view.phase, FOOT), style="dim")]
        room -= len(head) + len(tail)
        blocks: list[Text] = []
        for detail in DETAILS:
            blocks = [line for coin in view.coins for line in _coin(coin, detail, width)]
            if len(blocks) <= room:
                break
        notes = [Text(line, style="dim") for note in self._notes for line in wrapped(note, width)]
        kept = max(room - len(blocks), 0)
        yield from (*head, *blocks, *tail[:-1], *notes[len(notes) - min(kept, len(notes)) :], tail[-1])


def progress_line(view: EngineView, elapsed_s: float) -> str:
    """One line for logs and pipes."""
    why = "; ".join(dict.fromkeys((*view.reasons, *(c.no_quote_reason for c in view.coins if c.no_quote_reason))))
    coins = " ".join(f"{c.coin} {held(c.position)} up {c.uptime_frac:.1%}" for c in view.coins)
    return (
        f"{elapsed_s:7.1f}s {view.phase} | {coins} | fills {view.fills} | pnl {view.pnl.total / MICRO:+.2f} USD"
        f" | requests {view.budget.requests} | orders {view.live_orders}" + (f" | {why}" if why else "")
    )


def final_card(summary: RunSummary) -> Card:
    """The summary of a finished run: how it ended, what it made, what is left, what to do next."""
    rows = [Row("ended by", f"{ending(summary.exit_reason)} after {summary.duration_s:.1f} s")]
    if summary.simulated is not None:
        rows.append(Row("simulated", summary.simulated))
    rows += [
        Row("quoted", f"both sides {summary.quote_uptime_frac:.1%} of the time after the first such moment"),
        Row("fills", f"{summary.fills:,}, {summary.volume_usd:,.2f} USD"),
        Row("requests", f"{summary.requests:,}"),
        *pnl_rows(summary.pnl_usd),
        *fee_rows(summary.maker_bps, summary.pnl_at_tier0_usd, TIER0_MAKER_BPS),
        _resting(summary),
        Row("position", holdings(summary.position)),
        Row("files", summary.run_dir),
        *_next(summary),
    ]
    return Card(Text(f"run {summary.run_id}", style="bold"), rows)


def _resting(summary: RunSummary) -> Row:
    count = summary.resting_orders_at_exit
    if count is None:
        return Row("our orders", "UNKNOWN: the venue did not answer", "bold red")
    if count:
        return Row("our orders", f"{count} ORDERS STILL REST", "bold red")
    return Row("our orders", "none rests, confirmed by the venue", "green")


def _next(summary: RunSummary) -> list[Row]:
    """What the operator should do now; nothing when all is done."""
    if summary.exit_code == Exit.NOT_VERIFIED:
        words = "look at the exchange now; `hlmm flatten` with the same overrides cancels and closes"
        return [Row("next", words, "bold red")]
    if summary.exit_code == Exit.HALTED:
        words = "find the cause, then `hlmm resume --reason …` with the same overrides; until then `run` exits 7"
        return [Row("next", words, "yellow")]
    if summary.simulated is None and any((summary.position or {}).values()):
        words = "the position stays as it is; `hlmm flatten` with the same overrides closes it"
        return [Row("next", words, "yellow")]
    return []


def _head(view: EngineView, title: str, width: int) -> list[Text]:
    phase = f"{view.phase}  "
    first, *more = wrapped(title, width - len(phase))
    lines = [Text(phase, style=PHASE_STYLES[view.phase]).append(first, style="bold")]
    lines += [Text(" " * len(phase) + line, style="bold") for line in more]
    if view.reasons:
        lines += [Text(line, style="yellow") for line in wrapped("waiting for: " + ", ".join(view.reasons), width)]
    return lines


def _coin(coin: CoinView, detail: Detail, width: int) -> list[Text]:
    inventory = f"inventory {held(coin.position)} ({coin.inventory_usd:+,.0f} USD)"
    title = f"── {coin.coin}  fair {price(coin.fair)}  {inventory}  fills {coin.fills} "
    lines = [Text(title.ljust(width, "─")[: max(width, len(title))], style="bold")]
    lines += _ladders(coin, detail.orders) if detail.orders else [_touch(coin)]
    if detail.terms and coin.terms:
        terms = [f"{term.name.replace('_', ' ')} {term.bps:+.2f}" for term in coin.terms]
        lines += [Text(line, style="dim") for line in pack(("half-spread and skew in bp:", *terms), width, "  ")]
    if detail.numbers:
        lines += [Text(line, style="dim") for line in pack(_numbers(coin), width)]
    if coin.no_quote_reason:
        why = f"not quoting both sides: {coin.no_quote_reason}"
        lines += [Text(line, style="yellow") for line in wrapped(why, width)]
    return lines


def _numbers(coin: CoinView) -> list[str]:
    age = "-" if coin.book_age_s is None else f"{coin.book_age_s:.1f} s old"
    return [
        f"half-spread {_number(coin.half_spread_bps)} bp",
        f"skew {_number(coin.skew_bps)} bp",
        f"σ {_number(coin.sigma_bps_sqrt_s)} bp/√s",
        f"mark {price(coin.mark)}",
        f"book {age}",
        f"both sides {coin.uptime_frac:.1%} of the time",
        f"volume {coin.volume_usd:,.0f} USD",
    ]


def _ladders(coin: CoinView, orders: int) -> list[Text]:
    """Own orders of both sides beside each other, best first, below the market's touch."""
    sides = {side: _best_first(coin, side)[:orders] for side in SIDE_STYLES}
    lines = [Text(SIDE_GAP.join(_cells(f"our {name}s", "size", "state") for name in ("bid", "ask")), style="dim")]
    touch = SIDE_GAP.join(_cells(price(best), "", "market") for best in (coin.best_bid, coin.best_ask))
    lines.append(Text(touch, style="dim"))
    for row in range(max(map(len, sides.values()))):
        line = Text()
        for side, quotes in sides.items():
            here = quotes[row] if row < len(quotes) else ("", "", "")
            line.append(_cells(*here), style=SIDE_STYLES[side]).append(SIDE_GAP)
        line.rstrip()
        lines.append(line)
    return lines


def _best_first(coin: CoinView, side: Side) -> list[tuple[str, str, str]]:
    quotes = sorted((q for q in coin.quotes if q.side is side), key=lambda quote: -side * quote.price)
    return [(price(quote.price), size(quote.size), quote.state) for quote in quotes]


def _touch(coin: CoinView) -> Text:
    """A coin's market and own best orders in one line."""
    line = Text(f"market {price(coin.best_bid)} / {price(coin.best_ask)}   ours", style="dim")
    for side, style in SIDE_STYLES.items():
        quotes = _best_first(coin, side)
        line.append(f" {quotes[0][0]} ×{len(quotes)}" if quotes else " none", style=style)
    return line


def _cells(at: str, amount: str, state: str) -> str:
    return f"{at:>12} {amount:>11}  {state:<10}"


def _money(view: EngineView, width: int) -> list[Text]:
    pnl = view.pnl
    terms = [f"{name.replace('_', ' ')} {getattr(pnl, name) / MICRO:+,.4f}" for name in PNL_TERMS]
    fee = "?" if view.maker_bps is None else f"{view.maker_bps:+.2f} bp"
    rebate = " (a rebate)" if view.maker_bps is not None and view.maker_bps < 0 else ""
    counts = [
        f"fills {view.fills:,}",
        f"volume {view.volume_usd:,.0f} USD",
        f"requests {view.budget.requests:,} ({view.budget.orders_left:,} left)",
        f"maker fee {fee}{rebate}",
    ]
    total = Text("─" * width, style="dim")
    lines = [Text(line) for line in pack((f"PnL {pnl.total / MICRO:+,.4f} USD =", *terms), width, "  ")]
    return [total, *lines, *(Text(line) for line in pack(counts, width))]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
