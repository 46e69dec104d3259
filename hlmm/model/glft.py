"""The stationary Gueant-Lehalle-Fernandez-Tapia problem: exact quote distances for every inventory.

Price is in bp of the fair value, size in USDC, so money is bp x USDC = 1e-4 USDC; risk aversion is given per USDC and
converted here, once. Everything is a function of one dimensionless number r, the number of lots N and the drift.
Source: Gueant, Lehalle, Fernandez-Tapia, "Dealing with the inventory risk" (2013); Gueant, "Optimal market making"
(2017); the ratio recursion of theory 1.6.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec

from hlmm.model.estimate import BPS

LOTS_MAX: Final = 1_000
"""Largest N that is solved; the work is proportional to it."""
DIAGONAL_MAX: Final = 1e15
"""Largest dimensionless risk r N^2 that doubles resolve."""
SERIES_BELOW: Final = 1e-8
"""ln(1+x)/x is taken from its series below this."""
SERIES_SECOND: Final = 1.0 / 3.0
EIGEN_TOLERANCE: Final = 1e-11
"""A Newton step this small is the last: convergence is quadratic, and the next would be rounding noise."""
ITERATIONS_MAX: Final = 200
LOT_SLACK: Final = 1e-9
ASINH_CORRECTION: Final = 3.0 / 16.0
EIGEN_CORRECTION: Final = 1.0 / 16.0
QUARTER: Final = 0.25
TARGET_FACTOR: Final = 4.0


class GlftParameters(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One quoting problem.

    `arrival_rate_per_s` is per side at distance 0. `lot_usd` is the size of one fill: the mean fill, not the order,
    when orders fill in parts. `limit_usd` is rounded down to whole lots. `cost_bps` is charged per fill (fee, markout,
    latency); negative is a rebate. `xi_per_usd` prices execution risk; 0 is the mean-variance problem.
    """

    sigma_bps_sqrt_s: float
    arrival_rate_per_s: float
    kappa_per_bps: float
    gamma_per_usd: float
    lot_usd: float
    limit_usd: float
    cost_bps: float
    xi_per_usd: float = 0.0
    drift_bps_per_s: float = 0.0

    @property
    def lots(self) -> int:
        """N: whole lots from flat to the limit."""
        return math.floor(self.limit_usd / self.lot_usd + LOT_SLACK)

    @property
    def inner_bps(self) -> float:
        """c1: the half-spread that remains at no risk and no cost, 1/kappa when xi is 0."""
        return _log1p_ratio(self._x) / self.kappa_per_bps

    @property
    def eta_per_s(self) -> float:
        """Arrival rate at the zero-risk quote: A exp(-kappa cost) C_xi."""
        x = self._x
        return self.arrival_rate_per_s * math.exp(-self.kappa_per_bps * self.cost_bps - _log1p_ratio(x) * (1.0 + x))

    @property
    def risk_rate(self) -> float:
        """Marginal price of holding inventory, gamma sigma^2: bp/s per USDC."""
        return self.gamma_per_usd / BPS * self.sigma_bps_sqrt_s**2

    @property
    def r(self) -> float:
        """The one dimensionless number: kappa gamma sigma^2 lot / (2 eta)."""
        return self.risk_per(self.eta_per_s)

    @property
    def tilt(self) -> float:
        """Drift in units of eta per lot: kappa drift / eta; the target inventory is tilt / (2 r) lots."""
        return self.tilt_per(self.eta_per_s)

    @property
    def slope_bps_per_usd(self) -> float:
        """a1: how far the quotes move per USDC of inventory, small-inventory closed form sqrt(r) / (kappa lot)."""
        return math.sqrt(self.r) / (self.kappa_per_bps * self.lot_usd)

    def risk_per(self, eta_per_s: float) -> float:
        """`r` when eta is at hand. Args: eta_per_s, 1/s > 0."""
        return self.kappa_per_bps * self.risk_rate * self.lot_usd / (2 * eta_per_s)

    def tilt_per(self, eta_per_s: float) -> float:
        """`tilt` when eta is at hand. Args: eta_per_s, 1/s > 0."""
        return self.kappa_per_bps * self.drift_bps_per_s / eta_per_s

    @property
    def _x(self) -> float:
        return self.xi_per_usd / BPS * self.lot_usd / self.kappa_per_bps


class Depths(msgspec.Struct, frozen=True, gc=False):
    """Distances of both quotes from the fair value, bp; negative is beyond it."""

    bid_bps: float
    ask_bps: float


