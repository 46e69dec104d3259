"""`hlmm flatten`, `halt` and `resume` as programs, against a running simulator and against venues that fail."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hlmm.core.orders import make_cloid
from tests.support import age
from tests.support.rehearsal import Ready, Trader, hlmm, prod, simulator


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ready]:
    """One simulator for the module."""
    with simulator(tmp_path_factory.mktemp("sim"), "--coin", "BTC", "--coin", "ETH") as ready:
        yield ready


@pytest.fixture
def trader(venue: Ready) -> Iterator[Trader]:
    """Its first account."""
    one = Trader(venue)
    yield one
    one.close()


def to(venue: Ready) -> tuple[str, str]:
    """The overrides that name a running simulator."""
    return "env=sim", f"env.sim.connect={venue.rest_url}"


def busy(trader: Trader) -> None:
    """Two foreign orders, one of ours, a long BTC and a short ETH position."""
    for answer in (
        trader.order("BTC", 3_000.0, -100.0),
        trader.order("ETH", -2_000.0, -100.0),
        trader.order("BTC", 500.0, 300.0),
        trader.order("ETH", -500.0, 300.0),
        trader.order("ETH", 500.0, 300.0, cloid=make_cloid(1, 1)),
    ):
        assert "error" not in json.dumps(answer), answer
    assert len(trader.orders()) == 3
    assert set(trader.positions()) == {"BTC", "ETH"}


def test_from_orders_and_positions_to_verified_flat(venue: Ready, trader: Trader, tmp_path: Path) -> None:
    """The dry run changes nothing, each scope takes its part until nothing is left, the halt waits for `resume`."""
    busy(trader)
    where = to(venue)

    dry = hlmm("flatten", *where, "--scope", "all", "--dry-run", "--json", folder=tmp_path)
    assert dry.returncode == 0, dry.stderr
    shown = json.loads(dry.stdout)
    assert [action["type"] for action in shown["actions"]] == ["cancel", "order"]
    assert all(order["r"] and order["t"] == {"limit": {"tif": "Ioc"}} for order in shown["actions"][1]["orders"])
    assert (shown["verified_flat"], shown["remaining"]["orders"]) == (False, 3)
    assert len(trader.orders()) == 3
    assert not (tmp_path / "state" / "halts").exists()

    own = hlmm("flatten", *where, "+asset=ETH", "--json", folder=tmp_path)
    assert own.returncode == 0, own.stderr
    report = json.loads(own.stdout)
    assert report["verified_flat"] is True
    assert report["cancelled"] == 1
    assert set(report["closed"]) == {"ETH"}
    assert len(trader.orders()) == 2
    assert set(trader.positions()) == {"BTC"}

    everything = hlmm("flatten", *where, "--scope", "all", folder=tmp_path)
    assert everything.returncode == 0, everything.stderr
    assert everything.stdout.startswith("FLAT, confirmed")
    assert "cancel 2 orders" in everything.stderr
    assert (trader.orders(), trader.positions()) == ([], {})
    evidence = [
        json.loads(line)
        for path in (tmp_path / "state" / "flatten").iterdir()
        for line in path.read_text().splitlines()
    ]
    assert sum((line.get("action") or {}).get("type") == "cancel" for line in evidence) == 2
    assert sum(line.get("report", {}).get("verified_flat", False) for line in evidence) == 2

    blocked = hlmm("run", *where, "--for", "2s", folder=tmp_path)
    assert blocked.returncode == 7
    assert "flatten" in blocked.stderr
    assert hlmm("resume", *where, "--reason", " ", folder=tmp_path).returncode == 2
    resumed = hlmm("resume", *where, "--reason", "drill over", "--json", folder=tmp_path)
    assert json.loads(resumed.stdout) == {"halted": False, "reason": "flatten", "engines_told": []}
    assert hlmm("resume", *where, "--reason", "again", folder=tmp_path).stdout == "it was not halted\n"


def test_halt_latches_and_stops_a_running_engine(venue: Ready, tmp_path: Path) -> None:
    """`halt` needs no reason to work, keeps the account from being traded, and says so in JSON."""
    halted = hlmm("halt", *to(venue), "--reason", "lunch", "--json", folder=tmp_path)
    assert halted.returncode == 0, halted.stderr
    assert json.loads(halted.stdout) == {"halted": True, "reason": "lunch", "engines_told": []}
    assert hlmm("run", *to(venue), "--for", "2s", folder=tmp_path).returncode == 7


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("env=sim",), 5, "env.sim.connect"),
        (("env=sim", "env.sim.connect=http://127.0.0.1:1"), 5, "no simulator answers"),
        (("env=sim", "--scope", "coin"), 2, "--coin"),
        (("env=sim", "--scope", "all", "--coin", "BTC"), 2, "--scope all"),
        (("env=sim", "--deadline", "soon"), 2, "duration"),
        (("env=prod",), 3, "account_address"),
        (("flatten.poll_s=0",), 3, "flatten.poll_s"),
    ],
)
def test_what_cannot_work_says_why(tmp_path: Path, arguments: tuple[str, ...], code: int, word: str) -> None:
    """A flatten that cannot be tried ends with its exit code and the word that leads on, and latches nothing."""
    done = hlmm("flatten", *arguments, folder=tmp_path)
    assert done.returncode == code, done.stderr
    assert word in done.stderr
    assert not (tmp_path / "state" / "halts").exists()


@contextmanager
def silent_venue() -> Iterator[str]:
    """A server that takes connections and never answers. Gives its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kept: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    kept.append(listener.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        for one in kept:
            one.close()


def test_prod_through_sops_to_a_simulator(venue: Ready, trader: Trader, tmp_path: Path) -> None:
    """env=prod at a simulator's URLs flattens with the key from SOPS once confirmed, and shows the key nowhere."""
    busy(trader)
    overrides, environ = prod(tmp_path, venue.rest_url, trader.account)
    refused = hlmm("flatten", *overrides, "--scope", "all", folder=tmp_path, environ=environ, stdin="nope\n")
    assert refused.returncode == 2
    assert len(trader.orders()) == 3
    typed = trader.account.address[-4:] + "\n"
    done = hlmm("flatten", *overrides, "--scope", "all", folder=tmp_path, environ=environ, stdin=typed)
    assert done.returncode == 0, done.stderr
    assert (trader.orders(), trader.positions()) == ([], {})
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for text in (done.stdout, done.stderr, refused.stderr, written.decode("utf-8", "replace")):
        assert trader.account.agent_private_key[2:] not in text.lower()


def test_a_venue_that_never_answers_is_not_flat(trader: Trader, tmp_path: Path) -> None:
    """Against a venue that times out the deadline ends it with exit code 6, halted, naming what was not read."""
    with silent_venue() as url:
        overrides, environ = prod(tmp_path, url, trader.account)
        done = hlmm(
            "flatten", *overrides, "flatten.request_timeout_s=0.5", "--yes", "--deadline", "2s", "--json",
            folder=tmp_path, environ=environ,
        )  # fmt: skip
    assert done.returncode == 6, done.stderr
    report = json.loads(done.stdout)
    assert report["verified_flat"] is False
    assert report["remaining"]["unread"]
    assert set(report) >= {"verified_flat", "cancelled", "closed", "remaining", "elapsed_s"}
    assert len(list((tmp_path / "state" / "halts").glob("mainnet-*.json"))) == 1


def test_without_the_key_nothing_starts(trader: Trader, tmp_path: Path) -> None:
    """No `sops`, or the wrong age key, is exit code 4 with the fix, before anything is sent or latched."""
    overrides, environ = prod(tmp_path, "http://127.0.0.1:1", trader.account)
    (tmp_path / "age.txt").write_text(age.new_identity()[0] + "\n")
    wrong = hlmm("flatten", *overrides, "--yes", folder=tmp_path, environ=environ)
    assert wrong.returncode == 4, wrong.stderr
    assert "SOPS_AGE_KEY_FILE" in wrong.stderr
    missing = hlmm("flatten", *overrides, "--yes", folder=tmp_path, environ={"PATH": "/nonexistent"})
    assert missing.returncode == 4
    assert "install sops" in missing.stderr
    assert not (tmp_path / "state" / "halts").exists()
