"""`hlmm replay`: does the engine decide the same again?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hlmm.cli.status import RunsDir


def replay(
    run: Annotated[str | None, typer.Argument(help="Run id, the start of one, or a path; default: the last run.")] = None,
    *,
    runs_dir: RunsDir = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Re-execute a run's journal and compare every command; exit 8 names the first divergence."""
    import msgspec
    from rich.console import Console

    from hlmm.cli.view_status import replay_table
    from hlmm.shell import replay as replaying
    from hlmm.shell import runs
    from hlmm.shell.exits import Exit

    try:
        found = runs.find(runs_dir, run)
        outcome = replaying.replay(found.journal)
    except (runs.RunMissingError, FileNotFoundError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(Exit.USAGE) from None
    except replaying.JournalUnreadableError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(Exit.CHECK_FAILED) from None
    if as_json:
        typer.echo(msgspec.json.encode(outcome))
    else:
        Console().print(replay_table(found.run_id, outcome))
    raise typer.Exit(Exit.DONE if outcome.identical else Exit.CHECK_FAILED)
