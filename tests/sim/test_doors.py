"""Bodies as arrays and with repeated keys, IP weights and connection limits, account channels over the socket."""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec
import pytest

from hlmm.hyperliquid import typed_data
from hlmm.hyperliquid.signing import SecretKeySigner
from hlmm.sim.actions import decode_envelope
from hlmm.sim.auth import members, signers
from hlmm.sim.config import LimitConfig, SimConfig, SyntheticMarketConfig
from hlmm.sim.gateway import CloseConn, Gateway, HttpAnswer, Output, SendFrame
from hlmm.sim.world import build_world
from hlmm.types import NS_PER_MS, Ns
from tests.shared import SHARED, needs_shared

MISSHAPEN: Final = "Failed to deserialize the JSON body into the target type"
CHAIN: Final = {"hyperliquidChain": "Testnet", "signatureChainId": "0x66eee"}


class Door:
    """A venue with one coin behind its gateway, and the clock."""

    def __init__(self, **limits: int) -> None:
        market = SyntheticMarketConfig(coins=("BTC", "xyz:XYZ100"), warmup_s=0)
        self.gateway: Gateway = build_world(SimConfig(market=market, limits=LimitConfig(**limits)), 1)
        self.now = self.gateway.start
        keys = self.gateway.accounts[0]
        self.user = keys.address
        self._signer = SecretKeySigner(bytes.fromhex(keys.private_key[2:]))

    def post(self, body: object, path: str = "/info") -> tuple[int, Any]:
        """One HTTP request. Returns: status, and the body decoded when it is JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        found = self.gateway.http(1, path, data, self.now, "application/json")
        found += self.wait(1_000)
        (answer,) = (o for o in found if isinstance(o, HttpAnswer))
        return answer.status, json.loads(answer.body) if "json" in answer.content_type else answer.body.decode()

    def wait(self, ms: int) -> list[Output]:
        """Let time pass."""
        self.now = Ns(self.now + ms * NS_PER_MS)
        return self.gateway.advance(self.now)

    def say(self, conn: int, message: object) -> list[Any]:
        """Send one frame. Returns: decoded frames that came back at once."""
        text = message if isinstance(message, str) else json.dumps(message)
        return frames(self.gateway.receive(conn, text, self.now))

    def subscribe(self, conn: int, **topic: object) -> list[Any]:
        """Subscribe. Returns: decoded frames that came back at once."""
        return self.say(conn, {"method": "subscribe", "subscription": topic})

    def sign_off(self, **action: object) -> Any:  # noqa: ANN401 - venue JSON
        """Send a user-signed action; its answer."""
        nonce = self.now // NS_PER_MS
        whole: dict[str, Any] = {**CHAIN, **action, "nonce": nonce}
        signature = msgspec.to_builtins(typed_data.sign_user_action(self._signer, whole))
        return self.post({"action": whole, "nonce": nonce, "signature": signature}, "/exchange")[1]


def frames(outputs: list[Output]) -> list[Any]:
    """The frames among outputs, decoded."""
    return [json.loads(o.frame) for o in outputs if isinstance(o, SendFrame)]


def closed(outputs: list[Output]) -> list[int]:
    """The connections that outputs close."""
    return [o.conn for o in outputs if isinstance(o, CloseConn)]


ARRAYS: dict[str, tuple[list[object], dict[str, object]]] = {
    "type only": (["perpDexs"], {"type": "perpDexs"}),
    "optional": (["meta", "xyz"], {"type": "meta", "dex": "xyz"}),
    "user": (["userRole", "USER"], {"type": "userRole", "user": "USER"}),
    "user and dex": (["clearinghouseState", "USER", "xyz"], {"type": "clearinghouseState", "user": "USER",
                                                            "dex": "xyz"}),
    "figures": (["l2Book", "BTC", 3], {"type": "l2Book", "coin": "BTC", "nSigFigs": 3}),
}  # fmt: skip


@pytest.mark.parametrize("name", ARRAYS)
def test_info_bodies_as_arrays(name: str) -> None:
    """An info request may be an array: its type, then its fields in order."""
    array, equal = ARRAYS[name]
    one, two = Door(), Door()
    listed = [one.user if part == "USER" else part for part in array]
    keyed = {key: two.user if part == "USER" else part for key, part in equal.items()}
    assert one.post(listed) == two.post(keyed)
    assert one.post([*listed, 1, 2, 3, 4])[0] == 422


SHAPELESS: tuple[object, ...] = (
    [], ["nope"], [1], ["userRole"], ["userRole", "0x1"], ["userRole", "0X" + "1" * 40],
    b'{"type":"meta","type":"meta"}', b'{"type":"candleSnapshot","req":{"coin":"BTC","coin":"BTC"}}',
)  # fmt: skip


@pytest.mark.parametrize("body", SHAPELESS)
def test_wrong_shapes(body: object) -> None:
    """Arrays that are no request, malformed addresses, and keys that come twice are shapes the venue refuses."""
    assert Door().post(body) == (422, MISSHAPEN)


def test_exchange_takes_no_arrays_and_no_repeated_keys() -> None:
    """`/exchange` refuses arrays, repeated keys and unknown fields alike."""
    door = Door()
    good = b'{"action":{"type":"noop"},"nonce":1,"signature":{"r":"0x1","s":"0x1","v":27}'
    assert door.post(good + b"}", "/exchange")[0] == 200
    for body in (b"[1]", good + b',"nonce":2}', good + b',"more":2}', b'{"action":{"type":"noop","x":1}}'):
        assert door.post(body, "/exchange") == (422, MISSHAPEN)


def test_weights_count_per_request_and_per_row() -> None:
    """`userRole` weighs 60, light requests 2, the rest 20; posts over the socket count alike."""
    door = Door(ip_weight_per_min=162)
    door.gateway.open(1, door.now)
    role = {"type": "userRole", "user": door.user}
    assert [door.post(role)[0] for _ in range(3)] == [200, 200, 429]
    assert door.post({"type": "meta"})[0] == 200
    assert [door.post({"type": "exchangeStatus"})[0] for _ in range(11)] == [200] * 11
    found = door.say(1, {"method": "post", "id": 1, "request": {"type": "info", "payload": {"type": "meta"}}})
    found += frames(door.wait(500))
    assert found[-1]["data"]["response"] == {"type": "error", "payload": "429 Too Many Requests: null"}
    assert door.post({"type": "meta"}) == (429, None)
    door.wait(60_000)
    assert door.post({"type": "meta"})[0] == 200


def test_connection_limits() -> None:
    """The connection beyond the limit, or beyond the minute's number of new ones, is closed at once."""
    door = Door(ws_connections=2)
    outputs = [door.gateway.open(n, door.now) + door.wait(10) for n in (1, 2, 3)]
    assert [closed(found) for found in outputs] == [[], [], [3]]
    door = Door(ws_new_per_min=2)
    for number in (1, 2):
        door.gateway.open(number, door.now)
        door.gateway.close(number)
    assert closed(door.gateway.open(3, door.now) + door.wait(10)) == [3]
    door.wait(60_000)
    assert closed(door.gateway.open(4, door.now) + door.wait(10)) == []


