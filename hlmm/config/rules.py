"""Rules between fields of different parts: numbers that are each allowed and together make no sense."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import msgspec

from hlmm.config.run_config import RunConfig
from hlmm.core.settings import CoinConfig
from hlmm.shell.env import PaperEnv, ProdEnv, SimEnv, TestnetEnv
from hlmm.sim.config import TapeMarketConfig

INVENTORY_SIGMAS: Final = 2
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
TESTNET_MARK: Final = "testnet"
ZERO_ADDRESS: Final = "0x" + "0" * 40


class Contradiction(msgspec.Struct, frozen=True):
    """Where to look, what is wrong, what to do."""

    path: tuple[str, ...]
    message: str
    fix: str


def contradictions(run: RunConfig) -> Iterator[Contradiction]:
    """Every rule that a valid set of fields still breaks. Args: run, each field valid.   Raises: nothing."""
    for name, coin in run.assets.items():
        yield from _of_coin(name, coin, run.risk.portfolio_max_usd)
    yield from _same_coin(run)
    yield from _of_account(run)
    match run.env:
        case SimEnv():
            yield from _of_sim(run.env)
        case PaperEnv():
            yield from _of_urls(run.env)
        case TestnetEnv() | ProdEnv():
            yield from _of_live(run.env)


def _of_coin(name: str, coin: CoinConfig, portfolio_max_usd: float) -> Iterator[Contradiction]:
    spread, limits, band = coin.spread, coin.limits, coin.band
    ladder = spread.level_usd * spread.level_count
    checks = (
        (("spread", "target_inventory_usd"), INVENTORY_SIGMAS * spread.target_inventory_usd,
         "twice target_inventory_usd", limits.max_position_usd, "limits.max_position_usd"),
        (("spread", "level_usd"), spread.level_usd, "level_usd", limits.max_order_usd, "limits.max_order_usd"),
        (("spread", "level_count"), ladder, "one side's ladder (level_usd × level_count)",
         limits.max_position_usd, "limits.max_position_usd"),
        (("spread", "half_spread_min_bps"), spread.half_spread_min_bps, "half_spread_min_bps",
         spread.half_spread_max_bps, "half_spread_max_bps"),
        (("band", "band_min_kappa"), band.band_min_kappa, "band_min_kappa", band.band_max_kappa, "band_max_kappa"),
        (("limits", "max_order_usd"), limits.max_order_usd, "max_order_usd",
         limits.max_position_usd, "limits.max_position_usd"),
        (("limits", "max_position_usd"), limits.max_position_usd, "max_position_usd",
         portfolio_max_usd, "risk.portfolio_max_usd"),
    )  # fmt: skip
    for path, value, what, limit, of in checks:
        if value > limit:
            message = f"{what} is {value:,.15g}, above {of} = {limit:,.15g}"
            yield Contradiction(("assets", name, *path), message, f"lower {path[-1]} or raise {of}")


def _same_coin(run: RunConfig) -> Iterator[Contradiction]:
    seen: dict[str, str] = {}
    for name, coin in run.assets.items():
        if coin.coin in seen:
            message = f"{name} and {seen[coin.coin]} both quote {coin.coin}"
            yield Contradiction(("assets", name, "coin"), message, "select one of them")
        seen.setdefault(coin.coin, name)


def _of_account(run: RunConfig) -> Iterator[Contradiction]:
    budget, timing, shell = run.budget, run.timing, run.run
    pairs = (
        ("budget", "reserve_requests", budget.reserve_requests, "scarce_requests", budget.scarce_requests),
        ("timing", "query_after_s", timing.query_after_s, "absent_after_s", timing.absent_after_s),
        ("run", "reconnect_min_s", shell.reconnect_min_s, "reconnect_max_s", shell.reconnect_max_s),
    )
    for node, low_name, low, high_name, high in pairs:
        if low > high:
            message = f"{low:,.15g} is above {node}.{high_name} = {high:,.15g}"
            yield Contradiction((node, low_name), message, f"lower it or raise {node}.{high_name}")


def _of_sim(env: SimEnv) -> Iterator[Contradiction]:
    if env.sim.connect is not None and isinstance(env.sim.market, TapeMarketConfig):
        message = "connects to a running simulator, which has its own market, and names a tape"
        yield Contradiction(("env", "sim", "connect"), message, "drop tape=… or env.sim.connect=…")


def _of_urls(env: PaperEnv | TestnetEnv | ProdEnv) -> Iterator[Contradiction]:
    for name, url in (("rest_url", env.rest_url), ("ws_url", env.ws_url)):
        parts = urlsplit(url)
        local = parts.hostname in LOOPBACK
        if parts.scheme in {"http", "ws"} and not local:
            yield Contradiction(("env", name), f"{url} is not encrypted", f"use {parts.scheme}s://")
        if not local and (TESTNET_MARK in url) != (env.network == "testnet"):
            message = f"{url} is not a {env.network} address, but env={env.kind}"
            fix = "set env.network to match" if env.kind == "paper" else "choose env=testnet or env=prod to match"
            yield Contradiction(("env", name), message, fix)


def _of_live(env: TestnetEnv | ProdEnv) -> Iterator[Contradiction]:
    yield from _of_urls(env)
    if env.agent_address == env.account_address:
        message = "the agent is the account itself: its key could withdraw"
        yield Contradiction(("env", "agent_address"), message, "approve an agent (API) wallet and name its address")
    for name, address in (("account_address", env.account_address), ("agent_address", env.agent_address)):
        if address == ZERO_ADDRESS:
            yield Contradiction(("env", name), "the zero address is nobody's", "write the real address")
