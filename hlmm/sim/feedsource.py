"""I/O. Follows a real venue's public feeds for `env=paper`: metadata by REST, market data by WebSocket, no key.

`FeedSource.opened` gives the markets once each of them has a book; a lost connection is renewed after a jittered delay,
and until then the markets hear nothing.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from hlmm.hyperliquid import subscriptions
from hlmm.hyperliquid.endpoints import INFO_PATH
from hlmm.hyperliquid.feed import Feed
from hlmm.hyperliquid.inflight import DexsRead
from hlmm.hyperliquid.opening import Opening
from hlmm.hyperliquid.questions import Question, body
from hlmm.hyperliquid.rest import Rest, RestFailedError
from hlmm.hyperliquid.socket import Socket, SocketClosedError, connect
from hlmm.hyperliquid.wire import DecodeErrors
from hlmm.sim.live import LiveMarket
from hlmm.sim.world import UnlistedCoinError, assets, on_asset
from hlmm.types import Coin, Ns

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from hlmm.hyperliquid.inflight import MetaOf
    from hlmm.hyperliquid.universe import Universe
    from hlmm.sim.config import FeedMarketConfig

OK: Final = 200
REST_TIMEOUT_S: Final = 10.0
CONNECT_TIMEOUT_S: Final = 10.0
FIRST_BOOKS_S: Final = 15.0
"""Limit on the first book of every coin, connecting included."""
SILENCE_S: Final = 15.0
"""Without any frame for so long, the connection is taken for dead and replaced."""
PING_S: Final = 20.0
RECONNECT_MIN_S: Final = 0.25
RECONNECT_MAX_S: Final = 15.0
JITTER: Final = 0.5


class FeedUnreachableError(ConnectionError):
    """The public feeds cannot be had; the message says which address, and what went wrong."""


class FeedSource:
    """One connection at a time to the feeds, and the markets that it moves."""

    def __init__(self, config: FeedMarketConfig) -> None:
        self._config = config
        self._coins = tuple(Coin(coin) for coin in config.coins)
        self._markets: dict[Coin, LiveMarket] = {}
        self._ready = asyncio.Event()
        self._trouble = "connected, but books do not arrive"

    @asynccontextmanager
    async def opened(self, broken: Callable[[], None]) -> AsyncIterator[list[LiveMarket]]:
        """The markets, each with a book, followed until the block is left.

        Args: broken, called should the following end by itself, which only a bug makes it do; leaving then raises it.
        Raises: FeedUnreachableError; UnlistedCoinError when the venue does not list a coin.
        """
        universe = await self._universe()
        self._markets = dict(self._listed(universe))
        following = asyncio.create_task(self._follow(universe))
        following.add_done_callback(lambda _: broken())
        ready = asyncio.create_task(self._ready.wait())
        try:
            await asyncio.wait({following, ready}, timeout=FIRST_BOOKS_S, return_when=asyncio.FIRST_COMPLETED)
            if not self._ready.is_set():
                waiting = ", ".join(coin for coin, market in self._markets.items() if not market.is_ready)
                raise FeedUnreachableError(f"{self._config.ws_url}: no market data of {waiting}: {self._trouble}")
            yield list(self._markets.values())
        finally:
            ready.cancel()
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following

    # ---- metadata ----

    async def _universe(self) -> Universe:
        """Everything the venue lists on the dexes of our coins. Raises: FeedUnreachableError."""
        opening, rest = Opening(self._coins), Rest(self._config.rest_url.rstrip("/"), REST_TIMEOUT_S)
        try:
            for purpose in opening.begin():
                universe = opening.accept(purpose, await self._ask(rest, purpose))
        except RestFailedError as error:
            raise FeedUnreachableError(f"{self._config.rest_url}: {error}") from error
        except DecodeErrors as error:
            raise FeedUnreachableError(f"{self._config.rest_url}: not the venue's metadata: {error}") from error
        finally:
            await rest.close()
        assert universe is not None, "every question was answered"
        return universe

    async def _ask(self, rest: Rest, purpose: DexsRead | MetaOf) -> bytes:
        """One answer. Raises: RestFailedError, FeedUnreachableError."""
        question = Question("perpDexs") if isinstance(purpose, DexsRead) else Question("meta", dex=purpose.dex)
        status, answer = await rest.post(INFO_PATH, body(question))
        if status != OK:
            raise FeedUnreachableError(f"{self._config.rest_url}: answered {status} to {question.type}")
        return answer

    def _listed(self, universe: Universe) -> list[tuple[Coin, LiveMarket]]:
        """A market per coin, numbered as this simulator lists them. Raises: UnlistedCoinError."""
        absent = [coin for coin in self._coins if not universe.listed(coin)]
        if absent:
            raise UnlistedCoinError(f"{self._config.rest_url} does not list {', '.join(absent)}")
        numbered = [(Coin(coin), asset) for coin, asset in assets(self._coins)]
        return [(coin, LiveMarket(on_asset(universe.grid(coin).instrument, n), self._config)) for coin, n in numbered]

    # ---- market data ----

    async def _follow(self, universe: Universe) -> None:
        """Keep a connection for ever. Ends only by being cancelled, or by a bug."""
        loop = asyncio.get_running_loop()
        delay_s = RECONNECT_MIN_S
        while True:
            opened = loop.time()
            try:
                connection = await connect(self._config.ws_url, CONNECT_TIMEOUT_S)
                await self._converse(connection, Feed(universe))
            except (SocketClosedError, TimeoutError) as error:
                self._trouble = str(error) or f"no frame for {SILENCE_S:.0f} s"
            if loop.time() - opened > RECONNECT_MAX_S:
                delay_s = RECONNECT_MIN_S
            await asyncio.sleep(delay_s * random.uniform(1 - JITTER, 1 + JITTER))
            delay_s = min(2 * delay_s, RECONNECT_MAX_S)

    async def _converse(self, connection: Socket, feed: Feed) -> None:
        """Subscribe and read until the connection ends. Raises: SocketClosedError, TimeoutError on silence."""
        loop = asyncio.get_running_loop()
        try:
            for subscription in subscriptions.market_subscriptions(self._coins):
                await connection.send(subscriptions.frame(subscription))
            ping_at = loop.time() + PING_S
            while True:
                self._hear(await asyncio.wait_for(connection.recv(), SILENCE_S), feed)
                if loop.time() >= ping_at:
                    ping_at = loop.time() + PING_S
                    await connection.send(subscriptions.PING)
        finally:
            await connection.close()

    def _hear(self, frame: bytes, feed: Feed) -> None:
        """Give every event of a frame to its market; their time is taken when a block plays them."""
        for event in feed.decode(frame, Ns(0)):
            market = self._markets.get(getattr(event, "coin", Coin("")))
            if market is not None:
                market.hear(event)
        if not self._ready.is_set() and all(market.is_ready for market in self._markets.values()):
            self._ready.set()
