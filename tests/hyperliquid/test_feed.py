"""Frames to events: exact integers, or quarantine with a reason."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlmm.core.events import (
    AnyEvent,
    BboChanged,
    BookChanged,
    ContextChanged,
    FrameQuarantined,
    OrderState,
    OrderUpdated,
    Reject,
)
from hlmm.hyperliquid import errors, grid, wire
from hlmm.hyperliquid.feed import Feed
from hlmm.hyperliquid.universe import MetaWire, PerpWire, Universe
from hlmm.types import Coin, Level, Ms, Ns, Px, Side, Sz, decimal_text

TS = Ns(7)
UNIVERSE = Universe({"": MetaWire([PerpWire("SOL", 2, 20), PerpWire("BTC", 5, 40)])}, [])


def decode(frame: object) -> list[AnyEvent]:
    return Feed(UNIVERSE).decode(json.dumps(frame).encode(), TS)


def bbo(px: str = "84143.0", sz: str = "10.25923") -> object:
    best = [{"px": px, "sz": sz, "n": 3}, None]
    return {"channel": "bbo", "data": {"coin": "BTC", "time": 5, "bbo": best}}


def test_bbo() -> None:
    """Prices and sizes become exact integers; an empty side is None."""
    (event,) = decode(bbo())
    assert event == BboChanged(ts=TS, venue_ts=Ms(5), coin=Coin("BTC"), bid=Level(Px(841_430), Sz(1_025_923)), ask=None)


@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        "Infinity",
        "1e5",
        "-1.0",
        "0.0",
        "",
        ".",
        "1.23",
        "9" * 200,
        "9" * 30,
        "1_0",
        " 1",
        "+1",
        "٣",
        "1.0.0",
        "0x1",
    ],
)
def test_numbers_that_are_not_on_the_grid_are_quarantined(text: str) -> None:
    """NaN, exponents, signs, foreign digits, off-grid and huge numbers never become a price."""
    (event,) = decode(bbo(px=text))
    assert isinstance(event, FrameQuarantined)
    assert event.channel == "bbo"
    assert event.why


def book(bids: list[str], asks: list[str]) -> object:
    levels = [[{"px": px, "sz": "1.0", "n": 1} for px in side] for side in (bids, asks)]
    return {"channel": "l2Book", "data": {"coin": "BTC", "time": 5, "levels": levels, "fast": True}}


def test_book() -> None:
    """Levels come best first; delisted books are empty."""
    (event,) = decode(book(["100.0", "99.5"], ["101.0"]))
    assert isinstance(event, BookChanged)
    assert event.bids == (Level(Px(1000), Sz(100_000)), Level(Px(995), Sz(100_000)))
    (event,) = decode(book([], []))
    assert isinstance(event, BookChanged)


@pytest.mark.parametrize(("bids", "asks"), [(["99.5", "100.0"], []), ([], ["101.0", "101.0"])])
def test_books_out_of_order_are_quarantined(bids: list[str], asks: list[str]) -> None:
    """Each level must be strictly worse than the one before."""
    (event,) = decode(book(bids, asks))
    assert isinstance(event, FrameQuarantined)


def test_context() -> None:
    """Mark and oracle are exact; funding is a rate per hour."""
    ctx = {"funding": "-0.0000018952", "oraclePx": "84198.0", "markPx": "84143.1", "midPx": None}
    (event,) = decode({"channel": "activeAssetCtx", "data": {"coin": "BTC", "ctx": ctx}})
    assert event == ContextChanged(
        ts=TS, coin=Coin("BTC"), mark_px=Px(841_431), oracle_px=Px(841_980), funding_hourly=-0.0000018952
    )


def order(status: str, **changes: object) -> dict[str, object]:
    fields = {"coin": "BTC", "side": "A", "limitPx": "1.5", "sz": "0.0", "oid": 1, "timestamp": 2, "origSz": "0.1"}
    return {"order": {**fields, **changes}, "status": status, "statusTimestamp": 3}


def test_order_updates_keep_good_neighbours() -> None:
    """A bad element is counted and kept as text; the others are delivered; spot orders are left out."""
    elements = [order("filled"), order("open", cloid="0xnope"), order("open", coin="@1"), order("newWord")]
    first, second, bad = decode({"channel": "orderUpdates", "data": elements})
    assert isinstance(first, OrderUpdated)
    assert (first.state, first.side, first.remaining_sz, first.orig_sz) == (OrderState.FILLED, Side.ASK, 0, 10_000)
    assert isinstance(second, OrderUpdated)
    assert (second.state, second.word) == (OrderState.UNRECOGNISED, "newWord")
    assert isinstance(bad, FrameQuarantined)
    assert bad.why.startswith("1 of 4 elements")


CANCELED_WORDS = """
    canceled marginCanceled vaultWithdrawalCanceled openInterestCapCanceled selfTradeCanceled reduceOnlyCanceled
    siblingFilledCanceled delistedCanceled liquidatedCanceled outcomeSettledCanceled scheduledCancel internalCancel
