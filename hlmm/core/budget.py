"""The account's request budget: what is left for orders, what is left for cancels, and what scarcity does.

The address may send 10,000 requests plus one per USDC traded. A batch of n counts n. Cancels have their own ceiling,
min(limit + 100,000, 2 limit), so they stay affordable when orders are not.
Source: Hyperliquid documentation, "Rate limits and user limits", address-based limits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hlmm.types import MICRO

if TYPE_CHECKING:
    from hlmm.core.settings import BudgetConfig

CANCEL_EXTRA: Final = 100_000
CANCEL_FACTOR: Final = 2


class Budget:
    """The single writer of the request count. Between the venue's own figures it counts what was sent."""

    def __init__(self, config: BudgetConfig) -> None:
        """Start unknown: nothing may be placed before the venue's first figure."""
        self._config = config
        self._cap: int | None = None
        self._used = 0
        self._earned = 0
        self.run_requests = 0

    @property
    def is_known(self) -> bool:
        """Whether the venue has told the budget."""
        return self._cap is not None

    def read(self, used: int, cap: int) -> None:
        """Take the venue's figures; they replace our count."""
        self._used, self._cap, self._earned = used, cap, 0

    def spend(self, requests: int) -> None:
        """Count orders, cancels or modifies about to be sent."""
        self._used += requests
        self.run_requests += requests

    def earn_notional(self, notional: int) -> None:
        """Count our own volume (micro-USD) since the venue's last figure: one request per USDC."""
        self._earned += notional

    @property
    def _limit(self) -> int:
        return (self._cap or 0) + self._earned // MICRO

    @property
    def orders_left(self) -> int:
        """Requests left for orders and modifies, >= 0."""
        return max(0, self._limit - self._used)

    @property
    def cancels_left(self) -> int:
        """Requests left for cancels, >= 0."""
        return max(0, min(self._limit + CANCEL_EXTRA, CANCEL_FACTOR * self._limit) - self._used)

    @property
    def spendable(self) -> int:
        """What may be spent on orders now, the reserve kept back, >= 0."""
        return max(0, self.orders_left - self._config.reserve_requests)

    @property
    def band_factor(self) -> float:
        """Multiplier of the requote band: 1 when requests are plenty, `band_scarce_max` when only the reserve is left.

        Scarcity widens the band, never the spread (theory section 5.5).
        """
        config = self._config
        plenty = min(1.0, self.spendable / config.scarce_requests)
        return config.band_scarce_max + (1.0 - config.band_scarce_max) * plenty
