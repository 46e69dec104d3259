"""A real venue's public feed in the small: one coin whose frames a test sends, and an exchange that hears them."""

from __future__ import annotations

from typing import Final

from hlmm.core.events import AnyEvent, BboChanged, BookChanged, ContextChanged, Trade, TradesPrinted
from hlmm.sim.config import FeedMarketConfig, PaperConfig
from hlmm.sim.gateway import Gateway
from hlmm.sim.live import FeedConfig, LiveMarket
from hlmm.sim.world import build_paper_world
from hlmm.types import Coin, Instrument, Level, Ms, Ns, Px, Side, Sz, Tid

SOL: Final = Coin("SOL")
COIN: Final = Instrument(coin=SOL, asset=0, sz_decimals=2, max_leverage=20)
UNIT: Final = 10_000
"""Px units per USD at two size decimals."""
BLOCK_MS: Final = 80
START_MS: Final = 1_700_000_000_000
VENUE_MS: Final = START_MS - 3_600_000
"""The venue's clock is an hour behind ours."""
HEARD: Final = Ns(0)

Side2 = tuple[tuple[float, int], ...]


def book(at: int, bids: Side2 = ((99, 500),), asks: Side2 = ((101, 500),)) -> BookChanged:
    """A book at a venue time. Args: levels as (USD, size)."""
    return BookChanged(ts=HEARD, venue_ts=Ms(VENUE_MS + at), coin=SOL, bids=_levels(bids), asks=_levels(asks))


def bbo(at: int, bid: tuple[float, int], ask: tuple[float, int]) -> BboChanged:
    """A touch at a venue time."""
    (one,), (other,) = _levels((bid,)), _levels((ask,))
    return BboChanged(ts=HEARD, venue_ts=Ms(VENUE_MS + at), coin=SOL, bid=one, ask=other)


def trade(at: int, side: Side, usd: float, sz: int, *, replayed: bool = False) -> TradesPrinted:
    """One print."""
    row = Trade(venue_ts=Ms(VENUE_MS + at), px=Px(int(usd * UNIT)), sz=Sz(sz), aggressor=side, tid=Tid(at))
    return TradesPrinted(ts=HEARD, coin=SOL, trades=(row,), replayed=replayed)


def context(mark: float = 100, oracle: float = 100, funding: float = 0.0) -> ContextChanged:
    """The prices beside the book."""
    return ContextChanged(
        ts=HEARD, coin=SOL, mark_px=Px(int(mark * UNIT)), oracle_px=Px(int(oracle * UNIT)), funding_hourly=funding
    )


def market_of(*events: AnyEvent, config: FeedConfig | None = None) -> LiveMarket:
    """A market that heard some events, a book and a context among them unless others are given."""
    market = LiveMarket(COIN, config or FeedConfig())
    for event in events or (book(0), context()):
        market.hear(event)
    return market


def paper_venue(market: LiveMarket, config: PaperConfig | None = None) -> Gateway:
    """An exchange on one live market."""
    return build_paper_world(config or paper_config(), 1, START_MS, [market])


def paper_config() -> PaperConfig:
    """An exchange's settings; nobody connects to these addresses."""
    feed = FeedMarketConfig(rest_url="http://127.0.0.1:9", ws_url="ws://127.0.0.1:9/ws", coins=(SOL,))
    return PaperConfig(market=feed)


def _levels(levels: Side2) -> tuple[Level, ...]:
    return tuple(Level(Px(int(usd * UNIT)), Sz(sz)) for usd, sz in levels)
