"""Recorded market data, decoded: lines of a tape become integer frames in the order the venue made them.

One line is `{"recv_ms": float, "channel": "l2Book" | "bbo" | "trades", "data": <Hyperliquid's own shape>}`.
Nothing here opens a file: `tapefile` does. Every complaint names the source and the line.
"""

from __future__ import annotations

import re
from array import array
from typing import TYPE_CHECKING, ClassVar, Final, Literal

import msgspec

from hlmm.sim.market import BookLevel
from hlmm.types import PERP_DECIMALS, Coin, Instrument, Ms, Px, Side, Sz, Tid, decimal_units

if TYPE_CHECKING:
    from collections.abc import Iterable

LEVEL_FIELDS: Final = 3
"""A level in a `BookFrame` array: px, sz, number of orders."""
LAG_QUANTILE_HIGH: Final = 0.95
DETAIL_MAX: Final = 120


class TapeError(ValueError):
    """A tape that cannot be read as one; the message names file and line."""

    exit_code: ClassVar[int] = 3


class BookFrame(msgspec.Struct, frozen=True, gc=False):
    """A whole book as the venue showed it after its block, as flat (px, sz, n) triples, best first."""

    venue_ms: Ms
    bids: array[int]
    asks: array[int]


class BboFrame(msgspec.Struct, frozen=True, gc=False):
    """Best bid and ask after a block; None is an empty side."""

    venue_ms: Ms
    bid: BookLevel | None
    ask: BookLevel | None


class PrintFrame(msgspec.Struct, frozen=True, gc=False):
    """One public print."""

    venue_ms: Ms
    px: Px
    sz: Sz
    aggressor: Side
    tid: Tid


Frame = BookFrame | BboFrame | PrintFrame


class Tape(msgspec.Struct, frozen=True, kw_only=True):
    """A coin's recording. `frames` are in venue order: within one block prints come before the book they led to."""

    source: str
    coin: Coin
    frames: tuple[Frame, ...]
    start_ms: Ms
    end_ms: Ms
    repeated_tids: int
    lag_p50_ms: float
    lag_p95_ms: float


class Decimals(msgspec.Struct, frozen=True, gc=False):
    """What a tape needs: its coin and the decimals of its finest price and size, and where they stand."""

    coin: Coin
    px_decimals: int
    px_line: int
    sz_decimals: int
    sz_line: int


def tape_decimals(lines: Iterable[bytes], source: str) -> Decimals:
    """Find the finest price and size of a tape. Args: lines, JSONL; source, its name in errors.

    Raises: TapeError when no line names a coin.
    """
    coin, finest = None, {b"px": (0, 1), b"sz": (0, 1)}
    for number, line in enumerate(lines, 1):
        if coin is None and (named := _COIN.search(line)):
            coin = Coin(named[1].decode(errors="replace"))
        for field, fraction in _NUMBER.findall(line):
            decimals = len(fraction.rstrip(b"0"))
            if decimals > finest[field][0]:
                finest[field] = (decimals, number)
    if coin is None:
        raise TapeError(f"{source}: no line names a coin")
    return Decimals(coin, *finest[b"px"], *finest[b"sz"])


def tape_instrument(lines: Iterable[bytes], source: str, asset: int = 0) -> Instrument:
    """The coarsest perp grid on which every price and size of a tape is exact.

    Args: lines, JSONL; source, its name in errors; asset, the id to give the instrument.
    Raises: TapeError when prices and sizes together need more than the six decimals a perp has.
    """
    need = tape_decimals(lines, source)
    if need.px_decimals + need.sz_decimals > PERP_DECIMALS:
        raise TapeError(
            f"{source}:{need.px_line}: a price of {need.px_decimals} decimals and (line {need.sz_line}) "
            f"a size of {need.sz_decimals}: a perp has {PERP_DECIMALS} for both together"
        )
    return Instrument(coin=need.coin, asset=asset, sz_decimals=need.sz_decimals)


def read_tape(lines: Iterable[bytes], source: str, instrument: Instrument) -> Tape:
    """Decode a tape onto an instrument's grid.

    Args: lines, JSONL; source, its name in errors; instrument, whose coin the tape must hold.
    Returns: the tape, repeated tids dropped. Raises: TapeError, naming source and line.
    """
    reader = _Reader(instrument)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            reader.line(line)
        except (msgspec.DecodeError, ValueError) as error:
            detail = " ".join(str(error).split())[:DETAIL_MAX]
            raise TapeError(f"{source}:{number}: {detail}") from error
    return reader.tape(source)


class _Level(msgspec.Struct, frozen=True, gc=False):
    """Wire level."""

    px: str
    sz: str
    n: int = 1


class _Book(msgspec.Struct, frozen=True, gc=False):
    """Wire l2Book."""

    coin: str
    time: int
    levels: tuple[list[_Level], list[_Level]]


class _Bbo(msgspec.Struct, frozen=True, gc=False):
    """Wire bbo."""

    coin: str
    time: int
    bbo: tuple[_Level | None, _Level | None]


