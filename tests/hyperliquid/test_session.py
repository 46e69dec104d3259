"""The session: its opening, what it sends for commands, what it makes of answers, silence and disconnects."""

from __future__ import annotations

import json

import msgspec
import pytest

from hlmm.core.commands import QueryOrder, ReadAccount, ReadBudget, ReadFills, ReadOpenOrders, Resubscribe
from hlmm.core.events import (
    AccountRead,
    ActionRefused,
    AnyEvent,
    BudgetRead,
    CancelAcked,
    CancelRejected,
    Event,
    FeedConnected,
    FeedDisconnected,
    FeesRead,
    FrameQuarantined,
    FundingPaid,
    Holding,
    MetaRead,
    OpenOrdersRead,
    OrderFilled,
    OrderMatched,
    OrderRejected,
    OrderRested,
    OrderState,
    OrderStatusRead,
    Reject,
    RequestLost,
    RequestUnsent,
    RoleRead,
    TradesPrinted,
)
from hlmm.hyperliquid import actions
from hlmm.hyperliquid.inflight import SentState
from hlmm.hyperliquid.limits import ITEMS_PER_ACTION
from hlmm.hyperliquid.session import READ_RESERVE, Link, Session
from hlmm.hyperliquid.signing import SecretKeySigner, Signature, recover_l1
from hlmm.types import NS_PER_MS, Cloid, Coin, Instrument, Oid, Px, Sz
from tests.hyperliquid.venue import (
    ACCOUNT,
    BTC,
    GOLD,
    KEY,
    START,
    action_answer,
    cancel,
    info_answer,
    modify,
    open_session,
    place,
    seconds,
    sent,
    session,
    statuses,
)

POST_ONLY = "Post only order would have immediately matched, bbo was 10@11. asset=1"
MISSING = "Order was never placed, already canceled, or filled. asset=1"
NO_MODIFY = "Cannot modify canceled or filled order"


def opened(coins: tuple[Coin, ...] = (BTC,), **changes: object) -> Session:
    client = session(coins, **changes)
    open_session(client)
    return client


def answer(client: Session, commands: list[object], payload: object) -> list[AnyEvent]:
    """Submit commands that make one action, answer it, return the events."""
    (frame,) = client.submit(commands, START).frames  # type: ignore[arg-type]
    return client.receive(action_answer(sent(frame)["id"], payload), START)[1]


def names(events: list[AnyEvent]) -> list[str]:
    return [type(event).__name__ for event in events]


# ---- opening ----


def test_opening_sequence() -> None:
    """Metadata, then subscriptions with the account's first, then on the last ack FeedConnected and the reads."""
    client = session()
    (meta,) = client.connected(START).frames
    assert sent(meta)["request"] == {"type": "info", "payload": {"type": "meta"}}
    client = session()
    questions, events = open_session(client)
    assert names(events) == ["MetaRead", "FeedConnected"]
    assert events[0] == MetaRead(ts=START, instruments=(Instrument(coin=BTC, asset=1, sz_decimals=5, max_leverage=40),))
    asked = [question["request"]["payload"] for question in questions]
    assert [one["type"] for one in asked] == [
        "clearinghouseState",
        "frontendOpenOrders",
        "userFees",
        "userRateLimit",
        "userRole",
    ]
    assert {one["user"] for one in asked[:4]} == {ACCOUNT}, "state is asked of the account, not of the agent"
    assert asked[4]["user"] == SecretKeySigner(KEY).address
    assert client.link is Link.OPEN


