"""Owns the venue's addresses."""

from __future__ import annotations

from typing import Final

import msgspec

from hlmm.hyperliquid.signing import Network


class Endpoints(msgspec.Struct, frozen=True, gc=False):
    """Base URL of REST (paths /info and /exchange) and the URL of the WebSocket."""

    rest_url: str
    ws_url: str


INFO_PATH: Final = "/info"
EXCHANGE_PATH: Final = "/exchange"

VENUE: Final[dict[Network, Endpoints]] = {
    "mainnet": Endpoints("https://api.hyperliquid.xyz", "wss://api.hyperliquid.xyz/ws"),
    "testnet": Endpoints("https://api.hyperliquid-testnet.xyz", "wss://api.hyperliquid-testnet.xyz/ws"),
}