class _Print(msgspec.Struct, frozen=True, gc=False):
    """Wire trade."""

    coin: str
    side: Literal["A", "B"]
    px: str
    sz: str
    time: int
    tid: int


class _Row(msgspec.Struct, frozen=True, gc=False):
    """One line."""

    recv_ms: float
    channel: Literal["l2Book", "bbo", "trades"]
    data: msgspec.Raw


_ROW: Final = msgspec.json.Decoder(_Row)
_BOOK: Final = msgspec.json.Decoder(_Book)
_BBO: Final = msgspec.json.Decoder(_Bbo)
_PRINTS: Final = msgspec.json.Decoder(list[_Print])
_COIN: Final = re.compile(rb'"coin"\s*:\s*"([^"]*)"')
_NUMBER: Final = re.compile(rb'"(px|sz)"\s*:\s*"\d+\.?(\d*)"')


class _Reader:
    """Folds lines into frames."""

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._frames: list[Frame] = []
        self._tids: set[int] = set()
        self._repeated = 0
        self._lags_ms: list[float] = []

    def line(self, line: bytes) -> None:
        """Add one line. Raises: msgspec.DecodeError or ValueError when it is not a tape line."""
        row = _ROW.decode(line)
        match row.channel:
            case "bbo":
                bbo = _BBO.decode(row.data)
                self._check(bbo.coin, bbo.time)
                bid, ask = (None if level is None else self._level(level) for level in bbo.bbo)
                self._frames.append(BboFrame(Ms(bbo.time), _shown(bid), _shown(ask)))
                self._lags_ms.append(row.recv_ms - bbo.time)
            case "l2Book":
                book = _BOOK.decode(row.data)
                self._check(book.coin, book.time)
                bids, asks = (self._levels(side) for side in book.levels)
                self._frames.append(BookFrame(Ms(book.time), bids, asks))
                self._lags_ms.append(row.recv_ms - book.time)
            case "trades":
                for trade in _PRINTS.decode(row.data):
                    self._print(trade)

    def tape(self, source: str) -> Tape:
        """Everything read, in venue order. Raises: TapeError when it holds no book."""
        books = [frame.venue_ms for frame in self._frames if not isinstance(frame, PrintFrame)]
        if not books:
            raise TapeError(f"{source}: no l2Book and no bbo in it")
        start_ms = min(books)
        usable = (f for f in self._frames if not isinstance(f, PrintFrame) or f.venue_ms > start_ms)
        frames = tuple(sorted(usable, key=venue_order))
        lags_ms = sorted(self._lags_ms)
        return Tape(
            source=source,
            coin=self._instrument.coin,
            frames=frames,
            start_ms=start_ms,
            end_ms=frames[-1].venue_ms,
            repeated_tids=self._repeated,
            lag_p50_ms=lags_ms[len(lags_ms) // 2],
            lag_p95_ms=lags_ms[int(len(lags_ms) * LAG_QUANTILE_HIGH)],
        )

    def _print(self, trade: _Print) -> None:
        """Add one print unless its tid was seen: recorders and reconnects repeat them."""
        self._check(trade.coin, trade.time)
        if trade.tid in self._tids:
            self._repeated += 1
            return
        self._tids.add(trade.tid)
        level = self._level(_Level(trade.px, trade.sz))
        if level.sz == 0:
            raise ValueError("a print of size zero")
        aggressor = Side.BID if trade.side == "B" else Side.ASK
        self._frames.append(PrintFrame(Ms(trade.time), level.px, level.sz, aggressor, Tid(trade.tid)))

    def _check(self, coin: str, time: int) -> None:
        """Refuse another coin, and times before the epoch."""
        if coin != self._instrument.coin:
            raise ValueError(f"coin {coin[:20]!r} on a tape of {self._instrument.coin!r}")
        if time < 0:
            raise ValueError(f"time {time} is before the epoch")

    def _level(self, level: _Level) -> BookLevel:
        """A wire level on the grid."""
        px = decimal_units(level.px, self._instrument.px_decimals)
        sz = decimal_units(level.sz, self._instrument.sz_decimals)
        if px <= 0 or sz < 0:
            raise ValueError(f"px {level.px[:20]!r} sz {level.sz[:20]!r}: not a price and a size")
        return BookLevel(Px(px), Sz(sz), level.n)

    def _levels(self, levels: list[_Level]) -> array[int]:
        """One side of a book as flat triples; empty levels are left out."""
        flat = array("q")
        for wire in levels:
            level = self._level(wire)
            if level.sz > 0:
                flat.extend((level.px, level.sz, level.count))
        return flat


def _shown(level: BookLevel | None) -> BookLevel | None:
    """A level of size zero is an empty side."""
    return level if level is not None and level.sz > 0 else None


def venue_order(frame: Frame) -> tuple[int, int]:
    """Sort key: a block's prints happened against the book before it; its bbo is the last word on the touch."""
    match frame:
        case PrintFrame():
            return frame.venue_ms, 0
        case BookFrame():
            return frame.venue_ms, 1
        case BboFrame():
            return frame.venue_ms, 2
