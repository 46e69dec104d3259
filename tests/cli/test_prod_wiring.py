"""Real money's wiring, rehearsed: `env=prod` with its URLs at a simulator, and a flatten beside a running engine."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hlmm.shell.redact import renderings
from tests.support.program import HLMM, environment
from tests.support.rehearsal import Trader, hlmm, prod, simulator

START_LIMIT_S = 60.0


@pytest.fixture
def trader(tmp_path: Path) -> Iterator[Trader]:
    """The first account of a simulator of its own."""
    (tmp_path / "sim").mkdir()
    with simulator(tmp_path / "sim", "--coin", "BTC") as ready:
        one = Trader(ready)
        yield one
        one.close()


def started(folder: Path, *arguments: str, environ: dict[str, str]) -> subprocess.Popen[str]:
    """`hlmm run` in the background."""
    return subprocess.Popen(
        [*HLMM, "run", "+asset=BTC", *arguments], cwd=folder, env=environment(folder, **environ),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_for_quotes(trader: Trader, engine: subprocess.Popen[str]) -> None:
    """Until orders rest. Fails with the engine's words when it ends or takes too long."""
    deadline = time.monotonic() + START_LIMIT_S
    while not trader.orders():
        if engine.poll() is not None or time.monotonic() > deadline:
            engine.kill()
            raise AssertionError(engine.communicate())
        time.sleep(0.1)


def shown_by_the_system(pid: int) -> bytes:
    """Command line and environment of a process and of its children."""
    found = b""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if pid in {int(entry.name), parent}:
                found += (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
    return found


def written(folder: Path) -> bytes:
    """Every byte of every file of the run: journal, log, summary, state, but not the simulator's."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.parent != folder / "sim")
    return b"\0".join(path.read_bytes() for path in files)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc to look at other processes")
def test_prod_trades_with_the_agent_key_and_shows_it_nowhere(trader: Trader, tmp_path: Path) -> None:
    """The engine quotes with the agent key from SOPS; no file, output, argv or environment shows it."""
    overrides, environ = prod(tmp_path, trader.rest_url, trader.account)
    with started(tmp_path, *overrides, "--yes", "--for", "6s", "--json", environ=environ) as engine:
        wait_for_quotes(trader, engine)
        system = shown_by_the_system(engine.pid)
        stdout, stderr = engine.communicate(timeout=START_LIMIT_S)
    assert engine.returncode == 0, stderr
    summary = json.loads(stdout)
    assert summary["mode"] == "prod"
    assert summary["resting_orders_at_exit"] == 0
    assert trader.orders() == []
    assert f"env.account_address={trader.account.address}".encode() in system.replace(b"'", b"")
    key = bytes.fromhex(trader.account.agent_private_key[2:])
    for seen in (stdout.encode(), stderr.encode(), system, written(tmp_path)):
        assert key not in seen
        assert [text for text in renderings(key) if text.encode() in seen] == []


def test_prod_asks_before_it_trades(trader: Trader, tmp_path: Path) -> None:
    """Without `--yes` and without the typed suffix nothing is sent and the code is usage."""
    overrides, environ = prod(tmp_path, trader.rest_url, trader.account)
    done = hlmm("run", "+asset=BTC", *overrides, "--for", "2s", folder=tmp_path, environ=environ, stdin="no\n")
    assert done.returncode == 2, done.stderr
    assert trader.account.address[-4:] in done.stderr
    assert trader.orders() == []


@pytest.mark.parametrize("name", ["HYPERLIQUID_PRIVATE_KEY", "MY_AGENT_KEY"])
def test_prod_refuses_a_key_in_the_environment(trader: Trader, tmp_path: Path, name: str) -> None:
    """A private key in an environment variable stops the start, exit 4, naming the variable and not the value."""
    overrides, environ = prod(tmp_path, trader.rest_url, trader.account)
    loose = {**environ, name: trader.account.agent_private_key}
    done = hlmm("run", "+asset=BTC", *overrides, "--yes", folder=tmp_path, environ=loose)
    assert done.returncode == 4, done.stderr
    assert name in done.stderr
    assert trader.account.agent_private_key[2:] not in done.stderr + done.stdout


@pytest.mark.parametrize("form", ["+secrets.key={}", "--private-key={}", "env.secrets.file={}", "{}"])
def test_a_key_on_the_command_line_is_refused_and_not_repeated(tmp_path: Path, form: str) -> None:
    """Whatever argument carries a private key, the command fails and no output or file repeats it."""
    key = "0x" + "5a" * 32
    done = hlmm("run", "+asset=BTC", "env=prod", form.format(key), folder=tmp_path)
    assert done.returncode in {2, 3, 4}
    assert key[2:] not in done.stdout + done.stderr
    assert key[2:].encode() not in written(tmp_path)


def test_flatten_stops_a_running_engine_and_ends_flat(trader: Trader, tmp_path: Path) -> None:
    """Beside an engine that quotes, flatten halts it, the venue ends flat, and it stays flat."""
    where = ("env=sim", f"env.sim.connect={trader.rest_url}")
    trader.order("BTC", 5_000.0, -100.0)
    with started(tmp_path, *where, "--for", "60s", environ={}) as engine:
        wait_for_quotes(trader, engine)
        done = hlmm("flatten", *where, "--json", folder=tmp_path)
        engine.communicate(timeout=START_LIMIT_S)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verified_flat"] is True
    assert "told to stop" in done.stderr
    assert (trader.orders(), trader.positions()) == ([], {})
    assert len(list((tmp_path / "state" / "halts").glob("*.json"))) == 1
