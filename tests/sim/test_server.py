"""`hlmm sim` as a program: its first line, its doors on loopback, its end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import httpx
import pytest
from websockets.sync.client import connect

from hlmm.sim.config import SimConfig, SyntheticMarketConfig, TapeMarketConfig
from hlmm.sim.server import SpawnError, spawn, stop_spawned
from tests.shared import SHARED, needs_shared

COMMAND = [sys.executable, "-m", "hlmm.cli.app", "sim", "--port", "0", "--coin", "BTC", "--json"]


@contextmanager
def running(*more: str) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes], dict[str, Any]]]:
    """A started `hlmm sim`, its standard output and its first line."""
    with subprocess.Popen([*COMMAND, *more], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout, json.loads(process.stdout.readline())
        finally:
            process.kill()


def test_first_line_and_orderly_end() -> None:
    """The first line is exactly the machine contract, both doors answer, GET is refused, SIGTERM ends it with 0."""
    with running("--seed", "5") as (process, output, ready):
        assert set(ready) == {"rest_url", "ws_url", "accounts"}
        assert set(ready["accounts"][0]) == {"address", "private_key", "agent_address", "agent_private_key"}
        meta = httpx.post(ready["rest_url"] + "/info", json={"type": "meta"}).json()
        assert meta["universe"][0]["name"] == "BTC"
        got = httpx.get(ready["rest_url"] + "/info")
        assert (got.status_code, got.content) == (405, b"")
        with connect(ready["ws_url"]) as socket:
            socket.send('{"method":"ping"}')
            assert socket.recv() == '{"channel":"pong"}'
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert output.read() == b""


def test_keys_follow_the_seed() -> None:
    """Two simulators of one seed have the same accounts, so that scripts may pin them."""
    config = SimConfig(market=SyntheticMarketConfig(coins=("BTC",), warmup_s=0), seed=9)
    first, ready = spawn(config)
    second, again = spawn(config)
    stop_spawned(first)
    stop_spawned(second)
    assert ready.accounts == again.accounts
    assert (first.returncode, second.returncode) == (0, 0)


def test_what_cannot_start_says_why(capfd: pytest.CaptureFixture[str]) -> None:
    """A tape that is not there ends the simulator with a message, not a traceback."""
    with pytest.raises(SpawnError):
        spawn(SimConfig(market=TapeMarketConfig(paths=("no-such-tape.jsonl",))))
    said = capfd.readouterr().err
    assert "no-such-tape.jsonl" in said
    assert "Traceback" not in said


@needs_shared
def test_tape_on_a_live_clock() -> None:
    """A recorded market is served with the venue's clock at now, and its book moves."""
    tape = next((SHARED / "data").glob("hyperliquid-BTC-*.jsonl.gz"))
    config = SimConfig(market=TapeMarketConfig(paths=(str(tape),)), speed=20.0)
    process, ready = spawn(config)
    try:
        with connect(ready.ws_url) as socket:
            socket.send(json.dumps({"method": "subscribe", "subscription": {"type": "bbo", "coin": "BTC"}}))
            frames = [json.loads(socket.recv(5)) for _ in range(12)]
        times = [frame["data"]["time"] for frame in frames if frame["channel"] == "bbo"]
        assert times == sorted(times)
        assert len(times) > 8
    finally:
        stop_spawned(process)
