"""Which exit code a run has earned."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from hlmm.shell.exits import Exit

if TYPE_CHECKING:
    from hlmm.shell.live import Ending
    from hlmm.shell.truth import Truth


def of_run(ending: Ending, truth: Truth | None, *, halt_reason: str) -> Exit:
    """The exit code of a run that ended without a bug.

    The first Ctrl-C is how a session is meant to end, so a verified stop after it is 0; a second one says that the
    operator wanted out, so 130, still verified.
    Args: truth, the venue's word after the end, None when it did not answer; halt_reason, "" when not halted.
    """
    rests = truth.own_orders > 0 if truth is not None else not ending.confirmed
    if rests:
        return Exit.NOT_VERIFIED
    if halt_reason:
        return Exit.HALTED
    if signal.SIGTERM in ending.signals:
        return Exit.TERMINATED
    return Exit.INTERRUPTED if len(ending.signals) > 1 else Exit.DONE
