"""Owns the shapes of what the venue sends: frames by channel, info answers, action answers. Texts stay texts here.

One pass decodes and dispatches a frame (`tag_field="channel"`). Lists whose elements must survive a bad neighbour are
`Raw` and decoded one by one. Every integer is bounded, so nothing later overflows.
Source: Hyperliquid documentation, "WebSocket" and "Info endpoint"; recorded frames.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

U63 = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
SideWord = Literal["B", "A"]
FRAME_BYTES_MAX: Final = 16_000_000
POST_ID_DIGITS: Final = 8
FULL: Final = "too many pending post requests"
TEXT_KEPT: Final = 500
"""Characters of an undecodable frame that are kept."""


class Wire(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Base of everything the venue sends. Unknown fields are ignored: the venue adds some each year."""


# ---- market data ----


class LevelWire(Wire, frozen=True, gc=False):
    """One level: price USD, size in base units."""

    px: str
    sz: str


class BboData(Wire, frozen=True, gc=False):
    """Best bid and ask at block time `time`, ms."""

    coin: str
    time: U63
    bbo: tuple[LevelWire | None, LevelWire | None]


class L2BookData(Wire, frozen=True, gc=False):
    """A whole book, best first."""

    coin: str
    time: U63
    levels: tuple[list[LevelWire], list[LevelWire]]


class TradeWire(Wire, frozen=True, gc=False):
    """One print; `side` is the aggressor's."""

    coin: str
    side: SideWord
    px: str
    sz: str
    time: U63
    tid: U63


class CtxWire(Wire, frozen=True, gc=False):
    """The part of a perp's context that is used."""

    funding: str
    oracle_px: str
    mark_px: str


class CtxData(Wire, frozen=True, gc=False):
    """A coin and its context."""

    coin: str
    ctx: CtxWire


# ---- user data ----


class OrderInfo(Wire, frozen=True, gc=False):
    """An order as order updates, open orders and order status show it. Sizes in base units."""

    coin: str
    side: SideWord
    limit_px: str
    sz: str
    oid: U63
    timestamp: U63
    orig_sz: str
    cloid: str | None = None
    is_trigger: bool = False


class OrderUpdateWire(Wire, frozen=True, gc=False):
    """One status change."""

    order: OrderInfo
    status: str
    status_timestamp: U63


class FillWire(Wire, frozen=True, gc=False):
    """One fill of ours."""

    coin: str
    px: str
    sz: str
    side: SideWord
    time: U63
    start_position: str
    oid: U63
    crossed: bool
    fee: str
    tid: U63
    cloid: str | None = None


class FillsData(Wire, frozen=True, gc=False):
    """Fills; the first frame of a subscription is a snapshot."""

    fills: list[msgspec.Raw]
    is_snapshot: bool | None = None


class FundingWire(Wire, frozen=True, gc=False):
    """One funding payment; `usdc` negative is paid."""

    time: U63
    coin: str
    usdc: str


class FundingsData(Wire, frozen=True, gc=False):
    """Funding payments; the first frame of a subscription is a snapshot."""

    fundings: list[msgspec.Raw]
    is_snapshot: bool | None = None


# ---- frames ----


class Frame(msgspec.Struct, frozen=True, gc=False, tag_field="channel"):
    """Base of all frames; the channel is the tag."""


class Bbo(Frame, frozen=True, gc=False, tag="bbo"):
    """Best bid and ask changed."""

    data: BboData


class L2Book(Frame, frozen=True, gc=False, tag="l2Book"):
    """Book snapshot."""

    data: L2BookData


class Trades(Frame, frozen=True, gc=False, tag="trades"):
    """Public prints."""

    data: list[TradeWire]


class ActiveAssetCtx(Frame, frozen=True, gc=False, tag="activeAssetCtx"):
    """Mark, oracle, funding."""

    data: CtxData


class OrderUpdates(Frame, frozen=True, gc=False, tag="orderUpdates"):
    """Our orders changed."""

    data: list[msgspec.Raw]


