"""age v1 files for tests: X25519 recipients, one chunk, armoured. Only what a SOPS data key needs.

Source: C2SP specification "age" (age-encryption.org/v1); BIP-173 for the text form of keys.
"""

from __future__ import annotations

import base64
import os
from itertools import pairwise
from typing import Final

from Crypto.Cipher import ChaCha20_Poly1305
from Crypto.Hash import HMAC, SHA256
from Crypto.Protocol.DH import import_x25519_private_key, import_x25519_public_key, key_agreement
from Crypto.Protocol.KDF import HKDF

ALPHABET: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
IDENTITY_PREFIX: Final = "age-secret-key-"
VERSION_LINE: Final = b"age-encryption.org/v1"
X25519_INFO: Final = b"age-encryption.org/v1/X25519"
ARMOUR: Final = ("-----BEGIN AGE ENCRYPTED FILE-----", "-----END AGE ENCRYPTED FILE-----")
LAST_CHUNK: Final = bytes(11) + b"\x01"
ZERO_NONCE: Final = bytes(12)


class AgeError(Exception):
    """Not an age file, or no identity opens it."""


def new_identity() -> tuple[str, str]:
    """A fresh key pair. Returns: identity text (secret), recipient text (public)."""
    secret = os.urandom(32)
    return _bech32(IDENTITY_PREFIX, secret).upper(), _bech32("age", _public(secret))


def encrypt(plain: bytes, recipients: list[str]) -> str:
    """Armoured age file of at most one chunk (64 KiB), for any of the recipients."""
    file_key = os.urandom(16)
    lines = [VERSION_LINE]
    for recipient in recipients:
        public = _unbech32("age", recipient)
        ephemeral = os.urandom(32)
        share = _public(ephemeral)
        wrap = _hkdf(_agree(ephemeral, public), share + public, X25519_INFO)
        lines += [b"-> X25519 " + _b64(share), _b64(_seal(wrap, ZERO_NONCE, file_key))]
    header = b"\n".join([*lines, b"---"])
    nonce = os.urandom(16)
    body = _seal(_hkdf(file_key, nonce, b"payload"), LAST_CHUNK, plain)
    binary = header + b" " + _b64(_mac(file_key, header)) + b"\n" + nonce + body
    text = base64.b64encode(binary).decode()
    return "\n".join([ARMOUR[0], *(text[i : i + 64] for i in range(0, len(text), 64)), ARMOUR[1], ""])


def decrypt(armoured: str, identities: list[str]) -> bytes:
    """Open an armoured file of one chunk with the first identity that fits. Raises: AgeError."""
    body = armoured.strip().removeprefix(ARMOUR[0]).removesuffix(ARMOUR[1])
    header, _, rest = base64.b64decode("".join(body.split())).partition(b"\n--- ")
    mac, _, payload = rest.partition(b"\n")
    for identity in identities:
        secret = _unbech32(IDENTITY_PREFIX, identity.lower())
        for file_key in _unwrapped(header, secret):
            if _b64(_mac(file_key, header + b"\n---")) != mac:
                message = "header MAC"
                raise AgeError(message)
            return _open(_hkdf(file_key, payload[:16], b"payload"), LAST_CHUNK, payload[16:])
    message = "no identity matched"
    raise AgeError(message)


def _unwrapped(header: bytes, secret: bytes) -> list[bytes]:
    """The file key, if one of the header's X25519 stanzas is for this secret."""
    lines, public, found = header.split(b"\n"), _public(secret), []
    for stanza, body in pairwise(lines):
        if not stanza.startswith(b"-> X25519 "):
            continue
        share = _unb64(stanza.removeprefix(b"-> X25519 "))
        try:
            found.append(_open(_hkdf(_agree(secret, share), share + public, X25519_INFO), ZERO_NONCE, _unb64(body)))
        except AgeError:
            continue
    return found


def _public(secret: bytes) -> bytes:
    return bytes(import_x25519_private_key(secret).public_key().export_key(format="raw"))


def _agree(secret: bytes, public: bytes) -> bytes:
    ours, theirs = import_x25519_private_key(secret), import_x25519_public_key(public)
    return bytes(key_agreement(static_priv=ours, static_pub=theirs, kdf=bytes))


def _hkdf(secret: bytes, salt: bytes, info: bytes) -> bytes:
    derived = HKDF(secret, 32, salt, SHA256, context=info)
    assert isinstance(derived, bytes)
    return derived


def _mac(file_key: bytes, header: bytes) -> bytes:
    return HMAC.new(_hkdf(file_key, b"", b"header"), header, SHA256).digest()


def _seal(key: bytes, nonce: bytes, plain: bytes) -> bytes:
    return b"".join(ChaCha20_Poly1305.new(key=key, nonce=nonce).encrypt_and_digest(plain))


def _open(key: bytes, nonce: bytes, sealed: bytes) -> bytes:
    try:
        return ChaCha20_Poly1305.new(key=key, nonce=nonce).decrypt_and_verify(sealed[:-16], sealed[-16:])
    except ValueError:
        raise AgeError from None


def _b64(raw: bytes) -> bytes:
    return base64.b64encode(raw).rstrip(b"=")


def _unb64(text: bytes) -> bytes:
    return base64.b64decode(text + b"=" * (-len(text) % 4))


def _checksum(prefix: str, values: list[int]) -> int:
    """BIP-173's BCH code over prefix and values."""
    state = 1
    for value in [*(ord(c) >> 5 for c in prefix), 0, *(ord(c) & 31 for c in prefix), *values]:
        top = state >> 25
        state = (state & 0x1FFFFFF) << 5 ^ value
        for i, generator in enumerate(GENERATOR):
            state ^= generator if top >> i & 1 else 0
    return state


def _regroup(values: list[int], width: int, wanted: int) -> list[int]:
    """Bits in groups of `width` to groups of `wanted`, zero-padded at the end."""
    bits = "".join(f"{value:0{width}b}" for value in values)
    bits += "0" * (-len(bits) % wanted)
    return [int(bits[i : i + wanted], 2) for i in range(0, len(bits), wanted)]


def _bech32(prefix: str, raw: bytes) -> str:
    values = _regroup(list(raw), 8, 5)
    check = _checksum(prefix, [*values, 0, 0, 0, 0, 0, 0]) ^ 1
    values += [check >> 5 * (5 - i) & 31 for i in range(6)]
    return prefix + "1" + "".join(ALPHABET[value] for value in values)


def _unbech32(prefix: str, text: str) -> bytes:
    values = [ALPHABET.find(c) for c in text.removeprefix(prefix + "1")]
    if not text.startswith(prefix + "1") or -1 in values or _checksum(prefix, values) != 1:
        message = "not an age key"
        raise AgeError(message)
    return bytes(_regroup(values[:-6], 5, 8)[:32])
