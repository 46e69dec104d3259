"""Owns user-signed actions: the table of EIP-712 types, their digests, signing and recovery.

Only the master key may sign these; the domain's chain id is the action's own `signatureChainId`.
Source: Hyperliquid documentation, "Signing"; the official SDK's type lists; EIP-712.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from hlmm.hyperliquid.keccak import keccak256
from hlmm.hyperliquid.signing import (
    EIP712_PREFIX,
    WORD_BYTES,
    SecretKeySigner,
    Signature,
    SignatureError,
    address_bytes,
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
