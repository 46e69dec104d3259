"""Every key of the configuration changes something that can be seen from outside; a key without effect cannot land."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from functools import cache
from typing import Final

import pytest
from pydantic import BaseModel, ValidationError

from hlmm.config.run_config import RunConfig
from hlmm.sim.presets import PRESETS, TraderConfig
from tests.support import probes_venue
from tests.support.keys import changed, leaves, with_all
from tests.support.probes import ENGINE, Probe, Scenario
from tests.support.ventures import traders

PAPER: Final = "env[paper]."
"""Has tests of its own: `test_paper_keys`."""
EVERY: Final = {path: values for path, values in leaves(RunConfig).items() if not path.startswith(PAPER)}
FREE: Final = tuple(path for path, values in EVERY.items() if len(values) != 1)
"""Keys that leave a choice."""
PINNED: Final = tuple(path for path, values in EVERY.items() if len(values) == 1)
HALVED: Final = 0.5


@pytest.fixture(scope="module")
def probes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Probe]:
    """Every probe by its key."""
    simulator = probes_venue.simulator(tmp_path_factory.mktemp("tapes"))
    return {**ENGINE, **probes_venue.shell(), **simulator, **probes_venue.doors()}


@cache
def played(scenario: Scenario, run_json: str) -> object:
    """The outcome of a scenario; equal configurations are played once."""
    return scenario(RunConfig.model_validate_json(run_json))


@cache
def minute(config: TraderConfig) -> object:
    """`traders`, each configuration once."""
    return traders(config)


def test_each_key_has_one_probe(probes: Mapping[str, Probe]) -> None:
    """Every key that leaves a choice has a probe, and no probe is of a key that is gone."""
    assert sorted(FREE) == sorted(probes)


@pytest.mark.parametrize("path", FREE)
def test_the_key_changes_the_outcome(path: str, probes: Mapping[str, Probe]) -> None:
    """Two runs that differ in this key alone differ in what reaches the venue, the disk or the operator."""
    probe = probes[path]
    run = with_all(probes_venue.base(path), probe.given)
    other = changed(run, path, probe.value)
    assert other != run, "the probe's value is the one it starts from"
    assert played(probe.scenario, run.model_dump_json()) != played(probe.scenario, other.model_dump_json())


def test_scenarios_repeat_themselves(probes: Mapping[str, Probe]) -> None:
    """A scenario played twice with one configuration has one outcome, so a difference is the key's doing."""
    first = {probe.scenario: path for path, probe in reversed(list(probes.items()))}
    for scenario, path in first.items():
        run = with_all(probes_venue.base(path), probes[path].given)
        assert scenario(run) == played(scenario, run.model_dump_json()), scenario


@pytest.mark.parametrize("path", PINNED)
def test_a_key_without_a_choice_pins(path: str) -> None:
    """A key with one legal value refuses every other, so that a file for another venue is not taken by mistake."""
    run = probes_venue.base(path)
    (only,) = EVERY[path]
    assert changed(run, path, only) == run
    with pytest.raises(ValidationError):
        changed(run, path, "another")


@pytest.mark.parametrize("name", TraderConfig.model_fields)
def test_each_trader_parameter_changes_the_market(name: str) -> None:
    """Halving any one parameter of the synthetic traders changes their trades or their touch."""
    preset = PRESETS["BTC"]
    value = getattr(preset, name)
    assert minute(changed(preset, name, type(value)(value * HALVED))) != minute(preset)


def test_a_market_repeats_itself() -> None:
    """The same traders trade the same from the same seed, so a difference is the parameter's doing."""
    assert traders(PRESETS["BTC"]) == minute(PRESETS["BTC"])


def test_the_walk_finds_every_key() -> None:
    """The walk sees nested models, dicts of models, tagged unions and their choices."""

    class Leaf(BaseModel):
        kind: typing.Literal["leaf"]
        size: int

    class Branch(BaseModel):
        kind: typing.Literal["branch"]

    class Tree(BaseModel):
        named: dict[str, Leaf]
        top: Leaf | Branch
        maybe: Leaf | None
        age: float | None
        word: typing.Literal["a", "b"]

    assert leaves(Tree) == {
        "named.*.size": (), "top.kind": (), "top[leaf].size": (), "maybe.size": (), "age": (), "word": ("a", "b"),
    }  # fmt: skip
