"""Checks of compositions: before a run, one for its own sake, or every preset of every group."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from hlmm.config.catalog import GROUPS, Catalog
from hlmm.config.errors import ConfigError, Problem, at
from hlmm.config.load import Loaded, load
from hlmm.shell.env import ProdEnv, SimEnv, TestnetEnv
from hlmm.sim.config import TapeMarketConfig

PLACEHOLDERS: Final = (
    "env.account_address=0x1111111111111111111111111111111111111111",
    "env.agent_address=0x2222222222222222222222222222222222222222",
    "env.secrets.file=secrets.enc.yaml",
)
"""What the operator alone knows; `--all` checks the rest of these presets around it."""

TAPE_PATHS: Final = "env.sim.market.paths"
NEEDS_OPERATOR: Final = ("env=prod", "env=testnet")


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One composition's verdict. `notes` are facts about this machine that are not the configuration's fault."""

    name: str
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()
    config_hash: str | None = None

    @property
    def valid(self) -> bool:
        """True when the composition may run."""
        return not self.problems


def load_to_run(overrides: Sequence[str] = (), config_dir: Path | None = None) -> Loaded:
    """`load`, and the recordings it names are there. Raises: ConfigError with every problem at once."""
    loaded = load(overrides, config_dir)
    problems = [
        at(loaded.provenance(f"{TAPE_PATHS}.{number}"), f"there is no file {path!r}", path=TAPE_PATHS, suggestion=fix)
        for number, path in enumerate(_tapes(loaded))
        if not Path(path).is_file()
        for fix in [f"give tape=PATH of a recording; a relative path starts at {Path.cwd()}"]
    ]
    if problems:
        raise ConfigError(problems)
    return loaded


def _tapes(loaded: Loaded) -> tuple[str, ...]:
    env = loaded.run.env
    return env.sim.market.paths if isinstance(env, SimEnv) and isinstance(env.sim.market, TapeMarketConfig) else ()


def check(overrides: Sequence[str], config_dir: Path | None, name: str | None = None) -> Check:
    """Check one composition. Args: name, shown; the overrides by default.   Raises: nothing."""
    shown = name if name is not None else " ".join(overrides) or "default"
    try:
        loaded = load_to_run(overrides, config_dir)
    except ConfigError as error:
        return Check(name=shown, problems=error.problems)
    return Check(name=shown, problems=(), notes=tuple(_notes(loaded)), config_hash=loaded.hash)


def check_all(overrides: Sequence[str], config_dir: Path | None) -> list[Check]:
    """Check every preset of every group, each laid over the given overrides. Raises: nothing."""
    try:
        catalog = Catalog(config_dir)
    except ConfigError as error:
        return [Check(name="config folder", problems=error.problems)]
    checks = [check(overrides, config_dir)]
    for group in GROUPS:
        for option in catalog.options(group):
            more = PLACEHOLDERS if f"{group}={option}" in NEEDS_OPERATOR else ()
            checks.append(check((*overrides, f"{group}={option}", *more), config_dir, f"{group}={option}"))
    return checks


def _notes(loaded: Loaded) -> list[str]:
    env = loaded.run.env
    if not isinstance(env, TestnetEnv | ProdEnv):
        return []
    found = shutil.which(env.secrets.binary)
    notes = [f"sops: {found}" if found else f"sops: {env.secrets.binary!r} is not on PATH; `hlmm run` would exit 4"]
    if not Path(env.secrets.file).is_file():
        notes.append(f"secrets: {env.secrets.file} is not there; `hlmm run` would exit 4")
    return notes
