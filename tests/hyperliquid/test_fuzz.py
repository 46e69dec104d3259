"""Mutated messages through every decoder: events or quarantine, never an exception, never a stopped session."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import msgspec

from hlmm.core.commands import (
    CancelOrder,
    ModifyOrder,
    PlaceOrder,
    QueryOrder,
    ReadAccount,
    ReadBudget,
    ReadFills,
    ReadOpenOrders,
)
from hlmm.core.events import AnyEvent, Event, FrameQuarantined
from hlmm.hyperliquid.session import Session
from hlmm.types import Coin, Ns, to_cloid
from tests.hyperliquid.venue import (
    BTC,
    META,
    START,
    cancel,
    info_answer,
    modify,
    open_session,
    place,
    sent,
    session,
    statuses,
)
from tests.shared import SHARED, needs_shared

MUTANTS = 100_000
FRAMES_PER_TAPE = 150
BYTES_MAX = 4_000
TOKENS = (
    b"null", b"true", b"-1", b"1e400", b"NaN", b'""', b"{}", b"[]", b'"0.0"', b'"-1.5"', b'"1e5"', b"9" * 200,
    b'"\xff"', b"123456789012345678901234567890", b'"\\ud800"', b'"0x"', b",", b":", b"}", b"]", b"\x00",
    b'"' + b"7" * 200 + b'"',
)  # fmt: skip
COMMANDS = (
    place(1),
    cancel(2),
    modify(3, 4),
    QueryOrder(cloid=to_cloid(5), coin=BTC),
    ReadAccount(),
    ReadOpenOrders(),
    ReadFills(since_ms=1),
    ReadBudget(),
)
Mutation = Callable[[random.Random, bytes], bytes]


def flip(dice: random.Random, raw: bytes) -> bytes:
    """Change one byte."""
    spot = dice.randrange(len(raw))
    return raw[:spot] + bytes((dice.randrange(256),)) + raw[spot + 1 :]


def cut(dice: random.Random, raw: bytes) -> bytes:
    """Lose the tail."""
    return raw[: dice.randrange(len(raw))]


def drop(dice: random.Random, raw: bytes) -> bytes:
    """Lose a stretch."""
    spot = dice.randrange(len(raw))
    return raw[:spot] + raw[spot + dice.randrange(1, 20) :]


def repeat(dice: random.Random, raw: bytes) -> bytes:
    """Say a stretch twice."""
    spot = dice.randrange(len(raw))
    end = spot + dice.randrange(1, 40)
    return raw[:end] + raw[spot:]


def splice(dice: random.Random, raw: bytes) -> bytes:
    """Put a hostile token somewhere."""
    spot = dice.randrange(len(raw))
    return raw[:spot] + dice.choice(TOKENS) + raw[spot:]


def value(dice: random.Random, raw: bytes) -> bytes:
    """Replace what follows a colon up to the next comma by a hostile token."""
    colons = [index for index, byte in enumerate(raw) if byte == ord(":")]
    if not colons:
        return flip(dice, raw)
    start = dice.choice(colons) + 1
    end = raw.find(b",", start)
    return raw[:start] + dice.choice(TOKENS) + (raw[end:] if end > 0 else b"}")


MUTATIONS: tuple[Mutation, ...] = (flip, cut, drop, repeat, splice, value)


def mutate(dice: random.Random, raw: bytes) -> bytes:
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        raw = dice.choice(MUTATIONS)(dice, raw) or b" "
    return raw


OWN_CORPUS: tuple[object, ...] = (
    {"channel": "bbo", "data": {"coin": "BTC", "time": 5, "bbo": [{"px": "84143.0", "sz": "1.5", "n": 3}, None]}},
    {
        "channel": "l2Book",
        "data": {"coin": "BTC", "time": 5, "levels": [[{"px": "84143.0", "sz": "1.5", "n": 3}], []], "fast": True},
    },
    {
        "channel": "trades",
        "data": [{"coin": "BTC", "side": "A", "px": "1.5", "sz": "0.1", "time": 5, "hash": "0x", "tid": 9}],
    },
    {
        "channel": "activeAssetCtx",
        "data": {"coin": "BTC", "ctx": {"funding": "0.1", "oraclePx": "1.0", "markPx": "1.0", "midPx": None}},
    },
    {
        "channel": "orderUpdates",
        "data": [
            {
                "order": {
                    "coin": "BTC", "side": "B", "limitPx": "1.0", "sz": "1.0", "oid": 5, "timestamp": 5,
                    "origSz": "1.0", "cloid": "0x00000000000000000000000000000001",
                },
                "status": "open",
                "statusTimestamp": 5,
            }
        ],
    },
    {
        "channel": "userFills",
        "data": {
            "user": "0x", "isSnapshot": True,
            "fills": [
                {
                    "coin": "BTC", "px": "1.5", "sz": "0.1", "side": "B", "time": 5,
                    "startPosition": "-0.1", "dir": "x",
                    "closedPnl": "0.0", "hash": "0x", "oid": 5, "crossed": False, "fee": "0.1", "tid": 5,
                }
            ],
        },
    },
    {"channel": "userFundings", "data": {"user": "0x", "fundings": [{"time": 5, "coin": "BTC", "usdc": "-0.5"}]}},
    {"channel": "subscriptionResponse", "data": {"method": "subscribe", "subscription": {"type": "bbo"}}},
    {"channel": "pong"},
    {"channel": "error", "data": "too many pending post requests id=5"},
)  # fmt: skip

OWN_ANSWERS: tuple[object, ...] = (
    statuses({"resting": {"oid": 5}}),
    statuses({"filled": {"totalSz": "0.1", "avgPx": "1.0", "oid": 5}}),
    statuses("success", kind="cancel"),
    statuses({"error": "Order has invalid size."}),
    {"status": "err", "response": "Invalid nonce: duplicate nonce 5"},
    META,
    [None, {"name": "xyz"}],
    {"role": "agent", "data": {"user": "0x" + "ab" * 20}},
    {"cumVlm": "1.5", "nRequestsUsed": 5, "nRequestsCap": 5},
    {"userCrossRate": "0.1", "userAddRate": "0.1"},
    {"status": "unknownOid"},
)  # fmt: skip


def packed(messages: Iterator[object] | tuple[object, ...]) -> list[bytes]:
    return [json.dumps(message, separators=(",", ":")).encode() for message in messages]


class Target:
    """One long-lived session that every mutant hits: as a frame, as an answer, and as an HTTP body."""

    def __init__(self) -> None:
        self.client: Session = session((BTC, Coin("SOL")), opening_timeout_s=1e6, feed_silence_s=1e6)
        open_session(self.client)
        self.now = START
        self.events = 0
        self.quarantined = 0

    def count(self, events: list[AnyEvent]) -> None:
        """Every event is one of the core's and survives the way to the journal and back."""
        for event in events:
            assert isinstance(event, Event)
            self.events += 1
            self.quarantined += isinstance(event, FrameQuarantined)
            assert event == msgspec.json.decode(msgspec.json.encode(event), type=type(event))

    def frame(self, raw: bytes) -> None:
        """Let the mutant arrive on the socket."""
        self.count(self.client.receive(raw, self.tick())[1])

    def answer(self, raw: bytes, command: object, *, by_http: bool) -> None:
        """Let the mutant answer a fresh request."""
        now = self.tick()
        out = self.client.submit([command], now)  # type: ignore[list-item]
        ids = [sent(frame)["id"] for frame in out.frames] + [request.id for request in out.requests]
        for request_id in ids:
            if by_http:
                self.count(self.client.answered(request_id, 200, raw, now)[1])
                continue
            kind = b"action" if isinstance(command, PlaceOrder | CancelOrder | ModifyOrder) else b"info"
            payload = raw if kind == b"action" else b'{"type":"x","data":' + raw + b"}"
            post = b'{"channel":"post","data":{"id":%d,"response":{"type":"%b","payload":%b}}}'
            self.count(self.client.receive(post % (request_id, kind, payload), now)[1])

    def tick(self) -> Ns:
        """A second passes, so that limits and late answers are exercised too."""
        self.now = Ns(self.now + 1_000_000_000)
        self.count(self.client.tick(self.now)[1])
        return self.now


