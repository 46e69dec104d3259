"""Builds a whole venue from its settings and a seed: markets, listings, funded accounts, gateway.

A synthetic venue opens at `start_ms` after a warm-up. A tape venue opens at the tape's own first block when `start_ms`
is None (virtual time), or has the tape shifted so that it opens at `start_ms` (live clock).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import ClassVar, Final

import msgspec

from hlmm.hyperliquid.signing import SecretKeySigner
from hlmm.sim.accounts import Account, Agent, TestAccount, private_key
from hlmm.sim.candles import DAY
from hlmm.sim.config import AnySimConfig, PaperConfig, SimConfig, SyntheticMarketConfig, TapeMarketConfig
from hlmm.sim.exchange import Exchange
from hlmm.sim.gateway import Gateway
from hlmm.sim.live import LiveMarket
from hlmm.sim.market import Market
from hlmm.sim.presets import PRESETS
from hlmm.sim.tape import TapeMarket
from hlmm.sim.tapefile import load_tapes
from hlmm.sim.traders import SyntheticMarket
from hlmm.sim.venue import BUILDER_BASE, DEX_STRIDE, Listing, Terms, dex_of
from hlmm.types import MICRO, NS_PER_MS, Coin, Instrument, Ms, Ns

AGENT_LIFE_DAYS: Final = 3_650
MS_PER_S: Final = 1_000
SYNTHETIC_START_MS: Final = Ms(1_767_225_600_000)
"""Where a synthetic venue's virtual clock begins when nobody says otherwise: 2026-01-01 UTC."""


class Listable(msgspec.Struct, frozen=True):
    """A coin's grid and leverage as listed on mainnet."""

    sz_decimals: int
    max_leverage: int
    only_isolated: bool = False


LISTABLE: Final[Mapping[str, Listable]] = {
    "BTC": Listable(5, 40),
    "ETH": Listable(4, 25),
    "SOL": Listable(2, 20),
    "HYPE": Listable(2, 10),
    "xyz:XYZ100": Listable(4, 20, only_isolated=True),
}


class UnlistedCoinError(ValueError):
    """A coin that the simulator has no synthetic market for."""

    exit_code: ClassVar[int] = 3


def build_world(config: SimConfig, seed: int, start_ms: int | None = None) -> Gateway:
    """A venue, open for connections. Pure but for reading the tapes that `config` names.

    Args: seed, of every random choice; start_ms, venue time at opening (see the module).
    Raises: UnlistedCoinError, sim.frames.TapeError.
    """
    market = config.market
    if isinstance(market, TapeMarketConfig):
        markets, start, opened = _taped(market, start_ms)
    else:
        start = Ms(start_ms if start_ms is not None else SYNTHETIC_START_MS)
        opened = Ms(start - market.warmup_s * MS_PER_S)
        markets = [_synthetic(coin, asset, seed) for coin, asset in assets(market.coins)]
    gateway = _opened(config, seed, [Listing(found, opened) for found in markets], start, opened)
    if isinstance(market, SyntheticMarketConfig):
        for now in range(opened, start, config.cadence.block_ms):
            gateway.exchange.run_block(Ms(now))
    return gateway


def build_paper_world(config: PaperConfig, seed: int, start_ms: int, markets: Sequence[LiveMarket]) -> Gateway:
    """A venue on live feeds, open for connections.

    Args: seed, of keys and delays; start_ms, venue time at opening; markets, ready, on the assets of `assets`.
    """
    start = Ms(start_ms)
    listings = [Listing(market, start, outside=market) for market in markets]
    return _opened(config, seed, listings, start, start)


def _opened(config: AnySimConfig, seed: int, listings: list[Listing], start: Ms, opened: Ms) -> Gateway:
    """Funded accounts before the listings. Args: start, when clients may come; opened, when trading began."""
    keys = [_keys(seed, index) for index in range(config.accounts)]
    dexes = list(dict.fromkeys(["", *(listing.dex for listing in listings)]))
    accounts = [_account(config, index, key, dexes, start) for index, key in enumerate(keys)]
    for listing in listings:
        listing.terms = _terms(config, listing)
    exchange = Exchange(config.model_copy(update={"seed": seed}), listings, accounts, opened)
    return Gateway(exchange, tuple(keys), Ns(start * NS_PER_MS))


