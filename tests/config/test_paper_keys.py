"""Every key of env=paper has an effect: on the feed, on how our orders live in it, or on the exchange behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pytest

from hlmm.config import load
from hlmm.config.errors import ConfigError
from hlmm.config.run_config import RunConfig
from hlmm.core.events import AnyEvent
from hlmm.shell.env import PaperEnv
from hlmm.shell.venues import VenueRefusedError, following, open_access
from hlmm.sim.config import ExchangeConfig, SimConfig
from hlmm.sim.live import FeedConfig
from hlmm.types import Coin, Ms, Oid, Px, Side, Sz
from tests.support.keys import changed, leaves
from tests.support.livefeed import BLOCK_MS, START_MS, UNIT, bbo, book, context, market_of, trade

FEED: Final = "env[paper].feed."
SIM: Final = "env[paper].sim."
KEYS: Final = {path: values for path, values in leaves(RunConfig).items() if path.startswith("env[paper].")}
GUESS: Final = {"kind": "probability", "power": 3.0}
FEED_PROBES: Final[Mapping[str, object]] = {
    "orders.queue.kind": GUESS,
    "orders.queue[probability].power": 0.1,
    "orders.hole_s": 1.0,
    "reorder_ms": 0,
    "quiet_ms": 3_000,
    "context_quiet_ms": 1_000,
}
COINS: Final = (Coin("SOL"),)


def paper() -> PaperEnv:
    """The shipped preset."""
    env = load(["env=paper"]).run.env
    assert isinstance(env, PaperEnv)
    return env


def lived(config: FeedConfig) -> list[object]:
    """Three orders in a feed that pauses: every match, silence and touch, block by block."""
    market = market_of(config=config)
    seen: list[object] = []
    script: dict[int, list[AnyEvent]] = {
        5: [bbo(400, (99, 900), (101, 500))],
        7: [bbo(560, (99, 600), (101, 500))],
        9: [bbo(720, (99, 300), (101, 500))],
        10: [trade(720, Side.ASK, 99, 340)],
        12: [bbo(800, (99, 100), (101, 500)), context()],
        14: [trade(1_100, Side.ASK, 99, 130), book(1_120)],
        45: [book(3_600), context()],
        50: [trade(4_000, Side.ASK, 98, 900)],
    }
    for number in range(60):
        for event in script.get(number, ()):
            market.hear(event)
        if number == 4:
            for oid in range(3):
                market.place(Oid(oid), 0, Side.BID, Px((99 - oid) * UNIT), Sz(40), "Alo")
        matches = market.step(Ms(START_MS + number * BLOCK_MS))
        seen.append((matches, market.is_silent("book"), market.is_silent("context"), market.bids(1)))
    return seen


def test_each_key_is_looked_at() -> None:
    """Every key below env=paper is a feed key with a probe, a key of the simulated exchange, or the source itself."""
    source = {"env[paper].network", "env[paper].rest_url", "env[paper].ws_url"}
    assert {path.removeprefix(FEED) for path in KEYS if path.startswith(FEED)} == set(FEED_PROBES)
    assert {path for path in KEYS if not path.startswith((FEED, SIM))} == source


@pytest.mark.parametrize("name", FEED_PROBES)
def test_a_feed_key_changes_how_orders_live(name: str) -> None:
    """Two feeds that differ in this key alone differ in a fill, a silence or the touch."""
    config = FeedConfig()
    if "[probability]" in name:
        config = changed(config, "orders.queue.kind", GUESS)
    other = changed(config, name, FEED_PROBES[name])
    assert other != config
    assert lived(config) != lived(other)
    assert lived(config) == lived(config)


def test_exchange_keys_are_those_of_env_sim() -> None:
    """The exchange behind paper has the keys of env=sim, whose effects are proved there, and takes them as they are."""
    own = {path.removeprefix(SIM) for path in KEYS if path.startswith(SIM)}
    assert own == set(leaves(ExchangeConfig)) < set(leaves(SimConfig))
    env = paper()
    settings = following(env, COINS)
    assert settings.model_dump(exclude={"market"}) == env.sim.model_dump()
    market = settings.market
    assert (market.rest_url, market.ws_url, market.coins) == (env.rest_url, env.ws_url, COINS)
    assert FeedConfig.model_validate(market.model_dump(include=set(FeedConfig.model_fields))) == env.feed


@pytest.mark.parametrize("key", ["rest_url", "ws_url"])
def test_an_address_must_be_of_the_network(key: str) -> None:
    """A testnet address with network=mainnet is refused, and the other way round."""
    scheme, path = ("https", "") if key == "rest_url" else ("wss", "/ws")
    for network, host in (("mainnet", "api.hyperliquid-testnet.xyz"), ("testnet", "api.hyperliquid.xyz")):
        with pytest.raises(ConfigError, match=f"not a {network} address"):
            load(["env=paper", f"env.network={network}", f"env.{key}={scheme}://{host}{path}"])


def test_a_feed_that_is_not_there_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    """Without its feed paper starts nothing: the address and the cause are said, and what to do."""
    env = paper().model_copy(update={"rest_url": "http://127.0.0.1:9", "ws_url": "ws://127.0.0.1:9/ws"})
    with pytest.raises(VenueRefusedError) as refused, open_access(env, COINS):
        pass
    assert refused.value.exit_code == 5
    assert "env.rest_url" in refused.value.fix
    assert "http://127.0.0.1:9" in capfd.readouterr().err
