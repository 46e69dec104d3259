"""Whose signature an envelope carries: recovery through the protocol's own signing code, for either network.

A sandbox accepts both phantom-agent sources, so an L1 signature stands for up to two addresses; the exchange takes the
one it knows. Source: Hyperliquid documentation, "Signing" and "Multi-sig".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from hlmm.hyperliquid import typed_data
from hlmm.hyperliquid.signing import Network, Signature, SignatureError, Stamp, recover, recover_l1
from hlmm.hyperliquid.typed_data import recover_user_action
from hlmm.sim.actions import Envelope, MultiSigAction, SignatureWire, SingleAction, signed_bytes
from hlmm.sim.config import Network as Accepted
from hlmm.sim.signed_wire import UserSetAbstractionAction, UserSigned
from hlmm.types import Address

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
MODES: Final = {"i": "disabled", "u": "unifiedAccount", "p": "portfolioMargin"}
"""Account modes by the letter that L1 actions and multi-sig payloads write."""


def wrong_chain(envelope: Envelope, network: Accepted) -> str | None:
    """The refusal of a user-signed action for another network, or None."""
    action = envelope.action
    if isinstance(action, MultiSigAction):
        action = action.payload.action
    if isinstance(action, UserSigned) and action.hyperliquidChain not in CHAINS[network]:
        return WRONG_CHAIN
    return None


def signers(envelope: Envelope, network: Accepted) -> tuple[str, ...]:
    """Addresses the signature may stand for, likeliest first; empty when no key could have made it."""
    action, signature = envelope.action, _signature(envelope.signature)
    try:
        if isinstance(action, MultiSigAction):
            return tuple(_leader(envelope, action, source, signature) for source in ORDER[network])
        if isinstance(action, UserSigned):
            return (recover_user_action(_fields(action), signature),)
        packed = signed_bytes(action)
        return tuple(
            recover_l1(packed, envelope.nonce, envelope.vaultAddress, envelope.expiresAfter, source, signature)
            for source in ORDER[network]
        )
    except (SignatureError, OverflowError):
        return ()


def members(envelope: Envelope, network: Accepted) -> tuple[tuple[str, ...], ...]:
    """Of a multi-sig action, the addresses each inner signature may stand for; empty for other actions."""
    action = envelope.action
    if not isinstance(action, MultiSigAction):
        return ()
    return tuple(_member(envelope, action, network, wire) for wire in action.signatures)


def _member(envelope: Envelope, action: MultiSigAction, network: Accepted, wire: SignatureWire) -> tuple[str, ...]:
    inner, signature = action.payload.action, _signature(wire)
    payload = _payload(action, b"")
    try:
        if isinstance(inner, UserSigned):
            return (recover(typed_data.inner_user_digest(payload, _fields(inner)), signature),)
        payload = _payload(action, signed_bytes(inner))
        return tuple(
            recover(typed_data.inner_l1_digest(payload, _stamp(envelope, source)), signature)
            for source in ORDER[network]
        )
    except (SignatureError, OverflowError):
        return ()


def _leader(envelope: Envelope, action: MultiSigAction, source: Network, signature: Signature) -> str:
    """Who sent a multi-sig action. Raises: SignatureError, OverflowError."""
    trimmed = tuple(typed_data.trimmed(_signature(wire)) for wire in action.signatures)
    payload = _payload(action, signed_bytes(action.payload.action))
    whole = typed_data.Envelope(action.signatureChainId, trimmed, payload)
    return recover(typed_data.outer_digest(whole, _stamp(envelope, source)), signature)


def _payload(action: MultiSigAction, packed: bytes) -> typed_data.Payload:
    return typed_data.Payload(action.payload.multiSigUser, action.payload.outerSigner, msgspec.Raw(packed))


def _stamp(envelope: Envelope, source: Network) -> Stamp:
    vault = None if envelope.vaultAddress is None else Address(envelope.vaultAddress)
    return Stamp(envelope.nonce, source, vault, envelope.expiresAfter)


def _signature(wire: SignatureWire) -> Signature:
    return Signature(wire.r, wire.s, wire.v)


def _fields(action: SingleAction) -> Mapping[str, str | int | bool]:
    """A user-signed action as its signer read it: absent fields absent, the account mode in words."""
    fields = {k: v for k, v in msgspec.to_builtins(action).items() if v is not None}
    if isinstance(action, UserSetAbstractionAction):
        fields["abstraction"] = MODES.get(action.abstraction, action.abstraction)
    return fields
