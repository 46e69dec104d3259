"""Transfers: what moves, what it costs, what is refused in which words, and the ledger that both sides see."""

from __future__ import annotations

from typing import Any

import pytest

from hlmm.sim.config import SimConfig
from hlmm.types import MICRO
from tests.support.venue import START, Venue, busy_venue, still_venue

USDC = "USDC:0xeb62eee3685fc4c43992febcd9e75443"
PURR = "PURR:0xc4bf3f870c0e9465323c0b6ed28096c2"
FRESH = "0x" + "f1" * 20
CHAIN = {"hyperliquidChain": "Testnet", "signatureChainId": "0x66eee"}
DISABLED = "Action disabled when unified account is active"


def signed(venue: Venue, account: int, **action: object) -> Any:  # noqa: ANN401 - venue JSON
    """Act with a user-signed action; its nonce is the envelope's."""
    venue.nonce += 1
    key = "time" if action["type"] in {"usdSend", "spotSend", "withdraw3"} else "nonce"
    return venue.act(account, {**action, **CHAIN, key: venue.nonce}, nonce=venue.nonce)


def address(venue: Venue, account: int) -> str:
    return venue.exchange.accounts[account].address


def spot(venue: Venue, user: str) -> str:
    """The spot USDC of an address."""
    rows = venue.ask(type="spotClearinghouseState", user=user)["balances"]
    total: str = rows[0]["total"] if rows else "none"
    return total


def perp(venue: Venue, user: str) -> str:
    """The perp account value of an address."""
    value: str = venue.ask(type="clearinghouseState", user=user)["marginSummary"]["accountValue"]
    return value


def funded() -> Venue:
    """A venue whose accounts hold 1,000 on spot and 99,000 on perps; the second is a unified account."""
    venue, _ = still_venue(SimConfig(prior_volume_usd=0))
    for account in range(2):
        answer = signed(venue, account, type="usdClassTransfer", amount="1000", toPerp=False)
        assert answer["status"] == "ok", answer
    mode = {"type": "userSetAbstraction", "user": address(venue, 1), "abstraction": "unifiedAccount"}
    assert signed(venue, 1, **mode)["status"] == "ok"
    return venue


def asset(**more: object) -> dict[str, object]:
    """A `sendAsset` from spot to spot of another account."""
    base = {"type": "sendAsset", "destination": FRESH, "sourceDex": "spot", "destinationDex": "spot", "token": USDC,
            "amount": "10", "fromSubAccount": ""}  # fmt: skip
    return base | more


