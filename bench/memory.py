"""Resident memory of a run on the embedded simulated exchange, sampled while it trades.

    python bench/memory.py [--minutes M] [--speed X]

The issue's figure is that of 30 minutes at speed 1; the default is one minute at speed 10, which sees ten minutes of
venue time. Growth is the slope of a least-squares line after the first quarter, per hour of wall time.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
LIMIT_MIB: Final = 200.0
GROWTH_MIB_PER_H: Final = 10.0
JUDGED_MIN: Final = 10.0
"""Shorter runs are still warming up: their growth is printed and not judged."""
SAMPLES: Final = 60
SECONDS_PER_MINUTE: Final = 60.0
KIB_PER_MIB: Final = 1024.0


def resident_mib(pid: int) -> float | None:
    """Resident memory of a live process, MiB; None once it is gone. Linux only."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except FileNotFoundError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("VmRSS")]
    return float(found[0]) / KIB_PER_MIB if found else None


def sample(minutes: float, speed: float) -> list[tuple[float, float]]:
    """Run and watch. Returns: seconds since the start, and MiB."""
    period_s = minutes * SECONDS_PER_MINUTE / SAMPLES
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "hlmm", "run", "+asset=BTC", f"env.sim.speed={speed}"]
        process = subprocess.Popen(  # noqa: S603 - our own program
            [*command, "--for", f"{minutes * SECONDS_PER_MINUTE:.0f}s", "--json"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": folder},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        started, found = time.monotonic(), []
        while process.poll() is None:
            time.sleep(period_s)
            mib = resident_mib(process.pid)
            if mib is not None:
                found.append((time.monotonic() - started, mib))
        assert process.returncode == 0, process.returncode
    return found


def growth_mib_per_h(points: list[tuple[float, float]]) -> float:
    """Slope after the first quarter, in which caches fill and estimators warm."""
    settled = points[len(points) // 4 :]
    slope = statistics.linear_regression([at for at, _ in settled], [mib for _, mib in settled]).slope
    return slope * SECONDS_PER_MINUTE * SECONDS_PER_MINUTE


def main() -> int:
    """Run and print. Returns: 0 when memory is below the limit and flat, 1 when not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--minutes", type=float, default=0.75)
    parser.add_argument("--speed", type=float, default=10.0)
    options = parser.parse_args()
    points = sample(options.minutes, options.speed)
    growth, peak = growth_mib_per_h(points), max(mib for _, mib in points)
    venue_growth = growth / options.speed
    met = peak < LIMIT_MIB and (options.minutes < JUDGED_MIN or venue_growth < GROWTH_MIB_PER_H)
    print(f"{options.minutes:g} min at speed {options.speed:g}: first {points[0][1]:.1f} MiB, peak {peak:.1f} MiB,")
    print(f"growth {venue_growth:+.2f} MiB per hour of venue time ({growth:+.2f} per hour of wall time)")
    print(f"goal: below {LIMIT_MIB:g} MiB and {GROWTH_MIB_PER_H:g} MiB/h of venue time: {'met' if met else 'NOT met'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
