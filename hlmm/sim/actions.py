"""The exchange actions a client may send: strict decoding of their JSON and the canonical bytes that were signed.

Field order in each struct is the venue's canonical order, so `msgspec.msgpack.encode` gives the hashed form: the
`type` tag first, absent optional fields absent. Unknown fields are refused except inside order objects.
"""

from __future__ import annotations

import json
import re
from typing import Final, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from hlmm.sim.account_wire import AccountAction, TwapOrderAction
from hlmm.sim.signed_wire import Action, AddressText

WIRE_DECIMALS: Final = 8
U64_MAX: Final = 2**64 - 1
_NUMBER: Final = re.compile(r"\d+(\.\d+)?\Z", re.ASCII)
_CLOID: Final = re.compile(r"0x[0-9a-f]{32}\Z")


class MalformedError(ValueError):
    """The body is not JSON at all (HTTP 400)."""


class WrongShapeError(ValueError):
    """The body is JSON but no request of ours (HTTP 422)."""


class LimitKind(Struct, frozen=True):
    """`{"tif": ...}` of a limit order."""

    tif: Literal["Gtc", "Ioc", "Alo", "FrontendMarket"]


class TriggerKind(Struct, frozen=True):
    """`{"isMarket","triggerPx","tpsl"}` of a trigger order."""

    isMarket: bool  # noqa: N815 - the wire's name
    triggerPx: str  # noqa: N815 - the wire's name
    tpsl: Literal["tp", "sl"]


