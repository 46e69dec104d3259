"""The state folder: what must outlive a run and be found by other processes (locks, nonce floors, engine records)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

STATE_DIR_VARIABLE: Final = "HLMM_STATE_DIR"
PRIVATE_MODE: Final = 0o700


def state_dir() -> Path:
    """`$HLMM_STATE_DIR`, else `$XDG_STATE_HOME/hlmm`, else `~/.local/state/hlmm`; created, readable by its owner only.

    Raises: OSError when it cannot be created.
    """
    chosen = os.environ.get(STATE_DIR_VARIABLE)
    home = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    path = Path(chosen) if chosen else Path(home) / "hlmm"
    path.mkdir(mode=PRIVATE_MODE, parents=True, exist_ok=True)
    return path


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file so that a kill at any moment leaves the old content or the new. Raises: OSError."""
    path.parent.mkdir(mode=PRIVATE_MODE, parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
