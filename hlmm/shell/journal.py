"""The journal: one append-only file of every event and command, checksummed in a chain, written ahead.

File: records of `u32 length | u32 crc | payload`, little endian. `payload` is one kind byte and a body. The crc
of a record covers its payload and starts from the crc of the record before, so a changed, lost, repeated or
moved record breaks the chain there. The first record is the header, the last of a clean run the footer.

A kill at any byte leaves whole records and at most one cut one: the torn tail. Anything else that does not
verify is damage. Both are reported; neither is an exception.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from hlmm.core.commands import AnyCommand
from hlmm.core.events import AnyEvent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

FORMAT: Final = 1
FRAME: Final = struct.Struct("<II")
RECORD_BYTES_MAX: Final = 1 << 26

HEADER: Final = b"h"
EVENT: Final = b"e"
COMMAND: Final = b"c"
FOOTER: Final = b"z"


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed to build the same engine again. `engine_config` is the JSON text of `EngineConfig`."""

    run_id: str
    run_tag: int
    version: str
    mode: str
    config_hash: str
    engine_config: str
    started_ns: int
    format: int = FORMAT


class Footer(msgspec.Struct, frozen=True, kw_only=True):
    """Written by an orderly close: how much there was, and its hash."""

    events: int
    commands: int
    decisions_hash: str


