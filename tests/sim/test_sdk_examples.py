"""What the official SDK's examples do, as calls of the unmodified SDK against a spawned simulator."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

import pytest

from hlmm.sim.server import Ready
from tests.support.foreign import ALO, BUY, GTC, SELL, eventually, far_below, only, sandbox, statuses

eth_account = pytest.importorskip("eth_account")
sdk_info = pytest.importorskip("hyperliquid.info")
sdk_exchange = pytest.importorskip("hyperliquid.exchange")
sdk_signing = pytest.importorskip("hyperliquid.utils.signing")
sdk_types = pytest.importorskip("hyperliquid.utils.types")

BTC: Final = "BTC"
ETH: Final = "ETH"
MICRO: Final = 1_000_000


@pytest.fixture(scope="module")
def venue() -> Iterator[Ready]:
    """A running simulator."""
    with sandbox(seed=11) as ready:
        yield ready


class Trader:
    """The SDK's two halves for one sandbox account, as every example sets them up."""

    def __init__(self, ready: Ready, index: int, *, vault: str | None = None) -> None:
        self.keys = ready.accounts[index]
        self.url = ready.rest_url
        self.address = self.keys.address
        self.info = sdk_info.Info(self.url, skip_ws=True)
        self.wallet = eth_account.Account.from_key(self.keys.private_key)
        self.exchange = sdk_exchange.Exchange(self.wallet, self.url, vault_address=vault)

    def mid(self, coin: str = BTC) -> float:
        """The mid price."""
        return float(self.info.all_mids()[coin])

    def rest(self, coin: str = BTC, size: float = 0.001, **wishes: object) -> int:
        """An order far below the market. Returns: its oid."""
        answer = self.exchange.order(coin, BUY, size, far_below(self.mid(coin)), GTC, **wishes)
        return int(only(answer)["resting"]["oid"])

    def open_oids(self, owner: str | None = None) -> list[int]:
        """Oids of open orders."""
        return [order["oid"] for order in self.info.open_orders(owner or self.address)]

    def position(self, coin: str, owner: str | None = None) -> float:
        """Signed position in base units."""
        held = [p["position"] for p in self.info.user_state(owner or self.address)["assetPositions"]]
        return sum(float(p["szi"]) for p in held if p["coin"] == coin)


def test_basic_order(venue: Ready) -> None:
    """Positions are read, an order is placed, looked up by oid and cancelled."""
    trader = Trader(venue, 0)
    assert trader.info.user_state(trader.address)["assetPositions"] == []
    oid = trader.rest(ETH, 0.2)
    found = trader.info.query_order_by_oid(trader.address, oid)
    assert (found["status"], found["order"]["order"]["oid"]) == ("order", oid)
    assert only(trader.exchange.cancel(ETH, oid)) == "success"


def test_basic_order_with_cloid(venue: Ready) -> None:
    """An order with a client id is looked up and cancelled by that id; an unknown id is unknownOid."""
    trader = Trader(venue, 0)
    cloid = sdk_types.Cloid.from_str("0x" + "00" * 15 + "a1")
    assert trader.info.query_order_by_cloid(trader.address, cloid)["status"] == "unknownOid"
    oid = trader.rest(ETH, 0.2, cloid=cloid)
    found = trader.info.query_order_by_cloid(trader.address, cloid)["order"]["order"]
    assert (found["oid"], found["cloid"]) == (oid, cloid.to_raw())
    assert only(trader.exchange.cancel_by_cloid(ETH, cloid)) == "success"
    assert "never placed" in only(trader.exchange.cancel_by_cloid(ETH, cloid))["error"]


def test_basic_order_modify(venue: Ready) -> None:
    """An order is modified by oid, then by cloid; each time the former is gone and the next rests."""
    trader = Trader(venue, 0)
    cloid = sdk_types.Cloid.from_int(0xB2)
    oid = trader.rest(ETH, 0.2, cloid=cloid)
    px = far_below(trader.mid(ETH))
    second = only(trader.exchange.modify_order(oid, ETH, BUY, 0.1, px - 1, GTC, cloid=cloid))["resting"]["oid"]
    third = only(trader.exchange.modify_order(cloid, ETH, BUY, 0.1, px - 2, GTC, cloid=cloid))["resting"]["oid"]
    assert oid < second < third
    assert trader.open_oids() == [third]
    status = trader.info.query_order_by_oid(trader.address, second)["order"]["status"]
    assert status == "canceled"
    assert only(trader.exchange.cancel(ETH, third)) == "success"


