"""Owns a loopback venue for measuring clients: it sends books, takes orders, and notes when each one came.

One port serves the WebSocket and HTTP POST, by hand, so that the venue's own share of a figure is small. It accepts
every order and checks nothing; the simulated exchange does that. Its answers come `answer_delay_s` late.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

ACCOUNT: Final = "0x" + "ab" * 20
AGENT_KEY: Final = "0x" + bytes(range(1, 33)).hex()
COIN: Final = "BTC"
BASE_PRICE: Final = 111_000
STEP: Final = 15
"""USD between two books, 1.4 bp: beyond the requote band, within the spread of what rests."""
HEAD_END: Final = b"\r\n\r\n"
HEARTBEAT_S: Final = 0.2
LEVELS: Final = 20
UNIVERSE: Final = {"universe": [{"name": COIN, "szDecimals": 5, "maxLeverage": 40}]}
MONEY: Final = {"accountValue": "100000.0", "totalMarginUsed": "0.0", "totalNtlPos": "0.0", "totalRawUsd": "100000.0"}
ANSWERS: Final = {
    "meta": UNIVERSE,
    "spotMeta": {"universe": [], "tokens": []},
    "orderStatus": {"status": "unknownOid"},
    "userFees": {"userCrossRate": "0.00035", "userAddRate": "-0.00002"},
    "userRateLimit": {"cumVlm": "2000000.0", "nRequestsUsed": 1, "nRequestsCap": 100_000_000},
    "userRole": {"role": "agent", "data": {"user": ACCOUNT}},
}


class Arrival(NamedTuple):
    """An action that reached the venue: when, its JSON, and which sides it quotes."""

    at_ns: int
    action: dict[str, object]
    sides: frozenset[bool]


def now_ms() -> int:
    """The venue's clock, ms."""
    return time.time_ns() // 1_000_000


def book_frame(mid: int, at_ms: int) -> bytes:
    """A book around a mid: 20 levels a side, 1.7 kB, as the venue sends it. Args: mid, USD; block time."""
    bids = [{"px": f"{mid - 1 - step}.0", "sz": f"{1 + step}.25923", "n": 3} for step in range(LEVELS)]
    asks = [{"px": f"{mid + 1 + step}.0", "sz": f"{1 + step}.25923", "n": 3} for step in range(LEVELS)]
    data = {"coin": COIN, "time": at_ms, "levels": [bids, asks]}
    return json.dumps({"channel": "l2Book", "data": data}, separators=(",", ":")).encode()


def context_frame(mid: int) -> bytes:
    """Mark and oracle at the mid."""
    ctx = {"funding": "0.0", "oraclePx": f"{mid}.0", "markPx": f"{mid}.0", "midPx": f"{mid}.0", "openInterest": "1.0"}
    return json.dumps({"channel": "activeAssetCtx", "data": {"coin": COIN, "ctx": ctx}}).encode()


def _state() -> dict[str, object]:
    return {"marginSummary": MONEY, "withdrawable": "100000.0", "assetPositions": [], "time": now_ms()}


def _sandbox() -> dict[str, object]:
    keys = {"address": ACCOUNT, "private_key": AGENT_KEY, "agent_address": ACCOUNT, "agent_private_key": AGENT_KEY}
    return {"accounts": [keys], "time": now_ms(), "speed": 1.0}


def quoted_orders(action: dict[str, object]) -> list[dict[str, object]]:
    """The orders that an action places or moves to."""
    if action["type"] == "batchModify":
        return [modify["order"] for modify in action["modifies"]]  # type: ignore[attr-defined]
    return action["orders"] if action["type"] == "order" else []  # type: ignore[return-value]


