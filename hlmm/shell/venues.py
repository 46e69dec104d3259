"""The venue of a run: how it is reached and who signs. The only place that knows what each `env` means."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar, Final, assert_never
from urllib.parse import urlsplit

import msgspec

from hlmm.hyperliquid import socket
from hlmm.hyperliquid.endpoints import EXCHANGE_PATH, INFO_PATH
from hlmm.hyperliquid.rest import Rest, RestFailedError, SyncRest
from hlmm.hyperliquid.session import SessionProfile
from hlmm.hyperliquid.signing import Network, SecretKeySigner, Signer
from hlmm.shell.clock import WallClock
from hlmm.shell.env import PaperEnv, ProdEnv, SimEnv, TestnetEnv
from hlmm.shell.exits import Exit
from hlmm.shell.secrets import Pins, load_agent_key
from hlmm.sim.accounts import TestAccount
from hlmm.sim.config import PaperConfig, SimConfig, SyntheticMarketConfig
from hlmm.sim.server import SpawnError, spawn, stop_spawned
from hlmm.types import NS_PER_MS, Address, Coin, Ns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hlmm.hyperliquid.inflight import Request
    from hlmm.hyperliquid.settings import ConnectionConfig
    from hlmm.hyperliquid.socket import Socket

REST_TIMEOUT_S: Final = 10.0
PAPER_FIX: Final = (
    "check the network, env.rest_url, env.ws_url and whether the venue lists the coins; "
    "env=sim needs no network, tape=PATH trades a recording"
)
SIMULATED: Final = "exchange, fills and money; the result says nothing about real profit"
SHOWN: Final = 6
"""Digits shown of an address at each end."""


class VenueRefusedError(Exception):
    """The venue cannot be used as configured. `fix` is the next step."""

    exit_code: ClassVar[int] = Exit.VENUE

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem)
        self.fix = fix


class HttpVenue:
    """A venue by its two URLs. Implements `live.Venue`."""

    def __init__(self, rest_url: str, ws_url: str) -> None:
        self._rest_url = rest_url
        self._ws_url = ws_url
        self._rest = Rest(rest_url, REST_TIMEOUT_S)

    async def connect(self, timeout_s: float) -> Socket:
        """Open a WebSocket. Raises: SocketClosedError."""
        return await socket.connect(self._ws_url, timeout_s)

    async def post(self, request: Request) -> tuple[int, bytes]:
        """POST a session's request; status and body. Raises: RestFailedError."""
        return await self._rest.post(INFO_PATH if request.kind == "info" else EXCHANGE_PATH, request.body)

    async def close(self) -> None:
        """Close idle connections."""
        await self._rest.close()

    def sync(self, timeout_s: float = REST_TIMEOUT_S) -> SyncRest:
        """A blocking client of the same venue, for the proof after the end and for the emergency path."""
        return SyncRest(self._rest_url, timeout_s)


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """One account of one venue. `account` is the address traded for: a vault's or sub-account's when there is one.

    `clock` is the run's: a simulator's may be faster than real time, and its market may end (`ends_ns`).
    `simulated`: what of the venue is simulated, in words; None: nothing.
    """

    venue: HttpVenue
    account: Address
    signer: Signer
    network: Network
    venue_name: str
    title: str
    clock: WallClock
    vault: Address | None = None
    ends_ns: Ns | None = None
    simulated: str | None = None


class Sandbox(msgspec.Struct, frozen=True):
    """What a simulator says of itself: test accounts, whose keys are worthless by design, its clock and its end, ms."""

    accounts: list[TestAccount]
    time: int
    speed: float
    ends: int | None = None


@contextmanager
def open_access(env: SimEnv | PaperEnv | TestnetEnv | ProdEnv, coins: tuple[Coin, ...]) -> Iterator[Access]:
    """Get what a run needs to trade, and give it back afterwards.

    Args: env, the validated venue; coins, of the run.
    Raises: SecretsError when the key cannot be had; VenueRefusedError.
    """
    match env:
        case SimEnv():
            with _simulator(env, coins) as access:
                yield access
        case PaperEnv():
            with _paper(env, coins) as access:
                yield access
        case TestnetEnv() | ProdEnv():
            yield _live(env)
        case _:
            assert_never(env)


def session_profile(
    access: Access, connection: ConnectionConfig, coins: tuple[Coin, ...], *, batch_max: int
) -> SessionProfile:
    """The session's side of an access. Args: as `profile`."""
    plain = profile(access.account, access.signer, connection, coins, batch_max=batch_max)
    return msgspec.structs.replace(plain, network=access.network, vault=access.vault)


