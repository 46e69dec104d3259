"""Owns multi-sig envelopes: what each inner user signs, what the leader signs, and who signed.

Source: Hyperliquid documentation, "Multi-sig"; measured: inner r and s are hashed without leading zeros.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from hlmm.hyperliquid.signing import Network, Signature, Stamp, agent_digest, connection_id
from hlmm.hyperliquid.typed_data import SEND_MULTI_SIG, USER_SIGNED, Field, Fields, typed_digest

_PACK: Final = msgspec.msgpack.Encoder()
_INNER_FIELDS: Final[tuple[Field, ...]] = (("payloadMultiSigUser", "address"), ("outerSigner", "address"))
_CHAIN_NAME: Final[Mapping[Network, str]] = {"mainnet": "Mainnet", "testnet": "Testnet"}


class Payload(msgspec.Struct, frozen=True, rename="camel"):
    """What the group does: the account, the leader who sends it, and the action as packed or as JSON fields."""

    multi_sig_user: str
    outer_signer: str
    action: msgspec.Raw


class Envelope(msgspec.Struct, frozen=True, rename="camel"):
    """The `multiSig` action without its `type`, in the order that is hashed."""

    signature_chain_id: str
    signatures: tuple[Signature, ...]
    payload: Payload


def inner_l1_digest(payload: Payload, stamp: Stamp) -> bytes:
    """What every authorised user signs when the inner action is an L1 action. Returns: 32 bytes."""
    return agent_digest(inner_connection_id(payload, stamp), stamp.network)


def inner_connection_id(payload: Payload, stamp: Stamp) -> bytes:
    """The inner action hash over [user, leader, action], addresses lowercase. Args: payload.action is msgpack."""
    packed = _PACK.encode([payload.multi_sig_user.lower(), payload.outer_signer.lower(), payload.action])
    return connection_id(packed, stamp.nonce, stamp.vault, stamp.expires_after)


def inner_user_digest(payload: Payload, action: Fields) -> bytes:
    """What every authorised user signs when the inner action is user-signed. Raises: SignatureError."""
    values = {
        **action,
        "payloadMultiSigUser": payload.multi_sig_user.lower(),
        "outerSigner": payload.outer_signer.lower(),
    }
    return typed_digest(USER_SIGNED[str(action["type"])], values, _INNER_FIELDS)


def outer_action_hash(envelope: Envelope, stamp: Stamp) -> bytes:
    """The hash of the whole envelope. Returns: 32 bytes."""
    return connection_id(_PACK.encode(envelope), stamp.nonce, stamp.vault, stamp.expires_after)


def outer_digest(envelope: Envelope, stamp: Stamp) -> bytes:
    """What the leader signs. Returns: 32 bytes. Raises: SignatureError when the chain id is not hex."""
    values: Fields = {
        "hyperliquidChain": _CHAIN_NAME[stamp.network],
        "multiSigActionHash": outer_action_hash(envelope, stamp).hex(),
        "nonce": stamp.nonce,
        "signatureChainId": envelope.signature_chain_id,
    }
    return typed_digest(SEND_MULTI_SIG, values, ())


def trimmed(signature: Signature) -> Signature:
    """The same signature without leading zeros in r and s, as the chain hashes inner ones. Raises: ValueError."""
    return Signature(hex(int(signature.r, 16)), hex(int(signature.s, 16)), signature.v)
