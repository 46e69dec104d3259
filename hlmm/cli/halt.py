"""`hlmm halt`: latch the halt of an account, so that no engine quotes it until `hlmm resume`."""

from __future__ import annotations

from typing import Annotated

import typer

from hlmm.cli.options import ConfigDir, Json, Overrides


def command(
    overrides: Overrides = None,
    *,
    reason: Annotated[
        str, typer.Option("--reason", help="why; shown by everything that refuses to start")
    ] = "operator",
    as_json: Json = False,
    config_dir: ConfigDir = None,
) -> None:
    """Latch the halt and stop the engine of the account. Cancels nothing by itself: `hlmm flatten` does."""
    import msgspec

    from hlmm.cli.emergency import open_running
    from hlmm.config.load import load
    from hlmm.shell.emergency import halt
    from hlmm.shell.statedir import state_dir

    with open_running(load(overrides or (), config_dir).run.env) as access:
        change = halt(state_dir(), access, reason)
    told = f"; engine told to stop: {', '.join(change.engines_told)}" if change.engines_told else ""
    typer.echo(msgspec.json.encode(change) if as_json else f"halted: {change.reason}{told}")
