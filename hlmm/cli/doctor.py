"""`hlmm doctor`: what must be right before a run, with the next step for each thing that is not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hlmm.cli.options import ConfigDir, Json, Overrides

if TYPE_CHECKING:
    from hlmm.config.load import Loaded
    from hlmm.shell.doctor import Finding

RunsDir = Annotated[Path, typer.Option("--runs-dir", help="folder that runs would be written to")]


def command(
    overrides: Overrides = None,
    *,
    runs_dir: RunsDir = Path("runs"),
    as_json: Json = False,
    config_dir: ConfigDir = None,
) -> None:
    """Check config, key, account, venue and this machine; exit 8 when something failed. It only reads."""
    import msgspec

    from hlmm.cli.view_doctor import findings_card
    from hlmm.cli.words import put, show
    from hlmm.config.check import load_to_run
    from hlmm.shell.doctor import Finding, diagnosis, machine
    from hlmm.shell.exits import Exit
    from hlmm.shell.statedir import state_dir

    loaded = load_to_run(overrides or (), config_dir)
    first = Finding(name="configuration", state="ok", text=f"valid, hash {loaded.hash[:12]}")
    found = diagnosis([first, *machine(state_dir(), runs_dir), *_venue(loaded, runs_dir)])
    if as_json:
        put(msgspec.json.encode(found).decode() + "\n")
    else:
        show(findings_card(found))
    raise typer.Exit(Exit.DONE if found.healthy else Exit.CHECK_FAILED)


def _venue(loaded: Loaded, runs_dir: Path) -> list[Finding]:
    """The checks that need the key and the venue; when either cannot be had, that is the finding."""
    from hlmm.config.run_config import to_engine_config
    from hlmm.shell.doctor import Bedside, Finding, examine
    from hlmm.shell.secrets import SecretsError
    from hlmm.shell.statedir import state_dir
    from hlmm.shell.venues import VenueRefusedError, open_access
    from hlmm.types import Coin

    engine = to_engine_config(loaded.run)
    try:
        with (
            open_access(loaded.run.env, tuple(Coin(coin.coin) for coin in engine.coins)) as access,
            access.venue.sync() as rest,
        ):
            return examine(Bedside(engine=engine, access=access, rest=rest, state=state_dir(), runs=runs_dir))
    except SecretsError as error:
        return [Finding(name="agent key", state="failed", text=str(error), fix=error.fix)]
    except VenueRefusedError as error:
        return [Finding(name="venue", state="failed", text=str(error), fix=error.fix)]
