"""Sub-accounts and vaults: opened, funded, traded for by their owner, and shown to everyone."""

from __future__ import annotations

from typing import Any

import pytest

from hlmm.types import MICRO
from tests.support.venue import START, Venue, order, still_venue

MASTER, OTHER = "0x" + "0" * 39 + "1", "0x" + "0" * 39 + "2"
DAY = 86_400_000
USDC = "USDC:0xeb62eee3685fc4c43992febcd9e75443"
FAR = [order("B", "90000", "0.001")]


def value(venue: Venue, user: str) -> float:
    return float(venue.ask(type="clearinghouseState", user=user)["marginSummary"]["accountValue"])


def with_sub(volume_usd: int = 100_000) -> tuple[Venue, str]:
    """A venue whose first account has a sub-account with 1,000 USDC."""
    venue, _ = still_venue()
    venue.exchange.accounts[0].volume = volume_usd * MICRO
    made = venue.act(0, {"type": "createSubAccount", "name": "desk"})
    assert made["response"]["type"] == "createSubAccount", made
    sub: str = made["response"]["data"]
    move = {"type": "subAccountTransfer", "subAccountUser": sub, "isDeposit": True, "usd": 1_000 * MICRO}
    assert venue.act(0, move)["status"] == "ok"
    return venue, sub


def test_volume_gate() -> None:
    """Below 100,000 USD of volume no sub-account is opened, in the recorded words."""
    venue, _ = still_venue()
    venue.exchange.accounts[0].volume = 250_350_000
    text = "Cannot create sub-accounts until enough volume traded. Required: $100000. Traded: $250.35."
    assert venue.act(0, {"type": "createSubAccount", "name": "desk"}) == {"status": "err", "response": text}


def test_sub_account_trades_for_itself() -> None:
    """With `vaultAddress` the master's signature acts for the sub-account: its orders, positions and money."""
    venue, sub = with_sub()
    assert (value(venue, MASTER), value(venue, sub)) == (99_000.0, 1_000.0)
    sent = {"type": "order", "orders": FAR, "grouping": "na"}
    assert venue.act(0, sent, vaultAddress=sub)["status"] == "ok"
    assert venue.ask(type="openOrders", user=MASTER) == []
    assert len(venue.ask(type="openOrders", user=sub)) == 1
    assert venue.ask(type="userRole", user=sub) == {"role": "subAccount", "data": {"master": MASTER}}
    assert venue.act(1, sent, vaultAddress=sub)["response"] == f"Vault not registered: {sub}"
    assert venue.act(0, sent, vaultAddress=OTHER)["response"] == f"Vault not registered: {OTHER}"
    assert venue.ask(type="userRateLimit", user=sub)["nRequestsUsed"] == 1


def test_sub_account_answers() -> None:
    """`subAccounts` and `subAccounts2` list name, owner and state; an account without any gets null."""
    venue, sub = with_sub()
    (row,) = venue.ask(type="subAccounts", user=MASTER)
    assert (row["name"], row["subAccountUser"], row["master"]) == ("desk", sub, MASTER)
    assert row["clearinghouseState"]["withdrawable"] == "1000.0"
    assert row["spotState"]["balances"][0]["coin"] == "USDC"
    (row,) = venue.ask(type="subAccounts2", user=MASTER)
    assert [dex for dex, _ in row["dexToClearinghouseState"]] == [""]
    assert venue.ask(type="subAccounts", user=OTHER) is None
    renamed = {"type": "subAccountModify", "subAccountUser": sub, "name": "night"}
    assert venue.act(0, renamed)["status"] == "ok"
    assert venue.ask(type="subAccounts", user=MASTER)[0]["name"] == "night"


