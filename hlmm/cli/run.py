"""`hlmm run`: make markets on the chosen venue until Ctrl-C, a signal, `hlmm halt` or the end of `--for`."""

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
    from hlmm.config.check import load_to_run
    from hlmm.shell.venues import open_access
    from hlmm.types import Coin

    duration_s = None if for_ is None else duration(for_)
    loaded = load_to_run(overrides or (), config_dir)
    if dry_run:
        _preview(loaded, as_json=as_json)
        return
    order = _order(loaded, duration_s)
    with open_access(loaded.run.env, tuple(Coin(coin.coin) for coin in order.engine.coins)) as access:
        if loaded.run.env.kind == "prod":
            typer.echo(confirmation(loaded), err=True)
        confirm_real_money(loaded, access.account, ask=not yes)
        summary = _trade(access, order, _market(loaded), as_json=as_json)
    _finish(summary, as_json=as_json)


def _preview(loaded: Loaded, *, as_json: bool) -> None:
    """What would run, on stdout."""
    import msgspec

    from hlmm.cli.view_confirm import confirmation
    from hlmm.cli.words import put

    told = {"dry_run": True, "mode": loaded.run.env.kind, "config_hash": loaded.hash}
    put((msgspec.json.encode(told).decode() if as_json else confirmation(loaded)) + "\n")


def _market(loaded: Loaded) -> str:
    """Whose market an embedded simulated exchange shows, and how fast; "" for a venue that is not ours."""
    from hlmm.shell.env import SimEnv

    env = loaded.run.env
    if not isinstance(env, SimEnv) or env.sim.connect is not None:
        return ""
    words = "recorded" if env.sim.market.kind == "tape" else "synthetic"
    return f", {words} market" + ("" if env.sim.speed == 1 else f", {env.sim.speed:g}× speed")


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


def _trade(access: Access, order: Order, market: str, *, as_json: bool) -> RunSummary:
    import sys

    from hlmm.cli.screen import LineScreen, TerminalScreen
    from hlmm.shell.live import run_fast
    from hlmm.shell.trade import trade

    coins = ", ".join(coin.coin for coin in order.engine.coins)
    title = f"{coins} on {access.title}{market}"
    drawn = sys.stderr.isatty() and sys.stdout.isatty() and not as_json
    with TerminalScreen(title) if drawn else LineScreen(title) as screen:
        return run_fast(trade(access, order, screen))


def _finish(summary: RunSummary, *, as_json: bool) -> None:
    import msgspec

    from hlmm.cli.view import final_card
    from hlmm.cli.words import put, show

    if as_json:
        put(msgspec.json.encode(summary).decode() + "\n")
    else:
        show(final_card(summary))
    raise typer.Exit(summary.exit_code)