class GlftSolution(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Exact quotes of one problem. `ratios[i]` is kappa (bid distance - cost - c1) at inventory (i - N) lots.

    `lambda0_per_s` is the ground state's eigenvalue: the value rate is -(lot / kappa) lambda0. `relaxation_s` is the
    time in which inventory reverts, infinite when nothing is risked.
    """

    ratios: tuple[float, ...]
    lots: int
    lot_usd: float
    kappa_per_bps: float
    base_bps: float
    inner_bps: float
    slope_bps_per_usd: float
    r: float
    lambda0_per_s: float
    relaxation_s: float

    def depth_bps(self, side_sign: int, inventory_usd: float) -> float:
        """Distance of one side's best quote from the fair value.

        Args:
            side_sign: +1 bid, -1 ask.   inventory_usd: USDC, signed, finite; linear between lots.
        Returns: bp, positive away from the fair value; infinite where the side must not quote (a bid at the long
            limit, an ask at the short one). Beyond the last quoted lot the value of that lot holds. Raises: nothing.
        """
        position = inventory_usd / self.lot_usd
        if side_sign * position >= self.lots - LOT_SLACK:
            return math.inf
        return self.base_bps + self._ratio(position if side_sign > 0 else position - 1.0) * side_sign / (
            self.kappa_per_bps
        )

    def skew_bps(self, inventory_usd: float) -> float:
        """Shift of the middle of both quotes from the fair value: negative when long, finite at the limits too.

        Args: inventory_usd, USDC, signed, finite. Returns: bp. Raises: nothing.
        """
        position = inventory_usd / self.lot_usd
        return -0.5 * (self._ratio(position) + self._ratio(position - 1.0)) / self.kappa_per_bps

    @property
    def half_spread_bps(self) -> float:
        """Half the distance between both quotes when flat."""
        return self.base_bps + 0.5 * (self._ratio(0.0) - self._ratio(-1.0)) / self.kappa_per_bps

    def _ratio(self, position: float) -> float:
        """kappa-scaled risk term of a bid at `position` lots, linear between lots, constant outside them."""
        index = min(max(position + self.lots, 0.0), 2 * self.lots - 1.0)
        low = int(index)
        if low + 1 >= 2 * self.lots:
            return self.ratios[low]
        part = index - low
        return self.ratios[low] * (1.0 - part) + self.ratios[low + 1] * part


def unsolvable(p: GlftParameters) -> str | None:
    """Why a problem has no answer in floats, or None.

    Args: p, any numbers, NaN included. Returns: the first offending parameter, for a no-quote reason.
    """
    positive = (
        ("sigma_bps_sqrt_s", p.sigma_bps_sqrt_s),
        ("arrival_rate_per_s", p.arrival_rate_per_s),
        ("kappa_per_bps", p.kappa_per_bps),
        ("lot_usd", p.lot_usd),
        ("limit_usd", p.limit_usd),
    )
    for name, value in positive:
        if not (0 < value < math.inf):
            return f"{name} is {value}"
    if not (0 <= p.gamma_per_usd < math.inf and 0 <= p.xi_per_usd < math.inf):
        return "gamma_per_usd or xi_per_usd is negative or not finite"
    if not (math.isfinite(p.cost_bps) and math.isfinite(p.drift_bps_per_s)):
        return "cost_bps or drift_bps_per_s is not finite"
    return _out_of_range(p)


def _out_of_range(p: GlftParameters) -> str | None:
    """The checks that need arithmetic: lots, and a flow that the costs have not driven to zero."""
    lots = p.limit_usd / p.lot_usd + LOT_SLACK
    if not 1 <= lots <= LOTS_MAX + 1:
        return f"limit_usd / lot_usd is {lots:g}, outside 1 to {LOTS_MAX}"
    try:
        eta = p.eta_per_s
    except OverflowError:
        return "cost_bps is a rebate too large for kappa_per_bps"
    if eta <= 0:
        return "cost_bps leaves no flow"
    size = p.risk_per(eta) * lots**2 + abs(p.tilt_per(eta)) * lots
    return None if size <= DIAGONAL_MAX else f"dimensionless risk is {size:.3g}"


def solve(p: GlftParameters) -> GlftSolution:
    """Exact stationary quotes by the two-sided ratio recursion and Newton's method on its matching condition.

    Args: p, a problem for which `unsolvable(p)` is None (asserted).
    Returns: quotes within 1e-12/kappa. Raises: nothing else.
    Source: theory 1.6; O(N) floats per iteration, about five iterations.
    """
    assert unsolvable(p) is None, unsolvable(p)
    eigenvalue, ratios = ground_state(p.r, p.lots, p.tilt)
    return _assemble(p, p.eta_per_s, ratios, eigenvalue)


def _assemble(p: GlftParameters, eta: float, ratios: tuple[float, ...], eigenvalue: float) -> GlftSolution:
    """Dress the dimensionless solution in units."""
    inner = p.inner_bps
    r = p.risk_per(eta)
    root = math.sqrt(r)
    return GlftSolution(
        ratios=ratios,
        lots=len(ratios) // 2,
        lot_usd=p.lot_usd,
        kappa_per_bps=p.kappa_per_bps,
        base_bps=p.cost_bps + inner,
        inner_bps=inner,
        slope_bps_per_usd=root / (p.kappa_per_bps * p.lot_usd),
        r=r,
        lambda0_per_s=eigenvalue * eta,
        relaxation_s=1.0 / (2 * eta * root) if root > 0 else math.inf,
    )


def ground_state(r: float, lots: int, tilt: float) -> tuple[float, tuple[float, ...]]:
    """Smallest eigenvalue of the tridiagonal problem in units of eta, and ln(f_n / f_{n+1}) for n = -N .. N-1.

    The ratios of neighbouring components are found directly: eigenvectors lose the tails to absolute rounding.

    Args: r >= 0; lots, 1 to LOTS_MAX; tilt, finite. Returns: eigenvalue and 2N log ratios, ascending in n.
    """
    diagonal = [r * n * n - tilt * n for n in range(-lots, lots + 1)]
    pivot = lots if tilt == 0 else min(range(len(diagonal)), key=diagonal.__getitem__)
    above = diagonal[:pivot:-1]
    below = above if tilt == 0 else diagonal[:pivot]
    eigenvalue = _newton(diagonal[pivot], above, below, _first_guess(r, lots, tilt))
    high = _log_ratios(above, eigenvalue)
    low = high if tilt == 0 else _log_ratios(below, eigenvalue)
    return eigenvalue, (*(-value for value in low), *reversed(high))


def _first_guess(r: float, lots: int, tilt: float) -> float:
    """The larger of two estimates of the eigenvalue: no risk inside the limits, and no limits."""
    limited = -2 * math.cos(math.pi / (2 * lots + 2))
    if r <= 0 or abs(tilt) > 2 * r * lots:
        return limited - abs(tilt) * lots
    return max(limited, -2 + math.sqrt(r) * (1.0 - min(1.0, EIGEN_CORRECTION * math.sqrt(r)))) - QUARTER * tilt**2 / r


def _newton(pivot: float, above: list[float], below: list[float], guess: float) -> float:
    """The only root of the matching condition left of its first pole; it decreases and is concave there."""
    low, high = pivot - 2, pivot
    at = guess if low < guess < high else low
    for _ in range(ITERATIONS_MAX):
        value, derivative = _mismatch(pivot, above, below, at)
        if value > 0:
            low = at
        else:
            high = at
        step = at - value / derivative
        if abs(step - at) <= EIGEN_TOLERANCE * max(1.0, abs(at)):
            return step
        at = step if low < step < high else 0.5 * (low + high)
    return at


def _mismatch(pivot: float, above: list[float], below: list[float], at: float) -> tuple[float, float]:
    """F(l) and F'(l); F is minus infinity right of the first pole."""
    inverse, slope = _continued(above, at)
    if below is above:
        return pivot - at - 2 * inverse, -1.0 - 2 * slope
    other, other_slope = _continued(below, at)
    return pivot - at - inverse - other, -1.0 - slope - other_slope


def _continued(diagonal: list[float], at: float) -> tuple[float, float]:
    """The continued fraction 1/R of one side and its derivative; infinite beyond a pole."""
    inverse = slope = 0.0
    for entry in diagonal:
        ratio = entry - at - inverse
        if ratio <= 0:
            return math.inf, 1.0
        inverse, slope = 1.0 / ratio, (1.0 + slope) / (ratio * ratio)
    return inverse, slope


def _log_ratios(diagonal: list[float], at: float) -> list[float]:
    """Logarithms of R along one side, from the end of the chain to the pivot."""
    logs: list[float] = []
    inverse = 0.0
    for entry in diagonal:
        ratio = entry - at - inverse
        logs.append(math.log(ratio))
        inverse = 1.0 / ratio
    return logs


def linear(p: GlftParameters, inventory_usd: float) -> Depths:
    """Closed form, linear in inventory: good for 0.001 < r < 0.1 within two standard deviations of flat.

    Args: p, solvable, gamma > 0 when there is drift; inventory_usd, USDC. Source: Gueant (4.6), (4.7); theory 1.3.
    """
    slope = p.slope_bps_per_usd
    base = p.cost_bps + p.inner_bps + 0.5 * slope * p.lot_usd
    shift = slope * (inventory_usd - _target_usd(p))
    return Depths(base + shift, base - shift)


def asinh_form(p: GlftParameters, inventory_usd: float) -> Depths:
    """Closed form with the right growth at large inventory: within 0.06/kappa for r <= 0.2 away from the limits.

    Args: p, solvable, gamma > 0 when there is drift; inventory_usd, USDC. Source: theory 1.3 (second-order WKB).
    """
    epsilon = math.sqrt(p.r)
    epsilon *= 1.0 + ASINH_CORRECTION * epsilon
    base = p.cost_bps + p.inner_bps
    position = (inventory_usd - _target_usd(p)) / p.lot_usd
    bid = 2 / p.kappa_per_bps * math.asinh(0.5 * epsilon * (0.5 + position))
    ask = 2 / p.kappa_per_bps * math.asinh(0.5 * epsilon * (0.5 - position))
    return Depths(base + bid, base + ask)


def gamma_from_target(target_usd: float, p: GlftParameters) -> float:
    """Risk aversion at which the inventory's stationary standard deviation is `target_usd` in this market.

    Fix it at reference values of the market and let it respond: anchoring it again at every change would make the
    skew independent of volatility.

    Args:
        target_usd: USDC, > 0.   p: the reference market; its gamma is not read.
    Returns: 1/USDC. Raises: nothing. Source: theory 1.5, r = lot^4 / (4 target^4), exact within 4 % for target >= lot.
    """
    ratio = (p.lot_usd / target_usd) ** 2
    r = ratio * ratio / TARGET_FACTOR
    return r * 2 * p.eta_per_s * BPS / (p.kappa_per_bps * p.sigma_bps_sqrt_s**2 * p.lot_usd)


class Glft:
    """The last solution of one coin, solved anew only when its dimensionless parameters moved.

    Units, costs and kappa are always those of the call: they scale the cached ratios exactly.
    """

    __slots__ = ("_eigenvalue", "_frac", "_lots", "_r", "_ratios", "_tilt", "solves")

    def __init__(self, resolve_frac: float) -> None:
        """Args: resolve_frac, 0 to 0.5; relative move of r, or of the target inventory, that asks for a new solve."""
        self._frac = resolve_frac
        self._r = self._tilt = self._eigenvalue = math.nan
        self._lots = 0
        self._ratios: tuple[float, ...] = ()
        self.solves = 0

    def solve(self, p: GlftParameters) -> GlftSolution | None:
        """Quotes of `p`, from the cache when it is near. Returns: None when `unsolvable(p)` says why."""
        if unsolvable(p) is not None:
            return None
        eta = p.eta_per_s
        r, lots, tilt = p.risk_per(eta), p.lots, p.tilt_per(eta)
        if not self._near(r, lots, tilt):
            self._eigenvalue, self._ratios = ground_state(r, lots, tilt)
            self._r, self._lots, self._tilt = r, lots, tilt
            self.solves += 1
        return _assemble(p, eta, self._ratios, self._eigenvalue)

    def _near(self, r: float, lots: int, tilt: float) -> bool:
        return (
            lots == self._lots
            and abs(r - self._r) <= self._frac * self._r
            and abs(tilt - self._tilt) <= self._frac * max(abs(self._tilt), 2 * self._r)
        )


def _target_usd(p: GlftParameters) -> float:
    """q*: the inventory that the drift pays for, drift / (gamma sigma^2)."""
    return p.drift_bps_per_s / p.risk_rate if p.drift_bps_per_s else 0.0


def _log1p_ratio(x: float) -> float:
    """ln(1+x)/x with the limit 1 at 0."""
    return 1.0 - 0.5 * x + x * x * SERIES_SECOND if x < SERIES_BELOW else math.log1p(x) / x
