"""The info endpoint: request types, what each requires, and who answers it.

`ask` returns the JSON of a 200; `WrongShapeError` is a 422 and `NoAnswerError` the venue's 500 `null`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from hlmm.sim.actions import WrongShapeError
from hlmm.sim.exchange import Exchange
from hlmm.sim.info_account import ACCOUNT_ANSWERS
from hlmm.sim.info_fees import FEE_ANSWERS
from hlmm.sim.info_listings import LISTING_ANSWERS
from hlmm.sim.info_market import MARKET_ANSWERS
from hlmm.sim.info_people import PEOPLE_ANSWERS
from hlmm.sim.query import CandleQuery, NoAnswerError, Query
from hlmm.sim.text import Json

ANSWERS: Final[Mapping[str, tuple[tuple[str, ...], Callable[[Exchange, Query], Json]]]] = {
    **MARKET_ANSWERS,
    **ACCOUNT_ANSWERS,
    **PEOPLE_ANSWERS,
    **FEE_ANSWERS,
    **LISTING_ANSWERS,
}

LIGHT: Final = (
    "l2Book", "allMids", "clearinghouseState", "orderStatus", "spotClearinghouseState", "exchangeStatus",
)  # fmt: skip
WEIGHT_LIGHT, WEIGHT, WEIGHT_ROLE = 2, 20, 60
PER_ITEM: Final = {
    "recentTrades": 20, "historicalOrders": 20, "userFills": 20, "userFillsByTime": 20, "fundingHistory": 20,
    "userFunding": 20, "candleSnapshot": 60, "userNonFundingLedgerUpdates": 20, "twapHistory": 20,
    "userTwapSliceFills": 20, "userTwapSliceFillsByTime": 20, "delegatorHistory": 20, "delegatorRewards": 20,
}  # fmt: skip
DEX, RANGE = ("dex",), ("startTime", "endTime")
OPTIONAL: Final[Mapping[str, tuple[str, ...]]] = {
    "meta": DEX, "metaAndAssetCtxs": DEX, "allMids": DEX, "perpsAtOpenInterestCap": DEX, "clearinghouseState": DEX,
    "openOrders": DEX, "frontendOpenOrders": DEX, "l2Book": ("nSigFigs", "mantissa"), "userFills": ("aggregateByTime",),
    "userFillsByTime": ("endTime", "aggregateByTime", "reversed"), "fundingHistory": ("endTime",), "userFunding": RANGE,
    "userNonFundingLedgerUpdates": RANGE, "vaultDetails": ("user",),
}  # fmt: skip
"""What a request may carry beyond what it must, in the order of a body that is an array."""

__all__ = ["ANSWERS", "CandleQuery", "NoAnswerError", "Query", "WrongShapeError", "ask", "parse", "weight"]


def parse(value: object) -> Query:
    """An info request from decoded JSON; unknown fields are ignored. Raises: WrongShapeError."""
    try:
        query = msgspec.convert(_named(value) if isinstance(value, list) else value, Query)
    except msgspec.ValidationError as error:
        raise WrongShapeError(str(error)) from error
    found = ANSWERS.get(query.type)
    if found is None or any(getattr(query, name) is None for name in found[0]):
        message = f"unknown type or missing field: {query.type[:40]!r}"
        raise WrongShapeError(message)
    return query


def _named(values: list[object]) -> dict[str, object]:
    """An array body as an object: its type, then the fields in order. Raises: WrongShapeError."""
    kind = values[0] if values else None
    found = ANSWERS.get(kind) if isinstance(kind, str) else None
    if found is None or not isinstance(kind, str):
        message = f"no such request: {str(kind)[:40]!r}"
        raise WrongShapeError(message)
    wire = dict(zip(Query.__struct_fields__, Query.__struct_encode_fields__, strict=True))
    names = ("type", *(wire[name] for name in found[0]), *OPTIONAL.get(kind, ()))
    if len(values) > len(names):
        message = f"{len(values)} values for {kind}"
        raise WrongShapeError(message)
    return dict(zip(names, values, strict=False))


def ask(exchange: Exchange, query: Query) -> Json:
    """Answer a parsed request from the state after the last block. Raises: NoAnswerError."""
    return ANSWERS[query.type][1](exchange, query)


def weight(query: Query, answer: Json) -> int:
    """IP weight of a request and its answer."""
    if query.type == "userRole":
        return WEIGHT_ROLE
    base = WEIGHT_LIGHT if query.type in LIGHT else WEIGHT
    per = PER_ITEM.get(query.type)
    return base + (len(answer) // per if per is not None and isinstance(answer, list) else 0)
