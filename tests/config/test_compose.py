"""How presets and overrides combine: the spellings, the reach of profiles, and the one rule of precedence."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from hlmm.config import ConfigError, config_hash, load, to_engine_config
from hlmm.config.run_config import RunConfig
from hlmm.shell.env import ProdEnv, SimEnv
from hlmm.sim.config import CustomTier, TapeMarketConfig

ADDRESSES = (
    "env.account_address=0x1111111111111111111111111111111111111111",
    "env.agent_address=0x2222222222222222222222222222222222222222",
    "env.secrets.file=secrets/prod.enc.yaml",
)


def run_of(*typed: str, config_dir: Path | None = None) -> RunConfig:
    """The configuration that a command line means."""
    return load(typed, config_dir).run


def sim_of(run: RunConfig) -> SimEnv:
    """Its env, which must be the simulator."""
    assert isinstance(run.env, SimEnv)
    return run.env


@pytest.mark.parametrize("typed", ["asset=BTC", "+asset=BTC", "++asset=BTC", "asset=[BTC]", "+asset=[BTC]"])
def test_every_spelling_of_one_asset_means_the_same(typed: str) -> None:
    """A plus sign, two, or brackets around one name change nothing; neither does leaving the asset out."""
    assert load([typed]).hash == load([]).hash


def test_a_list_quotes_several_assets_in_one_engine() -> None:
    """+asset=[ETH,BTC] gives one engine with both coins, in the order of their names."""
    engine = to_engine_config(run_of("+asset=[ETH,BTC]"))
    assert [coin.coin for coin in engine.coins] == ["BTC", "ETH"]
    assert load(["+asset=[ETH,BTC]"]).hash == load(["+asset=[BTC,ETH]"]).hash


@pytest.mark.parametrize("env", ["env=prod", "+env=prod", "env.kind=prod"])
def test_every_spelling_of_env_means_the_same(env: str) -> None:
    """env=prod, +env=prod and env.kind=prod select the same preset."""
    run = run_of(env, *ADDRESSES)
    assert isinstance(run.env, ProdEnv)
    assert run.env.network == "mainnet"


def test_a_profile_applies_to_every_asset() -> None:
    """spread_profile=aggressive reaches each asset, also one whose own preset names another profile."""
    run = run_of("asset=[BTC,ETH,XYZ100]", "spread_profile=aggressive")
    spreads = [asset.spread for asset in run.assets.values()]
    assert spreads[0] == spreads[1] == spreads[2]
    assert spreads[0].level_usd == 1000.0


def test_an_asset_may_name_its_own_profile() -> None:
    """Without a named profile XYZ100 is quoted as hip3 and BTC beside it as default."""
    run = run_of("asset=[BTC,XYZ100]")
    assert run.assets["XYZ100"].spread == run_of("asset=BTC", "spread_profile=hip3").assets["BTC"].spread
    assert run.assets["BTC"].spread == run_of().assets["BTC"].spread


def test_a_profile_named_default_is_named_too() -> None:
    """spread_profile=default on the command line replaces an asset's own choice."""
    run = run_of("asset=[BTC,XYZ100]", "spread_profile=default")
    assert run.assets["XYZ100"].spread == run.assets["BTC"].spread


def test_one_asset_may_be_given_a_profile() -> None:
    """assets.ETH.spread_profile=conservative changes ETH alone; so does assets.ETH.stochastic=fast."""
    run = run_of("asset=[BTC,ETH]", "assets.ETH.spread_profile=conservative", "assets.ETH.stochastic=fast")
    plain = run_of("asset=[BTC,ETH]")
    assert run.assets["BTC"] == plain.assets["BTC"]
    assert run.assets["ETH"].spread.level_count == 4
    assert run.assets["ETH"].stochastic.sigma_fast_halflife_s == 15.0


def test_a_value_reaches_one_asset_or_every_asset() -> None:
    """assets.ETH.… changes ETH alone, spread.… every asset, and where both are typed the one asset wins."""
    run = run_of("asset=[BTC,ETH,XYZ100]", "spread.level_usd=300", "assets.ETH.spread.level_usd=123")
    assert {name: asset.spread.level_usd for name, asset in run.assets.items()} == {
        "BTC": 300,
        "ETH": 123,
        "XYZ100": 300,
    }


