"""Age of the book behind each order when it reaches a venue whose answers take 150 ms, at ten books a second.

    python bench/staleness.py [--seconds S]

hlmm runs its whole live path with its shipped configuration; the SDK's loop posts one order a side from inside its
callback, as its example does. Both run at the same time, each on a stub venue of its own. The SDK names each order
after its book; of hlmm, its journal tells which book the engine had seen last when it decided on the order. An order
may wait for the answer to the one it replaces, so not every order follows a book at once; `newest` is the share that
was decided on the newest book there was.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from clients import COINCURVE_PEERS, HLMM, client  # noqa: E402 - bench is scripts, not a package
from end_to_end import quantile  # noqa: E402
from stub_venue import BASE_PRICE, Arrival, StubVenue, now_ms, quoted_orders  # noqa: E402

from hlmm.core.commands import ModifyOrder, PlaceOrder  # noqa: E402
from hlmm.core.events import BookChanged  # noqa: E402
from hlmm.shell.journal import Reader  # noqa: E402

ROUND_TRIP_S: Final = 0.15
PERIOD_S: Final = 0.1
UNIT: Final = 4
ZIGZAG: Final = (0, 4, 1, 5, 2, 6, 3, 7)
"""Mids in turn, in units: neighbours differ by three or four units, so every book asks for a requote."""
START_S: Final = 30.0
SETTLE_S: Final = 2.0
AGE_MAX_MS: Final = 2.0


class Age(NamedTuple):
    """One action: age of its book, and whether that was the newest book sent. `late_s`: time into the run."""

    ns: int
    newest: bool
    late_s: float


class Sent(NamedTuple):
    """One book: its block time, and when it left."""

    block_ms: int
    at_ns: int


class Quoted(NamedTuple):
    """One action that quotes: when it came, its first cloid, and the newest book sent by then."""

    at_ns: int
    cloid: str
    newest: Sent


class Feed:
    """A venue that sends a moving book at a fixed pace, and dates the orders that come back."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._books: dict[int, Sent] = {}
        self._newest = Sent(0, 0)
        self._block_ms = 0
        self._quoted: list[Quoted] = []
        self._answered = asyncio.Event()
        self.venue = StubVenue(self._arrived, ROUND_TRIP_S)

    async def run(self, seconds: float) -> list[Age]:
        """Measure one client. Returns: an age for every action that quotes."""
        with client(self._name, await self.venue.listen()) as folder:
            pulse = asyncio.create_task(self._pulse())
            async with asyncio.timeout(START_S):
                await self._answered.wait()
            await asyncio.sleep(SETTLE_S)
            self._quoted.clear()
            started_ns = time.perf_counter_ns()
            await asyncio.sleep(seconds)
            pulse.cancel()
            quoted = list(self._quoted)
            books = decided_on(folder) if self._name == HLMM else {row.cloid: int(row.cloid, 16) for row in quoted}
        return [self._age(row, books[row.cloid], started_ns) for row in quoted if row.cloid in books]

    def _age(self, row: Quoted, block_ms: int, started_ns: int) -> Age:
        book = self._books[block_ms]
        return Age(row.at_ns - book.at_ns, book is row.newest, (row.at_ns - started_ns) / 1e9)

    async def _pulse(self) -> None:
        loop = asyncio.get_running_loop()
        due, step = loop.time(), 0
        while True:
            mid = BASE_PRICE + UNIT * ZIGZAG[step % len(ZIGZAG)]
            self._block_ms = max(self._block_ms + 1, now_ms())
            if step % len(ZIGZAG) == 0:
                self.venue.send_context(mid)
            self._newest = Sent(self._block_ms, self.venue.send_book(mid, self._block_ms))
            self._books[self._block_ms] = self._newest
            step, due = step + 1, due + PERIOD_S
            await asyncio.sleep(max(0.0, due - loop.time()))

    def _arrived(self, arrival: Arrival) -> None:
        orders = quoted_orders(arrival.action)
        if orders:
            self._quoted.append(Quoted(arrival.at_ns, str(orders[0]["c"]), self._newest))
            self._answered.set()


def decided_on(folder: Path) -> dict[str, int]:
    """Block time of the last book before each order in a run's journal. Args: folder, where hlmm ran."""
    (journal,) = folder.glob("runs/*/journal.bin")
    books, book_ms = {}, 0
    for record in Reader(journal):
        if isinstance(record, BookChanged):
            book_ms = record.venue_ts
        elif isinstance(record, (PlaceOrder, ModifyOrder)):
            place = record.place if isinstance(record, ModifyOrder) else record
            books[str(place.cloid)] = book_ms
    return books


def show(name: str, ages: Sequence[Age]) -> float:
    """Print one row. Returns: p50 of the age, ms."""
    millis = [age.ns / 1e6 for age in ages]
    half = ages[-1].late_s / 2
    early = statistics.median(age.ns / 1e6 for age in ages if age.late_s < half)
    late = statistics.median(age.ns / 1e6 for age in ages if age.late_s >= half)
    newest = sum(age.newest for age in ages) / len(ages)
    p50, p90 = quantile(millis, 0.5), quantile(millis, 0.9)
    print(f"{name:<20}{p50:>10.2f}{p90:>10.2f}{early:>12.2f}{late:>12.2f}{newest:>9.0%}{len(ages):>8}")
    return p50


async def measure(seconds: float) -> dict[str, list[Age]]:
    """All clients at once: their load is small, and so is what they take from each other."""
    names = (HLMM, *COINCURVE_PEERS)
    found = await asyncio.gather(*(Feed(name).run(seconds) for name in names))
    return dict(zip(names, found, strict=True))


def main() -> int:
    """Run and print. Returns: 0 when the goal is met, 1 when not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    found = asyncio.run(measure(options.seconds))
    print(f"{'age of book, ms':<20}{'p50':>10}{'p90':>10}{'1st half':>12}{'2nd half':>12}{'newest':>9}{'orders':>8}")
    p50 = {name: show(name, ages) for name, ages in found.items()}
    met = p50[HLMM] < AGE_MAX_MS
    print(f"goal: hlmm p50 below {AGE_MAX_MS:g} ms: {'met' if met else 'NOT met'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
