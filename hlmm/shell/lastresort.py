"""The last resort of a run: cancel our orders by HTTP when its own loop cannot, and say whether the venue confirms it.

It needs no engine and no session. Positions are left alone: closing them is an operator's decision (`hlmm flatten`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from hlmm.core.flatten import FlattenConfig, FlattenScope
from hlmm.shell.clock import BlockingClock
from hlmm.shell.flatten import Flattener, FlattenParts, FlattenReport, FlattenTarget
from hlmm.shell.nonces import NonceFloor
from hlmm.types import Coin, Ms

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hlmm.hyperliquid.actions import AnyAction
    from hlmm.shell.venues import Access

DEADLINE_S: Final = 15.0
LIMITS: Final = FlattenConfig(
    slippage_first_bps=1,
    slippage_max_bps=1,
    order_max_usd=100,
    poll_s=0.3,
    request_timeout_s=3.0,
    clean_reads=2,
)
"""Only the last three matter here: nothing is closed."""


class LastResort(msgspec.Struct, frozen=True, kw_only=True):
    """Whose orders must go. `nonce_floor`: first nonce the session has not used; `say` is told every step."""

    access: Access
    coins: tuple[Coin, ...]
    state: Path
    nonce_floor: int
    say: Callable[[str], None]


def cancel_everything(order: LastResort) -> FlattenReport:
    """Cancel by HTTP until the venue shows none of our orders twice, or 15 s passed. Blocking.

    Returns: the report; `verified_flat` speaks of orders only.   Raises: OSError when nonces cannot be stored.
    """
    access = order.access

    def nonces(now: Ms) -> NonceFloor:
        return NonceFloor(order.state, access.venue_name, access.signer.address, Ms(max(now, order.nonce_floor)))

    def step(words: str, action: AnyAction | None) -> None:
        del action
        order.say(f"last resort: {words}")

    with access.venue.sync(LIMITS.request_timeout_s) as rest:
        target = FlattenTarget(account=access.account, network=access.network, signer=access.signer, vault=access.vault)
        parts = FlattenParts(
            target=target,
            scope=FlattenScope("orders", order.coins),
            config=LIMITS,
            post=rest.post,
            clock=BlockingClock(access.clock),
            nonces=nonces,
            step=step,
        )
        return Flattener(parts).run(DEADLINE_S)
