"""Owns L1 action signatures: hash of the packed action, the phantom agent's EIP-712 digest, secp256k1 sign and recover.

Everything that does not depend on the action is computed once, at import: three Keccak calls remain per signature.
A wrong byte never shows as "bad signature" at the venue, only as another, unknown address.
Source: Hyperliquid documentation, "Signing"; EIP-712; RFC 6979 (deterministic, so signatures are golden values).
"""

from __future__ import annotations

from typing import Final, Literal, NoReturn, Protocol

import msgspec
from coincurve import PrivateKey, PublicKey
from typing_extensions import override

from hlmm.hyperliquid.keccak import keccak256
from hlmm.types import Address

Network = Literal["mainnet", "testnet"]

ADDRESS_BYTES: Final = 20
WORD_BYTES: Final = 32
NONCE_BYTES: Final = 8
V_OFFSET: Final = 27
L1_CHAIN_ID: Final = 1337
EIP712_PREFIX: Final = b"\x19\x01"
NO_VAULT: Final = b"\x00"
HAS_VAULT: Final = b"\x01"
HAS_EXPIRY: Final = b"\x00"

_DOMAIN_TYPE: Final = keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_AGENT_TYPE: Final = keccak256(b"Agent(string source,bytes32 connectionId)")


class SignatureError(ValueError):
    """A signature that no key could have made, or an address that is not one."""


class Signature(msgspec.Struct, frozen=True, gc=False):
    """An ECDSA signature as the venue reads it: r and s as 0x-hex, v 27 or 28."""

    r: str
    s: str
    v: int


class Stamp(msgspec.Struct, frozen=True, gc=False):
    """What is hashed beside an action: nonce and expiry in ms, the vault acted for, the network."""

    nonce: int
    network: Network
    vault: Address | None = None
    expires_after: int | None = None


class Signer(Protocol):
    """Whoever can sign L1 actions for one address."""

    @property
    def address(self) -> Address:
        """The signer's address, lowercase 0x-hex."""
        ...

    def sign_l1(
        self, action: bytes, nonce: int, vault: Address | None, expires_after: int | None, network: Network
    ) -> Signature:
        """Sign one packed action. See `SecretKeySigner.sign_l1`."""
        ...


def domain_separator(name: str, chain_id: int) -> bytes:
    """EIP-712 domain hash, version 1, zero contract. Args: chain_id, >= 0. Returns: 32 bytes."""
    name_hash, version_hash = keccak256(name.encode()), keccak256(b"1")
    return keccak256(_DOMAIN_TYPE + name_hash + version_hash + chain_id.to_bytes(WORD_BYTES, "big") + bytes(WORD_BYTES))


_L1_PREFIX: Final = EIP712_PREFIX + domain_separator("Exchange", L1_CHAIN_ID)
_AGENT_OF: Final[dict[Network, bytes]] = {
    "mainnet": _AGENT_TYPE + keccak256(b"a"),
    "testnet": _AGENT_TYPE + keccak256(b"b"),
}


def address_bytes(address: str) -> bytes:
    """The 20 bytes of an address. Args: hex, any case, with or without 0x. Raises: SignatureError."""
    try:
        raw = bytes.fromhex(address.removeprefix("0x"))
    except ValueError:
        raw = b""
    if len(raw) != ADDRESS_BYTES:
        message = f"not an address: {address[:60]!r}"
        raise SignatureError(message)
    return raw


def connection_id(action: bytes, nonce: int, vault: str | None, expires_after: int | None) -> bytes:
    """The action hash: packed action, nonce, vault and expiry. Args: nonce, expires_after in ms. Returns: 32 bytes."""
    owner = NO_VAULT if vault is None else HAS_VAULT + address_bytes(vault)
    packed = action + nonce.to_bytes(NONCE_BYTES, "big") + owner
    if expires_after is not None:
        packed += HAS_EXPIRY + expires_after.to_bytes(NONCE_BYTES, "big")
    return keccak256(packed)


def agent_digest(connection: bytes, network: Network) -> bytes:
    """What is signed for an L1 action: the EIP-712 digest of the phantom agent. Args: connection, 32 bytes."""
    return keccak256(_L1_PREFIX + keccak256(_AGENT_OF[network] + connection))


class SecretKeySigner:
    """Signs with a secp256k1 key held in memory. It never prints, copies or pickles the key."""

    __slots__ = ("_address", "_key")

    def __init__(self, key: bytes) -> None:
        """Hold a key. Args: key, 32 bytes, 0 < key < curve order. Raises: SignatureError, without the key."""
        try:
            self._key = PrivateKey(key)
        except ValueError:
            message = "not a secp256k1 private key"
            raise SignatureError(message) from None
        self._address = _address_of(self._key.public_key)

    @override
    def __repr__(self) -> str:
        return f"SecretKeySigner({self._address})"

    @override
    def __reduce__(self) -> NoReturn:
        message = "a signer is not copied or stored"
        raise TypeError(message)

    @property
    def address(self) -> Address:
        """The key's address, lowercase 0x-hex."""
        return self._address

    def sign_digest(self, digest: bytes) -> Signature:
        """Sign 32 bytes as they are. Args: digest, an EIP-712 digest. Returns: r and s padded to 32 bytes."""
        raw = self._key.sign_recoverable(digest, hasher=None)
        text = raw.hex()
        return Signature("0x" + text[:64], "0x" + text[64:128], raw[64] + V_OFFSET)

    def sign_l1(
        self, action: bytes, nonce: int, vault: Address | None, expires_after: int | None, network: Network
    ) -> Signature:
        """Sign one L1 action.

        Args:
            action: msgpack of the action, keys in canonical order.   nonce: ms, 0 <= nonce < 2^64.
            vault: vault or sub-account acted for, or None.   expires_after: ms, or None.   network: hashed in.
        Raises: SignatureError when `vault` is not an address.
        """
        return self.sign_digest(agent_digest(connection_id(action, nonce, vault, expires_after), network))


def recover(digest: bytes, signature: Signature) -> Address:
    """Whose signature this is. Args: digest, 32 bytes. Returns: lowercase address. Raises: SignatureError."""
    try:
        scalars = int(signature.r, 16).to_bytes(WORD_BYTES, "big") + int(signature.s, 16).to_bytes(WORD_BYTES, "big")
        raw = scalars + bytes((signature.v - V_OFFSET,))
        return _address_of(PublicKey.from_signature_and_message(raw, digest, hasher=None))
    except (ValueError, OverflowError):
        message = "Unable to recover signer."
        raise SignatureError(message) from None


def recover_l1(
    action: bytes, nonce: int, vault: str | None, expires_after: int | None, network: Network, signature: Signature
) -> Address:
    """Whose signature an L1 action carries. Args: as `sign_l1`. Returns: lowercase address. Raises: SignatureError."""
    return recover(agent_digest(connection_id(action, nonce, vault, expires_after), network), signature)


def _address_of(key: PublicKey) -> Address:
    point = key.format(compressed=False)
    return Address("0x" + keccak256(point[1:])[-ADDRESS_BYTES:].hex())
