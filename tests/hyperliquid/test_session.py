"""The session: its opening, what it sends for commands, what it makes of answers, silence and disconnects."""

from __future__ import annotations

import json

import msgspec

from hlmm.core.commands import ReadBudget, ReadOpenOrders, Resubscribe, SetLeverage
from hlmm.core.events import (
    CancelAcked,
    FeedDisconnected,
    FrameQuarantined,
    LeverageRead,
    LeverageRefused,
    MetaRead,
    OrderRested,
    RequestLost,
    RequestUnsent,
)
from hlmm.hyperliquid import actions
from hlmm.hyperliquid.limits import ITEMS_PER_ACTION
from hlmm.hyperliquid.session import SAFETY_RESERVE, Link, Session
from hlmm.hyperliquid.signing import SecretKeySigner, Signature, recover_l1
from hlmm.types import NS_PER_MS, Coin, Instrument, Ns, Oid, to_cloid
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
    names,
    open_session,
    opened,
    place,
    seconds,
    sent,
    session,
    statuses,
)

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
        "activeAssetData",
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
    client.receive(b'{"channel":"pong"}', seconds(100))
    first = sent(client.submit([place(1)], seconds(100)).frames[0])["request"]["payload"]["nonce"]
    second = sent(client.submit([place(2)], seconds(50)).frames[0])["request"]["payload"]["nonce"]
    assert second == first + 1
    again = Session(client._profile, client.nonce_floor)
    open_session(again)
    again.receive(b'{"channel":"pong"}', seconds(50))
    third = sent(again.submit([place(3)], seconds(50)).frames[0])["request"]["payload"]["nonce"]
    assert third > second


def test_big_batches_are_split() -> None:
    """No action carries more than 200 items."""
    client = opened()
    out = client.submit([cancel(number) for number in range(450)], START)
    sizes = [len(sent(frame)["request"]["payload"]["action"]["cancels"]) for frame in out.frames]
    assert sizes == [ITEMS_PER_ACTION, ITEMS_PER_ACTION, 50]


def test_a_run_may_want_smaller_actions() -> None:
    """Orders go in actions of at most `batch_max`, in their order and none left out."""
    client = session(batch_max=2)
    open_session(client)
    frames = client.submit([place(number) for number in range(5)], START).frames
    batches = [sent(frame)["request"]["payload"]["action"]["orders"] for frame in frames]
    assert [[order["c"] for order in batch] for batch in batches] == [
        [to_cloid(0), to_cloid(1)], [to_cloid(2), to_cloid(3)], [to_cloid(4)],
    ]  # fmt: skip


def test_without_a_socket_requests_go_by_http() -> None:
    """While disconnected the same bodies come as HTTP requests, and their answers map alike."""
    client = opened()
    client.disconnected(START, "gone")
    out = client.submit([cancel(1), ReadBudget()], START)
    assert out.frames == []
    assert [request.kind for request in out.requests] == ["action", "info"]
    assert json.loads(out.requests[0].body)["action"]["type"] == "cancelByCloid"
    body = json.dumps(statuses("success", kind="cancel")).encode()
    assert client.answered(out.requests[0].id, 200, body, START)[1] == [CancelAcked(ts=START, cloid=to_cloid(1))]


def test_a_socket_that_fell_silent_is_not_trusted_with_actions() -> None:
    """Half-open: nothing heard for as long as an answer may take, so a cancel goes by HTTP instead of into the void."""
    client = session()
    open_session(client)
    assert len(client.submit([cancel(1)], seconds(4.9)).frames) == 1
    out = client.submit([cancel(1)], seconds(5.1))
    assert (len(out.frames), len(out.requests)) == (0, 1)
    client.receive(b'{"channel":"pong"}', seconds(5.2))
    assert len(client.submit([cancel(1)], seconds(5.3)).frames) == 1


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
        RequestUnsent(ts=START, cloids=(), cancels=(to_cloid(2),), why="metadata not read yet"),
        RequestUnsent(ts=START, cloids=(to_cloid(4),), cancels=(to_cloid(3),), why="metadata not read yet"),
        RequestUnsent(ts=START, cloids=(to_cloid(1),), cancels=(), why="metadata not read yet"),
    ]
    client = opened()
    client.submit([place(1, Coin("NOPE"))], START)
    assert names(client.tick(START)[1]) == ["RequestUnsent"]


