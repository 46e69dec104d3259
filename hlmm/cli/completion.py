"""Completion of overrides from the preset folders alone: no Hydra, no models, so that TAB answers at once."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path


def complete_override(incomplete: str) -> list[str]:
    """What an unfinished override may become. Args: incomplete, as typed.   Returns: `group=` or `group=preset`."""
    sign = "+" if incomplete.startswith("+") else ""
    word = incomplete.removeprefix(sign)
    group, equals, start = word.partition("=")
    if not equals:
        return [f"{sign}{name}=" for name in _groups() if name.startswith(word)]
    return [f"{sign}{group}={name}" for name in _presets(group) if name.startswith(start)]


def _conf() -> Path:
    package = Path(str(files("hlmm")))
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"


def _groups() -> Iterator[str]:
    yield from sorted(entry.name for entry in _conf().iterdir() if entry.is_dir() and entry.name != "local")


def _presets(group: str) -> Iterator[str]:
    folder = _conf() / group
    if group in _groups():
        yield from sorted(file.stem for file in folder.glob("*.yaml"))
