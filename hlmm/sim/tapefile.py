"""I/O. Reads and writes tapes: gzip (or plain) JSONL files, with file and line in every complaint."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from hlmm.sim.frames import Tape, TapeError, read_tape, tape_instrument
from hlmm.sim.sample import Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hlmm.types import Instrument

LINE_BYTES_MAX: Final = 4_000_000


def tape_lines(path: Path) -> Iterator[bytes]:
    """The lines of a tape. Args: path, `.gz` or plain. Raises: TapeError when it cannot be read to its end."""
    number = 0
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            while line := file.readline(LINE_BYTES_MAX):
                number += 1
                yield line
    except (OSError, EOFError, zlib.error) as error:
        raise TapeError(f"{path}:{number + 1}: cannot be read: {error}") from error


def load_instrument(path: Path, asset: int = 0) -> Instrument:
    """The perp grid a tape needs (`frames.tape_instrument`). Raises: TapeError."""
    return tape_instrument(tape_lines(path), str(path), asset)


def load_tape(path: Path, instrument: Instrument) -> Tape:
    """Read a whole tape onto an instrument's grid (`frames.read_tape`). Raises: TapeError."""
    return read_tape(tape_lines(path), str(path), instrument)


def load_tapes(paths: Iterable[str]) -> list[tuple[Instrument, Tape]]:
    """Read one tape per coin, each on the coarsest perp grid that holds it exactly.

    Args: paths, in the order in which the coins are to be listed; asset ids are left at 0.
    Raises: TapeError when one cannot be read, or when two hold the same coin.
    """
    loaded: dict[str, tuple[Instrument, Tape]] = {}
    for path in map(Path, paths):
        instrument = load_instrument(path)
        if (twin := loaded.get(instrument.coin)) is not None:
            raise TapeError(f"{path}:1: holds {instrument.coin!r}, which {twin[1].source} already does")
        loaded[instrument.coin] = (instrument, load_tape(path, instrument))
    return list(loaded.values())


def write_tape(path: Path, rows: Iterable[Row]) -> None:
    """Write rows (`sample.sample_tape`) as a gzip tape; the same rows give the same bytes. Raises: OSError."""
    with path.open("wb") as raw, gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as file:
        for row in rows:
            file.write(msgspec.json.encode(row) + b"\n")
