"""Words and numbers on a terminal: plain decimals, cells packed into lines that fit, cards of labelled facts."""

from __future__ import annotations

import math
import os
import sys
import textwrap
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from hlmm.shell.summary import PnlUsd

PRICE_DIGITS: Final = 8
SIZE_DECIMALS: Final = 8
PNL_TERMS: Final = ("spread", "adverse_selection", "inventory", "fees", "funding")
NARROWEST: Final = 20
ENDINGS: Final = {
    "duration": "--for is over",
    "SIGINT": "Ctrl-C",
}


class Row(NamedTuple):
    """One fact of a card: its label, its words, and a rich style for the words."""

    label: str
    text: str
    style: str = ""


class Card:
    """A heading and labelled facts, one below the other; long words wrap under their own column, never cut."""

    def __init__(self, heading: Text, rows: Sequence[Row]) -> None:
        """Args: heading, its first line; rows, in order."""
        self._heading = heading
        self._rows = rows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Lines for this console; what goes into a file or a pipe is not wrapped."""
        yield self._heading
        column = max((len(row.label) for row in self._rows), default=0) + 2
        width = max(options.max_width - column, NARROWEST) if console.is_terminal else 0
        for row in self._rows:
            for number, line in enumerate(wrapped(row.text, width)):
                shown = Text(f"{row.label if not number else '':<{column}}", style="bold")
                yield shown.append(line, style=row.style or "not bold")


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width` characters, 0: one per line of the text; a longer word stays whole if it can."""
    given = text.splitlines() or [""]
    if not width:
        return given
    return [line for one in given for line in textwrap.wrap(one, width, break_on_hyphens=False) or [""]]


def pack(cells: Iterable[str], width: int, gap: str = "   ") -> list[str]:
    """Cells side by side in as few lines as hold them; a cell is never broken or cut."""
    lines: list[str] = []
    for cell in cells:
        if lines and len(lines[-1]) + len(gap) + len(cell) <= width:
            lines[-1] += gap + cell
        else:
            lines.append(cell)
    return lines


def show(renderable: RenderableType) -> None:
    """Print on stdout. A reader that went away (`| head`) is no error: what was done stays done."""
    from rich.console import Console

    console = Console()
    with console.capture() as capture:
        console.print(renderable, soft_wrap=True, highlight=False)
    put(capture.get())


def put(text: str) -> None:
    """Write to stdout, at once. Like `show`, survives a reader that went away."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def price(value: float | None) -> str:
    """Eight significant digits, never an exponent; "-" when unknown."""
    if value is None:
        return "-"
    whole = math.floor(math.log10(abs(value))) + 1 if value else 1
    return _trimmed(f"{value:,.{max(PRICE_DIGITS - whole, 0)}f}")


def size(value: float) -> str:
    """An amount of a coin, all its digits."""
    return _trimmed(f"{value:,.{SIZE_DECIMALS}f}")


def holdings(positions: dict[str, float] | None) -> str:
    """Signed sizes by coin; what is unknown says so."""
    if positions is None:
        return "unknown"
    return ", ".join(f"{coin} {held(value)}" for coin, value in positions.items()) or "flat"


def held(value: float) -> str:
    """A signed position."""
    return ("+" if value > 0 else "") + size(value) if value else "0"


def pnl_rows(pnl: PnlUsd) -> list[Row]:
    """The total and its five terms, which sum to it."""
    terms = [Row(f"  {name.replace('_', ' ')}", f"{getattr(pnl, name):+,.4f}") for name in PNL_TERMS]
    return [Row("PnL", f"{pnl.total:+,.4f} USD, of which"), *terms]


def fee_rows(maker_bps: float | None, at_tier0_usd: float, tier0_bps: float) -> list[Row]:
    """The maker's fee that was paid, and what a new account's would have come to."""
    kind = "" if maker_bps is None or maker_bps >= 0 else " (a rebate, as an established maker gets)"
    paid = "unknown" if maker_bps is None else f"{maker_bps:+.2f} bp{kind}"
    same = f"{at_tier0_usd:+,.4f} USD with the fee of a new account ({tier0_bps:+.2f} bp)"
    return [Row("maker fee", paid), Row("PnL at tier 0", same)]


def ending(reason: str) -> str:
    """Why a run ended, as the operator would say it."""
    first, mark, rest = reason.partition(";")
    return ENDINGS.get(first, first) + mark + rest


def _trimmed(number: str) -> str:
    return number.rstrip("0").rstrip(".") if "." in number else number
