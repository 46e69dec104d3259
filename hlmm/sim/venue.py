"""One listed coin and the exchange's common purse: what exists apart from accounts."""

from __future__ import annotations

import hashlib
from collections import deque
from typing import Final

import msgspec

from hlmm.sim.candles import DAY, HOUR, Candles
from hlmm.sim.market import BACKGROUND, Market, Outside
from hlmm.sim.marks import Marks
from hlmm.sim.tiers import MarginTable, table_of
from hlmm.types import Address, Coin, Instrument, MicroUsd, Ms, Px, Side, Sz

REPLAYED_TRADES: Final = 30
RECENT_TRADES: Final = 500
BUILDER_BASE: Final = 100_000
DEX_STRIDE: Final = 10_000
BACKGROUND_USERS: Final = 97
TID_BITS: Final = 50


class Print(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One public trade."""

    coin: Coin
    side: Side
    px: Px
    sz: Sz
    time: Ms
    hash: str
    tid: int
    users: tuple[str, str]


class FundingPoint(msgspec.Struct, frozen=True, gc=False):
    """One hour's funding of a coin."""

    time: Ms
    rate_e10: int
    premium: float


class House(msgspec.Struct):
    """The other side of everything, micro-USD: fees collected, money withdrawn, funding pool, the background's cash."""

    fees: int = 0
    withdrawn: int = 0
    funding: int = 0
    background_raw: int = 0
    background: dict[Coin, int] = {}


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """Conditions of a listing. `margin_mode` is the wire's word, None for both modes.

    `fee_scale` is a builder dex's (1.0 doubles fees), `growth` a listing's in growth mode (a tenth of them).
    `open_interest_cap_usd` stops new exposure.
    """

    table: MarginTable
    margin_mode: str | None = None
    fee_scale: float = 1.0
    growth: bool = False
    open_interest_cap_usd: int | None = None


def usual_terms(instrument: Instrument) -> Terms:
    """The mainnet table of the coin, isolated only where its grid says so."""
    mode = "noCross" if instrument.only_isolated else None
    return Terms(table=table_of(instrument.coin, instrument.max_leverage), margin_mode=mode)


class Listing:
    """One coin: market, marks, and the public record of its trades."""

    def __init__(self, market: Market, now: Ms, terms: Terms | None = None, outside: Outside | None = None) -> None:
        """List a market.

        Args: market; now, block time at which the venue opens; terms, or the coin's usual ones; outside, the real
        venue that the market follows, or None.
        """
        self.market = market
        self.instrument: Instrument = market.instrument
        self.coin: Coin = market.instrument.coin
        self.dex = dex_of(market.instrument.coin)
        self.terms = terms or usual_terms(market.instrument)
        self.outside = outside
        self.marks = Marks(market, now, outside)
        self.candles = Candles()
        self.recent: deque[Print] = deque(maxlen=RECENT_TRADES)
        self.fundings: deque[FundingPoint] = deque(maxlen=RECENT_TRADES)
        self.prev_day_px = self.marks.mark
        self._hours: deque[tuple[int, int, int]] = deque()

    def printed(self, trade: Print) -> None:
        """Add one execution to the public record."""
        self.recent.append(trade)
        self.candles.add(trade.time, trade.px, trade.sz)
        hour = trade.time // HOUR
        if self._hours and self._hours[-1][0] == hour:
            _, notional, base = self._hours.pop()
        else:
            notional, base = 0, 0
        self._hours.append((hour, notional + trade.px * trade.sz, base + trade.sz))
        while self._hours[0][0] <= hour - DAY // HOUR:
            self._hours.popleft()

    def day_volume(self) -> tuple[int, int]:
        """Notional (micro-USD) and base (Sz) traded in the last 24 hours."""
        return sum(h[1] for h in self._hours), sum(h[2] for h in self._hours)

    def bbo(self) -> tuple[tuple[Px, Sz, int] | None, tuple[Px, Sz, int] | None]:
        """Best bid and ask with size and number of orders; None for an empty side."""
        bids, asks = self.market.bids(1), self.market.asks(1)
        return (
            (bids[0].px, bids[0].sz, bids[0].count) if bids else None,
            (asks[0].px, asks[0].sz, asks[0].count) if asks else None,
        )


def dex_of(coin: str) -> str:
    """Dex name of a coin: the part before the colon, empty for the first dex."""
    return coin.partition(":")[0] if ":" in coin else ""


def background_address(oid: int) -> Address:
    """A stable pretend address for a background order."""
    return Address("0x" + hashlib.sha256(f"background {oid % BACKGROUND_USERS}".encode()).hexdigest()[:40])


def trade_id(buyer_oid: int, seller_oid: int) -> int:
    """The venue's trade id: a 50-bit hash of both order ids."""
    digest = hashlib.sha256(f"{buyer_oid} {seller_oid}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> (64 - TID_BITS)


def is_background(owner: int) -> bool:
    """Whether an order's owner is no account."""
    return owner == BACKGROUND


def usd_cost(px: Px, sz: Sz) -> MicroUsd:
    """Notional of a trade, exact."""
    return MicroUsd(px * sz)
