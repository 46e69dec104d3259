"""Owns the way benchmarks compare: one process per variant, interleaved rounds in random order, paired ratios.

A machine's speed drifts by tens of percent within seconds, so absolute times are not compared: in each round every
variant runs once, and the ratio is the median over rounds of the ratio within a round.
"""

from __future__ import annotations

import gc
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

Task = Callable[[], bytes]


class Variant(NamedTuple):
    """A way of doing the same work: its name and what its process needs in the environment."""

    name: str
    environment: Mapping[str, str]


class Sample(NamedTuple):
    """One round of one variant: ns per call."""

    median_ns: float
    p99_ns: float


def serve(tasks: Mapping[str, Task]) -> None:
    """Worker: for each line `task count` on stdin, time `count` calls; the first answer of a task is its output."""
    gc.collect()
    for line in sys.stdin:
        name, count = line.split()
        task = tasks[name]
        if count == "show":
            print(json.dumps(task().decode()), flush=True)
            continue
        print(json.dumps(timed(task, int(count))), flush=True)


def timed(task: Task, count: int) -> list[int]:
    """Durations of `count` calls, ns."""
    clock, durations = time.perf_counter_ns, []
    for _ in range(count):
        start = clock()
        task()
        durations.append(clock() - start)
    return durations


class Workers:
    """The processes of all variants."""

    def __init__(self, script: str, variants: Sequence[Variant]) -> None:
        """Start one process per variant: `script --worker NAME`."""
        self._processes = {
            variant.name: subprocess.Popen(  # noqa: S603 - runs the benchmark's own script
                [sys.executable, script, "--worker", variant.name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, **variant.environment},
            )
            for variant in variants
        }

    def ask(self, variant: str, task: str, count: str) -> object:
        """One request to one worker. Raises: RuntimeError when it died."""
        process = self._processes[variant]
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{task} {count}\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            message = f"worker {variant} died"
            raise RuntimeError(message)
        return json.loads(line)

    def round(self, variant: str, task: str, budget_ns: float, cost_ns: float) -> Sample:
        """One round of a variant: as many calls as the budget allows. Args: cost_ns, of one call, guessed."""
        durations = self.ask(variant, task, str(max(3, int(budget_ns / cost_ns))))
        assert isinstance(durations, list)
        ordered = sorted(durations)
        return Sample(statistics.median(ordered), float(ordered[int(0.99 * (len(ordered) - 1))]))

    def stop(self) -> None:
        """End the workers that this object started."""
        for process in self._processes.values():
            assert process.stdin is not None
            process.stdin.close()
            process.wait(timeout=10)


def compare(
    workers: Workers, names: Sequence[str], task: str, rounds: int, budget_ns: float
) -> dict[str, list[Sample]]:
    """Interleaved rounds of one task. Returns: samples by variant, one per round, paired by position."""
    dice = random.Random(rounds)
    cost = {name: max(workers.round(name, task, 1.0, 1.0).median_ns, 100.0) for name in names}
    samples: dict[str, list[Sample]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in dice.sample(list(names), len(names)):
            samples[name].append(workers.round(name, task, budget_ns, cost[name]))
    return samples


def ratio(samples: Mapping[str, list[Sample]], peer: str, ours: str) -> float:
    """How many times longer the peer takes: median of per-round ratios of medians."""
    pairs = zip(samples[peer], samples[ours], strict=True)
    return statistics.median(theirs.median_ns / mine.median_ns for theirs, mine in pairs)


def table(title: str, samples: Mapping[str, list[Sample]], ours: str) -> None:
    """Print p50, p99 and the ratio to ours of each variant."""
    print(f"\n{title}\n{'variant':<36}{'p50 us':>10}{'p99 us':>10}{'x ours':>9}")
    for name, rows in samples.items():
        p50 = statistics.median(row.median_ns for row in rows) / 1e3
        p99 = statistics.median(row.p99_ns for row in rows) / 1e3
        print(f"{name:<36}{p50:>10.1f}{p99:>10.1f}{ratio(samples, name, ours):>9.2f}")
