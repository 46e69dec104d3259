"""The simulator's doors: HTTP statuses, acks, errors, posts, pushes, idle close, and determinism, without a socket."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

import msgspec
import pytest

from hlmm.hyperliquid.signing import Network, SecretKeySigner
from hlmm.sim.actions import decode_envelope, signed_bytes
from hlmm.sim.auth import signers
from hlmm.sim.config import LimitConfig, SimConfig, SyntheticMarketConfig
from hlmm.sim.gateway import CloseConn, Gateway, HttpAnswer, Output, SendFrame
from hlmm.sim.world import build_world
from hlmm.types import NS_PER_MS, Ns
from tests.shared import SHARED, needs_shared
from tests.support.venue import NO_SIGNATURE

MS: Final = NS_PER_MS
MISSHAPEN: Final = "Failed to deserialize the JSON body into the target type"
JSON: Final = "application/json"
NOBODY: Final = b"0x" + b"1" * 40


class Client:
    """One connection, and the clock."""

    def __init__(self, seed: int = 1) -> None:
        market = SyntheticMarketConfig(coins=("BTC", "xyz:XYZ100"), warmup_s=20)
        self.gateway: Gateway = build_world(SimConfig(market=market), seed)
        self.now = self.gateway.start
        self.outputs: list[Output] = list(self.gateway.open(1, self.now))
        self._signer = SecretKeySigner(bytes.fromhex(self.gateway.accounts[0].agent_private_key[2:]))

    def wait(self, ms: int) -> list[Any]:
        """Let time pass. Returns: decoded frames of it."""
        self.now = Ns(self.now + ms * MS)
        found = self.gateway.advance(self.now)
        self.outputs += found
        return [json.loads(o.frame) for o in found if isinstance(o, SendFrame)]

    def say(self, message: object) -> list[Any]:
        """Send one frame. Returns: decoded frames that came back at once."""
        found = self.gateway.receive(1, message if isinstance(message, str) else json.dumps(message), self.now)
        self.outputs += found
        return [json.loads(o.frame) for o in found if isinstance(o, SendFrame)]

    def subscribe(self, **topic: object) -> list[Any]:
        """Subscribe. Returns: decoded frames that came back at once."""
        return self.say({"method": "subscribe", "subscription": topic})

    def post(self, body: bytes, path: str = "/info", kind: str = JSON) -> HttpAnswer:
        """One HTTP request, and its answer within a second."""
        found = self.gateway.http(9, path, body, self.now, kind)
        self.now = Ns(self.now + 1_000 * MS)
        found += self.gateway.advance(self.now)
        (answer,) = (o for o in found if isinstance(o, HttpAnswer))
        return answer

    def signed(self, action: dict[str, object], network: Network = "testnet") -> dict[str, object]:
        """An action signed by the first account's agent."""
        nonce = self.now // MS
        blank = {"action": action, "nonce": nonce, "signature": NO_SIGNATURE}
        packed = signed_bytes(decode_envelope(blank).action)
        signature = self._signer.sign_l1(packed, nonce, None, None, network)
        return {**blank, "signature": msgspec.to_builtins(signature)}


