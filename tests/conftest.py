"""Settings of the whole suite: hypothesis profiles."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

SLOW_MACHINE = (HealthCheck.too_slow,)

settings.register_profile("dev", deadline=None, suppress_health_check=SLOW_MACHINE)
settings.register_profile(
    "ci", deadline=None, derandomize=True, max_examples=200, print_blob=True, suppress_health_check=SLOW_MACHINE
)
settings.register_profile("deep", deadline=None, max_examples=5_000, suppress_health_check=SLOW_MACHINE)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))
