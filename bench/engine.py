"""The engine's step on a book: inside the band, and a requote of both sides, as multiples of `json.loads` of the book.

    python bench/engine.py [--rounds N]

One engine with the shipped configuration of BTC, three orders a side. All cases alternate in one process; the
venue's answers to a requote are fed outside the clock.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from rounds import Sample, table  # noqa: E402 - bench is scripts, not a package
from stub_venue import ACCOUNT, BASE_PRICE, COIN, STEP, book_frame  # noqa: E402

from hlmm.config.load import load  # noqa: E402
from hlmm.config.run_config import to_engine_config  # noqa: E402
from hlmm.core import events as ev  # noqa: E402
from hlmm.core.commands import AnyCommand, ModifyOrder, PlaceOrder  # noqa: E402
from hlmm.core.engine import Engine  # noqa: E402
from hlmm.hyperliquid.feed import Feed  # noqa: E402
from hlmm.hyperliquid.universe import MetaWire, PerpWire, Universe  # noqa: E402
from hlmm.types import MICRO, NS_PER_MS, Address, Coin, Instrument, MicroUsd, Ms, Ns, Oid, Px  # noqa: E402

JSON: Final = "json.loads of the book"
DECODED: Final = "frame to typed event"
TICK: Final = "tick, nothing changed"
INSIDE: Final = "book inside the band"
REQUOTE: Final = "book, both sides requoted"
CALLS: Final = 50
STEP_NS: Final = 400 * NS_PER_MS
"""Longer than the least time between two requotes."""
START: Final = Ns(1_790_000_000_000 * NS_PER_MS)
BTC: Final = Coin(COIN)
RICH: Final = MicroUsd(100_000 * MICRO)


class Rig:
    """One trading engine and a venue that agrees to everything."""

    def __init__(self) -> None:
        self.ts = START
        self.feed = Feed(Universe({"": MetaWire([PerpWire(COIN, 5, 40)])}, []))
        self._config = to_engine_config(load(("+asset=BTC",)).run)
        self.engine = Engine(self._config, 1)
        self._oid = 0
        self._open()

    def _open(self) -> None:
        ts, signer, coin = self.ts, Address(ACCOUNT), self._config.coins[0]
        account = {"account_value": RICH, "margin_used": MicroUsd(0), "withdrawable": RICH, "holdings": ()}
        for event in (
            ev.MetaRead(ts=ts, instruments=(Instrument(BTC, 0, 5, 40),)),
            ev.FeedConnected(ts=ts),
            ev.FeesRead(ts=ts, maker_bps=-0.2, taker_bps=2.4),
            ev.BudgetRead(ts=ts, requests_used=0, requests_cap=10**9, volume=RICH),
            ev.LeverageRead(ts=ts, coin=BTC, leverage=coin.leverage, is_cross=coin.margin_mode == "cross"),
            ev.RoleRead(ts=ts, signer=signer, account=signer),
            ev.AccountRead(ts=ts, asked_ts=ts, venue_ts=Ms(ts // NS_PER_MS), **account),  # type: ignore[arg-type]
            ev.OpenOrdersRead(ts=ts, asked_ts=ts, orders=()),
        ):
            self.answer(self.engine.on(event))
        for step in range(CALLS):
            self.book(STEP * (step % 2))

    def event(self, offset: int) -> ev.AnyEvent:
        """The next book, decoded. Args: offset of its mid, USD."""
        self.ts = Ns(self.ts + STEP_NS)
        px = Px(BASE_PRICE * 10)
        self.engine.on(ev.ContextChanged(ts=self.ts, coin=BTC, mark_px=px, oracle_px=px, funding_hourly=0.0))
        (event,) = self.feed.decode(book_frame(BASE_PRICE + offset, self.ts // NS_PER_MS), self.ts)
        return event

    def book(self, offset: int) -> int:
        """Feed one book. Returns: orders placed or moved."""
        commands = self.engine.on(self.event(offset))
        self.answer(commands)
        return len([command for command in commands if isinstance(command, (PlaceOrder, ModifyOrder))])

    def answer(self, commands: Sequence[AnyCommand]) -> None:
        """The venue's word on every order, a block later."""
        self.ts = Ns(self.ts + NS_PER_MS)
        for command in commands:
            if isinstance(command, ModifyOrder):
                self.engine.on(ev.CancelAcked(ts=self.ts, cloid=command.cloid))
                self._report(command.place, command.cloid, ev.OrderState.CANCELED)
            if isinstance(command, (PlaceOrder, ModifyOrder)):
                place = command.place if isinstance(command, ModifyOrder) else command
                self._oid += 1
                self.engine.on(ev.OrderRested(ts=self.ts, cloid=place.cloid, oid=Oid(self._oid)))

    def _report(self, place: PlaceOrder, cloid: object, state: ev.OrderState) -> None:
        self.engine.on(
            ev.OrderUpdated(
                ts=self.ts, venue_ts=Ms(self.ts // NS_PER_MS), coin=BTC, cloid=cloid, oid=Oid(0),  # type: ignore[arg-type]
                side=place.side, px=place.px, orig_sz=place.sz, remaining_sz=place.sz, state=state, word=state.value,
            )
        )  # fmt: skip


def timed_once(task: Callable[[], object]) -> int:
    """Duration of one call, ns."""
    start = time.perf_counter_ns()
    task()
    return time.perf_counter_ns() - start


def engine_step(rig: Rig, event: ev.AnyEvent, *, moves: range) -> int:
    """Time the engine alone on one event; the venue answers afterwards. Raises: AssertionError on another outcome."""
    start = time.perf_counter_ns()
    commands = rig.engine.on(event)
    took = time.perf_counter_ns() - start
    moved = len([command for command in commands if isinstance(command, (PlaceOrder, ModifyOrder))])
    assert moved in moves, (rig.engine.view(), commands)
    rig.answer(commands)
    return took


def cases(rig: Rig) -> dict[str, Callable[[int], int]]:
    """Each case by name: the duration of its n-th call."""
    frame = book_frame(BASE_PRICE, START // NS_PER_MS)

    def tick(_: int) -> int:
        rig.ts = Ns(rig.ts + NS_PER_MS)
        return engine_step(rig, ev.Tick(ts=rig.ts), moves=range(1))

    return {
        JSON: lambda _: timed_once(lambda: json.loads(frame)),
        DECODED: lambda _: timed_once(lambda: rig.feed.decode(frame, rig.ts)),
        TICK: tick,
        INSIDE: lambda call: engine_step(rig, rig.event(call % 2), moves=range(1)),
        REQUOTE: lambda call: engine_step(rig, rig.event(STEP * (1 - call % 2)), moves=range(4, 7)),
    }


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=31)
    options = parser.parse_args()
    rig, dice = Rig(), random.Random(options.rounds)
    gc.collect()
    gc.freeze()
    every = cases(rig)
    samples: dict[str, list[Sample]] = {name: [] for name in every}
    for _ in range(options.rounds):
        for name in dice.sample(list(every), len(every)):
            rig.book(0)
            rig.book(0)
            took = sorted(every[name](call) for call in range(CALLS))
            samples[name].append(Sample(statistics.median(took), float(took[int(0.99 * (CALLS - 1))])))
    table(f"engine step ({options.rounds} interleaved rounds)", samples, JSON)
    return 0


if __name__ == "__main__":
    sys.exit(main())