BODIES: dict[str, tuple[bytes, str, str, int, str]] = {
    "broken JSON": (b'{"type":', "/info", JSON, 400, "Failed to parse the request body as JSON"),
    "unknown type": (b'{"type":"nope"}', "/info", JSON, 422, MISSHAPEN),
    "missing field": (b'{"type":"l2Book"}', "/info", JSON, 422, MISSHAPEN),
    "no content type": (b'{"type":"meta"}', "/info", "", 415, "Expected request with `Content-Type: application/json`"),
    "bad figures": (b'{"type":"l2Book","coin":"BTC","nSigFigs":6}', "/info", JSON, 500, "null"),
    "unknown dex": (b'{"type":"meta","dex":"zzz"}', "/info", JSON, 500, "null"),
    "unknown coin": (b'{"type":"l2Book","coin":"ZZZ"}', "/info", JSON, 200, "null"),
    "array on exchange": (b"[1]", "/exchange", JSON, 422, MISSHAPEN),
    "trailing bytes": (b'{"type":"userDexAbstraction","user":"' + NOBODY + b'"}xyz', "/info", JSON, 200, "null"),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_http_layer(name: str) -> None:
    """Malformed requests get the status and text of the live venue."""
    body, path, kind, status, text = BODIES[name]
    answer = Client().post(body, path, kind)
    assert (answer.status, answer.body.decode()) == (status, text)


def test_acks_fill_in_defaults_and_duplicates_are_errors() -> None:
    """An ack echoes the subscription with its defaults, before any data; a second one is an error."""
    client = Client()
    ack, snapshot = client.subscribe(type="l2Book", coin="BTC")
    echo = {"type": "l2Book", "coin": "BTC", "nSigFigs": None, "mantissa": None, "fast": False}
    assert ack == {"channel": "subscriptionResponse", "data": {"method": "subscribe", "subscription": echo}}
    assert snapshot["channel"] == "l2Book"
    assert len(snapshot["data"]["levels"][0]) == 20
    (error,) = client.subscribe(type="l2Book", coin="BTC")
    text = '{"type":"l2Book","coin":"BTC","nSigFigs":null,"mantissa":null,"fast":false}'
    assert error == {"channel": "error", "data": f"Already subscribed: {text}"}
    (gone,) = client.say({"method": "unsubscribe", "subscription": {"type": "l2Book", "coin": "BTC"}})
    assert gone["data"]["method"] == "unsubscribe"


@pytest.mark.parametrize("message", ["nonsense", {"method": "subscribe"}, {"method": "subscribe", "subscription": {
    "type": "bbo", "coin": ["BTC"]}}, {"method": "post", "request": {}}])  # fmt: skip
def test_unparsable_frames_are_echoed(message: object) -> None:
    """What the venue cannot parse comes back inside an error frame, and the connection stays."""
    client = Client()
    (error,) = client.say(message)
    sent = message if isinstance(message, str) else json.dumps(message)
    assert error["data"] == f"Error parsing JSON into valid websocket request: {sent}"
    assert client.say({"method": "ping"}) == [{"channel": "pong"}]


def test_unknown_coin_closes_the_socket() -> None:
    """A subscription to an unknown coin gets no message: the socket closes within 200 ms."""
    client = Client()
    assert client.subscribe(type="bbo", coin="ZZZ") == []
    client.wait(200)
    assert any(isinstance(output, CloseConn) for output in client.outputs)


def test_idle_connection_is_closed_after_a_minute() -> None:
    """A connection to which nothing was sent for 60 s is closed; one with a feed is not."""
    idle, busy = Client(), Client()
    busy.subscribe(type="allMids")
    idle.wait(61_000)
    busy.wait(61_000)
    assert any(isinstance(output, CloseConn) for output in idle.outputs)
    assert not any(isinstance(output, CloseConn) for output in busy.outputs)


def test_trades_replay_history_first() -> None:
    """The first trades frame replays recent trades; later frames hold only newer ones, each after its block's bbo."""
    client = Client()
    client.subscribe(type="trades", coin="BTC")
    client.subscribe(type="bbo", coin="BTC")
    first = json.loads(
        next(o.frame for o in client.outputs if isinstance(o, SendFrame) and b'"trades"' in o.frame[:25])
    )
    newest = max(trade["time"] for trade in first["data"])
    later = client.wait(20_000)
    fresh = [frame for frame in later if frame["channel"] == "trades"]
    assert fresh
    assert all(trade["time"] > newest for frame in fresh for trade in frame["data"])
    last_bbo = 0
    for frame in later:
        if frame["channel"] == "bbo":
            last_bbo = frame["data"]["time"]
        elif last_bbo:
            assert frame["data"][0]["time"] >= last_bbo


def test_cadence_of_books() -> None:
    """The default book comes every 5.4 s with 20 levels, the fast one every 0.54 s with 5."""
    slow, fast = Client(), Client()
    slow.subscribe(type="l2Book", coin="BTC")
    fast.subscribe(type="l2Book", coin="BTC", fast=True)
    assert 10 <= len(slow.wait(60_000)) <= 12
    frames = fast.wait(60_000)
    assert 105 <= len(frames) <= 118
    assert all(len(frame["data"]["levels"][0]) == 5 and frame["data"]["fast"] for frame in frames)


@pytest.mark.parametrize("network", ["mainnet", "testnet"])
def test_orders_over_post(network: Network) -> None:
    """An order posted over the socket is answered after its block as over HTTP, signed for either network."""
    client = Client()
    mid = float(json.loads(client.post(b'{"type":"allMids"}').body)["BTC"])
    order = {"a": 0, "b": True, "p": str(round(mid * 0.99)), "s": "0.001", "r": False, "t": {"limit": {"tif": "Alo"}}}
    action: dict[str, object] = {"type": "order", "orders": [order], "grouping": "na"}
    client.subscribe(type="orderUpdates", user=client.gateway.accounts[0].address.upper().replace("0X", "0x"))
    request = {"type": "action", "payload": client.signed(action, network)}
    assert client.say({"method": "post", "id": 17, "request": request}) == []
    frames = client.wait(400)
    (answer,) = (frame["data"] for frame in frames if frame["channel"] == "post")
    assert answer["id"] == 17
    oid = answer["response"]["payload"]["response"]["data"]["statuses"][0]["resting"]["oid"]
    (update,) = (frame["data"][0] for frame in frames if frame["channel"] == "orderUpdates")
    assert (update["order"]["oid"], update["status"]) == (oid, "open")
    again = client.say({"method": "post", "id": 18, "request": request}) + client.wait(400)
    (refused,) = (frame["data"]["response"]["payload"] for frame in again if frame["channel"] == "post")
    assert "duplicate nonce" in refused["response"]


def test_posted_info() -> None:
    """An info request over the socket answers with its type and data; a malformed one with an error."""
    client = Client()
    frames = []
    for number, payload in enumerate(({"type": "l2Book", "coin": "ZZZ"}, {"type": "zzz"}), 1):
        frames += client.say({"method": "post", "id": number, "request": {"type": "info", "payload": payload}})
    frames += client.wait(200)
    found = {f["data"]["id"]: f["data"]["response"] for f in frames if f["channel"] == "post"}
    assert found[1] == {"type": "info", "payload": {"type": "l2Book", "data": None}}
    assert found[2]["type"] == "error"


def test_same_seed_same_bytes() -> None:
    """Two venues of one seed emit identical bytes at identical times; another seed does not."""

    def run(seed: int) -> str:
        client = Client(seed)
        for name in ("bbo", "trades", "l2Book", "activeAssetCtx"):
            client.subscribe(type=name, coin="BTC")
        client.wait(30_000)
        return hashlib.sha256(repr(client.outputs).encode()).hexdigest()

    assert run(4) == run(4)
    assert run(4) != run(5)


@needs_shared
def test_recorded_signatures_recover() -> None:
    """Every recorded or generated request whose action the simulator serves recovers to its signer."""
    vectors = json.loads((SHARED / "hyperliquid" / "vectors.json").read_text())
    checked = 0
    for vector in vectors["generated"] + vectors["real_testnet_requests"]:
        body = vector.get("http_body")
        if body is None:
            keys = ("action", "nonce", "signature")
            body = {key: vector[key] for key in keys if key in vector}
            body |= {"vaultAddress": vector.get("vault_address"), "expiresAfter": vector.get("expires_after")}
            body.setdefault("nonce", vector["action"].get("nonce", vector["action"].get("time")))
        try:
            envelope = decode_envelope(body)
        except ValueError:
            continue
        assert vector["signer"].lower() in signers(envelope, "any"), vector["name"]
        checked += 1
    assert checked > 90


def test_ip_weight_limit() -> None:
    """Where the IP limit is on, the request that exceeds it gets 429 and `null`; a minute later it passes."""
    config = SimConfig(
        market=SyntheticMarketConfig(coins=("BTC",), warmup_s=0), limits=LimitConfig(ip_weight_per_min=45)
    )
    client = Client()
    client.gateway = build_world(config, 1)
    client.now = client.gateway.start
    assert [client.post(b'{"type":"meta"}').status for _ in range(3)] == [200, 200, 429]
    client.now = Ns(client.now + 60_000 * MS)
    assert client.post(b'{"type":"meta"}').status == 200


def test_private_feeds_of_one_block_agree() -> None:
    """A fill shows in orderUpdates, userEvents, userFills and the position, all of the same block."""
    client = Client()
    user = client.gateway.accounts[0].address
    for name in ("orderUpdates", "userEvents", "userFills", "openOrders", "clearinghouseState"):
        client.subscribe(type=name, user=user)
    mid = float(json.loads(client.post(b'{"type":"allMids"}').body)["BTC"])
    order = {"a": 0, "b": True, "p": str(round(mid * 1.01)), "s": "0.001", "r": False, "t": {"limit": {"tif": "Ioc"}}}
    request = {"type": "action", "payload": client.signed({"type": "order", "orders": [order], "grouping": "na"})}
    client.say({"method": "post", "id": 3, "request": request})
    frames = [frame for frame in client.wait(400) if frame["channel"] != "post"]
    data = {frame["channel"]: frame["data"] for frame in frames}
    assert [update["status"] for update in data["orderUpdates"]] == ["open", "filled"]
    assert data["user"]["fills"] == data["userFills"]["fills"]
    assert {fill["time"] for fill in data["userFills"]["fills"]} == {data["orderUpdates"][0]["statusTimestamp"]}
    held = data["clearinghouseState"]["clearinghouseState"]["assetPositions"]
    assert held[0]["position"]["szi"] == "0.001"
    assert data["openOrders"]["orders"] == []