class UserFills(Frame, frozen=True, gc=False, tag="userFills"):
    """Our fills."""

    data: FillsData


class UserFundings(Frame, frozen=True, gc=False, tag="userFundings"):
    """Our funding payments."""

    data: FundingsData


class Subscription(Wire, frozen=True, gc=False, omit_defaults=True):
    """What a subscription names; the echo carries more fields, which are ignored."""

    type: str
    coin: str = ""
    user: str = ""
    fast: bool | None = None


class AckData(Wire, frozen=True, gc=False):
    """Which subscription was taken or dropped."""

    method: str
    subscription: Subscription


class SubscriptionResponse(Frame, frozen=True, gc=False, tag="subscriptionResponse"):
    """The ack of a subscription."""

    data: AckData


class Pong(Frame, frozen=True, gc=False, tag="pong"):
    """The answer to a ping."""


class ErrorFrame(Frame, frozen=True, gc=False, tag="error"):
    """The venue did not like something we sent."""

    data: str


class PostResponse(Wire, frozen=True, gc=False):
    """`info`, `action` or `error`, and its payload."""

    type: str
    payload: msgspec.Raw


class PostData(Wire, frozen=True, gc=False):
    """The answer to the post with this id."""

    id: U63
    response: PostResponse


class Post(Frame, frozen=True, gc=False, tag="post"):
    """An answer to a request of ours."""

    data: PostData


MarketFrame = Bbo | L2Book | Trades | ActiveAssetCtx
UserFrame = OrderUpdates | UserFills | UserFundings
AnyFrame = MarketFrame | UserFrame | SubscriptionResponse | Pong | ErrorFrame | Post


class Undecodable(msgspec.Struct, frozen=True, gc=False):
    """A frame that is none of the above."""

    channel: str
    why: str
    text: str


class _Envelope(msgspec.Struct, gc=False):
    channel: str


class _InfoPayload(msgspec.Struct, frozen=True, gc=False):
    data: msgspec.Raw


DecodeErrors: Final = (msgspec.MsgspecError, ValueError, RecursionError)
_FRAME: Final = msgspec.json.Decoder(AnyFrame)
_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)
_INFO: Final = msgspec.json.Decoder(_InfoPayload)
_TEXT: Final = msgspec.json.Decoder(str)


def decode_frame(frame: bytes | str) -> AnyFrame | Undecodable:
    """One frame, typed. Args: frame, JSON text. Raises: nothing."""
    if len(frame) > FRAME_BYTES_MAX:
        return Undecodable("", f"frame of {len(frame)} bytes", clip(frame[:TEXT_KEPT]))
    try:
        typed: AnyFrame = _FRAME.decode(frame)
    except DecodeErrors as error:
        return Undecodable(_channel(frame), str(error)[:TEXT_KEPT], clip(frame))
    else:
        return typed


def info_data(payload: msgspec.Raw) -> msgspec.Raw:
    """What a posted question is answered with. Raises: DecodeErrors."""
    return _INFO.decode(payload).data


def error_text(payload: msgspec.Raw) -> str:
    """Why a post failed as an HTTP request would. Raises: DecodeErrors."""
    return _TEXT.decode(payload)


def refused_post(text: str) -> int | None:
    """Which post an error frame refuses for want of room; None when it says something else. Raises: nothing."""
    number = text.removeprefix(FULL).strip().removeprefix("id=")
    is_id = number.isascii() and number.isdecimal() and len(number) <= POST_ID_DIGITS
    return int(number) if text.startswith(FULL) and is_id else None


def clip(raw: bytes | str | msgspec.Raw) -> str:
    """The first characters of something undecodable, as printable text. Raises: nothing."""
    if isinstance(raw, str):
        return raw[:TEXT_KEPT]
    return bytes(memoryview(raw)[:TEXT_KEPT]).decode("utf-8", "backslashreplace")


def _channel(frame: bytes | str) -> str:
    try:
        return _ENVELOPE.decode(frame).channel[:TEXT_KEPT]
    except DecodeErrors:
        return ""
