"""What `status` and `replay` look like on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import RenderableType

    from hlmm.shell.replay import Replayed
    from hlmm.shell.status import EngineStatus

STYLES: Final = {"trading": "green", "died": "bold red", "unresponsive": "bold red", "halted": "bold red"}


def status_table(found: list[EngineStatus]) -> RenderableType:
    """One row per engine, with every reason why it is not ready."""
    if not found:
        return Text("no engine runs here, and no run is recorded")
    table = Table(show_lines=True)
    for name in ("run", "state", "pid", "position", "orders", "PnL USD", "armed", "ready", "reasons"):
        table.add_column(name)
    for engine in found:
        position = engine.position
        armed = engine.protections
        table.add_row(
            engine.run_id,
            Text(engine.state, style=STYLES.get(engine.state, "")),
            "-" if engine.pid is None else str(engine.pid),
            "unknown" if position is None else "\n".join(f"{coin} {size:+g}" for coin, size in position.items()),
            "unknown" if engine.open_orders is None else str(engine.open_orders),
            "-" if engine.pnl_usd is None else f"{engine.pnl_usd.total:+.4f}",
            ", ".join(name.replace("_", " ") for name in armed.__struct_fields__ if getattr(armed, name)) or "nothing",
            "yes" if engine.ready else "no",
            "\n".join(engine.reasons),
        )
    return table


def replay_table(run_id: str, outcome: Replayed) -> Table:
    """The verdict of a replay."""
    table = Table(title=f"replay of {run_id}", show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    verdict = Text("identical", style="green") if outcome.identical else Text("DIFFERENT", style="bold red")
    table.add_row("verdict", verdict)
    table.add_row("events", str(outcome.events))
    table.add_row("decisions hash", outcome.decisions_hash)
    if not outcome.complete and outcome.identical:
        table.add_row("journal", f"was not closed in order; {outcome.torn_bytes} bytes of a cut record ignored")
    divergence = outcome.first_divergence
    if divergence is not None:
        table.add_row("first divergence", f"event {divergence.index}: {divergence.why}")
        table.add_row("event", divergence.event)
        table.add_row("journalled", divergence.expected)
        table.add_row("now", divergence.got)
    return table
