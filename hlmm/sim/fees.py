"""Fee rates by tier and the one rounding rule: amounts are truncated toward zero to a micro-USD.

Source: Hyperliquid documentation, "Fees" (perps; maker rebates by share of maker volume); truncation measured on fills.
"""

from __future__ import annotations

from typing import Final

import msgspec

from hlmm.sim.config import CustomTier, FeeTier
from hlmm.types import BPS, MicroUsd

RATE_UNIT: Final = 100_000_000
BUILDER_UNIT: Final = 100_000


class FeeRates(msgspec.Struct, frozen=True, gc=False):
    """Maker and taker rates as fractions of notional, in units of 1e-8 (1 bp = 10,000). Negative maker is a rebate."""

    maker_e8: int
    taker_e8: int

    def scaled(self, factor: int) -> FeeRates:
        """Rates on a builder dex: positive rates times `factor`, rebates unchanged."""
        maker = self.maker_e8 * factor if self.maker_e8 > 0 else self.maker_e8
        return FeeRates(maker, self.taker_e8 * factor)


TIERS: Final = {
    "tier0": FeeRates(15_000, 45_000),
    "tier1": FeeRates(12_000, 40_000),
    "tier2": FeeRates(8_000, 35_000),
    "tier3": FeeRates(4_000, 30_000),
    "tier4": FeeRates(0, 28_000),
    "tier5": FeeRates(0, 26_000),
    "tier6": FeeRates(0, 24_000),
    "maker-rebate-1": FeeRates(-1_000, 26_000),
    "maker-rebate-2": FeeRates(-2_000, 24_000),
    "maker-rebate-3": FeeRates(-3_000, 24_000),
}

HIP3_FACTOR: Final = 2
"""A deployer fee scale of 1.0 doubles the fee on its dex."""


def rates_of(tier: FeeTier) -> FeeRates:
    """The rates of a tier. Args: tier, named or custom. Returns: rates in 1e-8."""
    if isinstance(tier, CustomTier):
        scale = RATE_UNIT // BPS
        return FeeRates(round(tier.maker_bps * scale), round(tier.taker_bps * scale))
    return TIERS[tier.name]


def truncated(amount: int, rate: int, unit: int) -> MicroUsd:
    """`amount × rate / unit` truncated toward zero. Args: amount >= 0, micro-USD; rate, signed; unit > 0."""
    assert amount >= 0, amount
    product = amount * rate
    return MicroUsd(-(-product // unit) if product < 0 else product // unit)


def fee_of(notional: int, rate_e8: int, builder_tenths_bp: int = 0) -> MicroUsd:
    """Fee of one fill, builder fee contained. Args: notional >= 0, micro-USD; rate_e8, signed. Negative is a rebate."""
    return MicroUsd(truncated(notional, rate_e8, RATE_UNIT) + truncated(notional, builder_tenths_bp, BUILDER_UNIT))
