"""Book frame leaving a venue to both sides' signed orders back at it: hlmm as it runs, against the SDK's example loop.

    python bench/end_to_end.py [--rounds N]

Each client is a process of its own with a stub venue of its own on loopback (no TLS). The book moves 1.4 bp, the
client answers, the next book follows. hlmm runs its whole live path (journal, risk, reconcile) with its shipped
configuration but for two values: one order a side, as the SDK's loop sends, and no least time between two requotes.
The SDK's loop places from inside its callback and never cancels; hlmm replaces what rests.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import statistics
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent))

from clients import HLMM, SDK_COINCURVE, SDK_INSTALLED, client
from rounds import Variant, Workers
from stub_venue import BASE_PRICE, STEP, Arrival, StubVenue

GOALS: Final = {SDK_COINCURVE: 15.0, SDK_INSTALLED: 40.0}
PAUSE_S: Final = 0.01
PATIENCE_S: Final = 1.0
START_S: Final = 30.0
TICKS: Final = 20
SAME_WORK: Final = ("timing.requote_gap_ms=0", "assets.BTC.spread.level_count=1")


class Reaction(NamedTuple):
    """One book: ns until the first order came, and until both sides had one."""

    first_ns: int
    both_ns: int


class Bench:
    """A stub venue that times one client, inside the client's worker process."""

    def __init__(self) -> None:
        self.venue = StubVenue(self._arrived)
        self._seen: list[Arrival] = []
        self._both = asyncio.Event()
        self.answered = asyncio.Event()
        """Set once the client has sent anything."""
        self._high = False

    def _arrived(self, arrival: Arrival) -> None:
        self._seen.append(arrival)
        self.answered.set()
        if len(frozenset[bool]().union(*(seen.sides for seen in self._seen))) > 1:
            self._both.set()

    async def tick(self) -> Reaction | None:
        """Move the book and wait for both sides. Returns: None when the client did not requote both in time."""
        self._high = not self._high
        mid = BASE_PRICE + STEP * self._high
        self.venue.send_context(mid)
        await asyncio.sleep(PAUSE_S)
        self._seen.clear()
        self._both.clear()
        left = self.venue.send_book(mid)
        try:
            await asyncio.wait_for(self._both.wait(), PATIENCE_S)
        except TimeoutError:
            return None
        reaction = Reaction(self._first() - left, self._seen[-1].at_ns - left)
        await asyncio.sleep(PAUSE_S)
        return reaction

    def _first(self) -> int:
        return next(seen.at_ns for seen in self._seen if seen.sides)


async def work(name: str) -> None:
    """One worker: a venue, its client, and rounds on request until stdin ends."""
    bench = Bench()
    url = await bench.venue.listen()
    lines: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    threading.Thread(target=_read, args=(loop, lines), daemon=True).start()
    with client(name, url, SAME_WORK):
        await _warm_up(bench)
        while line := await lines.get():
            reactions = [await bench.tick() for _ in range(int(line.split()[1]))]
            print(json.dumps(reactions), flush=True)


async def _warm_up(bench: Bench) -> None:
    """Until the client answers as a matter of course. Raises: TimeoutError."""
    async with asyncio.timeout(START_S):
        beat = asyncio.create_task(bench.venue.heartbeat())
        await bench.answered.wait()
        beat.cancel()
        answered = 0
        while answered < TICKS:
            answered += await bench.tick() is not None


def _read(loop: asyncio.AbstractEventLoop, lines: asyncio.Queue[str]) -> None:
    for line in itertools.chain(sys.stdin, [""]):
        loop.call_soon_threadsafe(lines.put_nowait, line)


def measure(rounds: int) -> dict[str, list[list[Reaction]]]:
    """Interleaved rounds of all clients. Returns: reactions by client and round."""
    dice = random.Random(rounds)
    workers = Workers(__file__, [Variant(name, {}) for name in (HLMM, *GOALS)])
    names = [HLMM, *GOALS]
    for name in names:
        workers.ask(name, "tick", str(TICKS))
    found: dict[str, list[list[Reaction]]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in dice.sample(names, len(names)):
            rows = workers.ask(name, "tick", str(TICKS))
            assert isinstance(rows, list)
            found[name].append([Reaction(*row) for row in rows if row is not None])
    workers.stop()
    return found


def quantile(values: Sequence[float], part: float) -> float:
    """An order statistic. Args: part, 0 to 1."""
    return sorted(values)[int(part * (len(values) - 1))]


def ratio(found: dict[str, list[list[Reaction]]], peer: str) -> float:
    """Median over rounds of the peer's median to ours, both sides."""
    pairs = zip(found[peer], found[HLMM], strict=True)
    return statistics.median(
        statistics.median(row.both_ns for row in theirs) / statistics.median(row.both_ns for row in ours)
        for theirs, ours in pairs
    )


def show(found: dict[str, list[list[Reaction]]]) -> None:
    """Print the table."""
    print(f"{'book -> order, us':<20}{'first p50':>11}{'p99':>9}{'both p50':>11}{'p99':>9}{'x hlmm p50':>12}{'p99':>7}")
    tail = 0.0
    for name, rounds in found.items():
        rows = [row for part in rounds for row in part]
        first, both = [row.first_ns / 1e3 for row in rows], [row.both_ns / 1e3 for row in rows]
        p99 = quantile(both, 0.99)
        tail = tail or p99
        print(
            f"{name:<20}{quantile(first, 0.5):>11.0f}{quantile(first, 0.99):>9.0f}{quantile(both, 0.5):>11.0f}"
            f"{p99:>9.0f}{ratio(found, name):>12.1f}{p99 / tail:>7.1f}   ({len(rows)} books)"
        )


def main() -> int:
    """Run and print. Returns: 0 when the goals are met, 1 when not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--worker")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    if options.worker:
        asyncio.run(work(options.worker))
        return 0
    found = measure(options.rounds)
    show(found)
    met = all(ratio(found, peer) >= goal for peer, goal in GOALS.items())
    goals = ", ".join(f"{goal:g}x {peer}" for peer, goal in GOALS.items())
    print(f"goal at p50, both sides: {goals}: {'met' if met else 'NOT met'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
