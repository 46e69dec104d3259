"""What runs on this machine, as far as it can be proved: live engines through their sockets, else the last run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from hlmm.core.view import DriftView, EngineView, Phase
from hlmm.shell import control, runs
from hlmm.shell.summary import PnlUsd, RunSummary, pnl_usd

if TYPE_CHECKING:
    from pathlib import Path

    from hlmm.shell.control import EngineRecord

STALE_S: Final = 5.0
"""A published state older than this means that the engine's loop hangs."""


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """Requests of the run, and what the account has left."""

    requests: int
    orders_left: int | None
    cancels_left: int | None


class Protections(msgspec.Struct, frozen=True, kw_only=True):
    """What would cancel our orders without an operator. Only what is really armed is true."""

    orderly_stop: bool
    dead_man: bool = False
    watchdog: bool = False


class EngineStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One engine. `state` is the engine's phase, or `unresponsive`, `died`, `ended` when there is no such word.

    `open_orders` and `position` are the engine's own belief while it runs and the venue's word after it ended;
    None when nobody can say.
    """

    run_id: str
    state: str
    pid: int | None
    coins: tuple[str, ...]
    position: dict[str, float] | None
    open_orders: int | None
    budget: Budget | None
    protections: Protections
    ready: bool
    reasons: tuple[str, ...]
    run_dir: str
    mode: str = ""
    account: str = ""
    config_hash: str = ""
    state_age_s: float | None = None
    fills: int | None = None
    volume_usd: float | None = None
    pnl_usd: PnlUsd | None = None
    drift: tuple[DriftView, ...] = ()


def gather(state: Path, runs_root: Path) -> list[EngineStatus]:
    """Every engine that runs or died without an orderly stop, else the last finished run. Raises: nothing."""
    found = [_of_record(record) for record in control.engines(state)]
    if found:
        return found
    finished = runs.all_runs(runs_root)
    return [_of_run(finished[-1])] if finished else []


def _of_record(record: EngineRecord) -> EngineStatus:
    reply = control.ask(record, "status")
    if reply is None:
        return _without_answer(record)
    try:
        view = msgspec.json.decode(reply.state, type=EngineView | None)
    except msgspec.MsgspecError:
        view = None
    if view is None:
        return _bare(record, "starting", ("the engine has not published its state yet",))
    hangs = reply.state_age_s > STALE_S
    reasons = [f"the engine's loop last answered {reply.state_age_s:.0f} s ago"] if hangs else []
    reasons += view.reasons
    reasons += [f"{coin.coin}: {coin.no_quote_reason}" for coin in view.coins if coin.no_quote_reason]
    return EngineStatus(
        run_id=record.run_id,
        state="unresponsive" if hangs else str(view.phase),
        pid=record.pid,
        coins=record.coins,
        position={str(coin.coin): coin.position for coin in view.coins},
        open_orders=view.live_orders,
        budget=Budget(
            requests=view.budget.requests, orders_left=view.budget.orders_left, cancels_left=view.budget.cancels_left
        ),
        protections=Protections(orderly_stop=not hangs),
        ready=view.phase is Phase.TRADING and not reasons,
        reasons=tuple(reasons),
        run_dir=record.run_dir,
        mode=record.mode,
        account=record.account,
        config_hash=record.config_hash,
        state_age_s=reply.state_age_s,
        fills=view.fills,
        volume_usd=view.volume_usd,
        pnl_usd=pnl_usd(view.pnl),
        drift=view.drift,
    )


def _without_answer(record: EngineRecord) -> EngineStatus:
    if control.alive(record):
        return _bare(record, "unresponsive", (f"process {record.pid} exists but its control socket does not answer",))
    why = "the process is gone without an orderly stop: its orders may still rest (`hlmm flatten`, or start again)"
    return _bare(record, "died", (why,))


def _bare(record: EngineRecord, state: str, reasons: tuple[str, ...]) -> EngineStatus:
    return EngineStatus(
        run_id=record.run_id,
        state=state,
        pid=None if state == "died" else record.pid,
        coins=record.coins,
        position=None,
        open_orders=None,
        budget=None,
        protections=Protections(orderly_stop=state == "starting"),
        ready=False,
        reasons=reasons,
        run_dir=record.run_dir,
        mode=record.mode,
        account=record.account,
        config_hash=record.config_hash,
    )


def _of_run(run: runs.RunDir) -> EngineStatus:
    """The last run, from its summary; without one it never ended in order."""
    try:
        summary = msgspec.json.decode(run.summary.read_bytes(), type=RunSummary)
    except (OSError, msgspec.MsgspecError):
        return EngineStatus(
            run_id=run.run_id,
            state="died",
            pid=None,
            coins=(),
            position=None,
            open_orders=None,
            budget=None,
            protections=Protections(orderly_stop=False),
            ready=False,
            reasons=("the last run left no summary: it did not end in order",),
            run_dir=str(run.path),
        )
    return EngineStatus(
        run_id=run.run_id,
        state="ended",
        pid=None,
        coins=tuple(summary.position or ()),
        position=summary.position,
        open_orders=summary.resting_orders_at_exit,
        budget=Budget(requests=summary.requests, orders_left=None, cancels_left=None),
        protections=Protections(orderly_stop=False),
        ready=False,
        reasons=(f"no engine runs; the last one ended: {summary.exit_reason}",),
        run_dir=str(run.path),
        mode=summary.mode,
        config_hash=summary.config_hash,
        fills=summary.fills,
        volume_usd=summary.volume_usd,
        pnl_usd=summary.pnl_usd,
    )
