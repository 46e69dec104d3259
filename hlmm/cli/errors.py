"""The one place where an error becomes text on stderr and an exit code.

An exception that knows its meaning carries `exit_code` (and, where there is one, `fix`). A file that the system refuses
is the operator's to mend: exit 1 in one line. Everything else is a bug and exits 1 with a traceback, in which nothing
shaped like a private key survives.
"""

from __future__ import annotations

import sys
import traceback
from typing import Final

from hlmm.shell.exits import Exit

ADVICE: Final = {
    Exit.CONFIG: "nothing was started; `hlmm validate-config` with the same arguments repeats this check",
    Exit.SECRETS: "nothing was started",
    Exit.NOT_VERIFIED: "orders or a position may remain: `hlmm flatten` with the same overrides",
    Exit.HALTED: "nothing was started; `hlmm resume --reason …` with the same overrides, once the cause is known",
    Exit.LOCKED: "nothing was started; `hlmm status` shows the engine that runs, Ctrl-C in its terminal stops it",
}


def exit_code_of(error: BaseException) -> Exit:
    """The exit code of an error. Args: error, any.   Returns: its own `exit_code`, 130 for Ctrl-C, else 1."""
    if isinstance(error, KeyboardInterrupt):
        return Exit.INTERRUPTED
    code = getattr(error, "exit_code", None)
    return Exit(code) if isinstance(code, int) and code in list(Exit) else Exit.UNEXPECTED


def render(error: BaseException) -> str:
    """The error as an operator wants it: what, where, what to do. Ends with a newline.

    Args: error, any.   Returns: text without colour; a traceback only for a bug.   Raises: nothing.
    """
    code = exit_code_of(error)
    if code is Exit.INTERRUPTED:
        return "interrupted before anything was started\n"
    if isinstance(error, OSError) and error.filename is not None:
        return _masked(f"✗ {error.strerror}: {error.filename}\n  fix: name another place, or make this one usable\n")
    if code is Exit.UNEXPECTED:
        return _masked(
            "".join(traceback.format_exception(error)) + "this is a bug in hlmm; please report the lines above\n"
        )
    problems = getattr(error, "problems", None)
    lines = problem_lines(problems) if isinstance(problems, tuple) else [f"✗ {error}"]
    fix = getattr(error, "fix", None)
    if isinstance(fix, str) and fix not in str(error):
        lines.append(f"  fix: {fix}")
    advice = ADVICE.get(code)
    return _masked("\n".join([*lines, *([advice] if advice else [])]) + "\n")


def problem_lines(problems: tuple[object, ...]) -> list[str]:
    """Config problems, two lines each: where and which key, then what and the fix. Raises: nothing."""
    lines = []
    for problem in problems:
        path, message = getattr(problem, "path", ""), getattr(problem, "message", str(problem))
        place, fix = getattr(problem, "place", "config"), getattr(problem, "suggestion", None)
        lines.append(f"✗ {place}" + (f"  {path}" if path else ""))
        lines.append(f"    {message}" + (f"  → {fix}" if fix else ""))
    count = len(problems)
    return [*lines, f"{count} problem{'s' if count > 1 else ''}"]


def report(error: BaseException) -> Exit:
    """Write the error to stderr. Args: error, any.   Returns: the code to exit with.   Raises: nothing."""
    sys.stderr.write(render(error))
    return exit_code_of(error)


def _masked(text: str) -> str:
    from hlmm.shell.redact import redact

    return redact(text)
