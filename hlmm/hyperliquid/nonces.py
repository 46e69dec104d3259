"""Owns the nonces of one signer: strictly increasing, whatever the clock does.

The venue keeps the 100 highest nonces of a signer and takes new ones within (T - 2 days, T + 1 day) of block time.
Source: Hyperliquid documentation, "Nonces and API wallets".
"""

from __future__ import annotations

from hlmm.types import NS_PER_MS, Ns


class Nonces:
    """Hands out nonces for one signer. The caller persists `floor` and gives it back at the next start."""

    __slots__ = ("_next",)

    def __init__(self, floor: int = 0) -> None:
        """Begin at a floor. Args: floor, ms, >= 0: the first nonce that may be used."""
        assert floor >= 0, floor
        self._next = floor

    @property
    def floor(self) -> int:
        """The smallest nonce never handed out, ms. Monotonic."""
        return self._next

    def take(self, ts: Ns) -> int:
        """The next nonce: the time in ms, or one more than the last when time stood still or stepped back.

        Args: ts, epoch ns.   Returns: ms.   Raises: nothing.
        """
        nonce = max(self._next, ts // NS_PER_MS)
        self._next = nonce + 1
        return nonce
