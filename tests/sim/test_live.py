"""A live feed is played by the tape's own rules, a block's prints first, and where it is silent so are we."""

from __future__ import annotations

import json
from array import array
from random import Random

import pytest

from hlmm.core.events import AnyEvent, BboChanged, BookChanged, Trade, TradesPrinted
from hlmm.sim.frames import BboFrame, BookFrame, Frame, PrintFrame, Tape, venue_order
from hlmm.sim.gateway import Gateway, SendFrame
from hlmm.sim.live import FeedConfig, LiveMarket
from hlmm.sim.market import BACKGROUND, BookLevel, Match
from hlmm.sim.tape import TapeConfig, TapeMarket
from hlmm.types import NS_PER_MS, Level, Ms, Ns, Oid, Px, Side, Sz, Tid
from tests.support.livefeed import (
    BLOCK_MS,
    COIN,
    HEARD,
    SOL,
    START_MS,
    UNIT,
    bbo,
    book,
    context,
    market_of,
    paper_venue,
    trade,
)

WAIT = 2
"""Blocks until a frame is played: it is seen in one, and 100 ms old two later."""


def play(market: LiveMarket, since: int, until: int) -> list[Match]:
    """Blocks at `since`, every 80 ms, before `until`, in ms after the start; every match."""
    return [match for at in range(since, until, BLOCK_MS) for match in market.step(Ms(START_MS + at))]


def ours(matches: list[Match]) -> list[tuple[int, int]]:
    """Fills of our resting orders as (oid, size)."""
    return [(match.maker_oid, match.sz) for match in matches if match.maker_owner != BACKGROUND]


def rest(market: LiveMarket | TapeMarket, oid: int, side: Side, px: int, sz: int) -> None:
    market.place(Oid(oid), 0, side, Px(px), Sz(sz), "Alo")


# ---- one code path ----


def walk(rng: Random, number: int) -> list[Frame]:
    """The frames of one block in the order of their arrival: touch, print, book."""
    at, bid = Ms(number * BLOCK_MS), (98 + rng.randrange(4)) * UNIT
    bids, asks = (
        array("q", [v for i in range(3) for v in (px + i * step, rng.randrange(1, 900), 1)])
        for px, step in ((bid, -UNIT), (bid + UNIT, UNIT))
    )
    frames: list[Frame] = []
    if rng.random() < 0.6:
        touch = (BookLevel(Px(px), Sz(rng.randrange(1, 900)), 1) for px in (bid, bid + UNIT))
        frames.append(BboFrame(at, *touch))
    if number and rng.random() < 0.6:
        px, side = Px((97 + rng.randrange(6)) * UNIT), rng.choice((Side.BID, Side.ASK))
        frames.append(PrintFrame(at, px, Sz(rng.randrange(1, 900)), side, Tid(number)))
    if not number or rng.random() < 0.3:
        frames.append(BookFrame(at, bids, asks))
    return frames


def heard(frame: Frame) -> AnyEvent:
    """The event that the wire decoder makes of a frame."""
    match frame:
        case BookFrame():
            bids, asks = (
                tuple(Level(Px(flat[at]), Sz(flat[at + 1])) for at in range(0, len(flat), 3))
                for flat in (frame.bids, frame.asks)
            )
            return BookChanged(ts=HEARD, venue_ts=frame.venue_ms, coin=SOL, bids=bids, asks=asks)
        case BboFrame():
            assert frame.bid is not None
            assert frame.ask is not None
            bid, ask = (Level(level.px, level.sz) for level in (frame.bid, frame.ask))
            return BboChanged(ts=HEARD, venue_ts=frame.venue_ms, coin=SOL, bid=bid, ask=ask)
        case PrintFrame():
            row = Trade(venue_ts=frame.venue_ms, px=frame.px, sz=frame.sz, aggressor=frame.aggressor, tid=frame.tid)
            return TradesPrinted(ts=HEARD, coin=SOL, trades=(row,))


