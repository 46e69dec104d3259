"""What ships: every preset is valid, in every combination that a user may type, and explains its values."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from hlmm.config import RunConfig, load
from hlmm.config.catalog import GROUPS, Catalog, packaged_conf
from hlmm.config.check import PLACEHOLDERS, check, check_all
from hlmm.config.schema import bounds, leaves

CATALOG = Catalog(None)
PAIRED = [(a, b) for a, b in itertools.combinations(GROUPS, 2)]
PRESETS = sorted(packaged_conf().rglob("*.yaml"))
VALUE_LINE = re.compile(r"^\s*[a-z_]+: +\S")
SIMULATED_ONLY = ("new-account", "rough-venue", "slow-venue")
"""Experiments that set keys of the simulated exchange, which a live env does not have."""
SELF_EXPLAINED = ("coin", "kind", "network", "rest_url", "ws_url", "provider")


def typed(group: str, option: str) -> tuple[str, ...]:
    """The override of a preset, with what only an operator knows."""
    live = group == "env" and option in {"prod", "testnet"}
    return (f"{group}={option}", *(PLACEHOLDERS if live else ()))


def test_every_preset_is_valid() -> None:
    """validate-config --all finds nothing to complain about."""
    checks = check_all((), None)
    assert [one.name for one in checks if not one.valid] == []
    assert len(checks) == 1 + sum(len(CATALOG.options(group)) for group in GROUPS)


@pytest.mark.parametrize(("first", "second"), PAIRED, ids=["-".join(pair) for pair in PAIRED])
def test_every_pair_of_presets_composes(first: str, second: str) -> None:
    """Any preset of one group is valid with any preset of another, unless two limits honestly contradict each other."""
    for one, other in itertools.product(CATALOG.options(first), CATALOG.options(second)):
        if {one, other} & set(SIMULATED_ONLY) and {one, other} & {"prod", "testnet"}:
            continue
        verdict = check((*typed(first, one), *typed(second, other)), None)
        contradictions = [problem for problem in verdict.problems if "above limits." not in problem.message]
        assert contradictions == [], f"{first}={one} {second}={other}"


def test_all_assets_together_compose() -> None:
    """Every shipped asset in one engine is valid."""
    assets = CATALOG.options("asset")
    assert list(load([f"asset=[{','.join(assets)}]"]).run.assets) == list(assets)


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_value_says_its_unit_and_reason(path: Path) -> None:
    """Each preset opens with what it is for, and each value carries a comment."""
    lines = path.read_text().splitlines()
    assert any(re.match(r"#\s[A-Z]", line) for line in lines[:2]), "no opening comment"
    bare = [
        line
        for line in lines
        if VALUE_LINE.match(line) and "#" not in line and line.split(":")[0].strip() not in SELF_EXPLAINED
    ]
    assert bare == []


def test_every_number_has_both_bounds() -> None:
    """No number of any part is unbounded, so every error can say the allowed range."""
    numbers = [node for node in leaves(RunConfig) if node.field is not None and node.field.annotation in {int, float}]
    assert len(numbers) > 50
    assert [".".join(node.path) for node in numbers if node.field is None or None in bounds(node.field)] == []


def test_every_key_is_known_to_the_presets_or_has_a_default() -> None:
    """Each key of the models appears in the effective configuration of some env, and no other key does."""
    known = {".".join(node.path) for node in leaves(RunConfig)}
    seen: set[str] = set()
    for env in CATALOG.options("env"):
        more = ("env.sim.market.kind=tape", "env.sim.market.paths=[a]") if env == "sim" else ()
        guess = ("env.feed.orders.queue={kind: probability, power: 3.0}",) if env == "paper" else ()
        fees = ("env.sim.fees.kind=custom", "env.sim.fees.maker_bps=0", "env.sim.fees.taker_bps=0")
        staked = ("env.sim.fees.kind=schedule", "env.sim.fees.staked_hype=0")
        simulated = (fees, staked) if env in {"sim", "paper"} else ()
        for extra in ((), more, guess, *simulated):
            values = load((*typed("env", env), *extra)).values()
            seen |= {re.sub(r"^assets\.[^.]+", "assets.*", path) for path, _, _ in values}
    assert seen <= known
    assert known - seen - {key for key in known if key.startswith("env.sim.market.")} == set()