def test_subscriptions_sent() -> None:
    """Three channels for the account and four per listed coin; a delisted coin is named and never subscribed."""
    client = session((BTC, Coin("OLD"), Coin("NOPE")))
    (meta,) = client.connected(START).frames
    universe = {"universe": [{"name": "BTC", "szDecimals": 5, "maxLeverage": 40}]}
    out, events = client.receive(info_answer(sent(meta)["id"], "meta", universe), START)
    listed = [sent(frame)["subscription"] for frame in out.frames]
    assert [one["type"] for one in listed] == [
        "orderUpdates",
        "userFills",
        "userFundings",
        "bbo",
        "l2Book",
        "trades",
        "activeAssetCtx",
    ]
    assert all(one["user"] == ACCOUNT for one in listed[:3])
    assert listed[4] == {"type": "l2Book", "coin": "BTC", "fast": True}
    assert [event.text for event in events if isinstance(event, FrameQuarantined)] == ["OLD", "NOPE"]


def test_builder_dex_opening() -> None:
    """A "dex:" coin makes the session read perpDexs and that dex's meta, and gives the builder asset id."""
    client = session((GOLD,))
    questions, events = open_session(client)
    meta = next(event for event in events if isinstance(event, MetaRead))
    assert meta.instruments == (
        Instrument(coin=GOLD, asset=120_000, sz_decimals=3, max_leverage=20, only_isolated=True),
    )
    states = [one["request"]["payload"] for one in questions if "State" in one["request"]["payload"]["type"]]
    assert [one.get("dex", "") for one in states] == ["", "xyz"]


def test_opening_that_never_ends_is_replaced() -> None:
    """Missing acks or a failed metadata read ask the shell to reconnect, until it does."""
    client = session(request_timeout_s=60.0, opening_timeout_s=15.0, feed_silence_s=60.0)
    client.connected(START)
    assert client.tick(seconds(14))[0].reconnect == ""
    assert "reading metadata" in client.tick(seconds(15))[0].reconnect
    client.disconnected(seconds(16), "replaced")
    client.connected(seconds(17))
    assert client.tick(seconds(18))[0].reconnect == ""
    client = session(request_timeout_s=5.0)
    client.connected(START)
    out, events = client.tick(seconds(5))
    assert out.reconnect.startswith("opening failed")
    assert events == []


# ---- sending ----


