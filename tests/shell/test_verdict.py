"""The exit code says whether the venue confirmed the stop, before anything else."""

from __future__ import annotations

from signal import SIGINT, SIGTERM

import pytest

from hlmm.shell.exits import Exit
from hlmm.shell.live import Ending
from hlmm.shell.truth import Truth
from hlmm.shell.verdict import of_run

CLEAN = Truth(own_orders=0, foreign_orders=3, positions={}, account_value_usd=0.0)
RESTING = Truth(own_orders=1, foreign_orders=0, positions={}, account_value_usd=0.0)


@pytest.mark.parametrize(
    ("signals", "confirmed", "truth", "halt", "code"),
    [
        ((), True, CLEAN, "", Exit.DONE),
        ((SIGINT,), True, CLEAN, "", Exit.DONE),
        ((SIGINT, SIGINT), True, CLEAN, "", Exit.INTERRUPTED),
        ((SIGTERM,), True, CLEAN, "", Exit.TERMINATED),
        ((SIGTERM, SIGTERM), True, CLEAN, "", Exit.TERMINATED),
        ((SIGINT, SIGTERM), True, CLEAN, "", Exit.TERMINATED),
        ((), True, CLEAN, "loss", Exit.HALTED),
        ((SIGTERM,), True, RESTING, "", Exit.NOT_VERIFIED),
        ((), True, RESTING, "loss", Exit.NOT_VERIFIED),
        ((), False, CLEAN, "", Exit.DONE),
        ((), False, None, "", Exit.NOT_VERIFIED),
        ((SIGTERM,), True, None, "", Exit.TERMINATED),
    ],
)
def test_exit_code(*, signals: tuple[int, ...], confirmed: bool, truth: Truth | None, halt: str, code: Exit) -> None:
    """Orders that rest, or may rest, outrank a halt; a halt outranks a signal; foreign orders do not count."""
    ending = Ending(reason="", confirmed=confirmed, signals=signals)
    assert of_run(ending, truth, halt_reason=halt) is code
