"""When a resting quote is worth moving: the band of the impulse-control problem.

A quote's distance error drifts as sigma dW while it rests and costs a request to reset. With x = k times the error
and K = c k^2 sigma^2 / g, the exact free boundary is within a percent of b = (12 K)^(1/4), narrower toward the fair
value and wider away from it. Source: theory section 5.2 (table impulse_band).
"""

from __future__ import annotations

import math
from typing import Final

import msgspec

from hlmm.model.estimate import BPS

QUARTIC: Final = 12.0
"""b^4 = 12 K: the small-band expansion of the quasi-variational inequality."""
ASYMMETRY: Final = 5.0
"""The boundaries are -b / (1 + b/5) and b / (1 - b/5)."""
ASYMMETRY_CAP: Final = 0.9
"""b/5 beyond this has left the expansion; the outer boundary stays finite."""
ROOT: Final = 0.25


class BandWidth(msgspec.Struct, frozen=True, gc=False):
    """Allowed error of a resting quote, bp: nearer to the fair value by `inner_bps`, farther by `outer_bps`."""

    inner_bps: float
    outer_bps: float


class BandInputs(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What the band depends on. `depth_bps` is the quote's distance from fair value; `factor` widens for scarcity."""

    sigma_bps_sqrt_s: float
    arrival_rate_per_s: float
    kappa_per_bps: float
    depth_bps: float
    lot_usd: float
    requote_cost_usd: float
    min_kappa: float
    max_kappa: float
    factor: float = 1.0


def band(inputs: BandInputs) -> BandWidth:
    """The band of one quote.

    Args: inputs, rates and sizes > 0, factor >= 1.
    Returns: both widths, > 0 unless `min_kappa` is 0 and the cost vanishes; inner <= outer. Raises: nothing.
    """
    kappa = inputs.kappa_per_bps
    earned_usd_per_s = (
        inputs.arrival_rate_per_s * math.exp(-max(0.0, kappa * inputs.depth_bps)) * inputs.lot_usd / kappa / BPS
    )
    strain = inputs.requote_cost_usd * (kappa * inputs.sigma_bps_sqrt_s) ** 2 / max(earned_usd_per_s, TINY)
    width = min(max((QUARTIC * strain) ** ROOT, inputs.min_kappa), inputs.max_kappa) * inputs.factor
    lean = min(width / ASYMMETRY, ASYMMETRY_CAP)
    return BandWidth(width / (1.0 + lean) / kappa, width / (1.0 - lean) / kappa)


TINY: Final = 1e-12
"""Keeps a quote that can earn nothing from dividing by zero: its band is the widest allowed."""