def test_basic_market_order(venue: Ready) -> None:
    """A market order opens, the position shows, and market_close flattens it."""
    trader = Trader(venue, 1)
    assert only(trader.exchange.market_open(ETH, BUY, 0.05, None, 0.01))["filled"]["totalSz"] == "0.05"
    assert trader.position(ETH) == pytest.approx(0.05)
    only(trader.exchange.market_close(ETH))
    assert trader.position(ETH) == 0


@pytest.mark.parametrize("side", [BUY, SELL])
def test_basic_tpsl(venue: Ready, side: bool) -> None:  # noqa: FBT001 - the SDK's own way
    """A position gets a take-profit and a stop, both wait and show, and go when cancelled."""
    trader = Trader(venue, 1)
    only(trader.exchange.market_open(BTC, side, 0.01))
    mid = trader.mid()
    kinds = (("tp", 1.1 if side else 0.9), ("sl", 0.9 if side else 1.1))
    for tpsl, factor in kinds:
        px = float(round(mid * factor))
        kind = {"trigger": {"triggerPx": px, "isMarket": True, "tpsl": tpsl}}
        answer = trader.exchange.order(BTC, not side, 0.01, px, kind, reduce_only=True)
        assert only(answer) == "waitingForTrigger"
    waiting = trader.info.frontend_open_orders(trader.address)
    assert sorted(order["orderType"] for order in waiting) == ["Stop Market", "Take Profit Market"]
    assert {order["triggerCondition"].split()[1] for order in waiting} == {"above", "below"}
    requests = [{"coin": BTC, "oid": order["oid"]} for order in waiting]
    assert statuses(trader.exchange.bulk_cancel(requests)) == ["success", "success"]
    only(trader.exchange.market_close(BTC))


def test_grouped_tpsl(venue: Ready) -> None:
    """An entry with its take-profit and stop in one action: the children wait for the fill and go with the parent."""
    trader = Trader(venue, 1)
    px = far_below(trader.mid())

    def leg(factor: float, tpsl: str) -> dict[str, Any]:
        at = float(round(px * factor))
        kind = {"trigger": {"triggerPx": at, "isMarket": True, "tpsl": tpsl}}
        return {"coin": BTC, "is_buy": SELL, "sz": 0.01, "limit_px": at, "order_type": kind, "reduce_only": True}

    entry = {"coin": BTC, "is_buy": BUY, "sz": 0.01, "limit_px": px, "order_type": GTC, "reduce_only": False}
    answer = trader.exchange.bulk_orders([entry, leg(1.1, "tp"), leg(0.9, "sl")], grouping="normalTpsl")
    parent, *children = statuses(answer)
    assert children == ["waitingForFill", "waitingForFill"]
    assert only(trader.exchange.cancel(BTC, parent["resting"]["oid"])) == "success"
    assert trader.open_oids() == []


def test_bulk_orders_and_cancels(venue: Ready) -> None:
    """A batch places several orders and reports each; a batch of cancels removes them."""
    trader = Trader(venue, 0)
    px = far_below(trader.mid())
    wish = {"coin": BTC, "is_buy": BUY, "sz": 0.001, "order_type": ALO, "reduce_only": False}
    answer = trader.exchange.bulk_orders([{**wish, "limit_px": px - step} for step in (0, 10, 20)])
    oids = [status["resting"]["oid"] for status in statuses(answer)]
    assert sorted(trader.open_oids()) == oids
    cancels = [{"coin": BTC, "oid": oid} for oid in oids]
    assert statuses(trader.exchange.bulk_cancel(cancels)) == ["success"] * 3


def test_bulk_modify_and_cancel_by_cloid(venue: Ready) -> None:
    """Several orders are replaced in one action, then cancelled by their client ids."""
    trader = Trader(venue, 0)
    cloids = [sdk_types.Cloid.from_int(number) for number in (0xC1, 0xC2)]
    oids = [trader.rest(BTC, cloid=cloid) for cloid in cloids]
    px = far_below(trader.mid())
    changes = [
        {
            "oid": oid,
            "order": {
                "coin": BTC, "is_buy": BUY, "sz": 0.002, "limit_px": px - 50, "order_type": ALO, "reduce_only": False,
                "cloid": cloid,
            },
        }
        for oid, cloid in zip(oids, cloids, strict=True)
    ]  # fmt: skip
    assert all("resting" in status for status in statuses(trader.exchange.bulk_modify_orders_new(changes)))
    cancels = [{"coin": BTC, "cloid": cloid} for cloid in cloids]
    assert statuses(trader.exchange.bulk_cancel_by_cloid(cancels)) == ["success", "success"]


