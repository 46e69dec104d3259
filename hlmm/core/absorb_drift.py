"""Takes facts that show a venue other than the one this program knows: counted, alarmed once each, shown in status.

A venue changes its protocol without notice. A deviation never stops trading by itself: whatever it makes uncertain (a
frame, an order's state) is handled as unknown where it matters; here it only becomes visible.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hlmm.core.commands import Alarm
from hlmm.core.events import (
    ActionRefused,
    CancelRejected,
    DriftKind,
    DriftSeen,
    FrameQuarantined,
    OrderRejected,
    OrderState,
    OrderStatusRead,
    OrderUpdated,
    Reject,
)

if TYPE_CHECKING:
    from hlmm.core.events import AnyEvent
    from hlmm.core.state import EngineState

TEXT_MAX: Final = 160
ADVICE: Final = "hlmm may be older than the venue's protocol"


def note_drift(state: EngineState, event: AnyEvent) -> None:
    """Count an event that shows something unknown; alarm when it is the first of its kind. Others do nothing."""
    match event:
        case OrderRejected() | CancelRejected() | ActionRefused():
            if event.reason is Reject.UNKNOWN_TEXT:
                _note(state, DriftKind.TEXT, event.text)
        case OrderUpdated() | OrderStatusRead():
            if event.state is OrderState.UNRECOGNISED:
                _note(state, DriftKind.STATUS, event.word)
        case FrameQuarantined():
            _note(state, DriftKind.MESSAGE, f"{event.channel}: {event.why}")
        case DriftSeen():
            _note(state, event.kind, event.what)
        case _:
            pass


def _note(state: EngineState, kind: DriftKind, text: str) -> None:
    what = without_figures(text)[:TEXT_MAX]
    if state.drift.note(kind, what):
        state.alarms.append(Alarm(code=f"drift.{kind}", text=f"{text[:TEXT_MAX]} ({ADVICE})"))


def without_figures(text: str) -> str:
    """A text whose numbers are blanked, so that the same message about another order is the same. Raises: nothing."""
    blanked = "".join("#" if letter.isdigit() else letter for letter in text)
    while "##" in blanked:
        blanked = blanked.replace("##", "#")
    return blanked
