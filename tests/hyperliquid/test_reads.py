"""Reads and user channels: account, orders, fills, fees, budget, role."""

from __future__ import annotations

import json

import pytest

from hlmm.core.commands import QueryOrder, ReadAccount, ReadFills, ReadOpenOrders
from hlmm.core.events import (
    AccountRead,
    BudgetRead,
    Event,
    FeedConnected,
    FeesRead,
    FrameQuarantined,
    FundingPaid,
    Holding,
    OpenOrdersRead,
    OrderFilled,
    OrderState,
    OrderStatusRead,
    RoleRead,
    TradesPrinted,
)
from hlmm.hyperliquid.signing import SecretKeySigner
from hlmm.types import Address, MicroUsd, Ms, Px, Sz, to_cloid
from tests.hyperliquid.venue import (
    ACCOUNT,
    BTC,
    GOLD,
    KEY,
    START,
    info_answer,
    names,
    open_session,
    opened,
    seconds,
    sent,
    session,
)

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
    assert (one.cloid, one.px, one.remaining_sz, one.orig_sz, one.trigger) == (to_cloid(77), 999_995, 100, 200, False)
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
        (frame,) = client.submit([QueryOrder(cloid=to_cloid(1), coin=BTC)], START).frames
        assert sent(frame)["request"]["payload"]["oid"] == f"0x{1:032x}"
        (event,) = client.receive(info_answer(sent(frame)["id"], "orderStatus", answered), START)[1]
        assert isinstance(event, OrderStatusRead)
        assert (event.cloid, event.state) == (to_cloid(1), state)


def test_small_reads() -> None:
    """Fees in bp, the budget, and whose agent the signer is."""
    client = session()
    questions, _ = open_session(client)
    ids = {one["request"]["payload"]["type"]: one["id"] for one in questions}
    fees = {"userCrossRate": "0.00045", "userAddRate": "-0.00001", "feeSchedule": {}}
    (read,) = client.receive(info_answer(ids["userFees"], "x", fees), START)[1]
    assert isinstance(read, FeesRead)
    assert (read.maker_bps, read.taker_bps) == pytest.approx((-0.1, 4.5))
    budget = {"cumVlm": "89936.61", "nRequestsUsed": 42163, "nRequestsCap": 99936, "nRequestsSurplus": 0}
    assert client.receive(info_answer(ids["userRateLimit"], "x", budget), START)[1] == [
        BudgetRead(ts=START, requests_used=42163, requests_cap=99936, volume=MicroUsd(89_936_610_000))
    ]
    role = {"role": "agent", "data": {"user": "0x" + "AB" * 20}}
    assert client.receive(info_answer(ids["userRole"], "x", role), START)[1] == [
        RoleRead(ts=START, signer=SecretKeySigner(KEY).address, account=ACCOUNT)
    ]


@pytest.mark.parametrize(
    "role", [{"role": "missing"}, {"role": "user"}, {"role": "agent", "data": {"user": "0x" + "cd" * 20}}]
)
def test_a_key_of_another_account_is_as_good_as_unknown(role: dict[str, object]) -> None:
    """Orders signed by another account's agent would trade there, unseen: the read names no account."""
    client = session()
    questions, _ = open_session(client)
    ids = {one["request"]["payload"]["type"]: one["id"] for one in questions}
    assert client.receive(info_answer(ids["userRole"], "x", role), START)[1] == [
        RoleRead(ts=START, signer=SecretKeySigner(KEY).address, account=Address(""))
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
    assert events == [FundingPaid(ts=START, venue_ts=Ms(3), coin=BTC, amount=MicroUsd(-1_500_000), snapshot=True)]


def test_fills_channel() -> None:
    """Snapshot fills are flagged and oldest first; live ones are not; fees truncate to micro-USD, spot is left out."""
    client = opened()
    frame = {"channel": "userFills", "data": {"user": ACCOUNT, "isSnapshot": True, "fills": [FILL]}}
    (event,) = client.receive(json.dumps(frame).encode(), START)[1]
    assert isinstance(event, OrderFilled)
    assert (event.fee, event.start_position, event.px, event.sz) == (-1234, -30_000, 1005, 10_000)
    assert event.cloid == to_cloid(3)
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
