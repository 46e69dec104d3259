"""The official SDK's account flows against a spawned simulator: agents, sub-accounts, vaults, transfers, groups."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from hlmm.sim.config import LatencyConfig, LimitConfig, SimConfig, SyntheticMarketConfig
from hlmm.sim.server import Ready, spawn, stop_spawned
from hlmm.types import MICRO

eth_account = pytest.importorskip("eth_account")
sdk_info = pytest.importorskip("hyperliquid.info")
sdk_exchange = pytest.importorskip("hyperliquid.exchange")
sdk_signing = pytest.importorskip("hyperliquid.utils.signing")

BUY = True
GTC = {"limit": {"tif": "Gtc"}}
USDC = "USDC:0xeb62eee3685fc4c43992febcd9e75443"
FRESH = "0x" + "c4" * 20


@pytest.fixture(scope="module")
def venue() -> Iterator[Ready]:
    """A running simulator with seven accounts."""
    market = SyntheticMarketConfig(coins=("BTC", "ETH", "xyz:XYZ100"), warmup_s=5)
    latency = LatencyConfig(ingress_ms=5, answer_ms=5, feed_ms=5, info_ms=2)
    process, ready = spawn(SimConfig(market=market, latency=latency, limits=LimitConfig(), seed=11, accounts=7))
    yield ready
    stop_spawned(process)


class Client:
    """The SDK for one sandbox account, as the example's `setup` makes it."""

    def __init__(self, ready: Ready, index: int, **options: object) -> None:
        keys = ready.accounts[index]
        self.url = ready.rest_url
        self.address = keys.address
        self.wallet = eth_account.Account.from_key(keys.private_key)
        self.info = sdk_info.Info(ready.rest_url, skip_ws=True)
        self.exchange = sdk_exchange.Exchange(self.wallet, ready.rest_url, **options)

    def acting_for(self, vault: str) -> Any:  # noqa: ANN401 - the SDK is untyped
        """An exchange of the same wallet that acts for a vault or sub-account."""
        return sdk_exchange.Exchange(self.wallet, self.url, vault_address=vault)

    def value(self, address: str | None = None) -> float:
        """Perp account value."""
        return float(self.info.user_state(address or self.address)["marginSummary"]["accountValue"])

    def spot(self, address: str | None = None) -> float:
        """Spot USDC."""
        rows = self.info.spot_user_state(address or self.address)["balances"]
        return float(rows[0]["total"]) if rows else 0.0


def ok(answer: Any) -> Any:  # noqa: ANN401 - the SDK is untyped
    """The response of an accepted action."""
    assert answer["status"] == "ok", answer
    return answer["response"]


def rest_and_cancel(exchange: Any, coin: str = "ETH") -> None:  # noqa: ANN401 - the SDK is untyped
    """The examples' order: rest far below the market, then cancel."""
    px = float(round(float(exchange.info.all_mids()[coin]) * 0.9))
    (status,) = ok(exchange.order(coin, BUY, 0.2, px, GTC))["data"]["statuses"]
    (gone,) = ok(exchange.cancel(coin, status["resting"]["oid"]))["data"]["statuses"]
    assert gone == "success"


def test_agents(venue: Ready) -> None:
    """An unnamed and a named agent trade; a second unnamed one replaces the first."""
    client = Client(venue, 0)
    keys = []
    for name in (None, "persist", None):
        answer, key = client.exchange.approve_agent(name)
        ok(answer)
        keys.append(key)
    agents = [eth_account.Account.from_key(key) for key in keys]
    for agent in agents[1:]:
        rest_and_cancel(sdk_exchange.Exchange(agent, client.url, account_address=client.address))
    stale = sdk_exchange.Exchange(agents[0], client.url, account_address=client.address)
    refused = stale.order("ETH", BUY, 0.2, 1000, GTC)
    assert refused["response"] == f"User or API Wallet {agents[0].address.lower()} does not exist."
    assert [row["name"] for row in client.info.extra_agents(client.address)] == ["persist"]
    assert client.info.user_role(agents[1].address)["data"]["user"] == client.address


