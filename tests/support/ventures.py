"""Short sessions of a simulated venue and of the parts that reach a venue, for tests of what a setting changes.

Each takes a whole configuration and returns what was to be seen from outside: frames, answers, hashes.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Final

from hlmm.config.run_config import RunConfig, to_engine_config
from hlmm.core.commands import CancelOrder, PlaceOrder
from hlmm.core.engine import Engine
from hlmm.core.events import FeedConnected
from hlmm.core.orders import make_cloid
from hlmm.hyperliquid.actions import Order, OrderSpec, order_wire, signed_body
from hlmm.hyperliquid.session import Session, SessionProfile
from hlmm.hyperliquid.signing import Stamp
from hlmm.shell.env import SimEnv
from hlmm.shell.venues import listing, profile, sandbox_signer
from hlmm.shell.virtual import NetworkConfig, VirtualParts, VirtualRun
from hlmm.sim.carrier import Venue as AnyVenue
from hlmm.sim.config import SimConfig
from hlmm.sim.faulty import with_faults
from hlmm.sim.gateway import Output, SendFrame
from hlmm.sim.presets import TraderConfig
from hlmm.sim.traders import SyntheticMarket
from hlmm.sim.world import build_world
from hlmm.types import NS_PER_MS, NS_PER_S, Address, Coin, Instrument, Ms, Ns, Oid, Px, Side, Sz, decimal_text
from tests.support.venue import Venue, order, still_venue

SESSION_S: Final = 6
BTC: Final = Coin("BTC")
QUEUE_USD: Final = 100_000
USD: Final = 10
"""Price units per USD at five size decimals."""
TAPE_MS: Final = 1_700_000_000_000
STEP: Final = Ns(100 * NS_PER_MS)


def sim_of(run: RunConfig) -> SimConfig:
    """The simulator's settings of a run, with the run's coins listed."""
    assert isinstance(run.env, SimEnv)
    return listing(run.env.sim, tuple(Coin(asset.coin) for asset in run.assets.values()))


def session_of(run: RunConfig, gateway: AnyVenue) -> SessionProfile:
    """A session on the first account."""
    keys = gateway.accounts[0]
    coins = tuple(Coin(asset.coin) for asset in run.assets.values())
    signer, batch_max = sandbox_signer(keys.agent_private_key), run.budget.batch_max
    return profile(Address(keys.address), signer, run.run.connection, coins, batch_max=batch_max)


def session(run: RunConfig) -> object:
    """Six virtual seconds of trading: the hash of every event and command, and whether the stop was confirmed."""
    sim = sim_of(run)
    gateway = with_faults(build_world(sim, sim.seed), sim)
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
    """A client that asks much at once: two users' feeds, three orders, five weighty questions, the accounts."""
    client = Client(sim_of(run))
    for account in client.gateway.accounts[:2]:
        client.subscribe(type="orderUpdates", user=account.address)
    for number in range(3):
        request = {"type": "action", "payload": json.loads(crossing(client, number))}
        client.say(method="post", id=number, request=request)
    client.wait(1)
    for _ in range(5):
        client.post("/info", b'{"type":"meta"}')
    client.post("/info", b'{"type":"simAccounts"}')
    client.wait(1)
    return client.heard


def visitors(run: RunConfig) -> object:
    """Two connections of one machine, each subscribing twice and pinging: all that is sent, and what is closed."""
    client = Client(sim_of(run))
    client.gateway.open(2, client.now)
    client.wait(0.1)
    for coin in ("bbo", "trades"):
        client.subscribe(type=coin, coin="BTC")
    client.say(method="ping")
    client.wait(0.1)
    return client.heard


