"""Owns the bodies of info requests and the frames of posts."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from hlmm.hyperliquid.actions import SignedAction
from hlmm.hyperliquid.drift import ACTION
from hlmm.hyperliquid.inflight import (
    AnyPurpose,
    Cancels,
    DexsRead,
    InfoPurpose,
    LeverageOf,
    MetaOf,
    Modifies,
    OrdersOf,
    Places,
    SetTo,
    Simple,
    StateOf,
    StatusOf,
)
from hlmm.types import Address


class Question(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """The body of one info request; unused fields are absent."""

    type: str
    user: str = ""
    dex: str = ""
    oid: str = ""
    coin: str = ""
    start_time: int = -1


Payload = Question | SignedAction


class _PostBody(msgspec.Struct, frozen=True, gc=False):
    type: Literal["info", "action"]
    payload: Payload


class _PostFrame(msgspec.Struct, frozen=True, gc=False):
    id: int
    request: _PostBody
    method: str = "post"


SINCE: Final = ("userFillsByTime", "userFunding")
NOBODY: Final = Address("")
_JSON: Final = msgspec.json.Encoder()


def question(purpose: InfoPurpose, account: Address, signer: Address, since_ms: int) -> Question:
    """What to ask. State is always asked of the account: an agent's own address has none."""
    match purpose:
        case DexsRead():
            return Question(type="perpDexs")
        case MetaOf():
            return Question(type="meta", dex=purpose.dex)
        case StateOf():
            return Question(type="clearinghouseState", user=account, dex=purpose.dex)
        case OrdersOf():
            return Question(type="frontendOpenOrders", user=account, dex=purpose.dex)
        case StatusOf():
            return Question(type="orderStatus", user=account, oid=purpose.cloid)
        case LeverageOf():
            return Question(type="activeAssetData", user=account, coin=purpose.coin)
        case Simple():
            user = signer if purpose.read == "userRole" else account
            return Question(type=purpose.read, user=user, start_time=since_ms if purpose.read in SINCE else -1)


def subject(purpose: AnyPurpose) -> str:
    """What an answer is about: the info type, or `ACTION`."""
    if isinstance(purpose, Places | Cancels | Modifies | SetTo):
        return ACTION
    return question(purpose, NOBODY, NOBODY, 0).type


def kind(payload: Payload) -> Literal["info", "action"]:
    """Which endpoint a payload is for."""
    return "info" if isinstance(payload, Question) else "action"


def body(payload: Payload) -> bytes:
    """The JSON to POST. Raises: nothing."""
    return _JSON.encode(payload)


def post_frame(request_id: int, payload: Payload) -> bytes:
    """The same as a ws post. Raises: nothing."""
    return _JSON.encode(_PostFrame(request_id, _PostBody(kind(payload), payload)))
