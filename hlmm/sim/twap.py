"""Time-weighted orders: a size cut into slices, one every 30 s, each a market order within 3 % of the mark.

Source: Hyperliquid documentation, "Order types"; slice sizes, history rows and answers recorded on testnet.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Final

import msgspec

from hlmm.sim import rules
from hlmm.sim.account_wire import TwapAction, TwapDetails, TwapOrderAction
from hlmm.sim.accounts import Account
from hlmm.sim.actions import LimitKind, OrderKind, OrderWire
from hlmm.sim.desk import Desk
from hlmm.sim.rules import StaticError
from hlmm.sim.standing import Twap, TwapRow
from hlmm.sim.text import Json, px_text, sz_text, usd
from hlmm.sim.venue import Listing
from hlmm.types import MICRO, Coin, Instrument, Ms, Px, Side, Sz, decimal_text, decimal_units

FIRST_TWAP: Final = 15_000
SLICE_MS: Final = 30_000
SLICES_PER_MINUTE: Final = 2
MINUTES_MIN, MINUTES_MAX = 5, 7 * 24 * 60
VALUE_MIN: Final = 100 * MICRO
SLICE_VALUE_MIN: Final = 10 * MICRO
SLIPPAGE_PERCENT: Final = 3
CATCH_UP: Final = 3
RANDOM_PERCENT: Final = 20
MS_PER_S: Final = 1_000
GONE: Final = "TWAP was never placed, already canceled, or filled."


class Twaps:
    """Every running TWAP."""

    def __init__(self, desk: Desk, by_asset: Mapping[int, Listing], seed: int) -> None:
        """Trade through `desk`; `seed`, of the randomised slices."""
        self._desk = desk
        self._by_asset = by_asset
        self._rng = Random(f"twap {seed}")
        self._last = FIRST_TWAP
        self.running: dict[int, Twap] = {}

    def apply(self, account: Account, action: TwapAction, now: Ms) -> Json:
        """Start or stop a TWAP."""
        if isinstance(action, TwapOrderAction):
            return _answer("twapOrder", self._start(account, action, now))
        found = self.running.get(action.t)
        listing = self._by_asset.get(action.a)
        if found is None or listing is None or (found.owner, found.coin) != (account.index, listing.coin):
            return _answer("twapCancel", {"error": GONE})
        self._end(account, found, "terminated", now)
        return _answer("twapCancel", "success")

    def of(self, account: Account) -> list[Twap]:
        """The account's running TWAPs, oldest first."""
        return [twap for twap in self.running.values() if twap.owner == account.index]

    def _start(self, account: Account, action: TwapOrderAction, now: Ms) -> Json:
        wire, listing = action.twap, self._by_asset.get(action.twap.a)
        if listing is None:
            return {"error": rules.INVALID_ASSET}
        try:
            sz = Sz(decimal_units(wire.s, listing.instrument.sz_decimals))
        except ValueError:
            return {"error": rules.INVALID_SIZE}
        trigger, stop_px = _conditions(listing.instrument, action.details)
        twap = Twap(
            number=self._last + 1, owner=account.index, coin=listing.coin, side=Side.BID if wire.b else Side.ASK,
            sz=sz, minutes=wire.m, reduce_only=wire.r, randomize=wire.t, started=now, next_slice=now,
            trigger=trigger, stop_px=stop_px,
        )  # fmt: skip
        reason = _refusal(account, listing, twap)
        if reason is not None:
            return {"error": reason}
        self._last = twap.number
        self.running[twap.number] = twap
        self._row(account, twap, "activated" if trigger is None else "waitingForTrigger", now)
        return {"running": {"twapId": twap.number}}

    def advance(self, now: Ms) -> None:
        """Execute every slice that is due."""
        for twap in list(self.running.values()):
            listing, account = self._desk.listings[twap.coin], self._desk.accounts[twap.owner]
            if twap.trigger is not None:
                self._await(account, twap, listing, now)
            elif now >= twap.next_slice:
                self._slice(account, twap, listing, now)

    def _await(self, account: Account, twap: Twap, listing: Listing, now: Ms) -> None:
        """Activate a TWAP whose trigger the mark has reached."""
        assert twap.trigger is not None, twap.number
        px, above = twap.trigger
        if listing.marks.mark >= px if above else listing.marks.mark <= px:
            twap.trigger, twap.next_slice = None, now
            self._row(account, twap, "activated", now)

    def _slice(self, account: Account, twap: Twap, listing: Listing, now: Ms) -> None:
        """Send one slice, a larger one when earlier slices went unfilled; end the TWAP after the last."""
        if twap.stop_px is not None and (listing.marks.mark - twap.stop_px) * twap.side > 0:
            self._end(account, twap, "stopped", now)
            return
        slices = slices_of(twap.minutes)
        twap.sliced += 1
        twap.next_slice = Ms(twap.next_slice + SLICE_MS)
        each, left = twap.sz // slices, twap.sz - twap.executed
        behind = each * twap.sliced - twap.executed
        size = left if twap.sliced == slices else min(behind, each * CATCH_UP, left)
        if twap.randomize and twap.sliced < slices:
            size = min(left, size * self._rng.randint(100 - RANDOM_PERCENT, 100 + RANDOM_PERCENT) // 100)
        if size > 0:
            self._trade(account, twap, listing, Sz(size))
        if twap.executed >= twap.sz or twap.sliced >= slices:
            self._end(account, twap, "finished", now)

    def _trade(self, account: Account, twap: Twap, listing: Listing, size: Sz) -> None:
        """One slice through the desk; its fills carry no hash, for nobody signed them."""
        log, instrument = self._desk.log, listing.instrument
        worst = Px(listing.marks.mark * (100 + twap.side * SLIPPAGE_PERCENT) // 100)
        px = instrument.on_grid_down(worst) if twap.side is Side.BID else instrument.on_grid_up(worst)
        wire = OrderWire(
            instrument.asset, twap.side is Side.BID, decimal_text(px, instrument.px_decimals),
            decimal_text(size, instrument.sz_decimals), twap.reduce_only, OrderKind(limit=LimitKind("Ioc")),
        )  # fmt: skip
        before = len(log.fills.get(account.index, []))
        log.unsigned = True
        try:
            self._desk.place(account, rules.draft(wire, listing))
        except StaticError:
            return
        finally:
            log.unsigned = False
        for fill in log.fills.get(account.index, [])[before:]:
            twap.executed = Sz(twap.executed + fill.sz)
            twap.executed_ntl += fill.px * fill.sz
            account.slices.append((fill, twap.number))
            log.slices.setdefault(account.index, []).append((fill, twap.number))

    def _end(self, account: Account, twap: Twap, status: str, now: Ms) -> None:
        del self.running[twap.number]
        self._row(account, twap, status, now)

    def _row(self, account: Account, twap: Twap, status: str, now: Ms) -> None:
        row = TwapRow(time=now, twap=msgspec.structs.replace(twap), status=status)
        account.twap_rows.append(row)
        self._desk.log.twaps.setdefault(account.index, []).append(row)


def slices_of(minutes: int) -> int:
    """Slices of a TWAP: one every 30 s, both ends included."""
    return SLICES_PER_MINUTE * minutes + 1


def _refusal(account: Account, listing: Listing, twap: Twap) -> str | None:
    """Why a TWAP is not started, or None."""
    if not MINUTES_MIN <= twap.minutes <= MINUTES_MAX:
        return f"Invalid TWAP duration: {twap.minutes} min(s)"
    least = max(VALUE_MIN, SLICE_VALUE_MIN * slices_of(twap.minutes))
    if twap.sz * listing.marks.mark < least:
        return f"TWAP order value too small. Min is ${least // MICRO}"
    if twap.reduce_only and account.szi(Coin(listing.coin)) * twap.side >= 0:
        return "Reduce-only TWAP order would increase position."
    return None


def _conditions(instrument: Instrument, details: TwapDetails | None) -> tuple[tuple[Px, bool] | None, Px | None]:
    """Trigger and stop price in units; a price finer than the grid counts as none."""
    if details is None:
        return None, None
    trigger = None if details.t is None else (_px(instrument, details.t.p), details.t.a)
    start = None if trigger is None or trigger[0] is None else (trigger[0], trigger[1])
    return start, None if details.s is None else _px(instrument, details.s)


def _px(instrument: Instrument, text: str) -> Px | None:
    try:
        return Px(decimal_units(text, instrument.px_decimals))
    except ValueError:
        return None


def _answer(kind: str, status: Json) -> Json:
    return {"status": "ok", "response": {"type": kind, "data": {"status": status}}}


def state_json(instrument: Instrument, user: str, twap: Twap) -> dict[str, Json]:
    """A TWAP as histories and feeds show it."""
    trigger: Json = None
    if twap.trigger is not None:
        trigger = {"px": px_text(instrument, twap.trigger[0]), "above": twap.trigger[1]}
    return {
        "coin": twap.coin,
        "user": user,
        "side": "B" if twap.side is Side.BID else "A",
        "sz": sz_text(instrument, twap.sz),
        "executedSz": sz_text(instrument, twap.executed),
        "executedNtl": usd(twap.executed_ntl),
        "minutes": twap.minutes,
        "reduceOnly": twap.reduce_only,
        "randomize": twap.randomize,
        "timestamp": twap.started,
        "stopPx": None if twap.stop_px is None else px_text(instrument, twap.stop_px),
        "trigger": trigger,
    }


def row_json(instrument: Instrument, user: str, row: TwapRow) -> Json:
    """A status change as `twapHistory` lists it; its time is in seconds."""
    state = state_json(instrument, user, row.twap)
    return {
        "time": row.time // MS_PER_S, "state": state, "status": {"status": row.status}, "twapId": row.twap.number,
    }  # fmt: skip
