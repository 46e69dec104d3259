"""What the channels push that carry the contexts of many coins at once."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from hlmm.sim.exchange import Exchange
from hlmm.sim.info_market import SPOT_CONTEXT, SPOT_PAIR, context, dexes, empty_book
from hlmm.sim.text import Json

RAW_DEFLATE: Final = -15
"""zlib's way to say: no header, no checksum."""
ALL_DEXES_MS: Final = 13_600
"""Measured on mainnet, 2026-09."""


def _of_dex(exchange: Exchange, dex: str) -> list[Json]:
    return [context(exchange, listing) for listing in exchange.listings.values() if listing.dex == dex]


def _all(exchange: Exchange, dex: str) -> Json:
    del dex
    return {"ctxs": [[name, _of_dex(exchange, name)] for name in ("", *dexes(exchange))]}


def _one(exchange: Exchange, dex: str) -> Json:
    return {"dex": dex, "ctxs": _of_dex(exchange, dex)}


def _spot(exchange: Exchange, dex: str) -> Json:
    del exchange, dex
    return [SPOT_CONTEXT]


def _fast(exchange: Exchange, dex: str) -> Json:
    """Mark and mid of every coin, deflated. The live venue leaves out what did not change; a client merges either."""
    del dex
    rows: dict[str, Json] = {}
    for listing in exchange.listings.values():
        body = context(exchange, listing)
        assert isinstance(body, dict)
        rows[listing.coin] = {"markPx": body["markPx"], "midPx": body["midPx"]}
    packer = zlib.compressobj(wbits=RAW_DEFLATE)
    packed = packer.compress(msgspec.json.encode(rows)) + packer.flush()
    return base64.b64encode(packed).decode()


def spot_frame(exchange: Exchange, kind: str) -> tuple[str, Json]:
    """Channel and payload of a subscription to the spot pair; a payload of None is not sent."""
    match kind:
        case "l2Book":
            return kind, empty_book(exchange)
        case "bbo":
            return kind, {"coin": SPOT_PAIR, "time": exchange.now, "bbo": [None, None]}
        case "activeAssetCtx":
            return "activeSpotAssetCtx", {"coin": SPOT_PAIR, "ctx": SPOT_CONTEXT}
        case _:
            return kind, None


CONTEXTS: Final[Mapping[str, Callable[[Exchange, str], Json]]] = {
    "allDexsAssetCtxs": _all,
    "assetCtxs": _one,
    "spotAssetCtxs": _spot,
    "fastAssetCtxs": _fast,
}
"""Channels that need no coin. Each renders from the exchange and the dex that the subscription names."""