def test_sub_account_transfers() -> None:
    """Funds go down and up, perp and spot, with one ledger row for both; strangers' sub-accounts are refused."""
    venue, sub = with_sub()
    move = {"type": "subAccountTransfer", "subAccountUser": sub, "isDeposit": False, "usd": 400 * MICRO}
    assert venue.act(0, move)["status"] == "ok"
    assert (value(venue, MASTER), value(venue, sub)) == (99_400.0, 600.0)
    assert venue.act(0, move | {"usd": 601 * MICRO})["response"] == "Insufficient balance for token transfer"
    text = f"Invalid sub-account transfer from {OTHER} to {sub}"
    assert venue.act(1, move)["response"] == text
    venue.exchange.accounts[0].spot_usd = 50 * MICRO
    spot = {"type": "subAccountSpotTransfer", "subAccountUser": sub, "isDeposit": True, "token": USDC, "amount": "20"}
    assert venue.act(0, spot)["status"] == "ok"
    assert venue.ask(type="spotClearinghouseState", user=sub)["balances"][0]["total"] == "20.0"
    rows = [r["delta"] for r in venue.ask(type="userNonFundingLedgerUpdates", user=sub)]
    assert [(r["type"], r["user"], r["destination"]) for r in rows] == [
        ("subAccountTransfer", MASTER, sub), ("subAccountTransfer", sub, MASTER), ("spotTransfer", MASTER, sub),
    ]  # fmt: skip
    venue.act(0, {"type": "agentSetAbstraction", "abstraction": "u"})
    assert venue.act(0, move)["response"] == "Action disabled when unified account is active"


def vault_of(venue: Venue, usd: int = 1_000) -> str:
    """Open a vault led by the first account."""
    venue.nonce += 1
    action = {"type": "createVault", "name": "V", "description": "d", "initialUsd": usd * MICRO, "nonce": venue.nonce}
    made = venue.act(0, action, nonce=venue.nonce)
    assert made["response"]["type"] == "createVault", made
    address: str = made["response"]["data"]
    return address


def transfer(venue: Venue, account: int, vault: str, usd: float, *, deposit: bool) -> Any:  # noqa: ANN401 - venue JSON
    """Move money into or out of a vault."""
    amount = round(usd * MICRO)
    return venue.act(account, {"type": "vaultTransfer", "vaultAddress": vault, "isDeposit": deposit, "usd": amount})


def test_vault_life() -> None:
    """A vault takes deposits, is traded by its leader only, and pays out shares after the lock, less commission."""
    venue, _ = still_venue()
    vault = vault_of(venue)
    assert value(venue, MASTER) == 98_900.0
    assert transfer(venue, 1, vault, 1_000, deposit=True)["status"] == "ok"
    assert venue.ask(type="userRole", user=vault) == {"role": "vault"}
    sent = {"type": "order", "orders": FAR, "grouping": "na"}
    assert venue.act(0, sent, vaultAddress=vault)["status"] == "ok"
    assert venue.act(1, sent, vaultAddress=vault)["response"] == f"Vault not registered: {vault}"
    text = "Cannot withdraw from vault during lockup period"
    assert transfer(venue, 1, vault, 10, deposit=False)["response"] == text
    venue.exchange.registry.account(vault).raw_usd[""] += 200 * MICRO  # type: ignore[union-attr]
    venue.block(DAY + 1)
    (mine,) = venue.ask(type="userVaultEquities", user=OTHER)
    assert (mine["vaultAddress"], mine["equity"]) == (vault, "1100.0")
    assert START + DAY < mine["lockedUntilTimestamp"] < START + DAY + 1_000
    assert transfer(venue, 1, vault, 1_100, deposit=False)["status"] == "ok"
    assert value(venue, OTHER) == 100_090.0
    assert value(venue, MASTER) == 98_910.0
    row = venue.ask(type="userNonFundingLedgerUpdates", user=OTHER, startTime=START)[-1]["delta"]
    assert (row["requestedUsd"], row["commission"], row["basis"], row["netWithdrawnUsd"]) == (
        "1100.0", "10.0", "1000.0", "1090.0",
    )  # fmt: skip
    assert venue.ask(type="userVaultEquities", user=OTHER) == []
    text = "Leader must keep at least 5% of the vault"
    assert transfer(venue, 0, vault, 1, deposit=False)["status"] == "ok"
    assert transfer(venue, 2, vault, 9_000, deposit=True)["status"] == "ok"
    assert transfer(venue, 0, vault, 1_000, deposit=False)["response"] == text


def test_vault_details() -> None:
    """`vaultDetails` has the venue's fields, the leader's share, and the asking user's own state."""
    venue, _ = still_venue()
    vault = vault_of(venue)
    transfer(venue, 1, vault, 3_000, deposit=True)
    details = venue.ask(type="vaultDetails", vaultAddress=vault, user=OTHER)
    assert details["leader"] == MASTER
    assert details["leaderFraction"] == 0.25
    assert details["followerState"]["vaultEquity"] == "3000.0"
    assert [row["user"] for row in details["followers"]] == ["Leader", OTHER]
    assert details["maxWithdrawable"] == 4_000.0
    assert venue.ask(type="vaultDetails", vaultAddress=MASTER) is None
    assert venue.ask(type="leadingVaults", user=MASTER) == [{"address": vault, "name": "V"}]
    assert venue.ask(type="vaultSummaries")[0]["tvl"] == "4000.0"


