"""Fee rates by tier and the one rounding rule: amounts are truncated toward zero to a micro-USD.

Source: Hyperliquid documentation, "Fees" (perps; maker rebates by share of maker volume); truncation measured on fills.
"""

from __future__ import annotations

from typing import Final

import msgspec

from hlmm.sim.config import CustomTier, FeeTier, ScheduledFees
from hlmm.types import BPS, MicroUsd

RATE_UNIT: Final = 100_000_000
BUILDER_UNIT: Final = 100_000


class FeeRates(msgspec.Struct, frozen=True, gc=False):
    """Maker and taker rates as fractions of notional, in units of 1e-8 (1 bp = 10,000). Negative maker is a rebate."""

    maker_e8: int
    taker_e8: int

    def scaled(self, factor: float) -> FeeRates:
        """Rates on a builder dex: positive rates times `factor`, rebates unchanged."""
        maker = round(self.maker_e8 * factor) if self.maker_e8 > 0 else self.maker_e8
        return FeeRates(maker, round(self.taker_e8 * factor))


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

GROWTH_FACTOR: Final = 0.1


def builder_scale(deployer_scale: float, *, growth: bool) -> float:
    """Factor on a builder dex's fees: 1 + s below a deployer scale of 1, 2 s from it on; a tenth in growth mode."""
    scale = 1.0 + deployer_scale if deployer_scale < 1.0 else 2.0 * deployer_scale
    return scale * GROWTH_FACTOR if growth else scale


def rates_of(tier: FeeTier) -> FeeRates:
    """The rates of a tier, of the schedule its first. Returns: rates in 1e-8."""
    if isinstance(tier, CustomTier):
        scale = RATE_UNIT // BPS
        return FeeRates(round(tier.maker_bps * scale), round(tier.taker_bps * scale))
    if isinstance(tier, ScheduledFees):
        return TIERS["tier0"]
    return TIERS[tier.name]


def truncated(amount: int, rate: int, unit: int) -> MicroUsd:
    """`amount × rate / unit` truncated toward zero. Args: amount >= 0, micro-USD; rate, signed; unit > 0."""
    assert amount >= 0, amount
    product = amount * rate
    return MicroUsd(-(-product // unit) if product < 0 else product // unit)


def fee_of(notional: int, rate_e8: int, builder_tenths_bp: int = 0) -> MicroUsd:
    """Fee of one fill, builder fee contained. Args: notional >= 0, micro-USD; rate_e8, signed. Negative is a rebate."""
    return MicroUsd(truncated(notional, rate_e8, RATE_UNIT) + truncated(notional, builder_tenths_bp, BUILDER_UNIT))
