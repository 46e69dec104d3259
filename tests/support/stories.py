"""Scripted sessions of one engine, for tests that ask whether a setting changes what reaches the venue.

Every story takes a whole configuration and returns the commands sent to the venue, with their times; decisions and
alarms are left out, because they may merely repeat a setting. No I/O, no clock, the same story every time.
"""

from __future__ import annotations

from random import Random
from typing import Final

import msgspec
from typing_extensions import override

from hlmm.config.run_config import RunConfig, to_engine_config
from hlmm.core.commands import (
    Alarm,
    AnyCommand,
    CancelOrder,
    Decision,
    ModifyOrder,
    PlaceOrder,
    QueryOrder,
    ReadAccount,
    ReadOpenOrders,
)
from hlmm.core.events import (
    AccountRead,
    AnyEvent,
    BboChanged,
    BookChanged,
    CancelAcked,
    ContextChanged,
    Holding,
    OpenOrder,
    OpenOrdersRead,
    OrderRejected,
    OrderState,
    OrderStatusRead,
    Reject,
    RequestLost,
    Trade,
    TradesPrinted,
)
from hlmm.types import MICRO, NS_PER_MS, Cloid, Level, MicroUsd, Ms, Ns, Px, Side, Sz, Tid
from tests.support.engines import BTC, Bench

Sent = list[tuple[int, AnyCommand]]

MID: Final = 1_100_000
STEP_MS: Final = 250
TICK: Final = 10
"""One USD in price units, the grid of BTC at this price."""
BP: Final = 110


