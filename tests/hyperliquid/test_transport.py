"""The two I/O modules, against a function and a real local server."""

from __future__ import annotations

import httpx
import pytest
from websockets.asyncio.server import ServerConnection, serve

from hlmm.hyperliquid.inflight import SentState
from hlmm.hyperliquid.rest import Rest, RestFailedError, SyncRest
from hlmm.hyperliquid.socket import SocketClosedError, connect


async def test_rest_returns_any_status() -> None:
    """A 429 with `null` is an answer, not an exception; the body goes out as JSON."""

    def venue(request: httpx.Request) -> httpx.Response:
        assert request.headers["content-type"] == "application/json"
        return httpx.Response(429, content=b"null" if request.content == b"{}" else b"?")

    rest = Rest("http://venue", 1.0, httpx.MockTransport(venue))
    assert await rest.post("/exchange", b"{}") == (429, b"null")
    await rest.close()
    with SyncRest("http://venue", 1.0, httpx.MockTransport(venue)) as sync_rest:
        assert sync_rest.post("/exchange", b"{}") == (429, b"null")


@pytest.mark.parametrize(
    ("error", "sent"),
    [
        (httpx.ConnectError("refused"), SentState.UNSENT),
        (httpx.ConnectTimeout("slow"), SentState.UNSENT),
        (httpx.PoolTimeout("full"), SentState.UNSENT),
        (httpx.ReadTimeout("slow"), SentState.UNKNOWN),
        (httpx.WriteError("reset"), SentState.UNKNOWN),
        (httpx.RemoteProtocolError("closed"), SentState.UNKNOWN),
    ],
)
async def test_rest_failures_say_whether_the_request_left(error: httpx.HTTPError, sent: SentState) -> None:
    """Only a failure before the first byte counts as unsent."""

    def venue(_: httpx.Request) -> httpx.Response:
        raise error

    rest = Rest("http://venue", 1.0, httpx.MockTransport(venue))
    with pytest.raises(RestFailedError) as caught:
        await rest.post("/exchange", b"{}")
    assert caught.value.sent is sent
    with pytest.raises(RestFailedError) as caught:
        SyncRest("http://venue", 1.0, httpx.MockTransport(venue)).post("/exchange", b"{}")
    assert caught.value.sent is sent


async def test_nobody_listens() -> None:
    """A refused connection is unsent on REST and closed on the socket."""
    rest = Rest("http://127.0.0.1:9", 1.0)
    with pytest.raises(RestFailedError) as caught:
        await rest.post("/info", b"{}")
    assert caught.value.sent is SentState.UNSENT
    with pytest.raises(SocketClosedError):
        await connect("ws://127.0.0.1:9/ws", 1.0)
    with pytest.raises(SocketClosedError):
        await connect("not a url", 1.0)


async def test_socket_speaks_text_and_reports_the_end() -> None:
    """Bytes go out as text frames, text comes in as bytes, and a close is one kind of exception."""
    heard: list[str | bytes] = []

    async def venue(connection: ServerConnection) -> None:
        heard.append(await connection.recv())
        await connection.send('{"channel":"pong"}')
        await connection.close()

    async with serve(venue, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        socket = await connect(f"ws://127.0.0.1:{port}/ws", 1.0)
        await socket.send(b'{"method":"ping"}')
        assert await socket.recv() == b'{"channel":"pong"}'
        with pytest.raises(SocketClosedError):
            await socket.recv()
        with pytest.raises(SocketClosedError):
            await socket.send(b"late")
        await socket.close()
    assert heard == ['{"method":"ping"}']
