"""`hlmm run` end to end: real processes, real sockets, and the venue's own word on what is left."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.program import HLMM, Venue, environment, hlmm, start

pytestmark = pytest.mark.orchestrator

CONTRACT = {
    "run_id", "run_dir", "exit_reason", "config_hash", "quote_uptime_frac", "fills", "volume_usd", "requests",
    "pnl_usd", "position", "resting_orders_at_exit", "pnl_at_tier0_usd",
}  # fmt: skip
PNL = ("total", "spread", "adverse_selection", "inventory", "fees", "funding")
MICRO = 1_000_000


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    """One simulated venue for the module; its first account trades."""
    one = Venue(tmp_path_factory.mktemp("venue"))
    yield one
    one.close()


def trading(venue: Venue) -> tuple[str, ...]:
    """Arguments of a run on that venue."""
    return "run", "+asset=BTC", "env=sim", f"env.sim.connect={venue.url}", "--json"


def micro(usd: float) -> int:
    """USD as exact micro-USD."""
    return round(usd * MICRO)


def test_embedded_run(tmp_path: Path) -> None:
    """Without any account a run quotes, ends after --for with exit 0, leaves nothing resting, and can be replayed."""
    done = hlmm(tmp_path, "run", "+asset=BTC", "env.sim.market.coins=[BTC]", "--for", "8s", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert set(summary) >= CONTRACT
    assert summary["exit_reason"] == "duration"
    assert summary["resting_orders_at_exit"] == 0
    assert summary["quote_uptime_frac"] > 0.5
    assert summary["requests"] >= 2
    assert list(summary["position"]) == ["BTC"]
    pnl = summary["pnl_usd"]
    assert micro(pnl["total"]) == sum(micro(pnl[term]) for term in PNL[1:])
    assert micro(summary["account_value_usd"]) == 100_000 * MICRO + micro(pnl["total"])
    run = Path(summary["run_dir"])
    assert run.parent == tmp_path / "runs"
    assert {"config.yaml", "config_hash", "journal.bin", "summary.json"} <= {path.name for path in run.iterdir()}
    assert json.loads((run / "summary.json").read_text()) == summary
    assert (run / "config_hash").read_text().strip() == summary["config_hash"]
    replayed = hlmm(tmp_path, "replay", summary["run_id"], "--json")
    assert replayed.returncode == 0, replayed.stdout
    assert json.loads(replayed.stdout)["decisions_hash"] == summary["decisions_hash"]
    (last,) = json.loads(hlmm(tmp_path, "status", "--json").stdout)
    assert (last["state"], last["run_id"], last["open_orders"]) == ("ended", summary["run_id"], 0)


def test_terminal(tmp_path: Path) -> None:
    """On a terminal a person sees both ladders live; Ctrl-C, typed there, ends with exit 0 and a confirmed summary."""
    shown, code = on_terminal(tmp_path, "run", "+asset=BTC", "env.sim.market.coins=[BTC]")
    assert code == 0, shown[-2_000:]
    for wanted in ("our bids", "our asks", "fair", "requests", "none rests, confirmed by the venue", "PnL at tier 0"):
        assert wanted in shown, wanted
    assert "\x1b[31m" not in shown, "NO_COLOR is set"


def on_terminal(folder: Path, *arguments: str) -> tuple[str, int]:
    """Run on a pseudo-terminal, type Ctrl-C once quotes are shown; what was shown, and the exit code."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 150, 0, 0))
    process = subprocess.Popen(
        [*HLMM, *arguments],
        cwd=folder,
        env=environment(folder, TERM="xterm-256color"),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - the child needs a controlling terminal
    )
    os.close(terminal)
    shown, typed, give_up = "", 0.0, time.monotonic() + 60
    while time.monotonic() < give_up:
        try:
            shown += os.read(controller, 65_536).decode(errors="replace")
        except OSError:
            break
        if not typed and "open" in shown:
            typed = time.monotonic()
        if typed and time.monotonic() - typed > 1:
            os.write(controller, b"\x03")
            typed = float("inf")
    os.close(controller)
    return shown, process.wait(timeout=30)


