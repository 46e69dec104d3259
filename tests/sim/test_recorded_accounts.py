"""Recorded account actions of the live testnet, sent to the simulator by an account in the recorded state."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from hlmm.sim.accounts import Account
from hlmm.sim.actions import decode_envelope
from hlmm.sim.auth import members, signers
from hlmm.sim.exchange import Pending
from hlmm.sim.standing import MultiSig
from hlmm.types import MICRO, Address, Ms
from tests.shared import SHARED, needs_shared
from tests.support.venue import Venue, order, still_venue

WALLET: Final = "0x4a1ae5a6cfb24390a704b1cc1ab88d0f89ef596b"
UNFUNDED: Final = "0xdf8187008dd2084b553c9a5985be950c77fd76ed"
STRANGER: Final = "0x932034054685ab4d46a5b9e59b70a4b7f2c76d4d"
FOLDER: Final = SHARED / "hyperliquid" / "fixtures" / "hypaper_testnet"
RECORDED: Final = {
    "10_scheduleCancel_set": WALLET,
    "10b_scheduleCancel_clear": WALLET,
    "11_updateIsolatedMargin": WALLET,
    "12_usdClassTransfer": STRANGER,
    "13_vaultTransfer": WALLET,
    "14_createSubAccount": WALLET,
    "15_subAccountTransfer": WALLET,
    "16_subAccountSpotTransfer": WALLET,
    "18_usdClassTransfer_perp_to_spot": WALLET,
    "18b_usdClassTransfer_spot_to_perp": WALLET,
    "18c_createSubAccount": WALLET,
    "19_usdSend": WALLET,
    "19b_usdSend_wallet2_to_wallet1": UNFUNDED,
    "20_spotSend": WALLET,
    "21_sendAsset": WALLET,
    "21b_sendAsset_to_wallet2": WALLET,
    "22_agentSendAsset": WALLET,
    "23_sendToEvmWithData": WALLET,
}
"""Recording and who signed it."""


def recorded_state() -> Venue:
    """A venue with the recorded wallet: unified, 1,000 USDC, 250.35 USD of volume, a cross position in asset 0."""
    venue, _ = still_venue()
    exchange = venue.exchange
    wallet = Account(index=len(exchange.accounts), address=Address(WALLET), raw_usd={"": 1_000 * MICRO})
    exchange.registry.add(wallet)
    wallet.abstraction = "unifiedAccount"
    sent = {"type": "order", "orders": [order("B", "100010", "0.001", "Ioc")], "grouping": "na"}
    assert "filled" in venue.act(0, sent, signer=WALLET)["response"]["data"]["statuses"][0]
    wallet.volume = 250_350_000
    return venue


@needs_shared
@pytest.mark.parametrize("name", RECORDED)
def test_the_recorded_answer(name: str) -> None:
    """The simulator answers what the live testnet answered, to the letter."""
    recording: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    venue = recorded_state()
    venue.nonce += 1
    action = dict(recording["request"]["action"])
    for key in ("nonce", "time"):
        if key in action and action["type"] != "scheduleCancel":
            action[key] = venue.nonce
    answer = venue.act(0, action, signer=RECORDED[name], nonce=venue.nonce)
    assert answer == recording["response"]


@needs_shared
def test_recorded_groups() -> None:
    """The recorded conversion and the recorded envelope with a stray inner signature are refused as they were."""
    folder = SHARED / "hyperliquid" / "fixtures" / "hltools"
    conversion = json.loads((folder / "convert_to_multisig.json").read_text())
    envelopes = json.loads((folder / "multisig_envelopes.json").read_text())
    venue, _ = still_venue()
    members_known = envelopes["accepted_resting_order_2_of_3"]["signers"]
    for address in (conversion["signer"], *members_known):
        index = len(venue.exchange.accounts)
        venue.exchange.registry.add(Account(index=index, address=Address(address), raw_usd={"": MICRO}))
    venue.nonce += 1
    action = {**conversion["request"]["action"], "nonce": venue.nonce}
    assert venue.act(0, action, signer=conversion["signer"], nonce=venue.nonce) == conversion["answer"]
    group = venue.exchange.registry.account(conversion["signer"])
    assert group is not None
    group.multi_sig = MultiSig(tuple(members_known), 2)
    for name, told in (
        ("refused_second_signer_used_another_nonce", "Invalid multi-sig inner signer"),
        ("accepted_resting_order_2_of_3", "Invalid nonce: nonce too high"),
    ):
        body = envelopes[name]["request"]
        envelope = decode_envelope(body)
        venue.exchange.submit(
            Pending(
                ticket=-1,
                envelope=envelope,
                signers=signers(envelope, "any"),
                ready=Ms(venue.now),
                members=members(envelope, "any"),
            )
        )
        assert venue.block()[-1]["response"].startswith(told), name
