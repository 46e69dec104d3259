"""Where each value came from: the line that says so really says so."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from hlmm.config import load
from hlmm.config.errors import Origin

TYPED = ("asset=[BTC,ETH,XYZ100]", "experiment=new-account", "risk.loss_max_usd=77", "assets.ETH.spread.level_usd=99")


def said(origin: Origin) -> object:
    """The value on an origin's line."""
    assert origin.file is not None
    assert origin.line is not None
    line = Path(origin.file).read_text().splitlines()[origin.line - 1].partition("#")[0]
    key, _, value = line.strip().partition(":")
    assert key == origin.key.rpartition(".")[2]
    return yaml.safe_load(value)


@pytest.mark.parametrize("typed", [(), TYPED, ("env=paper", "asset=HYPE", "stochastic=slow", "risk=tight")])
def test_each_value_stands_on_the_line_that_its_origin_names(typed: tuple[str, ...]) -> None:
    """A value set by a file stands on the line that is named; the rest are overrides or models' defaults."""
    checked = 0
    for path, value, origin in load(typed).values():
        if origin is None or origin.file is None:
            assert origin is None or origin.override in typed
            continue
        if not isinstance(value, list):
            assert said(origin) == value, path
            checked += 1
    assert checked > 60


def test_the_winner_is_named() -> None:
    """Of several layers that set a key, the origin is the one whose value holds."""
    loaded = load(TYPED)
    names = {
        "risk.loss_max_usd": "override risk.loss_max_usd=77",
        "assets.ETH.spread.level_usd": "override assets.ETH.spread.level_usd=99",
        "assets.BTC.spread.level_usd": "conf/risk/tight.yaml",
        "assets.BTC.spread.level_count": "conf/spread_profile/conservative.yaml",
        "assets.XYZ100.limits.spread_max_bps": "conf/asset/XYZ100.yaml",
        "env.sim.fees.name": "conf/experiment/new-account.yaml",
        "env.sim.seed": "conf/env/sim.yaml",
    }
    for path, name in names.items():
        origin = loaded.provenance(path)
        assert origin is not None, path
        assert name in str(origin), path


def test_a_default_of_a_model_has_no_origin() -> None:
    """A value that nothing set says so."""
    assert load([]).provenance("env.sim.cadence.book_ms") is None