def test_basic_leverage_adjustment(venue: Ready) -> None:
    """Leverage is set cross, then isolated, and margin is added to the isolated position."""
    trader = Trader(venue, 1)
    assert trader.exchange.update_leverage(21, ETH)["status"] == "ok"
    assert trader.exchange.update_leverage(11, ETH, is_cross=False)["status"] == "ok"
    only(trader.exchange.market_open(ETH, BUY, 0.1))
    (held,) = [p["position"] for p in trader.info.user_state(trader.address)["assetPositions"]]
    assert held["leverage"]["type"] == "isolated"
    assert held["leverage"]["value"] == 11
    assert trader.exchange.update_isolated_margin(1, ETH)["status"] == "ok"
    (more,) = [p["position"] for p in trader.info.user_state(trader.address)["assetPositions"]]
    assert float(more["leverage"]["rawUsd"]) == pytest.approx(float(held["leverage"]["rawUsd"]) + 1)
    only(trader.exchange.market_close(ETH))
    assert trader.exchange.update_leverage(20, ETH)["status"] == "ok"


def test_basic_agent(venue: Ready) -> None:
    """An unnamed and a named agent are approved and trade for the master; the named one is listed."""
    trader = Trader(venue, 0)
    for name in (None, "persist"):
        approved, key = trader.exchange.approve_agent(name) if name else trader.exchange.approve_agent()
        assert approved["status"] == "ok"
        wallet = eth_account.Account.from_key(key)
        agent = sdk_exchange.Exchange(wallet, trader.url, account_address=trader.address)
        oid = only(agent.order(ETH, BUY, 0.2, far_below(trader.mid(ETH)), GTC))["resting"]["oid"]
        assert oid in trader.open_oids()
        assert trader.info.user_role(wallet.address) == {"role": "agent", "data": {"user": trader.address}}
        assert only(agent.cancel(ETH, oid)) == "success"
    assert "persist" in [agent["name"] for agent in trader.info.extra_agents(trader.address)]


def test_basic_schedule_cancel(venue: Ready) -> None:
    """The dead man's switch is set with a time and removed without one; too early a time is refused."""
    trader = Trader(venue, 0)
    oid = trader.rest()
    now = int(time.time() * 1_000)
    assert trader.exchange.schedule_cancel(now + 10_000) == {"status": "ok", "response": {"type": "default"}}
    assert trader.exchange.schedule_cancel(now + 1)["status"] == "err"
    assert trader.exchange.schedule_cancel(None)["status"] == "ok"
    assert trader.open_oids() == [oid]
    assert only(trader.exchange.cancel(BTC, oid)) == "success"


def test_basic_sub_account(venue: Ready) -> None:
    """A sub-account is created, listed, funded, traded for by its master, and emptied again."""
    trader = Trader(venue, 2)
    made = trader.exchange.create_sub_account("example")
    assert (made["status"], made["response"]["type"]) == ("ok", "createSubAccount")
    (listed,) = trader.info.query_sub_accounts(trader.address)
    sub = listed["subAccountUser"]
    assert (listed["name"], listed["master"], sub) == ("example", trader.address, made["response"]["data"])
    assert trader.info.user_role(sub) == {"role": "subAccount", "data": {"master": trader.address}}
    assert trader.exchange.sub_account_transfer(sub, is_deposit=True, usd=1_000 * MICRO)["status"] == "ok"
    assert trader.info.user_state(sub)["marginSummary"]["accountValue"] == "1000.0"
    for_sub = Trader(venue, 2, vault=sub)
    oid = for_sub.rest(ETH, 0.2)
    assert (for_sub.open_oids(sub), oid in trader.open_oids()) == ([oid], False)
    assert only(for_sub.exchange.cancel(ETH, oid)) == "success"
    assert trader.exchange.sub_account_transfer(sub, is_deposit=False, usd=1_000 * MICRO)["status"] == "ok"
    assert trader.info.user_state(sub)["marginSummary"]["accountValue"] == "0.0"


