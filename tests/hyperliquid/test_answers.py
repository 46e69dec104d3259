"""Answers to actions, element by element: what is certain, and what is unknown."""

from __future__ import annotations

import json

import pytest

from hlmm.core.events import (
    ActionRefused,
    CancelAcked,
    CancelRejected,
    OrderMatched,
    OrderRejected,
    OrderRested,
    Reject,
    RequestLost,
    RequestUnsent,
)
from hlmm.hyperliquid.inflight import SentState
from hlmm.types import Oid, Sz, to_cloid
from tests.hyperliquid.venue import (
    START,
    answer,
    cancel,
    modify,
    names,
    opened,
    place,
    sent,
    statuses,
)

POST_ONLY = "Post only order would have immediately matched, bbo was 10@11. asset=1"
MISSING = "Order was never placed, already canceled, or filled. asset=1"
NO_MODIFY = "Cannot modify canceled or filled order"


def test_places_answered_element_by_element() -> None:
    """Resting, filled and refused orders of one batch each get their own event."""
    events = answer(
        opened(),
        [place(1), place(2), place(3), place(4)],
        statuses(
            {"resting": {"oid": 11, "cloid": "0x01"}},
            {"filled": {"totalSz": "0.0005", "avgPx": "99.5", "oid": 12}},
            {"error": POST_ONLY},
            {"error": "the moon is in the wrong house asset=1"},
        ),
    )
    assert events == [
        OrderRested(ts=START, cloid=to_cloid(1), oid=Oid(11)),
        OrderMatched(ts=START, cloid=to_cloid(2), oid=Oid(12), total_sz=Sz(50)),
        OrderRejected(ts=START, cloid=to_cloid(3), reason=Reject.POST_ONLY, text=POST_ONLY),
        OrderRejected(
            ts=START, cloid=to_cloid(4), reason=Reject.UNKNOWN_TEXT, text="the moon is in the wrong house asset=1"
        ),
    ]


def test_cancels_answered_element_by_element() -> None:
    """Cancelled and missing orders of one batch each get their own event."""
    events = answer(opened(), [cancel(1), cancel(2)], statuses("success", {"error": MISSING}, kind="cancel"))
    assert events == [
        CancelAcked(ts=START, cloid=to_cloid(1)),
        CancelRejected(ts=START, cloid=to_cloid(2), reason=Reject.MISSING_ORDER, text=MISSING),
    ]


def test_modifies_tell_both_stories() -> None:
    """A modify's one status decides the old order and the new one."""
    bad = "Attempted to modify to invalid new order"
    margin = "Insufficient margin to place order. asset=1"
    events = answer(
        opened(),
        [modify(1, 11), modify(2, 12), modify(3, 13), modify(4, 14), modify(5, 15)],
        statuses(
            {"resting": {"oid": 9}}, {"error": NO_MODIFY}, {"error": POST_ONLY}, {"error": bad}, {"error": margin}
        ),
    )
    assert events == [
        CancelAcked(ts=START, cloid=to_cloid(1)),
        OrderRested(ts=START, cloid=to_cloid(11), oid=Oid(9)),
        CancelRejected(ts=START, cloid=to_cloid(2), reason=Reject.MISSING_ORDER, text=NO_MODIFY),
        OrderRejected(ts=START, cloid=to_cloid(12), reason=Reject.MISSING_ORDER, text=NO_MODIFY),
        CancelAcked(ts=START, cloid=to_cloid(3)),
        OrderRejected(ts=START, cloid=to_cloid(13), reason=Reject.POST_ONLY, text=POST_ONLY),
        OrderRejected(ts=START, cloid=to_cloid(14), reason=Reject.INVALID_MODIFY, text=bad),
        OrderRejected(ts=START, cloid=to_cloid(15), reason=Reject.MARGIN, text=margin),
        RequestLost(ts=START, cloids=(), cancels=(to_cloid(5),), why=margin),
    ]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (statuses({"error": "Order has invalid size."}), Reject.SIZE),
        ({"status": "err", "response": "Too many cumulative requests sent (3 > 2) for ..."}, Reject.RATE_LIMIT),
        ({"status": "err", "response": "User or API Wallet 0x00 does not exist."}, Reject.SIGNER),
        ({"status": "err", "response": "Invalid nonce: nonce too low 1 < 2"}, Reject.NONCE),
        ({"status": "err", "response": "Action already expired"}, Reject.EXPIRED),
        ({"status": "err", "response": "Trading is halted."}, Reject.VENUE_HALTED),
        ({"status": "err", "response": "never seen before"}, Reject.UNKNOWN_TEXT),
    ],
)
def test_refusal_of_a_whole_action(payload: object, reason: Reject) -> None:
    """One error for a batch refuses every order and cancel of it."""
    (event,) = answer(opened(), [modify(1, 11), modify(2, 12)], payload)
    assert isinstance(event, ActionRefused)
    assert (event.cloids, event.cancels) == ((to_cloid(11), to_cloid(12)), (to_cloid(1), to_cloid(2)))
    assert event.reason is reason


