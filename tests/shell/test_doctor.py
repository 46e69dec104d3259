"""The doctor: every check fails for its own cause, with a next step, and a sound account is healthy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from hlmm.core.settings import EngineConfig
from hlmm.hyperliquid.inflight import SentState
from hlmm.hyperliquid.rest import RestFailedError
from hlmm.hyperliquid.signing import SecretKeySigner
from hlmm.shell.clock import WallClock
from hlmm.shell.doctor import Bedside, Finding, diagnosis, examine, machine
from hlmm.shell.latch import HaltLatch
from hlmm.shell.lock import AccountLock
from hlmm.shell.venues import Access, HttpVenue
from hlmm.types import Address, Ms
from tests.support.engines import coin_config, engine_config

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT = Address("0x" + "1" * 40)
SIGNER = SecretKeySigner(b"\x01" * 32)
NOW_MS = 1_790_000_000_000


def sound() -> dict[str, Any]:
    """What a healthy venue answers, by question."""
    return {
        "exchangeStatus": {"time": NOW_MS},
        "userRole": {"role": "agent", "data": {"user": ACCOUNT}},
        "extraAgents": [{"address": SIGNER.address, "name": "mm", "validUntil": NOW_MS + 90 * 86_400_000}],
        "userAbstraction": "default",
        "clearinghouseState": {"marginSummary": {"accountValue": "1000.0", "totalMarginUsed": "0.0"}},
        "userRateLimit": {"cumVlm": "2000000.0", "nRequestsUsed": 10, "nRequestsCap": 20_000},
        "userFees": {"userAddRate": "0.00015", "userCrossRate": "0.00045"},
        "frontendOpenOrders": [],
        "meta": {"universe": [{"name": "BTC", "maxLeverage": 40}]},
        "activeAssetData": {"leverage": {"type": "cross", "value": 10}},
    }


class Told:
    """A venue that answers from a table; a missing row is a venue that does not answer."""

    def __init__(self, answers: dict[str, Any]) -> None:
        """Args: answers, by question type."""
        self.answers = answers

    def post(self, _path: str, body: bytes) -> tuple[int, bytes]:
        """As `SyncRest.post`."""
        kind = json.loads(body)["type"]
        if kind not in self.answers:
            raise RestFailedError(SentState.UNKNOWN, "timed out")
        return 200, json.dumps(self.answers[kind]).encode()


def bedside(state: Path, answers: dict[str, Any], engine: EngineConfig | None = None) -> Bedside:
    """The account of the table, on a clock that stands at the venue's time."""
    access = Access(
        venue=HttpVenue("http://127.0.0.1:9", "ws://127.0.0.1:9/ws"),
        account=ACCOUNT,
        signer=SIGNER,
        network="mainnet",
        venue_name="mainnet",
        title="test",
        clock=WallClock(1.0, NOW_MS * 1_000_000),
    )
    told: Any = Told(answers)
    return Bedside(engine=engine or engine_config(), access=access, rest=told, state=state, runs=state)


def found(findings: list[Finding], name: str) -> Finding:
    """The finding of that name."""
    return next(finding for finding in findings if finding.name == name)


def test_a_sound_account_is_healthy(tmp_path: Path) -> None:
    """With everything right no check fails and none warns."""
    findings = [*machine(tmp_path, tmp_path), *examine(bedside(tmp_path, sound()))]
    assert [finding for finding in findings if finding.state != "ok"] == []
    assert diagnosis(findings).healthy


CASES: list[tuple[str, dict[str, Any], str, str]] = [
    ("clock", {"exchangeStatus": {"time": NOW_MS - 60_000}}, "failed", "chrony"),
    ("signer", {"userRole": {"role": "missing"}}, "failed", "approve this agent"),
    ("signer", {"userRole": {"role": "agent", "data": {"user": "0x" + "2" * 40}}}, "failed", "approve this agent"),
    (
        "agent expiry",
        {"extraAgents": [{"address": SIGNER.address, "name": "mm", "validUntil": NOW_MS - 1}]},
        "failed",
        "rotate",
    ),
    (
        "agent expiry",
        {"extraAgents": [{"address": SIGNER.address, "name": "mm", "validUntil": NOW_MS + 86_400_000}]},
        "warning",
        "rotate",
    ),
    ("account mode", {"userAbstraction": "unifiedAccount"}, "failed", "standard mode"),
    (
        "funds",
        {"clearinghouseState": {"marginSummary": {"accountValue": "0.0", "totalMarginUsed": "0.0"}}},
        "failed",
        "deposit",
    ),
    (
        "requests",
        {"userRateLimit": {"cumVlm": "2000000.0", "nRequestsUsed": 19_950, "nRequestsCap": 20_000}},
        "failed",
        "reserve",
    ),
    (
        "dead man's switch",
        {"userRateLimit": {"cumVlm": "5.0", "nRequestsUsed": 0, "nRequestsCap": 20_000}},
        "warning",
        "second way",
    ),
    ("BTC", {"meta": {"universe": []}}, "failed", "another asset"),
    ("BTC", {"meta": {"universe": [{"name": "BTC", "maxLeverage": 5}]}}, "failed", "assets.BTC.leverage=5"),
    ("BTC leverage", {"activeAssetData": {"leverage": {"type": "cross", "value": 3}}}, "warning", "sets 10"),
]


@pytest.mark.parametrize(("name", "change", "state", "fix"), CASES)
def test_each_fault_is_found_with_its_fix(
    tmp_path: Path, name: str, change: dict[str, Any], state: str, fix: str
) -> None:
    """One thing wrong at the venue: that check says so, and what to do."""
    finding = found(examine(bedside(tmp_path, {**sound(), **change})), name)
    assert finding.state == state
    assert fix in finding.fix


def test_a_venue_that_does_not_answer_is_a_finding_not_a_crash(tmp_path: Path) -> None:
    """Silence of one question fails that check alone; words we do not know do the same."""
    answers = {key: value for key, value in sound().items() if key != "userFees"}
    findings = examine(bedside(tmp_path, {**answers, "exchangeStatus": {"odd": 1}}))
    assert [finding.name for finding in findings if finding.state == "failed"] == ["clock", "fees"]


def test_the_latch_and_the_lock_are_seen(tmp_path: Path) -> None:
    """A halted account, or one that another engine runs on, is not ready."""
    HaltLatch(tmp_path, "mainnet", ACCOUNT).set("3 a.m.", Ms(1))
    with AccountLock(tmp_path, "mainnet", ACCOUNT):
        findings = examine(bedside(tmp_path, sound()))
    assert "3 a.m." in found(findings, "halt latch").text
    assert "resume" in found(findings, "halt latch").fix
    assert found(findings, "lock").state == "failed"
    assert not diagnosis(findings).healthy


def test_a_builder_dex_coin_is_looked_up_on_its_dex(tmp_path: Path) -> None:
    """`dex:COIN` asks for that dex's metadata and funds."""
    engine = engine_config(coin_config("xyz:XYZ100"))
    answers = {**sound(), "meta": {"universe": [{"name": "xyz:XYZ100", "maxLeverage": 20}]}}
    findings = examine(bedside(tmp_path, answers, engine))
    assert found(findings, "xyz:XYZ100").state == "ok"
    assert found(findings, "funds on xyz").state == "ok"
