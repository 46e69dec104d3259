"""The nonce floor on disk: no nonce is used twice, across restarts and clock steps.

The stored floor runs ahead of what was used by a lease, so that one write covers many nonces and a kill between
writes cannot reuse one.
Source: Hyperliquid documentation, "Nonces and API wallets" (100 highest kept, within (T - 2 days, T + 1 day)).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hlmm.shell.statedir import write_atomically
from hlmm.types import Address, Ms

if TYPE_CHECKING:
    from pathlib import Path

LEASE_MS: Final = 5_000
AHEAD_MS_MAX: Final = 3_600_000


class NonceFloor:
    """The floor of one signer. `start` is the first nonce that may be used, ms."""

    def __init__(self, state: Path, network: str, signer: Address, now: Ms) -> None:
        self._path = state / "nonces" / f"{network}-{signer.lower()}"
        stored = _read(self._path)
        self.start = Ms(max(now, stored if stored <= now + AHEAD_MS_MAX else 0))
        self._leased = 0

    def used(self, nonce: int) -> None:
        """Note that nonces up to this one may be in use. Writes only when the lease runs out. Raises: OSError."""
        if nonce < self._leased:
            return
        self._leased = nonce + LEASE_MS
        write_atomically(self._path, str(self._leased).encode())


def _read(path: Path) -> int:
    try:
        return int(path.read_text())
    except (FileNotFoundError, ValueError):
        return 0