class Loss(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes at the end of a journal that are not whole, verified records, and where they start."""

    kind: Literal["torn", "damaged"]
    at_byte: int
    lost_bytes: int


Record = Header | AnyEvent | AnyCommand | Footer

_MSGPACK: Final = msgspec.msgpack.Encoder()
_HEADER_DECODER: Final[msgspec.msgpack.Decoder[Header]] = msgspec.msgpack.Decoder(Header)
_FOOTER_DECODER: Final[msgspec.msgpack.Decoder[Footer]] = msgspec.msgpack.Decoder(Footer)
_EVENT_DECODER: Final[msgspec.msgpack.Decoder[AnyEvent]] = msgspec.msgpack.Decoder(AnyEvent)
_COMMAND_DECODER: Final[msgspec.msgpack.Decoder[AnyCommand]] = msgspec.msgpack.Decoder(AnyCommand)


def event_payload(event: AnyEvent) -> bytes:
    """The bytes that stand for one event, kind byte included. Equal events give equal bytes. Raises: nothing."""
    return EVENT + _MSGPACK.encode(event)


def command_payload(command: AnyCommand) -> bytes:
    """The bytes that stand for one command, kind byte included. Equal commands give equal bytes. Raises: nothing."""
    return COMMAND + _MSGPACK.encode(command)


class Tally:
    """Counts events and commands and hashes their payloads in order: the `decisions_hash` of a run."""

    def __init__(self) -> None:
        self.events = 0
        self.commands = 0
        self._sha256 = hashlib.sha256()

    def event(self, payload: bytes) -> None:
        """Fold one event's payload."""
        self.events += 1
        self._sha256.update(payload)

    def command(self, payload: bytes) -> None:
        """Fold one command's payload."""
        self.commands += 1
        self._sha256.update(payload)

    @property
    def decisions_hash(self) -> str:
        """Hex SHA-256 so far."""
        return self._sha256.hexdigest()


class Journal:
    """Writes one journal. Every append reaches the kernel before it returns; `sync` reaches the disk.

    Args: path, a new file in an existing folder.
    Raises: FileExistsError when the file is there; OSError when the disk refuses (the caller must stop).
    """

    def __init__(self, path: Path, header: Header) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._crc = 0
        self._dirty = False
        self.tally = Tally()
        self._write([HEADER + _MSGPACK.encode(header)])
        self.sync()

    def event(self, event: AnyEvent) -> None:
        """Append one event, before the engine sees it."""
        payload = event_payload(event)
        self._write([payload])
        self.tally.event(payload)

    def commands(self, commands: Sequence[AnyCommand]) -> None:
        """Append the engine's answer to the last event, before any of it is sent."""
        if not commands:
            return
        payloads = [command_payload(command) for command in commands]
        self._write(payloads)
        for payload in payloads:
            self.tally.command(payload)

    def sync(self) -> None:
        """Force what was appended to the disk. Safe to call from another thread than the writer's."""
        if self._dirty:
            self._dirty = False
            os.fsync(self._fd)

    def close(self) -> None:
        """Append the footer, sync and close; the journal is then complete."""
        tally = self.tally
        footer = Footer(events=tally.events, commands=tally.commands, decisions_hash=tally.decisions_hash)
        self._write([FOOTER + _MSGPACK.encode(footer)])
        self.sync()
        os.close(self._fd)

    def _write(self, payloads: list[bytes]) -> None:
        parts: list[bytes] = []
        crc = self._crc
        for payload in payloads:
            crc = zlib.crc32(payload, crc)
            parts += (FRAME.pack(len(payload), crc), payload)
        chunk = b"".join(parts)
        written = os.write(self._fd, chunk)
        while written < len(chunk):
            written += os.write(self._fd, chunk[written:])
        self._crc = crc
        self._dirty = True


class Reader:
    """Reads one journal, record by record, tolerating a kill at any byte.

    `header` is None when not even that survived. `payload` holds the bytes of the newest record. After iteration,
    `footer` is set for a clean journal and `loss` says what could not be read.
    Raises: OSError from opening the file; nothing while reading.
    """

    def __init__(self, path: Path) -> None:
        self._bytes = path.read_bytes()
        self.loss: Loss | None = None
        self.footer: Footer | None = None
        self.header: Header | None = None
        self.end_byte = 0
        self.payload = b""
        self._crc = 0
        first = self._next()
        if isinstance(first, Header):
            self.header = first
        elif first is not None:
            self._lose("damaged", 0)

    def __iter__(self) -> Iterator[AnyEvent | AnyCommand]:
        """Every whole event and command in order, once."""
        while self.loss is None and self.footer is None:
            record = self._next()
            match record:
                case None:
                    return
                case Footer():
                    self.footer = record
                    if self.end_byte < len(self._bytes):
                        self._lose("damaged", self.end_byte)
                case Header():
                    self._lose("damaged", self.end_byte)
                case _:
                    yield record

    def _lose(self, kind: Literal["torn", "damaged"], at_byte: int) -> None:
        self.loss = Loss(kind=kind, at_byte=at_byte, lost_bytes=len(self._bytes) - at_byte)

    def _next(self) -> Record | None:
        """The record at `end_byte`, or None at the end of what is whole."""
        start, size = self.end_byte, len(self._bytes)
        if start == size:
            return None
        body = start + FRAME.size
        if body > size:
            self._lose("torn", start)
            return None
        length, crc = FRAME.unpack_from(self._bytes, start)
        if body + length > size:
            self._lose("torn" if length <= RECORD_BYTES_MAX and not _ends_clean(self._bytes) else "damaged", start)
            return None
        payload = self._bytes[body : body + length]
        record = _decode(payload) if zlib.crc32(payload, self._crc) == crc else None
        if record is None:
            self._lose("damaged", start)
            return None
        self._crc = crc
        self.end_byte = body + length
        self.payload = payload
        return record


def _ends_clean(journal: bytes) -> bool:
    """Whether the last bytes are a footer: then no record can have been cut off by a kill."""
    probe = FOOTER + _MSGPACK.encode(Footer(events=0, commands=0, decisions_hash=""))
    at = journal.rfind(probe[: probe.index(b"events") + len(b"events")])
    if at < 0:
        return False
    try:
        _FOOTER_DECODER.decode(journal[at + 1 :])
    except msgspec.MsgspecError:
        return False
    return True


def _decode(payload: bytes) -> Record | None:
    """One payload to its record; None when it is not one."""
    kind, body = payload[:1], payload[1:]
    try:
        if kind == EVENT:
            return _EVENT_DECODER.decode(body)
        if kind == COMMAND:
            return _COMMAND_DECODER.decode(body)
        return _decode_rare(kind, body)
    except msgspec.MsgspecError:
        return None


def _decode_rare(kind: bytes, body: bytes) -> Record | None:
    match kind:
        case b"h":
            return _HEADER_DECODER.decode(body)
        case b"z":
            return _FOOTER_DECODER.decode(body)
        case _:
            return None


def truncate(path: Path) -> Loss | None:
    """Cut a journal back to its whole, verified records. Returns: what was cut, None when nothing was."""
    reader = Reader(path)
    for _ in reader:
        pass
    if reader.loss is not None:
        os.truncate(path, reader.loss.at_byte)
    return reader.loss
