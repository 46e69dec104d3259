"""Whose signature an envelope carries: recovery through the protocol's own signing code, for either network.

A sandbox accepts both phantom-agent sources, so an L1 signature stands for up to two addresses; the exchange takes the
one it knows. Source: Hyperliquid documentation, "Signing".
"""

from __future__ import annotations

from typing import Final

import msgspec

from hlmm.hyperliquid.signing import Network, Signature, SignatureError, recover_l1
from hlmm.hyperliquid.typed_data import recover_user_action
from hlmm.sim.actions import Envelope, UserSigned, signed_bytes
from hlmm.sim.config import Network as Accepted

ORDER: Final[dict[Accepted, tuple[Network, ...]]] = {
    "any": ("testnet", "mainnet"),
    "mainnet": ("mainnet",),
    "testnet": ("testnet",),
}
CHAINS: Final[dict[Accepted, tuple[str, ...]]] = {
    "any": ("Testnet", "Mainnet"),
    "mainnet": ("Mainnet",),
    "testnet": ("Testnet",),
}
WRONG_CHAIN: Final = "Mainnet and testnet require different signature."


def wrong_chain(envelope: Envelope, network: Accepted) -> str | None:
    """The refusal of a user-signed action for another network, or None."""
    action = envelope.action
    if isinstance(action, UserSigned) and action.hyperliquidChain not in CHAINS[network]:
        return WRONG_CHAIN
    return None


def signers(envelope: Envelope, network: Accepted) -> tuple[str, ...]:
    """Addresses the signature may stand for, likeliest first; empty when no key could have made it."""
    wire = envelope.signature
    signature = Signature(wire.r, wire.s, wire.v)
    try:
        if isinstance(envelope.action, UserSigned):
            fields = {k: v for k, v in msgspec.to_builtins(envelope.action).items() if v is not None}
            return (recover_user_action(fields, signature),)
        packed = signed_bytes(envelope.action)
        return tuple(
            recover_l1(packed, envelope.nonce, envelope.vaultAddress, envelope.expiresAfter, source, signature)
            for source in ORDER[network]
        )
    except (SignatureError, OverflowError):
        return ()
