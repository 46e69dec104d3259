"""Who may act for an account: agents, groups, vault addresses; builders, referrers, and the order of the checks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hlmm.sim.config import NamedTier, ScheduledFees, SimConfig
from hlmm.types import MICRO
from tests.support.venue import START, Venue, order, still_venue

DAY = 86_400_000
CHAIN = {"hyperliquidChain": "Testnet", "signatureChainId": "0x66eee"}
ZERO = "0x" + "0" * 40
KEYS = ["0x" + f"a{n}" * 20 for n in range(8)]
MASTER = "0x" + "0" * 39 + "1"
REST = {"type": "order", "orders": [order("B", "90000", "0.001")], "grouping": "na"}


def approve(venue: Venue, address: str, name: str | None = None, account: int = 0) -> Any:  # noqa: ANN401 - venue JSON
    """Approve an agent."""
    venue.nonce += 1
    named = {} if name is None else {"agentName": name}
    action = {"type": "approveAgent", "agentAddress": address, "nonce": venue.nonce, **named, **CHAIN}
    return venue.act(account, action, nonce=venue.nonce)


def works(venue: Venue, agent: str) -> bool:
    """Whether an agent's order is taken."""
    answer = venue.act(0, REST, signer=agent)
    if answer["status"] == "ok":
        return True
    assert answer["response"] == f"User or API Wallet {agent} does not exist."
    return False


def test_unnamed_agent_is_replaced() -> None:
    """An account has one unnamed agent: the next one takes its place at once."""
    venue, _ = still_venue()
    assert approve(venue, KEYS[0])["status"] == "ok"
    assert works(venue, KEYS[0])
    assert venue.ask(type="userRole", user=KEYS[0]) == {"role": "agent", "data": {"user": MASTER}}
    assert approve(venue, KEYS[1])["status"] == "ok"
    assert works(venue, KEYS[1])
    assert not works(venue, KEYS[0])
    assert venue.ask(type="userRole", user=KEYS[0]) == {"role": "missing"}
    assert venue.ask(type="extraAgents", user=MASTER) == []


def test_named_agents_have_a_limit_and_can_be_revoked() -> None:
    """Three named agents, replaced by name, revoked by the zero address."""
    venue, _ = still_venue()
    for name, key in zip("abc", KEYS, strict=False):
        assert approve(venue, key, name)["status"] == "ok"
    text = "Too many extra agents for cumulative volume traded. Current limit is 3"
    assert approve(venue, KEYS[3], "d")["response"] == text
    assert approve(venue, KEYS[4], "a")["status"] == "ok"
    assert not works(venue, KEYS[0])
    assert approve(venue, ZERO, "b")["status"] == "ok"
    assert not works(venue, KEYS[1])
    assert approve(venue, KEYS[3], "d")["status"] == "ok"
    assert [row["name"] for row in venue.ask(type="extraAgents", user=MASTER)] == ["c", "a", "d"]


