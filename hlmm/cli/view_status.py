"""What `status` and `replay` look like on a terminal: one card per engine, one per verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.text import Text

from hlmm.cli.words import Card, Row, holdings

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import RenderableType

    from hlmm.shell.replay import Replayed
    from hlmm.shell.status import EngineStatus

STYLES: Final = {"trading": "bold green", "died": "bold red", "unresponsive": "bold red", "halted": "bold red"}
MODES: Final = {
    "sim": "simulated exchange and money",
    "paper": "real market data, simulated fills and money",
    "testnet": "Hyperliquid testnet",
    "prod": "REAL MONEY",
}
NEXT: Final = {
    "died": "look at the exchange; start the same run again (it adopts or cancels its orders), or `hlmm flatten`",
    "unresponsive": "`hlmm flatten` with the overrides it runs with: it needs no engine",
    "ended": "`hlmm replay {run_id}` checks it; `hlmm run …` starts a new one",
}
NEXT_RUNNING: Final = "Ctrl-C in its terminal or `kill -INT {pid}` cancels everything and stops it"
NONE: Final = "no engine runs here, and no run is recorded in {runs}\nnext: `hlmm run +asset=BTC` starts one, simulated"

RESUME: Final = "find the cause, then `hlmm resume --reason …` with the overrides of that account"


def status_cards(found: list[EngineStatus], runs: Path, state: Path, halted: dict[str, str]) -> RenderableType:
    """One card per engine, with every reason why it is not ready and the next step.

    Args: runs and state, folders; halted, why, by account.
    """
    cards: list[RenderableType] = [*map(_card, found)] or [Text(NONE.format(runs=runs.resolve()))]
    latches = [Row(name, why, "bold red") for name, why in halted.items()]
    latches += [Row("next", RESUME, "yellow")] if latches else []
    foot = Card(Text(f"state folder  {state}", style="dim"), [])
    return Group(*cards, *([Card(Text("halted accounts", style="bold red"), latches)] if latches else []), foot)


def _card(engine: EngineStatus) -> Card:
    heading = Text(engine.state, style=STYLES.get(engine.state, "bold"))
    heading.append(f"  run {engine.run_id}" + ("" if engine.pid is None else f"  pid {engine.pid}"), style="bold")
    rows = [Row("where", f"{engine.mode}: {MODES.get(engine.mode, engine.mode)}")] if engine.mode else []
    if engine.account:
        rows.append(Row("account", engine.account))
    rows += [
        Row("position", holdings(engine.position)),
        Row("our orders", "unknown" if engine.open_orders is None else f"{engine.open_orders} open"),
    ]
    if engine.pnl_usd is not None:
        fills = f"{engine.fills or 0:,} fills, {engine.volume_usd or 0.0:,.2f} USD"
        rows.append(Row("PnL", f"{engine.pnl_usd.total:+,.4f} USD from {fills}"))
    if engine.budget is not None:
        left = engine.budget.orders_left
        rows.append(Row("requests", f"{engine.budget.requests:,}" + ("" if left is None else f" ({left:,} left)")))
    armed = engine.protections
    names = [name.replace("_", " ") for name in armed.__struct_fields__ if getattr(armed, name)]
    rows += [
        Row("protected by", ", ".join(names) or "nothing"),
        Row("ready", "yes" if engine.ready else "no: " + "; ".join(engine.reasons)),
    ]
    rows += [Row("venue differs", f"{drift.kind} ×{drift.count}: {drift.what}", "yellow") for drift in engine.drift]
    if engine.run_dir:
        rows.append(Row("files", engine.run_dir))
    rows.append(Row("next", NEXT.get(engine.state, NEXT_RUNNING).format(run_id=engine.run_id, pid=engine.pid)))
    return Card(heading, rows)


def replay_card(run_id: str, outcome: Replayed) -> Card:
    """The verdict of a replay."""
    verdict = Row("verdict", "identical", "green") if outcome.identical else Row("verdict", "DIFFERENT", "bold red")
    rows = [verdict, Row("events", f"{outcome.events:,}"), Row("decisions", outcome.decisions_hash)]
    if not outcome.complete and outcome.identical:
        rows.append(Row("journal", f"was not closed in order; {outcome.torn_bytes} bytes of a cut record ignored"))
    divergence = outcome.first_divergence
    if divergence is not None:
        rows += [
            Row("first divergence", f"event {divergence.index}: {divergence.why}"),
            Row("event", divergence.event),
            Row("journalled", divergence.expected),
            Row("now", divergence.got),
        ]
    return Card(Text(f"replay of {run_id}", style="bold"), rows)
