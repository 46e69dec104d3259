"""Owns the full shape of what the venue answers to an action; told apart by `status` and `type`."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET

from hlmm.hyperliquid.schema import Count, Decimal, Maybe, Shape


class Resting(Shape, frozen=True, gc=False):
    """An order that rests."""

    oid: Count
    cloid: Maybe[str] = UNSET


class Filled(Shape, frozen=True, gc=False):
    """An order that filled at once."""

    total_sz: Decimal
    avg_px: Decimal
    oid: Count
    cloid: Maybe[str] = UNSET


class OrderOutcome(Shape, frozen=True, gc=False):
    """Exactly one of its fields is present."""

    resting: Maybe[Resting] = UNSET
    filled: Maybe[Filled] = UNSET
    error: Maybe[str] = UNSET


class OrderOutcomes(Shape, frozen=True, gc=False):
    """One element per order."""

    statuses: list[OrderOutcome | Literal["waitingForFill", "waitingForTrigger"]]


class Failed(Shape, frozen=True, gc=False):
    """An item that failed."""

    error: str


class CancelOutcomes(Shape, frozen=True, gc=False):
    """One element per cancel."""

    statuses: list[Failed | Literal["success"]]


class TwapId(Shape, frozen=True, gc=False):
    """A started TWAP."""

    twap_id: Count


class TwapStart(Shape, frozen=True, gc=False):
    """Exactly one of its fields is present."""

    running: Maybe[TwapId] = UNSET
    error: Maybe[str] = UNSET


class TwapStarted(Shape, frozen=True, gc=False):
    """Outcome of `twapOrder`."""

    status: TwapStart


class TwapStopped(Shape, frozen=True, gc=False):
    """Outcome of `twapCancel`."""

    status: Failed | Literal["success"]


class Body(msgspec.Struct, frozen=True, gc=False, tag_field="type", forbid_unknown_fields=True):
    """Base of accepted answers; `type` is the tag."""


class OrderBody(Body, frozen=True, gc=False, tag="order"):
    """Answer to `order` and `batchModify`."""

    data: OrderOutcomes


class CancelBody(Body, frozen=True, gc=False, tag="cancel"):
    """Answer to `cancel` and `cancelByCloid`."""

    data: CancelOutcomes


class DefaultBody(Body, frozen=True, gc=False, tag="default"):
    """Answer of most actions."""


class SubAccountBody(Body, frozen=True, gc=False, tag="createSubAccount"):
    """The new sub-account's address."""

    data: str


class VaultBody(Body, frozen=True, gc=False, tag="createVault"):
    """The new vault's address."""

    data: str


class TwapOrderBody(Body, frozen=True, gc=False, tag="twapOrder"):
    """Answer to `twapOrder`."""

    data: TwapStarted


class TwapCancelBody(Body, frozen=True, gc=False, tag="twapCancel"):
    """Answer to `twapCancel`."""

    data: TwapStopped


class Ok(msgspec.Struct, frozen=True, gc=False, tag_field="status", tag="ok", forbid_unknown_fields=True):
    """The action was taken."""

    response: OrderBody | CancelBody | DefaultBody | SubAccountBody | VaultBody | TwapOrderBody | TwapCancelBody


class Err(msgspec.Struct, frozen=True, gc=False, tag_field="status", tag="err", forbid_unknown_fields=True):
    """The action was refused as a whole."""

    response: str


Answer = Ok | Err
