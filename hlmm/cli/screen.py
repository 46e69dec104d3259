"""Who shows a run: the live rich screen on a terminal, a progress line elsewhere, nothing with `--json`."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from typing import TYPE_CHECKING, Final, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from hlmm.cli.view import LiveScreen, progress_line

if TYPE_CHECKING:
    from rich.console import RenderableType

    from hlmm.core.view import EngineView

REFRESH_PER_S: Final = 4
LINE_EVERY_S: Final = 5.0
SWITCH_INTERVAL_S: Final = 0.0005
"""How soon the rendering thread lets the trading loop run again; Python's default is 5 ms."""


class TerminalScreen:
    """Renders in a thread of its own, so that drawing never holds up the loop. A context manager."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._newest: tuple[EngineView, tuple[str, ...]] | None = None
        self._live = Live(
            console=Console(stderr=True),
            get_renderable=self._render,
            refresh_per_second=REFRESH_PER_S,
            transient=True,
        )

    def show(self, view: EngineView, notes: tuple[str, ...]) -> None:
        """Keep the newest state for the next frame."""
        self._newest = (view, notes)

    def _render(self) -> RenderableType:
        if self._newest is None:
            return Text(f"starting  {self._title}")
        view, notes = self._newest
        return LiveScreen(view, self._title, notes)

    def __enter__(self) -> Self:
        """Start drawing."""
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop drawing and clear the live area."""
        self._live.stop()


class LineScreen:
    """One line on stderr every few seconds, from a thread: a full pipe must not hold up the loop."""

    def __init__(self, title: str, every_s: float = LINE_EVERY_S) -> None:
        self._title = title
        self._every_s = every_s
        self._started = time.monotonic()
        self._newest: EngineView | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._print_forever, name="progress", daemon=True)

    def show(self, view: EngineView, notes: tuple[str, ...]) -> None:
        """Keep the newest state. Notes go to the run's log, not here."""
        del notes
        self._newest = view

    def _print_forever(self) -> None:
        with contextlib.suppress(BrokenPipeError):  # whoever read it is gone; the run goes on
            self._print(f"starting  {self._title}")
            while not self._stop.wait(self._every_s):
                if self._newest is not None:
                    self._print(progress_line(self._newest, time.monotonic() - self._started))

    def _print(self, line: str) -> None:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()

    def __enter__(self) -> Self:
        """Start printing."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop printing."""
        self._stop.set()
