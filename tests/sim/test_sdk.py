"""The official hyperliquid-python-sdk, unmodified, against a spawned simulator."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hlmm.sim.config import LatencyConfig, SimConfig, SyntheticMarketConfig
from hlmm.sim.server import Ready, spawn, stop_spawned

eth_account = pytest.importorskip("eth_account")
sdk_info = pytest.importorskip("hyperliquid.info")
sdk_exchange = pytest.importorskip("hyperliquid.exchange")
sdk_types = pytest.importorskip("hyperliquid.utils.types")

DEADLINE_S = 20.0
BUY = True
GTC = {"limit": {"tif": "Gtc"}}
ALO = {"limit": {"tif": "Alo"}}


@pytest.fixture(scope="module")
def venue() -> Iterator[Ready]:
    """A running simulator."""
    market = SyntheticMarketConfig(coins=("BTC", "ETH", "xyz:XYZ100"), warmup_s=10)
    latency = LatencyConfig(ingress_ms=5, answer_ms=5, feed_ms=5, info_ms=2)
    process, ready = spawn(SimConfig(market=market, latency=latency, seed=7))
    yield ready
    stop_spawned(process)


class Client:
    """The SDK's two halves for one sandbox account."""

    def __init__(self, ready: Ready, index: int, *, agent: bool = False, feeds: bool = False) -> None:
        keys = ready.accounts[index]
        self.address = keys.address
        key = keys.agent_private_key if agent else keys.private_key
        self.info = sdk_info.Info(ready.rest_url, skip_ws=not feeds)
        wallet = eth_account.Account.from_key(key)
        self.exchange = sdk_exchange.Exchange(wallet, ready.rest_url, account_address=keys.address if agent else None)

    def far_bid(self, coin: str = "BTC") -> float:
        """A bid price 5 % below the mid, on the grid."""
        return float(round(float(self.info.all_mids()[coin]) * 0.95))

    def resting(self) -> list[int]:
        """Oids of the account's open orders."""
        return [order["oid"] for order in self.info.open_orders(self.address)]


def eventually(found: Callable[[], bool]) -> bool:
    """Whether it becomes true before the deadline."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        if found():
            return True
        time.sleep(0.02)
    return False


def only(answer: dict[str, Any]) -> Any:  # noqa: ANN401 - the SDK is untyped
    """The single status of an answer."""
    assert answer["status"] == "ok", answer
    (status,) = answer["response"]["data"]["statuses"]
    return status


def position_of(frames: list[Any]) -> tuple[bool, int]:
    """Whether there were fills beyond the snapshot, and the position (1e-5) they add up to."""
    fills = [fill for part in frames if "isSnapshot" not in part for fill in part["fills"]]
    return bool(fills), sum(round(float(fill["sz"]) * 1e5) * (1 if fill["side"] == "B" else -1) for fill in fills)


def test_place_and_cancel(venue: Ready) -> None:
    """An order placed by the SDK rests, is visible, and its cancel removes it."""
    client = Client(venue, 0)
    oid = only(client.exchange.order("BTC", BUY, 0.001, client.far_bid(), GTC))["resting"]["oid"]
    assert oid in client.resting()
    assert client.info.query_order_by_oid(client.address, oid)["order"]["status"] == "open"
    assert only(client.exchange.cancel("BTC", oid)) == "success"
    assert oid not in client.resting()
    assert client.info.query_order_by_oid(client.address, oid)["order"]["status"] == "canceled"
    assert "never placed" in only(client.exchange.cancel("BTC", oid))["error"]


def test_agent_trades_for_its_master(venue: Ready) -> None:
    """An agent's signature acts for the master account, whose state shows the order."""
    client = Client(venue, 0, agent=True)
    oid = only(client.exchange.order("ETH", BUY, 0.01, client.far_bid("ETH"), ALO))["resting"]["oid"]
    assert oid in client.resting()
    assert client.info.user_role(venue.accounts[0].agent_address)["data"]["user"] == client.address
    assert only(client.exchange.cancel("ETH", oid)) == "success"


def test_modify_gives_a_new_oid(venue: Ready) -> None:
    """A modified order keeps its cloid and gets a new oid; the old one is canceled."""
    client = Client(venue, 0)
    cloid = sdk_types.Cloid.from_int(0xA1)
    px = client.far_bid()
    old = only(client.exchange.order("BTC", BUY, 0.001, px, ALO, cloid=cloid))["resting"]["oid"]
    answer = client.exchange.modify_order(cloid, "BTC", BUY, 0.002, px - 100, ALO, cloid=cloid)
    new = only(answer)["resting"]["oid"]
    assert new > old
    assert client.resting() == [new]
    assert client.info.query_order_by_cloid(client.address, cloid)["order"]["order"]["oid"] == new
    assert only(client.exchange.cancel_by_cloid("BTC", cloid)) == "success"
    assert client.resting() == []


