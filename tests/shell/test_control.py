"""The control socket answers from its own thread, refuses nonsense, and a dead engine is seen as dead."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import msgspec

from hlmm.shell import control
from hlmm.shell.control import ControlServer, EngineRecord


def record_in(state: Path, run_id: str = "20261122T194600-ab12") -> EngineRecord:
    """A record of this process."""
    return EngineRecord(
        run_id=run_id,
        run_dir="runs/x",
        pid=os.getpid(),
        socket=str(control.socket_path(state, run_id)),
        mode="sim",
        account="0x0",
        coins=("BTC",),
        config_hash="00",
    )


def test_status_and_stop(tmp_path: Path) -> None:
    """`status` returns the last published state and its age while the caller does nothing; `stop` is heard."""
    stopped = threading.Event()
    server = ControlServer(tmp_path, record_in(tmp_path), stopped.set)
    server.publish(b'{"phase":"trading"}')
    (found,) = control.engines(tmp_path)
    reply = control.ask(found, "status")
    assert reply is not None
    assert reply.ok
    assert msgspec.json.decode(reply.state) == {"phase": "trading"}
    assert reply.state_age_s >= 0
    assert not stopped.is_set()
    assert control.ask(found, "stop") is not None
    assert stopped.is_set()
    server.close()
    assert control.engines(tmp_path) == []
    assert control.ask(found, "status") is None


def test_nonsense_is_refused(tmp_path: Path) -> None:
    """A line that is no request gets an error, and the next request still works."""
    server = ControlServer(tmp_path, record_in(tmp_path), lambda: None)
    found = control.engines(tmp_path)[0]
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(found.socket)
        peer.sendall(b"what\n")
        assert b'"ok":false' in peer.recv(4096)
    assert control.ask(found, "status") is not None
    server.close()


def test_dead_engine(tmp_path: Path) -> None:
    """A record without a listener does not answer and can be forgotten."""
    server = ControlServer(tmp_path, record_in(tmp_path), lambda: None)
    found = control.engines(tmp_path)[0]
    record_bytes = (tmp_path / "engines" / f"{found.run_id}.json").read_bytes()
    server.close()
    (tmp_path / "engines" / f"{found.run_id}.json").write_bytes(record_bytes)
    assert control.ask(control.engines(tmp_path)[0], "status") is None
    control.forget(tmp_path, found)
    assert control.engines(tmp_path) == []


def test_long_state_folder(tmp_path: Path) -> None:
    """A state folder too deep for a socket name still gets a socket."""
    deep = tmp_path / ("x" * 120)
    server = ControlServer(deep, record_in(deep), lambda: None)
    assert control.ask(control.engines(deep)[0], "status") is not None
    server.close()
