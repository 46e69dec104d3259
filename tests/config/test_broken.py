"""Broken configurations: each is refused with exit code 3 and names the place, the key and the fix."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from hlmm.cli.app import run
from hlmm.config import ConfigError, load

KEY = "0x" + "ab" * 32
EXPERIMENT = "# @package _global_\n"
BTC = "# @package assets.BTC\ncoin: BTC\nleverage: 10\nmargin_mode: cross\n"
LIVE = (
    "env=prod",
    "env.account_address=0x1111111111111111111111111111111111111111",
    "env.agent_address=0x2222222222222222222222222222222222222222",
    "env.secrets.file=secrets/prod.enc.yaml",
)


class Broken(NamedTuple):
    """One mistake: what is typed, the user's files, and what the first matching error must say."""

    typed: tuple[str, ...]
    key: str
    fix: str
    message: str = ""
    files: tuple[tuple[str, bytes], ...] = ()
    at: tuple[str, int | None] | None = None


def in_file(text: str, line: int, key: str, fix: str, message: str = "") -> Broken:
    """A mistake in an experiment of the user's own."""
    return Broken(
        ("experiment=x",), key, fix, message, (("experiment/x.yaml", text.encode()),), ("experiment/x.yaml", line)
    )


TABLE: dict[str, Broken] = {
    "unknown key": Broken(("risk.loss_max=5",), "risk.loss_max", "did you mean 'loss_max_usd'?", "unknown key"),
    "unknown key, added": Broken(("+risk.los_max_usd=5",), "risk.los_max_usd", "did you mean 'loss_max_usd'?"),
    "unknown key of one asset": Broken(("assets.BTC.spread.levels=5",), "assets.BTC.spread.levels", "level_usd"),
    "unknown key of every asset": Broken(("spread.level_us=5",), "spread.level_us", "did you mean 'level_usd'?"),
    "unknown root key": Broken(("rsik.loss_max_usd=5",), "rsik", "did you mean 'risk'?"),
    "wrong type": Broken(
        ("risk.loss_max_usd=much",), "risk.loss_max_usd", "1 … 100,000,000 (USD)", "'much' is not a number"
    ),
    "unit in the value": Broken(
        ("timing.sync_s=10s",), "timing.sync_s", "write 10: the unit is part of the key's name"
    ),
    "fraction for a count": Broken(("spread.level_count=2.5",), "spread.level_count", "a whole number 1 … 20"),
    "truth for a number": Broken(("spread.level_usd=true",), "spread.level_usd", "a number 10 … 10,000,000 (USD)"),
    "nan": Broken(
        ("spread.level_usd=nan",), "spread.level_usd", "a number 10 … 10,000,000 (USD)", "nan is not a usable"
    ),
    "infinity": Broken(
        ("risk.loss_max_usd=inf",), "risk.loss_max_usd", "a number 1 … 100,000,000", "inf is not a usable"
    ),
    "out of range": Broken(("spread.level_count=99",), "spread.level_count", "nearest allowed value is 20", "1 … 20"),
    "negative": Broken(("risk.loss_max_usd=-1",), "risk.loss_max_usd", "nearest allowed value is 1", "out of range"),
    "wrong word": Broken(("spread.unprofitable=abstein",), "spread.unprofitable", "did you mean 'abstain'?"),
    "list for a scalar": Broken(("risk.rejects_max=[5]",), "risk.rejects_max", "write 5 without brackets"),
    "scalar for a list": Broken(
        ("env.sim.market.kind=tape", "env.sim.market.paths=a.jsonl.gz"), "env.sim.market.paths", "write [a.jsonl.gz]"
    ),
    "value for a node": Broken(("assets.BTC.market=5",), "assets.BTC.market", "write keys"),
    "null": Broken(("risk.loss_max_usd=null",), "risk.loss_max_usd", "a number 1 … 100,000,000 (USD)"),
    "removed key": Broken(("~risk.loss_max_usd",), "risk", "risk.loss_max_usd", "missing"),
    "removed unknown key": Broken(("~risk.loss_max",), "risk.loss_max", "did you mean 'loss_max_usd'?"),
    "unknown asset": Broken(("+asset=DOGE",), "asset", "known: BTC, ETH, HYPE, SOL, XYZ100"),
    "asset in small letters": Broken(("asset=btc",), "asset", "did you mean 'BTC'?"),
    "no asset": Broken(("asset=[]",), "asset", "name one"),
    "asset not selected": Broken(("assets.ETH.spread.level_usd=50",), "assets.ETH.spread.level_usd", "asset=[BTC,ETH]"),
    "unknown profile": Broken(("spread_profile=agressive",), "spread_profile", "did you mean 'aggressive'?"),
    "unknown profile of one asset": Broken(("assets.BTC.spread_profile=tigt",), "spread_profile", "known: aggressive"),
    "unknown group": Broken(("spreadprofile=default",), "spreadprofile", "did you mean 'spread_profile'?"),
    "group as a value": Broken(("risk={loss_max_usd: 5}",), "risk", "name one"),
    "two presets of one": Broken(("env=[sim,paper]",), "env", "keep one: env=sim"),
    "repeated key": Broken(("risk.loss_max_usd=5", "risk.loss_max_usd=6"), "risk.loss_max_usd", "keep one of them"),
    "repeated asset": Broken(("+asset=BTC", "+asset=ETH"), "asset", "write asset=[BTC,ETH]"),
    "asset named twice": Broken(("asset=[BTC,BTC]",), "asset", "name each once"),
    "sweep": Broken(("asset=BTC,ETH",), "asset", "write asset=[BTC,ETH] for a list"),
    "no key": Broken(("BTC",), "", "write +asset=BTC", "not an override"),
    "unreadable override": Broken(("risk.loss_max_usd={5",), "", "quote special characters"),
    "environment in an override": Broken(("run.dir=${oc.env:HOME}",), "run.dir", "refer to another key"),
    "reference to nowhere": Broken(("risk.loss_max_usd=${risk.loss}",), "risk.loss_max_usd", "refer to the full path"),
    "prod without addresses": Broken(
        ("env=prod",), "env.account_address", "40 lower-case hex digits", "must be set", (), ("conf/env/prod.yaml", 9)
    ),
    "prod without secrets": Broken(
        LIVE[:3], "env.secrets.file", "set env.secrets.file=…", "must be set", (), ("conf/env/prod.yaml", 14)
    ),
    "prod with a short address": Broken(
        (LIVE[0], "env.account_address=0x12", *LIVE[2:]), "env.account_address", "text of 0x and 40 lower-case hex"
    ),
    "prod on testnet": Broken(
        (*LIVE, "env.rest_url=https://api.hyperliquid-testnet.xyz"), "env.rest_url", "choose env=testnet or env=prod"
    ),
    "prod unencrypted": Broken((*LIVE, "env.rest_url=http://example.org"), "env.rest_url", "use https://"),
    "agent is the account": Broken(
        (LIVE[0], LIVE[1], "env.agent_address=0x1111111111111111111111111111111111111111", LIVE[3]),
        "env.agent_address",
        "approve an agent",
    ),
    "a private key": Broken((*LIVE, f"env.secrets.entry={KEY}"), "env.secrets.entry", "rotate that key", "private key"),
    "wrong kind of env": Broken(("env.kind=mainnet",), "env", "known: paper, prod, sim, testnet"),
    "wrong kind of market": Broken(("env.sim.market.kind=tapes",), "env.sim.market", "did you mean 'tape'?"),
    "tape on prod": Broken((*LIVE, "tape=a.jsonl.gz"), "tape", "use env=sim"),
    "tape without a file": Broken(("tape=",), "tape", "write tape=PATH"),
    "tape and a running simulator": Broken(
        ("tape=a.jsonl.gz", "env.sim.connect=http://127.0.0.1:1"), "env.sim.connect", "drop tape=… or env.sim.connect=…"
    ),
    "bad url": Broken(("env.sim.connect=127.0.0.1:1",), "env.sim.connect", "such as http://127.0.0.1:3901"),
    "inventory above the limit": Broken(
        ("spread.target_inventory_usd=15000",), "spread.target_inventory_usd", "raise limits.max_position_usd", "30,000"
    ),
    "order above the limit": Broken(
        ("spread.level_usd=6000", "spread.level_count=1"), "spread.level_usd", "raise limits.max_order_usd"
    ),
    "ladder above the limit": Broken(
        ("spread.level_usd=5000", "spread.level_count=20"), "spread.level_count", "raise limits.max_position_usd"
    ),
    "half-spreads crossed": Broken(("spread.half_spread_min_bps=90",), "spread.half_spread_min_bps", "lower"),
    "half-lives crossed": Broken(
        ("stochastic.sigma_fast_halflife_s=900",), "stochastic.sigma_fast", "change one", "must be below"
    ),
    "reserve above scarcity": Broken(("budget.reserve_requests=90000",), "budget.reserve_requests", "scarce_requests"),
    "coin twice": Broken(("asset=[BTC,ETH]", "assets.ETH.coin=BTC"), "assets.ETH.coin", "select one of them"),
    "file: unknown key": in_file(
        EXPERIMENT + "risk:\n  loss_max: 5\n", 3, "risk.loss_max", "did you mean 'loss_max_usd'?"
    ),
    "file: out of range": in_file(EXPERIMENT + "spread:\n  level_count: 99\n", 3, "spread.level_count", "20", "1 … 20"),
    "file: nan": in_file(EXPERIMENT + "\nrisk:\n  loss_max_usd: .nan\n", 4, "risk.loss_max_usd", "a number 1 …"),
    "file: unit": in_file(EXPERIMENT + "timing: {sync_s: 5 seconds}\n", 2, "timing.sync_s", "write 5:"),
    "file: missing header": in_file("risk:\n  loss_max_usd: 5\n", 1, "", "# @package _global_"),
    "file: bad YAML": in_file(EXPERIMENT + "risk: [1,\nspread: 5\n", 3, "", "check indentation", "not valid YAML"),
    "file: tab": in_file(EXPERIMENT + "risk:\n\tloss_max_usd: 5\n", 3, "", "indent with spaces, not tabs"),
    "file: empty": in_file("", 1, "", "write keys or delete it", "empty"),
    "file: a list": in_file("- risk\n", 1, "", "remove the list or text"),
    "file: key twice": in_file(
        EXPERIMENT + "risk:\n  loss_max_usd: 5\n  loss_max_usd: 6\n", 4, "risk.loss_max_usd", "keep one"
    ),
    "file: anchor": in_file(EXPERIMENT + "risk: &r\n  loss_max_usd: 5\n", 2, "", "write the value out", "'r'"),
    "file: undefined alias": in_file(EXPERIMENT + "risk: *r\n", 2, "", "anchors and aliases are not supported"),
    "file: merge key": in_file(EXPERIMENT + "risk:\n  <<: {a: 1}\n", 3, "risk.<<", "write the values out"),
    "file: key is a number": in_file(EXPERIMENT + "risk:\n  5: 6\n", 3, "risk.5", 'write "5"'),
    "file: environment": in_file(EXPERIMENT + "run:\n  dir: ${oc.env:HOME}\n", 3, "run.dir", "refer to another key"),
    "file: a private key": in_file(EXPERIMENT + f"run:\n  dir: '{KEY}'\n", 3, "run.dir", "rotate that key"),
    "file: unknown preset": in_file(
        EXPERIMENT + "defaults:\n  - override /risk: tihgt\n", 3, "defaults", "did you mean 'tight'?"
    ),
    "file: not UTF-8": Broken(
        ("experiment=x",),
        "",
        "save the file as UTF-8",
        "",
        (("experiment/x.yaml", b"# \xff\n"),),
        ("experiment/x.yaml", 1),
    ),
    "file: asset under another name": Broken(
        ("asset=FOO",), "", "# @package assets.FOO", "", (("asset/FOO.yaml", BTC.encode()),), ("asset/FOO.yaml", 1)
    ),
    "file: incomplete asset": Broken(
        ("asset=FOO",),
        "assets.FOO.market",
        "or pick a preset that does",
        "missing",
        (("asset/FOO.yaml", b"# @package assets.FOO\ncoin: FOO\nleverage: 3\nmargin_mode: cross\n"),),
        ("asset/FOO.yaml", 2),
    ),
    "file: wrong ending": Broken(
        ("asset=FOO",), "", "rename it to FOO.yaml", "", (("asset/FOO.yml", BTC.encode()),), ("asset/FOO.yml", None)
    ),
    "folder: misspelt group": Broken(
        (), "", "did you mean 'asset'?", "", (("assets/FOO.yaml", BTC.encode()),), ("assets", None)
    ),
}