def test_basic_vault(venue: Ready) -> None:
    """An order carries the address of a vault; one that the signer does not lead is refused by name."""
    stranger = "0x" + "1a" * 20
    trader = Trader(venue, 2, vault=stranger)
    refused = trader.exchange.order(ETH, BUY, 0.2, far_below(trader.mid(ETH)), GTC)
    assert refused == {"status": "err", "response": f"Vault not registered: {stranger}"}


def test_a_led_vault_trades(venue: Ready) -> None:
    """The leader's orders with the vault's address are the vault's; a follower deposits and sees its equity."""
    leader, follower = Trader(venue, 2), Trader(venue, 1)
    nonce = int(time.time() * 1_000)
    action = {
        "type": "createVault", "name": "example", "description": "a vault of the examples", "initialUsd": 200 * MICRO,
        "nonce": nonce,
    }  # fmt: skip
    signature = sdk_signing.sign_l1_action(leader.wallet, action, None, nonce, None, is_mainnet=False)
    made = leader.exchange._post_action(action, signature, nonce)
    vault = made["response"]["data"]
    assert leader.info.user_role(vault)["role"] == "vault"
    for_vault = Trader(venue, 2, vault=vault)
    oid = for_vault.rest(ETH, 0.02)
    assert (for_vault.open_oids(vault), oid in leader.open_oids()) == ([oid], False)
    assert only(for_vault.exchange.cancel(ETH, oid)) == "success"
    assert follower.exchange.vault_usd_transfer(vault, is_deposit=True, usd=50 * MICRO)["status"] == "ok"
    (equity,) = follower.info.user_vault_equities(follower.address)
    assert (equity["vaultAddress"], float(equity["equity"])) == (vault, pytest.approx(50.0, abs=0.1))


def test_multi_sig(venue: Ready) -> None:
    """An account turned multi-sig takes an order that both authorised users signed, and refuses its own key alone."""
    owner, first, second = Trader(venue, 3), Trader(venue, 0), Trader(venue, 1)
    signers = sorted([first.address, second.address])
    assert owner.exchange.convert_to_multi_sig_user(signers, 2)["status"] == "ok"
    group = owner.info.query_user_to_multi_sig_signers(owner.address)
    assert group == {"authorizedUsers": signers, "threshold": 2}
    refused = owner.exchange.order(ETH, BUY, 0.2, far_below(owner.mid(ETH)), GTC)
    assert refused == {"status": "err", "response": "Multi-sig required"}
    nonce = int(time.time() * 1_000)
    wire = {"a": 1, "b": BUY, "p": f"{far_below(owner.mid(ETH)):g}", "s": "0.2", "r": False, "t": GTC}
    action = {"type": "order", "orders": [wire], "grouping": "na"}
    user = owner.address
    leader = first.wallet.address.lower()
    sign = sdk_signing.sign_multi_sig_l1_action_payload
    where = {"payload_multi_sig_user": user, "outer_signer": leader, "vault_address": None, "expires_after": None}
    signatures = [sign(trader.wallet, action, is_mainnet=False, timestamp=nonce, **where) for trader in (first, second)]
    answer = first.exchange.multi_sig(user, action, signatures, nonce)
    oid = only(answer)["resting"]["oid"]
    assert owner.open_oids() == [oid]


def test_builder_dex_order(venue: Ready) -> None:
    """A coin of a builder dex is listed, ordered, read back with its dex, and cancelled."""
    trader = Trader(venue, 0)
    exchange = sdk_exchange.Exchange(trader.wallet, trader.url, perp_dexs=["", "xyz"])
    assert [dex and dex["name"] for dex in exchange.info.perp_dexs()] == [None, "xyz"]
    px = far_below(float(exchange.info.all_mids("xyz")["xyz:XYZ100"]))
    oid = only(exchange.order("xyz:XYZ100", BUY, 0.01, px, ALO))["resting"]["oid"]
    assert [order["oid"] for order in exchange.info.frontend_open_orders(trader.address, "xyz")] == [oid]
    assert trader.open_oids() == []
    assert only(exchange.cancel("xyz:XYZ100", oid)) == "success"


