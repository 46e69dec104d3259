"""Every fault of a venue or a network, on a whole engine in virtual time: it stays safe, and it comes back."""

from __future__ import annotations

from random import Random

import msgspec
import pytest
from pydantic import ValidationError

from hlmm.sim.faults import KINDS, Fault, FaultKind
from tests.support.rough import LIMIT_SLACK, Rough, settings

pytestmark = pytest.mark.orchestrator

AT_MS, FOR_MS = 6_000, 12_000
HEALED_S = (AT_MS + FOR_MS) / 1_000


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A plan and what is expected. `back_s`: quotes return so long after it, None never; `pulls`: none rest in it."""

    faults: tuple[dict[str, object], ...]
    back_s: float | None = 20.0
    pulls: bool = False
    halts: str = ""
    alarm: str = ""


def lasting(kind: str, **more: object) -> tuple[dict[str, object], ...]:
    return ({"kind": kind, "at_ms": AT_MS, "for_ms": FOR_MS, **more},)


def instant(kind: str, **more: object) -> tuple[dict[str, object], ...]:
    return ({"kind": kind, "at_ms": AT_MS, "every_ms": 4_000, **more},)


FILLS = (
    {"kind": "price_spike", "at_ms": AT_MS + 500, "every_ms": 4_000, "percent": 0.02},
    {"kind": "price_spike", "at_ms": AT_MS + 2_500, "every_ms": 4_000, "percent": -0.02},
)
"""Small sweeps that fill what we quote."""

CASES = {
    "F1 clean close": Case(faults=instant("close")),
    "F2 close mid-snapshot": Case(faults=(*instant("close"), *lasting("close_opening"))),
    "F3 half-open": Case(faults=lasting("silence"), pulls=True),
    "F4 no handshake": Case(
        faults=({"kind": "close", "at_ms": AT_MS}, *lasting("no_handshake")), pulls=True, back_s=30
    ),
    "F5 duplicated market": Case(faults=lasting("duplicate")),
    "F6 reordered": Case(faults=lasting("reorder")),
    "F7 gaps": Case(faults=lasting("drop", probability=0.3)),
    "F8 late market": Case(faults=(*lasting("delay", about="bbo"), *lasting("delay", about="l2Book"))),
    "F10 duplicated fills": Case(faults=(*lasting("duplicate", about="userFills"), *FILLS)),
    "F11 fills before acks": Case(faults=(*lasting("delay", about="post", delay_ms=1_500), *FILLS)),
    "F11 acks before fills": Case(
        faults=(*lasting("delay", about="userFills"), *lasting("delay", about="orderUpdates"), *FILLS)
    ),
    "F12 manual trade": Case(faults=instant("manual_trade"), alarm="foreign_fill"),
    "F13 lost fills": Case(faults=(*lasting("drop", about="userFills"), *FILLS), back_s=40),
    "F14 answer lost": Case(faults=(*lasting("lose_answer"), *FILLS)),
    "F15 request lost": Case(faults=lasting("lose_request"), back_s=40),
    "F16 5xx, applied": Case(faults=lasting("error_after")),
    "F16 5xx, not applied": Case(faults=lasting("error_before"), back_s=40),
    "F17 429": Case(faults=lasting("error_before", status=429), back_s=40),
    "F18 halted": Case(faults=lasting("refuse"), back_s=40),
    "F18 rate limit": Case(faults=lasting("refuse", text="Too many cumulative requests sent (1 > 0)"), back_s=40),
    "F18 unknown text": Case(faults=lasting("refuse", text="The moon is full."), back_s=40),
    "F19 partly accepted": Case(faults=lasting("reject", probability=0.5) + FILLS, back_s=40),
    "F20 page": Case(faults=lasting("html")),
    "F20 cut answer": Case(faults=lasting("cut_answer")),
    "F20 cut frames": Case(faults=lasting("truncate", probability=0.5)),
    "F21 nonce": Case(faults=lasting("refuse", text="Invalid nonce: nonce too low"), back_s=40),
    "F21 duplicate nonce": Case(faults=lasting("refuse", text="Invalid nonce: duplicate nonce 1"), back_s=40),
    "F22 clock back": Case(faults=lasting("clock_step", step_ms=-3_600_000)),
    "F22 clock forth": Case(faults=lasting("clock_step", step_ms=86_400_000)),
    "F24 margin": Case(faults=lasting("reject"), back_s=40),
    "F24 tick": Case(faults=lasting("reject", text="Price must be divisible by tick size."), back_s=40),
    "F24 min notional": Case(faults=lasting("reject", text="Order must have minimum value of $10."), back_s=40),
    "F24 post-only": Case(
        faults=lasting("reject", text="Post only order would have immediately matched, bbo was 1@2."), back_s=40
    ),
    "F24 order cap": Case(faults=lasting("reject", text="Too many open orders"), back_s=40),
    "F25 delisting": Case(faults=lasting("delisting"), back_s=40),
    "F26 post-only mode": Case(faults=lasting("post_only")),
    "F27 no market data": Case(
        faults=(*lasting("drop", about="bbo"), *lasting("drop", about="l2Book"), *lasting("drop", about="trades")),
        pulls=True,
    ),
    "F27 frozen": Case(faults=lasting("frozen_book")),
    "F28 crossed": Case(faults=lasting("crossed_book"), pulls=True),
    "F28 empty": Case(faults=lasting("empty_book"), pulls=True),
    "F28 one-sided": Case(faults=lasting("one_sided_book"), pulls=True),
    "F29 spike": Case(faults=instant("price_spike", percent=30.0)),
    "F29 crash": Case(faults=instant("price_spike", percent=-30.0)),
    "F29 mark": Case(faults=lasting("mark_divergence"), pulls=True),
    "F29 oracle": Case(faults=lasting("oracle_divergence"), pulls=True),
    **{f"F30 {text}": Case(faults=lasting("bad_number", text=text)) for text in ("NaN", "-1", "1e308", "", "9" * 150)},
    "F30 statuses": Case(faults=lasting("unknown_status"), back_s=60),
    "F30 fields": Case(faults=lasting("unknown_field")),
    "F30 messages": Case(faults=instant("unknown_message")),
    "F32 deposit": Case(faults=instant("transfer", usd=5_000.0)),
    "F32 loss": Case(faults=instant("transfer", usd=-5_000.0), back_s=None, halts="drawdown"),
    "F33 agent pruned": Case(faults=lasting("agent_pruned"), back_s=40),
    "F48 socket deaf": Case(faults=lasting("drop"), pulls=True),
    "F48 all down": Case(faults=(*lasting("silence"), *lasting("lose_request", about=""))),
}


def play(case: Case) -> Rough:
    faults = [Fault.model_validate(fault) for fault in case.faults]
    rough = Rough(faults)
    rough.until(AT_MS / 1_000 - 0.5)
    assert rough.is_well, "it did not quote before the fault"
    return rough


@pytest.mark.parametrize("name", CASES)
def test_it_stays_safe_and_comes_back(name: str) -> None:
    """Under any fault: limits hold, no cloid repeats, quotes return, the stop leaves nothing, positions agree."""
    case = CASES[name]
    rough = play(case)
    rough.until(HEALED_S)
    assert all(line.hits for line in rough.gateway.lines() if KINDS[line.fault.kind].takes), "a fault touched nothing"
    if case.pulls:
        assert rough.resting == 0
    rough.gateway.remove()
    back = rough.quotes_within(case.back_s or 10.0)
    assert (back is None) == (case.back_s is None), rough.engine.view()
    assert case.halts in rough.engine.halt_reason
    assert bool(rough.engine.halt_reason) == bool(case.halts), rough.engine.halt_reason
    result = rough.finish()
    assert result.stopped
    assert rough.resting == 0
    assert rough.agrees
    assert len(rough.watch.placed) == len(dict.fromkeys(rough.watch.placed))
    assert rough.most_usd <= settings().assets["BTC"].limits.max_position_usd * LIMIT_SLACK
    assert case.alarm in {"", *rough.watch.alarms}


REOPENED = (*instant("close"), {"kind": "price_spike", "at_ms": 5_000, "every_ms": 3_000, "percent": 0.02})
STUCK = ("F15 request lost", "F16 5xx, not applied", "F18 halted", "F20 page", "F33 agent pruned", "F48 all down")


@pytest.mark.parametrize("name", STUCK)
def test_a_stop_under_a_fault_is_never_claimed(name: str) -> None:
    """A stop while the fault lasts either leaves nothing, or is not said to be done; nothing is placed meanwhile."""
    rough = Rough([Fault.model_validate({**fault, "for_ms": None}) for fault in CASES[name].faults])
    rough.until(AT_MS / 1_000 + 2)
    placed = len(rough.watch.placed)
    result = rough.finish()
    assert not result.stopped or (rough.resting == 0 and rough.agrees)
    assert len(rough.watch.placed) == placed


def test_another_grid_halts() -> None:
    """A coin that comes back with other size decimals halts the run: no number held means anything any more."""
    rough = Rough([Fault.model_validate(one) for one in (*lasting("grid_change"), *REOPENED)])
    rough.until(HEALED_S)
    assert "grid_changed" in rough.engine.halt_reason
    assert rough.resting == 0


@pytest.mark.parametrize("kind", ["delisting", "agent_pruned"])
def test_a_reconnect_meanwhile_is_survived(kind: str) -> None:
    """A delisted coin or a pruned agent that a reconnect meets does not halt; when it is back, quotes are."""
    rough = Rough([Fault.model_validate(one) for one in (*lasting(kind), *REOPENED)])
    rough.until(HEALED_S)
    assert rough.resting == 0
    rough.gateway.remove()
    rough.virtual.advance(rough.virtual.now)
    assert rough.quotes_within(60.0) is not None
    assert rough.finish().stopped


def random_plan(seed: int) -> list[Fault]:
    """Up to five faults of any kind but those that must halt."""
    rng = Random(seed)
    plan = []
    for _ in range(rng.randint(1, 5)):
        kind = rng.choice([kind for kind in KINDS if kind not in {"transfer", "grid_change"}])
        chance = rng.choice((0.1, 0.5, 1.0))
        line: dict[str, object] = {"kind": kind, "at_ms": rng.randrange(20_000), "probability": chance}
        if KINDS[kind].lasts:
            line["for_ms"] = rng.randrange(500, 10_000)
        if "percent" in KINDS[kind].takes:
            line["percent"] = rng.uniform(-3.0, 3.0)
        if "about" in KINDS[kind].takes:
            line["about"] = rng.choice(("", "post", "userFills", "orderUpdates", "action", "order", "cancelByCloid"))
        plan.append(Fault.model_validate(line))
    return plan


@pytest.mark.parametrize("seed", range(24))
def test_any_plan_is_survived(seed: int) -> None:
    """Whatever goes wrong together: limits hold, no cloid repeats, quotes return, the stop is clean and true."""
    rough = Rough(random_plan(seed), seed)
    rough.until(30)
    rough.gateway.remove()
    assert rough.quotes_within(90.0) is not None, rough.engine.view()
    assert rough.finish().stopped
    assert rough.resting == 0
    assert rough.agrees
    assert len(rough.watch.placed) == len(dict.fromkeys(rough.watch.placed))
    assert rough.most_usd <= settings().assets["BTC"].limits.max_position_usd * LIMIT_SLACK


def test_a_plan_and_a_seed_are_one_run() -> None:
    """The same plan and seed give the same run, byte for byte; another seed or probability another one."""

    def hashed(probability: float, seed: int) -> str:
        rough = Rough([Fault(kind="drop", probability=probability), Fault(kind="close", at_ms=4_000)], seed)
        rough.until(8)
        return rough.finish().decisions_hash

    first = hashed(0.3, 1)
    assert hashed(0.3, 1) == first
    assert hashed(0.3, 2) != first
    assert hashed(0.2, 1) != first


def test_an_empty_plan_changes_nothing() -> None:
    """A gateway behind an empty plan is the gateway."""

    def hashed(*, wrapped: bool) -> str:
        rough = Rough((), wrapped=wrapped)
        rough.until(10)
        return rough.finish().decisions_hash

    assert hashed(wrapped=True) == hashed(wrapped=False)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_takes_what_it_uses(kind: FaultKind) -> None:
    """Every kind refuses a parameter that it would ignore, and an instant one refuses to last."""
    takes = KINDS[kind].takes
    given: dict[str, object] = {"about": "a", "coin": "BTC", "conn": 1, "status": 500, "usd": 1.0, "text": "a"}
    for name, value in given.items():
        if name in takes:
            assert getattr(Fault.model_validate({"kind": kind, name: value}), name) == value
        else:
            with pytest.raises(ValidationError):
                Fault.model_validate({"kind": kind, name: value})
    if not KINDS[kind].lasts:
        with pytest.raises(ValidationError):
            Fault(kind=kind, for_ms=1)