@pytest.mark.parametrize("seed", range(20))
def test_live_and_recorded_are_the_same_market(seed: int) -> None:
    """Frames heard as they arrive, in the venue's own order, trade with us exactly as their recording does."""
    rng = Random(seed)
    blocks = [walk(rng, number) for number in range(120)]
    frames = tuple(sorted((frame for block in blocks for frame in block), key=venue_order))
    tape = Tape(
        source="walk", coin=SOL, frames=frames, start_ms=Ms(0), end_ms=frames[-1].venue_ms, repeated_tids=0,
        lag_p50_ms=0.0, lag_p95_ms=0.0,
    )  # fmt: skip
    recorded, live = TapeMarket(COIN, tape, TapeConfig()), LiveMarket(COIN, FeedConfig())
    live.hear(context())
    fills: list[tuple[tuple[Match, ...], ...]] = [(), ()]
    for market, lag, out in ((recorded, 0, 0), (live, WAIT, 1)):
        for number in range(len(blocks) + lag):
            if market is live and number < len(blocks):
                for frame in blocks[number]:
                    live.hear(heard(frame))
            if number >= lag and number - lag > 0:
                plan = Random(seed * 1_000 + number - lag)
                market.cancel(Oid(plan.randrange(120)))
                rest(market, number - lag, plan.choice((Side.BID, Side.ASK)), (96 + plan.randrange(8)) * UNIT, 200)
            fills[out] += (market.step(Ms(number * BLOCK_MS)),)
    assert fills[1][WAIT:] == fills[0]
    assert any(match.maker_owner != BACKGROUND for block in fills[0] for match in block)
    assert (live.bids(5), live.asks(5)) == (recorded.bids(5), recorded.asks(5))


def test_a_blocks_prints_meet_our_orders_before_its_touch() -> None:
    """The venue sends a block's bbo before its trades; the bbo must not put us nearer to the front of the queue."""
    market = market_of()
    play(market, 0, 400)
    rest(market, 1, Side.BID, 99 * UNIT, 100)
    market.hear(bbo(400, (99, 100), (101, 500)))
    play(market, 400, 480)
    market.hear(trade(400, Side.ASK, 99, 400))
    assert ours(play(market, 480, 1_000)) == []
    market.hear(trade(1_040, Side.ASK, 99, 150))
    assert ours(play(market, 1_040, 1_400)) == [(1, 50)]


def test_history_is_not_traded() -> None:
    """The replay that opens a subscription, and whatever came before the first block, fills nobody."""
    market = market_of(trade(0, Side.ASK, 99, 5_000), book(0), context())
    play(market, 0, 80)
    rest(market, 1, Side.BID, 100 * UNIT, 100)
    market.hear(trade(80, Side.ASK, 99, 5_000, replayed=True))
    assert play(market, 80, 800) == []
    market.hear(trade(800, Side.ASK, 99, 5_000))
    assert ours(play(market, 800, 1_600)) == [(1, 100)]


def test_a_late_print_is_played_late_and_once() -> None:
    """A print that arrives after later frames were played still meets our orders, one time."""
    market = market_of()
    play(market, 0, 400)
    rest(market, 1, Side.BID, 100 * UNIT, 300)
    market.hear(bbo(900, (99, 500), (101, 400)))
    play(market, 400, 1_200)
    market.hear(trade(450, Side.ASK, 99, 200))
    assert ours(play(market, 1_200, 2_000)) == [(1, 200)]


def test_the_venues_clock_may_be_wrong() -> None:
    """Silence is measured on our clock: the support feed's clock is an hour behind, and its market is alive."""
    market = market_of()
    play(market, 0, 400)
    assert not market.in_hole
    assert not market.is_silent("book")
    assert not market.is_silent("context")


# ---- silence ----


