"""Owns the one table of the venue's words: refusal texts to `Reject`, order status words to `OrderState`.

Texts are matched by the part that does not vary; the suffix ` asset=N` and printed numbers are ignored.
Source: Hyperliquid documentation, "Error responses"; recorded answers (mainnet and testnet, 2023 to 2026).
"""

from __future__ import annotations

import enum
from typing import Final

import msgspec

from hlmm.core.events import OrderState, Reject


class Scope(enum.Enum):
    """How much of an action a refusal speaks for."""

    ORDER = "one element; the others were looked at"
    WHOLE = "the whole action; nothing of it was executed"
    DOUBT = "this submission failed, but the same nonce was taken before: the outcome is unknown"


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """What a text means."""

    reason: Reject
    scope: Scope


def _order(reason: Reject) -> Refusal:
    return Refusal(reason, Scope.ORDER)


def _whole(reason: Reject) -> Refusal:
    return Refusal(reason, Scope.WHOLE)


UNKNOWN: Final = Refusal(Reject.UNKNOWN_TEXT, Scope.ORDER)

TEXTS: Final[tuple[tuple[str, Refusal], ...]] = (
    ("Post only order would have immediately matched", _order(Reject.POST_ONLY)),
    ("Order was never placed, already canceled, or filled", _order(Reject.MISSING_ORDER)),
    ("Cannot modify canceled or filled order", _order(Reject.MISSING_ORDER)),
    ("Attempted to modify to invalid new order", _order(Reject.INVALID_MODIFY)),
    ("Insufficient margin to place order", _order(Reject.MARGIN)),
    ("Order would cause position to exceed margin tier limit", _order(Reject.MARGIN)),
    ("Order has insufficient spot balance to trade", _order(Reject.MARGIN)),
    ("Price must be divisible by tick size", _order(Reject.TICK)),
    ("Order must have minimum value of", _order(Reject.MIN_NOTIONAL)),
    ("Reduce only order would increase position", _order(Reject.REDUCE_ONLY)),
    ("Reduce-only is invalid for spot trading", _whole(Reject.REDUCE_ONLY)),
    ("Order could not immediately match against any resting orders", _order(Reject.IOC_NO_MATCH)),
    ("No liquidity available for market order", _order(Reject.IOC_NO_MATCH)),
    ("Order price too far from oracle", _order(Reject.PRICE_BAND)),
    ("Invalid TP/SL price", _order(Reject.PRICE_BAND)),
    ("Order would increase open interest", _order(Reject.OPEN_INTEREST)),
    ("Order rejected due to price more aggressive than oracle", _order(Reject.OPEN_INTEREST)),
    ("Too many open orders", _order(Reject.TOO_MANY_ORDERS)),
    ("Only post-only orders allowed", _order(Reject.VENUE_HALTED)),
    ("Order has invalid size", _whole(Reject.SIZE)),
    ("Order has zero size", _whole(Reject.SIZE)),
    ("Order has invalid price", _whole(Reject.TICK)),
    ("Order price cannot be more than", _whole(Reject.PRICE_BAND)),
    ("Orders are empty", _whole(Reject.SIZE)),
    ("Unexpected number of trigger orders", _whole(Reject.SIZE)),
    ("Signed action over weight limit", _whole(Reject.SIZE)),
    ("Too many cumulative requests sent", _whole(Reject.RATE_LIMIT)),
    ("too many pending post requests", _whole(Reject.RATE_LIMIT)),
    ("Invalid nonce: duplicate nonce", Refusal(Reject.NONCE, Scope.DOUBT)),
    ("Invalid nonce", _whole(Reject.NONCE)),
    ("Nonce mismatch", _whole(Reject.NONCE)),
    ("Action already expired", _whole(Reject.EXPIRED)),
    ("Unable to recover signer", _whole(Reject.SIGNER)),
    ("User or API Wallet", _whole(Reject.SIGNER)),
    ("L1 error: User or API Wallet", _whole(Reject.SIGNER)),
    ("Must deposit before performing actions", _whole(Reject.SIGNER)),
    ("Vault not registered", _whole(Reject.SIGNER)),
    ("Mainnet and testnet require different signature", _whole(Reject.SIGNER)),
    ("Multi-sig", _whole(Reject.SIGNER)),
    ("Trading is halted", _whole(Reject.VENUE_HALTED)),
)

_STATES: Final = {
    OrderState.OPEN: ("open", "triggered"),
    OrderState.FILLED: ("filled",),
    OrderState.CANCELED: (
        "canceled",
        "marginCanceled",
        "vaultWithdrawalCanceled",
        "openInterestCapCanceled",
        "selfTradeCanceled",
        "reduceOnlyCanceled",
        "siblingFilledCanceled",
        "delistedCanceled",
        "liquidatedCanceled",
        "outcomeSettledCanceled",
        "perpMaxPositionCanceled",
        "scheduledCancel",
        "internalCancel",
    ),
    OrderState.REJECTED: (
        "rejected",
        "tickRejected",
        "minTradeNtlRejected",
        "minTradeSpotNtlRejected",
        "perpMarginRejected",
        "reduceOnlyRejected",
        "badAloPxRejected",
        "iocCancelRejected",
        "badTriggerPxRejected",
        "marketOrderNoLiquidityRejected",
        "positionIncreaseAtOpenInterestCapRejected",
        "positionFlipAtOpenInterestCapRejected",
        "tooAggressiveAtOpenInterestCapRejected",
        "openInterestIncreaseRejected",
        "insufficientSpotBalanceRejected",
        "oracleRejected",
        "perpMaxPositionRejected",
        "tooManyOpenOrdersRejected",
        "outcomeSettledRejected",
    ),
}
STATUS_WORDS: Final = {word: state for state, words in _STATES.items() for word in words}


def refusal(text: str) -> Refusal:
    """What a refusal text means. Returns: `UNKNOWN` for a text that is not in the table, so that it alarms."""
    return next((meaning for fragment, meaning in TEXTS if text.startswith(fragment)), UNKNOWN)


def order_state(word: str) -> OrderState:
    """What an order status word means. Returns: UNRECOGNISED for a word that is not in the table."""
    return STATUS_WORDS.get(word, OrderState.UNRECOGNISED)