def test_sub_account_flow(venue: Ready) -> None:
    """Create a sub-account, fund it, trade for it, move spot USDC, and read it back."""
    client = Client(venue, 1)
    sub = ok(client.exchange.create_sub_account("example"))["data"]
    ok(client.exchange.sub_account_transfer(sub, is_deposit=True, usd=2_000 * MICRO))
    rest_and_cancel(client.acting_for(sub))
    (row,) = client.info.query_sub_accounts(client.address)
    assert (row["name"], row["subAccountUser"]) == ("example", sub)
    assert client.value(sub) == 2_000.0
    ok(client.acting_for(sub).usd_class_transfer(50, to_perp=False))
    assert client.spot(sub) == 50.0
    ok(client.exchange.sub_account_spot_transfer(sub, is_deposit=False, token=USDC, amount=20))
    assert client.spot() == 20.0
    ok(client.acting_for(sub).send_asset(client.address, "spot", "spot", USDC, 5))
    assert (client.spot(), client.spot(sub)) == (25.0, 25.0)
    assert client.info.user_role(sub)["role"] == "subAccount"


def test_vault_flow(venue: Ready) -> None:
    """A vault opened over the wire takes SDK deposits, and its leader trades for it with `vault_address`."""
    leader, follower = Client(venue, 2), Client(venue, 3)
    nonce = time.time_ns() // 1_000_000
    action = {"type": "createVault", "name": "v", "description": "", "initialUsd": 1_000 * MICRO, "nonce": nonce}
    signature = sdk_signing.sign_l1_action(leader.wallet, action, None, nonce, None, False)  # noqa: FBT003 - theirs
    vault = ok(leader.exchange._post_action(action, signature, nonce))["data"]
    ok(follower.exchange.vault_usd_transfer(vault, is_deposit=True, usd=500 * MICRO))
    rest_and_cancel(leader.acting_for(vault))
    (row,) = follower.info.user_vault_equities(follower.address)
    assert (row["vaultAddress"], row["equity"]) == (vault, "500.0")
    refused = follower.acting_for(vault).order("ETH", BUY, 0.2, 1000, GTC)
    assert refused["response"] == f"Vault not registered: {vault}"
    locked = follower.exchange.vault_usd_transfer(vault, is_deposit=False, usd=10 * MICRO)
    assert locked["status"] == "err"


def test_transfers(venue: Ready) -> None:
    """Class transfer, usd send, spot send, asset send and withdrawal move what they say; the ledger lists them."""
    client = Client(venue, 4)
    ok(client.exchange.usd_class_transfer(1_000, to_perp=False))
    ok(client.exchange.usd_transfer(10, FRESH))
    ok(client.exchange.spot_transfer(20, FRESH, USDC))
    ok(client.exchange.send_asset(FRESH, "spot", "xyz", USDC, 30))
    ok(client.exchange.withdraw_from_bridge(100, client.address))
    assert (client.value(FRESH), client.spot(FRESH)) == (10.0, 20.0)
    assert float(client.info.user_state(FRESH, "xyz")["withdrawable"]) == 30.0
    assert (client.value(), client.spot()) == (98_889.0, 950.0)
    rows = client.info.user_non_funding_ledger_updates(client.address, 1)
    kinds = [row["delta"]["type"] for row in rows]
    assert kinds == ["accountClassTransfer", "internalTransfer", "spotTransfer", "send", "withdraw"]