class OrderKind(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Exactly one of limit and trigger."""

    limit: LimitKind | None = None
    trigger: TriggerKind | None = None


class OrderWire(Struct, frozen=True, omit_defaults=True):
    """One order as sent: asset, isBuy, price, size, reduceOnly, kind, cloid."""

    a: int
    b: bool
    p: str
    s: str
    r: bool
    t: OrderKind
    c: str | None = None


class CancelWire(Struct, frozen=True):
    """Cancel by asset and oid."""

    a: int
    o: int


class CancelByCloidWire(Struct, frozen=True):
    """Cancel by asset and cloid."""

    asset: int
    cloid: str


class ModifyWire(Struct, frozen=True):
    """Replace the order `oid` (number, or cloid text) by `order`."""

    oid: int | str
    order: OrderWire


class Builder(Struct, frozen=True):
    """Builder address and fee in tenths of a bp."""

    b: AddressText
    f: int


class Priority(Struct, frozen=True, forbid_unknown_fields=True):
    """Paid priority: fee rate in 1e-8 of notional."""

    p: int


class OrderAction(Action, frozen=True, tag="order"):
    """Place orders."""

    orders: tuple[OrderWire, ...]
    grouping: Literal["na", "normalTpsl", "positionTpsl"] | Priority
    builder: Builder | None = None


class CancelAction(Action, frozen=True, tag="cancel"):
    """Cancel by oid."""

    cancels: tuple[CancelWire, ...]
    f: bool | UnsetType = UNSET


class CancelByCloidAction(Action, frozen=True, tag="cancelByCloid"):
    """Cancel by cloid."""

    cancels: tuple[CancelByCloidWire, ...]
    f: bool | UnsetType = UNSET


class ModifyAction(Action, frozen=True, tag="modify"):
    """Replace one order."""

    oid: int | str
    order: OrderWire
    a: bool | UnsetType = UNSET


class BatchModifyAction(Action, frozen=True, tag="batchModify"):
    """Replace several orders."""

    modifies: tuple[ModifyWire, ...]
    a: bool | UnsetType = UNSET


class SignatureWire(Struct, frozen=True):
    """ECDSA signature as sent; hex, with or without leading zeros."""

    r: str
    s: str
    v: int


TradeAction = OrderAction | CancelAction | CancelByCloidAction | ModifyAction | BatchModifyAction
SingleAction = TradeAction | AccountAction


class MultiSigPayload(Struct, frozen=True, forbid_unknown_fields=True):
    """What a group does: its account, the member who sends it, and the action."""

    multiSigUser: AddressText  # noqa: N815 - the wire's name
    outerSigner: AddressText  # noqa: N815 - the wire's name
    action: SingleAction


class MultiSigAction(Action, frozen=True, tag="multiSig"):
    """An action of a multi-sig account with its members' signatures."""

    signatureChainId: str  # noqa: N815 - the wire's name
    signatures: tuple[SignatureWire, ...]
    payload: MultiSigPayload


AnyAction = SingleAction | MultiSigAction


class Envelope(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /exchange`."""

    action: AnyAction
    nonce: int
    signature: SignatureWire
    vaultAddress: AddressText | None = None  # noqa: N815 - the wire's name
    expiresAfter: int | None = None  # noqa: N815 - the wire's name


class _RepeatedKeyError(Exception):
    """A JSON object has a key twice."""


REPEATED: Final = "an object with a key twice"
"""What `first_json` returns for such a body: no request has its shape."""


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _RepeatedKeyError
    return found


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object)


def first_json(body: bytes) -> object:
    """The first JSON value of a body; trailing bytes are ignored as the venue does. Raises: MalformedError."""
    try:
        value: object = _DECODER.raw_decode(body.decode().lstrip())[0]
    except (ValueError, RecursionError) as error:
        raise MalformedError from error
    except _RepeatedKeyError:
        return REPEATED
    return value


def whole_json(text: str) -> object:
    """The JSON value of a WebSocket frame. Raises: MalformedError, also for a key that comes twice."""
    try:
        value: object = _DECODER.decode(text)
    except (ValueError, RecursionError, _RepeatedKeyError) as error:
        raise MalformedError from error
    return value


def decode_envelope(value: object) -> Envelope:
    """An envelope from decoded JSON, its numbers in canonical text. Raises: WrongShapeError."""
    try:
        envelope = msgspec.convert(value, Envelope)
        _check_times(envelope)
        return msgspec.structs.replace(envelope, action=_canonical(envelope.action))
    except (msgspec.ValidationError, ValueError) as error:
        raise WrongShapeError(str(error)) from error


def _check_times(envelope: Envelope) -> None:
    if not (0 <= envelope.nonce <= U64_MAX and 0 <= (envelope.expiresAfter or 0) <= U64_MAX):
        message = "a time is no u64"
        raise ValueError(message)


def signed_bytes(action: AnyAction) -> bytes:
    """The msgpack map that the client hashed."""
    return msgspec.msgpack.encode(action)


def canonical_number(text: str) -> str:
    """A wire number without trailing zeros. Raises: ValueError for signs, exponents or a ninth decimal."""
    if not _NUMBER.match(text):
        message = f"not a plain decimal: {text[:40]!r}"
        raise ValueError(message)
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    if len(fraction) > WIRE_DECIMALS:
        message = f"more than {WIRE_DECIMALS} decimals: {text[:40]!r}"
        raise ValueError(message)
    whole = whole.lstrip("0") or "0"
    return f"{whole}.{fraction}" if fraction else whole


def canonical_cloid(text: str) -> str:
    """A cloid in lower case. Raises: ValueError when it is not 16 bytes of hex."""
    lowered = text.lower()
    if not _CLOID.match(lowered):
        message = f"not a cloid: {text[:40]!r}"
        raise ValueError(message)
    return lowered


def _order(order: OrderWire) -> OrderWire:
    kind = order.t
    if (kind.limit is None) == (kind.trigger is None):
        message = "exactly one of limit and trigger"
        raise ValueError(message)
    if kind.trigger is not None:
        trigger = msgspec.structs.replace(kind.trigger, triggerPx=canonical_number(kind.trigger.triggerPx))
        kind = OrderKind(trigger=trigger)
    cloid = None if order.c is None else canonical_cloid(order.c)
    return OrderWire(order.a, order.b, canonical_number(order.p), canonical_number(order.s), order.r, kind, cloid)


def _target(oid: int | str) -> int | str:
    return canonical_cloid(oid) if isinstance(oid, str) else oid


def _canonical(action: AnyAction) -> AnyAction:
    """The action with the texts the venue normalises before hashing: numbers and cloids."""
    if isinstance(action, MultiSigAction):
        payload = msgspec.structs.replace(action.payload, action=_canonical_single(action.payload.action))
        return msgspec.structs.replace(action, payload=payload)
    return _canonical_single(action)


def _canonical_single(action: SingleAction) -> SingleAction:
    if isinstance(action, OrderAction):
        return msgspec.structs.replace(action, orders=tuple(_order(o) for o in action.orders))
    if isinstance(action, ModifyAction):
        return msgspec.structs.replace(action, oid=_target(action.oid), order=_order(action.order))
    if isinstance(action, BatchModifyAction):
        items = tuple(ModifyWire(_target(m.oid), _order(m.order)) for m in action.modifies)
        return msgspec.structs.replace(action, modifies=items)
    if isinstance(action, CancelByCloidAction):
        items_ = tuple(CancelByCloidWire(c.asset, canonical_cloid(c.cloid)) for c in action.cancels)
        return msgspec.structs.replace(action, cancels=items_)
    if isinstance(action, TwapOrderAction):
        twap = msgspec.structs.replace(action.twap, s=canonical_number(action.twap.s))
        return msgspec.structs.replace(action, twap=twap)
    return action
