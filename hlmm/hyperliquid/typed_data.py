"""Owns what wallets sign as typed data: user-signed actions and multi-sig envelopes.

Only the master key may sign these; the domain's chain id is the action's own `signatureChainId`.
In a multi-sig envelope each inner r and s is hashed without leading zeros (measured).
Source: Hyperliquid documentation, "Signing" and "Multi-sig"; the official SDK's type lists; EIP-712.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from hlmm.hyperliquid.keccak import keccak256
from hlmm.hyperliquid.signing import (
    EIP712_PREFIX,
    WORD_BYTES,
    Network,
    SecretKeySigner,
    Signature,
    SignatureError,
    Stamp,
    address_bytes,
    agent_digest,
    connection_id,
    domain_separator,
    recover,
)
from hlmm.types import Address

Field = tuple[str, str]
Value = str | int | bool
Fields = Mapping[str, Value]

DOMAIN_NAME: Final = "HyperliquidSignTransaction"
CHAIN_FIELD: Final[Field] = ("hyperliquidChain", "string")


class TypedAction(msgspec.Struct, frozen=True, gc=False):
    """The EIP-712 shape of one action: primary type and the fields after `hyperliquidChain`, in order."""

    primary: str
    fields: tuple[Field, ...]

    def encode_type(self, extra: tuple[Field, ...] = ()) -> str:
        """The EIP-712 type string. Args: extra fields, put right after `hyperliquidChain` (multi-sig)."""
        listed = ",".join(f"{kind} {name}" for name, kind in (CHAIN_FIELD, *extra, *self.fields))
        return f"HyperliquidTransaction:{self.primary}({listed})"


_NONCE: Final[Field] = ("nonce", "uint64")
_TIME: Final[Field] = ("time", "uint64")
_TO: Final[Field] = ("destination", "string")
_TOKEN: Final[Field] = ("token", "string")
_AMOUNT: Final[Field] = ("amount", "string")
_WEI: Final[Field] = ("wei", "uint64")
_USER: Final[Field] = ("user", "address")

USER_SIGNED: Final[Mapping[str, TypedAction]] = {
    "usdSend": TypedAction("UsdSend", (_TO, _AMOUNT, _TIME)),
    "spotSend": TypedAction("SpotSend", (_TO, _TOKEN, _AMOUNT, _TIME)),
    "withdraw3": TypedAction("Withdraw", (_TO, _AMOUNT, _TIME)),
    "usdClassTransfer": TypedAction("UsdClassTransfer", (_AMOUNT, ("toPerp", "bool"), _NONCE)),
    "sendAsset": TypedAction(
        "SendAsset",
        (
            _TO,
            ("sourceDex", "string"),
            ("destinationDex", "string"),
            _TOKEN,
            _AMOUNT,
            ("fromSubAccount", "string"),
            _NONCE,
        ),
    ),
    "approveAgent": TypedAction("ApproveAgent", (("agentAddress", "address"), ("agentName", "string"), _NONCE)),
    "approveBuilderFee": TypedAction("ApproveBuilderFee", (("maxFeeRate", "string"), ("builder", "address"), _NONCE)),
    "tokenDelegate": TypedAction("TokenDelegate", (("validator", "address"), _WEI, ("isUndelegate", "bool"), _NONCE)),
    "cDeposit": TypedAction("CDeposit", (_WEI, _NONCE)),
    "cWithdraw": TypedAction("CWithdraw", (_WEI, _NONCE)),
    "linkStakingUser": TypedAction("LinkStakingUser", (_USER, ("isFinalize", "bool"), _NONCE)),
    "userDexAbstraction": TypedAction("UserDexAbstraction", (_USER, ("enabled", "bool"), _NONCE)),
    "userSetAbstraction": TypedAction("UserSetAbstraction", (_USER, ("abstraction", "string"), _NONCE)),
    "userPortfolioMargin": TypedAction("UserPortfolioMargin", (_USER, ("enabled", "bool"), _NONCE)),
    "convertToMultiSigUser": TypedAction("ConvertToMultiSigUser", (("signers", "string"), _NONCE)),
    "sendToEvmWithData": TypedAction(
        "SendToEvmWithData",
        (
            _TOKEN,
            _AMOUNT,
            ("sourceDex", "string"),
            ("destinationRecipient", "string"),
            ("addressEncoding", "string"),
            ("destinationChainId", "uint32"),
            ("gasLimit", "uint64"),
            ("data", "bytes"),
            _NONCE,
        ),
    ),
    "stakingLinkDisableTradingUser": TypedAction(
        "StakingLinkDisableTradingUser", (("tradingUser", "address"), _NONCE)
    ),
}  # fmt: skip

_PACK: Final = msgspec.msgpack.Encoder()
_INNER_FIELDS: Final[tuple[Field, ...]] = (("payloadMultiSigUser", "address"), ("outerSigner", "address"))
_CHAIN_NAME: Final[Mapping[Network, str]] = {"mainnet": "Mainnet", "testnet": "Testnet"}

SEND_MULTI_SIG: Final = TypedAction("SendMultiSig", (("multiSigActionHash", "bytes32"), _NONCE))


def user_digest(action: Fields) -> bytes:
    """The digest a wallet signs for a user-signed action.

    Args: action, the JSON object with `type`, `signatureChainId`, `hyperliquidChain` and its own fields.
    Returns: 32 bytes. An absent `agentName` is signed as "".
    Raises: SignatureError when the type is not user-signed or a field is missing or malformed.
    """
    typed = USER_SIGNED.get(str(action.get("type")))
    if typed is None:
        message = f"not a user-signed action: {str(action.get('type'))[:60]!r}"
        raise SignatureError(message)
    named = {"agentName": "", **action} if action["type"] == "approveAgent" else action
    return typed_digest(typed, named, ())


def typed_digest(typed: TypedAction, values: Fields, extra: tuple[Field, ...]) -> bytes:
    """The digest of any action of this shape. Args: values by field name. Raises: SignatureError."""
    packed = keccak256(typed.encode_type(extra).encode())
    for name, kind in (CHAIN_FIELD, *extra, *typed.fields):
        packed += _word(name, kind, values)
    domain = domain_separator(DOMAIN_NAME, _chain_id(values))
    return keccak256(EIP712_PREFIX + domain + keccak256(packed))


def sign_user_action(signer: SecretKeySigner, action: Fields) -> Signature:
    """Sign a user-signed action. Args: as `user_digest`. Raises: SignatureError."""
    return signer.sign_digest(user_digest(action))


def recover_user_action(action: Fields, signature: Signature) -> Address:
    """Whose signature a user-signed action carries. Returns: lowercase address. Raises: SignatureError."""
    return recover(user_digest(action), signature)


# ---- multi-sig ----


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


# ---- words ----


def _chain_id(values: Fields) -> int:
    try:
        return int(str(values["signatureChainId"]), 16)
    except (KeyError, ValueError):
        message = "signatureChainId is not hex"
        raise SignatureError(message) from None


def _word(name: str, kind: str, values: Fields) -> bytes:
    """One field as its 32-byte EIP-712 word. Raises: SignatureError."""
    value = values.get(name)
    match kind, value:
        case "string", str():
            return keccak256(value.encode())
        case "address", str():
            return address_bytes(value).rjust(WORD_BYTES, b"\0")
        case "bytes" | "bytes32", str():
            return _bytes_word(name, kind, value)
        case "bool", bool():
            return int(value).to_bytes(WORD_BYTES, "big")
        case "uint64" | "uint32", int() if not isinstance(value, bool) and 0 <= value < 1 << int(kind[4:]):
            return value.to_bytes(WORD_BYTES, "big")
        case _:
            message = f"{name}: not a {kind}"
            raise SignatureError(message)


def _bytes_word(name: str, kind: str, value: str) -> bytes:
    try:
        raw = bytes.fromhex(value.removeprefix("0x"))
    except ValueError:
        message = f"{name}: not hex"
        raise SignatureError(message) from None
    if kind == "bytes":
        return keccak256(raw)
    if len(raw) != WORD_BYTES:
        message = f"{name}: not 32 bytes"
        raise SignatureError(message)
    return raw
