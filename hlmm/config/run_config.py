"""The whole configuration of a run: the sum of the parts' own models, nothing of its own."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from hlmm.core.flatten import FlattenConfig
from hlmm.core.settings import BudgetConfig, CoinConfig, EngineConfig, RiskConfig, TimingConfig
from hlmm.shell.env import Env
from hlmm.shell.settings import RunConfig as ShellConfig

ASSETS_MAX: Final = 100

AssetName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,24}$")]


class RunConfig(BaseModel):
    """What every verb runs on: frozen, closed, and free of secrets."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    assets: dict[AssetName, CoinConfig] = Field(
        min_length=1, max_length=ASSETS_MAX, description="what to quote, by preset name; one engine for all"
    )
    risk: RiskConfig = Field(description="limits of the whole account")
    budget: BudgetConfig = Field(description="the account's requests")
    timing: TimingConfig = Field(description="the engine's deadlines")
    env: Env = Field(description="the venue")
    flatten: FlattenConfig = Field(description="how `hlmm flatten` goes to zero")
    run: ShellConfig = Field(description="how the shell drives the engine")


def to_engine_config(run: RunConfig) -> EngineConfig:
    """The engine's part of a run, coins in the order of their names, so that equal hashes mean equal engines.

    Args: run, validated.   Returns: the engine's own model.   Raises: nothing.
    """
    coins = tuple(asset for _, asset in sorted(run.assets.items()))
    return EngineConfig(coins=coins, risk=run.risk, budget=run.budget, timing=run.timing)


def json_schema() -> dict[str, object]:
    """The JSON Schema of an effective configuration, for editors. Returns: draft 2020-12."""
    return RunConfig.model_json_schema()
