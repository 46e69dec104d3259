"""What scripts outside the repository rely on: with --json stdout is JSON alone, with these keys, types and exit codes.

A shape lists every key. A key that is renamed, retyped, lost or added fails here, so that a change is made on purpose.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess, Popen
from typing import Final

import msgspec
import pytest

from hlmm.core.commands import Command
from hlmm.core.settings import EngineConfig
from hlmm.shell.journal import Journal, Reader
from tests.support.program import Venue, hlmm, start
from tests.support.shapes import ANY_KEY, COUNT, HASH, NULL, NUMBER, TEXT, TRUTH, Shape, faults
from tests.support.ventures import write_tape

pytestmark = pytest.mark.orchestrator

SMALL: Final = ("+asset=BTC", "env.sim.market.coins=[BTC]", "env.sim.market.warmup_s=1")
PNL: Final[Shape] = dict.fromkeys(("total", "spread", "adverse_selection", "inventory", "fees", "funding"), NUMBER)
ACCOUNT: Final[Shape] = dict.fromkeys(("address", "private_key", "agent_address", "agent_private_key"), TEXT)
SIM: Final[Shape] = {"rest_url": TEXT, "ws_url": TEXT, "accounts": [ACCOUNT]}
TRADED: Final[dict[str, Shape]] = {
    "run_id": TEXT, "run_dir": TEXT, "config_hash": HASH, "quote_uptime_frac": NUMBER, "fills": COUNT,
    "volume_usd": NUMBER, "requests": COUNT, "pnl_usd": PNL, "position": {ANY_KEY: NUMBER},
    "resting_orders_at_exit": COUNT, "decisions_hash": HASH, "events": COUNT,
    "pnl_at_tier0_usd": NUMBER, "maker_bps": NUMBER, "account_value_usd": NUMBER,
}  # fmt: skip
"""Promised of `run` and `backtest` alike, the last line beyond the promise."""
RUN: Final[Shape] = {
    **TRADED, "exit_reason": TEXT, "simulated": (NULL, TEXT),
    "mode": TEXT, "exit_code": COUNT, "duration_s": NUMBER, "foreign_orders_at_exit": COUNT, "conflated": COUNT,
    "dropped_trades": COUNT, "quarantined_frames": COUNT,
}  # fmt: skip
BACKTEST: Final[Shape] = {
    **TRADED, "wall_s": NUMBER, "tape_s": NUMBER,
    "stopped": TRUTH, "halt_reason": TEXT, "commands": COUNT,
}  # fmt: skip
DIVERGENCE: Final[Shape] = {"index": COUNT, "why": TEXT, "event": TEXT, "expected": TEXT, "got": TEXT}
REPLAY: Final[Shape] = {
    "identical": TRUTH, "events": COUNT, "decisions_hash": HASH, "first_divergence": (NULL, DIVERGENCE),
    "torn_bytes": COUNT, "complete": TRUTH,
}  # fmt: skip
REMAINING: Final[Shape] = {"orders": COUNT, "positions": {ANY_KEY: TEXT}, "dust": [TEXT], "unread": [TEXT]}
FLATTEN: Final[Shape] = {
    "verified_flat": TRUTH, "cancelled": COUNT, "closed": {ANY_KEY: TEXT}, "remaining": REMAINING,
    "elapsed_s": NUMBER, "reason": TEXT,
}  # fmt: skip
BUDGET: Final[Shape] = {"requests": COUNT, "orders_left": (NULL, COUNT), "cancels_left": (NULL, COUNT)}
STATUS: Final[Shape] = [
    {
        "run_id": TEXT, "state": TEXT, "pid": (NULL, COUNT), "coins": [TEXT], "position": (NULL, {ANY_KEY: NUMBER}),
        "open_orders": (NULL, COUNT), "budget": (NULL, BUDGET), "ready": TRUTH, "reasons": [TEXT],
        "protections": dict.fromkeys(("orderly_stop", "dead_man", "watchdog"), TRUTH),
        "run_dir": TEXT, "mode": TEXT, "account": TEXT, "config_hash": TEXT, "state_age_s": (NULL, NUMBER),
        "fills": (NULL, COUNT), "volume_usd": (NULL, NUMBER), "pnl_usd": (NULL, PNL),
        "drift": [{"kind": TEXT, "what": TEXT, "count": COUNT}],
    }
]  # fmt: skip
PROBLEM: Final[Shape] = {
    "path": TEXT, "message": TEXT, "file": (NULL, TEXT), "line": (NULL, COUNT), "override": (NULL, TEXT),
    "suggestion": (NULL, TEXT),
}  # fmt: skip
VERDICT: Final[Shape] = {"valid": TRUTH, "errors": [PROBLEM], "config_hash": (NULL, HASH)}
VERDICTS: Final[Shape] = {"valid": TRUTH, "errors": [PROBLEM], "checked": [TEXT]}


def told(done: CompletedProcess[str], shape: Shape, code: int = 0) -> object:
    """The one JSON value on a command's stdout, checked against its shape and exit code."""
    assert done.returncode == code, done.stderr
    assert done.stdout.endswith("\n")
    value = json.loads(done.stdout)
    assert faults(value, shape) == []
    return value


