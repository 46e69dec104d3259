"""What surrounds a flatten: halt latch, running engine told to stop, nonce floor, evidence on disk.

None of these may keep orders from being cancelled: what cannot be written is said and passed over.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from hlmm.core.flatten import FlattenConfig, FlattenScope
from hlmm.hyperliquid.actions import AnyAction
from hlmm.shell import control
from hlmm.shell.clock import BlockingClock
from hlmm.shell.flatten import (
    Flattener,
    FlattenParts,
    FlattenRemaining,
    FlattenReport,
    FlattenTarget,
    dry_run,
    remaining,
)
from hlmm.shell.flatten_read import FlattenReader
from hlmm.shell.latch import HaltLatch
from hlmm.shell.lock import AccountLock, LockHeldError
from hlmm.shell.nonces import NonceFloor
from hlmm.shell.statedir import PRIVATE_MODE
from hlmm.shell.venues import Access
from hlmm.types import NS_PER_MS, Ms

HALT_REASON: Final = "flatten"
PRIVATE_FILE: Final = 0o600


class Emergency(msgspec.Struct, frozen=True, kw_only=True):
    """One flatten as ordered. `say` shows a line to the operator at once."""

    access: Access
    scope: FlattenScope
    config: FlattenConfig
    state: Path
    say: Callable[[str], None]


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What a flatten would send first; nothing was sent and nothing latched."""

    dry_run: bool
    verified_flat: bool
    cancelled: int
    closed: dict[str, str]
    remaining: FlattenRemaining
    elapsed_s: float
    actions: tuple[AnyAction, ...]


class LatchChange(msgspec.Struct, frozen=True, kw_only=True):
    """What `halt` or `resume` did. `reason`: what the account is, or was, halted for; "" when it was not."""

    halted: bool
    reason: str
    engines_told: tuple[str, ...]


class Evidence:
    """One JSON line per step, on disk before the step is taken."""

    def __init__(self, path: Path, say: Callable[[str], None], now_ms: Callable[[], Ms]) -> None:
        """Args: path, made with its folder; say, for the operator; now_ms, wall clock."""
        self.path = path
        self._say = say
        self._now_ms = now_ms

    def step(self, words: str, action: AnyAction | None) -> None:
        """Say it and write it. Raises: nothing."""
        self._say(words)
        self.write({"ts_ms": self._now_ms(), "step": words, "action": action})

    def write(self, entry: dict[str, object]) -> None:
        """Append one line, durably. Raises: nothing; a full disk is said, not obeyed."""
        try:
            self.path.parent.mkdir(mode=PRIVATE_MODE, parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, PRIVATE_FILE)
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(entry) + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as problem:
            self._say(f"evidence not written: {problem}")


class _Floor:
    """The signer's nonce floor; a disk that cannot be written does not stop a flatten."""

    def __init__(self, order: Emergency, now: Ms) -> None:
        self._floor = NonceFloor(order.state, order.access.venue_name, order.access.signer.address, now)
        self._say = order.say
        self.start = self._floor.start

    def used(self, nonce: int) -> None:
        try:
            self._floor.used(nonce)
        except OSError as problem:
            self._say(f"nonce floor not written: {problem}")


def flatten(order: Emergency, deadline_s: float) -> FlattenReport:
    """Latch the halt, stop the engine of the account, cancel, close, and read the venue until it confirms zero.

    Args: deadline_s, real seconds.   Returns: the report.   Raises: nothing but bugs.
    """
    access, clock = order.access, BlockingClock(order.access.clock)
    latch = HaltLatch(order.state, access.venue_name, access.account)
    name = f"{access.venue_name}-{access.account}-{_wall_ms()}.jsonl"
    evidence = Evidence(order.state / "flatten" / name, order.say, clock.now_ms)
    try:
        latch.set(HALT_REASON, _wall_ms())
        evidence.step(f"halt latched: {latch.path}", None)
    except OSError as problem:
        evidence.step(f"halt NOT latched ({problem}): make sure that no engine is started on this account", None)
    with contextlib.ExitStack() as stack:
        _keep_engines_away(order, evidence, stack)
        rest = stack.enter_context(access.venue.sync(order.config.request_timeout_s))
        parts = FlattenParts(
            target=FlattenTarget(
                account=access.account, network=access.network, signer=access.signer, vault=access.vault
            ),
            scope=order.scope,
            config=order.config,
            post=rest.post,
            clock=clock,
            nonces=lambda now: _Floor(order, now),
            step=evidence.step,
        )
        report = Flattener(parts).run(deadline_s)
    evidence.write({"ts_ms": clock.now_ms(), "report": report})
    order.say(f"evidence: {evidence.path}")
    return report


def preview(order: Emergency) -> Preview:
    """What `flatten` would send first. Sends nothing, latches nothing. Raises: nothing but bugs."""
    started_s = time.monotonic()
    access = order.access
    with access.venue.sync(order.config.request_timeout_s) as rest:
        reading, actions = dry_run(FlattenReader(rest.post, access.account, order.scope), order.config)
    return Preview(
        dry_run=True,
        verified_flat=reading.is_clean,
        cancelled=0,
        closed={},
        remaining=remaining(reading),
        elapsed_s=round(time.monotonic() - started_s, 3),
        actions=tuple(actions),
    )


def halt(state: Path, access: Access, reason: str) -> LatchChange:
    """Latch the halt and tell the engine of the account to stop. Raises: OSError when it cannot be made durable."""
    latch = HaltLatch(state, access.venue_name, access.account)
    latch.set(reason, _wall_ms())
    return LatchChange(halted=True, reason=latch.latched() or reason, engines_told=_tell_engine(state, access))


def resume(state: Path, access: Access, reason: str) -> LatchChange:
    """Clear the latch. Returns: what it was set for, "" when it was clear. Raises: OSError."""
    latch = HaltLatch(state, access.venue_name, access.account)
    was = latch.latched()
    if was is not None:
        latch.clear(reason, _wall_ms())
    return LatchChange(halted=False, reason=was or "", engines_told=())


def _tell_engine(state: Path, access: Access) -> tuple[str, ...]:
    """Ask the engine that holds the account's lock to stop. Returns: run ids that answered."""
    try:
        AccountLock(state, access.venue_name, access.account).release()
    except LockHeldError as held:
        mine = (record for record in control.engines(state) if record.pid == held.pid)
        return tuple(record.run_id for record in mine if control.ask(record, "stop") is not None)
    return ()


def _wall_ms() -> Ms:
    return Ms(time.time_ns() // NS_PER_MS)


def _keep_engines_away(order: Emergency, evidence: Evidence, stack: contextlib.ExitStack) -> None:
    """Hold the account's lock while the stack is open, or tell the engine that holds it to stop; go on either way."""
    access = order.access
    try:
        stack.enter_context(AccountLock(order.state, access.venue_name, access.account))
    except LockHeldError as held:
        told = ", ".join(_tell_engine(order.state, access)) or "it does not answer"
        evidence.step(f"the engine of the account (pid {held.pid}) is told to stop: {told}", None)
    except OSError as problem:
        evidence.step(f"account not locked: {problem}", None)
