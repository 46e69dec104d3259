"""What `flatten`, `halt` and `resume` share: the account of a running venue, and the question before real money."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hlmm.config.load import Loaded
    from hlmm.core.flatten import FlattenScope
    from hlmm.shell.emergency import Emergency
    from hlmm.shell.env import Env
    from hlmm.shell.venues import Access


EMBEDDED_FIX: Final = (
    "Ctrl-C in its terminal stops it; for another venue add env.sim.connect=REST_URL of a running `hlmm sim`, "
    "env=testnet or env=prod"
)


@contextmanager
def open_running(env: Env) -> Iterator[Access]:
    """The account of a venue that outlives this command. Raises: VenueRefusedError for an embedded simulator."""
    from hlmm.shell.venues import VenueRefusedError, open_access

    if env.kind == "paper" or (env.kind == "sim" and env.sim.connect is None):
        problem = "an embedded simulator lives and ends with its own `hlmm run`: there is nothing to reach"
        raise VenueRefusedError(problem, EMBEDDED_FIX)
    with open_access(env, ()) as access:
        yield access


def order_of(loaded: Loaded, access: Access, scope: FlattenScope) -> Emergency:
    """A flatten as ordered on the command line; each step goes to stderr as it is taken."""
    from hlmm.shell.emergency import Emergency
    from hlmm.shell.redact import redact
    from hlmm.shell.statedir import state_dir

    return Emergency(
        access=access,
        scope=scope,
        config=loaded.run.flatten,
        state=state_dir(),
        say=lambda words: typer.echo(redact(words), err=True),
    )


def confirm_real_money(loaded: Loaded, account: str, *, ask: bool) -> None:
    """On prod have the operator type the account's last four digits. Raises: typer.Exit when they do not match."""
    from hlmm.shell.exits import Exit

    if loaded.run.env.kind != "prod" or not ask:
        return
    suffix = account[-4:]
    try:
        typed = typer.prompt(f"real money: type the last four characters of the account ({suffix})", err=True)
    except typer.Abort:
        typed = ""
    if typed.strip().lower() != suffix.lower():
        typer.echo("not confirmed; nothing was sent (--yes confirms without asking)", err=True)
        raise typer.Exit(Exit.USAGE)
