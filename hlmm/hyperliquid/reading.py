"""Owns the reads of a session: which questions make one read, and its answer once all parts are there."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from hlmm.core.commands import AnyCommand, QueryOrder, ReadAccount, ReadBudget, ReadFills, ReadOpenOrders
from hlmm.core.events import AnyEvent, RoleRead
from hlmm.hyperliquid import feed, limits, reads, wire
from hlmm.hyperliquid.gather import Gathers
from hlmm.hyperliquid.inflight import (
    AnyPurpose,
    InfoPurpose,
    LeverageOf,
    OrdersOf,
    Simple,
    StateOf,
    StatusOf,
)
from hlmm.hyperliquid.universe import Universe
from hlmm.types import Address, Coin, Ns

Payload = bytes | msgspec.Raw
ReadPurpose = StateOf | OrdersOf | StatusOf | LeverageOf | Simple


class Reading:
    """Turns reads into questions and answers into events."""

    def __init__(self, signer: Address, dexs: Sequence[str], owner: Address | None = None) -> None:
        """Begin without reads.

        Args: dexs, names of the dexes whose state makes the account; owner, the account whose key the signer must be,
        None when that cannot be told (a vault is traded for by its leader's key).
        """
        self._signer = signer
        self._owner = owner
        self._dexs = dexs
        self._states: Gathers[reads.StateWire] = Gathers()
        self._orders: Gathers[list[wire.OrderInfo]] = Gathers()
        self._is_role_known = False
        self.surcharge = 0
        """IP weight that the rows of the last answer added to its question's."""

    def purposes(self, command: AnyCommand, ts: Ns) -> list[InfoPurpose]:
        """What to ask for a command of the engine; nothing when it is no read."""
        match command:
            case QueryOrder():
                return [StatusOf(command.cloid, command.coin)]
            case ReadAccount():
                return self.account_purposes(ts)
            case ReadOpenOrders():
                return self.orders_purposes(ts)
            case ReadFills():
                return [Simple("userFillsByTime"), Simple("userFunding")]
            case ReadBudget():
                return [Simple("userRateLimit")]
            case _:
                return []

    def account_purposes(self, ts: Ns) -> list[InfoPurpose]:
        """What to ask for one `AccountRead`."""
        gather = self._states.start(self._dexs, ts)
        return [StateOf(dex, gather) for dex in self._dexs]

    def orders_purposes(self, ts: Ns) -> list[InfoPurpose]:
        """What to ask for one `OpenOrdersRead`."""
        gather = self._orders.start(self._dexs, ts)
        return [OrdersOf(dex, gather) for dex in self._dexs]

    def opening_purposes(self, ts: Ns, coins: Sequence[Coin]) -> list[InfoPurpose]:
        """What to ask right after the subscriptions stand. Args: coins, the listed ones of the run.

        The signer's role is asked until it is known: it is the dearest read, and a pruned signer is refused by name.
        """
        singles: list[InfoPurpose] = [Simple("userFees"), Simple("userRateLimit")]
        if not self._is_role_known:
            singles.append(Simple("userRole"))
        settings = [LeverageOf(coin) for coin in coins]
        return [*self.account_purposes(ts), *self.orders_purposes(ts), *singles, *settings]

    def give_up(self, purpose: AnyPurpose) -> bool:
        """Void a read of which a part failed. Returns: False when another part had voided it already."""
        match purpose:
            case StateOf():
                return self._states.drop(purpose.gather)
            case OrdersOf():
                return self._orders.drop(purpose.gather)
            case _:
                return True

    def events(self, purpose: ReadPurpose, payload: Payload, universe: Universe | None, ts: Ns) -> list[AnyEvent]:
        """The answer to a read. Raises: wire.DecodeErrors."""
        self.surcharge = 0
        if universe is None:
            message = "answer before metadata"
            raise ValueError(message)
        match purpose:
            case StateOf():
                states = self._states.put(purpose.gather, purpose.dex, reads.state(payload))
                return [] if states is None else [reads.account(universe, states.parts, states.asked_ts, ts)]
            case OrdersOf():
                orders = self._orders.put(purpose.gather, purpose.dex, reads.orders(payload))
                return [] if orders is None else [reads.open_orders(universe, orders.parts, orders.asked_ts, ts)]
            case LeverageOf():
                return [reads.leverage(purpose.coin, payload, ts)]
            case StatusOf():
                return [reads.order_status(universe, purpose.cloid, payload, ts)]
            case Simple():
                return self._simple(purpose, payload, universe, ts)

    def _simple(self, purpose: Simple, payload: Payload, universe: Universe, ts: Ns) -> list[AnyEvent]:
        match purpose.read:
            case "userFees":
                return [reads.fees(payload, ts)]
            case "userRateLimit":
                return [reads.budget(payload, ts)]
            case "userRole":
                return [self._role(payload, ts)]
            case "userFillsByTime":
                elements = self._rows(purpose.read, reads.raws(payload))
                return feed.fills(universe, elements, ts, snapshot=True)
            case "userFunding":
                elements = self._rows(purpose.read, reads.funding_elements(payload))
                return feed.fundings(universe, elements, ts, snapshot=True)

    def _role(self, payload: Payload, ts: Ns) -> RoleRead:
        """A key of another account would trade there, unseen: it is as good as unknown."""
        role = reads.role(payload, self._signer, ts)
        if self._owner is None or role.account.lower() == self._owner.lower():
            self._is_role_known = bool(role.account)
            return role
        return RoleRead(ts=ts, signer=self._signer, account=reads.NO_ACCOUNT)

    def _rows(self, kind: str, elements: list[msgspec.Raw]) -> list[msgspec.Raw]:
        self.surcharge = limits.info_weight(kind, len(elements)) - limits.info_weight(kind)
        return elements
