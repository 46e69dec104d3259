"""Owns answers to reads: info JSON to core events.

A snapshot is whole or it is nothing: an order or position that cannot be decoded voids the read, because a missing
element would look like an absent order. Spot balances and orders are not part of a perp account and are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from hlmm.core.events import (
    AccountRead,
    BudgetRead,
    FeesRead,
    Holding,
    LeverageRead,
    OpenOrder,
    OpenOrdersRead,
    OrderState,
    OrderStatusRead,
    RoleRead,
)
from hlmm.hyperliquid import wire
from hlmm.hyperliquid.errors import order_state
from hlmm.hyperliquid.feed import SIDES
from hlmm.hyperliquid.grid import cloid_of, money, rate
from hlmm.hyperliquid.signing import address_bytes
from hlmm.hyperliquid.universe import DexsWire, MetaWire, Universe, is_spot
from hlmm.types import BPS, Address, Cloid, Coin, MicroUsd, Ms, Ns, Oid, Px, Sz

Payload = bytes | msgspec.Raw
NO_ACCOUNT: Final = Address("")
"""Stands for the account of a signer that the venue does not know."""


class _MarginWire(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    account_value: str
    total_margin_used: str


class _PositionWire(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    coin: str
    szi: str
    position_value: str
    liquidation_px: str | None = None


class _AssetPositionWire(msgspec.Struct, frozen=True, gc=False):
    position: _PositionWire


class StateWire(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Answer to `clearinghouseState` of one dex."""

    margin_summary: _MarginWire
    withdrawable: str
    asset_positions: list[_AssetPositionWire]
    time: wire.U63


