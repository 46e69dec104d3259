"""Exit codes of every verb."""

from __future__ import annotations

import enum


class Exit(enum.IntEnum):
    """0 done and verified. A signal's 128 + n is returned only when the clean-up was verified too."""

    DONE = 0
    UNEXPECTED = 1
    USAGE = 2
    CONFIG = 3
    SECRETS = 4
    VENUE = 5
    NOT_VERIFIED = 6
    HALTED = 7
    CHECK_FAILED = 8
    LOCKED = 9
    INTERRUPTED = 130
    TERMINATED = 143
