"""What may be quoted: monitors that give a verdict, and the permit that turns quotes into allowed quotes.

Verdicts form a lattice, ALLOW < REDUCE_ONLY < PULL < HALT, and the worst wins. `reconcile` accepts only `Allowed`,
which only `permit` makes: permission is a type.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from hlmm.core.quantize import Quote
from hlmm.types import BPS, MICRO, MIN_NOTIONAL, Coin, Instrument, Px, Side, Sz

if TYPE_CHECKING:
    from hlmm.core.settings import CoinLimits, RiskConfig


class Verdict(enum.IntEnum):
    """What risk allows; larger is stricter."""

    ALLOW = 0
    REDUCE_ONLY = 1
    PULL = 2
    HALT = 3


class Finding(msgspec.Struct, frozen=True, gc=False):
    """One verdict and its one reason: a stable code and a sentence with the figures."""

    verdict: Verdict
    code: str = ""
    text: str = ""


CLEAR: Final = Finding(Verdict.ALLOW)


def worst(findings: tuple[Finding, ...]) -> Finding:
    """The strictest finding; the first of equals. Args: any number. Returns: `CLEAR` when there is none."""
    return max(findings, key=lambda finding: finding.verdict, default=CLEAR)


class CoinFacts(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a coin's monitors look at. Ages in s, prices on the grid, fills in the burst window by side."""

    feed_age_s: float | None
    context_age_s: float | None
    is_two_sided: bool
    spread_bps: float | None
    mid_px: Px | None
    mark_px: Px | None
    oracle_px: Px | None
    burst_fills: int


def judge_coin(facts: CoinFacts, limits: CoinLimits) -> Finding:
    """The worst finding of one coin's market. Args: facts now; limits from config. Raises: nothing."""
    if facts.feed_age_s is None or facts.feed_age_s > limits.feed_age_max_s:
        return Finding(Verdict.PULL, "stale_book", f"top of book is {_age(facts.feed_age_s)} old")
    if facts.context_age_s is None or facts.context_age_s > limits.context_age_max_s:
        return Finding(Verdict.PULL, "stale_mark", f"mark and oracle are {_age(facts.context_age_s)} old")
    if not facts.is_two_sided or facts.mid_px is None or facts.spread_bps is None:
        return Finding(Verdict.PULL, "one_sided_book", "the book is empty, one-sided or crossed")
    if facts.spread_bps > limits.spread_max_bps:
        return Finding(Verdict.PULL, "wide_market", f"the market's spread is {facts.spread_bps:.1f} bp")
    if facts.burst_fills >= limits.fill_burst_max:
        return Finding(Verdict.PULL, "fill_burst", f"{facts.burst_fills} fills on one side within the window")
    return worst((_apart("mark", facts, limits), _apart("oracle", facts, limits)))


def _apart(word: Literal["mark", "oracle"], facts: CoinFacts, limits: CoinLimits) -> Finding:
    """Whether the mid has left the venue's mark or oracle price."""
    px = facts.mark_px if word == "mark" else facts.oracle_px
    bound_bps = limits.mark_divergence_max_bps if word == "mark" else limits.oracle_divergence_max_bps
    if px is None or px <= 0 or facts.mid_px is None:
        return Finding(Verdict.PULL, f"no_{word}", f"no {word} price")
    apart_bps = BPS * abs(facts.mid_px - px) / px
    if apart_bps > bound_bps:
        return Finding(Verdict.PULL, f"{word}_divergence", f"mid is {apart_bps:.1f} bp from {word}")
    return CLEAR


def _age(age_s: float | None) -> str:
    return "not known, so" if age_s is None else f"{age_s:.1f} s"


class AccountFacts(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What the account's monitors look at. Money in USD."""

    pnl_usd: float
    account_value_usd: float
    peak_value_usd: float
    margin_used_usd: float
    portfolio_usd: float
    rejects: int
    unknown_orders: int
    out_of_sync: str


def judge_account(facts: AccountFacts, config: RiskConfig) -> Finding:
    """The worst finding of the account. Args: facts now; config limits. Raises: nothing."""
    if facts.pnl_usd <= -config.loss_max_usd:
        return Finding(Verdict.HALT, "loss", f"lost {-facts.pnl_usd:.2f} USD since start")
    fall = 1.0 - facts.account_value_usd / facts.peak_value_usd if facts.peak_value_usd > 0 else 0.0
    if fall >= config.drawdown_max_frac:
        return Finding(Verdict.HALT, "drawdown", f"equity is {fall:.1%} under its peak")
    if facts.out_of_sync:
        return Finding(Verdict.PULL, "out_of_sync", facts.out_of_sync)
    if facts.rejects >= config.rejects_max:
        return Finding(Verdict.PULL, "reject_storm", f"{facts.rejects} refused orders within the window")
    if facts.unknown_orders > config.unknown_orders_max:
        return Finding(Verdict.PULL, "unknown_orders", f"{facts.unknown_orders} orders of unknown outcome")
    if facts.margin_used_usd > config.margin_used_max_frac * facts.account_value_usd:
        return Finding(Verdict.REDUCE_ONLY, "margin", f"margin used is {facts.margin_used_usd:.0f} USD")
    if facts.portfolio_usd > config.portfolio_max_usd:
        return Finding(Verdict.REDUCE_ONLY, "portfolio", f"positions sum to {facts.portfolio_usd:.0f} USD")
    return CLEAR


class Allowed(msgspec.Struct, frozen=True, gc=False):
    """Quotes that risk let through, with the finding that shaped them. Made by `permit` alone."""

    coin: Coin
    quotes: tuple[Quote, ...]
    limit_sz: Sz
    finding: Finding


class Stake(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a coin's limits are measured against: signed position, oracle price > 0, and what the account can carry."""

    position: Sz
    oracle_px: Px
    capacity_usd: float


def permit(
    quotes: tuple[Quote, ...],
    finding: Finding,
    *,
    instrument: Instrument,
    limits: CoinLimits,
    stake: Stake,
) -> Allowed:
    """Cut quotes down to what the finding and the coin's limits allow.

    Args: stake, what is held and what it is valued at.
    Returns: quotes whose worst case keeps |position| within the limit; none at PULL and HALT; at REDUCE_ONLY only the
        reducing side, at most the position, and a `limit_sz` of 0, so that orders in flight cannot flip it either.
    """
    unit_value = max(1, stake.oracle_px)
    limit_usd = min(limits.max_position_usd, stake.capacity_usd)
    limit_sz = Sz(int(limit_usd * MICRO) // unit_value)
    order_sz = Sz(int(limits.max_order_usd * MICRO) // unit_value)
    if finding.verdict >= Verdict.PULL:
        return Allowed(instrument.coin, (), limit_sz, finding)
    kept: list[Quote] = []
    room = {side: max(0, limit_sz - side * stake.position) for side in Side}
    if finding.verdict is Verdict.REDUCE_ONLY:
        limit_sz = Sz(0)
        room = {side: max(0, -side * stake.position) for side in Side}
    for quote in quotes:
        sz = Sz(min(quote.sz, room[quote.side], order_sz))
        apart_bps = BPS * abs(quote.px - stake.oracle_px) / unit_value
        if sz * quote.px < MIN_NOTIONAL or apart_bps > limits.price_band_bps:
            continue
        room[quote.side] -= sz
        kept.append(Quote(quote.side, quote.px, sz, quote.wish_px))
    return Allowed(instrument.coin, tuple(kept), limit_sz, finding)
