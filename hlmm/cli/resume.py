"""`hlmm resume`: clear the halt latch of an account, with a reason that stays on record."""

from __future__ import annotations

from typing import Annotated

import typer

from hlmm.cli.options import ConfigDir, Json, Overrides


def command(
    overrides: Overrides = None,
    *,
    reason: Annotated[str, typer.Option("--reason", help="why it is safe again; kept in the latch's history")],
    as_json: Json = False,
    config_dir: ConfigDir = None,
) -> None:
    """Clear the halt latch. Starts nothing."""
    import msgspec

    from hlmm.cli.emergency import open_running
    from hlmm.config.load import load
    from hlmm.shell.emergency import resume
    from hlmm.shell.statedir import state_dir

    if not reason.strip():
        message = "--reason must say why it is safe again"
        raise typer.BadParameter(message)
    with open_running(load(overrides or (), config_dir).run.env) as access:
        change = resume(state_dir(), access, reason)
    text = f"cleared; it was halted for: {change.reason}" if change.reason else "it was not halted"
    typer.echo(msgspec.json.encode(change) if as_json else text)
