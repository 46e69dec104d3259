"""Whatever is typed and whatever a file holds: a configuration or a `ConfigError`, never anything else."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from hlmm.config import ConfigError, load
from hlmm.config.catalog import packaged_conf

KEY = "0x" + "ab" * 32
SIGNS = st.sampled_from(["", "+", "++", "~", "-"])
KEY_WORDS = """
    . a..b asset asset@assets assets assets.BTC assets.BTC.coin.x assets.BTC.spread assets.BTC.spread_profile
    assets.BTC.stochastic defaults env env.kind env.sim env.sim.fees.kind env.sim.market.kind env.sim.market.paths
    experiment hydra hydra.searchpath local market risk risk@x spread spread.level_usd spread_profile stochastic tape
"""
ODD = st.sampled_from(
    f"""
    BTC [BTC,ETH] [] {{}} {{a:1}} null nan -inf 1e999 ??? 10s a,b range(1,5) ${{risk}} ${{nope}} ${{.x}}
    ${{oc.env:HOME}} 'q' {{ [[1],{{b:2}}] ../x {KEY} tight default
    """.split()
)
VALUES = st.one_of(ODD, st.text(max_size=20))
OVERRIDE = st.one_of(
    st.builds("{}{}={}".format, SIGNS, st.sampled_from(KEY_WORDS.split()), VALUES), st.text(max_size=30)
)
PRESET = (packaged_conf() / "risk" / "tight.yaml").read_bytes()


@settings(max_examples=60)
@given(st.lists(OVERRIDE, min_size=1, max_size=3))
def test_any_overrides_give_a_configuration_or_a_config_error(overrides: list[str]) -> None:
    """No override, however odd, ends in another exception, and none makes a private key visible."""
    try:
        loaded = load(overrides)
    except ConfigError as error:
        assert KEY not in str(error)  # noqa: PT017 - either outcome is right
    else:
        assert KEY not in loaded.yaml


@settings(max_examples=60)
@given(st.data())
def test_any_file_gives_a_configuration_or_a_config_error(data: st.DataObject) -> None:
    """No damage to a preset ends in another exception."""
    start = data.draw(st.integers(0, len(PRESET)))
    length = data.draw(st.integers(0, 40))
    damage = data.draw(
        st.one_of(st.binary(max_size=12), st.sampled_from([b"\t", b": ", b"- ", b"${x}", b"&a ", b"?", b"{"]))
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "risk", "mine.yaml")
        path.parent.mkdir()
        path.write_bytes(PRESET[:start] + damage + PRESET[start + length :])
        try:
            load(["risk=mine"], Path(folder))
        except ConfigError as error:
            assert error.problems  # noqa: PT017 - either outcome is right
