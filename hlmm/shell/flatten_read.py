"""What the venue shows within a flatten's scope, by plain `/info` reads: resting orders, positions, mids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from hlmm.core.flatten import FlattenOrder, FlattenPosition, FlattenReading, FlattenScope
from hlmm.hyperliquid import reads, wire
from hlmm.hyperliquid.grid import Grid, cloid_of, rate
from hlmm.hyperliquid.universe import DexsWire, MetaWire, Universe, dex_of, is_spot
from hlmm.types import Address, Coin, Ms, Oid

OK: Final = 200
SPOT_ASSET_BASE: Final = 10_000
OUTCOME_ASSET_BASE: Final = 100_000_000
FIRST_SPOT_PAIR: Final = 0
WHY_CHARS_MAX: Final = 200
ABOUT_USER: Final = ("openOrders", "clearinghouseState")
MIDS: Final = msgspec.json.Decoder(dict[str, str])

Post = Callable[[str, bytes], tuple[int, bytes]]
"""POST a JSON body to a path: status and answer. Raises: OSError when there is no answer."""
Answer = TypeVar("Answer")


class UnreadError(Exception):
    """The venue did not answer a question, or not in words we know."""


class FlattenReader:
    """Reads one account. What it learns of the instruments is kept between readings."""

    def __init__(self, post: Post, user: Address, scope: FlattenScope) -> None:
        """Args: post, how to ask; user, whose orders and positions (a vault or sub-account, else the account)."""
        self._post = post
        self._user = user
        self._scope = scope
        self._dexs: DexsWire | None = None
        self._metas: dict[str, MetaWire] = {}
        self.venue_ms = Ms(0)

    def read(self) -> FlattenReading:
        """One reading of every dex in scope. Raises: nothing; what could not be read is named in `missing`."""
        orders: dict[Oid, FlattenOrder] = {}
        positions: list[FlattenPosition] = []
        missing: list[str] = []
        try:
            names = self._dex_names()
        except UnreadError as problem:
            return FlattenReading(orders=(), positions=(), missing=(str(problem),))
        for dex in names:
            try:
                orders |= {order.oid: order for order in self._orders(dex)}
            except UnreadError as problem:
                missing.append(str(problem))
            try:
                positions += self._positions(dex)
            except UnreadError as problem:
                missing.append(str(problem))
        return FlattenReading(orders=tuple(orders.values()), positions=tuple(positions), missing=tuple(missing))

    def _dex_names(self) -> list[str]:
        """The dexes to look at, the main one first."""
        named = list(dict.fromkeys(["", *(dex_of(coin) for coin in self._scope.coins)]))
        if self._dexs is None:
            everything = self._scope.kind == "all"
            self._dexs = self._ask("perpDexs", "", reads.dexs) if everything or len(named) > 1 else []
        if self._scope.kind != "all":
            return named
        return ["", *(dex.name for dex in self._dexs if dex is not None)]

    def _universe(self, dex: str) -> Universe:
        """The instruments of a dex, asked for once."""
        if dex not in self._metas:
            self._metas[dex] = self._ask("meta", dex, reads.meta)
        return Universe(self._metas, self._dexs or [])

    def _orders(self, dex: str) -> list[FlattenOrder]:
        found = []
        for order in self._ask("openOrders", dex, reads.orders):
            try:
                if self._scope.takes_order(Coin(order.coin), cloid_of(order.cloid)):
                    found.append(FlattenOrder(coin=Coin(order.coin), asset=self._asset(order.coin), oid=Oid(order.oid)))
            except ValueError as problem:
                raise UnreadError(_why("openOrders", dex, str(problem))) from None
        return found

    def _positions(self, dex: str) -> list[FlattenPosition]:
        state = self._ask("clearinghouseState", dex, reads.state)
        self.venue_ms = Ms(max(self.venue_ms, state.time))
        held = [one.position for one in state.asset_positions if self._scope.takes_position(Coin(one.position.coin))]
        if not held:
            return []
        mids = self._ask("allMids", dex, MIDS.decode)
        universe = self._universe(dex)
        try:
            found = [
                _position(universe.grid(one.coin), mids.get(one.coin), one.szi, one.position_value) for one in held
            ]
        except ValueError as problem:
            raise UnreadError(_why("clearinghouseState", dex, str(problem))) from None
        return [position for position in found if position.sz != 0]

    def _asset(self, coin: str) -> int:
        """The asset id of an order's coin: perps by their universe, spot pairs and outcomes by their name."""
        if not is_spot(coin):
            return self._universe(dex_of(coin)).grid(coin).instrument.asset
        if "/" in coin:
            return SPOT_ASSET_BASE + FIRST_SPOT_PAIR
        return (SPOT_ASSET_BASE if coin.startswith("@") else OUTCOME_ASSET_BASE) + int(coin[1:])

    def _ask(self, question: str, dex: str, decode: Callable[[bytes], Answer]) -> Answer:
        """One `/info` question. Raises: UnreadError."""
        body = {"type": question, "user": self._user} if question in ABOUT_USER else {"type": question}
        try:
            status, answer = self._post("/info", msgspec.json.encode(body | ({"dex": dex} if dex else {})))
            if status != OK:
                raise UnreadError(_why(question, dex, f"HTTP {status}"))
            return decode(answer)
        except (OSError, *wire.DecodeErrors) as problem:
            raise UnreadError(_why(question, dex, f"{type(problem).__name__} {problem}")) from None


def _position(grid: Grid, mid: str | None, szi: str, value: str) -> FlattenPosition:
    """A position with its mid, or its mark when there is no mid. Raises: ValueError on a number that makes no sense."""
    sz = grid.signed_sz(szi)
    size = abs(grid.instrument.size(sz))
    price = rate(mid) if mid is not None else rate(value) / size if size else 0.0
    if sz and price <= 0:
        message = f"no price for {grid.instrument.coin}"
        raise ValueError(message)
    return FlattenPosition(instrument=grid.instrument, sz=sz, mid=price)


def _why(question: str, dex: str, problem: str) -> str:
    where = f"{question} of dex {dex}" if dex else question
    return f"{where}: {problem}"[:WHY_CHARS_MAX]