def _terms(config: AnySimConfig, listing: Listing) -> Terms:
    """The listing's terms as the settings say."""
    return msgspec.structs.replace(
        listing.terms,
        fee_scale=config.builder_dexes.fee_scale,
        growth=listing.coin in config.builder_dexes.growth_coins,
        open_interest_cap_usd={cap.coin: cap.usd for cap in config.open_interest_caps}.get(listing.coin),
    )


def on_asset(instrument: Instrument, asset: int) -> Instrument:
    """The same grid under another asset id."""
    return msgspec.structs.replace(instrument, asset=asset)


def assets(coins: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Every coin with its asset id: position in its dex's universe, builder dexes offset by their own position."""
    dexes = list(dict.fromkeys(["", *(dex_of(coin) for coin in coins)]))
    counts = dict.fromkeys(dexes, 0)
    for coin in dict.fromkeys(coins):
        dex = dex_of(coin)
        base = BUILDER_BASE + DEX_STRIDE * dexes.index(dex) if dex else 0
        yield coin, base + counts[dex]
        counts[dex] += 1


def _instrument(coin: str, asset: int) -> Instrument | None:
    """The coin's listing as on mainnet, or None when it is not known here."""
    known = LISTABLE.get(coin)
    if known is None:
        return None
    return Instrument(
        coin=Coin(coin),
        asset=asset,
        sz_decimals=known.sz_decimals,
        max_leverage=known.max_leverage,
        only_isolated=known.only_isolated,
    )


def _synthetic(coin: str, asset: int, seed: int) -> Market:
    """A synthetic market; its randomness depends on the seed and the coin's name only."""
    instrument, traders = _instrument(coin, asset), PRESETS.get(coin)
    if instrument is None or traders is None:
        message = f"no synthetic market for {coin!r}; known: {', '.join(PRESETS)}"
        raise UnlistedCoinError(message)
    return SyntheticMarket(instrument, traders, Random(f"market {coin} {seed}"))


def _taped(config: TapeMarketConfig, start_ms: int | None) -> tuple[list[Market], Ms, Ms]:
    """Tape markets, and venue time at opening (twice: there is no warm-up)."""
    tapes = load_tapes(config.paths)
    coins = dict(assets(tuple(instrument.coin for instrument, _ in tapes)))
    first = max(tape.start_ms for _, tape in tapes)
    start = Ms(start_ms if start_ms is not None else first)
    markets: list[Market] = []
    for inferred, tape in tapes:
        asset = coins[inferred.coin]
        known = _instrument(inferred.coin, asset)
        same = known is not None and known.sz_decimals == inferred.sz_decimals
        instrument = known if known is not None and same else on_asset(inferred, asset)
        markets.append(TapeMarket(instrument, tape, config.orders, start - first))
    return markets, start, start


def _keys(seed: int, index: int) -> TestAccount:
    """The keys of a sandbox account."""
    master, agent = private_key(seed, index, "master"), private_key(seed, index, "agent")
    return TestAccount(
        address=SecretKeySigner(master).address,
        private_key="0x" + master.hex(),
        agent_address=SecretKeySigner(agent).address,
        agent_private_key="0x" + agent.hex(),
    )


def _account(config: AnySimConfig, index: int, keys: TestAccount, dexes: list[str], start: Ms) -> Account:
    """A funded account: the deposit on every perp dex, its agent approved without a name."""
    agent_signer = SecretKeySigner(bytes.fromhex(keys.agent_private_key.removeprefix("0x")))
    until = Ms(start + AGENT_LIFE_DAYS * DAY)
    deposit = config.deposit_usd * MICRO
    return Account(
        index=index,
        address=SecretKeySigner(bytes.fromhex(keys.private_key.removeprefix("0x"))).address,
        raw_usd=dict.fromkeys(dexes, deposit),
        agents={"": Agent(address=agent_signer.address, name="", valid_until=until)},
        volume=config.prior_volume_usd * MICRO,
        requests=config.prior_requests,
        deposited=deposit * len(dexes),
    )
