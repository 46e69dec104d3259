"""The control socket of a running engine: `status` and `stop` over a Unix socket, from a thread of its own.

The thread serves the last published state, so it answers while the loop works or hangs; `state_age_s` then grows.
One request per connection: one JSON line in, one JSON line out. Every running engine leaves a record in the state
folder; a record whose socket does not answer is a dead engine's.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from hlmm.shell.statedir import PRIVATE_MODE, write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable

SOCKET_PATH_BYTES_MAX: Final = 100
REQUEST_BYTES_MAX: Final = 4_096
REPLY_BYTES_MAX: Final = 1 << 22
PEER_TIMEOUT_S: Final = 2.0


class EngineRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Where a running engine is found."""

    run_id: str
    run_dir: str
    pid: int
    socket: str
    mode: str
    account: str
    coins: tuple[str, ...]
    config_hash: str


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may be asked."""

    command: Literal["status", "stop"]


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What is answered. `state` is the published JSON, `state_age_s` its age in real seconds."""

    ok: bool
    error: str = ""
    state_age_s: float = 0.0
    state: msgspec.Raw = msgspec.Raw(b"null")


class ControlServer:
    """Serves one engine. `on_stop` is called from the server's thread and must only hand the wish to the loop."""

    def __init__(self, state: Path, record: EngineRecord, on_stop: Callable[[], None]) -> None:
        self._record_path = _records(state) / f"{record.run_id}.json"
        self._socket_path = Path(record.socket)
        self._on_stop = on_stop
        self._published = (b"null", time.monotonic())
        self._socket_path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self._socket_path))
        self._socket_path.chmod(0o600)
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve, name="control", daemon=True)
        self._thread.start()
        write_atomically(self._record_path, msgspec.json.encode(record))

    def publish(self, state: bytes) -> None:
        """Set what `status` answers. Args: state, JSON."""
        self._published = (state, time.monotonic())

    def close(self) -> None:
        """Stop serving and remove the record. Raises: nothing."""
        self._record_path.unlink(missing_ok=True)
        self._socket_path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PEER_TIMEOUT_S)

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            with peer, contextlib.suppress(OSError):
                peer.settimeout(PEER_TIMEOUT_S)
                peer.sendall(msgspec.json.encode(self._answer(_line(peer, REQUEST_BYTES_MAX))) + b"\n")

    def _answer(self, line: bytes) -> Reply:
        try:
            request = msgspec.json.decode(line, type=Request)
        except msgspec.MsgspecError as error:
            return Reply(ok=False, error=str(error))
        if request.command == "stop":
            self._on_stop()
        state, published = self._published
        return Reply(ok=True, state_age_s=time.monotonic() - published, state=msgspec.Raw(state))


def socket_path(state: Path, run_id: str) -> Path:
    """Where an engine's socket goes: the state folder, or a private temporary folder when that name is too long."""
    folder = state / "engines"
    if len(os.fsencode(folder / f"{run_id}.sock")) > SOCKET_PATH_BYTES_MAX:
        digest = hashlib.sha256(os.fsencode(state)).hexdigest()[:8]
        folder = Path(tempfile.gettempdir()) / f"hlmm-{os.getuid()}-{digest}"
    folder.mkdir(mode=PRIVATE_MODE, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        message = f"{folder} belongs to another user"
        raise PermissionError(message)
    return folder / f"{run_id}.sock"


def ask(record: EngineRecord, command: Literal["status", "stop"]) -> Reply | None:
    """One question to a running engine. Returns: its answer, None when nothing answers there. Raises: nothing."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.settimeout(PEER_TIMEOUT_S)
        try:
            peer.connect(record.socket)
            peer.sendall(msgspec.json.encode(Request(command)) + b"\n")
            return msgspec.json.decode(_line(peer, REPLY_BYTES_MAX), type=Reply)
        except (OSError, msgspec.MsgspecError):
            return None


def engines(state: Path) -> list[EngineRecord]:
    """Every engine that left a record, by run id; some may be dead. Raises: nothing for an unreadable record."""
    found: list[EngineRecord] = []
    for path in sorted(_records(state).glob("*.json")):
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            found.append(msgspec.json.decode(path.read_bytes(), type=EngineRecord))
    return found


def forget(state: Path, record: EngineRecord) -> None:
    """Remove the record of an engine that is known dead. Raises: nothing."""
    (_records(state) / f"{record.run_id}.json").unlink(missing_ok=True)
    Path(record.socket).unlink(missing_ok=True)


def alive(record: EngineRecord) -> bool:
    """Whether the record's process exists (it may be another's by now; the socket's answer is the proof)."""
    try:
        os.kill(record.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _records(state: Path) -> Path:
    return state / "engines"


def _line(peer: socket.socket, limit: int) -> bytes:
    """Bytes up to the first newline, the peer's end, or the limit."""
    parts = b""
    while not parts.endswith(b"\n") and len(parts) < limit:
        chunk = peer.recv(65_536)
        if not chunk:
            break
        parts += chunk
    return parts
