"""Owns the tally of what the venue said that this program does not know: by what it was, in order of appearance."""

from __future__ import annotations

from typing import Final

from hlmm.core.events import DriftKind
from hlmm.core.view import DriftView

KINDS_MAX: Final = 64
"""Different deviations that are told apart; all further ones of a kind count together."""
OTHERS: Final = "others"


class DriftLog:
    """Counts deviations by kind and subject."""

    def __init__(self) -> None:
        """Begin with a venue that is as known."""
        self._counts: dict[tuple[DriftKind, str], int] = {}

    def note(self, kind: DriftKind, what: str) -> bool:
        """Count one deviation. Args: what, its subject, without figures that vary. Returns: whether it is new."""
        key = (kind, what)
        if key not in self._counts and len(self._counts) >= KINDS_MAX:
            key = (kind, OTHERS)
        count = self._counts.get(key, 0)
        self._counts[key] = count + 1
        return count == 0

    def views(self) -> tuple[DriftView, ...]:
        """All of them, in the order in which they first appeared."""
        return tuple(DriftView(kind=str(kind), what=what, count=count) for (kind, what), count in self._counts.items())
