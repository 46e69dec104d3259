"""From what the operator typed to what runs: compose, decode, and keep the provenance of every value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from hlmm.config.compose import Composition, compose
from hlmm.config.decode import decode
from hlmm.config.effective import config_hash, effective_yaml
from hlmm.config.errors import Origin
from hlmm.config.run_config import RunConfig


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A validated configuration and where it came from."""

    run: RunConfig
    overrides: tuple[str, ...]
    composition: Composition

    @property
    def hash(self) -> str:
        """SHA-256 of `yaml`, hex."""
        return config_hash(self.run)

    @property
    def yaml(self) -> str:
        """The effective configuration as canonical text."""
        return effective_yaml(self.run)

    def provenance(self, path: str) -> Origin | None:
        """What set a value. Args: path, dotted, as in the effective text.   Returns: None for a model's default."""
        keys = tuple(path.split("."))
        return self.composition.origins.get(keys) or (self.composition.origin(keys) if self._is_list(keys) else None)

    def values(self) -> Iterator[tuple[str, object, Origin | None]]:
        """Every value with its dotted path and origin, in the order of the effective configuration."""
        for path, value in _leaves(self.run.model_dump(mode="json"), ()):
            yield ".".join(path), value, self.provenance(".".join(path))

    def _is_list(self, keys: tuple[str, ...]) -> bool:
        return keys[-1].isdecimal()


def load(overrides: Sequence[str] = (), config_dir: Path | None = None) -> Loaded:
    """Compose and validate.

    Args: overrides, as typed after the verb; config_dir, presets of the user's own that extend the packaged ones.
    Raises: ConfigError with every problem at once, each with its file and line or its override.
    """
    composition = compose(overrides, config_dir)
    return Loaded(run=decode(composition), overrides=tuple(overrides), composition=composition)


def _leaves(value: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
    if isinstance(value, dict) and value:
        for key in sorted(value):
            yield from _leaves(value[key], (*path, str(key)))
    else:
        yield path, value
