"""Durations as typed on the command line: `60s`, `5m`, `1h30m`, or plain seconds."""

from __future__ import annotations

import re
from typing import Final

import typer

UNITS_S: Final = {"h": 3_600.0, "m": 60.0, "s": 1.0}
FORM: Final = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")


def seconds(text: str) -> float:
    """Parse a duration. Args: text as above. Returns: seconds, > 0. Raises: ValueError with what is expected."""
    match = FORM.fullmatch(text.strip().lower())
    parts = match.groups() if match else (None, None, None)
    total = sum(float(part) * unit for part, unit in zip(parts, UNITS_S.values(), strict=True) if part)
    if total <= 0:
        message = f"{text!r} is not a duration; write 60s, 5m or 1h30m"
        raise ValueError(message)
    return total


def duration(text: str) -> float:
    """As `seconds`, for an option's value. Raises: typer.BadParameter, which exits 2."""
    try:
        return seconds(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
