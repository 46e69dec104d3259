"""The effective configuration says everything: read back, it is the same configuration with the same hash."""

from __future__ import annotations

import hashlib
import json
from functools import reduce
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hlmm.config import ConfigError, RunConfig, config_hash, effective_yaml, load, read_effective
from hlmm.config.schema import Node, bounds, leaves

BASE = load(["asset=[BTC,ETH]"]).run
NUMBERS = [
    node
    for node in leaves(RunConfig)
    if node.field is not None
    and node.field.annotation in {int, float}
    and node.path[0] in {"risk", "budget", "timing", "run"}
]


def nested(tree: dict[str, object], path: tuple[str, ...], value: object) -> dict[str, object]:
    """The tree with one value replaced."""
    below = tree[path[0]]
    if len(path) == 1:
        return {**tree, path[0]: value}
    assert isinstance(below, dict)
    return {**tree, path[0]: nested(below, path[1:], value)}


@st.composite
def changed_leaf(draw: st.DrawFn) -> tuple[Node, int | float]:
    """A number of the configuration and an allowed value for it."""
    node = draw(st.sampled_from(NUMBERS))
    assert node.field is not None
    low, high = bounds(node.field)
    assert low is not None
    assert high is not None
    if node.field.annotation is int:
        return node, draw(st.integers(int(low), int(high)))
    return node, draw(st.floats(low, high, allow_nan=False))


@given(changed_leaf())
def test_any_allowed_value_survives_the_round_trip(change: tuple[Node, int | float]) -> None:
    """Writing and reading the effective configuration gives back the same model and the same hash."""
    node, value = change
    tree = BASE.model_dump(mode="json")
    tree[node.path[0]] = nested(tree[node.path[0]], node.path[1:], value)
    run = RunConfig.model_validate_json(json.dumps(tree))
    again = RunConfig.model_validate_json(run.model_dump_json())
    assert again == run
    assert config_hash(again) == config_hash(run)
    assert again.model_dump(mode="json") == tree


@settings(max_examples=30)
@given(changed_leaf())
def test_an_override_sets_exactly_its_value(change: tuple[Node, int | float]) -> None:
    """What is typed is what runs, to the last bit; a contradiction with another key is the only other answer."""
    node, value = change
    key = ".".join(node.path)
    try:
        run = load([f"{key}={value!r}", "asset=[BTC,ETH]"]).run
    except ConfigError as error:
        assert all("above" in problem.message for problem in error.problems)  # noqa: PT017 - either outcome is right
    else:
        assert reduce(getattr, node.path, run) == value


@pytest.mark.parametrize("typed", [[], ["asset=[BTC,ETH,XYZ100]"], ["env=paper"], ["tape=a.gz"], ["risk=tight"]])
def test_the_stored_text_is_the_configuration(typed: list[str], tmp_path: Path) -> None:
    """A stored effective configuration reads back equal, and its SHA-256 is the configuration's hash."""
    loaded = load(typed)
    path = tmp_path / "config.yaml"
    path.write_text(loaded.yaml)
    assert read_effective(path) == loaded.run
    assert hashlib.sha256(path.read_bytes()).hexdigest() == loaded.hash
    assert effective_yaml(read_effective(path)) == loaded.yaml


@pytest.mark.parametrize("text", ["", "assets: {}\n", "[", "assets: {BTC: 5}\n"])
def test_a_foreign_text_is_refused(text: str, tmp_path: Path) -> None:
    """A file that is not an effective configuration is a config error that names it."""
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=str(path)):
        read_effective(path)