"""
REJECTED_WORDS = """
    rejected tickRejected minTradeNtlRejected perpMarginRejected reduceOnlyRejected badAloPxRejected iocCancelRejected
    badTriggerPxRejected marketOrderNoLiquidityRejected positionIncreaseAtOpenInterestCapRejected
    positionFlipAtOpenInterestCapRejected tooAggressiveAtOpenInterestCapRejected openInterestIncreaseRejected
    insufficientSpotBalanceRejected oracleRejected perpMaxPositionRejected tooManyOpenOrdersRejected
"""


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("open", OrderState.OPEN),
        ("triggered", OrderState.OPEN),
        ("filled", OrderState.FILLED),
        *((word, OrderState.CANCELED) for word in CANCELED_WORDS.split()),
        *((word, OrderState.REJECTED) for word in REJECTED_WORDS.split()),
    ],
)
def test_status_words(word: str, state: OrderState) -> None:
    """Every documented status word folds to its state."""
    assert errors.order_state(word) is state


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Price must be divisible by tick size. asset=3", Reject.TICK),
        ("Order must have minimum value of $10. asset=0", Reject.MIN_NOTIONAL),
        ("Order must have minimum value of 10 USDC. asset=10107", Reject.MIN_NOTIONAL),
        ("Insufficient margin to place order. asset=0", Reject.MARGIN),
        ("Reduce only order would increase position. asset=0", Reject.REDUCE_ONLY),
        ("Post only order would have immediately matched, bbo was 0.052597@0.052657. asset=188", Reject.POST_ONLY),
        ("Order could not immediately match against any resting orders. asset=0", Reject.IOC_NO_MATCH),
        ("No liquidity available for market order. asset=0", Reject.IOC_NO_MATCH),
        ("Order would increase open interest while open interest is capped asset=0", Reject.OPEN_INTEREST),
        ("Order would increase open interest too quickly", Reject.OPEN_INTEREST),
        ("Order price too far from oracle", Reject.PRICE_BAND),
        ("Order price cannot be more than 95% away from the reference price", Reject.PRICE_BAND),
        ("Order was never placed, already canceled, or filled. asset=0", Reject.MISSING_ORDER),
        ("Cannot modify canceled or filled order", Reject.MISSING_ORDER),
        ("Attempted to modify to invalid new order", Reject.INVALID_MODIFY),
        ("Only post-only orders allowed immediately after network upgrade", Reject.VENUE_HALTED),
        ("Too many cumulative requests sent (10003 > 10000) for cumulative volume traded $0.45.", Reject.RATE_LIMIT),
        ("Invalid nonce: duplicate nonce 5", Reject.NONCE),
        ("Must deposit before performing actions. User: 0x00", Reject.SIGNER),
        ("L1 error: User or API Wallet 0x00 does not exist.", Reject.SIGNER),
        ("a text nobody has seen", Reject.UNKNOWN_TEXT),
        ("", Reject.UNKNOWN_TEXT),
    ],
)
def test_refusal_texts(text: str, reason: Reject) -> None:
    """The venue's texts map through one table; an unseen text says so."""
    assert errors.refusal(text).reason is reason


@given(st.integers(min_value=1, max_value=(1 << 62)), st.integers(min_value=0, max_value=6))
def test_decimal_texts_round_trip(units: int, decimals: int) -> None:
    """Any 62-bit amount survives the way to text and back, also with the venue's trailing ".0"."""
    text = decimal_text(units, decimals)
    assert grid.exact(text, decimals) == units
    assert grid.exact(text if "." in text else text + ".0", decimals) == units


@given(st.text(max_size=60), st.integers(min_value=0, max_value=6))
def test_no_text_breaks_the_numbers(text: str, decimals: int) -> None:
    """A text is an exact 64-bit number or a ValueError."""
    for convert in (grid.exact, grid.positive, grid.not_negative):
        try:
            assert abs(convert(text, decimals)) < 1 << 63
        except ValueError:
            continue
    for read in (grid.money, grid.rate, grid.cloid_of):
        try:
            read(text)
        except ValueError:
            continue


def test_memos_stay_small() -> None:
    """However many texts pass, a coin remembers a bounded number."""
    memo = grid.PxMemo(1)
    for number in range(1, 3 * grid.MEMO_MAX):
        assert memo[f"{number}.5"] == 10 * number + 5
        assert len(memo) <= grid.MEMO_MAX


def test_oversized_and_deep_frames_are_quarantined() -> None:
    """Frames beyond the limit are not parsed, and nesting cannot break the decoder."""
    for frame in (b"x" * (wire.FRAME_BYTES_MAX + 1), b'{"channel":"bbo","data":' + b"[" * 100_000):
        (event,) = Feed(UNIVERSE).decode(frame, TS)
        assert isinstance(event, FrameQuarantined)
        assert len(event.text) <= wire.TEXT_KEPT
