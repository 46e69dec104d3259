"""What the screens say: prices, inventory, PnL terms, and the reason when nothing is quoted."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
import pytest
from rich.console import Console

from hlmm.cli.durations import seconds
from hlmm.cli.view import LiveScreen, final_card, progress_line
from hlmm.cli.view_status import status_cards
from hlmm.cli.words import held, price
from hlmm.core.commands import QuoteTerm
from hlmm.core.view import BudgetView, CoinView, DriftView, EngineView, Phase, PnlView, QuoteView
from hlmm.shell.status import EngineStatus, Protections
from hlmm.shell.summary import PnlUsd, RunSummary, at_tier0
from hlmm.types import Coin, MicroUsd, Ns, Side

COIN = CoinView(
    coin=Coin("BTC"),
    fair=110_000.5,
    best_bid=110_000.0,
    best_ask=110_001.0,
    mark=110_000.7,
    book_age_s=0.12,
    position=-0.0068,
    inventory_usd=-748.0,
    half_spread_bps=1.25,
    skew_bps=-0.5,
    sigma_bps_sqrt_s=0.55,
    quotes=(
        QuoteView(side=Side.BID, price=109_990.0, size=0.002, state="open"),
        QuoteView(side=Side.BID, price=109_995.0, size=0.003, state="open"),
        QuoteView(side=Side.ASK, price=110_010.0, size=0.004, state="sent"),
    ),
    terms=(QuoteTerm(name="fee", bps=-0.2, key="env"),),
    no_quote_reason="feed is stale",
    uptime_frac=0.987,
    fills=3,
    volume_usd=750.0,
)
VIEW = EngineView(
    ts=Ns(1),
    phase=Phase.TRADING,
    reasons=(),
    coins=(COIN,),
    pnl=PnlView(
        total=MicroUsd(-1_234_567),
        spread=MicroUsd(1_000_000),
        adverse_selection=MicroUsd(-2_000_000),
        inventory=MicroUsd(-249_567),
        fees=MicroUsd(15_000),
        funding=MicroUsd(0),
    ),
    budget=BudgetView(requests=75, orders_left=9_925, cancels_left=109_925),
    fills=3,
    volume_usd=750.0,
    maker_bps=-0.2,
    account_value_usd=99_998.765433,
    live_orders=3,
    unknown_orders=0,
    foreign_orders=0,
    quarantined_frames=0,
)
SUMMARY = RunSummary(
    run_id="20261122T194600-ab12",
    run_dir="runs/20261122T194600-ab12",
    mode="sim",
    simulated="exchange, fills and money",
    exit_reason="SIGINT",
    exit_code=0,
    config_hash="ff",
    duration_s=60.0,
    quote_uptime_frac=0.99,
    fills=3,
    volume_usd=750.0,
    requests=75,
    pnl_usd=PnlUsd(total=-1.234567, spread=1, adverse_selection=-2, inventory=-0.249567, fees=0.015, funding=0),
    pnl_at_tier0_usd=-1.362067,
    maker_bps=-0.2,
    position={"BTC": -0.0068},
    resting_orders_at_exit=0,
    foreign_orders_at_exit=0,
    account_value_usd=99_998.765433,
    decisions_hash="00",
    events=10,
    conflated=0,
    dropped_trades=0,
    quarantined_frames=0,
)


def text(renderable: object, width: int = 180, height: int = 60) -> str:
    """What a terminal of this size would show."""
    console = Console(width=width, height=height, force_terminal=True, no_color=True, color_system=None)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def test_screen() -> None:
    """The live screen shows fair value, both ladders best first beside the market, inventory, PnL terms and why not."""
    shown = text(LiveScreen(VIEW, "BTC on nothing", ("order_refused: because",)))
    for wanted in ("trading", "fair 110,000.5", "-0.0068", "-748 USD", "109,995", "110,010", "market", "-1.2346",
                   "adverse selection",
                   "75 (9,925 left)", "-0.20 bp", "feed is stale", "order_refused: because"):  # fmt: skip
        assert wanted in shown, wanted
    assert shown.index("109,995") < shown.index("109,990")


def test_a_price_never_shows_an_exponent() -> None:
    """Prices from a tenth of a cent to a million print as plain numbers."""
    for fair in (0.00012345, 1_234_567.0, 110_000.5):
        view = msgspec.structs.replace(VIEW, coins=(msgspec.structs.replace(COIN, fair=fair),))
        shown = text(LiveScreen(view, "", ()))
        assert f"fair {fair:,.8f}".rstrip("0").rstrip(".") in shown


MANY: Final = msgspec.structs.replace(
    VIEW,
    coins=tuple(msgspec.structs.replace(COIN, coin=Coin(name)) for name in ("BTC", "ETH", "SOL")),
    pnl=PnlView(
        total=MicroUsd(-12_345_678_901), spread=MicroUsd(1_000_000), adverse_selection=MicroUsd(-12_346_429_334),
        inventory=MicroUsd(-249_567), fees=MicroUsd(0), funding=MicroUsd(0),
    ),
)  # fmt: skip


@pytest.mark.parametrize("height", [24, 30, 40, 60])
@pytest.mark.parametrize("coins", [1, 3])
def test_the_screen_fits_every_terminal(height: int, coins: int) -> None:
    """In 80 columns and any usual height nothing is cut: every PnL term, price, reason and the way out are there."""
    view = msgspec.structs.replace(MANY, coins=MANY.coins[:coins])
    shown = text(LiveScreen(view, "BTC, ETH, SOL on embedded simulated exchange", ("older", "newest")), 80, height)
    lines = shown.splitlines()
    assert len(lines) < height
    assert max(map(len, lines)) <= 80
    assert "…" not in shown
    for wanted in ("-12,345.6789", "+1.0000", "-12,346.4293", "-0.2496", "fees +0.0000", "funding", "Ctrl-C",
                   "feed is stale", "109,995", "-0.20 bp"):  # fmt: skip
        assert wanted in shown, wanted
    assert shown.count("110,000.5") == coins


def test_cards_fit_80_columns() -> None:
    """The summary wraps under its column in 80 columns and keeps every word."""
    long = msgspec.structs.replace(SUMMARY, position={f"C{n}": 1234.5678 for n in range(12)})
    shown = text(final_card(long), 80)
    assert max(map(len, shown.splitlines())) <= 80
    for wanted in ("+1,234.5678", "simulated", "a rebate", "(+1.50 bp)", "Ctrl-C after 60.0 s", long.run_dir):
        assert wanted in shown, wanted


@pytest.mark.parametrize(
    ("code", "words"), [(0, ""), (6, "`hlmm flatten`"), (7, "`hlmm resume --reason")], ids=["done", "rests", "halted"]
)
def test_the_summary_says_what_to_do_next(code: int, words: str) -> None:
    """An end that needs the operator names the command; one that does not names none."""
    shown = text(final_card(msgspec.structs.replace(SUMMARY, exit_code=code)))
    assert ("next" in shown) == bool(words)
    assert words in shown


def test_numbers_are_plain() -> None:
    """Positions and prices have no exponent, no noise and no cut digit."""
    assert [price(x) for x in (None, 0.0, 110_063.80, 1e-6, 1.5e9)] == ["-", "0", "110,063.8", "0.000001",
                                                                       "1,500,000,000"]  # fmt: skip
    assert [held(x) for x in (0.0, 1_234_567.8, -0.0068)] == ["0", "+1,234,567.8", "-0.0068"]


def test_progress_line() -> None:
    """One line holds time, phase, position, PnL and the reason."""
    line = progress_line(VIEW, 12.3)
    assert "\n" not in line
    for wanted in ("12.3s", "trading", "BTC -0.0068", "-1.23 USD", "feed is stale"):
        assert wanted in line, wanted


def test_final_card_tells_the_worst() -> None:
    """Confirmed, unconfirmed and still resting orders read differently."""
    assert "confirmed by the venue" in text(final_card(SUMMARY))
    assert "4 ORDERS STILL REST" in text(final_card(msgspec.structs.replace(SUMMARY, resting_orders_at_exit=4)))
    assert "UNKNOWN" in text(final_card(msgspec.structs.replace(SUMMARY, resting_orders_at_exit=None)))


def test_tier0() -> None:
    """At tier-0 fees the rebate is gone and 1.5 bp of the volume is paid instead."""
    assert at_tier0(VIEW) == pytest.approx(-1.234567 - 0.015 - 750 * 1.5e-4)


def test_status_cards() -> None:
    """A dead engine shows its state, what is unknown, and what to do; a halted account is named with its reason."""
    dead = EngineStatus(
        run_id="20261122T194600-ab12", state="died", pid=None, coins=("BTC",), position=None, open_orders=None,
        budget=None, protections=Protections(orderly_stop=False), ready=False, reasons=("run hlmm flatten",),
        run_dir="",
    )  # fmt: skip
    shown = text(status_cards([dead], Path("runs"), Path("/state"), {}))
    for wanted in ("died", "unknown", "nothing", "run hlmm flatten", "/state", "hlmm flatten"):
        assert wanted in shown, wanted
    latched = text(status_cards([dead], Path("runs"), Path("/state"), {"sim-1-0xab": "loss limit"}), 80)
    assert "halted accounts\nsim-1-0xab  loss limit" in latched
    assert "hlmm resume" in latched
    assert max(map(len, latched.splitlines())) <= 80
    assert "no engine" in text(status_cards([], Path("runs"), Path("/state"), {}))


def test_status_shows_in_what_the_venue_differs() -> None:
    """Each deviation of the venue is a line with its kind, count and subject, within 80 columns."""
    drift = (DriftView(kind="field", what="userFills: Object contains unknown field `priorityGas`", count=12),)
    running = EngineStatus(
        run_id="20261122T194600-ab12", state="trading", pid=7, coins=("BTC",), position={"BTC": 0.0}, open_orders=2,
        budget=None, protections=Protections(orderly_stop=True), ready=True, reasons=(), run_dir="", drift=drift,
    )  # fmt: skip
    shown = text(status_cards([running], Path("runs"), Path("/state"), {}), 80)
    assert "venue differs" in shown
    assert "field ×12" in shown
    assert "`priorityGas`" in shown
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("60s", 60.0), ("5m", 300.0), ("1h30m", 5400.0), ("90", 90.0), ("0.5s", 0.5), ("1H", 3600.0)],
)
def test_durations(typed: str, expected: float) -> None:
    """Durations read as people write them."""
    assert seconds(typed) == expected


@pytest.mark.parametrize("typed", ["", "soon", "-5s", "0s", "5x", "s", "nan"])
def test_bad_durations(typed: str) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(ValueError, match="60s"):
        seconds(typed)
