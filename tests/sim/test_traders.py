"""The synthetic market resembles the recorded one, treats accounts as liquidity, and repeats from its seed."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from random import Random

import pytest

from hlmm.sim.market import BACKGROUND, BookLevel
from hlmm.sim.presets import BTC, PRESETS, SOL, TraderConfig
from hlmm.sim.sample import sample_tape
from hlmm.sim.tapefile import load_tapes, write_tape
from hlmm.sim.traders import SyntheticMarket
from hlmm.types import Coin, Instrument, Ms, Oid, Px, Side, Sz
from tests.shared import ROOT, SHARED, needs_shared
from tests.support.tapestats import TapeStats

SZ_DECIMALS = {"BTC": 5, "ETH": 4, "SOL": 2, "HYPE": 2, "xyz:XYZ100": 4}
US = 0
BLOCK_MS = 80

REFERENCE: dict[str, dict[str, float]] = {
    "BTC": {
        "spread_bps": 0.115, "one_tick_share": 0.948, "volatility_1s_bps": 0.402, "volatility_10s_bps": 0.572,
        "volatility_60s_bps": 0.555, "prints_per_s": 3.21, "orders_per_s": 1.134, "order_usd_p50": 499.0,
        "order_usd_mean": 25_776.0, "through_share": 0.143, "touch_usd_p50": 600_798.0, "pen_k": 1.684, "rq5_k": 1.682,
        "markout_1s_bps": -0.037, "markout_5s_bps": -0.171, "markout_30s_bps": -0.080,
    },
    "ETH": {
        "spread_bps": 0.283, "one_tick_share": 0.938, "volatility_1s_bps": 0.904, "volatility_10s_bps": 1.128,
        "volatility_60s_bps": 0.889, "prints_per_s": 3.30, "orders_per_s": 1.381, "order_usd_p50": 429.0,
        "order_usd_mean": 26_798.0, "through_share": 0.112, "touch_usd_p50": 359_888.0, "pen_k": 0.763, "rq5_k": 0.816,
        "markout_1s_bps": -0.046, "markout_5s_bps": -0.233, "markout_30s_bps": -0.142,
    },
    "SOL": {
        "spread_bps": 0.553, "one_tick_share": 0.952, "volatility_1s_bps": 1.018, "volatility_10s_bps": 1.404,
        "volatility_60s_bps": 1.137, "prints_per_s": 2.12, "orders_per_s": 0.925, "order_usd_p50": 79.0,
        "order_usd_mean": 19_020.0, "through_share": 0.087, "touch_usd_p50": 130_124.0, "pen_k": 1.036, "rq5_k": 0.651,
        "markout_1s_bps": 0.021, "markout_5s_bps": -0.081, "markout_30s_bps": 0.154,
    },
}  # fmt: skip
"""Hyperliquid, 4 September 2025, 34.5 minutes per coin."""

TICK_BPS = {"BTC": 0.091, "ETH": 0.233, "SOL": 0.493}

FACTOR = {
    "spread_bps": 1.2,
    "one_tick_share": 1.05,
    "volatility_1s_bps": 1.35,
    "volatility_10s_bps": 1.35,
    "volatility_60s_bps": 1.6,
    "prints_per_s": 1.25,
    "orders_per_s": 1.25,
    "order_usd_p50": 2.5,
    "order_usd_mean": 1.8,
    "through_share": 1.5,
    "touch_usd_p50": 1.4,
    "pen_k": 2.0,
    "rq5_k": 1.5,
}
"""How far a simulated half hour may be from the recorded one, as a factor either way.

The recording itself varies: its halves differ by factors of 1.3 in volatility, 1.9 in trade rate and 2.5 in pen_k."""

MARKOUT_TICKS = {"markout_1s_bps": 0.5, "markout_5s_bps": 1.5, "markout_30s_bps": 3.0}
"""The same for markouts, in ticks either way; recorded standard errors are 0.1, 0.5 and 1 tick."""


def instrument(coin: str) -> Instrument:
    return Instrument(coin=Coin(coin), asset=0, sz_decimals=SZ_DECIMALS[coin])


def market_of(coin: str = "BTC", config: TraderConfig | None = None, seed: int = 1) -> SyntheticMarket:
    market = SyntheticMarket(instrument(coin), config or PRESETS[coin], Random(seed))
    market.step(Ms(0))
    return market


@cache
def measured(coin: str) -> dict[str, float]:
    return TapeStats(sample_tape(instrument(coin), PRESETS[coin], seed=5, seconds=1_800)).summary()


@pytest.mark.parametrize("name", FACTOR)
@pytest.mark.parametrize("coin", REFERENCE)
def test_a_simulated_half_hour_resembles_the_recorded_one(coin: str, name: str) -> None:
    """Each statistic of a simulated tape is within its stated factor of the recorded market's."""
    ratio = measured(coin)[name] / REFERENCE[coin][name]
    assert 1 / FACTOR[name] < ratio < FACTOR[name], f"{ratio:.2f} of the recorded {REFERENCE[coin][name]}"