def test_market_open_and_close(venue: Ready) -> None:
    """A market order opens a position at the book's price and market_close flattens it."""
    client = Client(venue, 1)
    filled = only(client.exchange.market_open("BTC", BUY, 0.01))["filled"]
    assert filled["totalSz"] == "0.01"
    state = client.info.user_state(client.address)
    assert [p["position"]["szi"] for p in state["assetPositions"]] == ["0.01"]
    assert float(only(client.exchange.market_close("BTC"))["filled"]["totalSz"]) == pytest.approx(0.01)
    assert client.info.user_state(client.address)["assetPositions"] == []
    directions = [fill["dir"] for fill in client.info.user_fills(client.address)]
    assert {"Open Long", "Close Long"} == set(directions)


def test_schedule_cancel_clears_the_book(venue: Ready) -> None:
    """The dead man's switch cancels every open order at its time, with its own status."""
    client = Client(venue, 2)
    oid = only(client.exchange.order("BTC", BUY, 0.001, client.far_bid(), GTC))["resting"]["oid"]
    early = client.exchange.schedule_cancel(int(time.time() * 1000) + 1_000)
    assert early["status"] == "err"
    assert "at least 5 seconds" in early["response"]
    assert client.exchange.schedule_cancel(int(time.time() * 1000) + 5_500)["status"] == "ok"
    assert eventually(lambda: client.resting() == [])
    assert client.info.query_order_by_oid(client.address, oid)["order"]["status"] == "scheduledCancel"


def test_leverage_and_state_reads(venue: Ready) -> None:
    """Leverage is set, and every state read of the SDK has the venue's shape."""
    client = Client(venue, 2)
    assert client.exchange.update_leverage(7, "ETH")["status"] == "ok"
    assert client.exchange.update_leverage(700, "ETH")["response"] == "Invalid leverage value"
    assert client.info.user_state(client.address)["marginSummary"]["accountValue"] == "100000.0"
    assert client.info.frontend_open_orders(client.address) == []
    assert client.info.user_fees(client.address)["userAddRate"] == "-0.00002"
    assert client.info.spot_user_state(client.address)["balances"][0]["coin"] == "USDC"
    assert client.info.l2_snapshot("BTC")["coin"] == "BTC"
    now = int(time.time() * 1000)
    assert client.info.candles_snapshot("BTC", "1m", now - 600_000, now)[-1]["s"] == "BTC"
    assert client.info.funding_history("BTC", now - 600_000) == []
    assert client.info.user_funding_history(client.address, now - 600_000) == []
    assert client.info.extra_agents(client.address) == []


def test_builder_dex_coin(venue: Ready) -> None:
    """A coin of a builder dex trades under the asset id that the SDK computes."""
    keys = venue.accounts[0]
    wallet = eth_account.Account.from_key(keys.private_key)
    exchange = sdk_exchange.Exchange(wallet, venue.rest_url, perp_dexs=["", "xyz"])
    mid = float(exchange.info.all_mids("xyz")["xyz:XYZ100"])
    oid = only(exchange.order("xyz:XYZ100", BUY, 0.01, float(round(mid * 0.97)), ALO))["resting"]["oid"]
    assert [o["oid"] for o in exchange.info.open_orders(keys.address, "xyz")] == [oid]
    assert only(exchange.cancel("xyz:XYZ100", oid)) == "success"


def test_approved_agent_may_trade(venue: Ready) -> None:
    """An agent approved through the SDK signs orders for the account at once."""
    client = Client(venue, 2)
    answer, key = client.exchange.approve_agent("tests")
    assert answer["status"] == "ok"
    wallet = eth_account.Account.from_key(key)
    agent = sdk_exchange.Exchange(wallet, venue.rest_url, account_address=client.address)
    oid = only(agent.order("BTC", BUY, 0.001, client.far_bid(), ALO))["resting"]["oid"]
    assert only(agent.cancel("BTC", oid)) == "success"
    assert [a["name"] for a in client.info.extra_agents(client.address)] == ["tests"]


def test_subscriptions(venue: Ready) -> None:
    """Market and user channels of the SDK deliver, fills and order updates included."""
    client = Client(venue, 1, feeds=True)
    seen: dict[str, list[Any]] = {}

    def listen(topic: dict[str, Any]) -> None:
        client.info.subscribe(topic, lambda message: seen.setdefault(message["channel"], []).append(message["data"]))

    for name in ("bbo", "l2Book", "trades", "activeAssetCtx"):
        listen({"type": name, "coin": "BTC"})
    for name in ("orderUpdates", "userFills", "userEvents", "userFundings"):
        listen({"type": name, "user": client.address})
    listen({"type": "allMids"})
    listen({"type": "candle", "coin": "BTC", "interval": "1m"})
    try:
        assert eventually(lambda: "userFills" in seen and "orderUpdates" not in seen)
        only(client.exchange.market_open("BTC", BUY, 0.005))
        only(client.exchange.market_close("BTC"))
        wanted = {"bbo", "l2Book", "trades", "activeAssetCtx", "orderUpdates", "userFills", "user", "allMids", "candle"}
        assert eventually(lambda: wanted <= set(seen)), wanted - set(seen)
        assert eventually(lambda: sum(len(part) for part in seen["orderUpdates"]) == 4)
        statuses = [update["status"] for part in seen["orderUpdates"] for update in part]
        assert statuses == ["open", "filled", "open", "filled"]
        assert eventually(lambda: position_of(seen["userFills"]) == (True, 0))
    finally:
        client.info.disconnect_websocket()
