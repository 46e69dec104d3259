"""What a fill costs, in bp, and whether any distance pays for it.

Costs are added to the quote's distance and thin the flow the inventory can be unwound with; both follow from one
number per fill, `FillCosts.total_bps`. Source: theory 3.3 (fees), 3.4 (adverse selection), 3.5 (latency).
"""

from __future__ import annotations

import math
from typing import Final

import msgspec

from hlmm.model.estimate import BPS

SECONDS_PER_HOUR: Final = 3_600.0


class FillCosts(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The terms of one fill's cost, bp; they add up. A negative fee is a rebate; the other two are never negative."""

    maker_fee_bps: float
    markout_bps: float
    latency_bps: float

    @property
    def total_bps(self) -> float:
        """c: what the quote's distance must earn back before it earns anything."""
        return self.maker_fee_bps + self.markout_bps + self.latency_bps


class Venture(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The best a flat maker can do on one side: distance, edge per fill net of all costs, fills and edge per hour.

    `profit_bps_per_h` is bp of one order's notional per hour, were every fill one whole order.
    """

    depth_bps: float
    edge_bps: float
    fills_per_h: float
    profit_bps_per_h: float


class ProfitFloor(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What the best distance must reach to be worth quoting, and how far out it may be."""

    half_spread_max_bps: float
    edge_min_bps: float = 0.0
    fills_min_per_h: float = 0.0


def latency_cost_bps(kappa_per_bps: float, sigma_bps_sqrt_s: float, latency_s: float) -> float:
    """What it costs to quote against a mid that is `latency_s` old: kappa sigma^2 tau, exact for exponential flow.

    Args: kappa 1/bp, > 0; sigma bp/sqrt(s), >= 0; latency s, >= 0. Returns: bp. Source: theory 3.5.
    """
    return kappa_per_bps * sigma_bps_sqrt_s**2 * latency_s


def funding_drift_bps_per_s(funding_hourly: float) -> float:
    """Carry of holding one unit long, as a price drift: longs pay when the rate is positive.

    Args: funding_hourly, fraction of notional per hour, signed. Returns: bp/s. Source: theory 3.6.
    """
    return -funding_hourly * BPS / SECONDS_PER_HOUR


def alpha_shift_bps(move_bps: float, life_s: float, relaxation_s: float) -> float:
    """How far the middle of the quotes follows a signal that expects `move_bps` over a life of `life_s`.

    Args: move_bps, signed; life_s > 0; relaxation_s, time in which inventory reverts, > 0, may be infinite.
    Returns: bp, between 0 and the move. Source: theory 3.1.
    """
    return move_bps / (1.0 + life_s / relaxation_s)


def best_venture(
    arrival_rate_per_s: float,
    kappa_per_bps: float,
    costs: FillCosts,
    *,
    markout_slope: float,
    half_spread_max_bps: float,
) -> Venture:
    """The distance at which one side earns most per unit time, within the widest spread allowed.

    Profit at distance d is A exp(-kappa d) ((1 - slope) d - c). It has its maximum at 1/kappa + c / (1 - slope) and
    rises until there, so a narrower bound is itself the best distance. With slope >= 1 it falls without end to zero
    from below or never exceeds it: the bound is reported with an edge that is not positive for c >= 0.

    Args: arrival rate 1/s and kappa 1/bp, > 0; markout_slope, bp of adverse move per bp of distance, beyond
        `costs.markout_bps`; half_spread_max_bps > 0.
    Raises: nothing. Source: theory 3.4.
    """
    kept = 1.0 - markout_slope
    cost = costs.total_bps
    depth = half_spread_max_bps
    if kept > 0:
        depth = min(depth, max(0.0, 1.0 / kappa_per_bps + cost / kept))
    edge = kept * depth - cost
    fills = arrival_rate_per_s * math.exp(-kappa_per_bps * depth) * SECONDS_PER_HOUR
    return Venture(depth_bps=depth, edge_bps=edge, fills_per_h=fills, profit_bps_per_h=fills * edge)


def no_go(venture: Venture, floor: ProfitFloor, *, markout_slope: float, markout_slope_se: float = 0.0) -> str | None:
    """Why a coin is not worth quoting at these costs, or None.

    With exponential flow and a constant cost some distance always earns something, however seldom; what makes the
    answer "no" is one of three facts, in this order:

    1. the adverse move grows by at least 1 bp per bp of distance (beyond doubt: slope - 2 se >= 1), so that no
       distance pays;
    2. the edge at the best allowed distance is not above the floor: costs eat the widest spread allowed;
    3. fills there are rarer than the floor: capital and requests would wait for nothing.

    Args: venture, of `best_venture`; floor; slope and its standard error, both sides of one coin alike.
    Returns: a sentence with the numbers, for the no-quote reason. Raises: nothing.
    """
    if markout_slope - 2 * markout_slope_se >= 1:
        return f"no profitable depth: adverse move grows {markout_slope:.2f} bp per bp of distance"
    if venture.edge_bps <= floor.edge_min_bps:
        return (
            f"no profitable depth: edge {venture.edge_bps:.2f} bp at {venture.depth_bps:.2f} bp,"
            f" floor {floor.edge_min_bps:.2f} bp within {floor.half_spread_max_bps:.2f} bp"
        )
    if venture.fills_per_h < floor.fills_min_per_h:
        return (
            f"no profitable depth: {venture.fills_per_h:.2g} fills/h at {venture.depth_bps:.2f} bp,"
            f" floor {floor.fills_min_per_h:.2g}"
        )
    return None
