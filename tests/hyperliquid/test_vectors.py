"""Every signing and number vector gathered from the venue, its SDKs and real requests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec

from hlmm.hyperliquid import actions, typed_data
from hlmm.hyperliquid.signing import (
    Network,
    SecretKeySigner,
    Signature,
    Stamp,
    agent_digest,
    connection_id,
    recover,
    recover_l1,
)
from hlmm.types import Coin, Instrument, Px, decimal_text, decimal_units
from tests.shared import SHARED, needs_shared

VECTORS = SHARED / "hyperliquid" / "vectors.json"

pytestmark = needs_shared


@cache
def vectors() -> dict[str, Any]:
    return dict(json.loads(VECTORS.read_text()))


def rows(*groups: str) -> list[dict[str, Any]]:
    return [row for group in groups for row in vectors()[group]]


def stamp_of(row: Mapping[str, Any]) -> Stamp:
    network: Network = "mainnet" if row["is_mainnet"] else "testnet"
    return Stamp(row["nonce"], network, row.get("vault_address"), row.get("expires_after"))


def same(ours: Signature, theirs: Mapping[str, Any]) -> bool:
    return (int(ours.r, 16), int(ours.s, 16), ours.v) == (int(theirs["r"], 16), int(theirs["s"], 16), theirs["v"])


def unhex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def shuffled(value: object) -> object:
    """The same JSON with the keys of every object in reverse order."""
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in reversed(value)}
    return [shuffled(item) for item in value] if isinstance(value, list) else value


L1_GROUPS = ("published", "generated", "real_testnet_requests")


def test_l1_hashes_digests_and_signers() -> None:
    """Each L1 vector: packed bytes, action hash, digest, recovered signer, and our signature where the key is known."""
    checked = 0
    for row in rows(*L1_GROUPS):
        if row["scheme"] != "l1":
            continue
        packed, stamp = msgspec.msgpack.encode(row["action"]), stamp_of(row)
        assert packed.hex() == row["msgpack_hex"], row["name"]
        connection = connection_id(packed, stamp.nonce, stamp.vault, stamp.expires_after)
        assert connection == unhex(row["connection_id"]), row["name"]
        assert agent_digest(connection, stamp.network) == unhex(row["eip712_digest"]), row["name"]
        signature = Signature(**row["signature"])
        who = recover_l1(packed, stamp.nonce, stamp.vault, stamp.expires_after, stamp.network, signature)
        assert who == row["signer"].lower(), row["name"]
        if row["private_key"] is not None:
            signer = SecretKeySigner(unhex(row["private_key"]))
            ours = signer.sign_l1(packed, stamp.nonce, stamp.vault, stamp.expires_after, stamp.network)
            assert same(ours, row["signature"]), row["name"]
            assert signer.address == row["signer"].lower()
        checked += 1
    assert checked == 130


def test_l1_action_structs_keep_the_canonical_order() -> None:
    """Each L1 vector decoded into its Struct from JSON in any key order packs to the very bytes that were hashed."""
    checked = 0
    for row in rows(*L1_GROUPS):
        if row["scheme"] != "l1" or row["action"]["type"] == "dummy":
            continue
        for body in (row["action"], shuffled(row["action"])):
            action = actions.decode_action(json.dumps(body).encode())
            assert actions.pack(action).hex() == row["msgpack_hex"], row["name"]
            assert msgspec.json.decode(msgspec.json.encode(action)) == row["action"], row["name"]
        checked += 1
    assert checked == 124


def test_signed_bodies() -> None:
    """A signed action is the HTTP body that the SDK sends, up to absent nulls and leading zeros."""
    for row in rows("generated"):
        if row["scheme"] != "l1" or "http_body" not in row:
            continue
        signer = SecretKeySigner(unhex(row["private_key"]))
        if row["action"]["type"] == "dummy":
            continue
        action = actions.decode_action(json.dumps(row["action"]).encode())
        body = json.loads(actions.signed_body(action, signer, stamp_of(row)))
        theirs = {key: value for key, value in row["http_body"].items() if value is not None}
        assert same(Signature(**body.pop("signature")), theirs.pop("signature"))
        vault = theirs.pop("vaultAddress", None)
        assert body.pop("vaultAddress", None) == (None if vault is None else vault.lower())
        assert body == theirs, row["name"]


def test_published_hashes() -> None:
    """Hashes published without a signature."""
    for row in rows("published_hash_only"):
        packed = msgspec.msgpack.encode(row["action"])
        ours = connection_id(packed, row["nonce"], row["vault_address"], row["expires_after"])
        assert ours == unhex(row["connection_id"]), row["name"]


def test_user_signed_actions() -> None:
    """Each user-signed vector: type string, digest, recovered signer, and our signature where the key is known."""
    checked = 0
    for row in rows(*L1_GROUPS):
        if row["scheme"] != "user_signed":
            continue
        action, signature = row["action"], Signature(**row["signature"])
        typed = typed_data.USER_SIGNED[action["type"]]
        assert "HyperliquidTransaction:" + typed.primary == row["primary_type"]
        listed = [{"name": name, "type": kind} for name, kind in (typed_data.CHAIN_FIELD, *typed.fields)]
        assert listed == row["fields"], row["name"]
        assert typed_data.user_digest(action) == unhex(row["eip712_digest"]), row["name"]
        assert typed_data.recover_user_action(action, signature) == row["signer"].lower(), row["name"]
        if row["private_key"] is not None:
            signer = SecretKeySigner(unhex(row["private_key"]))
            assert same(typed_data.sign_user_action(signer, action), row["signature"]), row["name"]
        checked += 1
    assert checked == 39


def envelope_of(body: Mapping[str, Any]) -> typed_data.Envelope:
    action = body["action"]
    payload = action["payload"]
    inner = msgspec.Raw(msgspec.msgpack.encode(payload["action"]))
    return typed_data.Envelope(
        action["signatureChainId"],
        tuple(Signature(**signature) for signature in action["signatures"]),
        typed_data.Payload(payload["multiSigUser"], payload["outerSigner"], inner),
    )


def inner_digest(row: Mapping[str, Any], envelope: typed_data.Envelope) -> bytes:
    action = row["http_body"]["action"]["payload"]["action"]
    if action["type"] in typed_data.USER_SIGNED:
        return typed_data.inner_user_digest(envelope.payload, action)
    return typed_data.inner_l1_digest(envelope.payload, stamp_of({**row, "nonce": row["http_body"]["nonce"]}))


def test_multisig_envelopes() -> None:
    """Each multi-sig vector: inner signatures, outer action hash and outer signature are reproduced and recovered."""
    for row in rows("multisig"):
        envelope = envelope_of(row["http_body"])
        stamp = stamp_of({**row, "nonce": row["http_body"]["nonce"]})
        digest = inner_digest(row, envelope)
        for key, signature in zip(row["inner_keys"], envelope.signatures, strict=True):
            signer = SecretKeySigner(unhex(key))
            assert typed_data.trimmed(signer.sign_digest(digest)) == signature, row["name"]
            assert recover(digest, signature) == signer.address
        if "inner_hash" in row:
            assert typed_data.inner_connection_id(envelope.payload, stamp) == unhex(row["inner_hash"])
            assert typed_data.outer_action_hash(envelope, stamp) == unhex(row["outer_action_hash"])
        leader = SecretKeySigner(unhex(row["outer_key"]))
        outer = leader.sign_digest(typed_data.outer_digest(envelope, stamp))
        assert same(outer, row["http_body"]["signature"]), row["name"]


def test_real_multisig_request() -> None:
    """A recorded multi-sig request recovers its inner signers and its leader."""
    for row in rows("real_multisig"):
        envelope = envelope_of(row["http_body"])
        stamp = stamp_of({**row, "nonce": row["http_body"]["nonce"]})
        assert typed_data.inner_connection_id(envelope.payload, stamp) == unhex(row["inner_connection_id"])
        digest = inner_digest(row, envelope)
        assert [recover(digest, one) for one in envelope.signatures] == [who.lower() for who in row["inner_signers"]]
        assert typed_data.outer_action_hash(envelope, stamp) == unhex(row["outer_action_hash"])
        outer = Signature(**row["http_body"]["signature"])
        assert recover(typed_data.outer_digest(envelope, stamp), outer) == row["outer_signer"].lower()


def test_number_texts() -> None:
    """Integers print the texts of the SDK's `float_to_wire` wherever it yields one that an order may carry."""
    for row in rows("float_to_wire"):
        if "out" not in row or row["out"] == "-0":
            continue
        units = int(Decimal(row["out"]).scaleb(8))
        assert decimal_text(units, 8) == row["out"]
        assert decimal_units(row["out"], 8) == units


