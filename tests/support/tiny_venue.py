"""A venue of a few lines for the flatten tests: a book is a slippage and a depth, and faults come on demand."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from typing import Final

from hlmm.core.flatten import FlattenConfig
from hlmm.hyperliquid.actions import Cancel, Order, decode_action, pack
from hlmm.hyperliquid.signing import (
    SecretKeySigner,
    Signature,
    agent_digest,
    connection_id,
    recover,
)
from hlmm.types import Address, Ms

KEY: Final = bytes(range(1, 33))
ACCOUNT: Final = Address("0x" + "a1" * 20)
MID: Final = {"BTC": 60_000.0, "ETH": 3_000.0, "xyz:GOLD": 2_500.0}
SZ_DECIMALS: Final = {"BTC": 5, "ETH": 4, "xyz:GOLD": 3}
ASSET: Final = {"BTC": 0, "ETH": 1, "xyz:GOLD": 110_000}
CONFIG: Final = FlattenConfig(
    slippage_first_bps=20,
    slippage_max_bps=1000,
    order_max_usd=10_000_000,
    poll_s=0.5,
    request_timeout_s=5.0,
    clean_reads=2,
)


class FakeClock:
    """Time that passes only by sleeping and by silent requests."""

    def __init__(self, epoch_ms: int = 1_790_000_000_000) -> None:
        self.epoch_ms = epoch_ms
        self.elapsed_s = 0.0

    def now_ms(self) -> Ms:
        """Epoch plus what passed."""
        return Ms(self.epoch_ms + round(self.elapsed_s * 1000))

    def monotonic_s(self) -> float:
        """What passed."""
        return self.elapsed_s

    def sleep(self, seconds: float) -> None:
        """Pass."""
        self.elapsed_s += seconds


class TinyVenue:
    """Orders rest, positions stand, IOCs fill when their limit is `slippage_bps` from mid, at most `depth` each."""

    def __init__(self, clock: FakeClock, *, venue_epoch_ms: int | None = None) -> None:
        self.clock = clock
        self.skew_ms = 0 if venue_epoch_ms is None else venue_epoch_ms - clock.epoch_ms
        self.orders: dict[int, tuple[str, str | None]] = {}
        self.positions: dict[str, float] = {}
        self.slippage_bps = 5.0
        self.depth: float | None = None
        self.faults: deque[str] = deque()
        self.info_faults: deque[str] = deque()
        self.garbage: dict[str, str] = {}
        self.nonces: list[int] = []
        self.actions: list[str] = []
        self.min_notional_on_closes = False
        self.before_exchange: Callable[[], None] = lambda: None

    def rest(self, oid: int, coin: str, cloid: str | None = None) -> None:
        """Put an order into the book."""
        self.orders[oid] = (coin, cloid)

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """The venue's HTTP. Raises: TimeoutError when a fault says so."""
        if path == "/info":
            return self._info(json.loads(body))
        self.before_exchange()
        fault = self.faults.popleft() if self.faults else ""
        match fault:
            case "lost":
                self.clock.sleep(5.0)
                raise TimeoutError
            case "applied":
                self._exchange(body)
                self.clock.sleep(5.0)
                raise TimeoutError
            case "429":
                return 429, b"null"
            case "":
                return 200, json.dumps(self._exchange(body)).encode()
            case text:
                return 200, json.dumps({"status": "err", "response": text}).encode()

    def _info(self, question: dict[str, str]) -> tuple[int, bytes]:
        fault = self.info_faults.popleft() if self.info_faults else ""
        if fault == "silent":
            self.clock.sleep(5.0)
            raise TimeoutError
        if wrong := fault or self.garbage.get(question["type"]):
            return 200, wrong.encode()
        assert question.get("user", ACCOUNT) == ACCOUNT, "state is asked by the account's address"
        return 200, json.dumps(self._answer(question["type"], question.get("dex", ""))).encode()

    def _answer(self, kind: str, dex: str) -> object:
        mine = [coin for coin in MID if coin.startswith(dex + ":") or (not dex and ":" not in coin)]
        match kind:
            case "perpDexs":
                return [None, {"name": "xyz"}]
            case "meta":
                return {
                    "universe": [{"name": coin, "szDecimals": SZ_DECIMALS[coin], "maxLeverage": 40} for coin in mine]
                }
            case "allMids":
                return {coin: str(MID[coin]) for coin in mine}
            case "openOrders":
                shown = [oid for oid, (coin, _) in self.orders.items() if coin in mine or (not dex and "@" in coin)]
                return [self._order(oid) for oid in shown]
            case _:
                assert kind == "clearinghouseState", kind
                return self._state(mine)

    def _order(self, oid: int) -> dict[str, object]:
        coin, cloid = self.orders[oid]
        order = {
            "coin": coin,
            "side": "B",
            "limitPx": "100.0",
            "sz": "1.0",
            "oid": oid,
            "timestamp": 1,
            "origSz": "1.0",
        }
        return order | ({"cloid": cloid} if cloid else {})

    def _state(self, coins: list[str]) -> dict[str, object]:
        held = {coin: size for coin, size in self.positions.items() if coin in coins and size}
        holdings = [
            {"position": {"coin": coin, "szi": f"{size:.5f}", "positionValue": f"{abs(size) * MID[coin]:.4f}"}}
            for coin, size in held.items()
        ]
        margin = {"accountValue": "1.0", "totalMarginUsed": "0.0"}
        time = self.clock.now_ms() + self.skew_ms
        return {"marginSummary": margin, "withdrawable": "0.0", "assetPositions": holdings, "time": time}

    def _exchange(self, body: bytes) -> dict[str, object]:
        sent = json.loads(body)
        action = decode_action(json.dumps(sent["action"]).encode())
        digest = agent_digest(connection_id(pack(action), sent["nonce"], None, None), "mainnet")
        signature = Signature(**sent["signature"])
        assert recover(digest, signature) == SecretKeySigner(KEY).address
        assert abs(sent["nonce"] - (self.clock.now_ms() + self.skew_ms)) < 86_400_000, "nonce window"
        if sent["nonce"] in self.nonces:
            return {"status": "err", "response": f"Invalid nonce: duplicate nonce {sent['nonce']}"}
        self.nonces.append(sent["nonce"])
        match action:
            case Cancel():
                self.actions.append("cancel")
                statuses = [self._cancel(one.oid, one.asset) for one in action.cancels]
            case Order():
                self.actions.append("order")
                statuses = [self._ioc(one.asset, float(one.px), float(one.sz)) for one in action.orders]
                assert all(one.reduce_only for one in action.orders)
            case other:
                raise AssertionError(other)
        return {"status": "ok", "response": {"type": "order", "data": {"statuses": statuses}}}

    def _cancel(self, oid: int, asset: int) -> object:
        if oid not in self.orders:
            return {"error": f"Order was never placed, already canceled, or filled. asset={asset}"}
        coin = self.orders[oid][0]
        assert asset == (10_000 + int(coin[1:]) if coin.startswith("@") else ASSET[coin])
        del self.orders[oid]
        return "success"

    def _ioc(self, asset: int, px: float, size: float) -> object:
        coin = next(coin for coin, number in ASSET.items() if number == asset)
        held = self.positions.get(coin, 0.0)
        if not held:
            return {"error": f"Reduce only order would increase position. asset={asset}"}
        if self.min_notional_on_closes:
            return {"error": f"Order must have minimum value of $10. asset={asset}"}
        reach_bps = (1 - px / MID[coin]) * 10_000 * (1 if held > 0 else -1)
        if reach_bps + 1e-6 < self.slippage_bps:
            return {"error": f"Order could not immediately match against any resting orders. asset={asset}"}
        filled = min(size, abs(held), self.depth or size)
        self.positions[coin] = round(held - filled * (1 if held > 0 else -1), SZ_DECIMALS[coin])
        return {"filled": {"totalSz": str(filled), "avgPx": "1.0", "oid": 1}}