class _FeesWire(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    user_cross_rate: str
    user_add_rate: str


class _LimitWire(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    cum_vlm: str
    requests_used: wire.U63 = msgspec.field(name="nRequestsUsed")
    requests_cap: wire.U63 = msgspec.field(name="nRequestsCap")


class _RoleDataWire(msgspec.Struct, frozen=True, gc=False):
    user: str | None = None


class _RoleWire(msgspec.Struct, frozen=True, gc=False):
    role: str
    data: _RoleDataWire | None = None


class _StatusOrderWire(msgspec.Struct, frozen=True, gc=False):
    order: wire.OrderInfo
    status: str


class _StatusWire(msgspec.Struct, frozen=True, gc=False):
    status: str
    order: _StatusOrderWire | None = None


class _LeverageWire(msgspec.Struct, frozen=True, gc=False):
    type: str
    value: int


class _ActiveWire(msgspec.Struct, frozen=True, gc=False):
    leverage: _LeverageWire


class _FundingEntryWire(msgspec.Struct, frozen=True, gc=False):
    time: wire.U63
    delta: msgspec.Raw


class _DeltaWire(msgspec.Struct, frozen=True, gc=False):
    coin: str
    usdc: str


_DEXS: Final = msgspec.json.Decoder(DexsWire)
_META: Final = msgspec.json.Decoder(MetaWire)
_STATE: Final = msgspec.json.Decoder(StateWire)
_ORDERS: Final = msgspec.json.Decoder(list[wire.OrderInfo])
_ACTIVE: Final = msgspec.json.Decoder(_ActiveWire)
_FEES: Final = msgspec.json.Decoder(_FeesWire)
_LIMIT: Final = msgspec.json.Decoder(_LimitWire)
_ROLE: Final = msgspec.json.Decoder(_RoleWire)
_STATUS: Final = msgspec.json.Decoder(_StatusWire)
_RAWS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_ENTRY: Final = msgspec.json.Decoder(_FundingEntryWire)
_DELTA: Final = msgspec.json.Decoder(_DeltaWire)


def dexs(payload: Payload) -> DexsWire:
    """Answer to `perpDexs`. Raises: wire.DecodeErrors."""
    return _DEXS.decode(payload)


def meta(payload: Payload) -> MetaWire:
    """Answer to `meta`. Raises: wire.DecodeErrors."""
    return _META.decode(payload)


def state(payload: Payload) -> StateWire:
    """Answer to `clearinghouseState`. Raises: wire.DecodeErrors."""
    return _STATE.decode(payload)


def orders(payload: Payload) -> list[wire.OrderInfo]:
    """Answer to `openOrders` or `frontendOpenOrders`. Raises: wire.DecodeErrors."""
    return _ORDERS.decode(payload)


def raws(payload: Payload) -> list[msgspec.Raw]:
    """A list whose elements are decoded later. Raises: wire.DecodeErrors."""
    return _RAWS.decode(payload)


def funding_elements(payload: Payload) -> list[msgspec.Raw]:
    """Answer to `userFunding` in the shape of the `userFundings` channel. Raises: wire.DecodeErrors."""
    flat = []
    for raw in _RAWS.decode(payload):
        entry = _ENTRY.decode(raw)
        delta = _DELTA.decode(entry.delta)
        flat.append(wire.FundingWire(time=entry.time, coin=delta.coin, usdc=delta.usdc))
    return [msgspec.Raw(msgspec.json.encode(element)) for element in flat]


def account(universe: Universe, states: Mapping[str, StateWire], asked_ts: Ns, ts: Ns) -> AccountRead:
    """One account from its state on each dex: money adds up, the oldest time counts. Raises: wire.DecodeErrors."""
    holdings = [_holding(universe, entry.position) for part in states.values() for entry in part.asset_positions]
    return AccountRead(
        ts=ts,
        asked_ts=asked_ts,
        venue_ts=Ms(min(part.time for part in states.values())),
        account_value=MicroUsd(sum(money(part.margin_summary.account_value) for part in states.values())),
        margin_used=MicroUsd(sum(money(part.margin_summary.total_margin_used) for part in states.values())),
        withdrawable=MicroUsd(sum(money(part.withdrawable) for part in states.values())),
        holdings=tuple(holding for holding in holdings if holding.sz != 0),
    )


def _holding(universe: Universe, position: _PositionWire) -> Holding:
    grid = universe.grid(position.coin)
    sz = grid.signed_sz(position.szi)
    value = money(position.position_value)
    return Holding(
        coin=grid.instrument.coin,
        sz=sz,
        mark_px=_mark_px(value, sz),
        liquidation_price=None if position.liquidation_px is None else _price(position.liquidation_px),
    )


def _mark_px(value: MicroUsd, sz: Sz) -> Px:
    """Position value / size: exact when the mark is on the grid, else the nearest unit. Raises: ValueError when < 0."""
    if value < 0:
        message = f"negative position value: {value}"
        raise ValueError(message)
    size = abs(sz)
    return Px(0) if size == 0 else Px((2 * value + size) // (2 * size))


def _price(text: str) -> float:
    """A price that is only shown, USD; the venue prints more decimals than its grid."""
    value = rate(text)
    if value < 0:
        message = f"negative: {text}"
        raise ValueError(message)
    return value


def open_orders(universe: Universe, parts: Mapping[str, list[wire.OrderInfo]], asked_ts: Ns, ts: Ns) -> OpenOrdersRead:
    """All open perp orders of the account, each once. Raises: wire.DecodeErrors."""
    by_oid: dict[int, OpenOrder] = {}
    for part in parts.values():
        for order in part:
            if not is_spot(order.coin):
                by_oid[order.oid] = _open_order(universe, order)
    return OpenOrdersRead(ts=ts, asked_ts=asked_ts, orders=tuple(by_oid.values()))


def _open_order(universe: Universe, order: wire.OrderInfo) -> OpenOrder:
    grid = universe.grid(order.coin)
    return OpenOrder(
        coin=grid.instrument.coin,
        cloid=cloid_of(order.cloid),
        oid=Oid(order.oid),
        side=SIDES[order.side],
        px=grid.px[order.limit_px],
        remaining_sz=grid.sz_or_zero(order.sz),
        orig_sz=grid.sz_or_zero(order.orig_sz),
        placed_ms=Ms(order.timestamp),
        trigger=order.is_trigger,
    )


def fees(payload: Payload, ts: Ns) -> FeesRead:
    """Answer to `userFees`. Raises: wire.DecodeErrors."""
    answer = _FEES.decode(payload)
    return FeesRead(ts=ts, maker_bps=rate(answer.user_add_rate) * BPS, taker_bps=rate(answer.user_cross_rate) * BPS)


def budget(payload: Payload, ts: Ns) -> BudgetRead:
    """Answer to `userRateLimit`. Raises: wire.DecodeErrors."""
    answer = _LIMIT.decode(payload)
    return BudgetRead(
        ts=ts,
        requests_used=answer.requests_used,
        requests_cap=answer.requests_cap,
        volume=money(answer.cum_vlm),
    )


def leverage(coin: Coin, payload: Payload, ts: Ns) -> LeverageRead:
    """The answer to `activeAssetData`. Raises: wire.DecodeErrors."""
    told = _ACTIVE.decode(payload).leverage
    return LeverageRead(ts=ts, coin=coin, leverage=told.value, is_cross=told.type == "cross")


def role(payload: Payload, signer: Address, ts: Ns) -> RoleRead:
    """Answer to `userRole`. A signer the venue does not know has `NO_ACCOUNT`. Raises: wire.DecodeErrors."""
    answer = _ROLE.decode(payload)
    if answer.role == "agent":
        owner = "" if answer.data is None or answer.data.user is None else answer.data.user
        return RoleRead(ts=ts, signer=signer, account=Address("0x" + address_bytes(owner).hex()))
    return RoleRead(ts=ts, signer=signer, account=NO_ACCOUNT if answer.role == "missing" else signer)


def order_status(universe: Universe, cloid: Cloid, payload: Payload, ts: Ns) -> OrderStatusRead:
    """Answer to `orderStatus` by cloid. Raises: wire.DecodeErrors, also when the answer is about another order."""
    answer = _STATUS.decode(payload)
    if answer.order is None:
        if answer.status != "unknownOid":
            message = f"order status {answer.status[:40]!r} without an order"
            raise ValueError(message)
        return OrderStatusRead(
            ts=ts, cloid=cloid, oid=None, state=OrderState.ABSENT, word=answer.status, orig_sz=None, remaining_sz=None
        )
    order = answer.order.order
    if order.cloid is not None and cloid_of(order.cloid) != cloid:
        message = f"status of another order: {order.cloid}"
        raise ValueError(message)
    grid = universe.grid(order.coin)
    return OrderStatusRead(
        ts=ts,
        cloid=cloid,
        oid=Oid(order.oid),
        state=order_state(answer.order.status),
        word=answer.order.status,
        orig_sz=grid.sz_or_zero(order.orig_sz),
        remaining_sz=grid.sz_or_zero(order.sz),
    )
