"""The `hlmm` program: verbs imported only when used, one exit code per meaning, errors on stderr."""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from hlmm.cli.commands import OPTIONS, VERBS, help_text
from hlmm.shell.exits import Exit

if TYPE_CHECKING:
    import typer

PROGRAM: Final = "hlmm"
HELP_FLAGS: Final = ("--help", "-h")
COMPLETION_VARIABLE: Final = "_HLMM_COMPLETE"
MULTIRUN: Final = ("-m", "--multirun")
NO_ASSERTS: Final = """\
✗ python runs with -O or PYTHONOPTIMIZE, which removes the assertions that stop a broken engine
  fix: start it without them
"""
NO_MULTIRUN: Final = """\
✗ -m/--multirun is not available: a verb that can send orders runs one composition
  fix: +asset=[BTC,ETH] quotes several coins in one engine
"""


def main() -> None:
    """Entry point of the console script. Exits with an `Exit`; never returns."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line.

    Args: arguments, without the program's name.
    Returns: the exit code. Every error was written to stderr; tracebacks only for bugs.
    """
    if not __debug__:
        sys.stderr.write(NO_ASSERTS)
        return Exit.USAGE
    completing = COMPLETION_VARIABLE in os.environ
    if not completing and (not arguments or arguments[0] in HELP_FLAGS):
        sys.stdout.write(help_text())
        return Exit.DONE if arguments else Exit.USAGE
    if not completing and arguments[0] == "--version":
        from hlmm import __version__

        sys.stdout.write(f"{PROGRAM} {__version__}\n")
        return Exit.DONE
    if any(argument in MULTIRUN for argument in arguments):
        sys.stderr.write(NO_MULTIRUN)
        return Exit.USAGE
    if not completing and arguments[0] not in VERBS and arguments[0] not in OPTIONS:
        sys.stderr.write(_unknown(arguments[0]))
        return Exit.USAGE
    return _invoke(arguments)


def _invoke(arguments: Sequence[str]) -> int:
    """Hand over to typer with the one verb that is needed."""
    words = arguments or _completed_words()
    app = build([word for word in words[:1] if word in VERBS])
    try:
        app(args=list(arguments), prog_name=PROGRAM)
    except SystemExit as stop:
        return _code(stop)
    except BaseException as error:  # noqa: BLE001 - the program's top: every error becomes text and an exit code
        from hlmm.cli.errors import report

        return report(error)
    return Exit.DONE


def build(verbs: Sequence[str]) -> typer.Typer:
    """A typer program; importing verbs is what makes start-up slow, so name only those that are needed.

    Args: verbs, names in `VERBS`; the others are known by name and line, which is what completion shows.
    """
    import typer

    app = typer.Typer(
        name=PROGRAM, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None, help=help_text()
    )
    app.callback()(_root)
    for name, verb in VERBS.items():
        body = importlib.import_module(verb.module).command if name in verbs else _not_loaded
        app.command(name, short_help=verb.about)(body)
    return app


def _root() -> None:
    """A market maker for Hyperliquid perpetual futures."""


def _not_loaded() -> None:
    """A verb that this process does not run."""


def _completed_words() -> list[str]:
    """The words after the program's name that a shell asks to complete; bash and the others name them differently."""
    line = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS") or ""
    return line.split()[1:]


def _unknown(word: str) -> str:
    near = difflib.get_close_matches(word, list(VERBS), n=1)
    if "=" in word:
        fix = f"name a verb first: {PROGRAM} run {word}"
    elif near:
        fix = f"did you mean {near[0]!r}?"
    else:
        fix = "verbs: " + ", ".join(VERBS)
    return f"✗ {word!r} is not a verb\n  fix: {fix}\n"


def _code(stop: SystemExit) -> int:
    if stop.code is None:
        return Exit.DONE
    return stop.code if isinstance(stop.code, int) else Exit.UNEXPECTED


if __name__ == "__main__":
    main()
