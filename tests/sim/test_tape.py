"""A recorded market fills our orders only with volume that was printed, in queue order, and never too early."""

from __future__ import annotations

import gzip
import json
from functools import cache
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlmm.sim.frames import PrintFrame, Tape, TapeError, read_tape, tape_instrument
from hlmm.sim.market import BACKGROUND, BookLevel, Match
from hlmm.sim.queues import Probability
from hlmm.sim.tape import Hole, TapeConfig, TapeMarket
from hlmm.sim.tapefile import load_instrument, load_tape, load_tapes, tape_lines
from hlmm.types import Coin, Instrument, Ms, Oid, Px, Side, Sz, Tif
from tests.shared import SHARED, needs_shared

US, OTHER = 0, 1
COIN = Instrument(coin=Coin("SOL"), asset=5, sz_decimals=2)
T0 = 1_000_000
UNIT = 10_000
"""Px units per USD at two size decimals."""


def book(at: int, bids: list[tuple[str, str]], asks: list[tuple[str, str]]) -> bytes:
    levels = [[{"px": px, "sz": sz, "n": 1} for px, sz in side] for side in (bids, asks)]
    return row(at, "l2Book", {"coin": "SOL", "time": T0 + at, "levels": levels})


def bbo(at: int, bid: tuple[str, str] | None, ask: tuple[str, str] | None) -> bytes:
    sides = [None if side is None else {"px": side[0], "sz": side[1], "n": 1} for side in (bid, ask)]
    return row(at, "bbo", {"coin": "SOL", "time": T0 + at, "bbo": sides})


def trade(at: int, side: str, px: str, sz: str, tid: int) -> bytes:
    return row(at, "trades", [{"coin": "SOL", "side": side, "px": px, "sz": sz, "time": T0 + at, "tid": tid}])


def row(at: int, channel: str, content: object) -> bytes:
    return json.dumps({"recv_ms": T0 + at + 300.0, "channel": channel, "data": content}).encode()


def tape_of(*lines: bytes) -> Tape:
    return read_tape(lines, "test.jsonl", COIN)


def market_of(*lines: bytes, config: TapeConfig | None = None) -> TapeMarket:
    market = TapeMarket(COIN, tape_of(*lines), config or TapeConfig())
    market.step(Ms(T0))
    return market


def rest(market: TapeMarket, oid: int, side: Side, usd: int, sz: int, owner: int = US) -> None:
    placed = market.place(Oid(oid), owner, side, Px(usd * UNIT), Sz(sz), "Alo")
    assert placed.resting_sz == sz


