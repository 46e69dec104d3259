"""Short sessions of a simulated venue and of the parts that reach a venue, for tests of what a setting changes.

Each takes a whole configuration and returns what was to be seen from outside: frames, answers, hashes.
"""

from __future__ import annotations

import json
from random import Random
from typing import Final


from hlmm.config.run_config import RunConfig, to_engine_config
from hlmm.core.commands import CancelOrder, PlaceOrder
from hlmm.core.engine import Engine
from hlmm.core.events import FeedConnected
from hlmm.hyperliquid.actions import Order, OrderSpec, order_wire, signed_body
from hlmm.hyperliquid.session import Session, SessionProfile
from hlmm.hyperliquid.signing import Stamp
from hlmm.shell.env import SimEnv
from hlmm.shell.venues import listing, profile, sandbox_signer
from hlmm.shell.virtual import NetworkConfig, VirtualParts, VirtualRun
from hlmm.sim.config import SimConfig
from hlmm.sim.gateway import Gateway, Output, SendFrame
from hlmm.sim.presets import TraderConfig
from hlmm.sim.traders import SyntheticMarket
from hlmm.sim.world import build_world
from hlmm.types import NS_PER_MS, NS_PER_S, Address, Cloid, Coin, Instrument, Ms, Ns, Px, Side, Sz
from tests.support.venue import order, still_venue

SESSION_S: Final = 6
BTC: Final = Coin("BTC")
STEP: Final = Ns(100 * NS_PER_MS)


def sim_of(run: RunConfig) -> SimConfig:
    """The simulator's settings of a run, with the run's coins listed."""
    assert isinstance(run.env, SimEnv)
    return listing(run.env, tuple(Coin(asset.coin) for asset in run.assets.values()))


def session_of(run: RunConfig, gateway: Gateway) -> SessionProfile:
    """A session on the first account."""
    keys = gateway.accounts[0]
    coins = tuple(Coin(asset.coin) for asset in run.assets.values())
    return profile(Address(keys.address), sandbox_signer(keys.agent_private_key), run.run.connection, coins)


def session(run: RunConfig) -> object:
    """Six virtual seconds of trading: the hash of every event and command, and whether the stop was confirmed."""
    sim = sim_of(run)
    gateway = build_world(sim, sim.seed)
    parts = VirtualParts(
        engine=Engine(to_engine_config(run), 1),
        session=Session(session_of(run, gateway)),
        gateway=gateway,
        network=NetworkConfig(),
        start=gateway.start,
        tick_ms=run.timing.tick_ms,
    )
    virtual = VirtualRun(parts)
    virtual.advance(Ns(gateway.start + SESSION_S * NS_PER_S))
    result = virtual.finish("test")
    return result.decisions_hash, result.stopped


class Client:
    """One connection to a gateway, and its clock. `heard`: everything the venue sent, with its time."""

    def __init__(self, sim: SimConfig) -> None:
        """Connect."""
        self.gateway = build_world(sim, sim.seed)
        self.now = self.gateway.start
        self.heard: list[tuple[int, Output]] = []
        self.requests = 0
        self.gateway.open(1, self.now)

    def wait(self, seconds: float) -> None:
        """Let time pass in steps."""
        end = self.now + int(seconds * NS_PER_S)
        while self.gateway.next_due() <= end:
            self.now = self.gateway.next_due()
            self._hear(self.gateway.advance(self.now))
        self.now = Ns(end)

    def say(self, **message: object) -> None:
        """Send one frame."""
        self._hear(self.gateway.receive(1, json.dumps(message), self.now))

    def subscribe(self, **topic: object) -> None:
        """Subscribe to a topic."""
        self.say(method="subscribe", subscription=topic)

    def post(self, path: str, body: bytes) -> None:
        """One HTTP request."""
        self.requests += 1
        self._hear(self.gateway.http(self.requests, path, body, self.now))

    def _hear(self, outputs: list[Output]) -> None:
        self.heard += [(self.now, output) for output in outputs]


def feeds(run: RunConfig) -> object:
    """Twelve seconds of every feed."""
    client = Client(sim_of(run))
    user = client.gateway.accounts[0].address
    for topic in ("bbo", "trades", "l2Book", "activeAssetCtx"):
        client.subscribe(type=topic, coin="BTC")
    client.subscribe(type="l2Book", coin="BTC", fast=True)
    client.subscribe(type="allMids")
    client.subscribe(type="clearinghouseState", user=user)
    client.wait(12)
    return client.heard