def test_subscription_and_message_limits() -> None:
    """Subscriptions and distinct users beyond the limit get an error frame; too many messages close the socket."""
    door = Door(ws_subscriptions=2, ws_users=1, ws_messages_per_min=6)
    door.gateway.open(1, door.now)
    assert door.subscribe(1, type="orderUpdates", user=door.user)[0]["channel"] == "subscriptionResponse"
    (error,) = door.subscribe(1, type="orderUpdates", user="0x" + "ab" * 20)
    assert error == {"channel": "error", "data": "Cannot track more than 1 total users."}
    assert door.subscribe(1, type="allMids")[0]["channel"] == "subscriptionResponse"
    (error,) = door.subscribe(1, type="bbo", coin="BTC")
    assert error["data"] == "Cannot track more than 2 total subscriptions."
    assert [door.say(1, {"method": "ping"}) for _ in range(2)] == [[{"channel": "pong"}]] * 2
    assert closed(door.gateway.receive(1, '{"method":"ping"}', door.now)) == [1]


def test_repeated_keys_in_a_frame() -> None:
    """A frame with a key twice is one the venue cannot parse."""
    door = Door()
    door.gateway.open(1, door.now)
    text = '{"method":"ping","method":"ping"}'
    (error,) = door.say(1, text)
    assert error["data"] == f"Error parsing JSON into valid websocket request: {text}"