class Theatre(Bench):
    """A bench whose venue answers: orders rest, cancels are acknowledged, reads are read."""

    def __init__(self, run: RunConfig, *, used: int = 0, position: int = 0, value_usd: int = 10_000) -> None:
        """Connect with so many requests used, of 20,000, so large a position and so much money."""
        super().__init__(to_engine_config(run))
        self.mid = MID
        self.held = position
        self.value_usd = value_usd
        self.live: dict[Cloid, PlaceOrder] = {}
        self.answered = 0
        self.read = 0
        self.sent_log: Sent = []
        self.mute = False
        self.connect(position=position, used=used)

    @override
    def on(self, event: AnyEvent) -> list[AnyCommand]:
        """Feed one event and log what goes to the venue."""
        sent = super().on(event)
        self.sent_log += [(self.ts, command) for command in sent if not isinstance(command, Decision | Alarm)]
        return sent

    @override
    def account(self, held: tuple[Holding, ...] = (), value_usd: int | None = None) -> AccountRead:
        """The account, as rich as it is now unless told."""
        return super().account(held, self.value_usd if value_usd is None else value_usd)

    def answer(self, after_ms: int = 60) -> None:
        """The venue answers everything sent so far."""
        while self.answered < len(self.sent_log):
            due = [command for _, command in self.sent_log[self.answered :]]
            self.answered = len(self.sent_log)
            self.ts = Ns(self.ts + after_ms * NS_PER_MS)
            for command in due:
                self._answer(command)

    def _answer(self, command: AnyCommand) -> None:
        match command:
            case PlaceOrder():
                self._accept(command)
            case CancelOrder():
                self._drop(command.cloid)
            case ModifyOrder():
                self._drop(command.cloid)
                self._accept(command.place)
            case QueryOrder() if command.cloid in self.live:
                self.on(self.status(command.cloid, OrderState.OPEN))
            case ReadAccount():
                self.on(self.money())
            case ReadOpenOrders():
                self.on(OpenOrdersRead(ts=self.ts, asked_ts=self.ts, orders=self._resting()))
            case _:
                pass

    def _accept(self, order: PlaceOrder) -> None:
        self.live[order.cloid] = order
        self.rest(order.cloid)

    def _drop(self, cloid: Cloid) -> None:
        order = self.live.pop(cloid, None)
        if order is not None:
            self.on(CancelAcked(ts=self.ts, cloid=cloid))
            self.update(cloid, OrderState.CANCELED, order.sz)

    def _resting(self) -> tuple[OpenOrder, ...]:
        return tuple(
            OpenOrder(
                coin=BTC, cloid=cloid, oid=self.oids[cloid], side=order.side, px=order.px, remaining_sz=order.sz,
                orig_sz=self.orders[cloid].sz, placed_ms=Ms(0),
            )
            for cloid, order in self.live.items()
        )  # fmt: skip

    def money(self, *, margin_usd: int = 0, held: int | None = None) -> AccountRead:
        """The account as the venue has it."""
        sz = self.held if held is None else held
        return msgspec.structs.replace(
            self.account((Holding(coin=BTC, sz=Sz(sz), mark_px=Px(self.mid)),) if sz else (), self.value_usd),
            margin_used=MicroUsd(margin_usd * MICRO),
        )

    def status(self, cloid: Cloid, state: OrderState) -> OrderStatusRead:
        """What the venue says of one order when asked."""
        known = state is not OrderState.ABSENT
        return OrderStatusRead(
            ts=self.ts, cloid=cloid, state=state, word=state.value, oid=self.oids[cloid] if known else None,
            orig_sz=self.orders[cloid].sz if known else None, remaining_sz=self.orders[cloid].sz if known else None,
        )  # fmt: skip

    def quote(self, mid: int, half: int = TICK) -> None:
        """A top of book around `mid`, price units."""
        self.mid = mid
        self.bbo(mid - half, mid + half)

    def lopsided(self) -> None:
        """A touch 4 bp wide with nine times more to buy than to sell."""
        bid, ask = Level(Px(self.mid - 2 * BP), Sz(90_000)), Level(Px(self.mid + 2 * BP), Sz(10_000))
        self.on(BboChanged(ts=self.ts, venue_ts=self.venue_ms, coin=BTC, bid=bid, ask=ask))

    def marks(self, px: int | None = None, funding: float = 0.0) -> None:
        """Mark and oracle, at the mid unless told."""
        at = Px(self.mid if px is None else px)
        self.on(ContextChanged(ts=self.ts, coin=BTC, mark_px=at, oracle_px=at, funding_hourly=funding))

    def sweep(self, side: Side, depth_bps: float) -> None:
        """A taker order that reaches so deep."""
        px = Px(self.mid + int(side * depth_bps * BP) // TICK * TICK)
        trade = Trade(venue_ts=self.venue_ms, px=px, sz=Sz(1000), aggressor=side, tid=Tid(int(self.ts)))
        self.on(TradesPrinted(ts=self.ts, coin=BTC, trades=(trade,)))

    def depth(self, bid_sz: int, ask_sz: int) -> None:
        """A book of five levels a side with these sizes."""
        bids = tuple(Level(Px(self.mid - TICK * n), Sz(bid_sz)) for n in range(1, 6))
        asks = tuple(Level(Px(self.mid + TICK * n), Sz(ask_sz)) for n in range(1, 6))
        self.on(BookChanged(ts=self.ts, venue_ts=self.venue_ms, coin=BTC, bids=bids, asks=asks))

    def nibbled(self, side: Side) -> None:
        """A tenth of the nearest live order of a side is filled."""
        mine = [cloid for cloid, order in self.live.items() if order.side is side]
        if mine:
            cloid = max(mine, key=lambda one: side * self.live[one].px)
            part = self.live[cloid].sz // 10
            self.held += side * part
            self.live[cloid] = msgspec.structs.replace(self.live[cloid], sz=Sz(self.live[cloid].sz - part))
            self.fill(cloid, part)

    def taken(self, side: Side) -> None:
        """The nearest live order of a side is filled whole."""
        mine = [cloid for cloid, order in self.live.items() if order.side is side]
        if not mine:
            return
        cloid = max(mine, key=lambda one: side * self.live[one].px)
        order = self.live.pop(cloid)
        self.held += side * order.sz
        self.fill(cloid, order.sz)
        self.update(cloid, OrderState.FILLED)

    def passes(self, seconds: float, *, bbo: bool = True, context: bool = True) -> None:
        """Quiet time in steps, with or without news of the market; the venue answers."""
        for _ in range(int(seconds * 1000) // STEP_MS):
            self.wait(STEP_MS)
            if bbo:
                self.quote(self.mid)
            if context:
                self.marks()
            if not self.mute:
                self.answer(0)


def market(run: RunConfig, *, used: int = 0, seconds: int = 36) -> Sent:
    """A lively half minute: a walking mid, taker orders at many depths, lopsided books, fills of both sides, a hole."""
    one, random = Theatre(run, used=used), Random(7)
    one.answer()
    for step in range(seconds * 1000 // STEP_MS):
        one.wait(STEP_MS if step != 100 else 900)
        if random.random() < 0.35:
            one.sweep(Side.BID if random.random() < 0.5 else Side.ASK, random.expovariate(0.6))
        move = round(random.gauss(0.0, 4.0)) * TICK
        one.ts = Ns(one.ts + 10 * NS_PER_MS)
        one.quote(one.mid + move, TICK if step % 9 else 3 * TICK)
        if step % 4 == 0:
            one.depth(random.randint(10_000, 90_000), random.randint(10_000, 90_000))
            one.marks(funding=0.0001)
        if step % 30 == 29:
            one.taken(Side.BID if step % 60 == 29 else Side.ASK)
        if step % 20 == 10:
            one.nibbled(Side.BID)
        one.answer(random.randint(40, 160))
        one.wait(60)
    return one.sent_log


def minute(run: RunConfig) -> Sent:
    """The lively market for so long that data outweigh what was believed before."""
    return market(run, seconds=60)


def uneven(run: RunConfig) -> Sent:
    """A wide and lopsided touch."""
    one = Theatre(run)
    one.answer()
    for _ in range(3):
        one.wait(STEP_MS)
        one.lopsided()
        one.answer()
    return one.sent_log


def scarce(run: RunConfig) -> Sent:
    """The lively market with 500 requests left."""
    return market(run, used=19_500, seconds=20)


def silences(run: RunConfig) -> Sent:
    """A minute without mark prices, then eight seconds without a book, which returns older than it was."""
    one = Theatre(run)
    one.answer()
    one.passes(70, context=False)
    one.passes(1)
    one.passes(8, bbo=False)
    one.quote(MID + 50 * TICK)
    one.passes(1)
    return one.sent_log


def apart(run: RunConfig) -> Sent:
    """Mark and oracle stand 20 bp off the mid, then the market is 5 bp wide."""
    one = Theatre(run)
    one.answer()
    one.marks(MID + 20 * BP)
    one.answer()
    one.marks(MID)
    one.answer()
    one.quote(MID, 275)
    one.answer()
    return one.sent_log


def burst(run: RunConfig) -> Sent:
    """Three fills of bids within five seconds, then quiet."""
    one = Theatre(run)
    one.answer()
    for _ in range(3):
        one.taken(Side.BID)
        one.answer()
        one.passes(1.5)
    one.passes(10)
    return one.sent_log


def long_inventory(run: RunConfig) -> Sent:
    """A bought position loses 22 USD of equity's 10,000, and 3,000 USD are in use as margin."""
    one = Theatre(run, position=5_000)
    one.answer()
    one.quote(MID - 44 * BP // TICK * TICK // 1)
    one.marks()
    one.value_usd = 9_500
    one.on(one.money())
    one.answer()
    one.on(one.money(margin_usd=3_000))
    one.passes(1)
    return one.sent_log


def poor(run: RunConfig) -> Sent:
    """An account of 500 USD."""
    one = Theatre(run, value_usd=500)
    one.answer()
    one.passes(1)
    return one.sent_log


def refused(run: RunConfig) -> Sent:
    """The venue refuses three orders, ten seconds apart."""
    one = Theatre(run)
    for _ in range(3):
        if one.fresh():
            cloid = next(reversed(one.orders))
            one.on(OrderRejected(ts=one.ts, cloid=cloid, reason=Reject.SIZE, text="no"))
        one.answered = len(one.sent_log)
        one.passes(10)
    return one.sent_log


def lost(run: RunConfig) -> Sent:
    """Two orders vanish without an answer, and the venue knows neither of them."""
    one = Theatre(run)
    gone = tuple(one.orders)[:2]
    one.on(RequestLost(ts=one.ts, cloids=gone, cancels=(), why="silence"))
    one.answered = len(one.sent_log)
    for _ in range(40):
        one.passes(0.25)
        asked = [command.cloid for _, command in one.sent_log[one.read :] if isinstance(command, QueryOrder)]
        one.read = len(one.sent_log)
        for cloid in asked:
            if cloid in gone:
                one.on(one.status(cloid, OrderState.ABSENT))
    return one.sent_log


def drifted(run: RunConfig) -> Sent:
    """The venue shows a position that nobody counted, in three reads."""
    one = Theatre(run)
    one.answer()
    one.mute = True
    for _ in range(3):
        one.passes(1)
        one.on(one.money(held=1_000))
    return one.sent_log


def quiet(run: RunConfig) -> Sent:
    """Seventy seconds in which nothing happens but the engine's own questions."""
    one = Theatre(run)
    one.answer()
    one.passes(70)
    return one.sent_log


def pnl(run: RunConfig) -> object:
    """How a fill's PnL is split when the mid moves two and eight seconds after it."""
    one = Theatre(run)
    one.answer()
    one.taken(Side.BID)
    for seconds, move in ((2, 30), (6, 60)):
        one.passes(seconds)
        one.quote(MID - move * TICK)
    one.passes(10)
    return one.engine.view().pnl