def test_transfers(venue: Ready) -> None:
    """USD moves between spot and perp and to another account; both ledgers show it."""
    giver, taker = Trader(venue, 0), Trader(venue, 1)
    before = float(taker.info.user_state(taker.address)["marginSummary"]["accountValue"])
    assert giver.exchange.usd_class_transfer(23.0, to_perp=False)["status"] == "ok"
    assert giver.info.spot_user_state(giver.address)["balances"][0]["total"] == "23.0"
    assert giver.exchange.usd_class_transfer(23.0, to_perp=True)["status"] == "ok"
    assert giver.exchange.usd_transfer(7.0, taker.address)["status"] == "ok"
    after = float(taker.info.user_state(taker.address)["marginSummary"]["accountValue"])
    assert after == pytest.approx(before + 7.0)
    kinds = [row["delta"]["type"] for row in taker.info.user_non_funding_ledger_updates(taker.address, 0)]
    assert "internalTransfer" in kinds


def test_basic_builder_fee(venue: Ready) -> None:
    """An unapproved builder fee is refused; approved, the order carries it and the fill names it."""
    trader = Trader(venue, 0)
    builder = {"b": venue.accounts[1].address, "f": 10}
    refused = only(trader.exchange.market_open(ETH, BUY, 0.05, builder=builder))
    assert "Builder fee has not been approved" in refused["error"]
    assert trader.exchange.approve_builder_fee(builder["b"], "0.01%")["status"] == "ok"
    assert "filled" in only(trader.exchange.market_open(ETH, BUY, 0.05, builder=builder))
    assert float(trader.info.user_fills(trader.address)[0]["builderFee"]) > 0
    only(trader.exchange.market_close(ETH))


def test_cancel_open_orders(venue: Ready) -> None:
    """Everything that openOrders shows can be cancelled one by one."""
    trader = Trader(venue, 0)
    for _ in range(3):
        trader.rest()
    for order in trader.info.open_orders(trader.address):
        assert only(trader.exchange.cancel(order["coin"], order["oid"])) == "success"
    assert trader.open_oids() == []


def test_expires_after(venue: Ready) -> None:
    """An action past its expiry is refused, one before it is taken."""
    trader = Trader(venue, 0)
    trader.exchange.set_expires_after(int(time.time() * 1_000) - 1_000)
    refused = trader.exchange.order(ETH, BUY, 0.2, far_below(trader.mid(ETH)), GTC)
    assert (refused["status"], "expired" in refused["response"]) == ("err", True)
    trader.exchange.set_expires_after(int(time.time() * 1_000) + 20_000)
    assert only(trader.exchange.cancel(ETH, trader.rest(ETH, 0.2))) == "success"


def test_noop_spends_a_nonce(venue: Ready) -> None:
    """A noop takes its nonce, and the same nonce again is a duplicate."""
    trader = Trader(venue, 0)
    nonce = int(time.time() * 1_000)
    assert trader.exchange.noop(nonce)["status"] == "ok"
    assert "duplicate nonce" in trader.exchange.noop(nonce)["response"]


TOPICS: Final[list[dict[str, Any]]] = [
    {"type": "allMids"},
    {"type": "l2Book", "coin": ETH},
    {"type": "trades", "coin": ETH},
    {"type": "bbo", "coin": ETH},
    {"type": "activeAssetCtx", "coin": BTC},
    {"type": "candle", "coin": ETH, "interval": "1m"},
]
OWN: Final = ("userEvents", "userFills", "orderUpdates", "userFundings", "userNonFundingLedgerUpdates")


def test_basic_ws(venue: Ready) -> None:
    """Every subscription of the SDK's example delivers, own events included, and unsubscribing is accepted."""
    trader = Trader(venue, 1)
    feeds = sdk_info.Info(venue.rest_url)
    seen: dict[str, list[Any]] = {}

    def listen(message: Any) -> None:  # noqa: ANN401 - the SDK is untyped
        seen.setdefault(message["channel"], []).append(message["data"])

    topics = [*TOPICS, *({"type": name, "user": trader.address} for name in OWN)]
    topics.append({"type": "activeAssetData", "user": trader.address, "coin": BTC})
    try:
        numbers = [(topic, feeds.subscribe(dict(topic), listen)) for topic in topics]
        assert eventually(lambda: "userFills" in seen)
        only(trader.exchange.market_open(ETH, BUY, 0.02))
        only(trader.exchange.market_close(ETH))
        wanted = {topic["type"] for topic in topics} - {"userEvents"} | {"user"}
        assert eventually(lambda: wanted <= set(seen)), wanted - set(seen)
        assert eventually(lambda: sum(len(part.get("fills", [])) for part in seen["user"]) >= 2)
        assert all(feeds.unsubscribe(dict(topic), number) for topic, number in numbers)
    finally:
        feeds.disconnect_websocket()