def bombard(frames: list[bytes], answers: list[bytes], mutants: int, seed: int) -> Target:
    dice = random.Random(seed)
    target = Target()
    for number in range(mutants):
        if number % 5 == 0 and answers:
            command = COMMANDS[dice.randrange(len(COMMANDS))]
            target.answer(mutate(dice, dice.choice(answers)), command, by_http=dice.random() < 0.5)
        else:
            target.frame(mutate(dice, dice.choice(frames)))
    for frame in packed(OWN_CORPUS):
        target.frame(frame)
    return target


def test_own_corpus() -> None:
    """Ten thousand mutants of hand-written messages: quarantined or typed, and the session still works after."""
    target = bombard(packed(OWN_CORPUS), packed(OWN_ANSWERS), 10_000, seed=1)
    assert target.quarantined > 1_000
    assert target.events > target.quarantined
    (frame,) = target.client.submit([ReadBudget()], target.now).frames
    budget = {"cumVlm": "1.0", "nRequestsUsed": 1, "nRequestsCap": 2}
    events = target.client.receive(info_answer(sent(frame)["id"], "x", budget), target.now)[1]
    assert [type(event).__name__ for event in events] == ["BudgetRead"]


@cache
def recorded() -> tuple[list[bytes], list[bytes]]:
    """Real frames and real answers, each at most `BYTES_MAX` long."""
    frames: list[bytes] = []
    answers: list[bytes] = []
    for path in sorted((SHARED / "data").glob("*.jsonl.gz")):
        frames += tape_frames(path)
    for path in sorted((SHARED / "hyperliquid" / "fixtures").rglob("*.json")):
        for message in leaves(json.loads(path.read_text())):
            raw = json.dumps(message, separators=(",", ":")).encode()[:BYTES_MAX]
            (frames if isinstance(message, dict) and "channel" in message else answers).append(raw)
    return frames, answers


