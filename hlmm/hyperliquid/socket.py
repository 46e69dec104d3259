"""Owns the WebSocket to the venue, behind three methods, so that another library can take its place.

Frames are text without compression; pings are the venue's own JSON, so the library's are off.
"""

from __future__ import annotations

from typing import Final, Protocol

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as _connect
from websockets.exceptions import ConnectionClosed, WebSocketException

FRAME_BYTES_MAX: Final = 16_000_000
QUEUE_MAX: Final = 4_096
"""Frames the library buffers before it stops reading the socket."""
CLOSE_TIMEOUT_S: Final = 2.0


class SocketClosedError(ConnectionError):
    """The connection is gone, or could not be opened; the text says how."""


class Socket(Protocol):
    """One open connection."""

    async def recv(self) -> bytes:
        """The next frame. Raises: SocketClosedError."""
        ...

    async def send(self, frame: bytes) -> None:
        """Write one text frame. Raises: SocketClosedError."""
        ...

    async def close(self) -> None:
        """Close. Raises: nothing."""
        ...


class WebsocketsSocket:
    """A connection of the `websockets` library."""

    def __init__(self, connection: ClientConnection) -> None:
        """Wrap an open connection."""
        self._connection = connection

    async def recv(self) -> bytes:
        """As `Socket.recv`; text frames come as their UTF-8 bytes, undecoded."""
        try:
            return await self._connection.recv(decode=False)
        except ConnectionClosed as error:
            raise SocketClosedError(str(error)) from error

    async def send(self, frame: bytes) -> None:
        """As `Socket.send`."""
        try:
            await self._connection.send(frame, text=True)
        except ConnectionClosed as error:
            raise SocketClosedError(str(error)) from error

    async def close(self) -> None:
        """As `Socket.close`."""
        await self._connection.close()


async def connect(url: str, timeout_s: float) -> Socket:
    """Open a connection. Args: url, ws or wss; timeout_s, s. Raises: SocketClosedError."""
    try:
        connection = await _connect(
            url,
            compression=None,
            open_timeout=timeout_s,
            ping_interval=None,
            close_timeout=CLOSE_TIMEOUT_S,
            max_size=FRAME_BYTES_MAX,
            max_queue=QUEUE_MAX,
            proxy=None,
        )
    except (OSError, WebSocketException, ValueError) as error:
        message = f"{type(error).__name__}: {error}"
        raise SocketClosedError(message) from error
    return WebsocketsSocket(connection)
