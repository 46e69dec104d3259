"""Owns the metadata part of the opening: which dexes a run touches, and when their universe is complete."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from hlmm.hyperliquid import reads
from hlmm.hyperliquid.inflight import DexsRead, MetaOf
from hlmm.hyperliquid.universe import DexsWire, MetaWire, Universe, dex_of
from hlmm.types import Coin


class Opening:
    """Collects `meta` of each dex, and `perpDexs` when a builder dex is among them."""

    def __init__(self, coins: Sequence[Coin]) -> None:
        """Name the dexes: the main one always (the account lives there), then those of the coins, in their order."""
        self.dexs = tuple(dict.fromkeys(["", *(dex_of(coin) for coin in coins)]))
        self._metas: dict[str, MetaWire] = {}
        self._dexs: DexsWire | None = None

    def begin(self) -> list[DexsRead | MetaOf]:
        """Start over. Returns: what to ask."""
        builders = len(self.dexs) > 1
        self._metas = {}
        self._dexs = None if builders else []
        metas: list[DexsRead | MetaOf] = [MetaOf(dex) for dex in self.dexs]
        return [DexsRead(), *metas] if builders else metas

    def accept(self, purpose: DexsRead | MetaOf, payload: bytes | msgspec.Raw) -> Universe | None:
        """Take one answer. Returns: the universe once it is complete. Raises: wire.DecodeErrors."""
        match purpose:
            case DexsRead():
                self._dexs = reads.dexs(payload)
            case MetaOf():
                self._metas[purpose.dex] = reads.meta(payload)
        if self._dexs is None or len(self._metas) < len(self.dexs):
            return None
        return Universe(self._metas, self._dexs)
