"""One folder per run: effective config, its hash, journal, log, summary; and how to find a run again.

A run id sorts by time, such as `20261122T194600-ab12`: UTC second, then two random bytes.
"""

from __future__ import annotations

import datetime as dt
import re
import secrets
from pathlib import Path
from typing import ClassVar, Final

import msgspec

from hlmm.shell.exits import Exit

ID_PATTERN: Final = re.compile(r"\d{8}T\d{6}-[0-9a-f]{4}")
TIME_FORMAT: Final = "%Y%m%dT%H%M%S"
SUFFIX_BYTES: Final = 2
TAG_EPOCH_S: Final = 1_577_836_800
"""2020-01-01 UTC: tags count seconds from here."""
ATTEMPTS_MAX: Final = 16


class RunMissingError(Exception):
    """No such run; the message says where was looked."""

    exit_code: ClassVar[int] = Exit.USAGE


class RunDir(msgspec.Struct, frozen=True):
    """The folder of one run and the names in it."""

    path: Path

    @property
    def run_id(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def run_tag(self) -> int:
        """The run's number: seconds since 2020 then the id's two bytes, 48 bits, unique and rising with time."""
        return run_tag(self.run_id)

    @property
    def journal(self) -> Path:
        """Every event and command."""
        return self.path / "journal.bin"

    @property
    def config(self) -> Path:
        """The effective configuration, YAML."""
        return self.path / "config.yaml"

    @property
    def summary(self) -> Path:
        """What the run came to, JSON; written at the end."""
        return self.path / "summary.json"

    @property
    def log(self) -> Path:
        """Human-readable log."""
        return self.path / "log.txt"

    @property
    def config_hash(self) -> Path:
        """SHA-256 of the effective configuration, hex."""
        return self.path / "config_hash"


def run_tag(run_id: str) -> int:
    """The number of a run id. Args: run_id, matching `ID_PATTERN`. Raises: ValueError when it does not."""
    stamp, _, suffix = run_id.partition("-")
    second = dt.datetime.strptime(stamp, TIME_FORMAT).replace(tzinfo=dt.UTC)
    return (int(second.timestamp()) - TAG_EPOCH_S) << (8 * SUFFIX_BYTES) | int(suffix, 16)


def create(root: Path, now: dt.datetime, config_yaml: str, config_hash: str) -> RunDir:
    """Make the folder of a new run and store its configuration.

    Args: root, folder of all runs, created when missing; now, UTC; config_yaml and config_hash, as effective.
    Raises: OSError when the folder cannot be written.
    """
    root.mkdir(parents=True, exist_ok=True)
    for _ in range(ATTEMPTS_MAX):
        run = RunDir(root / f"{now.strftime(TIME_FORMAT)}-{secrets.token_hex(SUFFIX_BYTES)}")
        try:
            run.path.mkdir()
        except FileExistsError:
            continue
        run.config.write_text(config_yaml)
        run.config_hash.write_text(config_hash + "\n")
        return run
    message = f"no free run id in {root}"
    raise FileExistsError(message)


def all_runs(root: Path) -> list[RunDir]:
    """Every run under a folder, oldest first. Raises: nothing; a missing folder holds no run."""
    if not root.is_dir():
        return []
    return [RunDir(root / name) for name in sorted(p.name for p in root.iterdir()) if ID_PATTERN.fullmatch(name)]


def find(root: Path, wanted: str | None) -> RunDir:
    """A run by id, by unique start of its id, by path of its folder or journal; the last one when None.

    Raises: RunMissingError.
    """
    if wanted and (path := Path(wanted)).exists():
        return RunDir((path if path.is_dir() else path.parent).resolve())
    runs = [run for run in all_runs(root) if run.run_id.startswith(wanted or "")]
    if not runs or (wanted and len(runs) > 1):
        many = "several runs match" if runs else "no run matches"
        message = f"{many} {wanted!r} in {root.resolve()}" if wanted else f"no run in {root.resolve()}"
        raise RunMissingError(message)
    return runs[-1]
