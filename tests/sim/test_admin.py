"""The door through which a running simulator is told what to do wrong, over real sockets."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.program import HLMM, environment

pytestmark = pytest.mark.orchestrator


@contextmanager
def simulator(folder: Path, *arguments: str) -> Iterator[dict[str, Any]]:
    """`hlmm sim`, and what its first line says."""
    command = [*HLMM, "sim", "--port", "0", "--coin", "BTC", "--json", *arguments]
    with subprocess.Popen(command, env=environment(folder), stdout=subprocess.PIPE, text=True, cwd=folder) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()
            process.wait(20)


def test_without_the_flag_there_is_no_door(tmp_path: Path) -> None:
    """The first line has its usual keys only, and the venue's port knows no such path."""
    with simulator(tmp_path) as ready:
        assert list(ready) == ["rest_url", "ws_url", "accounts"]
        assert httpx.post(ready["rest_url"] + "/admin/faults", json=[]).status_code == 404


def test_faults_come_and_go_by_http(tmp_path: Path) -> None:
    """A fault posted is listed, strikes, and is gone when deleted; the venue's own port is another one."""
    with simulator(tmp_path, "--admin-port", "0") as ready:
        assert list(ready) == ["rest_url", "ws_url", "accounts", "admin_url"]
        assert ready["admin_url"] != ready["rest_url"]
        door, info = ready["admin_url"] + "/admin/faults", ready["rest_url"] + "/info"
        assert httpx.get(door).json() == []
        assert httpx.post(info, json={"type": "allMids"}).status_code == 200
        added = httpx.post(door, json={"kind": "error_before", "about": "info", "status": 429}).json()
        assert added == {"added": [1]}
        assert httpx.post(info, json={"type": "allMids"}).status_code == 429
        (line,) = httpx.get(door).json()
        assert (line["state"], line["hits"], line["fault"]["kind"]) == ("active", 1, "error_before")
        assert httpx.delete(door + "/7").status_code == 404
        assert httpx.delete(door + "/1").json() == {"left": []}
        assert httpx.post(info, json={"type": "allMids"}).status_code == 200


def test_a_bad_plan_changes_nothing(tmp_path: Path) -> None:
    """An unknown kind, a parameter the kind does not use, a wrong type and a body that is no JSON are refused."""
    with simulator(tmp_path, "--admin-port", "0") as ready:
        door = ready["admin_url"] + "/admin/faults"
        bad = (
            {"kind": "nope"},
            [{"kind": "close"}, {"kind": "close", "coin": "BTC"}],
            {"kind": "drop", "at_ms": "1"},
            7,
        )
        assert [httpx.post(door, json=one).status_code for one in bad] == [422] * len(bad)
        assert httpx.post(door, content=b"{}").status_code == 415
        assert httpx.post(door, content=b"{", headers={"content-type": "application/json"}).status_code == 422
        assert httpx.get(door).json() == []
