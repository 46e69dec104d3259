"""Expected failures of the trading verbs: one message on stderr, one exit code each, no traceback."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def failing_as_exit() -> Iterator[None]:
    """Turn the exceptions that an operator can act on into exit codes; anything else stays a traceback and code 1."""
    from hlmm.config.errors import ConfigError
    from hlmm.shell.exits import Exit
    from hlmm.shell.live import VenueUnreachableError
    from hlmm.shell.lock import LockHeldError
    from hlmm.shell.secrets import SecretsError
    from hlmm.shell.trade import HaltLatchedError
    from hlmm.shell.venues import VenueRefusedError
    from hlmm.sim.frames import TapeError

    codes = {
        ConfigError: Exit.CONFIG,
        TapeError: Exit.CONFIG,
        SecretsError: Exit.SECRETS,
        VenueUnreachableError: Exit.VENUE,
        VenueRefusedError: Exit.VENUE,
        HaltLatchedError: Exit.HALTED,
        LockHeldError: Exit.LOCKED,
    }
    try:
        yield
    except tuple(codes) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(codes[type(error)]) from None
