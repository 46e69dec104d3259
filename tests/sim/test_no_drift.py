"""hlmm's own session on the simulator, byte for byte: its sentinel has nothing to say."""

from __future__ import annotations

from collections.abc import Sequence

from hlmm.core.commands import AnyCommand, CancelOrder, PlaceOrder, ReadAccount, ReadFills, ReadOpenOrders
from hlmm.core.events import AnyEvent, DriftSeen, FeedConnected, FrameQuarantined, OrderMatched, OrderRested
from hlmm.hyperliquid.drift import WINDOW_S
from hlmm.hyperliquid.inflight import Outbox
from hlmm.hyperliquid.session import Session, SessionProfile
from hlmm.hyperliquid.signing import SecretKeySigner
from hlmm.sim.config import CadenceConfig, SimConfig, SyntheticMarketConfig
from hlmm.sim.gateway import Output, SendFrame
from hlmm.sim.world import build_world
from hlmm.types import NS_PER_MS, Address, Coin, Ns, Px, Side, Sz, to_cloid

COINS = (Coin("BTC"), Coin("xyz:XYZ100"))
STEP_MS = 20


class Pair:
    """A session and a venue, joined by nothing but bytes and one clock."""

    def __init__(self, cadence: CadenceConfig | None = None) -> None:
        config = SimConfig(market=SyntheticMarketConfig(coins=COINS, warmup_s=10), cadence=cadence or CadenceConfig())
        self.gateway = build_world(config, 3)
        keys = self.gateway.accounts[0]
        signer = SecretKeySigner(bytes.fromhex(keys.agent_private_key[2:]))
        profile = SessionProfile(account=Address(keys.address), signer=signer, network="testnet", coins=COINS)
        self.session = Session(profile)
        self.now = self.gateway.start
        self.events: list[AnyEvent] = []
        self.gateway.open(1, self.now)
        self._send(self.session.connected(self.now))

    def _send(self, outbox: Outbox) -> None:
        for frame in outbox.frames:
            self._take(self.gateway.receive(1, frame, self.now))

    def _take(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            if isinstance(output, SendFrame):
                outbox, events = self.session.receive(output.frame, self.now)
                self.events += events
                self._send(outbox)

    def wait(self, seconds: float) -> None:
        """Let both run."""
        for _ in range(round(seconds * 1_000 / STEP_MS)):
            self.now = Ns(self.now + STEP_MS * NS_PER_MS)
            self._take(self.gateway.advance(self.now))
            outbox, events = self.session.tick(self.now)
            self.events += events
            self._send(outbox)

    def submit(self, *commands: AnyCommand) -> None:
        """Give the session commands, and a second."""
        self._send(self.session.submit(commands, self.now))
        self.wait(1)

    def strange(self) -> list[AnyEvent]:
        """What the session could not explain or did not know."""
        return [event for event in self.events if isinstance(event, DriftSeen | FrameQuarantined)]


def test_trading_on_the_simulator_shows_no_drift() -> None:
    """Opening, feeds of two dexes at their pace, orders, a fill, a cancel and every read are within the schema."""
    pair = Pair()
    pair.wait(3)
    assert FeedConnected in [type(event) for event in pair.events]
    rest = PlaceOrder(cloid=to_cloid(1), coin=COINS[0], side=Side.BID, px=Px(1_000_000), sz=Sz(1_000))
    take = PlaceOrder(cloid=to_cloid(2), coin=COINS[0], side=Side.BID, px=Px(1_150_000), sz=Sz(1_000), tif="Ioc")
    pair.submit(rest, take)
    pair.submit(CancelOrder(cloid=to_cloid(1), coin=COINS[0]))
    pair.submit(ReadAccount(), ReadOpenOrders(), ReadFills(since_ms=0))
    pair.wait(2 * WINDOW_S)
    assert {OrderRested, OrderMatched} <= {type(event) for event in pair.events}
    assert pair.strange() == []


def test_a_venue_that_slows_its_books_is_noticed() -> None:
    """Fast books that come every 5 s instead of every 0.5 s are named for each coin."""
    pair = Pair(CadenceConfig(fast_book_ms=5_000))
    pair.wait(WINDOW_S + 3)
    said = [event.what.partition(":")[0] for event in pair.strange() if isinstance(event, DriftSeen)]
    assert said == ["l2Book BTC", "l2Book xyz"]