class StubVenue:
    """The venue. `on_action` is called for every action, inside the event loop."""

    def __init__(self, on_action: Callable[[Arrival], None], answer_delay_s: float = 0.0) -> None:
        """Args: answer_delay_s, s >= 0, from a request to its answer."""
        self.on_action = on_action
        self.answer_delay_s = answer_delay_s
        self.mid = BASE_PRICE
        self.subscribers: dict[str, list[_Peer]] = {"l2Book": [], "activeAssetCtx": []}
        self._resting: dict[str, dict[str, object]] = {}
        self._oid = 0
        self._leverage: dict[str, object] = {"type": "cross", "value": 20}

    async def listen(self) -> str:
        """Serve on a free port. Returns: the REST URL."""
        server = await asyncio.get_running_loop().create_server(lambda: _Peer(self), "127.0.0.1", 0)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    def send_book(self, mid: int, at_ms: int | None = None) -> int:
        """Send one book to every subscriber. Returns: when it left, ns of the performance counter."""
        self.mid = mid
        frame = book_frame(mid, now_ms() if at_ms is None else at_ms)
        left = time.perf_counter_ns()
        self._push("l2Book", frame)
        return left

    def send_context(self, mid: int) -> None:
        """Send mark and oracle."""
        self._push("activeAssetCtx", context_frame(mid))

    def _push(self, channel: str, frame: bytes) -> None:
        for peer in self.subscribers[channel]:
            peer.send(frame)

    async def heartbeat(self) -> None:
        """Keep an idle feed alive, until cancelled."""
        while True:
            self.send_context(self.mid)
            self.send_book(self.mid)
            await asyncio.sleep(HEARTBEAT_S)

    def act(self, arrival: Arrival, *, tracked: bool) -> tuple[dict[str, object], list[dict[str, object]]]:
        """Apply an action. Args: tracked, whether what rests is kept. Returns: the answer, and order updates."""
        self.on_action(arrival)
        action, updates = arrival.action, []
        if action["type"] == "updateLeverage":
            self._leverage = {"type": "cross" if action["isCross"] else "isolated", "value": action["leverage"]}
            return {"status": "ok", "response": {"type": "default"}}, []
        if action["type"] == "cancelByCloid":
            for cancel in action["cancels"]:  # type: ignore[attr-defined]
                updates += self._end(cancel["cloid"])
            statuses: list[object] = ["success"] * len(action["cancels"])  # type: ignore[arg-type]
        else:
            for modify in action.get("modifies", ()):  # type: ignore[attr-defined]
                updates += self._end(modify["oid"])
            statuses = []
            for order in quoted_orders(action):
                self._oid += 1
                statuses.append({"resting": {"oid": self._oid, "cloid": order.get("c")}})
                if tracked:
                    updates.append(self._rest(order))
        kind = "cancel" if action["type"] == "cancelByCloid" else "order"
        return {"status": "ok", "response": {"type": kind, "data": {"statuses": statuses}}}, updates

    def tell(self, question: dict[str, str]) -> object:
        """The answer to an info request; an empty list to those it has nothing to say to."""
        if question["type"] in ("frontendOpenOrders", "openOrders"):
            return list(self._resting.values())
        if question["type"] == "activeAssetData":
            return {"user": ACCOUNT, "coin": COIN, "leverage": self._leverage}
        return {**ANSWERS, "simAccounts": _sandbox(), "clearinghouseState": _state()}.get(question["type"], [])

    def _rest(self, order: dict[str, object]) -> dict[str, object]:
        side = "B" if order["b"] else "A"
        row = {"coin": COIN, "side": side, "limitPx": order["p"], "sz": order["s"], "origSz": order["s"],
               "oid": self._oid, "timestamp": now_ms(), "cloid": order["c"], "isTrigger": False}  # fmt: skip
        self._resting[str(order["c"])] = row
        return {"order": row, "status": "open", "statusTimestamp": now_ms()}

    def _end(self, cloid: str) -> list[dict[str, object]]:
        row = self._resting.pop(cloid, None)
        return [] if row is None else [{"order": row, "status": "canceled", "statusTimestamp": now_ms()}]


