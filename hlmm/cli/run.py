"""`hlmm run`: make markets on the chosen venue until Ctrl-C, a signal, `hlmm stop` or the end of `--for`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hlmm.cli.options import ConfigDir, Json, Overrides, Yes

if TYPE_CHECKING:
    from hlmm.config.load import Loaded
    from hlmm.shell.summary import RunSummary
    from hlmm.shell.trade import Order
    from hlmm.shell.venues import Access


def command(
    overrides: Overrides = None,
    *,
    for_: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="stop after 60s, 5m, 1h of real time")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show what would run, start nothing")] = False,
    as_json: Json = False,
    yes: Yes = False,
    config_dir: ConfigDir = None,
) -> None:
    """Make markets until Ctrl-C, a signal, or --for. The default venue is simulated: no key, no account, no network.

    However it ends, every order of ours is cancelled and the venue is asked to confirm it; exit code 6 says it did not.
    """
    from hlmm.cli.durations import duration
    from hlmm.cli.emergency import confirm_real_money
    from hlmm.cli.view_confirm import confirmation
    from hlmm.config.load import load
    from hlmm.shell.venues import open_access
    from hlmm.types import Coin

    duration_s = None if for_ is None else duration(for_)
    loaded = load(overrides or (), config_dir)
    if dry_run:
        typer.echo(confirmation(loaded), err=True)
        return
    order = _order(loaded, duration_s)
    with open_access(loaded.run.env, tuple(Coin(coin.coin) for coin in order.engine.coins)) as access:
        if loaded.run.env.kind == "prod":
            typer.echo(confirmation(loaded), err=True)
        confirm_real_money(loaded, access.account, ask=not yes)
        summary = _trade(access, order, as_json=as_json)
    _finish(summary, as_json=as_json)


def _order(loaded: Loaded, duration_s: float | None) -> Order:
    from hlmm.config.run_config import to_engine_config
    from hlmm.shell.trade import Order

    return Order(
        engine=to_engine_config(loaded.run),
        shell=loaded.run.run,
        config_yaml=loaded.yaml,
        config_hash=loaded.hash,
        mode=loaded.run.env.kind,
        duration_s=duration_s,
    )


def _trade(access: Access, order: Order, *, as_json: bool) -> RunSummary:
    import sys

    from hlmm.cli.screen import LineScreen, TerminalScreen
    from hlmm.shell.live import run_fast
    from hlmm.shell.trade import trade

    coins = ", ".join(coin.coin for coin in order.engine.coins)
    title = f"{coins} on {access.title}"
    drawn = sys.stderr.isatty() and sys.stdout.isatty() and not as_json
    with TerminalScreen(title) if drawn else LineScreen() as screen:
        return run_fast(trade(access, order, screen))


def _finish(summary: RunSummary, *, as_json: bool) -> None:
    import msgspec

    if as_json:
        typer.echo(msgspec.json.encode(summary))
    else:
        from rich.console import Console

        from hlmm.cli.view import final_table

        Console().print(final_table(summary))
    raise typer.Exit(summary.exit_code)
