"""Info answers about what is listed and how: tokens, builder dexes' limits, auctions, categories, and `webData2`.

The sandbox lists what its configuration names and nobody deploys anything, so auctions stand still and lists are empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from hlmm.sim.exchange import Exchange
from hlmm.sim.info_account import account_state, open_orders, spot_state
from hlmm.sim.info_market import SPOT_CONTEXT, SPOT_META, context, dexes, meta_of
from hlmm.sim.query import NoAnswerError, Query
from hlmm.sim.text import Json, usd
from hlmm.types import MicroUsd

OI_CAP: Final = "1000000000.0"
AUCTION: Final[Json] = {
    "startTimeSeconds": 0, "durationSeconds": 111_600, "startGas": "500.0", "currentGas": "500.0", "endGas": None,
}  # fmt: skip
STILL: Final[Mapping[str, Json]] = {
    "perpDeployAuctionStatus": AUCTION,
    "spotPairDeployAuctionStatus": AUCTION,
    "perpCategories": [],
    "perpConciseAnnotations": [],
    "liquidatable": [],
    "validatorSummaries": [],
    "gossipRootIps": [],
    "outcomeMeta": {"outcomes": [], "questions": []},
    "allBorrowLendReserveStates": [],
}
"""Answers that never change here."""


def _always(said: Json) -> Callable[[Exchange, Query], Json]:
    def answer(exchange: Exchange, query: Query) -> Json:
        del exchange, query
        return said

    return answer


def _token(exchange: Exchange, query: Query) -> Json:
    """`tokenDetails`. Raises: NoAnswerError for a token that is not listed."""
    del exchange
    tokens = SPOT_META["tokens"] if isinstance(SPOT_META, dict) else []
    assert isinstance(tokens, list)
    for token in tokens:
        assert isinstance(token, dict)
        if token["tokenId"] == (query.token_id or "").lower():
            px = "1.0" if token["index"] == 0 else "0.2"
            return {
                "name": token["name"], "maxSupply": "1000000000.0", "totalSupply": "600000000.0",
                "circulatingSupply": "600000000.0", "szDecimals": token["szDecimals"],
                "weiDecimals": token["weiDecimals"], "midPx": px, "markPx": px, "prevDayPx": px, "genesis": None,
                "deployer": None, "deployGas": None, "deployTime": None, "seededUsdc": "0.0",
                "nonCirculatingUserBalances": [], "futureEmissions": "0.0",
            }  # fmt: skip
    raise NoAnswerError


def _limits(exchange: Exchange, query: Query) -> Json:
    """`perpDexLimits`; null for the main dex and unknown ones."""
    if query.dex not in dexes(exchange):
        return None
    caps: list[Json] = [[x.coin, OI_CAP] for x in exchange.listings.values() if x.dex == query.dex]
    return {"totalOiCap": OI_CAP, "oiSzCapPerPerp": OI_CAP, "maxTransferNtl": OI_CAP, "coinToOiCap": caps}


def _status(exchange: Exchange, query: Query) -> Json:
    """`perpDexStatus`: what all accounts hold on the dex."""
    held = sum(account.raw_usd.get(query.dex or "", MicroUsd(0)) for account in exchange.accounts)
    return {"totalNetDeposit": usd(MicroUsd(held))}


def _web_data(exchange: Exchange, query: Query) -> Json:
    """`webData2`: what the front end used to poll, of the main dex."""
    account = query.account(exchange)
    unnamed = account.agents.get("")
    listings = [listing for listing in exchange.listings.values() if not listing.dex]
    return {
        "clearinghouseState": account_state(exchange, account, ""),
        "leadingVaults": [],
        "totalVaultEquity": "0.0",
        "openOrders": open_orders(exchange, account, "", frontend=True),
        "agentAddress": None if unnamed is None else unnamed.address,
        "agentValidUntil": None if unnamed is None else unnamed.valid_until,
        "cumLedger": usd(MicroUsd(account.deposited)),
        "meta": meta_of(listings),
        "assetCtxs": [context(exchange, listing) for listing in listings],
        "serverTime": exchange.now,
        "isVault": False,
        "user": query.address,
        "twapStates": [],
        "spotState": spot_state(exchange, account),
        "spotAssetCtxs": [SPOT_CONTEXT],
    }


LISTING_ANSWERS: Final[Mapping[str, tuple[tuple[str, ...], Callable[[Exchange, Query], Json]]]] = {
    "tokenDetails": (("token_id",), _token),
    "perpDexLimits": (("dex",), _limits),
    "perpDexStatus": (("dex",), _status),
    "spotDeployState": (("user",), _always({"states": [], "gasAuction": AUCTION})),
    "webData2": (("user",), _web_data),
    "perpAnnotation": (("coin",), _always(None)),
    "borrowLendUserState": (("user",), _always({"tokenToState": [], "health": "healthy", "healthFactor": None})),
    "userBorrowLendInterest": (("user",), _always([])),
    **{kind: ((), _always(answer)) for kind, answer in STILL.items()},
}
