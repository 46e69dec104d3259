"""The simulated exchange: a queue of signed actions executed in blocks, and the clockwork between them.

Order inside a block: scheduled cancels; actions that send no Gtc or Ioc order; cancels; the background's trading;
actions that do send Gtc or Ioc; marks, triggers, liquidations, funding. Pure: time is an argument, nothing is random.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from hlmm.sim.accounts import Account, FundingRow
from hlmm.sim.actions import (
    AnyAction,
    BatchModifyAction,
    CancelAction,
    CancelByCloidAction,
    Envelope,
    ModifyAction,
    OrderAction,
    OrderWire,
    SingleAction,
)
from hlmm.sim.admission import Budget, Nonces, Registry, day_of
from hlmm.sim.bank import Bank
from hlmm.sim.blocklog import Answer, BlockLog
from hlmm.sim.candles import HOUR
from hlmm.sim.clearing import margining
from hlmm.sim.config import AnySimConfig
from hlmm.sim.desk import Desk
from hlmm.sim.door import Door, Signed, inner_of, orders_of
from hlmm.sim.fees import rates_of
from hlmm.sim.liquidation import Liquidator
from hlmm.sim.marks import RATE_E10, funding_payment
from hlmm.sim.office import Office
from hlmm.sim.text import Json, rate
from hlmm.sim.trading import RefusedError, TradingActions
from hlmm.sim.triggers import fire_all
from hlmm.sim.venue import FundingPoint, Listing
from hlmm.types import MicroUsd, Ms

MS_PER_S: Final = 1_000
FUNDING_DIGITS: Final = 10


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """One action waiting for a block. `signers`: addresses its signature may stand for, the likeliest first.

    `members`: the same of each inner signature of a multi-sig action.
    """

    ticket: int
    envelope: Envelope
    signers: tuple[str, ...]
    ready: Ms
    members: tuple[tuple[str, ...], ...] = ()


class Exchange:
    """Accounts and listings behind a queue. `run_block` is the only thing that changes them."""

    def __init__(self, config: AnySimConfig, listings: Sequence[Listing], accounts: list[Account], now: Ms) -> None:
        """Open for business. Args: listings, in asset order per dex; accounts, funded; now, ms."""
        self.config = config
        self.now = now
        self.by_asset = {listing.instrument.asset: listing for listing in listings}
        self.listings = {listing.coin: listing for listing in listings}
        self.registry = Registry(accounts)
        self.desk = Desk(self.listings, accounts, rates_of(config.fees))
        self.desk.entry.open_limit = config.limits.open_orders
        self.desk.entry.post_only_until = Ms(now + config.limits.post_only_ms) if config.limits.post_only_ms else Ms(0)
        self.nonces = Nonces()
        self.budget = Budget(config.limits)
        self.last_book_change: dict[str, int] = {}
        self._trading = TradingActions(self.desk, self.by_asset)
        bank = Bank(self.registry, self.desk)
        self._door = Door(bank, self.nonces, self.budget)
        self.office = Office(bank, self.by_asset, config)
        self.liquidator = Liquidator(self.desk, self.registry)
        self.interventions: deque[Callable[[Ms], None]] = deque()
        """What a fault plan does at the start of the next block."""
        self._queue: deque[Pending] = deque()
        self._marked, self._sampled, self._settled = now, now, now // HOUR

    @property
    def accounts(self) -> list[Account]:
        """Every account, by index."""
        return self.registry.accounts

    def submit(self, pending: Pending) -> None:
        """Queue an action. It executes in the first block at or after `ready`."""
        self._queue.append(pending)

    def command(self, account: Account, action: SingleAction) -> Json:
        """Execute an action as if the account had signed it. Only within a block. Raises: RefusedError."""
        return self._dispatch(account, action)

    def run_block(self, now: Ms) -> BlockLog:
        """Execute everything due. Args: now, block time, after the last one. Returns: what happened."""
        assert now >= self.now, (now, self.now)
        self.now = now
        log = self.desk.log = BlockLog(now)
        while self.interventions:
            self.interventions.popleft()(now)
        self._scheduled_cancels(now)
        due = self._due(now)
        for pending, group in due:
            if group < TAKERS:
                self._run(pending, log)
        for listing in self.listings.values():
            self.desk.settle(listing, listing.market.step(now))
        for pending, group in due:
            if group == TAKERS:
                self._run(pending, log)
        self._clockwork(now)
        return log

    def _due(self, now: Ms) -> list[tuple[Pending, int]]:
        """Actions ready by now with their group, in execution order."""
        ready = [p for p in self._queue if p.ready <= now]
        self._queue = deque(p for p in self._queue if p.ready > now)
        return sorted(((p, group_of(p.envelope.action)) for p in ready), key=lambda item: item[1])

    def _run(self, pending: Pending, log: BlockLog) -> None:
        try:
            body = self._perform(pending)
        except RefusedError as refused:
            body = {"status": "err", "response": str(refused)}
        log.answers.append(Answer(ticket=pending.ticket, body=body))

    def _perform(self, pending: Pending) -> Json:
        """Admit and execute one action. Raises: RefusedError with the venue's text."""
        signed = Signed(envelope=pending.envelope, signers=pending.signers, members=pending.members)
        admitted = self._door.admit(signed, self.now)
        self.office.lend(admitted.account, admitted.action)
        try:
            return self._dispatch(admitted.account, admitted.action)
        finally:
            self.office.pool(admitted.account)

    def _dispatch(self, account: Account, action: SingleAction) -> Json:
        """Execute an admitted action. Raises: RefusedError."""
        match action:
            case OrderAction():
                return self._trading.order(account, action)
            case CancelAction():
                return self._trading.cancel(account, action)
            case CancelByCloidAction():
                return self._trading.cancel_by_cloid(account, action)
            case ModifyAction():
                return self._trading.modify(account, action)
            case BatchModifyAction():
                return self._trading.batch_modify(account, action)
            case _:
                return self.office.apply(account, action, self.now)

    # ---- clockwork ----

    def _scheduled_cancels(self, now: Ms) -> None:
        """Fire every dead man's switch that is due."""
        for account in self.accounts:
            if account.cancel_all_at is None or account.cancel_all_at > now:
                continue
            account.cancel_all_at = None
            account.cancels_fired[day_of(now)] = account.cancels_fired.get(day_of(now), 0) + 1
            self.desk.cancel_all(account, None, "scheduledCancel")

    def _clockwork(self, now: Ms) -> None:
        """Marks every few seconds, premium samples, funding on the hour; triggers and liquidations follow the marks."""
        cadence = self.config.cadence
        self.office.upkeep(now)
        if now // HOUR > self._settled:
            self._settled = now // HOUR
            self._fund(now)
        if now - self._sampled >= cadence.premium_ms:
            self._sampled = now
            for listing in self.listings.values():
                listing.marks.sample_premium()
        if now - self._marked < cadence.oracle_ms:
            return
        elapsed_s = (now - self._marked) / MS_PER_S
        self._marked = now
        for listing in self.listings.values():
            listing.marks.update(now, elapsed_s)
            fire_all(self.desk, listing)
            self.desk.enforce_cap(listing)
        self.liquidator.run(now)

    def _fund(self, now: Ms) -> None:
        """Charge one hour's funding to every position at the oracle price."""
        for listing in self.listings.values():
            rate_e10, premium = listing.marks.settle()
            listing.fundings.append(FundingPoint(now, rate_e10, premium))
            for account in self.accounts:
                self._charge_funding(account, listing, rate_e10)

    def _charge_funding(self, account: Account, listing: Listing, rate_e10: int) -> None:
        held = account.positions.get(listing.coin)
        if held is None or held.szi == 0:
            return
        paid = funding_payment(held.szi, listing.marks.oracle, rate_e10)
        if margining(account, listing).cross:
            account.raw_usd[listing.dex] -= paid
        else:
            held.isolated_raw -= paid
        self.desk.house.funding += paid
        held.funding_all, held.funding_open = held.funding_all + paid, held.funding_open + paid
        held.funding_change += paid
        text = rate(rate_e10 / RATE_E10)
        row = FundingRow(time=self.now, coin=listing.coin, usdc=MicroUsd(-paid), szi=held.szi, rate=text)
        account.fundings.append(row)
        self.desk.log.fundings.setdefault(account.index, []).append(row)


TAKERS: Final = 2


def group_of(action: AnyAction) -> int:
    """Execution group inside a block: 0 sends no taking order, 1 cancels, 2 may take."""
    action = inner_of(action)
    if isinstance(action, CancelAction | CancelByCloidAction):
        return 1
    return TAKERS if any(_takes(order) for order in orders_of(action)) else 0


def _takes(order: OrderWire) -> bool:
    return order.t.limit is not None and order.t.limit.tif != "Alo"