def crossing(client: Client, number: int = 0) -> bytes:
    """A signed order of the first account that buys 0.01 BTC at any price. Args: number, of several at one time."""
    keys = client.gateway.accounts[0]
    instrument = client.gateway.exchange.listings[BTC].instrument
    spec = OrderSpec(side=Side.BID, px=Px(1_200_000), sz=Sz(1_000), tif="Ioc", reduce_only=False, cloid=None)
    stamp = Stamp(client.now // NS_PER_MS + number, network="mainnet")
    return signed_body(Order((order_wire(instrument, spec),)), sandbox_signer(keys.agent_private_key), stamp)


def takers(run: RunConfig) -> object:
    """One crossing order of 1,000 USD: when it is answered, at what price it fills, and the fee."""
    client = Client(sim_of(run))
    client.subscribe(type="userFills", user=client.gateway.accounts[0].address)
    client.post("/exchange", crossing(client))
    client.wait(2)
    return client.heard


def rules(run: RunConfig) -> object:
    """Requests beyond the venue's limits: many orders, and a dead man's switch that fires and is set again."""
    assert isinstance(run.env, SimEnv)
    venue, _ = still_venue(SimConfig.model_validate(run.env.sim.model_dump(exclude={"connect"})))

    def place(px: str) -> object:
        return venue.act(0, {"type": "order", "orders": [order("B", px, "0.01")], "grouping": "na"})

    told = [place(px) for px in ("99000", "98990", "98980")]
    venue.block(3_000)
    told.append(place("98970"))
    for _ in range(2):
        told.append(venue.act(1, {"type": "scheduleCancel", "time": venue.now + 6_000}))
        venue.block(7_000)
    return told


def terms(run: RunConfig) -> object:
    """The terms of listings: a coin of a builder dex and one of the first dex are bought, and metadata is read."""
    venue = Venue(build_world(sim_of(run), 1).exchange)
    told = [venue.ask(type="perpDexs"), venue.ask(type="meta", dex="xyz")]
    for listed in venue.exchange.listings.values():
        grid = listed.instrument
        px = decimal_text(grid.on_grid_up(Px(listed.marks.mark * 11 // 10)), grid.px_decimals)
        told.append(venue.place(0, {**order("B", px, "0.01", "Ioc"), "a": grid.asset}))
    told.append(venue.ask(type="userFills", user=venue.exchange.accounts[0].address))
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
    places = [
        PlaceOrder(cloid=make_cloid(1, n), coin=BTC, side=Side.BID, px=Px(1_000_000), sz=Sz(100)) for n in (1, 2, 3)
    ]
    return session.submit([*places, CancelOrder(cloid=make_cloid(1, 9), coin=BTC)], client.now).frames


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


def queue(run: RunConfig) -> object:
    """Our bid behind 5 coins of a recording: 3 join behind it, 2 leave, 4 are sold; then the recording falls silent."""
    gateway = build_world(sim_of(run), 1)
    market = gateway.exchange.listings[BTC].market
    start = gateway.start // NS_PER_MS
    market.guard_makers(lambda _owner, _oid, _px, sz: sz)
    market.step(Ms(start))
    market.place(Oid(1), 0, Side.BID, Px(QUEUE_USD * USD), Sz(100_000), "Alo")
    return [(ms, market.step(Ms(start + ms)), market.bids(2)) for ms in range(0, 3_000, 100)]


def write_tape(path: Path, first_usd: int = QUEUE_USD) -> str:
    """A recording for `queue`: three books and a trade, then three silent seconds. Returns: its path."""
    rows: list[bytes] = []

    def row(at: int, channel: str, content: object) -> None:
        rows.append(json.dumps({"recv_ms": TAPE_MS + at + 300.0, "channel": channel, "data": content}).encode())

    for at, size in ((0, "5.00001"), (100, "8.00001"), (200, "6.00001"), (3_200, "6.00001"), (8_000, "6.00001")):
        bids = [{"px": str(first_usd), "sz": size, "n": 1}, {"px": str(first_usd - 10), "sz": "9", "n": 1}]
        asks = [{"px": str(first_usd + 10), "sz": "5", "n": 1}, {"px": str(first_usd + 20), "sz": "9", "n": 1}]
        row(at, "l2Book", {"coin": "BTC", "time": TAPE_MS + at, "levels": [bids, asks]})
    sold = {"coin": "BTC", "side": "A", "px": str(first_usd), "sz": "4.5", "time": TAPE_MS + 300, "tid": 1}
    row(300, "trades", [sold])
    path.write_bytes(b"\n".join(rows) + b"\n")
    return str(path)


def traders(config: TraderConfig) -> object:
    """A minute of a synthetic market: its trades and its touch."""
    instrument = Instrument(coin=BTC, asset=0, sz_decimals=5, max_leverage=40)
    market = SyntheticMarket(instrument, config, Random(3))
    return [(market.step(Ms(now)), market.bids(1), market.asks(1)) for now in range(0, 60_000, 80)]
