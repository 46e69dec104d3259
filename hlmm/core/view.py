"""What observers may see of the engine: plain frozen data for the live view, `status` and the summary."""

from __future__ import annotations

import enum

import msgspec

from hlmm.core.commands import QuoteTerm
from hlmm.types import Coin, MicroUsd, Ns, Side


class Phase(enum.StrEnum):
    """Where the engine is in its life; quotes exist only in `TRADING`."""

    STARTING = "starting"
    TRADING = "trading"
    STOPPING = "stopping"
    STOPPED = "stopped"
    HALTED = "halted"


class QuoteView(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One own order: price USD, remaining size in base units, lifecycle state word."""

    side: Side
    price: float
    size: float
    state: str


class CoinView(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One coin. Prices USD, sizes base units, `no_quote_reason` empty while two-sided."""

    coin: Coin
    fair: float | None
    best_bid: float | None
    best_ask: float | None
    mark: float | None
    book_age_s: float | None
    position: float
    inventory_usd: float
    half_spread_bps: float | None
    skew_bps: float | None
    sigma_bps_sqrt_s: float | None
    quotes: tuple[QuoteView, ...]
    terms: tuple[QuoteTerm, ...]
    no_quote_reason: str
    uptime_frac: float
    fills: int
    volume_usd: float


class PnlView(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """PnL since start in micro-USD; the five terms sum to `total` exactly."""

    total: MicroUsd
    spread: MicroUsd
    adverse_selection: MicroUsd
    inventory: MicroUsd
    fees: MicroUsd
    funding: MicroUsd


class BudgetView(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Requests of this run and of the account. `orders_left`/`cancels_left` are under the address budget."""

    requests: int
    orders_left: int
    cancels_left: int


class DriftView(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One thing in which the venue differs from what this program knows, and how often it was seen."""

    kind: str
    what: str
    count: int


class EngineView(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The whole engine at `ts`. `reasons` says why it is not ready; empty when it is."""

    ts: Ns
    phase: Phase
    reasons: tuple[str, ...]
    coins: tuple[CoinView, ...]
    pnl: PnlView
    budget: BudgetView
    fills: int
    volume_usd: float
    maker_bps: float | None
    account_value_usd: float | None
    live_orders: int
    unknown_orders: int
    foreign_orders: int
    quarantined_frames: int
    drift: tuple[DriftView, ...] = ()