class _Peer(asyncio.Protocol):
    """One connection: HTTP until it upgrades to a WebSocket."""

    def __init__(self, venue: StubVenue) -> None:
        self._venue = venue
        self._buffer = b""
        self._ws: ServerProtocol | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, _exc: Exception | None) -> None:
        for peers in self._venue.subscribers.values():
            with contextlib.suppress(ValueError):
                peers.remove(self)

    def data_received(self, data: bytes) -> None:
        at_ns = time.perf_counter_ns()
        if self._ws is None and data.startswith(b"GET "):
            self._ws = ServerProtocol()
        if self._ws is None:
            self._take_http(data, at_ns)
        else:
            self._take_ws(self._ws, data, at_ns)

    def send(self, frame: bytes) -> None:
        """One text frame, written at once."""
        assert self._ws is not None
        self._ws.send_text(frame)
        self._flush(self._ws)

    def _flush(self, ws: ServerProtocol) -> None:
        assert self._transport is not None
        for chunk in ws.data_to_send():
            self._transport.write(chunk) if chunk else self._transport.close()

    def _later(self, action: Callable[[], None]) -> None:
        if self._venue.answer_delay_s > 0:
            asyncio.get_running_loop().call_later(self._venue.answer_delay_s, action)
        else:
            action()

    # ---- HTTP ----

    def _take_http(self, data: bytes, at_ns: int) -> None:
        self._buffer += data
        while HEAD_END in self._buffer:
            head, _, rest = self._buffer.partition(HEAD_END)
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
            length = int(fields.get(b"content-length", b"0"))
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            self._answer_http(head.split(b" ", 2)[1], json.loads(rest[:length]), at_ns)

    def _answer_http(self, path: bytes, asked: dict[str, object], at_ns: int) -> None:
        if path != b"/exchange":
            self._reply(self._venue.tell(asked))  # type: ignore[arg-type]
            return
        told, _ = self._venue.act(_arrival(asked["action"], at_ns), tracked=False)  # type: ignore[arg-type]
        self._later(lambda: self._reply(told))

    def _reply(self, told: object) -> None:
        body = json.dumps(told).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        assert self._transport is not None
        self._transport.write(head.encode() + body)

    # ---- WebSocket ----

    def _take_ws(self, ws: ServerProtocol, data: bytes, at_ns: int) -> None:
        ws.receive_data(data)
        for event in ws.events_received():
            if isinstance(event, Request):
                ws.send_response(ws.accept(event))
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self._take_frame(json.loads(bytes(event.data)), at_ns)
        self._flush(ws)

    def _take_frame(self, frame: dict[str, object], at_ns: int) -> None:
        match frame["method"]:
            case "subscribe":
                self._say({"channel": "subscriptionResponse", "data": frame})
                channel = frame["subscription"]["type"]  # type: ignore[index]
                if channel in self._venue.subscribers:
                    self._venue.subscribers[channel].append(self)
            case "ping":
                self._say({"channel": "pong"})
            case "post":
                self._take_post(frame["id"], frame["request"], at_ns)  # type: ignore[arg-type]
            case _:
                pass

    def _take_post(self, number: int, request: dict[str, object], at_ns: int) -> None:
        payload: dict[str, object] = request["payload"]  # type: ignore[assignment]
        if request["type"] == "info":
            told: object = {"type": payload["type"], "data": self._venue.tell(payload)}  # type: ignore[arg-type]
            updates: list[dict[str, object]] = []
        else:
            told, updates = self._venue.act(_arrival(payload["action"], at_ns), tracked=True)  # type: ignore[arg-type]
        answer = {"id": number, "response": {"type": request["type"], "payload": told}}
        self._later(lambda: self._finish_post(answer, updates))

    def _finish_post(self, answer: dict[str, object], updates: list[dict[str, object]]) -> None:
        self._say({"channel": "post", "data": answer})
        if updates:
            self._say({"channel": "orderUpdates", "data": updates})

    def _say(self, frame: dict[str, object]) -> None:
        self.send(json.dumps(frame).encode())


def _arrival(action: dict[str, object], at_ns: int) -> Arrival:
    return Arrival(at_ns, action, frozenset(bool(order["b"]) for order in quoted_orders(action)))