def test_static_error_of_a_single_modify_leaves_the_old_order() -> None:
    """A static error speaks for the whole action even when it holds one order."""
    (event,) = answer(opened(), [modify(1, 11)], statuses({"error": "Order has invalid size."}))
    assert isinstance(event, ActionRefused)


def test_duplicate_nonce_is_in_doubt() -> None:
    """A "duplicate nonce" says that the nonce was taken, perhaps by this very action: the outcome is unknown."""
    events = answer(opened(), [place(1)], {"status": "err", "response": "Invalid nonce: duplicate nonce 5"})
    assert names(events) == ["RequestLost"]


@pytest.mark.parametrize(
    "payload",
    [
        statuses({"resting": {"oid": 1}}),
        statuses(),
        {"status": "ok", "response": {"type": "default"}},
        {"status": "maybe", "response": "x"},
        {"status": "err", "response": {"text": "not a text"}},
        {"nonsense": 1},
        None,
        [],
        "text",
    ],
)
def test_answers_that_explain_nothing_leave_the_outcome_unknown(payload: object) -> None:
    """An answer of the wrong shape is RequestLost for every order of the action, and is kept."""
    events = answer(opened(), [place(1), place(2)], payload)
    assert names(events) == ["RequestLost", "FrameQuarantined"]
    assert events[0] == RequestLost(ts=START, cloids=(to_cloid(1), to_cloid(2)), cancels=(), why=events[0].why)  # type: ignore[union-attr]


def test_one_bad_element_does_not_spoil_the_others() -> None:
    """An element that cannot be explained is unknown; its neighbours keep their answers."""
    events = answer(
        opened(),
        [place(1), place(2), place(3)],
        statuses({"resting": {"oid": 1}}, "waitingForFill", {"resting": {"oid": -3}}),
    )
    assert names(events) == ["OrderRested", "RequestLost", "FrameQuarantined", "RequestLost", "FrameQuarantined"]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, b"null"),
        (500, b"null"),
        (502, b"<html>bad gateway</html>"),
        (200, b"<html>hello</html>"),
        (200, b""),
        (200, b"\xff\xfe"),
        (200, b"[" * 100_000),
    ],
)
def test_http_garbage_leaves_the_outcome_unknown(status: int, body: bytes) -> None:
    """A rate limit, a server error, HTML or garbage on an action is RequestLost and never raises."""
    client = opened()
    client.disconnected(START, "gone")
    (request,) = client.submit([place(1)], START).requests
    _, events = client.answered(request.id, status, body, START)
    assert RequestLost in [type(event) for event in events]


def test_json_layer_refusal_is_certain() -> None:
    """A request that the JSON layer refused was never looked at: refused, not unknown."""
    client = opened()
    client.disconnected(START, "gone")
    (request,) = client.submit([place(1)], START).requests
    body = b"Failed to deserialize the JSON body into the target type"
    assert names(client.answered(request.id, 422, body, START)[1]) == ["ActionRefused"]


def test_transport_failures() -> None:
    """A request that never left is RequestUnsent; one that may have left is RequestLost."""
    client = opened()
    client.disconnected(START, "gone")
    first, second = client.submit([cancel(1), place(2)], START).requests
    assert client.failed(first.id, sent=SentState.UNSENT, why="refused", ts=START) == [
        RequestUnsent(ts=START, cloids=(), cancels=(to_cloid(1),), why="refused")
    ]
    assert client.failed(second.id, sent=SentState.UNKNOWN, why="read timeout", ts=START) == [
        RequestLost(ts=START, cloids=(to_cloid(2),), cancels=(), why="read timeout")
    ]
    assert client.failed(second.id, sent=SentState.UNKNOWN, why="twice", ts=START) == []


def test_error_frame_that_names_a_post() -> None:
    """The venue's "too many pending" error refuses the post that it names; other complaints are kept as text."""
    client = opened()
    (frame,) = client.submit([place(1)], START).frames
    complaint = {"channel": "error", "data": f"too many pending post requests id={sent(frame)['id']}"}
    (event,) = client.receive(json.dumps(complaint).encode(), START)[1]
    assert isinstance(event, ActionRefused)
    assert event.reason is Reject.RATE_LIMIT
    assert names(client.receive(b'{"channel":"error","data":"too many pending post requests id=x"}', START)[1]) == [
        "FrameQuarantined"
    ]