REFUSED = {
    "of another account": ("0x" + "0" * 39 + "2", "x", "Extra agent already used."),
    "expired": (KEYS[0], f"x valid_until {START - 1}", "Agent valid_until already expired."),
    "too long": (KEYS[0], f"x valid_until {START + 181 * DAY}", "Agent valid_until too far in the future."),
    "name": (KEYS[0], "x" * 17, "Agent name too long."),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_agents(name: str) -> None:
    """An agent that breaks a rule is refused and does not act."""
    address, label, text = REFUSED[name]
    venue, _ = still_venue()
    assert approve(venue, address, label) == {"status": "err", "response": text}


def test_an_agent_dies_with_its_time_and_with_the_funds() -> None:
    """An agent past its `valid_until`, or of an account without funds, is unknown."""
    venue, _ = still_venue()
    until = START + 60_000
    assert approve(venue, KEYS[0], f"short valid_until {until}")["status"] == "ok"
    assert venue.ask(type="extraAgents", user=MASTER) == [{"name": "short", "address": KEYS[0], "validUntil": until}]
    assert works(venue, KEYS[0])
    venue.block(120_000)
    assert not works(venue, KEYS[0])
    assert venue.exchange.accounts[0].agents == {}
    assert approve(venue, KEYS[1], account=1)["status"] == "ok"
    venue.nonce += 1
    emptied = {"type": "usdSend", "destination": MASTER, "amount": "100000", "time": venue.nonce, **CHAIN}
    assert venue.act(1, emptied, nonce=venue.nonce)["status"] == "ok"
    venue.block(10_000)
    assert not works(venue, KEYS[1])


def test_agents_do_not_sign_for_money() -> None:
    """A user-signed action by an agent is one of an empty account."""
    venue, _ = still_venue()
    approve(venue, KEYS[0])
    venue.nonce += 1
    action = {"type": "usdClassTransfer", "amount": "1", "toPerp": False, "nonce": venue.nonce, **CHAIN}
    answer = venue.act(0, action, nonce=venue.nonce, signer=KEYS[0])
    assert answer["response"] == f"Must deposit before performing actions. User: {KEYS[0]}"


def test_checks_come_in_the_venues_order() -> None:
    """Nonce equality, signer, vault, nonce, expiry, weight: the first that fails answers; only later ones spend."""
    venue, _ = still_venue()
    stranger, nonce = KEYS[5], venue.nonce + 1
    mismatch = {"type": "usdClassTransfer", "amount": "1", "toPerp": False, "nonce": 1, **CHAIN}
    vault = {"vaultAddress": KEYS[6], "expiresAfter": START - 1, "nonce": nonce}
    many: dict[str, object] = {"type": "order", "orders": [order("B", "90000", "0.001")] * 201, "grouping": "na"}
    late = {"expiresAfter": START - 1, "nonce": nonce}

    def told(action: dict[str, object], **envelope: object) -> str:
        text: str = venue.act(0, action, **envelope)["response"]
        return text

    assert told(mismatch, signer=stranger, nonce=nonce) == "Nonce mismatch."
    assert told(many, signer=stranger, **vault) == f"User or API Wallet {stranger} does not exist."
    assert told(many, **vault) == f"Vault not registered: {KEYS[6]}"
    assert told(many, **{**late, "nonce": 5}).startswith("Invalid nonce: nonce too low 5 < ")
    assert told(many, **late) == "Action already expired"
    assert told(many, **late) == f"Invalid nonce: duplicate nonce {nonce}"
    assert told(many, nonce=nonce + 1) == "Signed action over weight limit of 200."


def test_builder_fee_is_charged_in_the_fill() -> None:
    """An approved builder's fee is part of `fee` and shown beside it; an unapproved one refuses the order."""
    venue, _ = still_venue()
    builder = KEYS[2]
    sent = {"type": "order", "orders": [order("B", "100010", "0.01", "Ioc")], "grouping": "na",
            "builder": {"b": builder, "f": 10}}  # fmt: skip
    statuses = venue.act(0, sent)["response"]["data"]["statuses"]
    assert statuses == [{"error": "Builder fee has not been approved"}]
    venue.nonce += 1
    allowed = {"type": "approveBuilderFee", "maxFeeRate": "0.01%", "builder": builder, "nonce": venue.nonce, **CHAIN}
    assert venue.act(0, allowed, nonce=venue.nonce)["status"] == "ok"
    assert venue.ask(type="maxBuilderFee", user=MASTER, builder=builder) == 10
    assert venue.ask(type="approvedBuilders", user=MASTER) == [builder]
    assert "filled" in venue.act(0, sent)["response"]["data"]["statuses"][0]
    (fill,) = venue.ask(type="userFills", user=MASTER)
    assert fill["builderFee"] == "0.10001"
    assert fill["fee"] == "0.340034"


def test_referrers() -> None:
    """A code must be somebody's, is set once, and takes 4 % off positive fees."""
    venue, _ = still_venue(SimConfig(fees=NamedTier(name="tier0")))
    assert venue.act(0, {"type": "setReferrer", "code": "NOBODY"})["response"] == "Referral code not registered"
    owner = venue.exchange.accounts[1]
    assert venue.act(1, {"type": "registerReferrer", "code": "MINE"})["status"] == "err"
    owner.volume = 20_000 * MICRO
    assert venue.act(1, {"type": "registerReferrer", "code": "MINE"})["status"] == "ok"
    assert venue.act(0, {"type": "setReferrer", "code": "MINE"})["status"] == "ok"
    assert venue.act(0, {"type": "setReferrer", "code": "CCXT1"})["status"] == "err"
    venue.block(6_000)
    assert venue.ask(type="referral", user=MASTER)["referredBy"] == {"referrer": owner.address, "code": "MINE"}
    fees = venue.ask(type="userFees", user=MASTER)
    assert (fees["userCrossRate"], fees["activeReferralDiscount"]) == ("0.00045", "0.04")
    venue.place(0, order("B", "100010", "0.01", "Ioc"))
    (fill,) = venue.ask(type="userFills", user=MASTER)
    assert fill["fee"] == "0.432043"


TIERS = {
    "no volume": (0, 0, 0, "0.00045", "0.00015"),
    "tier 1": (6_000_000, 0, 0, "0.0004", "0.00012"),
    "tier 4": (0, 600_000_000, 0, "0.00028", "-0.00003"),
    "staked": (0, 0, 600_000, "0.00027", "0.00009"),
}


@pytest.mark.parametrize("name", TIERS)
def test_fee_schedule(name: str) -> None:
    """With the venue's schedule an account pays by its own 14-day volume, maker share and stake."""
    taker, maker, staked, cross, add = TIERS[name]
    venue, _ = still_venue(SimConfig(fees=ScheduledFees(staked_hype=staked)))
    today = START // DAY
    venue.exchange.accounts[0].day_volume = {today - 3: [taker * MICRO, maker * MICRO], today - 20: [10**18, 0]}
    fees = venue.ask(type="userFees", user=MASTER)
    assert (fees["userCrossRate"], fees["userAddRate"]) == (cross, add)
    venue.block(6_000)
    venue.place(0, order("B", "100010", "0.01", "Ioc"))
    (fill,) = venue.ask(type="userFills", user=MASTER)
    assert float(fill["fee"]) == pytest.approx(1000.1 * float(cross), abs=1e-6)


def test_reserved_requests() -> None:
    """Reserved requests cost 0.0005 USDC each and are used before the budget."""
    venue, _ = still_venue()
    account = venue.exchange.accounts[0]
    account.requests = 9_990
    assert venue.act(0, {"type": "reserveRequestWeight", "weight": 20_000})["status"] == "ok"
    limits = venue.ask(type="userRateLimit", user=MASTER)
    assert limits == {"cumVlm": "0.0", "nRequestsUsed": 0, "nRequestsCap": 10_000, "nRequestsSurplus": 10_009}
    assert venue.ask(type="clearinghouseState", user=MASTER)["marginSummary"]["accountValue"] == "99990.0"
    account.requests = 30_000
    text = venue.act(0, REST)["response"]
    assert text.startswith("Too many cumulative requests sent (10001 > 10000) for cumulative volume traded $0.00.")


# ---- multi-sig ----

GROUP = ["0x" + "0" * 39 + "2", "0x" + "0" * 39 + "3"]


def convert(venue: Venue, signers: object, account: int = 0) -> Any:  # noqa: ANN401 - venue JSON
    """Hand an account to a group."""
    venue.nonce += 1
    text = signers if isinstance(signers, str) else json.dumps(signers)
    action = {"type": "convertToMultiSigUser", "signers": text, "nonce": venue.nonce, **CHAIN}
    return venue.act(account, action, nonce=venue.nonce)


BAD_GROUPS: dict[str, tuple[object, str]] = {
    "not JSON": ("what", "Unexpected error (code=148)"),
    "threshold zero": ({"authorizedUsers": GROUP, "threshold": 0}, "Invalid multi-sig threshold"),
    "threshold three of two": ({"authorizedUsers": GROUP, "threshold": 3}, "Invalid multi-sig threshold"),
    "oneself": ({"authorizedUsers": [MASTER, GROUP[0]], "threshold": 1},
                "Cannot register self as multi-sig authorized user"),
    "a stranger": ({"authorizedUsers": [KEYS[0]], "threshold": 1}, "Multi-sig authorized user must exist on L1"),
    "eleven": ({"authorizedUsers": [f"0x{n:040x}" for n in range(90, 101)], "threshold": 1},
               "Too many multi-sig signers"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_GROUPS)
def test_refused_groups(name: str) -> None:
    """A group that breaks a rule is refused, and the account stays its owner's."""
    signers, text = BAD_GROUPS[name]
    venue, _ = still_venue()
    assert convert(venue, signers) == {"status": "err", "response": text}
    assert venue.act(0, REST)["status"] == "ok"


def together(venue: Venue, leader: str, *members: str, user: str = MASTER) -> Any:  # noqa: ANN401 - venue JSON
    """Place the test's order as a group. Args: leader, of the outer signature; members, of the inner ones."""
    blank = {"r": "0x1", "s": "0x1", "v": 27}
    payload = {"multiSigUser": user, "outerSigner": leader, "action": REST}
    action = {"type": "multiSig", "signatureChainId": "0x66eee", "signatures": [blank] * len(members),
              "payload": payload}  # fmt: skip
    return venue.act(0, action, signer=leader, members=tuple((m,) for m in members))


def test_a_group_acts_and_only_the_group() -> None:
    """Once converted, the account obeys its group with enough signatures, and nobody else."""
    venue, _ = still_venue()
    assert convert(venue, {"authorizedUsers": GROUP, "threshold": 2})["status"] == "ok"
    shown = venue.ask(type="userToMultiSigSigners", user=MASTER)
    assert shown == {"authorizedUsers": tuple(GROUP), "threshold": 2}
    assert venue.act(0, REST)["response"] == "Multi-sig required"
    assert together(venue, GROUP[0], *GROUP)["status"] == "ok"
    assert len(venue.ask(type="openOrders", user=MASTER)) == 1
    assert together(venue, GROUP[0], GROUP[0])["response"] == "Multi-sig threshold not met"
    assert together(venue, GROUP[0], GROUP[0], GROUP[0])["response"] == "Multi-sig threshold not met"
    assert together(venue, GROUP[0], GROUP[0], KEYS[0])["response"] == "Invalid multi-sig inner signer"
    assert together(venue, GROUP[0], *GROUP, user=GROUP[1])["response"] == "Invalid multi-sig user"
    assert together(venue, KEYS[0], *GROUP)["response"] == "Multi-sig outer signer must be an L1 user."
    assert together(venue, MASTER, *GROUP)["response"] == "Invalid multi-sig outer signer"
