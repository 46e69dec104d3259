"""`hlmm backtest`: a recorded tape (or a synthetic market) through the engine in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hlmm.cli.options import ConfigDir, Json, Overrides
from hlmm.shell.exits import Exit

if TYPE_CHECKING:
    from hlmm.shell.backtest import Backtest


def command(
    overrides: Overrides = None,
    *,
    for_: Annotated[str | None, typer.Option("--for", metavar="TIME", help="stop after this virtual time")] = None,
    as_json: Json = False,
    config_dir: ConfigDir = None,
) -> None:
    """Run tape=FILE (default: ten minutes of synthetic market) as fast as possible; the same input, the same hash."""
    import time

    import msgspec

    from hlmm.cli.durations import duration
    from hlmm.cli.view_backtest import backtest_card
    from hlmm.cli.words import put, show
    from hlmm.config.check import load_to_run
    from hlmm.config.run_config import to_engine_config
    from hlmm.shell.backtest import Backtest, BacktestOrder
    from hlmm.shell.env import SimEnv

    duration_s = None if for_ is None else duration(for_)
    loaded = load_to_run(overrides or (), config_dir)
    env = loaded.run.env
    if not isinstance(env, SimEnv):
        message = f"a backtest runs on the simulated exchange, not on env={env.kind}"
        raise typer.BadParameter(message)
    started = time.monotonic()
    backtest = Backtest(
        BacktestOrder(
            engine=to_engine_config(loaded.run),
            shell=loaded.run.run,
            sim=env.sim,
            config_yaml=loaded.yaml,
            config_hash=loaded.hash,
            duration_s=duration_s,
        )
    )
    _advance(backtest)
    summary = backtest.finish(time.monotonic() - started)
    if as_json:
        put(msgspec.json.encode(summary).decode() + "\n")
    else:
        show(backtest_card(summary))
    if summary.halt_reason:
        raise typer.Exit(Exit.HALTED)
    raise typer.Exit(Exit.DONE if summary.stopped and not summary.resting_orders_at_exit else Exit.NOT_VERIFIED)


def _advance(backtest: Backtest) -> None:
    """Run to the end behind a progress bar, which a pipe does not get."""
    import sys

    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("virtual time"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("backtest", total=backtest.end - backtest.start)
        for now in backtest.steps():
            progress.update(task, completed=now - backtest.start)
