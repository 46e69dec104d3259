"""`hlmm status`: what runs here, or how the last run ended."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hlmm.cli.options import Json

RunsDir = Annotated[Path, typer.Option("--runs-dir", help="folder that holds one folder per run")]


def command(*, runs_dir: RunsDir = Path("runs"), as_json: Json = False) -> None:
    """Show running engines, dead ones that may have left orders, else the last run."""
    import msgspec

    from hlmm.shell.statedir import state_dir
    from hlmm.shell.status import gather

    found = gather(state_dir(), runs_dir)
    if as_json:
        typer.echo(msgspec.json.encode(found))
        return
    from rich.console import Console

    from hlmm.cli.view_status import status_table

    Console().print(status_table(found))