def test_silence_is_seen_and_ends() -> None:
    """After quiet_ms without a book the market is silent, after hole_s it is empty, and a book brings it back."""
    market = market_of()
    play(market, 0, 1_600)
    assert not market.is_silent("book")
    play(market, 1_600, 2_000)
    assert market.is_silent("book")
    assert not market.is_silent("context")
    assert len(market.bids(5)) == 1
    play(market, 2_000, 5_600)
    assert (market.is_silent("book"), market.is_silent("context"), market.bids(5)) == (True, True, ())
    market.hear(book(5_600))
    market.hear(context())
    play(market, 5_600, 6_000)
    assert (market.is_silent("book"), market.is_silent("context"), len(market.bids(5))) == (False, False, 1)


def test_nothing_is_shown_before_the_first_book() -> None:
    """A market that heard nothing is not ready, silent and empty."""
    market = LiveMarket(COIN, FeedConfig())
    assert not market.is_ready
    market.step(Ms(START_MS))
    assert market.is_silent("book")
    assert market.bids(5) == ()
    market.hear(book(0, asks=()))
    market.hear(context())
    assert not market.is_ready, "one side is no market"


def subscribed(gateway: Gateway) -> None:
    """One client on every public channel of the coin."""
    gateway.open(1, Ns(START_MS * NS_PER_MS))
    for kind in ("bbo", "l2Book", "trades", "activeAssetCtx"):
        asked = {"method": "subscribe", "subscription": {"type": kind, "coin": SOL, "fast": True}}
        gateway.receive(1, json.dumps(asked), Ns(START_MS * NS_PER_MS))


def channels(gateway: Gateway, until: int) -> list[str]:
    """The channels of the frames pushed up to a time, in order of first appearance."""
    outputs = gateway.advance(Ns((START_MS + until) * NS_PER_MS))
    frames = [json.loads(output.frame) for output in outputs if isinstance(output, SendFrame)]
    return [name for name in dict.fromkeys(frame["channel"] for frame in frames) if name != "subscriptionResponse"]


def test_the_paper_venue_falls_silent_with_its_source() -> None:
    """Its market channels push while the source does, stop when it stops, and go on when it is back."""
    market = market_of()
    gateway = paper_venue(market)
    subscribed(gateway)
    assert sorted(channels(gateway, 1_500)) == ["activeAssetCtx", "bbo", "l2Book"]
    channels(gateway, 2_200)
    market.hear(context())
    assert channels(gateway, 4_000) == ["activeAssetCtx"]
    channels(gateway, 5_500)
    assert channels(gateway, 20_000) == []
    gateway.open(2, Ns((START_MS + 20_000) * NS_PER_MS))
    late = {"method": "subscribe", "subscription": {"type": "l2Book", "coin": SOL}}
    gateway.receive(2, json.dumps(late), Ns((START_MS + 20_000) * NS_PER_MS))
    assert channels(gateway, 21_000) == [], "a snapshot would be an old book in new clothes"
    market.hear(book(21_000, ((97, 5),), ((98, 5),)))
    market.hear(context())
    assert sorted(channels(gateway, 22_000)) == ["activeAssetCtx", "bbo", "l2Book"]


def test_mark_oracle_and_funding_are_the_venues_own() -> None:
    """What the real venue says of mark, oracle and funding is shown and charged, whatever the book says."""
    market = market_of(book(0), context(mark=100.5, oracle=100.25, funding=0.00025))
    listing = paper_venue(market).exchange.listings[SOL]
    assert (listing.marks.mark, listing.marks.oracle, listing.marks.funding) == (1_005_000, 1_002_500, 0.00025)
    market.hear(context(mark=99.5, oracle=99.25, funding=-0.0005))
    listing.marks.update(Ms(START_MS), 1.0)
    listing.marks.sample_premium()
    assert (listing.marks.mark, listing.marks.oracle, listing.marks.funding) == (995_000, 992_500, -0.0005)
    rate_e10, _ = listing.marks.settle()
    assert rate_e10 == -5_000_000