def test_ledger_and_state_are_pushed() -> None:
    """A transfer shows in the ledger channel with a snapshot first, and in the spot and perp state of its block."""
    door = Door()
    door.gateway.open(1, door.now)
    names = ("userNonFundingLedgerUpdates", "spotState", "clearinghouseState", "allDexsClearinghouseState")
    opened = [door.subscribe(1, type=name, user=door.user)[1] for name in names]
    assert opened[0]["data"]["isSnapshot"] is True
    nonce = door.now // NS_PER_MS
    action: dict[str, Any] = {**CHAIN, "type": "usdClassTransfer", "amount": "5", "toPerp": False, "nonce": nonce}
    keys = SecretKeySigner(bytes.fromhex(door.gateway.accounts[0].private_key[2:]))
    signature = msgspec.to_builtins(typed_data.sign_user_action(keys, action))
    envelope = {"action": action, "nonce": nonce, "signature": signature}
    door.say(1, {"method": "post", "id": 1, "request": {"type": "action", "payload": envelope}})
    found = {frame["channel"]: frame["data"] for frame in frames(door.wait(400))}
    (row,) = found["userNonFundingLedgerUpdates"]["nonFundingLedgerUpdates"]
    assert row["delta"] == {"type": "accountClassTransfer", "usdc": "5.0", "toPerp": False}
    assert found["spotState"]["spotState"]["balances"][0]["total"] == "5.0"
    assert found["clearinghouseState"]["clearinghouseState"]["withdrawable"] == "99995.0"
    assert [dex for dex, _ in found["allDexsClearinghouseState"]["clearinghouseStates"]] == ["", "xyz"]
    assert found["post"]["response"]["payload"] == {"status": "ok", "response": {"type": "default"}}


def test_wrong_chain() -> None:
    """A user-signed action for another chain than the venue's is refused before anything else."""
    door = Door()
    door.gateway._config = SimConfig(network="mainnet")
    answer = door.sign_off(type="usdClassTransfer", amount="1", toPerp=False)
    assert answer == {"status": "err", "response": "Mainnet and testnet require different signature."}


@needs_shared
def test_recorded_multi_sig_envelopes_recover() -> None:
    """Leader and members of every recorded or generated multi-sig envelope are recovered from their signatures."""
    vectors = json.loads((SHARED / "hyperliquid" / "vectors.json").read_text())
    (real,) = vectors["real_multisig"]
    envelope = decode_envelope(real["http_body"])
    assert real["outer_signer"].lower() in signers(envelope, "any")
    for signer, candidates in zip(real["inner_signers"], members(envelope, "any"), strict=True):
        assert signer.lower() in candidates
    for vector in vectors["multisig"]:
        envelope = decode_envelope(vector["http_body"])
        expected = [SecretKeySigner(bytes.fromhex(key[2:])).address for key in vector["inner_keys"]]
        leader = SecretKeySigner(bytes.fromhex(vector["outer_key"][2:])).address
        assert leader in signers(envelope, "any")
        assert all(key in found for key, found in zip(expected, members(envelope, "any"), strict=True))