def test_commands_become_at_most_three_actions_in_safe_order() -> None:
    """Cancels, modifies and places go in that order, each kind in one action with its own nonce and post id."""
    client = opened()
    out = client.submit([place(3), modify(1, 4), cancel(2), place(5), cancel(6)], START)
    posts = [sent(frame) for frame in out.frames]
    kinds = [post["request"]["payload"]["action"]["type"] for post in posts]
    assert kinds == ["cancelByCloid", "batchModify", "order"]
    assert len({post["id"] for post in posts}) == 3
    nonces = [post["request"]["payload"]["nonce"] for post in posts]
    assert nonces == [START // NS_PER_MS + step for step in range(3)]
    assert client.nonce_floor == nonces[-1] + 1
    cancels, modifies, places = (post["request"]["payload"]["action"] for post in posts)
    assert cancels == {
        "type": "cancelByCloid",
        "cancels": [{"asset": 1, "cloid": f"0x{2:032x}"}, {"asset": 1, "cloid": f"0x{6:032x}"}],
    }
    wire = {"a": 1, "b": True, "p": "100000", "s": "0.001", "r": False, "t": {"limit": {"tif": "Alo"}}}
    assert modifies["modifies"] == [{"oid": f"0x{1:032x}", "order": {**wire, "c": f"0x{4:032x}"}}]
    assert places["orders"] == [{**wire, "c": f"0x{3:032x}"}, {**wire, "c": f"0x{5:032x}"}]
    assert places["grouping"] == "na"


def test_signatures_cover_vault_and_expiry() -> None:
    """The signer is recovered from each frame; orders expire, cancels never do, and a vault is named and signed."""
    vault = "0x" + "cd" * 20
    client = opened(vault=vault, action_lifetime_ms=3_000, fast_cancels=True)
    for frame in client.submit([cancel(1), modify(2, 3), place(4)], START).frames:
        envelope = sent(frame)["request"]["payload"]
        action = actions.decode_action(msgspec.json.encode(envelope["action"]))
        expiry = envelope.get("expiresAfter")
        is_cancel = envelope["action"]["type"] == "cancelByCloid"
        assert expiry == (None if is_cancel else START // NS_PER_MS + 3_000)
        assert (envelope["action"].get("f") is True) == is_cancel
        assert envelope["vaultAddress"] == vault
        signature = Signature(**envelope["signature"])
        who = recover_l1(actions.pack(action), envelope["nonce"], vault, expiry, "testnet", signature)
        assert who == SecretKeySigner(KEY).address


def test_nonces_survive_clock_steps_and_restarts() -> None:
    """Nonces only grow: through a clock that steps back, and above the floor of an earlier run."""
    client = opened()
    first = sent(client.submit([place(1)], seconds(100)).frames[0])["request"]["payload"]["nonce"]
    second = sent(client.submit([place(2)], seconds(50)).frames[0])["request"]["payload"]["nonce"]
    assert second == first + 1
    again = Session(client._profile, client.nonce_floor)
    open_session(again)
    third = sent(again.submit([place(3)], seconds(50)).frames[0])["request"]["payload"]["nonce"]
    assert third > second


def test_big_batches_are_split() -> None:
    """No action carries more than 200 items."""
    client = opened()
    out = client.submit([cancel(number) for number in range(450)], START)
    sizes = [len(sent(frame)["request"]["payload"]["action"]["cancels"]) for frame in out.frames]
    assert sizes == [ITEMS_PER_ACTION, ITEMS_PER_ACTION, 50]


def test_without_a_socket_requests_go_by_http() -> None:
    """While disconnected the same bodies come as HTTP requests, and their answers map alike."""
    client = opened()
    client.disconnected(START, "gone")
    out = client.submit([cancel(1), ReadBudget()], START)
    assert out.frames == []
    assert [request.kind for request in out.requests] == ["action", "info"]
    assert json.loads(out.requests[0].body)["action"]["type"] == "cancelByCloid"
    body = json.dumps(statuses("success", kind="cancel")).encode()
    assert client.answered(out.requests[0].id, 200, body, START)[1] == [CancelAcked(ts=START, cloid=Cloid(1))]


def test_full_socket_overflows_to_http() -> None:
    """The 101st post in flight goes by HTTP: the venue takes 100."""
    client = opened(action_lifetime_ms=None)
    in_flight = client._in_flight.on_socket
    frames = [client.submit([place(number)], START) for number in range(101)]
    assert sum(len(out.frames) for out in frames) == 100 - in_flight
    assert sum(len(out.requests) for out in frames) == 1 + in_flight


def test_unsendable_commands_are_reported() -> None:
    """Before metadata, or for a coin that no dex lists, commands come back as RequestUnsent on the next tick."""
    client = session()
    assert client.submit([place(1), cancel(2), modify(3, 4)], START).frames == []
    _, events = client.tick(START)
    assert events == [
        RequestUnsent(ts=START, cloids=(), cancels=(Cloid(2),), why="metadata not read yet"),
        RequestUnsent(ts=START, cloids=(Cloid(4),), cancels=(Cloid(3),), why="metadata not read yet"),
        RequestUnsent(ts=START, cloids=(Cloid(1),), cancels=(), why="metadata not read yet"),
    ]
    client = opened()
    client.submit([place(1, Coin("NOPE"))], START)
    assert names(client.tick(START)[1]) == ["RequestUnsent"]


def test_reads_never_starve_actions() -> None:
    """Reads stop while IP weight is short; actions go on."""
    client = opened()
    for _ in range(100):
        client.submit([ReadOpenOrders()], START)
    assert client.weight_used(START) <= 1_200 - READ_RESERVE
    assert "RequestUnsent" in names(client.tick(START)[1])
    out = client.submit([cancel(1)], START)
    assert len(out.frames) + len(out.requests) == 1


# ---- answers ----


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
        OrderRested(ts=START, cloid=Cloid(1), oid=Oid(11)),
        OrderMatched(ts=START, cloid=Cloid(2), oid=Oid(12), total_sz=Sz(50)),
        OrderRejected(ts=START, cloid=Cloid(3), reason=Reject.POST_ONLY, text=POST_ONLY),
        OrderRejected(
            ts=START, cloid=Cloid(4), reason=Reject.UNKNOWN_TEXT, text="the moon is in the wrong house asset=1"
        ),
    ]


def test_cancels_answered_element_by_element() -> None:
    """Cancelled and missing orders of one batch each get their own event."""
    events = answer(opened(), [cancel(1), cancel(2)], statuses("success", {"error": MISSING}, kind="cancel"))
    assert events == [
        CancelAcked(ts=START, cloid=Cloid(1)),
        CancelRejected(ts=START, cloid=Cloid(2), reason=Reject.MISSING_ORDER, text=MISSING),
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
        CancelAcked(ts=START, cloid=Cloid(1)),
        OrderRested(ts=START, cloid=Cloid(11), oid=Oid(9)),
        CancelRejected(ts=START, cloid=Cloid(2), reason=Reject.MISSING_ORDER, text=NO_MODIFY),
        OrderRejected(ts=START, cloid=Cloid(12), reason=Reject.MISSING_ORDER, text=NO_MODIFY),
        CancelAcked(ts=START, cloid=Cloid(3)),
        OrderRejected(ts=START, cloid=Cloid(13), reason=Reject.POST_ONLY, text=POST_ONLY),
        OrderRejected(ts=START, cloid=Cloid(14), reason=Reject.INVALID_MODIFY, text=bad),
        OrderRejected(ts=START, cloid=Cloid(15), reason=Reject.MARGIN, text=margin),
        RequestLost(ts=START, cloids=(), cancels=(Cloid(5),), why=margin),
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
    assert (event.cloids, event.cancels, event.reason) == ((11, 12), (1, 2), reason)


def test_static_error_of_a_single_modify_leaves_the_old_order() -> None:
    """A static error speaks for the whole action even when it holds one order."""
    (event,) = answer(opened(), [modify(1, 11)], statuses({"error": "Order has invalid size."}))
    assert isinstance(event, ActionRefused)


def test_duplicate_nonce_is_in_doubt() -> None:
    """ "Duplicate nonce" says that the nonce was taken, perhaps by this very action: the outcome is unknown."""
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
    assert events[0] == RequestLost(ts=START, cloids=(Cloid(1), Cloid(2)), cancels=(), why=events[0].why)  # type: ignore[union-attr]


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
        RequestUnsent(ts=START, cloids=(), cancels=(Cloid(1),), why="refused")
    ]
    assert client.failed(second.id, sent=SentState.UNKNOWN, why="read timeout", ts=START) == [
        RequestLost(ts=START, cloids=(Cloid(2),), cancels=(), why="read timeout")
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


# ---- time ----


def test_timeout_is_unknown_and_a_late_answer_still_counts() -> None:
    """No answer in time is RequestLost; the answer that comes later is still mapped, once."""
    client = opened()
    (frame,) = client.submit([place(1)], START).frames
    assert client.tick(seconds(4.9))[1] == []
    lost = [event for event in client.tick(seconds(5))[1] if isinstance(event, RequestLost) and event.cloids]
    assert [event.cloids for event in lost] == [(Cloid(1),)]
    late = action_answer(sent(frame)["id"], statuses({"resting": {"oid": 5}}))
    assert client.receive(late, seconds(6))[1] == [OrderRested(ts=seconds(6), cloid=Cloid(1), oid=Oid(5))]
    assert names(client.receive(late, seconds(6))[1]) == ["FrameQuarantined"]


def test_disconnect_makes_requests_in_flight_unknown() -> None:
    """Losing the socket reports the feed gone, then every request that it carried, and not those that HTTP carries."""
    client = opened()
    client.submit([place(1), cancel(2), modify(3, 4)], START)
    events = client.disconnected(seconds(1), "reset")
    assert isinstance(events[0], FeedDisconnected)
    lost = [(event.cloids, event.cancels) for event in events[1:] if isinstance(event, RequestLost)]
    assert [item for item in lost if item != ((), ())] == [((), (2,)), ((4,), (3,)), ((1,), ())]
    (request,) = client.submit([place(9)], seconds(1)).requests
    open_session(client, seconds(2))
    client.disconnected(seconds(3), "again")
    body = json.dumps(statuses({"resting": {"oid": 5}})).encode()
    assert names(client.answered(request.id, 200, body, seconds(3))[1]) == ["OrderRested"]


def test_pings_and_silence() -> None:
    """A ping goes out every ping_s; silence longer than feed_silence_s asks for a new connection until there is one."""
    client = opened(ping_s=10.0, feed_silence_s=15.0, request_timeout_s=60.0)
    assert client.tick(seconds(9))[0].frames == []
    assert [sent(frame) for frame in client.tick(seconds(10))[0].frames] == [{"method": "ping"}]
    client.receive(b'{"channel":"pong"}', seconds(10.1))
    assert client.tick(seconds(25))[0].reconnect == ""
    assert "nothing heard" in client.tick(seconds(25.1))[0].reconnect
    assert "nothing heard" in client.tick(seconds(26))[0].reconnect
    client.disconnected(seconds(26.1), "replaced")
    assert client.tick(seconds(27))[0].reconnect == ""


def test_resubscribe_asks_the_shell_to_reconnect() -> None:
    """The engine's Resubscribe becomes a reason to reconnect."""
    assert opened().submit([Resubscribe(why="BTC book is old")], START).reconnect == "BTC book is old"


# ---- reads ----


STATE = {
    "marginSummary": {"accountValue": "1000.5", "totalNtlPos": "0.0", "totalRawUsd": "0.0", "totalMarginUsed": "10.25"},
    "withdrawable": "900.0",
    "assetPositions": [
        {
            "type": "oneWay",
            "position": {
                "coin": "BTC",
                "szi": "-0.00297",
                "positionValue": "233.1153",
                "liquidationPx": "123456.7890123",
            },
        }
    ],
    "time": 1_790_000_000_000,
}
DEX_STATE = {
    "marginSummary": {"accountValue": "50.0", "totalNtlPos": "0.0", "totalRawUsd": "0.0", "totalMarginUsed": "1.0"},
    "withdrawable": "49.0",
    "assetPositions": [
        {"position": {"coin": "xyz:GOLD", "szi": "0.5", "positionValue": "1000.1", "liquidationPx": None}}
    ],
    "time": 1_789_999_999_000,
}


def test_account_is_merged_over_dexes() -> None:
    """Money of all dexes adds up, marks come exactly from position values, and the read waits for every part."""
    client = opened((BTC, GOLD))
    main, dex = (sent(frame) for frame in client.submit([ReadAccount()], seconds(1)).frames)
    assert client.receive(info_answer(dex["id"], "x", DEX_STATE), seconds(2))[1] == []
    (event,) = client.receive(info_answer(main["id"], "x", STATE), seconds(3))[1]
    assert isinstance(event, AccountRead)
    assert (event.asked_ts, event.venue_ts) == (seconds(1), 1_789_999_999_000)
    assert (event.account_value, event.margin_used, event.withdrawable) == (1_050_500_000, 11_250_000, 949_000_000)
    gold, btc = sorted(event.holdings, key=lambda holding: -holding.sz)
    assert btc == Holding(coin=BTC, sz=Sz(-297), mark_px=Px(784_900), liquidation_price=123456.7890123)
    assert (gold.sz, gold.mark_px) == (500, 2_000_200)


def test_a_read_with_a_bad_part_is_void() -> None:
    """A position that cannot be decoded voids the whole account read, once."""
    client = opened((BTC, GOLD))
    main, dex = (sent(frame) for frame in client.submit([ReadAccount()], START).frames)
    broken = {**STATE, "assetPositions": [{"position": {"coin": "WHAT", "szi": "1", "positionValue": "1"}}]}
    assert client.receive(info_answer(main["id"], "x", broken), START)[1] == []
    events = client.receive(info_answer(dex["id"], "x", DEX_STATE), START)[1]
    assert AccountRead not in [type(event) for event in events]
    assert "FrameQuarantined" in names(events)


def test_open_orders_read() -> None:
    """Perp orders of the account with their cloids; spot orders are left out; a bad element voids the read."""
    order = {
        "coin": "BTC",
        "side": "A",
        "limitPx": "99999.5",
        "sz": "0.001",
        "oid": 7,
        "timestamp": 5,
        "origSz": "0.002",
        "cloid": f"0x{77:032x}",
        "isTrigger": False,
    }
    spot = {**order, "coin": "@107", "oid": 8, "limitPx": "1.23456789"}
    client = opened()
    (frame,) = client.submit([ReadOpenOrders()], seconds(1)).frames
    (event,) = client.receive(info_answer(sent(frame)["id"], "x", [order, spot]), seconds(2))[1]
    assert isinstance(event, OpenOrdersRead)
    assert event.asked_ts == seconds(1)
    (one,) = event.orders
    assert (one.cloid, one.px, one.remaining_sz, one.orig_sz, one.trigger) == (77, 999_995, 100, 200, False)
    (frame,) = client.submit([ReadOpenOrders()], seconds(1)).frames
    events = client.receive(info_answer(sent(frame)["id"], "x", [order, {**order, "sz": "NaN"}]), seconds(2))[1]
    assert names(events) == ["RequestLost", "FrameQuarantined"] or names(events) == ["FrameQuarantined"]


def test_order_status_read() -> None:
    """A known order gives its folded state and own word; unknownOid is ABSENT; a new word is UNRECOGNISED."""
    client = opened()
    inner = {
        "coin": "BTC",
        "side": "B",
        "limitPx": "1.0",
        "sz": "0.0",
        "oid": 7,
        "timestamp": 5,
        "origSz": "0.002",
        "cloid": f"0x{1:032x}",
    }
    for answered, state in (
        ({"status": "unknownOid"}, OrderState.ABSENT),
        ({"status": "order", "order": {"order": inner, "status": "filled", "statusTimestamp": 5}}, OrderState.FILLED),
        (
            {"status": "order", "order": {"order": inner, "status": "odd", "statusTimestamp": 5}},
            OrderState.UNRECOGNISED,
        ),
    ):
        (frame,) = client.submit([QueryOrder(cloid=Cloid(1), coin=BTC)], START).frames
        assert sent(frame)["request"]["payload"]["oid"] == f"0x{1:032x}"
        (event,) = client.receive(info_answer(sent(frame)["id"], "orderStatus", answered), START)[1]
        assert isinstance(event, OrderStatusRead)
        assert (event.cloid, event.state) == (1, state)


def test_small_reads() -> None:
    """Fees in bp, the budget, and whose agent the signer is."""
    client = session()
    questions, _ = open_session(client)
    ids = {one["request"]["payload"]["type"]: one["id"] for one in questions}
    fees = {"userCrossRate": "0.00045", "userAddRate": "-0.00001", "feeSchedule": {}}
    assert client.receive(info_answer(ids["userFees"], "x", fees), START)[1] == [
        FeesRead(ts=START, maker_bps=pytest.approx(-0.1), taker_bps=pytest.approx(4.5))
    ]
    budget = {"cumVlm": "89936.61", "nRequestsUsed": 42163, "nRequestsCap": 99936, "nRequestsSurplus": 0}
    assert client.receive(info_answer(ids["userRateLimit"], "x", budget), START)[1] == [
        BudgetRead(ts=START, requests_used=42163, requests_cap=99936, volume=89_936_610_000)
    ]
    role = {"role": "agent", "data": {"user": "0x" + "AB" * 20}}
    assert client.receive(info_answer(ids["userRole"], "x", role), START)[1] == [
        RoleRead(ts=START, signer=SecretKeySigner(KEY).address, account=ACCOUNT)
    ]


FILL = {
    "coin": "BTC",
    "px": "100.5",
    "sz": "0.1",
    "side": "B",
    "time": 20,
    "startPosition": "-0.3",
    "dir": "x",
    "closedPnl": "0.0",
    "hash": "0x",
    "oid": 5,
    "crossed": False,
    "fee": "-0.0012345",
    "tid": 9,
    "cloid": f"0x{3:032x}",
    "feeToken": "USDC",
}


def test_read_fills() -> None:
    """ReadFills asks fills and funding since a block time; both come as history, oldest first."""
    client = opened()
    fills, fundings = (sent(frame) for frame in client.submit([ReadFills(since_ms=17)], START).frames)
    assert fills["request"]["payload"] == {"type": "userFillsByTime", "user": ACCOUNT, "startTime": 17}
    events = client.receive(info_answer(fills["id"], "x", [FILL, {**FILL, "time": 18, "tid": 8}]), START)[1]
    assert [(event.tid, event.snapshot) for event in events if isinstance(event, OrderFilled)] == [(8, True), (9, True)]
    entry = {"time": 3, "hash": "0x", "delta": {"type": "funding", "coin": "BTC", "usdc": "-1.5", "szi": "1"}}
    events = client.receive(info_answer(fundings["id"], "x", [entry]), START)[1]
    assert events == [FundingPaid(ts=START, venue_ts=3, coin=BTC, amount=-1_500_000, snapshot=True)]


def test_fills_channel() -> None:
    """Snapshot fills are flagged and oldest first; live ones are not; fees truncate to micro-USD, spot is left out."""
    client = opened()
    frame = {"channel": "userFills", "data": {"user": ACCOUNT, "isSnapshot": True, "fills": [FILL]}}
    (event,) = client.receive(json.dumps(frame).encode(), START)[1]
    assert isinstance(event, OrderFilled)
    assert (event.fee, event.start_position, event.px, event.sz, event.cloid) == (-1234, -30_000, 1005, 10_000, 3)
    assert event.snapshot
    live = {"channel": "userFills", "data": {"user": ACCOUNT, "fills": [{**FILL, "coin": "@1"}, FILL]}}
    (event,) = client.receive(json.dumps(live).encode(), START)[1]
    assert isinstance(event, OrderFilled)
    assert not event.snapshot


def test_first_trades_frame_is_a_replay_on_each_connection() -> None:
    """The unflagged history that opens a trades subscription is marked, per coin and per connection."""
    trade = {"coin": "BTC", "side": "A", "px": "100.0", "sz": "0.1", "hash": "0x", "time": 1, "tid": 1}
    frame = json.dumps({"channel": "trades", "data": [trade]}).encode()
    client = opened()
    flags: list[bool] = []
    for _ in range(2):
        for _ in range(2):
            (event,) = client.receive(frame, START)[1]
            assert isinstance(event, TradesPrinted)
            flags.append(event.replayed)
        client.disconnected(START, "gone")
        open_session(client)
    assert flags == [True, False, True, False]


def test_greeting_and_strangers() -> None:
    """The plain-text greeting is silent; anything else undecodable is quarantined with its channel."""
    client = opened()
    assert client.receive("Websocket connection established.", START)[1] == []
    (event,) = client.receive(b'{"channel":"webData9","data":{}}', START)[1]
    assert isinstance(event, FrameQuarantined)
    assert event.channel == "webData9"


def test_events_are_events() -> None:
    """FeedConnected comes once, after the last ack, and every event is of the core's union."""
    _, events = open_session(session((BTC, GOLD)))
    assert [type(event) for event in events].count(FeedConnected) == 1
    assert all(isinstance(event, Event) for event in events)