@pytest.mark.parametrize(
    ("signals", "code"),
    [((signal.SIGINT,), 0), ((signal.SIGTERM,), 143), ((signal.SIGINT, signal.SIGINT), 130)],
    ids=["ctrl-c", "sigterm", "ctrl-c twice"],
)
def test_signals(tmp_path: Path, venue: Venue, signals: tuple[int, ...], code: int) -> None:
    """However a signal ends it, every order is gone at the venue before the process is."""
    process = start(tmp_path, *trading(venue))
    venue.wait_for_orders(process)
    for number in signals:
        process.send_signal(number)
        time.sleep(0.02)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == code, stderr
    assert json.loads(stdout)["resting_orders_at_exit"] == 0
    assert venue.cloids() == []


def test_second_engine_is_refused(tmp_path: Path, venue: Venue) -> None:
    """While one engine runs: a second one exits 9 naming its pid, and status tells the truth about the first."""
    process = start(tmp_path, *trading(venue))
    venue.wait_for_orders(process)
    second = hlmm(tmp_path, *trading(venue))
    assert second.returncode == 9
    assert f"pid {process.pid}" in second.stderr
    assert second.stdout == ""
    give_up = time.monotonic() + 10
    while True:
        (running,) = json.loads(hlmm(tmp_path, "status", "--json").stdout)
        if running["state"] == "trading" or time.monotonic() > give_up:
            break
    assert (running["pid"], running["state"]) == (process.pid, "trading")
    assert running["open_orders"] >= 2
    assert running["protections"] == {"orderly_stop": True, "dead_man": False, "watchdog": False}
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_kill_and_restart(tmp_path: Path, venue: Venue) -> None:
    """After kill -9 the orders rest and status says so; the next run takes them over: none twice, none left behind."""
    process = start(tmp_path, *trading(venue))
    venue.wait_for_orders(process)
    process.kill()
    process.communicate(timeout=60)
    orphans = venue.cloids()
    assert orphans
    (dead,) = json.loads(hlmm(tmp_path, "status", "--json").stdout)
    assert (dead["state"], dead["ready"]) == ("died", False)
    replayed = json.loads(hlmm(tmp_path, "replay", "--json").stdout)
    assert replayed["identical"]
    process = start(tmp_path, *trading(venue))
    time.sleep(6)
    resting = venue.cloids()
    assert len(resting) == len(dict.fromkeys(resting)) <= 2 * len(orphans)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    assert json.loads(stdout)["resting_orders_at_exit"] == 0
    assert venue.cloids() == []


def test_hung_engine_is_seen(tmp_path: Path, venue: Venue) -> None:
    """A process that is stopped by the kernel is reported as unresponsive, never as trading; it recovers after."""
    process = start(tmp_path, *trading(venue))
    venue.wait_for_orders(process)
    process.send_signal(signal.SIGSTOP)
    (hung,) = json.loads(hlmm(tmp_path, "status", "--json").stdout)
    assert (hung["state"], hung["ready"], hung["pid"]) == ("unresponsive", False, process.pid)
    process.send_signal(signal.SIGCONT)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert venue.cloids() == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("env=paper", "env.rest_url=http://127.0.0.1:9"), 5, "what went wrong stands above"),
        (("env=sim", "env.sim.connect=http://127.0.0.1:9"), 5, "no simulator answers"),
        (("--for", "soon"), 2, "not a duration"),
    ],
)
def test_refusals(tmp_path: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    """What cannot run says why, exits with its own code, prints nothing on stdout, and leaves no run behind."""
    done = hlmm(tmp_path, "run", "+asset=BTC", "--json", *arguments)
    assert done.returncode == code, done.stderr
    assert said in done.stderr.replace("\n", " ")
    assert done.stdout == ""
    assert not (tmp_path / "runs").exists()


def test_dry_run(tmp_path: Path) -> None:
    """--dry-run shows limits and config hash and starts nothing."""
    done = hlmm(tmp_path, "run", "+asset=BTC", "--dry-run")
    assert done.returncode == 0
    assert "position ≤" in done.stdout
    told = json.loads(hlmm(tmp_path, "run", "+asset=BTC", "--dry-run", "--json").stdout)
    assert told["dry_run"] is True
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - names are what is compared