def test_price_and_size_validity() -> None:
    """A price or size is on the grid exactly when the vectors say so (perps; spot is not traded)."""
    for row in rows("price_validity"):
        if row["market"] == "perp":
            assert on_price_grid(row["px"], row["sz_decimals"]) == row["valid"], row
    for row in rows("size_validity"):
        assert on_size_grid(row["sz"], row["sz_decimals"]) == row["valid"], row
    lint = vectors()["hl_tools_lint"]
    for row in lint["price"]:
        if row["market"] == "perp":
            assert on_price_grid(row["in"], row["sz_decimals"]) == row["valid"], row
    for row in lint["size"]:
        assert on_size_grid(row["in"], row["sz_decimals"]) == row["valid"], row


def test_price_rounding_down() -> None:
    """Rounding a perp price down gives what nktkas' formatter gives."""
    for row in vectors()["nktkas_format"]["price"]:
        if row["market"] != "perp" or row["out"] is None:
            continue
        instrument = Instrument(coin=Coin("X"), asset=0, sz_decimals=row["sz_decimals"])
        px = instrument.px_down(float(row["in"]))
        assert decimal_text(px, instrument.px_decimals) == row["out"], row


def on_price_grid(text: str, sz_decimals: int) -> bool:
    instrument = Instrument(coin=Coin("X"), asset=0, sz_decimals=sz_decimals)
    try:
        px = Px(decimal_units(text, instrument.px_decimals))
    except ValueError:
        return False
    return px > 0 and instrument.on_grid_down(px) == px


def on_size_grid(text: str, sz_decimals: int) -> bool:
    try:
        return decimal_units(text, sz_decimals) > 0
    except ValueError:
        return False