def test_what_could_not_be_sent_is_told_as_of_the_telling() -> None:
    """A deferred event carries the time of its delivery: the engine may have heard of later things by then."""
    client = opened()
    client.submit([place(1, Coin("NOPE"))], START)
    later = Ns(START + 5)
    assert [event.ts for event in client.tick(later)[1]] == [later]


def test_the_role_is_asked_until_it_is_known() -> None:
    """A reconnect does not ask again who the signer is: openings in a row must leave weight for reads of safety."""
    client = session()
    (role,) = [one for one in open_session(client)[0] if one["request"]["payload"]["type"] == "userRole"]
    client.disconnected(START, "test")
    assert any(one["request"]["payload"]["type"] == "userRole" for one in open_session(client)[0])
    told = {"role": "agent", "data": {"user": str(ACCOUNT)}}
    client.receive(info_answer(role["id"], "userRole", told), START)
    client.disconnected(START, "test")
    assert all(one["request"]["payload"]["type"] != "userRole" for one in open_session(client)[0])


def test_reads_never_starve_actions() -> None:
    """Reads stop while IP weight is short; actions go on."""
    client = opened()
    for _ in range(100):
        client.submit([ReadOpenOrders()], START)
    assert client.weight_used(START) <= 1_200 - SAFETY_RESERVE
    assert "RequestUnsent" in names(client.tick(START)[1])
    out = client.submit([cancel(1)], START)
    assert len(out.frames) + len(out.requests) == 1


# ---- time ----


def test_timeout_is_unknown_and_a_late_answer_still_counts() -> None:
    """No answer in time is RequestLost; the answer that comes later is still mapped, once."""
    client = opened()
    (frame,) = client.submit([place(1)], START).frames
    assert client.tick(seconds(4.9))[1] == []
    lost = [event for event in client.tick(seconds(5))[1] if isinstance(event, RequestLost) and event.cloids]
    assert [event.cloids for event in lost] == [(to_cloid(1),)]
    late = action_answer(sent(frame)["id"], statuses({"resting": {"oid": 5}}))
    assert client.receive(late, seconds(6))[1] == [OrderRested(ts=seconds(6), cloid=to_cloid(1), oid=Oid(5))]
    assert names(client.receive(late, seconds(6))[1]) == ["FrameQuarantined"]


def test_disconnect_makes_requests_in_flight_unknown() -> None:
    """Losing the socket reports the feed gone, then every request that it carried, and not those that HTTP carries."""
    client = opened()
    client.submit([place(1), cancel(2), modify(3, 4)], START)
    events = client.disconnected(seconds(1), "reset")
    assert isinstance(events[0], FeedDisconnected)
    lost = [(event.cloids, event.cancels) for event in events[1:] if isinstance(event, RequestLost)]
    one, two, three, four = (to_cloid(number) for number in (1, 2, 3, 4))
    assert [item for item in lost if item != ((), ())] == [((), (two,)), ((four,), (three,)), ((one,), ())]
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


# ---- settings ----


def test_a_setting_is_signed_sent_and_read_back() -> None:
    """updateLeverage carries the asset id; its "ok" is not believed but read back from the venue."""
    client = session()
    open_session(client)
    (frame,) = client.submit([SetLeverage(coin=BTC, leverage=7, is_cross=False)], START).frames
    request = sent(frame)
    action = request["request"]["payload"]["action"]
    assert action == {"type": "updateLeverage", "asset": 1, "isCross": False, "leverage": 7}
    out, events = client.receive(action_answer(request["id"], {"status": "ok", "response": {"type": "default"}}), START)
    assert events == []
    question = sent(out.frames[0])
    assert question["request"]["payload"] == {"type": "activeAssetData", "user": ACCOUNT, "coin": "BTC"}
    told = {"user": ACCOUNT, "coin": "BTC", "leverage": {"type": "isolated", "value": 7, "rawUsd": "0.0"}}
    assert client.receive(info_answer(question["id"], "activeAssetData", told), START)[1] == [
        LeverageRead(ts=START, coin=BTC, leverage=7, is_cross=False)
    ]


def test_a_refused_setting_keeps_the_venues_text() -> None:
    """The venue's refusal of a setting becomes an event with its own words."""
    client = session()
    open_session(client)
    (frame,) = client.submit([SetLeverage(coin=BTC, leverage=7, is_cross=True)], START).frames
    text = "Cannot switch leverage type with open position."
    answer = action_answer(sent(frame)["id"], {"status": "err", "response": text})
    assert client.receive(answer, START)[1] == [LeverageRefused(ts=START, coin=BTC, text=text)]
