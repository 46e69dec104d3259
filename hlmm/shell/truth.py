"""What the venue itself says of an account: resting orders and positions, read by HTTP, beside the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from hlmm.core.orders import is_ours
from hlmm.types import Cloid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hlmm.types import Address, Coin

OK: Final = 200
Post = Callable[[bytes], tuple[int, bytes]]
"""POST one body to `/info`: status and answer. Raises: OSError."""
Answer = TypeVar("Answer")


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """Resting orders that carry our cloid magic, all others, and signed positions in base units."""

    own_orders: int
    foreign_orders: int
    positions: dict[str, float]
    account_value_usd: float


class TruthUnreadError(Exception):
    """The venue did not answer, or not in words we know."""


class _Order(msgspec.Struct):
    coin: str
    oid: int
    cloid: str | None = None


class _Position(msgspec.Struct):
    coin: str
    szi: str


class _Holding(msgspec.Struct):
    position: _Position


class _Summary(msgspec.Struct, rename="camel"):
    account_value: str


class _State(msgspec.Struct, rename="camel"):
    asset_positions: list[_Holding]
    margin_summary: _Summary


def read(post: Post, account: Address, coins: Sequence[Coin]) -> Truth:
    """Ask the venue.

    Args: post, sends one `/info` body; account, address; coins, of the run (a `dex:` prefix names another dex).
    Raises: TruthUnreadError.
    """
    own = foreign = 0
    value = 0.0
    positions: dict[str, float] = {str(coin): 0.0 for coin in coins}
    for dex in dict.fromkeys(coin.partition(":")[0] if ":" in coin else "" for coin in coins):
        orders = _ask(post, {"type": "frontendOpenOrders", "user": account, "dex": dex}, list[_Order])
        for order in orders:
            if order.cloid is not None and is_ours(Cloid(order.cloid)):
                own += 1
            else:
                foreign += 1
        state = _ask(post, {"type": "clearinghouseState", "user": account, "dex": dex}, _State)
        value += float(state.margin_summary.account_value)
        positions |= {held.position.coin: float(held.position.szi) for held in state.asset_positions}
    return Truth(own_orders=own, foreign_orders=foreign, positions=positions, account_value_usd=value)


def _ask(post: Post, question: dict[str, str], kind: type[Answer]) -> Answer:
    if not question["dex"]:
        del question["dex"]
    try:
        status, body = post(msgspec.json.encode(question))
    except OSError as error:
        raise TruthUnreadError(str(error)) from error
    if status != OK:
        message = f"{question['type']} answered {status}"
        raise TruthUnreadError(message)
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        message = f"{question['type']}: {error}"
        raise TruthUnreadError(message) from error