def idle(run: RunConfig) -> object:
    """Three seconds of a connection that says and hears nothing."""
    client = Client(sim_of(run))
    client.wait(3)
    return client.heard


def crowd(run: RunConfig) -> object:
    """A client that asks much at once: two users' feeds, three posts, five weighty questions, the sandbox's accounts."""
    client = Client(sim_of(run))
    for account in client.gateway.accounts[:2]:
        client.subscribe(type="orderUpdates", user=account.address)
    for number in range(3):
        client.say(method="post", id=number, request={"type": "info", "payload": {"type": "meta"}})
    client.wait(1)
    for _ in range(5):
        client.post("/info", b'{"type":"meta"}')
    client.post("/info", b'{"type":"simAccounts"}')
    client.wait(1)
    return client.heard


def takers(run: RunConfig) -> object:
    """One crossing order of 1,000 USD: when it is answered, at what price it fills, and the fee."""
    client = Client(sim_of(run))
    keys = client.gateway.accounts[0]
    client.subscribe(type="userFills", user=keys.address)
    book = client.gateway.exchange.listings[BTC]
    spec = OrderSpec(
        side=Side.BID, px=Px(1_200_000), sz=Sz(1_000), tif="Ioc", reduce_only=False, cloid=None
    )
    action = Order((order_wire(book.instrument, spec),))
    stamp = Stamp(client.now // NS_PER_MS, network="mainnet")
    client.post("/exchange", signed_body(action, sandbox_signer(keys.agent_private_key), stamp))
    client.wait(2)
    return client.heard


def rules(run: RunConfig) -> object:
    """Requests beyond the venue's limits: many orders, and a dead man's switch that fires and is set again."""
    assert isinstance(run.env, SimEnv)
    venue, _ = still_venue(SimConfig.model_validate(run.env.sim.model_dump(exclude={"connect"})))
    told: list[object] = []
    for px in ("99000", "98990", "98980"):
        told.append(venue.act(0, {"type": "order", "orders": [order("B", px, "0.01")], "grouping": "na"}))
    venue.block(3_000)
    told.append(venue.act(0, {"type": "order", "orders": [order("B", "98970", "0.01")], "grouping": "na"}))
    for _ in range(2):
        told.append(venue.act(1, {"type": "scheduleCancel", "time": venue.now + 6_000}))
        venue.block(7_000)
    return told


def ready(session: Session, client: Client) -> None:
    """Let a session open on a client's connection."""
    for frame in session.connected(client.now).frames:
        client.say(**json.loads(frame))
    seen, connected = 0, False
    while not connected:
        client.wait(0.1)
        for _, output in client.heard[seen:]:
            assert isinstance(output, SendFrame)
            out, events = session.receive(output.frame, client.now)
            connected = connected or any(isinstance(event, FeedConnected) for event in events)
            for frame in out.frames:
                client.say(**json.loads(frame))
            seen += 1


def wire(run: RunConfig) -> object:
    """The bytes of three orders and a cancel."""
    client = Client(sim_of(run))
    session = Session(session_of(run, client.gateway))
    ready(session, client)
    places = [PlaceOrder(cloid=Cloid(n), coin=BTC, side=Side.BID, px=Px(1_000_000), sz=Sz(100)) for n in (1, 2, 3)]
    return session.submit([*places, CancelOrder(cloid=Cloid(9), coin=BTC)], client.now).frames


def silence(run: RunConfig) -> object:
    """A venue that never answers: when the session pings, and when and why it gives the connection up."""
    session = Session(session_of(run, build_world(sim_of(run), 1)))
    session.connected(Ns(0))
    noted: list[tuple[int, object]] = []
    for tenth in range(1, 400):
        out, _ = session.tick(Ns(tenth * STEP))
        if out.frames or out.reconnect:
            noted.append((tenth, (out.frames, out.reconnect)))
        if out.reconnect:
            break
    return noted


def traders(config: TraderConfig) -> object:
    """Twenty seconds of a synthetic market: its trades and its touch."""
    instrument = Instrument(coin=BTC, asset=0, sz_decimals=5, max_leverage=40)
    market = SyntheticMarket(instrument, config, Random(3))
    seen: list[object] = []
    for now in range(0, 20_000, 80):
        seen.append((market.step(Ms(now)), market.bids(1), market.asks(1)))
    return seen
