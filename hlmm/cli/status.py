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

    from hlmm.cli.view_status import status_cards
    from hlmm.cli.words import put, show
    from hlmm.shell.latch import latched_accounts
    from hlmm.shell.statedir import state_dir
    from hlmm.shell.status import gather

    state = state_dir()
    found = gather(state, runs_dir)
    if as_json:
        put(msgspec.json.encode(found).decode() + "\n")
    else:
        show(status_cards(found, runs_dir, state, latched_accounts(state)))
