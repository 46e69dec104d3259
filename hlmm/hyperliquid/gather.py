"""Owns reads that are asked once per dex and answered as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec

from hlmm.types import Ns

PartT = TypeVar("PartT")


class Gathered(msgspec.Struct, Generic[PartT], frozen=True):
    """All parts of one read, by dex, and when the first was asked."""

    asked_ts: Ns
    parts: dict[str, PartT]


class Gathers(Generic[PartT]):
    """Collects the parts of each read until it is complete or one part fails."""

    def __init__(self) -> None:
        self._last = 0
        self._open: dict[int, Gathered[PartT]] = {}
        self._waiting: dict[int, dict[str, None]] = {}

    def start(self, dexs: Sequence[str], asked_ts: Ns) -> int:
        """Begin a read of these dexes. Returns: its id."""
        self._last += 1
        self._open[self._last] = Gathered(asked_ts, {})
        self._waiting[self._last] = dict.fromkeys(dexs)
        return self._last

    def put(self, gather: int, dex: str, part: PartT) -> Gathered[PartT] | None:
        """Add one part. Returns: the whole read when this was the last part, else None."""
        gathered = self._open.get(gather)
        if gathered is None:
            return None
        gathered.parts[dex] = part
        waiting = self._waiting[gather]
        waiting.pop(dex, None)
        if waiting:
            return None
        self.drop(gather)
        return gathered

    def drop(self, gather: int) -> bool:
        """Give a read up. Returns: whether it was still open."""
        self._waiting.pop(gather, None)
        return self._open.pop(gather, None) is not None
