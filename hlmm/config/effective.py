"""The effective configuration: one canonical text, its hash, and back. What a run stores beside its journal."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import yaml

from hlmm.config.errors import KEY_SHAPED, ConfigError, Problem, shown
from hlmm.config.run_config import RunConfig

_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def effective_yaml(run: RunConfig) -> str:
    """The canonical text: every key, sorted, one line per value. `sha256sum` of it is `config_hash`.

    Args: run, validated.   Returns: YAML, UTF-8, ends with a newline; it can hold no secret.   Raises: nothing.
    """
    text: str = yaml.dump(
        run.model_dump(mode="json"),
        Dumper=_Dumper,
        sort_keys=True,
        default_flow_style=False,
        allow_unicode=True,
        width=1000,
    )
    assert not KEY_SHAPED.search(text), "a configuration never holds a key"
    return text


def config_hash(run: RunConfig) -> str:
    """SHA-256 of `effective_yaml`, lower-case hex, 64 digits."""
    return hashlib.sha256(effective_yaml(run).encode()).hexdigest()


def read_effective(path: Path) -> RunConfig:
    """A stored effective configuration back into the model it came from.

    Args: path, a file written from `effective_yaml`.
    Raises: ConfigError when it is unreadable, or written by a version whose models differ.
    """
    try:
        tree = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a safe loader, in C if there is one
        return RunConfig.model_validate_json(json.dumps(tree))
    except (OSError, ValueError, yaml.YAMLError) as error:
        first = str(error).partition("\n")[0]
        fix = "use the version of hlmm that wrote it"
        problem = Problem(path="", message=f"not an effective configuration: {first}", file=shown(path), suggestion=fix)
        raise ConfigError([problem]) from None