def test_an_experiment_overlays_everything_and_yields_to_overrides() -> None:
    """experiment=new-account chooses presets and fees; what is typed beside it still wins."""
    run = run_of("experiment=new-account", "env.sim.prior_requests=5")
    sim = sim_of(run).sim
    assert (sim.fees.kind, sim.prior_requests, sim.prior_volume_usd) == ("named", 5, 0)
    assert run.risk.loss_max_usd == 100.0
    assert list(run_of("experiment=three-majors").assets) == ["BTC", "ETH", "SOL"]


def test_tape_is_short_for_the_tape_market() -> None:
    """tape=PATH, tape=[PATH,PATH] and the long form mean the same market, whatever characters the path has."""
    awkward = "data/a b=c(1).jsonl.gz"
    market = sim_of(run_of(f"tape={awkward}")).sim.market
    assert isinstance(market, TapeMarketConfig)
    assert market.paths == (awkward,)
    long = ["env.sim.market.paths=[a.gz,b.gz]", "env.sim.market.kind=tape"]
    assert load(["tape=[a.gz,b.gz]"]).hash == load(long).hash


def test_naming_another_member_of_a_union_clears_the_first() -> None:
    """fees.kind=custom needs no removal of the named tier's keys."""
    fees = sim_of(run_of("env.sim.fees.maker_bps=0.5", "env.sim.fees.taker_bps=3", "env.sim.fees.kind=custom")).sim.fees
    assert fees == CustomTier(maker_bps=0.5, taker_bps=3.0)


def test_a_running_simulator_is_named_by_url() -> None:
    """env.sim.connect takes the REST URL that `hlmm sim` printed."""
    assert sim_of(run_of("env=sim", "env.sim.connect=http://127.0.0.1:4321")).sim.connect == "http://127.0.0.1:4321"


def test_a_folder_of_ones_own_extends_and_overrides(tmp_path: Path) -> None:
    """--config-dir adds assets, replaces packaged presets of the same name, and its local layer comes last."""
    for name, text in {
        "asset/FOO.yaml": "# @package assets.FOO\ncoin: FOO\nleverage: 3\nmargin_mode: cross\n"
        "market: {sigma_bps_sqrt_s: 1.0, arrival_rate_per_s: 0.1, kappa_per_bps: 1.0, markout_bps: 0.0}\n",
        "impulse/mine.yaml": "# @package _global_\ndefaults:\n  - default\n  - _self_\nbudget: {batch_max: 7}\n",
        "local/default.yaml": "# @package _global_\nrun: {dir: elsewhere}\n"
        "risk:\n  loss_max_usd: ${risk.portfolio_max_usd}\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    run = run_of("asset=[BTC,FOO]", "impulse=mine", config_dir=tmp_path)
    assert run.assets["FOO"].leverage == 3
    assert run.assets["FOO"].spread == run.assets["BTC"].spread
    assert run.budget.batch_max == 7
    assert run.run.dir == "elsewhere"
    assert run.risk.loss_max_usd == run.risk.portfolio_max_usd


def test_the_packaged_presets_work_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder changes neither the composition nor its hash."""
    here = load([]).hash
    monkeypatch.chdir(tmp_path)
    assert load([]).hash == here


def test_the_environment_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No value is read from the environment, not even one that looks like an override."""
    here = load([]).hash
    monkeypatch.setenv("HLMM_RISK_LOSS_MAX_USD", "1")
    assert load([]).hash == here
    with pytest.raises(ConfigError):
        load(["run.dir=${oc.env:HLMM_RISK_LOSS_MAX_USD}"])


def test_a_change_of_one_value_changes_the_hash() -> None:
    """The hash tells configurations apart."""
    assert config_hash(run_of("risk.loss_max_usd=999")) != config_hash(run_of())


def test_composition_is_quick() -> None:
    """Composing and validating three assets takes less than half a second once the modules are loaded."""
    load([])
    took = []
    for _ in range(3):
        start = time.perf_counter()
        load(["asset=[BTC,ETH,XYZ100]", "spread_profile=aggressive"])
        took.append(time.perf_counter() - start)
    assert min(took) < 0.5
