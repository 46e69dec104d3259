"""`hlmm doctor` as a program: one JSON object, exit 0 when ready, 8 with the fix when not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.program import Venue, hlmm

pytestmark = pytest.mark.orchestrator


def test_a_sound_simulator_is_ready_and_nothing_is_changed(tmp_path: Path) -> None:
    """Every check answers, several coins across dexes, and the venue has seen no order, no setting, no request used."""
    venue = Venue(tmp_path, "--coin", "BTC", "--coin", "xyz:XYZ100")
    try:
        before = venue.info({"type": "userRateLimit", "user": venue.account})
        overrides = ("asset=[BTC,XYZ100]", f"env.sim.connect={venue.url}")
        told = hlmm(tmp_path, "doctor", *overrides, "--json")
        assert told.returncode == 0, told.stderr
        diagnosis = json.loads(told.stdout)
        assert diagnosis["healthy"] is True
        names = [finding["name"] for finding in diagnosis["findings"]]
        assert {"clock", "signer", "requests", "dead man's switch", "BTC", "xyz:XYZ100", "lock"} <= {*names}
        assert venue.info({"type": "userRateLimit", "user": venue.account}) == before
        hlmm(tmp_path, "halt", *overrides, "--reason", "test")
        sick = hlmm(tmp_path, "doctor", *overrides)
        assert sick.returncode == 8
        assert "hlmm resume" in sick.stdout
    finally:
        venue.close()


def test_a_missing_key_is_a_finding(tmp_path: Path) -> None:
    """Without a secrets file the doctor says so, with the next step, and exits 8 instead of stopping at it."""
    address, agent = "0x" + "1" * 40, "0x" + "2" * 40
    live = ("env=prod", f"env.account_address={address}", f"env.agent_address={agent}", "env.secrets.file=nope.yaml")
    told = hlmm(tmp_path, "doctor", *live, "--json")
    assert told.returncode == 8
    (key,) = [finding for finding in json.loads(told.stdout)["findings"] if finding["state"] == "failed"]
    assert key["name"] == "agent key"
    assert key["fix"]
