"""`hlmm replay`: whether the engine decides the same again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hlmm.cli.options import Json
from hlmm.cli.status import RunsDir
from hlmm.shell.exits import Exit


def command(
    run: Annotated[
        str | None, typer.Argument(help="run id, the start of one, or a path; default: the last run")
    ] = None,
    *,
    runs_dir: RunsDir = Path("runs"),
    as_json: Json = False,
) -> None:
    """Re-execute a run's journal and compare every command; exit 8 names the first divergence."""
    import msgspec

    from hlmm.cli.view_status import replay_card
    from hlmm.cli.words import put, show
    from hlmm.shell import runs
    from hlmm.shell.replay import replay

    found = runs.find(runs_dir, run)
    outcome = replay(found.journal)
    if as_json:
        put(msgspec.json.encode(outcome).decode() + "\n")
    else:
        show(replay_card(found.run_id, outcome))
    raise typer.Exit(Exit.DONE if outcome.identical else Exit.CHECK_FAILED)
