"""Where reference material that is not in the repository stands, and the mark of the tests that need it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[1]
SHARED: Final = ROOT.parent / "shared"

needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason="recorded venue data is not part of the repository (looked for ../shared)"
)
