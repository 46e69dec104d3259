"""A scripted venue for session tests: answers written by hand in the venue's own JSON."""

from __future__ import annotations

import json
from typing import Final

from typing_extensions import override

from hlmm.core.commands import CancelOrder, ModifyOrder, PlaceOrder
from hlmm.core.events import AnyEvent, DriftSeen
from hlmm.hyperliquid.inflight import Outbox
from hlmm.hyperliquid.session import Session, SessionProfile
from hlmm.hyperliquid.signing import SecretKeySigner
from hlmm.types import NS_PER_S, Address, Coin, Ns, Px, Side, Sz, to_cloid

KEY: Final = bytes([7]) * 32
ACCOUNT: Final = Address("0x" + "ab" * 20)
BTC: Final = Coin("BTC")
GOLD: Final = Coin("xyz:GOLD")
START: Final = Ns(1_790_000_000 * NS_PER_S)

META: Final = {
    "universe": [
        {"name": "SOL", "szDecimals": 2, "maxLeverage": 20},
        {"name": "BTC", "szDecimals": 5, "maxLeverage": 40},
        {"name": "OLD", "szDecimals": 1, "maxLeverage": 3, "isDelisted": True},
        {"name": "ETH", "szDecimals": 4, "maxLeverage": 25},
        {"name": "NEXO", "szDecimals": 2, "maxLeverage": 5},
        {"name": "kPEPE", "szDecimals": 0, "maxLeverage": 10},
    ]
}
DEX_META: Final = {"universe": [{"name": "xyz:GOLD", "szDecimals": 3, "maxLeverage": 20, "onlyIsolated": True}]}
DEXS: Final = [None, {"name": "abc"}, {"name": "xyz"}]


class PartSession(Session):
    """A session whose venue answers with the part that hlmm reads: what the sentinel says of that is left out."""

    @override
    def receive(self, frame: bytes | str, ts: Ns) -> tuple[Outbox, list[AnyEvent]]:
        out, events = super().receive(frame, ts)
        return out, [event for event in events if not isinstance(event, DriftSeen)]

    @override
    def answered(self, request_id: int, status: int, body: bytes, ts: Ns) -> tuple[Outbox, list[AnyEvent]]:
        out, events = super().answered(request_id, status, body, ts)
        return out, [event for event in events if not isinstance(event, DriftSeen)]


def session(coins: tuple[Coin, ...] = (BTC,), **changes: object) -> Session:
    """A session of the test account."""
    fields: dict[str, object] = {
        "account": ACCOUNT,
        "signer": SecretKeySigner(KEY),
        "network": "testnet",
        "coins": coins,
        "request_timeout_s": 5.0,
        **changes,
    }
    return PartSession(SessionProfile(**fields))  # type: ignore[arg-type]


def seconds(value: float) -> Ns:
    """A moment of the test, seconds after its start."""
    return Ns(START + round(value * NS_PER_S))


def sent(frame: bytes) -> dict:  # type: ignore[type-arg]
    """A frame as JSON."""
    return dict(json.loads(frame))


def info_answer(post_id: int, kind: str, data: object) -> bytes:
    """The answer to an info post."""
    return json.dumps(
        {
            "channel": "post",
            "data": {"id": post_id, "response": {"type": "info", "payload": {"type": kind, "data": data}}},
        }
    ).encode()


def action_answer(post_id: int, payload: object) -> bytes:
    """The answer to an action post."""
    return json.dumps(
        {"channel": "post", "data": {"id": post_id, "response": {"type": "action", "payload": payload}}}
    ).encode()


def statuses(*items: object, kind: str = "order") -> dict[str, object]:
    """An accepted action and its statuses."""
    return {"status": "ok", "response": {"type": kind, "data": {"statuses": list(items)}}}


def metadata(request: dict) -> object:  # type: ignore[type-arg]
    """What the venue answers to the questions of the opening."""
    match request["type"], request.get("dex", ""):
        case "perpDexs", _:
            return DEXS
        case "meta", "":
            return META
        case _:
            return DEX_META


def open_session(client: Session, at: Ns = START) -> tuple[list[dict], list[AnyEvent]]:  # type: ignore[type-arg]
    """Drive a session through its opening. Returns: the questions asked at the end, all events."""
    events: list[AnyEvent] = []
    subscriptions: list[dict] = []  # type: ignore[type-arg]
    for frame in client.connected(at).frames:
        post = sent(frame)
        question = post["request"]["payload"]
        out, more = client.receive(info_answer(post["id"], question["type"], metadata(question)), at)
        events += more
        subscriptions += [sent(one) for one in out.frames]
    questions: list[dict] = []  # type: ignore[type-arg]
    for one in subscriptions:
        echo = {**one["subscription"], "nSigFigs": None, "mantissa": None}
        ack = {"channel": "subscriptionResponse", "data": {"method": "subscribe", "subscription": echo}}
        out, more = client.receive(json.dumps(ack).encode(), at)
        events += more
        questions += [sent(frame) for frame in out.frames]
    return questions, events


def place(number: int, coin: Coin = BTC, side: Side = Side.BID) -> PlaceOrder:
    """An order to place."""
    return PlaceOrder(cloid=to_cloid(number), coin=coin, side=side, px=Px(1_000_000), sz=Sz(100))


def cancel(number: int, coin: Coin = BTC) -> CancelOrder:
    """An order to cancel."""
    return CancelOrder(cloid=to_cloid(number), coin=coin)


def modify(old: int, new: int) -> ModifyOrder:
    """An order to replace."""
    return ModifyOrder(cloid=to_cloid(old), place=place(new))


def opened(coins: tuple[Coin, ...] = (BTC,), **changes: object) -> Session:
    """A session that went through its opening."""
    client = session(coins, **changes)
    open_session(client)
    return client


def answer(client: Session, commands: list[object], payload: object) -> list[AnyEvent]:
    """Submit commands that make one action, answer it, return the events."""
    (frame,) = client.submit(commands, START).frames  # type: ignore[arg-type]
    return client.receive(action_answer(sent(frame)["id"], payload), START)[1]


def names(events: list[AnyEvent]) -> list[str]:
    """The kinds of events."""
    return [type(event).__name__ for event in events]