def take(market: TapeMarket, oid: int, side: Side, usd: int, sz: int, tif: Tif = "Ioc") -> list[tuple[int, int]]:
    placed = market.place(Oid(oid), US, side, Px(usd * UNIT), Sz(sz), tif)
    return [(m.px // UNIT, m.sz) for m in placed.matches]


def fills(matches: tuple[Match, ...]) -> list[tuple[int, int, int]]:
    return [(m.maker_oid, m.px // UNIT, m.sz) for m in matches if m.maker_owner != BACKGROUND]


OPENING = book(0, [("99", "5"), ("98", "7")], [("101", "5"), ("102", "7")])


def test_a_print_at_our_price_first_trades_the_size_ahead_of_us() -> None:
    """Our order behind 5.00 displayed is filled only with what a print leaves after those 5.00."""
    market = market_of(
        OPENING, trade(80, "A", "99", "4", 1), trade(160, "A", "99", "3", 2), trade(240, "A", "99", "9", 3)
    )
    rest(market, 1, Side.BID, 99, 300)
    assert fills(market.step(Ms(T0 + 80))) == []
    assert fills(market.step(Ms(T0 + 160))) == [(1, 99, 200)]
    last = market.step(Ms(T0 + 240))
    assert fills(last) == [(1, 99, 100)]
    assert sum(m.sz for m in last) == 900


def test_a_print_through_our_price_fills_us_first_and_at_our_price() -> None:
    """A print beyond our price meets us before its own level, up to the printed size."""
    market = market_of(OPENING, trade(80, "A", "98", "2", 1))
    rest(market, 1, Side.BID, 99, 150)
    matches = market.step(Ms(T0 + 80))
    assert [(m.px // UNIT, m.sz, m.maker_owner) for m in matches] == [(99, 150, US), (98, 50, BACKGROUND)]


def test_an_order_inside_the_spread_is_hit_first() -> None:
    """Improving the touch puts us ahead of everything displayed."""
    market = market_of(OPENING, trade(80, "A", "99", "1", 1))
    rest(market, 1, Side.BID, 100, 60)
    assert fills(market.step(Ms(T0 + 80))) == [(1, 100, 60)]


def test_prints_on_the_other_side_do_not_fill_us() -> None:
    """A buyer's print never fills our bid, whatever its price."""
    market = market_of(OPENING, trade(80, "B", "99", "50", 1))
    rest(market, 1, Side.BID, 99, 60)
    assert fills(market.step(Ms(T0 + 80))) == []


def test_prints_meet_the_book_before_their_block() -> None:
    """A book of the same venue time as a print does not help our queue position for that print."""
    market = market_of(OPENING, book(80, [("99", "0.1")], [("101", "5")]), trade(80, "A", "99", "4", 1))
    rest(market, 1, Side.BID, 99, 100)
    assert fills(market.step(Ms(T0 + 80))) == []


def test_the_size_ahead_never_exceeds_what_is_displayed() -> None:
    """Risk-averse: cancels leave our position, except that no more can be ahead than the level shows."""
    market = market_of(OPENING, bbo(80, ("99", "1"), ("101", "5")), trade(160, "A", "99", "1.5", 1))
    rest(market, 1, Side.BID, 99, 100)
    assert fills(market.step(Ms(T0 + 160))) == [(1, 99, 50)]


def test_the_probability_model_lets_some_cancels_be_ahead() -> None:
    """With power 1, 2.00 ahead of 4.00 displayed, a cancel of 2.00 takes half of it from before us."""
    grown, shrunk = bbo(80, ("99", "4"), ("101", "5")), bbo(160, ("99", "2"), ("101", "5"))
    lines = (bbo(0, ("99", "2"), ("101", "5")), grown, shrunk, trade(240, "A", "99", "1.5", 1))
    for config, expected in ((TapeConfig(queue=Probability(power=1.0)), [(1, 99, 50)]), (TapeConfig(), [])):
        market = market_of(*lines, config=config)
        rest(market, 1, Side.BID, 99, 100)
        assert fills(market.step(Ms(T0 + 240))) == expected


def test_beyond_the_recorded_depth_the_queue_is_unknown() -> None:
    """A price the tape does not show yet fills us only by a print through it, until its size is seen."""
    seen = book(160, [("97", "2")], [("101", "5")])
    market = market_of(OPENING, trade(80, "A", "97", "90", 1), seen, trade(240, "A", "97", "3", 2))
    rest(market, 1, Side.BID, 97, 100)
    assert fills(market.step(Ms(T0 + 80))) == []
    assert fills(market.step(Ms(T0 + 240))) == [(1, 97, 100)]


def test_two_orders_at_one_price_fill_in_turn() -> None:
    """At one price the earlier order is filled before the later one, whoever owns them."""
    market = market_of(OPENING, trade(80, "A", "99", "7", 1))
    rest(market, 1, Side.BID, 99, 150)
    rest(market, 2, Side.BID, 99, 150, owner=OTHER)
    assert fills(market.step(Ms(T0 + 80))) == [(1, 99, 150), (2, 99, 50)]


def test_our_taker_consumes_displayed_size_until_the_tape_changes_it() -> None:
    """Displayed size we took stays taken while the tape repeats it, and is back when the tape shows a new size."""
    market = market_of(OPENING, OPENING_AGAIN, bbo(160, ("99", "5"), ("101", "6")))
    assert take(market, 1, Side.BID, 102, 700) == [(101, 500), (102, 200)]
    assert market.asks(2) == (BookLevel(Px(102 * UNIT), Sz(500), 1),)
    market.step(Ms(T0 + 80))
    assert market.asks(2) == (BookLevel(Px(102 * UNIT), Sz(500), 1),)
    market.step(Ms(T0 + 160))
    assert market.asks(1) == (BookLevel(Px(101 * UNIT), Sz(600), 1),)


OPENING_AGAIN = book(80, [("99", "5"), ("98", "7")], [("101", "5"), ("102", "7")])


def test_takers_keep_their_limit_and_rest_the_remainder() -> None:
    """A Gtc order takes what its limit allows and rests; an Alo order that would cross is refused."""
    market = market_of(OPENING)
    assert take(market, 1, Side.BID, 101, 700, tif="Gtc") == [(101, 500)]
    assert market.bids(1) == (BookLevel(Px(101 * UNIT), Sz(200), 1),)
    assert market.place(Oid(2), US, Side.BID, Px(102 * UNIT), Sz(1), "Alo").crossed


def test_accounts_trade_with_each_other_and_never_with_themselves() -> None:
    """Another account's resting order is met at its price; an own one is cancelled instead."""
    market = market_of(OPENING)
    rest(market, 1, Side.ASK, 100, 50, owner=OTHER)
    rest(market, 2, Side.ASK, 100, 50, owner=US)
    placed = market.place(Oid(3), US, Side.BID, Px(101 * UNIT), Sz(80), "Ioc")
    assert [(m.px // UNIT, m.sz, m.maker_owner) for m in placed.matches] == [(100, 50, OTHER), (101, 30, BACKGROUND)]
    assert placed.self_traded == (2,)
    assert market.cancel(Oid(2)) is None


def test_our_orders_are_displayed_unless_the_tape_passed_them() -> None:
    """The book shows our orders among the tape's, but never crossed by a price the tape moved to without a print."""
    market = market_of(OPENING, bbo(80, ("97", "1"), ("98", "1")))
    rest(market, 1, Side.BID, 99, 30)
    rest(market, 2, Side.BID, 100, 40)
    assert market.bids(2) == (BookLevel(Px(100 * UNIT), Sz(40), 1), BookLevel(Px(99 * UNIT), Sz(530), 2))
    market.step(Ms(T0 + 80))
    assert market.bids(1) == (BookLevel(Px(97 * UNIT), Sz(100), 1),)
    assert market.cancel(Oid(2)) == 40


def test_a_shrunk_order_keeps_its_place() -> None:
    """Shrinking changes the size that can be filled, not the queue position."""
    market = market_of(OPENING, trade(80, "A", "99", "8", 1))
    rest(market, 1, Side.BID, 99, 300)
    market.shrink(Oid(1), Sz(40))
    assert fills(market.step(Ms(T0 + 80))) == [(1, 99, 40)]


def test_a_hole_has_no_market() -> None:
    """When the recording is silent for longer than `hole_s`, the book is empty, nothing trades, and it is reported."""
    market = market_of(OPENING, trade(8_000, "A", "99", "90", 1), book(9_000, [("99", "5")], [("101", "5")]))
    rest(market, 1, Side.BID, 99, 100)
    assert fills(market.step(Ms(T0 + 8_500))) == []
    assert (market.bids(5), market.asks(5), take(market, 2, Side.BID, 101, 10)) == ((), (), [])
    market.step(Ms(T0 + 9_000))
    assert len(market.bids(5)) == 1
    assert market.holes == [Hole(start_ms=Ms(T0), end_ms=Ms(T0 + 9_000))]


def test_an_empty_side_is_an_empty_side() -> None:
    """A bbo without an ask leaves only bids, and our taker finds nothing."""
    market = market_of(OPENING, bbo(80, ("99", "5"), None))
    market.step(Ms(T0 + 80))
    assert market.asks(5) == ()
    assert take(market, 1, Side.BID, 200, 10) == []
    assert len(market.bids(5)) == 2


def test_locked_and_crossed_books_are_played_as_recorded() -> None:
    """Dirty books are shown as they were; an Alo order at a locked price is refused."""
    market = market_of(book(0, [("100", "1")], [("100", "1")]), book(80, [("101", "1")], [("100", "1")]))
    assert market.place(Oid(1), US, Side.BID, Px(100 * UNIT), Sz(1), "Alo").crossed
    market.step(Ms(T0 + 80))
    assert (market.bids(1)[0].px, market.asks(1)[0].px) == (101 * UNIT, 100 * UNIT)


def test_time_can_be_shifted() -> None:
    """With an offset the same tape plays at other venue times."""
    tape = tape_of(OPENING, trade(80, "A", "99", "9", 1))
    market = TapeMarket(COIN, tape, TapeConfig(), offset_ms=5_000_000)
    assert market.horizon() == T0 + 80 + 5_000_000
    market.step(Ms(T0 + 5_000_000))
    rest(market, 1, Side.BID, 99, 100)
    assert market.step(Ms(T0 + 5_000_079)) == ()
    assert fills(market.step(Ms(T0 + 5_000_080))) == [(1, 99, 100)]


def test_the_first_step_replays_no_history() -> None:
    """Prints before the market's first block are history: they are not traded again."""
    market = TapeMarket(COIN, tape_of(OPENING, trade(80, "A", "99", "9", 1)), TapeConfig())
    assert market.step(Ms(T0 + 200)) == ()
    assert market.last_px() is None


def test_repeated_prints_count_once() -> None:
    """A tid seen before is dropped and counted."""
    tape = tape_of(OPENING, trade(80, "A", "99", "9", 1), trade(80, "A", "99", "9", 1))
    assert len(tape.frames) == 2
    assert tape.repeated_tids == 1


def test_the_oracle_is_valid_from_the_start() -> None:
    """Before any step the oracle is the first two-sided book's mid."""
    assert TapeMarket(COIN, tape_of(OPENING), TapeConfig()).oracle_px(Ms(0)) == 100 * UNIT


BROKEN = {
    "not json": (b"{nope", "malformed"),
    "torn": (OPENING[:60], "truncated"),
    "another coin": (OPENING.replace(b"SOL", b"ETH"), "coin 'ETH'"),
    "too fine a price": (OPENING.replace(b'"101"', b'"101.00001"'), "at most 4 places"),
    "too fine a size": (trade(80, "A", "99", "1.001", 1), "at most 2 places"),
    "a negative price": (OPENING.replace(b'"101"', b'"-101"'), "not a price"),
    "an exponent": (OPENING.replace(b'"101"', b'"1e2"'), "not a decimal"),
    "a number for a string": (OPENING.replace(b'"101"', b"101"), "Expected `str`"),
    "no such side": (trade(80, "X", "99", "1", 1), "Invalid enum value 'X'"),
    "an unknown channel": (OPENING.replace(b"l2Book", b"l3Book"), "Invalid enum value 'l3Book'"),
    "an empty print": (trade(80, "A", "99", "0", 1), "size zero"),
    "a missing field": (b'{"channel":"bbo","data":{}}', "missing required field `recv_ms`"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_line_is_named(broken: str) -> None:
    """A line that is not tape stops the reading with its file, its line and what is wrong with it."""
    line, detail = BROKEN[broken]
    with pytest.raises(TapeError, match=r"^test\.jsonl:2: ") as caught:
        tape_of(OPENING, line)
    assert detail in str(caught.value)


def test_a_tape_without_a_book_is_refused() -> None:
    """Prints alone, or nothing, are no market."""
    for lines in ((), (trade(80, "A", "99", "1", 1),)):
        with pytest.raises(TapeError, match="no l2Book"):
            tape_of(*lines)


def test_the_grid_is_derived_from_the_tape() -> None:
    """The instrument takes its size decimals from the finest size; prices must then fit, or the line is named."""
    lines = [OPENING, trade(80, "A", "99.125", "1.002", 1)]
    assert tape_instrument(lines, "x") == Instrument(coin=Coin("SOL"), asset=0, sz_decimals=3)
    with pytest.raises(TapeError, match=r"^x:3: a price of 4 decimals and \(line 2\) a size of 3"):
        tape_instrument([*lines, trade(90, "A", "99.1255", "1", 2)], "x")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    """A gzip file that ends too early, or is no gzip at all, is a TapeError with file and line."""
    whole = gzip.compress(b"\n".join([OPENING] * 2_000), mtime=0)
    for name, content in (("torn.gz", whole[:-40]), ("plain.gz", OPENING), ("absent.gz", None)):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(TapeError, match=rf"{name}:\d+: cannot be read"):
            list(tape_lines(path))


def test_each_coin_has_one_tape(tmp_path: Path) -> None:
    """Tapes of different coins load together; two of one coin are refused by name."""
    paths = [str(tmp_path / name) for name in ("a.jsonl", "b.jsonl", "c.jsonl")]
    for path, line in zip(paths, (OPENING, OPENING.replace(b"SOL", b"ETH"), OPENING), strict=True):
        Path(path).write_bytes(line)
    assert [instrument.coin for instrument, _ in load_tapes(paths[:2])] == ["SOL", "ETH"]
    with pytest.raises(TapeError, match=r"c\.jsonl:1: holds 'SOL', which .*a\.jsonl already does"):
        load_tapes(paths)


FLOW = st.lists(
    st.tuples(st.sampled_from("ABbq"), st.integers(95, 105), st.integers(1, 40), st.integers(0, 2)), max_size=80
)


@given(FLOW, st.sampled_from([TapeConfig(), TapeConfig(queue=Probability())]))
def test_fills_never_exceed_what_was_printed(flow: list[tuple[str, int, int, int]], config: TapeConfig) -> None:
    """Whatever the tape and our orders do, the public volume is the tape's and our part of it is real."""
    lines = [OPENING]
    for at, (kind, px, sz, gap) in enumerate(flow):
        when = (at + 1) * 80
        match kind:
            case "A" | "B":
                lines.append(trade(when, kind, str(px), f"{sz / 100}", at))
            case "b":
                lines.append(bbo(when, (str(px), f"{sz / 100}"), (str(px + gap), f"{sz / 50}")))
            case _:
                lines.append(book(when, [(str(px - i), f"{sz / 100}") for i in range(3)], [(str(px + gap), "1")]))
    market = market_of(*lines, config=config)
    resting: dict[int, int] = {}
    for at, (kind, px, sz, _) in enumerate(flow):
        side = Side.BID if px % 2 else Side.ASK
        if market.place(Oid(at), US, side, Px(px * UNIT), Sz(sz), "Alo").resting_sz:
            resting[at] = sz
        matches = market.step(Ms(T0 + (at + 1) * 80))
        assert sum(m.sz for m in matches) == (sz if kind in "AB" else 0)
        for m in matches:
            if m.maker_owner == US:
                resting[m.maker_oid] -= m.sz
                assert m.maker_left == resting[m.maker_oid] >= 0
    assert {oid: left for oid, left in resting.items() if left} == {
        oid: market.cancel(Oid(oid)) for oid, left in resting.items() if left
    }


# ---- recorded tapes ----

RECORDED = sorted((SHARED / "data").glob("*.jsonl.gz"))
LINES = 9_000


@cache
def recorded(path: Path) -> tuple[Instrument, Tape]:
    """The opening of a recorded tape: enough for minutes of market, quick enough for every run."""
    instrument = tape_instrument(islice(tape_lines(path), LINES), path.name)
    return instrument, read_tape(islice(tape_lines(path), LINES), path.name, instrument)


def replay(path: Path, config: TapeConfig, minutes: float) -> list[tuple[int, int, int, int]]:
    """Quote both touches anew each second; every match as (owner, px, sz, block)."""
    market = TapeMarket(*recorded(path), config)
    record: list[tuple[int, int, int, int]] = []
    now, end = market.tape.start_ms, min(market.tape.start_ms + minutes * 60_000, market.tape.end_ms)
    live: list[Oid] = []
    while now < end:
        record.extend((m.maker_owner, m.px, m.sz, now) for m in market.step(Ms(now)))
        if (now - market.tape.start_ms) % 1_040 == 0:
            for oid in live:
                market.cancel(oid)
            live = [Oid(now * 2), Oid(now * 2 + 1)]
            for oid, side, levels in zip(live, (Side.BID, Side.ASK), (market.bids(1), market.asks(1)), strict=True):
                if levels:
                    market.place(oid, US, side, levels[0].px, Sz(max(1, levels[0].sz // 20)), "Alo")
        now = Ms(now + 80)
    return record


@needs_shared
@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.name.removesuffix(".jsonl.gz"))
def test_every_recorded_tape_plays_and_conserves_volume(path: Path) -> None:
    """Each recorded file loads on a perp grid; what is traded in a block is what was printed, twice the same."""
    first = replay(path, TapeConfig(), 3.0)
    _, tape = recorded(path)
    printed: dict[int, int] = {}
    for frame in tape.frames:
        if isinstance(frame, PrintFrame):
            block = tape.start_ms + -(-(frame.venue_ms - tape.start_ms) // 80) * 80
            printed[block] = printed.get(block, 0) + frame.sz
    played: dict[int, int] = {}
    for _, _, sz, block in first:
        played[block] = played.get(block, 0) + sz
    assert played == {block: sz for block, sz in printed.items() if block <= max(played, default=0)}
    assert first == replay(path, TapeConfig(), 3.0)


@needs_shared
def test_a_recorded_market_fills_us_and_the_kinder_model_no_less() -> None:
    """On recorded SOL the pessimistic queue fills something, and no more than the probability model."""
    path = SHARED / "data" / "hyperliquid-SOL-20250904T1946Z-35m.jsonl.gz"
    filled = [
        sum(sz for owner, _, sz, _ in replay(path, TapeConfig(queue=queue), 20.0) if owner == US)
        for queue in (TapeConfig().queue, Probability())
    ]
    assert 0 < filled[0] <= filled[1]


@needs_shared
def test_a_whole_recorded_file_loads() -> None:
    """A recorded 35 minutes load completely, repeated prints dropped, with the recorder's own lag."""
    path = SHARED / "data" / "hyperliquid-ETH-20250904T1946Z-35m.jsonl.gz"
    tape = load_tape(path, load_instrument(path))
    assert tape.end_ms - tape.start_ms > 34 * 60_000
    assert tape.repeated_tids == 17
    assert 200 < tape.lag_p50_ms < tape.lag_p95_ms < 1_000
