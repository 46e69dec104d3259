"""Owns the choice of Keccak-256: pysha3's C extension when installed, else pycryptodome (about 6x slower)."""

from __future__ import annotations

from typing import Final

try:
    from sha3 import keccak_256 as _keccak_256  # type: ignore[import-not-found,import-untyped,unused-ignore] # no stubs
except ImportError:
    from Crypto.Hash import keccak as _pycryptodome

    BACKEND: Final = "pycryptodome"

    def keccak256(data: bytes) -> bytes:
        """Keccak-256 as Ethereum uses it (not SHA3-256). Args: data, any length. Returns: 32 bytes. Raises: nothing."""
        return _pycryptodome.new(data=data, digest_bits=256).digest()
else:
    BACKEND: Final = "pysha3"  # type: ignore[misc] # the other branch's twin

    def keccak256(data: bytes) -> bytes:
        """Keccak-256 as Ethereum uses it (not SHA3-256). Args: data, any length. Returns: 32 bytes. Raises: nothing."""
        digest: bytes = _keccak_256(data).digest()
        return digest
