"""What passes between the gateway and whoever carries bytes for it: outputs, routes of answers, open connections."""

from __future__ import annotations

import msgspec

from hlmm.sim.feeds import Topic
from hlmm.types import Ms, Ns


class SendFrame(msgspec.Struct, frozen=True, gc=False):
    """Write a text frame on a connection."""

    conn: int
    frame: bytes


class CloseConn(msgspec.Struct, frozen=True, gc=False):
    """Close a connection; 1006 means without a close frame."""

    conn: int
    code: int


class HttpAnswer(msgspec.Struct, frozen=True, gc=False):
    """The response to an HTTP request."""

    request_id: int
    status: int
    body: bytes
    content_type: str


Output = SendFrame | CloseConn | HttpAnswer


class Route(msgspec.Struct, frozen=True, gc=False):
    """Where an answer goes: an HTTP request, or a post on a connection (`post` is its id)."""

    request_id: int | None = None
    conn: int = 0
    post: int = 0


class Conn:
    """One WebSocket connection."""

    def __init__(self, now: Ns) -> None:
        """Open at `now`."""
        self.topics: dict[str, Topic] = {}
        self.ordered: list[tuple[str, Topic]] = []
        self.due: dict[str, Ns] = {}
        self.last_sent = now
        self.in_flight = 0
        self.arrived = Ms(0)