def field(value: object, name: str) -> object:
    """One field of an object."""
    assert isinstance(value, dict)
    return value[name]


def with_one_level(source: Path, target: Path) -> None:
    """Copy a journal under settings with another number of levels."""
    reader = Reader(source)
    assert reader.header is not None
    settings = EngineConfig.model_validate_json(reader.header.engine_config)
    coins = tuple(
        coin.model_copy(update={"spread": coin.spread.model_copy(update={"level_count": 1})}) for coin in settings.coins
    )
    one_level = settings.model_copy(update={"coins": coins})
    journal = Journal(target, msgspec.structs.replace(reader.header, engine_config=one_level.model_dump_json()))
    for record in reader:
        if isinstance(record, Command):
            journal.commands([record])
        else:
            journal.event(record)
    journal.close()


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[Popen[str]]:
    """A command while it runs; it does not outlive its test."""
    with start(folder, *arguments) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    """A running `hlmm sim` with BTC."""
    one = Venue(tmp_path_factory.mktemp("venue"))
    yield one
    one.close()


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CompletedProcess[str]]:
    """A folder with one finished backtest, and what that said."""
    folder = tmp_path_factory.mktemp("backtest")
    return folder, hlmm(folder, "backtest", *SMALL, "--for", "20s", "--json")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_sim(tmp_path: Path, number: int) -> None:
    """`sim` says where it listens in one first line, the accounts are the seed's, and a signal is its orderly end."""
    seen: list[object] = []
    for _ in range(2):
        with running(tmp_path, "sim", "--port", "0", "--seed", "7", "--coin", "BTC", "--json") as process:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            assert faults(ready, SIM) == []
            assert ready["ws_url"] == ready["rest_url"].replace("http", "ws") + "/ws"
            process.send_signal(number)
            rest, _ = process.communicate(timeout=20)
        assert (process.returncode, rest) == (0, "")
        seen.append(ready["accounts"])
    assert seen[0] == seen[1]


def test_sim_of_a_tape(tmp_path: Path) -> None:
    """`sim --market tape --tape` serves a recording; a recording that is not there is exit 3 and nothing on stdout."""
    tape = write_tape(tmp_path / "tape.jsonl")
    one = Venue(tmp_path, "--market", "tape", "--tape", tape)
    try:
        assert list(json_object(one.info({"type": "allMids"}))) == ["BTC"]
    finally:
        one.close()
    done = hlmm(tmp_path, "sim", "--market", "tape", "--tape", "missing.jsonl", "--port", "0", "--json")
    assert (done.returncode, done.stdout) == (3, "")
    assert "missing.jsonl" in done.stderr


def json_object(value: object) -> dict[str, object]:
    """The same, if it is an object."""
    assert isinstance(value, dict)
    return value


def test_run_status_and_flatten(tmp_path: Path, venue: Venue) -> None:
    """`run` ends with its one object, `status` speaks of it during and after, `flatten` ends at verified zero."""
    where = ("+asset=BTC", "env=sim", f"env.sim.connect={venue.url}")
    assert told(hlmm(tmp_path, "status", "--json"), STATUS) == []
    with running(tmp_path, "run", *where, "--json") as process:
        venue.wait_for_orders(process)
        (alive,) = listed(told(hlmm(tmp_path, "status", "--json"), STATUS))
        assert (field(alive, "pid"), field(alive, "coins")) == (process.pid, ["BTC"])
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    summary = told(CompletedProcess([], process.returncode, stdout, stderr), RUN)
    assert list(json_object(field(summary, "position"))) == ["BTC"]
    (ended,) = listed(told(hlmm(tmp_path, "status", "--json"), STATUS))
    assert (field(ended, "state"), field(ended, "run_id")) == ("ended", field(summary, "run_id"))
    flat = told(hlmm(tmp_path, "flatten", *where, "--scope", "all", "--json"), FLATTEN)
    assert field(flat, "verified_flat") is True
    halted = hlmm(tmp_path, "run", *where, "--for", "2s", "--json")
    assert (halted.returncode, halted.stdout) == (7, "")