def written(folder: Path, broken: Broken) -> Path:
    """The user's config folder of a case."""
    for name, content in broken.files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


@pytest.mark.parametrize("name", TABLE)
def test_a_broken_configuration_is_refused_with_place_key_and_fix(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """validate-config exits 3 and one of its errors names the file and line or the override, the key, and the fix."""
    broken = TABLE[name]
    folder = written(tmp_path, broken)
    code = run(["validate-config", *broken.typed, "--json", "--config-dir", str(folder)])
    report = json.loads(capsys.readouterr().out)
    assert code == 3
    assert report["valid"] is False
    found = [
        error
        for error in report["errors"]
        if broken.key in error["path"]
        and broken.message in error["message"]
        and broken.fix in (error["suggestion"] or "")
    ]
    assert found, report["errors"]
    error = found[0]
    if broken.at is None:
        assert error["override"] in broken.typed or KEY in "".join(broken.typed), error
    else:
        assert error["file"] is not None
        assert error["file"].endswith(broken.at[0]), error
        assert error["line"] == broken.at[1], error
    assert KEY not in json.dumps(report)


@pytest.mark.parametrize(
    ("folder", "message"), [("missing", "does not exist"), ("file", "is not a folder")], ids=["missing", "a file"]
)
def test_a_bad_config_folder_is_refused(folder: str, message: str, tmp_path: Path) -> None:
    """--config-dir that is missing or not a folder is one clear problem that names it."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match=message) as caught:
        load([], tmp_path / folder)
    assert [problem.file for problem in caught.value.problems] == [str(tmp_path / folder)]


def test_an_unreadable_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that the system will not list is one clear problem, not a traceback."""

    def denied(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", denied)
    with pytest.raises(ConfigError, match="cannot be read: Permission denied"):
        load([], tmp_path)


def test_every_problem_is_reported_at_once(tmp_path: Path) -> None:
    """Mistakes of every kind in one command are all in one answer, each with its own place."""
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "x.yaml").write_text(EXPERIMENT + "risk:\n  loss_max: 5\nspread:\n  level_count: 99\n")
    typed = ["+asset=[BTC,DOGE]", "experiment=x", "timing.sync_s=10s", "spread_profile=x", "budget.batch_max=0", "what"]
    with pytest.raises(ConfigError) as caught:
        load(typed, tmp_path)
    places = [problem.place.rpartition("/")[2] for problem in caught.value.problems]
    expected = {f"override {text}" for text in typed if text != "experiment=x"} | {"x.yaml:3", "x.yaml:5"}
    assert expected <= {*places}
    assert len(places) == len(expected)


def test_the_text_on_stderr_names_everything(capsys: pytest.CaptureFixture[str]) -> None:
    """The human answer has place, key, message and fix on two lines per problem, without a traceback."""
    assert run(["validate-config", "timing.sync_s=10s"]) == 3
    text = capsys.readouterr().out
    assert "override timing.sync_s=10s  timing.sync_s  '10s' is not a number 1 … 300 (s)" in text
    assert "→ write 10: the unit is part of the key's name" in text
    assert "Traceback" not in text
