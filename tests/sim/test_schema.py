"""The simulator against the schema of the live venue: every info type, every channel, every answer, strictly."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any, Final

import msgspec
import pytest

from hlmm.hyperliquid import schema_table
from hlmm.hyperliquid.signing import SecretKeySigner
from hlmm.sim.actions import decode_envelope, signed_bytes
from hlmm.sim.config import CadenceConfig, SimConfig, SyntheticMarketConfig
from hlmm.sim.feeds import REQUIRED
from hlmm.sim.gateway import Gateway, HttpAnswer, SendFrame
from hlmm.sim.info import ANSWERS
from hlmm.sim.world import build_world
from hlmm.types import NS_PER_MS, Ns
from tests.hyperliquid.recordings import everything
from tests.shared import needs_shared
from tests.support.venue import NO_SIGNATURE

HOUR_MS: Final = 3_600_000
START_MS: Final = 490_000 * HOUR_MS - 6_000
BTC: Final = 0
BUILDER: Final = 110_000
ALO, IOC, GTC = ({"limit": {"tif": tif}} for tif in ("Alo", "Ioc", "Gtc"))
CHANNEL_OF: Final = {"userEvents": "user"}
USDC_ID: Final = "0xeb62eee3685fc4c43992febcd9e75443"
SPOT_TOPICS: Final = ("l2Book", "bbo", "trades", "candle", "activeAssetCtx")
QUIET: Final = ("notification",)
"""Channels on which this story causes nothing."""
TODAY: Final = ("mainnet_2026_06/", "hypaper_testnet/", "ws_probe_2026_09/")
"""Recordings recent enough to say which keys an answer has now."""


class Story:
    """One account that does a little of everything, over an hourly settlement, with every channel open."""

    def __init__(self) -> None:
        market = SyntheticMarketConfig(coins=("BTC", "ETH", "xyz:XYZ100"), warmup_s=10)
        config = SimConfig(market=market, cadence=CadenceConfig(state_ms=1_000))
        self.gateway: Gateway = build_world(config, 5, START_MS)
        self.now = self.gateway.start
        self.user = self.gateway.accounts[0].address
        self.frames: list[bytes] = []
        self.answers: list[bytes] = []
        self._signer = SecretKeySigner(bytes.fromhex(self.gateway.accounts[0].private_key[2:]))
        self.gateway.open(1, self.now)
        for kind in REQUIRED:
            self._subscribe(kind)
        for kind in SPOT_TOPICS:
            self._subscribe(kind, "PURR/USDC")
        self._tell()

    def _subscribe(self, kind: str, coin: str = "BTC") -> None:
        topic = {"type": kind, "coin": coin, "user": self.user, "interval": "1m"}
        needed = {name: topic[name] for name in ("type", *REQUIRED[kind])}
        frame = json.dumps({"method": "subscribe", "subscription": needed})
        self._keep(self.gateway.receive(1, frame, self.now))

    def _keep(self, outputs: list[Any]) -> list[HttpAnswer]:
        self.frames += [output.frame for output in outputs if isinstance(output, SendFrame)]
        return [output for output in outputs if isinstance(output, HttpAnswer)]

    def post(self, path: str, body: object) -> HttpAnswer:
        """One HTTP request, and its answer within a second."""
        found = self._keep(self.gateway.http(7, path, json.dumps(body).encode(), self.now))
        self.now = Ns(self.now + 1_000 * NS_PER_MS)
        (answer,) = found + self._keep(self.gateway.advance(self.now))
        return answer

    def ask(self, kind: str, **fields: object) -> HttpAnswer:
        """One info request."""
        return self.post("/info", {"type": kind, **fields})

    def act(self, **action: object) -> Any:  # noqa: ANN401 - the answer as JSON
        """One action signed by the account itself."""
        nonce = self.now // NS_PER_MS
        blank = {"action": action, "nonce": nonce, "signature": NO_SIGNATURE}
        packed = signed_bytes(decode_envelope(blank).action)
        signature = self._signer.sign_l1(packed, nonce, None, None, "testnet")
        answer = self.post("/exchange", {**blank, "signature": msgspec.to_builtins(signature)})
        self.answers.append(answer.body)
        return json.loads(answer.body)

    def order(self, **changes: object) -> Any:  # noqa: ANN401 - the answer as JSON
        """One order for 0.01 BTC at 100,000 USD."""
        wire = {"a": BTC, "b": True, "p": "100000", "s": "0.01", "r": False, "t": ALO, **changes}
        return self.act(type="order", orders=[wire], grouping="na")

    def _tell(self) -> None:
        """Orders of every kind, a position, a funding payment, a TWAP, a sub-account, refusals."""
        cloid = "0x" + "0a" * 16
        self.order(c=cloid)
        resting = self.order()["response"]["data"]["statuses"][0]["resting"]["oid"]
        self.order(t=IOC, p="115000", s="0.2")
        self.order(t=IOC, p="90000")
        self.order(p="130000")
        self.order(p="100000.123")
        self.order(a=BUILDER, p="20000", s="0.1")
        trigger = {"trigger": {"isMarket": True, "triggerPx": "90000", "tpsl": "sl"}}
        self.order(b=False, r=True, p="80000", t=trigger)
        wire = {"a": BTC, "b": True, "p": "100100", "s": "0.02", "r": False, "t": ALO}
        self.act(type="batchModify", modifies=[{"oid": resting, "order": wire}])
        self.act(type="cancelByCloid", cancels=[{"asset": BTC, "cloid": cloid}])
        self.act(type="cancel", cancels=[{"a": BTC, "o": 1}])
        self.act(type="updateLeverage", asset=1, isCross=False, leverage=3)
        self.order(a=1, t=IOC, p="4500", s="1")
        twap = {"a": BTC, "b": True, "s": "0.1", "r": False, "m": 5, "t": False}
        self.act(type="twapOrder", twap=twap)
        second = self.act(type="createSubAccount", name="second")["response"]["data"]
        self.act(type="subAccountTransfer", subAccountUser=second, isDeposit=True, usd=1_000_000)
        vault = {"name": "pool", "description": "a vault of the story", "initialUsd": 200_000_000}
        made = self.act(type="createVault", **vault, nonce=self.now // NS_PER_MS)
        self.vault = made["response"]["data"]
        self.act(type="noop")
        self.now = Ns(self.now + 61_000 * NS_PER_MS)
        self._keep(self.gateway.advance(self.now))

    def fields(self, kind: str) -> dict[str, object]:
        """What an info type must be asked with."""
        now = self.now // NS_PER_MS
        known: dict[str, object] = {
            "user": self.user, "coin": "BTC", "oid": "0x" + "0a" * 16, "start_time": now - HOUR_MS,
            "builder": self.user, "id": 40, "vault_address": self.vault, "source": self.user, "dex": "xyz",
            "token_id": USDC_ID, "req": {"coin": "BTC", "interval": "1m", "startTime": now - HOUR_MS},
        }  # fmt: skip
        names = {"start_time": "startTime", "vault_address": "vaultAddress", "token_id": "tokenId"}
        return {names.get(name, name): known[name] for name in ANSWERS[kind][0]}


@pytest.fixture(scope="module")
def story() -> Story:
    """The story, told once."""
    return Story()


def deviation(decode: Any, *message: Any) -> str:  # noqa: ANN401 - any decoder of the table
    """Why a message does not fit the schema; empty when it does."""
    try:
        decode(*message)
    except (msgspec.ValidationError, ValueError) as error:
        return str(error)
    return ""


def test_every_info_answer_fits(story: Story) -> None:
    """Every info type that the simulator serves answers in the shape of the live venue, nothing more or less."""
    wrong: dict[str, str] = {}
    for kind in ANSWERS:
        answer = story.ask(kind, **story.fields(kind))
        assert answer.status == 200, (kind, answer)
        wrong[kind] = deviation(schema_table.decode_info, kind, answer.body)
    assert {kind: why for kind, why in wrong.items() if why} == {}


def test_every_frame_fits(story: Story) -> None:
    """Every frame of every channel has the shape of the live venue, and every channel spoke."""
    seen: dict[str, int] = {}
    for frame in story.frames:
        assert deviation(schema_table.decode_frame, frame) == "", frame[:400]
        channel = json.loads(frame)["channel"]
        seen[channel] = seen.get(channel, 0) + 1
    expected = [CHANNEL_OF.get(kind, kind) for kind in REQUIRED if kind not in QUIET]
    assert [channel for channel in expected if channel not in seen] == []
    assert "activeSpotAssetCtx" in seen
    assert seen["subscriptionResponse"] == len(REQUIRED) + len(SPOT_TOPICS)


def test_every_answer_fits(story: Story) -> None:
    """Answers to orders, cancels, modifies, settings and refusals have the shapes of the live venue."""
    for answer in story.answers:
        assert deviation(schema_table.decode_answer, answer) == "", answer
    texts = b"".join(story.answers)
    for word in (b"resting", b"filled", b"error", b"waitingForTrigger", b"success", b"default"):
        assert word in texts, word


def keys_by_place(value: Any, place: str, found: dict[str, list[frozenset[str]]]) -> None:  # noqa: ANN401 - JSON
    """Collect the key sets of every object at every place of a JSON value."""
    if isinstance(value, dict):
        found.setdefault(place, []).append(frozenset(value))
        for key, item in value.items():
            keys_by_place(item, f"{place}.{key}", found)
    elif isinstance(value, list):
        for item in value:
            keys_by_place(item, f"{place}[]", found)


@needs_shared
def test_no_key_of_today_is_missing(story: Story) -> None:
    """Every key that all recent recordings of an info answer have, the simulator's answer has too."""
    recorded: dict[str, list[frozenset[str]]] = {}
    for recording in everything():
        if recording.form == "info" and recording.source.startswith(TODAY) and recording.kind != "allMids":
            keys_by_place(recording.value, recording.kind, recorded)
    simulated: dict[str, list[frozenset[str]]] = {}
    for kind in sorted({place.partition(".")[0].partition("[")[0] for place in recorded} & set(ANSWERS)):
        keys_by_place(json.loads(story.ask(kind, **story.fields(kind)).body), kind, simulated)
    missing = {
        place: sorted(frozenset.intersection(*recorded[place]) - frozenset.intersection(*keys))
        for place, keys in simulated.items()
        if place in recorded
    }
    assert {place: keys for place, keys in missing.items() if keys} == {}
    assert len(simulated) > 40


def test_the_spot_pair_is_listed_and_empty(story: Story) -> None:
    """A client that walks all markets finds the spot pair's book, trades and candles empty instead of an error."""
    book = json.loads(story.ask("l2Book", coin="PURR/USDC").body)
    assert book["levels"] == [[], []]
    assert story.ask("recentTrades", coin="PURR/USDC").body == b"[]"
    request = {"coin": "PURR/USDC", "interval": "1m", "startTime": 0}
    assert story.ask("candleSnapshot", req=request).body == b"[]"


def test_fast_contexts_unpack(story: Story) -> None:
    """`fastAssetCtxs` is base64 of raw deflate of mark and mid by coin."""
    packed = [json.loads(frame)["data"] for frame in story.frames if b'"fastAssetCtxs","data"' in frame]
    rows = json.loads(zlib.decompress(base64.b64decode(packed[0]), wbits=-15))
    assert set(rows) == {"BTC", "ETH", "xyz:XYZ100"}
    assert set(rows["BTC"]) == {"markPx", "midPx"}
