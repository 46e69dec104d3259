"""The wall clock of a live run: nanoseconds that never step back, optionally faster than real time."""

from __future__ import annotations

import time

from hlmm.types import NS_PER_MS, Ms, Ns


class WallClock:
    """Wall time read once at the start, then monotonic time since, times `speed`.

    A step of the system clock during the run is not seen: event times stay ordered.
    Args: speed, simulated seconds per real second, > 0 (1 against a real venue); start_ns, first reading, default now.
    """

    def __init__(self, speed: float = 1.0, start_ns: int | None = None) -> None:
        self.speed = speed
        self._started = time.monotonic_ns()
        self._start_ns = time.time_ns() if start_ns is None else start_ns

    def now(self) -> Ns:
        """Time now, ns since the epoch."""
        elapsed = time.monotonic_ns() - self._started
        return Ns(self._start_ns + (elapsed if self.speed == 1 else int(elapsed * self.speed)))

    def now_ms(self) -> Ms:
        """Time now, ms since the epoch."""
        return Ms(self.now() // NS_PER_MS)

    def real_s(self, seconds: float) -> float:
        """Real seconds that pass during so many seconds of this clock."""
        return seconds / self.speed


class BlockingClock:
    """A run's wall clock, and real time for pauses and deadlines of code that may block."""

    def __init__(self, wall: WallClock) -> None:
        self._wall = wall

    def now_ms(self) -> Ms:
        """Time now, ms since the epoch, as the venue counts it."""
        return self._wall.now_ms()

    def monotonic_s(self) -> float:
        """Real time that never steps back, s."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait, s; not at all when negative."""
        time.sleep(max(0.0, seconds))