@pytest.mark.parametrize("name", MARKOUT_TICKS)
@pytest.mark.parametrize("coin", REFERENCE)
def test_makers_lose_to_takers_about_as_recorded(coin: str, name: str) -> None:
    """A maker's markout, before fees, is within a stated number of ticks of the recorded one."""
    assert abs(measured(coin)[name] - REFERENCE[coin][name]) < MARKOUT_TICKS[name] * TICK_BPS[coin]


@needs_shared
@pytest.mark.parametrize("coin", REFERENCE)
def test_the_reference_is_what_the_recording_says(coin: str) -> None:
    """Measured with the same code, the recorded tape gives the reference: closely, but for the sampled volatilities."""
    with gzip.open(SHARED / "data" / f"hyperliquid-{coin}-20250904T1946Z-35m.jsonl.gz") as lines:
        found = TapeStats(map(json.loads, lines)).summary()
    for name, expected in REFERENCE[coin].items():
        assert found[name] == pytest.approx(expected, rel=0.3 if "volatility" in name else 0.06, abs=1e-3), name


@pytest.mark.parametrize("coin", PRESETS)
def test_every_preset_keeps_a_sane_book(coin: str) -> None:
    """From the first block on, both sides show 20 levels on the venue's grid, uncrossed, and prices stay realistic."""
    market = market_of(coin)
    grid, start = market.instrument, PRESETS[coin].start_px_usd
    for block in range(1, 3_000):
        for match in market.step(Ms(block * BLOCK_MS)):
            assert match.px == grid.on_grid_down(match.px)
        bids, asks = market.bids(20), market.asks(20)
        assert len(bids) == len(asks) == 20
        assert bids[0].px < asks[0].px
        assert all(level.px == grid.on_grid_down(level.px) and level.sz > 0 for level in bids + asks)
    assert grid.price(asks[0].px) == pytest.approx(start, rel=0.01)
    assert grid.price(market.oracle_px(Ms(3_000 * BLOCK_MS))) == pytest.approx(start, rel=0.01)
    assert market.horizon() is None
    assert market.last_px() is not None


@pytest.mark.parametrize("coin", PRESETS)
def test_presets_are_within_their_bounds(coin: str) -> None:
    """Every shipped preset passes its own validation."""
    assert TraderConfig.model_validate(PRESETS[coin].model_dump()) == PRESETS[coin]


def test_prices_stay_on_the_grid_where_the_tick_changes() -> None:
    """Crossing 100 USD, where five significant figures mean another tick, quotes stay valid and few per level."""
    wild = SOL.model_copy(update={"start_px_usd": 100.0, "jump_mean_bps": 20.0})
    market = market_of("SOL", wild)
    prices: list[float] = []
    for block in range(1, 2_500):
        market.step(Ms(block * BLOCK_MS))
        levels = market.bids(50) + market.asks(50)
        assert all(level.px == market.instrument.on_grid_down(level.px) for level in levels)
        assert max(level.count for level in levels) < 60
        prices.append(market.instrument.price(market.bids(1)[0].px))
    assert min(prices) < 100.0 < max(prices)


def quote_inside(market: SyntheticMarket, oid: int, sz: int) -> Px | None:
    """Bid a tick below the ask, if that is a better bid than the makers'."""
    bid, ask = market.bids(1)[0].px, market.asks(1)[0].px
    px = Px(ask - market.instrument.tick(ask))
    if px <= bid:
        return None
    assert market.place(Oid(oid), US, Side.BID, px, Sz(sz), "Alo").resting_sz == sz
    return px