def test_account_modes(venue: Ready) -> None:
    """The SDK's abstraction example: an agent's change from the default, then the owner's, and what they disable."""
    client = Client(venue, 5)
    assert client.info.query_user_abstraction_state(client.address) == "default"
    ok(client.exchange.agent_set_abstraction("u"))
    assert client.info.query_user_abstraction_state(client.address) == "unifiedAccount"
    refused = client.exchange.usd_class_transfer(1, to_perp=False)
    assert refused["response"] == "Action disabled when unified account is active"
    rest_and_cancel(client.exchange)
    ok(client.exchange.user_set_abstraction(client.address, "disabled"))
    assert client.info.query_user_abstraction_state(client.address) == "disabled"
    ok(client.exchange.noop(time.time_ns() // 1_000_000))


def test_builder_referrer_and_twap(venue: Ready) -> None:
    """Builder approval, a referrer, and a TWAP sent as the SDK's later version does."""
    client = Client(venue, 0)
    builder = "0x8c967E73E7B15087c42A10D344cFf4c96D877f1D"
    ok(client.exchange.approve_builder_fee(builder, "0.001%"))
    order = {"b": builder, "f": 1}
    (status,) = ok(client.exchange.market_open("ETH", BUY, 0.05, None, 0.05, None, order))["data"]["statuses"]
    assert "filled" in status
    assert float(client.info.user_fills(client.address)[0]["builderFee"]) > 0
    assert client.exchange.set_referrer("ASDFASDF")["response"] == "Referral code not registered"
    nonce = time.time_ns() // 1_000_000
    twap = {"a": client.info.name_to_asset("ETH"), "b": True, "s": "1", "r": False, "m": 5, "t": False}
    action: dict[str, object] = {"type": "twapOrder", "twap": twap}
    signature = sdk_signing.sign_l1_action(client.wallet, action, None, nonce, None, False)  # noqa: FBT003 - theirs
    running = ok(client.exchange._post_action(action, signature, nonce))
    assert running["data"]["status"]["running"]["twapId"] > 0
    assert [row["twapId"] for row in client.info.user_twap_slice_fills(client.address)] != []


def test_multi_sig_flow(venue: Ready) -> None:
    """Convert an account to a group of two, then trade and send money with both signatures."""
    user, one, two = Client(venue, 6), Client(venue, 0), Client(venue, 1)
    ok(user.exchange.convert_to_multi_sig_user([one.address, two.address], 2))
    assert user.info.query_user_to_multi_sig_signers(user.address)["threshold"] == 2
    assert user.exchange.order("ETH", BUY, 0.2, 1000, GTC)["response"] == "Multi-sig required"
    px = str(round(float(user.info.all_mids()["ETH"]) * 0.9))
    wire = {"a": user.info.name_to_asset("ETH"), "b": True, "p": px, "s": "0.2", "r": False, "t": GTC}
    action = {"type": "order", "orders": [wire], "grouping": "na"}
    nonce = time.time_ns() // 1_000_000
    signatures = [
        sdk_signing.sign_multi_sig_l1_action_payload(
            wallet, action, False, None, nonce, None, user.address, one.address  # noqa: FBT003 - theirs
        )
        for wallet in (one.wallet, two.wallet)
    ]  # fmt: skip
    answer = one.exchange.multi_sig(user.address, action, signatures, nonce)
    assert "resting" in ok(answer)["data"]["statuses"][0], json.dumps(answer)
    short = one.exchange.multi_sig(user.address, action, signatures[:1], nonce + 1)
    assert short["status"] == "err"
    nonce += 2
    send = {"type": "usdSend", "signatureChainId": "0x66eee", "hyperliquidChain": "Testnet",
            "destination": one.address, "amount": "10.0", "time": nonce}  # fmt: skip
    types = sdk_signing.USD_SEND_SIGN_TYPES
    signatures = [
        sdk_signing.sign_multi_sig_user_signed_action_payload(
            wallet, send, False, types, "HyperliquidTransaction:UsdSend", user.address, one.address  # noqa: FBT003
        )
        for wallet in (one.wallet, two.wallet)
    ]  # fmt: skip
    before = user.value()
    ok(one.exchange.multi_sig(user.address, send, signatures, nonce))
    assert user.value() == before - 10.0