REFUSED = {
    "no vault": (1, MASTER, 10, f"Vault not registered: {MASTER}"),
    "too small": (1, None, 1, "Vault deposit too small"),
    "too much": (1, None, 200_000, "Insufficient balance for token transfer"),
    "closed": (2, None, 10, "Deposits are disabled for this vault"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_vault_transfers(name: str) -> None:
    """A vault transfer that breaks a rule is refused."""
    account, where, usd, text = REFUSED[name]
    venue, _ = still_venue()
    vault = vault_of(venue)
    if name == "closed":
        closed = {"type": "vaultModify", "vaultAddress": vault, "allowDeposits": False, "alwaysCloseOnWithdraw": None}
        assert venue.act(1, closed)["response"] == "Only leader can perform this vault action."
        assert venue.act(0, closed)["status"] == "ok"
    assert transfer(venue, account, where or vault, usd, deposit=True)["response"] == text


def test_vault_withdrawal_cancels_orders_in_the_way() -> None:
    """Orders whose margin a withdrawal needs are cancelled with their own status."""
    venue, _ = still_venue()
    vault = vault_of(venue)
    big = {"type": "order", "orders": [order("B", "90000", "0.2")], "grouping": "na"}
    assert "resting" in venue.act(0, big, vaultAddress=vault)["response"]["data"]["statuses"][0]
    venue.block(DAY + 1)
    assert transfer(venue, 0, vault, 900, deposit=False)["status"] == "ok"
    (record,) = [r for r in venue.ask(type="historicalOrders", user=vault) if r["status"] != "open"]
    assert record["status"] == "vaultWithdrawalCanceled"


def test_vault_distribution() -> None:
    """A distribution goes to the depositors by share, on the leader's word only."""
    venue, _ = still_venue()
    vault = vault_of(venue)
    transfer(venue, 1, vault, 3_000, deposit=True)
    paid = {"type": "vaultDistribute", "vaultAddress": vault, "usd": 400 * MICRO}
    assert venue.act(1, paid)["response"] == "Only leader can perform this vault action."
    assert venue.act(0, paid)["status"] == "ok"
    assert (value(venue, MASTER), value(venue, OTHER), value(venue, vault)) == (99_000.0, 97_300.0, 3_600.0)
    row = venue.ask(type="userNonFundingLedgerUpdates", user=OTHER, startTime=START)[-1]["delta"]
    assert row == {"type": "vaultDistribution", "vault": vault, "usdc": "300.0"}
    assert venue.act(0, paid | {"usd": 4_000 * MICRO})["response"] == "Insufficient vault equity"


def test_sub_accounts_allow_more_agents() -> None:
    """Every sub-account allows its master two more named agents."""
    venue, _ = with_sub()
    chain = {"hyperliquidChain": "Testnet", "signatureChainId": "0x66eee"}
    told = []
    for number in range(6):
        venue.nonce += 1
        agent = {"type": "approveAgent", "agentAddress": f"0x{number + 100:040x}", "agentName": f"n{number}"}
        told.append(venue.act(0, {**agent, "nonce": venue.nonce, **chain}, nonce=venue.nonce)["status"])
    assert told == ["ok"] * 5 + ["err"]


def test_an_agent_trades_for_sub_accounts() -> None:
    """The master's agent acts for its sub-accounts and vaults, not for anyone else's."""
    venue, sub = with_sub()
    venue.nonce += 1
    agent = "0x" + "a7" * 20
    chain = {"hyperliquidChain": "Testnet", "signatureChainId": "0x66eee"}
    approved = {"type": "approveAgent", "agentAddress": agent, "nonce": venue.nonce, **chain}
    assert venue.act(0, approved, nonce=venue.nonce)["status"] == "ok"
    sent = {"type": "order", "orders": FAR, "grouping": "na"}
    for address in (sub, vault_of(venue)):
        assert venue.act(0, sent, signer=agent, vaultAddress=address)["status"] == "ok"
    refused = venue.act(0, sent, signer=agent, vaultAddress=OTHER)
    assert refused["response"] == f"Vault not registered: {OTHER}"
