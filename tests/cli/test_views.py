"""What the screens say: prices, inventory, PnL terms, and the reason when nothing is quoted."""

from __future__ import annotations

import msgspec
import pytest
from rich.console import Console

from hlmm.cli.durations import seconds
from hlmm.cli.view import final_table, progress_line, screen
from hlmm.cli.view_status import status_table
from hlmm.core.commands import QuoteTerm
from hlmm.core.view import BudgetView, CoinView, EngineView, Phase, PnlView, QuoteView
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


def text(renderable: object) -> str:
    """What a wide terminal would show."""
    console = Console(width=180, force_terminal=False, no_color=True)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def test_screen() -> None:
    """The live screen shows fair value, both ladders best first beside the market, inventory, PnL terms and why not."""
    shown = text(screen(VIEW, "BTC on nothing", ("order_refused: because",)))
    for wanted in ("trading", "fair 110,000.5", "-0.0068", "-748 USD", "109,995", "110,010", "market", "-1.2346",
                   "adverse selection",
                   "75 (9925 left)", "-0.20 bp", "feed is stale", "order_refused: because"):  # fmt: skip
        assert wanted in shown, wanted
    assert shown.index("109,995") < shown.index("109,990")


def test_a_price_never_shows_an_exponent() -> None:
    """Prices from a tenth of a cent to a million print as plain numbers."""
    for price in (0.00012345, 1_234_567.0, 110_000.5):
        shown = text(screen(msgspec.structs.replace(VIEW, coins=(msgspec.structs.replace(COIN, fair=price),)), "", ()))
        assert f"fair {price:,.8f}".rstrip("0").rstrip(".") in shown


def test_progress_line() -> None:
    """One line holds time, phase, position, PnL and the reason."""
    line = progress_line(VIEW, 12.3)
    assert "\n" not in line
    for wanted in ("12.3s", "trading", "BTC -0.0068", "-1.23 USD", "feed is stale"):
        assert wanted in line, wanted


def test_final_table_tells_the_worst() -> None:
    """Confirmed, unconfirmed and still resting orders read differently."""
    assert "confirmed by the venue" in text(final_table(SUMMARY))
    assert "4 ORDERS STILL REST" in text(final_table(msgspec.structs.replace(SUMMARY, resting_orders_at_exit=4)))
    assert "UNKNOWN" in text(final_table(msgspec.structs.replace(SUMMARY, resting_orders_at_exit=None)))


def test_tier0() -> None:
    """At tier-0 fees the rebate is gone and 1.5 bp of the volume is paid instead."""
    assert at_tier0(VIEW) == pytest.approx(-1.234567 - 0.015 - 750 * 1.5e-4)


def test_status_table() -> None:
    """A dead engine shows its state, what is unknown, and what to do."""
    dead = EngineStatus(
        run_id="20261122T194600-ab12", state="died", pid=None, coins=("BTC",), position=None, open_orders=None,
        budget=None, protections=Protections(orderly_stop=False), ready=False, reasons=("run hlmm flatten",),
        run_dir="",
    )  # fmt: skip
    shown = text(status_table([dead]))
    for wanted in ("died", "unknown", "nothing", "run hlmm flatten"):
        assert wanted in shown, wanted
    assert "no engine" in text(status_table([]))


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