SELF = "0x" + "0" * 39 + "1"
REFUSED: dict[str, tuple[int, dict[str, object], str]] = {
    "usdSend to oneself": (0, {"type": "usdSend", "destination": SELF, "amount": "1"}, "Invalid send"),
    "usdSend too much": (
        0, {"type": "usdSend", "destination": FRESH, "amount": "99001"}, "Insufficient balance for token transfer",
    ),
    "usdSend without gas": (
        0, {"type": "usdSend", "destination": FRESH, "amount": "98999.5"},
        "Insufficient quote token (e.g., 1 USDC or USDT) balance for token transfer gas.",
    ),
    "usdSend zero": (0, {"type": "usdSend", "destination": FRESH, "amount": "0"}, "Send amount cannot be zero"),
    "usdSend negative": (0, {"type": "usdSend", "destination": FRESH, "amount": "-1"}, "Invalid number of decimals"),
    "usdSend no number": (0, {"type": "usdSend", "destination": FRESH, "amount": "x"}, "Invalid decimal number"),
    "unified usdSend": (1, {"type": "usdSend", "destination": FRESH, "amount": "1"}, DISABLED),
    "unified spotSend": (1, {"type": "spotSend", "destination": FRESH, "token": USDC, "amount": "1"}, DISABLED),
    "unified class transfer": (1, {"type": "usdClassTransfer", "amount": "1", "toPerp": True}, DISABLED),
    "unified sendAsset from perp": (
        1, asset(sourceDex=""), "Unified account only supports sending assets through spot",
    ),
    "spotSend unknown token": (
        0, {"type": "spotSend", "destination": FRESH, "token": "NOPE:0x1", "amount": "1"}, "Unknown token NOPE:0x1",
    ),
    "spotSend of nothing": (
        0, {"type": "spotSend", "destination": FRESH, "token": PURR, "amount": "1"},
        "Insufficient balance for token transfer",
    ),
    "sendAsset unknown dex": (0, asset(destinationDex="zzz"), "Invalid perp DEX"),
    "sendAsset to itself": (0, asset(destination=SELF), "Invalid send"),
    "sendAsset of a stranger's": (
        0, asset(fromSubAccount=FRESH), f"Invalid sub-account transfer from {SELF} to {FRESH}",
    ),
    "class transfer to perp too much": (
        0, {"type": "usdClassTransfer", "amount": "1000.01", "toPerp": True},
        "Insufficient balance for token transfer",
    ),
    "withdraw too much": (
        0, {"type": "withdraw3", "destination": FRESH, "amount": "99001"}, "Insufficient balance for withdrawal",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_transfers(name: str) -> None:
    """A transfer that breaks a rule is refused in the venue's words and moves nothing."""
    account, action, text = REFUSED[name]
    venue = funded()
    before = [(a.spot_usd, dict(a.raw_usd)) for a in venue.exchange.accounts]
    assert signed(venue, account, **action) == {"status": "err", "response": text}
    assert [(a.spot_usd, dict(a.raw_usd)) for a in venue.exchange.accounts] == before


def test_usd_send_opens_an_account_for_a_dollar() -> None:
    """The first transfer to an address opens it and costs the sender one dollar more; the second does not."""
    venue = funded()
    for amount in ("100", "1e1"):
        assert signed(venue, 0, type="usdSend", destination=FRESH, amount=amount)["status"] == "ok"
    assert perp(venue, FRESH) == "110.0"
    assert perp(venue, SELF) == "98889.0"
    rows = venue.ask(type="userNonFundingLedgerUpdates", user=FRESH, startTime=0)
    assert [row["delta"]["fee"] for row in rows] == ["1.0", "0.0"]
    assert rows[0]["delta"] == {
        "type": "internalTransfer", "usdc": "100.0", "user": SELF, "destination": FRESH, "fee": "1.0",
    }  # fmt: skip
    assert venue.ask(type="userNonFundingLedgerUpdates", user=SELF, startTime=START)[1:] == rows
    assert venue.ask(type="userRole", user=FRESH) == {"role": "user"}


def test_spot_send_and_send_asset() -> None:
    """Spot USDC reaches another account's spot, and any place that sendAsset names."""
    venue, third = funded(), "0x" + "0" * 39 + "3"
    assert signed(venue, 0, type="spotSend", destination=third, token=USDC, amount="10")["status"] == "ok"
    assert signed(venue, 0, **asset(destination=third, destinationDex="", amount="20"))["status"] == "ok"
    assert signed(venue, 0, **asset(destination=SELF, destinationDex="", amount="30"))["status"] == "ok"
    assert (spot(venue, third), perp(venue, third)) == ("10.0", "100020.0")
    assert (spot(venue, SELF), perp(venue, SELF)) == ("940.0", "99030.0")
    kinds = [r["delta"]["type"] for r in venue.ask(type="userNonFundingLedgerUpdates", user=SELF, startTime=START)]
    assert kinds == ["accountClassTransfer", "spotTransfer", "send", "send"]


def test_withdrawal_costs_a_dollar() -> None:
    """A withdrawal leaves with its fee inside the amount, and nothing else is lost."""
    venue = funded()
    assert signed(venue, 0, type="withdraw3", destination=FRESH, amount="100")["status"] == "ok"
    assert perp(venue, SELF) == "98900.0"
    house = venue.exchange.desk.house
    assert (house.withdrawn, house.fees) == (99 * MICRO, MICRO)
    last = venue.ask(type="userNonFundingLedgerUpdates", user=SELF, startTime=START)[-1]["delta"]
    assert (last["type"], last["usdc"], last["fee"]) == ("withdraw", "99.0", "1.0")


def test_an_empty_account_must_deposit() -> None:
    """An account that holds nothing is told to deposit, as an address that never existed is."""
    venue = funded()
    text = "Must deposit before performing actions. User: "
    action = {"type": "usdSend", "destination": SELF, "amount": "1", "time": venue.nonce + 1, **CHAIN}
    answer = venue.act(0, action, signer=FRESH, nonce=venue.nonce + 1)
    assert answer == {"status": "err", "response": text + FRESH}
    venue.nonce += 1
    third = "0x" + "0" * 39 + "3"
    assert signed(venue, 2, type="usdSend", destination=SELF, amount="100000")["status"] == "ok"
    assert signed(venue, 2, type="usdSend", destination=SELF, amount="1")["response"] == text + third


def test_agents_move_assets_at_home_only() -> None:
    """An agent may move assets between its account's own places, and to nobody else."""
    venue = funded()
    home = {**asset(destination=SELF, destinationDex=""), "type": "agentSendAsset"}
    venue.nonce += 1
    assert venue.act(0, {**home, "nonce": venue.nonce}, nonce=venue.nonce)["status"] == "ok"
    venue.nonce += 1
    away = {**home, "destination": FRESH, "nonce": venue.nonce}
    answer = venue.act(0, away, nonce=venue.nonce)
    assert answer["response"] == "Agent can only send asset to same user or their sub-accounts."


def test_unified_account_shows_its_margin_as_held_spot() -> None:
    """In the unified mode all USDC is on spot, `hold` is the margin in use, and the perp state shows only that."""
    venue = funded()
    user = address(venue, 1)
    assert (spot(venue, user), perp(venue, user)) == ("100000.0", "0.0")
    order = {"a": 0, "b": True, "p": "100010", "s": "0.1", "r": False, "t": {"limit": {"tif": "Ioc"}}}
    assert "filled" in venue.place(1, order)[0]
    state = venue.ask(type="spotClearinghouseState", user=user)
    margin = venue.ask(type="clearinghouseState", user=user)
    assert margin["marginSummary"]["accountValue"] == state["balances"][0]["hold"]
    assert margin["withdrawable"] == "0.0"
    assert state["tokenToAvailableAfterMaintenance"][0][0] == 0
    assert venue.ask(type="userAbstraction", user=user) == "unifiedAccount"
    sent = signed(venue, 1, **asset(destination=SELF, amount="5"))
    assert sent["status"] == "ok"
    assert spot(venue, SELF) == "1005.0"


def test_account_mode_transitions() -> None:
    """An agent may leave the default mode only; the owner may switch, but not for strangers."""
    venue, _ = still_venue()
    user, refused = address(venue, 0), "Abstraction transition not allowed"
    assert venue.ask(type="userAbstraction", user=user) == "default"
    assert venue.act(0, {"type": "agentSetAbstraction", "abstraction": "u"})["status"] == "ok"
    assert venue.act(0, {"type": "agentSetAbstraction", "abstraction": "i"})["response"] == refused
    mode = {"type": "userSetAbstraction", "user": user, "abstraction": "disabled"}
    assert signed(venue, 0, **mode)["status"] == "ok"
    assert venue.ask(type="userAbstraction", user=user) == "disabled"
    assert signed(venue, 1, **mode)["response"] == refused
    assert signed(venue, 0, **{**mode, "abstraction": "portfolioMargin"})["response"] == refused


def test_unified_account_trades_on_a_builder_dex_with_its_spot() -> None:
    """In the unified mode spot USDC is the margin of every dex, and comes back when a dex needs it no more."""
    venue = busy_venue(5)
    user = address(venue, 0)
    account = venue.exchange.accounts[0]
    account.raw_usd["xyz"] = 0
    account.deposited -= 100_000 * MICRO
    listing = next(x for x in venue.exchange.listings.values() if x.dex == "xyz")
    px = str(listing.marks.mark // 10**listing.instrument.px_decimals * 11 // 10)
    sent = {"a": listing.instrument.asset, "b": True, "p": px, "s": "0.01", "r": False, "t": {"limit": {"tif": "Ioc"}}}
    assert "Insufficient margin" in venue.place(0, sent)[0]["error"]
    assert venue.act(0, {"type": "agentSetAbstraction", "abstraction": "u"})["status"] == "ok"
    assert "filled" in venue.place(0, sent)[0]
    held = account.positions[listing.coin].isolated_raw
    assert account.raw_usd["xyz"] == 0
    balance = venue.ask(type="spotClearinghouseState", user=user)["balances"][0]
    margin = held + account.szi(listing.coin) * listing.marks.mark
    assert float(balance["hold"]) == pytest.approx(margin / MICRO)
    assert float(balance["total"]) == pytest.approx(100_000, abs=50)
    assert "filled" in venue.place(0, {**sent, "b": False, "p": str(int(px) * 8 // 10)})[0]
    balance = venue.ask(type="spotClearinghouseState", user=user)["balances"][0]
    assert balance["hold"] == "0.0"
    assert account.raw_usd["xyz"] == 0


def test_send_to_another_chain() -> None:
    """USDC sent to another chain leaves the exchange from the place it names."""
    venue = funded()
    base = {"type": "sendToEvmWithData", "token": USDC, "amount": "10", "sourceDex": "spot", "data": "0x",
            "destinationRecipient": FRESH, "addressEncoding": "hex", "destinationChainId": 998,
            "gasLimit": 100_000}  # fmt: skip
    assert signed(venue, 0, **base)["status"] == "ok"
    assert spot(venue, SELF) == "990.0"
    assert venue.exchange.desk.house.withdrawn == 10 * MICRO
    assert signed(venue, 0, **base | {"amount": "991"})["response"] == "Insufficient balance for token transfer"
    assert signed(venue, 0, **base | {"sourceDex": "zzz"})["response"] == "Invalid perp DEX"
