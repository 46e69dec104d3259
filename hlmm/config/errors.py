"""What is wrong with a composition, and where each value came from: `Problem`, `Origin`, `ConfigError`.

Exception
└── ConfigError    every problem of one composition; the process exits with 3
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar, Final

import msgspec
import typing_extensions

KEY_SHAPED: Final = re.compile(r"(0[xX])?[0-9a-fA-F]{64}|AGE-SECRET-KEY-1[0-9A-Za-z]*")
MASK: Final = "***"
CLOSE_ENOUGH: Final = 0.6
LISTED_MAX: Final = 24


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What set a value: its full key, and a file's line or an override.

    `rank` orders the layers of one composition, later wins; every override has the same rank, above all files.
    """

    key: str
    file: str | None = None
    line: int | None = None
    override: str | None = None
    rank: int = 0

    @typing_extensions.override
    def __str__(self) -> str:
        return f"override {masked(self.override)}" if self.override is not None else f"{self.file}:{self.line}"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to fix. `path` is the full key; `file`, `line`, `override`, `suggestion` are None when unknown."""

    path: str
    message: str
    file: str | None = None
    line: int | None = None
    override: str | None = None
    suggestion: str | None = None

    @property
    def place(self) -> str:
        """Where to look: `file:line`, the override, or the composition as a whole."""
        if self.override is not None:
            return f"override {self.override}"
        if self.file is not None:
            return self.file if self.line is None else f"{self.file}:{self.line}"
        return "config"

    @typing_extensions.override
    def __str__(self) -> str:
        where = f"{self.place}  {self.path}  {self.message}" if self.path else f"{self.place}  {self.message}"
        return where if self.suggestion is None else f"{where}  → {self.suggestion}"


class ConfigError(Exception):
    """Every problem of one composition at once; nothing of it may run."""

    exit_code: ClassVar[int] = 3

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Args: problems, at least one; text shaped like a private key is masked here."""
        self.problems: tuple[Problem, ...] = tuple(dict.fromkeys(_masked(problem) for problem in problems))
        assert self.problems, "an error needs a problem"
        super().__init__("\n".join(str(problem) for problem in self.problems))


def masked(text: str | None) -> str | None:
    """The text without anything shaped like a private key; None stays None."""
    return None if text is None else KEY_SHAPED.sub(MASK, text)


def _masked(problem: Problem) -> Problem:
    return Problem(
        path=masked(problem.path) or "",
        message=masked(problem.message) or "",
        file=problem.file,
        line=problem.line,
        override=masked(problem.override),
        suggestion=masked(problem.suggestion),
    )


def at(origin: Origin | None, message: str, *, path: str = "", suggestion: str | None = None) -> Problem:
    """A problem at an origin. Args: origin, None when nothing set it; path, the key when it is not the origin's."""
    if origin is None:
        return Problem(path=path, message=message, suggestion=suggestion)
    return Problem(
        path=path or origin.key,
        message=message,
        file=origin.file,
        line=origin.line,
        override=origin.override,
        suggestion=suggestion,
    )


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """The nearest known word, or all of them when none is near.

    Args: word, as typed; known, the allowed words.   Returns: a sentence, empty when nothing is allowed.
    """
    folded = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), list(folded), n=1, cutoff=CLOSE_ENOUGH)
    if near:
        return f"did you mean {folded[near[0]]!r}?"
    if not known:
        return ""
    more = ", …" if len(known) > LISTED_MAX else ""
    return "known: " + ", ".join(list(known)[:LISTED_MAX]) + more


def shown(path: Path) -> str:
    """A path as the user would type it: relative inside the current folder, else absolute."""
    absolute = path.absolute()
    here = Path.cwd()
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(absolute)