def tape_frames(path: Path) -> list[bytes]:
    """The first frames of a tape and then some of each channel."""
    with gzip.open(path, "rb") as tape:
        lines = [line for _, line in zip(range(10 * FRAMES_PER_TAPE), tape, strict=False)]
    return [line.strip() for line in lines[::10] if len(line) < BYTES_MAX]


def leaves(fixture: object) -> Iterator[object]:
    """Every message inside a fixture file: the file itself, its cases, requests and responses."""
    yield fixture
    items = list(fixture.values()) if isinstance(fixture, dict) else fixture if isinstance(fixture, list) else []
    for item in items[:40]:
        if isinstance(item, dict):
            yield item
            yield from (inner for inner in item.values() if isinstance(inner, dict | list))


@needs_shared
def test_recorded_messages() -> None:
    """A hundred thousand mutants of real messages: quarantined or typed, never an exception."""
    frames, answers = recorded()
    assert len(frames) > 500
    assert len(answers) > 200
    target = bombard(frames, answers, MUTANTS, seed=2)
    assert target.events > MUTANTS // 2


@needs_shared
def test_recorded_messages_unchanged() -> None:
    """Whole recorded market frames of BTC and SOL decode without quarantine."""
    tapes = [path for path in sorted((SHARED / "data").glob("hyperliquid-*.jsonl.gz")) if "ETH" not in path.name]
    target = Target()
    for path in tapes:
        with gzip.open(path, "rb") as tape:
            for _, line in zip(range(2_000), tape, strict=False):
                target.frame(line.strip())
    assert target.events > 5_000
    assert target.quarantined == 0
