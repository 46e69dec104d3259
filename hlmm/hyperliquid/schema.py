"""Owns the full shape of the venue's market messages, and the base and scalars that every schema module shares.

The schema is the whole truth, where `wire` is the fast part of it that hlmm reads: every field that was ever recorded,
unknown ones refused, absent ones kept apart from null, so that decode -> encode gives the same JSON. hlmm checks what
it receives against it in samples, tests check recordings and the simulator.
Fields typed `Maybe` are absent when they do not apply, or were absent in older recordings.
Source: Hyperliquid documentation, "Info endpoint" and "WebSocket"; recorded responses of 2023 to 2026.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

ValueT = TypeVar("ValueT")
Maybe: TypeAlias = ValueT | UnsetType
Decimal = Annotated[str, msgspec.Meta(pattern=r"^-?\d+\.\d+$")]
"""Every decimal of an answer is text with a decimal point; clients depend on the point."""
Count = Annotated[int, msgspec.Meta(ge=0)]
SideLetter = Literal["A", "B"]


class Shape(msgspec.Struct, frozen=True, gc=False, rename="camel", forbid_unknown_fields=True):
    """Base of every schema object: names in camel case, nothing unknown."""


# ---- metadata ----


class MarginTier(Shape, frozen=True, gc=False):
    """One tier of a margin table: from this notional, USD, at most this leverage."""

    lower_bound: Decimal
    max_leverage: Count


class MarginTable(Shape, frozen=True, gc=False):
    """Tiers of one table."""

    description: str
    margin_tiers: list[MarginTier]


class Perp(Shape, frozen=True, gc=False):
    """One perp of a universe. Optional flags are absent when false."""

    name: str
    sz_decimals: Count
    max_leverage: Count
    margin_table_id: Maybe[Count] = UNSET
    only_isolated: Maybe[bool | None] = UNSET
    is_delisted: Maybe[bool | None] = UNSET
    margin_mode: Maybe[Literal["strictIsolated", "noCross"]] = UNSET
    growth_mode: Maybe[Literal["enabled"]] = UNSET
    last_growth_mode_change_time: Maybe[str] = UNSET


class Meta(Shape, frozen=True, gc=False):
    """`meta`: the perps of one dex, in asset order."""

    universe: list[Perp]
    margin_tables: Maybe[list[tuple[Count, MarginTable]]] = UNSET
    collateral_token: Maybe[Count] = UNSET


class AssetCtx(Shape, frozen=True, gc=False):
    """A perp's context."""

    funding: Decimal
    open_interest: Decimal
    prev_day_px: Decimal
    day_ntl_vlm: Decimal
    premium: Decimal | None
    oracle_px: Decimal
    mark_px: Decimal
    mid_px: Decimal | None
    impact_pxs: tuple[Decimal, Decimal] | None
    day_base_vlm: Maybe[Decimal] = UNSET


class PerpDex(Shape, frozen=True, gc=False):
    """One builder dex."""

    name: str
    full_name: str
    deployer: str
    oracle_updater: str | None
    fee_recipient: Maybe[str | None] = UNSET
    asset_to_streaming_oi_cap: Maybe[list[tuple[str, Decimal]]] = UNSET
    sub_deployers: Maybe[list[tuple[str, list[str]]]] = UNSET
    deployer_fee_scale: Maybe[Decimal] = UNSET
    last_deployer_fee_scale_change_time: Maybe[str] = UNSET
    asset_to_funding_multiplier: Maybe[list[tuple[str, Decimal]]] = UNSET
    asset_to_funding_interest_rate: Maybe[list[tuple[str, Decimal]]] = UNSET
    asset_to_funding_clamp: Maybe[list[tuple[str, Decimal]]] = UNSET


class PerpDexLimits(Shape, frozen=True, gc=False):
    """Open interest and transfer limits of a builder dex."""

    total_oi_cap: Decimal
    oi_sz_cap_per_perp: Decimal
    max_transfer_ntl: Decimal
    coin_to_oi_cap: list[tuple[str, Decimal]]


class PerpDexStatus(Shape, frozen=True, gc=False):
    """Deposits of a builder dex."""

    total_net_deposit: Decimal


class EvmContract(Shape, frozen=True, gc=False):
    """Where a token lives on the EVM side."""

    address: str
    extra_wei_decimals: int = msgspec.field(name="evm_extra_wei_decimals")


class SpotPair(Shape, frozen=True, gc=False):
    """One spot market: base and quote token index."""

    tokens: tuple[Count, Count]
    name: str
    index: Count
    is_canonical: bool


