"""Owns the list of instruments: coin name to asset id and grid, for the main dex and builder (HIP-3) dexes.

Asset id of a builder perp: 100000 + 10000 x position of its dex in `perpDexs` + position in that dex's universe.
Source: Hyperliquid documentation, "Asset IDs".
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from hlmm.hyperliquid.grid import Grid
from hlmm.types import PERP_DECIMALS, Coin, Instrument

BUILDER_ASSET_BASE: Final = 100_000
BUILDER_ASSET_STEP: Final = 10_000
SPOT_MARKS: Final = ("@", "#", "+")


class PerpWire(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One perp of a dex's universe."""

    name: str
    sz_decimals: Annotated[int, msgspec.Meta(ge=0, le=PERP_DECIMALS)]
    max_leverage: Annotated[int, msgspec.Meta(ge=1, le=1_000)]
    only_isolated: bool = False
    is_delisted: bool = False


class MetaWire(msgspec.Struct, frozen=True, gc=False):
    """Answer to `meta`."""

    universe: list[PerpWire]


class DexWire(msgspec.Struct, frozen=True, gc=False):
    """One builder dex of `perpDexs`."""

    name: str


DexsWire = list[DexWire | None]


def dex_of(coin: str) -> str:
    """The dex a coin trades on: "" for the main one, "xyz" for "xyz:GOLD"."""
    prefix, colon, _ = coin.partition(":")
    return prefix if colon else ""


def is_spot(coin: str) -> bool:
    """Whether a coin name is a spot pair or an outcome, which hlmm never trades."""
    return coin.startswith(SPOT_MARKS) or "/" in coin


class Universe:
    """All perps of the dexes a run touches. Immutable once built."""

    __slots__ = ("_grids", "_listed")

    def __init__(self, metas: dict[str, MetaWire], dexs: DexsWire) -> None:
        """Number the perps. Args: metas by dex name; dexs, the answer to `perpDexs`, [] without builder dexes."""
        self._grids: dict[str, Grid] = {}
        self._listed: dict[str, bool] = {}
        positions = {dex.name: index for index, dex in enumerate(dexs) if dex is not None}
        for name, meta in metas.items():
            if name and name not in positions:
                continue
            base = BUILDER_ASSET_BASE + BUILDER_ASSET_STEP * positions[name] if name else 0
            for index, perp in enumerate(meta.universe):
                self._add(name, base + index, perp)

    def _add(self, dex: str, asset: int, perp: PerpWire) -> None:
        coin = perp.name if not dex or perp.name.startswith(dex + ":") else f"{dex}:{perp.name}"
        instrument = Instrument(
            coin=Coin(coin),
            asset=asset,
            sz_decimals=perp.sz_decimals,
            max_leverage=perp.max_leverage,
            only_isolated=perp.only_isolated,
        )
        self._grids[coin] = Grid(instrument)
        self._listed[coin] = not perp.is_delisted

    def grid(self, coin: str) -> Grid:
        """The grid of a coin. Raises: ValueError when no dex of this run lists it."""
        grid = self._grids.get(coin)
        if grid is None:
            message = f"unknown coin: {coin[:40]!r}"
            raise ValueError(message)
        return grid

    def find(self, coin: str) -> Grid | None:
        """The grid of a coin, or None when no dex of this run lists it."""
        return self._grids.get(coin)

    def listed(self, coin: str) -> bool:
        """Whether a coin trades: known and not delisted. The venue closes a socket that subscribes to any other."""
        return self._listed.get(coin, False)