def profile(
    account: Address, signer: Signer, connection: ConnectionConfig, coins: tuple[Coin, ...], *, batch_max: int
) -> SessionProfile:
    """A session of an account of mainnet's kind (a simulator accepts it).

    Args: connection, its time limits; coins, what is traded; batch_max, orders in one action.
    """
    return SessionProfile(
        account=account,
        signer=signer,
        network="mainnet",
        coins=coins,
        request_timeout_s=connection.request_timeout_s,
        ping_s=connection.ping_s,
        feed_silence_s=connection.feed_silence_s,
        opening_timeout_s=connection.opening_timeout_s,
        action_lifetime_ms=connection.action_lifetime_ms or None,
        fast_cancels=connection.cancel_priority == "fast",
        batch_max=batch_max,
    )


def sandbox_signer(key: str) -> SecretKeySigner:
    """A signer from a simulator's worthless key. Args: key, 0x and 64 hex digits."""
    return SecretKeySigner(bytes.fromhex(key.removeprefix("0x")))


@contextmanager
def _simulator(env: SimEnv, coins: tuple[Coin, ...]) -> Iterator[Access]:
    """A running simulator's first account, or one of an embedded simulator that ends with the run."""
    if env.sim.connect is not None:
        yield _sandbox(env.sim.connect.rstrip("/"), "simulated exchange")
        return
    process, ready = spawn(listing(env.sim, coins))
    try:
        yield _sandbox(ready.rest_url, "embedded simulated exchange")
    finally:
        stop_spawned(process)


def listing(sim: SimConfig, coins: tuple[Coin, ...]) -> SimConfig:
    """The simulator's settings for a run: a synthetic venue lists the run's coins, whatever else it lists."""
    config = SimConfig.model_validate(sim.model_dump(exclude={"connect"}))
    market = config.market
    if not isinstance(market, SyntheticMarketConfig):
        return config
    listed = tuple(dict.fromkeys((*market.coins, *coins)))
    return config.model_copy(update={"market": market.model_copy(update={"coins": listed})})


@contextmanager
def _paper(env: PaperEnv, coins: tuple[Coin, ...]) -> Iterator[Access]:
    """An embedded simulator on the public feeds; it ends with the run. Raises: VenueRefusedError."""
    try:
        process, ready = spawn(following(env, coins))
    except SpawnError:
        problem = "paper trading has no market without the venue's public feeds; what went wrong stands above"
        raise VenueRefusedError(problem, PAPER_FIX) from None
    queue = env.feed.orders.queue.kind.replace("_", "-")
    source = f"real market data from {urlsplit(env.ws_url).hostname} ({env.network})"
    words = f"fills are simulated: queue model {queue}, {source}; no order leaves this machine"
    try:
        access = _sandbox(ready.rest_url, f"paper: {words}")
        yield msgspec.structs.replace(access, simulated=words)
    finally:
        stop_spawned(process)


def following(env: PaperEnv, coins: tuple[Coin, ...]) -> PaperConfig:
    """The settings of the simulator that fills paper orders: it lists the run's coins."""
    market = {**env.feed.model_dump(), "rest_url": env.rest_url, "ws_url": env.ws_url, "coins": coins}
    return PaperConfig.model_validate({**env.sim.model_dump(), "market": market})


def _sandbox(rest_url: str, title: str) -> Access:
    """Access to a simulator by its REST URL. Raises: VenueRefusedError when it is none, or does not answer."""
    fix = "start one with `hlmm sim`, and give the REST URL that it prints"
    try:
        with SyncRest(rest_url, REST_TIMEOUT_S) as rest:
            _, body = rest.post(INFO_PATH, b'{"type":"simAccounts"}')
        told = msgspec.json.decode(body, type=Sandbox)
    except (RestFailedError, msgspec.MsgspecError) as error:
        problem = f"no simulator answers at {rest_url}: {error}"
        raise VenueRefusedError(problem, fix) from None
    first = told.accounts[0]
    address = Address(first.address)
    return Access(
        venue=HttpVenue(rest_url, "ws" + rest_url.removeprefix("http") + "/ws"),
        account=address,
        signer=sandbox_signer(first.agent_private_key),
        network="mainnet",
        venue_name=f"sim-{rest_url.rpartition(':')[2]}",
        title=f"{title}, account {_short(address)}",
        clock=WallClock(told.speed, told.time * NS_PER_MS),
        ends_ns=None if told.ends is None else Ns(told.ends * NS_PER_MS),
        simulated=SIMULATED,
    )


def _live(env: TestnetEnv | ProdEnv) -> Access:
    traded = Address(env.vault_address or env.account_address)
    pins = Pins(account=Address(env.account_address), agent=Address(env.agent_address), network=env.network)
    key = load_agent_key(env.secrets, pins, os.environ)
    return Access(
        venue=HttpVenue(env.rest_url.rstrip("/"), env.ws_url),
        account=traded,
        signer=SecretKeySigner(key.reveal()),
        network=env.network,
        venue_name=env.network,
        title=f"{env.kind}, account {_short(traded)}",
        clock=WallClock(),
        vault=None if env.vault_address is None else Address(env.vault_address),
    )


def _short(address: str) -> str:
    return f"{address[:SHOWN]}…{address[-SHOWN:]}"