class SpotToken(Shape, frozen=True, gc=False):
    """One token."""

    name: str
    sz_decimals: Count
    wei_decimals: Count
    index: Count
    token_id: str
    is_canonical: bool
    evm_contract: Maybe[EvmContract | None] = UNSET
    full_name: Maybe[str | None] = UNSET
    deployer_trading_fee_share: Maybe[Decimal] = UNSET


class SpotMeta(Shape, frozen=True, gc=False):
    """`spotMeta`."""

    universe: list[SpotPair]
    tokens: Maybe[list[SpotToken]] = UNSET


class SpotCtx(Shape, frozen=True, gc=False):
    """A spot pair's context."""

    prev_day_px: Decimal
    day_ntl_vlm: Decimal
    mark_px: Decimal
    mid_px: Decimal | None
    circulating_supply: Decimal
    coin: str
    total_supply: Maybe[Decimal] = UNSET
    day_base_vlm: Maybe[Decimal] = UNSET


class TokenDetails(Shape, frozen=True, gc=False):
    """`tokenDetails`."""

    name: str
    max_supply: Decimal
    total_supply: Decimal
    circulating_supply: Decimal
    sz_decimals: Count
    wei_decimals: Count
    mid_px: Decimal
    mark_px: Decimal
    prev_day_px: Decimal
    genesis: object
    deployer: str | None
    deploy_gas: str | None
    deploy_time: str | None
    seeded_usdc: Decimal
    non_circulating_user_balances: list[tuple[str, Decimal]]
    future_emissions: Decimal


class GasAuction(Shape, frozen=True, gc=False):
    """A deployment auction; gas in HYPE."""

    start_time_seconds: Count
    duration_seconds: Count
    start_gas: Decimal
    current_gas: Decimal | None
    end_gas: Decimal | None


class SpotDeploys(Shape, frozen=True, gc=False):
    """`spotDeployState`."""

    states: list[object]
    gas_auction: GasAuction


class PerpAnnotation(Shape, frozen=True, gc=False):
    """`perpAnnotation`."""

    category: str
    description: str
    display_name: Maybe[str] = UNSET
    keywords: Maybe[list[str]] = UNSET


class OutcomeMeta(Shape, frozen=True, gc=False):
    """`outcomeMeta`; hlmm trades no outcomes."""

    outcomes: list[object]
    questions: list[object]


# ---- books, trades, candles, funding ----


class BookLevel(Shape, frozen=True, gc=False):
    """One price level; `n` orders."""

    px: Decimal
    sz: Decimal
    n: Maybe[Count] = UNSET


class Book(Shape, frozen=True, gc=False):
    """A book, best first. `spread` with aggregation only, `fast` on the fast channel only."""

    coin: str
    time: Count
    levels: tuple[list[BookLevel], list[BookLevel]]
    spread: Maybe[Decimal] = UNSET
    fast: Maybe[Literal[True]] = UNSET


class Touch(Shape, frozen=True, gc=False):
    """Best bid and ask."""

    coin: str
    time: Count
    bbo: tuple[BookLevel | None, BookLevel | None]


class PublicTrade(Shape, frozen=True, gc=False):
    """One print; `side` is the aggressor's, `users` buyer and seller."""

    coin: str
    side: SideLetter
    px: Decimal
    sz: Decimal
    time: Count
    hash: str
    tid: Count
    users: Maybe[tuple[str, str]] = UNSET


class Candle(Shape, frozen=True, gc=False):
    """One candle; `close_time` is its last millisecond."""

    open_time: Count = msgspec.field(name="t")
    close_time: Count = msgspec.field(name="T")
    coin: str = msgspec.field(name="s")
    interval: str = msgspec.field(name="i")
    open: Decimal = msgspec.field(name="o")
    close: Decimal = msgspec.field(name="c")
    high: Decimal = msgspec.field(name="h")
    low: Decimal = msgspec.field(name="l")
    volume: Decimal = msgspec.field(name="v")
    trades: Count = msgspec.field(name="n")


class FundingRate(Shape, frozen=True, gc=False):
    """One settled hour of a coin."""

    coin: str
    funding_rate: Decimal
    time: Count
    premium: Maybe[Decimal] = UNSET


class PredictedFunding(Shape, frozen=True, gc=False):
    """A venue's next funding."""

    funding_rate: Decimal
    next_funding_time: Count
    funding_interval_hours: Maybe[Count] = UNSET


class ExchangeStatus(Shape, frozen=True, gc=False):
    """`exchangeStatus`."""

    special_statuses: str | None
    time: Count
