"""Foreign clients against a spawned simulator: how each is pointed at it, and what their answers are asked."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from hlmm.sim.config import CadenceConfig, LatencyConfig, LimitConfig, SimConfig, SyntheticMarketConfig
from hlmm.sim.server import Ready, spawn, stop_spawned

if TYPE_CHECKING:
    from collections.abc import Iterator

DEADLINE_S: Final = 20.0
POLL_S: Final = 0.02
BUY: Final = True
SELL: Final = False
GTC: Final = {"limit": {"tif": "Gtc"}}
ALO: Final = {"limit": {"tif": "Alo"}}


@contextmanager
def sandbox(*, seed: int = 7, limits: LimitConfig | None = None) -> Iterator[Ready]:
    """A quick simulator with BTC, ETH and a builder coin, for as long as the block lasts."""
    config = SimConfig(
        market=SyntheticMarketConfig(coins=("BTC", "ETH", "xyz:XYZ100"), warmup_s=10),
        latency=LatencyConfig(ingress_ms=5, answer_ms=5, feed_ms=5, info_ms=2),
        cadence=CadenceConfig(state_ms=500),
        limits=limits or LimitConfig(),
        seed=seed,
        accounts=4,
    )
    process, ready = spawn(config)
    try:
        yield ready
    finally:
        stop_spawned(process)


def eventually(found: Callable[[], bool]) -> bool:
    """Whether it becomes true before the deadline."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        if found():
            return True
        time.sleep(POLL_S)
    return False


def statuses(answer: dict[str, Any]) -> list[Any]:
    """The elements of an accepted batch's answer."""
    assert answer["status"] == "ok", answer
    found: list[Any] = answer["response"]["data"]["statuses"]
    return found


def only(answer: dict[str, Any]) -> Any:  # noqa: ANN401 - foreign clients are untyped
    """The single status of an answer."""
    (status,) = statuses(answer)
    return status


def far_below(price: float) -> float:
    """A bid 5 % below a price, on every coin's grid."""
    return float(round(price * 0.95))