def listed(value: object) -> list[object]:
    """The same, if it is a list."""
    assert isinstance(value, list)
    return value


def test_flatten_that_cannot(tmp_path: Path) -> None:
    """A flatten that reaches no venue exits 5 without a word on stdout."""
    done = hlmm(tmp_path, "flatten", "+asset=BTC", "env=sim", "env.sim.connect=http://127.0.0.1:1", "--json")
    assert (done.returncode, done.stdout) == (5, "")
    assert "no simulator answers" in done.stderr


def test_backtest(tested: tuple[Path, CompletedProcess[str]]) -> None:
    """`backtest` says one object."""
    _, done = tested
    summary = told(done, BACKTEST)
    assert field(summary, "tape_s") == 20


@pytest.mark.parametrize("verb", ["backtest", "run"])
@pytest.mark.parametrize(
    ("overrides", "word"),
    [(("tape=missing.jsonl",), "missing.jsonl"), (("assets.BTC.coin=NOPE",), "NOPE")],
    ids=["no such file", "no such coin"],
)
def test_what_no_market_can_be_made_of(tmp_path: Path, verb: str, overrides: tuple[str, ...], word: str) -> None:
    """A recording or a coin that is not there is exit 3 with its name, nothing on stdout, and no run left behind."""
    done = hlmm(tmp_path, verb, "+asset=BTC", *overrides, "--for", "2s", "--json")
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_recording_of_another_coin(tmp_path: Path) -> None:
    """A backtest of a coin that the recording does not hold is exit 3: it would wait for that coin to the end."""
    tape = write_tape(tmp_path / "tape.jsonl")
    done = hlmm(tmp_path, "backtest", "+asset=ETH", f"tape={tape}", "--json")
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert "ETH" in done.stderr


def test_replay(tested: tuple[Path, CompletedProcess[str]]) -> None:
    """`replay` finds a run identical and exits 0; of a journal whose settings were changed it names the first step."""
    folder, done = tested
    summary = told(done, BACKTEST)
    same = told(hlmm(folder, "replay", "--json"), REPLAY)
    assert field(same, "identical") is True
    assert field(same, "first_divergence") is None
    assert field(same, "decisions_hash") == field(summary, "decisions_hash")
    other = folder / "other"
    other.mkdir()
    with_one_level(Path(str(field(summary, "run_dir"))) / "journal.bin", other / "journal.bin")
    changed = told(hlmm(folder, "replay", str(other), "--json"), REPLAY, code=8)
    assert field(changed, "identical") is False
    assert faults(field(changed, "first_divergence"), DIVERGENCE) == []
    missing = hlmm(folder, "replay", "no-such-run", "--json")
    assert (missing.returncode, missing.stdout) == (2, "")


@pytest.mark.parametrize(
    ("arguments", "code", "shape"),
    [
        (("+asset=BTC",), 0, VERDICT),
        (("+asset=BTC", "assets.BTC.spread.level_usd=oops", "risk.nothing=1"), 3, VERDICT),
        (("--all",), 0, VERDICTS),
    ],
    ids=["valid", "broken", "all"],
)
def test_validate_config(tmp_path: Path, arguments: tuple[str, ...], code: int, shape: Shape) -> None:
    """`validate-config` says its verdict and every error in one object, and exits by the verdict."""
    verdict = told(hlmm(tmp_path, "validate-config", *arguments, "--json"), shape, code)
    assert field(verdict, "valid") is (code == 0)
    assert bool(field(verdict, "errors")) is (code != 0)


def test_shapes_find_every_fault() -> None:
    """A missing key, one too many, a wrong type at any depth: each is told with its place."""
    shape: Shape = {"a": [{"b": COUNT}], "c": (NULL, TEXT), "d": {ANY_KEY: NUMBER}}
    assert faults({"a": [{"b": 1}], "c": None, "d": {"x": 1.5}}, shape) == []
    wrong = {"a": [{"b": True}, {}], "d": {"x": "1"}, "e": 1}
    assert faults(wrong, shape) == [
        "$.a[0].b: True is no count", "$.a[1].b is missing", "$.c is missing", "$.d.x: '1' is no number",
        "$.e is not promised",
    ]  # fmt: skip
