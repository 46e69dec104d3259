"""The sentinel: what the venue sends that the schema does not know, and feeds that come too slowly."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

import pytest

from hlmm.core.events import AnyEvent, DriftKind, DriftSeen
from hlmm.hyperliquid import wire
from hlmm.hyperliquid.drift import SAMPLE_S, WINDOW_S, Sentinel
from hlmm.hyperliquid.session import Session, SessionProfile
from hlmm.hyperliquid.signing import SecretKeySigner
from hlmm.types import Coin
from tests.hyperliquid.venue import ACCOUNT, BTC, KEY, info_answer, open_session, place, seconds, sent, statuses

TOUCH: Final = {"coin": "BTC", "time": 5, "bbo": [{"px": "100000.0", "sz": "1.0", "n": 1}, None]}
BOOK: Final = {"coin": "BTC", "time": 5, "levels": [[], []], "fast": True}


def frame(channel: str, data: object) -> bytes:
    """One frame of the venue."""
    return json.dumps({"channel": channel, "data": data}).encode()


def client() -> Session:
    """An open session as the shell has it."""
    signer = SecretKeySigner(KEY)
    return Session(SessionProfile(account=ACCOUNT, signer=signer, network="testnet", coins=(BTC,)))


def drift(events: Sequence[AnyEvent]) -> list[tuple[DriftKind, str]]:
    """What the sentinel said."""
    return [(event.kind, event.what) for event in events if isinstance(event, DriftSeen)]


def watch(sentinel: Sentinel, raw: bytes, at_s: float) -> list[tuple[DriftKind, str]]:
    """Show one frame to a sentinel."""
    typed = wire.decode_frame(raw)
    assert isinstance(typed, wire.MarketFrame | wire.UserFrame)
    return drift(sentinel.frame(typed, raw, seconds(at_s)))


def test_an_unknown_field_is_seen_once_per_sample() -> None:
    """A field that the schema lacks is named from the first frame, and again only after the sampling time."""
    sentinel = Sentinel()
    sentinel.subscribed([BTC], seconds(0))
    raw = frame("bbo", {**TOUCH, "seq": 1})
    (found,) = watch(sentinel, raw, 0)
    assert found[0] is DriftKind.FIELD
    assert "seq" in found[1]
    assert watch(sentinel, raw, SAMPLE_S / 2) == []
    assert len(watch(sentinel, raw, SAMPLE_S)) == 1


@pytest.mark.parametrize(
    ("channel", "data"),
    [
        ("bbo", {**TOUCH, "bbo": [{"px": "100000", "sz": "1.0", "n": 1}, None]}),
        ("l2Book", {**BOOK, "fast": False}),
        ("trades", [{"coin": "BTC", "side": "B", "px": "1.0", "sz": "1.0", "time": 1, "tid": 2}]),
        ("orderUpdates", [{"order": {"coin": "BTC"}, "status": "open", "statusTimestamp": 1, "reason": "?"}]),
        ("userFills", {"user": ACCOUNT, "fills": [{"coin": "BTC"}]}),
    ],
)
def test_other_forms_are_seen(channel: str, data: object) -> None:
    """A number without its point, another value, a missing field and a new one are each a deviation."""
    assert [kind for kind, _ in watch(Sentinel(), frame(channel, data), 0)] == [DriftKind.FIELD]


def test_known_frames_are_no_drift() -> None:
    """A frame as the schema has it says nothing."""
    assert watch(Sentinel(), frame("bbo", TOUCH), 0) == []
    assert watch(Sentinel(), frame("l2Book", BOOK), 0) == []


def test_the_session_watches_frames_and_answers() -> None:
    """A good opening says nothing; an unknown field in a frame, in an info answer and in an order's ack is reported."""
    session = client()
    questions, events = open_session(session)
    assert drift(events) == []
    limit = {"cumVlm": "1.0", "nRequestsUsed": 1, "nRequestsCap": 2, "nRequestsSurplus": 0, "nRequestsLent": 0}
    (asked,) = [post["id"] for post in questions if post["request"]["payload"]["type"] == "userRateLimit"]
    assert "nRequestsLent" in drift(session.receive(info_answer(asked, "userRateLimit", limit), seconds(0))[1])[0][1]
    assert drift(session.receive(frame("bbo", {**TOUCH, "seq": 1}), seconds(1))[1]) != []
    (out,) = session.submit([place(1)], seconds(1)).frames
    element = {"resting": {"oid": 5, "queue": 3}}
    body = {"id": sent(out)["id"], "response": {"type": "action", "payload": statuses(element)}}
    (seen,) = drift(session.receive(frame("post", body), seconds(1))[1])
    assert "queue" in seen[1]


def test_a_slow_feed_is_seen_and_a_quick_one_not() -> None:
    """Fast books at the default book's pace are a deviation in the next window; contexts on time are none."""
    sentinel = Sentinel()
    sentinel.subscribed([BTC], seconds(0))
    context = {"funding": "0.0", "oraclePx": "1.0", "markPx": "1.0"}
    for second in range(WINDOW_S):
        watch(sentinel, frame("activeAssetCtx", {"coin": "BTC", "ctx": context}), second)
        if second % 5 == 0:
            watch(sentinel, frame("l2Book", BOOK), second)
        assert sentinel.tick(seconds(second)) == ()
    (seen,) = drift(sentinel.tick(seconds(WINDOW_S)))
    assert seen[0] is DriftKind.PACE
    assert seen[1].startswith("l2Book BTC")
    assert drift(sentinel.tick(seconds(WINDOW_S + 1))) == []


def test_a_lost_connection_owes_no_frames() -> None:
    """While disconnected nothing is slow, and frames of other coins do not count."""
    sentinel = Sentinel()
    sentinel.subscribed([BTC, Coin("ETH")], seconds(0))
    sentinel.lost()
    assert sentinel.tick(seconds(10 * WINDOW_S)) == ()