def test_flow_hits_an_account_that_quotes_inside_first() -> None:
    """While an account alone is the best bid, the next seller trades with it before anyone else."""
    market = market_of(config=BTC.model_copy(update={"refill_s": 10.0}))
    hits = 0
    for block in range(1, 4_000):
        px = quote_inside(market, block, 1)
        sold = [m for m in market.step(Ms(block * BLOCK_MS)) if m.aggressor is Side.ASK]
        if px is not None and sold and sold[0].px >= px:
            assert (sold[0].maker_owner, sold[0].px) == (US, px)
            hits += 1
        market.cancel(Oid(block))
    assert hits > 5


def test_a_stale_account_order_is_picked_off() -> None:
    """Orders joined to every best bid and never cancelled are mostly taken, at prices above where the market went."""
    market = market_of("SOL", SOL.model_copy(update={"jump_mean_bps": 5.0}))
    placed = taken = 0
    for block in range(1, 3_000):
        placed += market.place(Oid(block), US, Side.BID, market.bids(1)[0].px, Sz(1), "Alo").resting_sz
        matches = market.step(Ms(block * BLOCK_MS))
        taken += sum(m.sz for m in matches if m.maker_owner == US)
        assert market.bids(1)[0].px < market.asks(1)[0].px
    fair = market.oracle_px(Ms(10**9))
    stale = [level for level in market.bids(500) if level.px > fair + 5 * market.instrument.tick(fair)]
    assert placed > 2_000
    assert taken > 0.2 * placed
    assert not stale


def test_an_account_can_take_the_whole_side_and_the_makers_return() -> None:
    """Sweeping every ask leaves an empty side, which the makers quote again within a few seconds."""
    market = market_of()
    placed = market.place(Oid(1), US, Side.BID, Px(2 * market.asks(1)[0].px), Sz(10**12), "Ioc")
    assert {m.maker_owner for m in placed.matches} == {BACKGROUND}
    assert market.asks(1) == ()
    for block in range(1, 100):
        market.step(Ms(block * BLOCK_MS))
    assert market.asks(1)
    assert market.bids(1)[0].px < market.asks(1)[0].px


def test_an_account_order_keeps_its_id_space() -> None:
    """Background orders have negative ids, so an exchange may number its own from 1."""
    market = market_of()
    matches = [m for block in range(1, 500) for m in market.step(Ms(block * BLOCK_MS))]
    assert matches
    assert all(m.maker_oid < 0 and m.taker_oid < 0 for m in matches)


def test_a_long_pause_is_not_a_crash() -> None:
    """After an hour without blocks the market goes on from near where it was."""
    market = market_of()
    before = market.bids(1)[0].px
    market.step(Ms(3_600_000))
    assert abs(market.bids(1)[0].px - before) / before < 0.002


def levels_after(seed: int, blocks: int) -> tuple[tuple[BookLevel, ...], ...]:
    market = market_of("ETH", seed=seed)
    for block in range(1, blocks):
        market.step(Ms(block * BLOCK_MS))
    return market.bids(20), market.asks(20)


def test_a_seed_is_a_market() -> None:
    """The same seed gives the same book; another seed another one."""
    assert levels_after(1, 500) == levels_after(1, 500)
    assert levels_after(1, 500) != levels_after(2, 500)


SCRIPT = """
import hashlib, json
from hlmm.sim.presets import PRESETS
from hlmm.sim.sample import sample_tape
from hlmm.types import Coin, Instrument
rows = sample_tape(Instrument(coin=Coin("SOL"), asset=0, sz_decimals=2), PRESETS["SOL"], seed=3, seconds=30)
print(hashlib.sha256(json.dumps(rows).encode()).hexdigest())
"""


def test_a_tape_does_not_depend_on_hash_seeds() -> None:
    """Two processes with different PYTHONHASHSEED sample the same bytes."""
    digests = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for hash_seed in ("1", "2")
    ]
    assert digests[0] == digests[1]


def test_a_sampled_tape_reads_as_a_recorded_one(tmp_path: Path) -> None:
    """A sampled tape written to a file loads as a recorded one does, with all three channels and nothing repeated."""
    rows = sample_tape(instrument("SOL"), SOL, seed=1, seconds=60)
    path = tmp_path / "sample.jsonl.gz"
    write_tape(path, rows)
    written = path.read_bytes()
    found, tape = load_tapes([str(path)])[0]
    assert (found.coin, tape.repeated_tids) == ("SOL", 0)
    assert {row["channel"] for row in rows} == {"bbo", "trades", "l2Book"}
    assert tape.end_ms - tape.start_ms > 58_000
    write_tape(path, rows)
    assert path.read_bytes() == written
