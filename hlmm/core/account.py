"""The account: positions by fills, cash and the exact split of PnL. All money is integer micro-USD.

Position is a snapshot of the venue plus the fills after it, each fill once (by coin and tid). With mark prices
m, contemporaneous mids c, and mids h seconds later r, all on the `Px` grid, every fill of signed size d at p gives
  spread d(c - p), adverse selection d(r - c), inventory d(m - r)
and the position held from the start gives inventory q0(m - m0): the five terms sum to the change of equity exactly.
Source: theory section 6.1.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

import msgspec

from hlmm.core.view import PnlView
from hlmm.types import Coin, MicroUsd, Ms, Ns, Px, Sz, Tid

if TYPE_CHECKING:
    from hlmm.core.events import FundingPaid, Holding, OrderFilled

KEPT_TIDS: Final = 20_000
"""How many fill ids are remembered; the venue's snapshots hold 2,000."""


class Open(msgspec.Struct, gc=False, frozen=True):
    """A fill whose markout horizon has not passed: signed size, mid at the fill, when it is due."""

    signed_sz: Sz
    mid_px: Px
    due_ts: Ns


class CoinLedger:
    """Position and PnL of one coin since the run began."""

    def __init__(self, start_sz: Sz, start_mark_px: Px, snapshot_ms: Ms) -> None:
        """Begin at the venue's word. Args: signed start_sz; start_mark_px > 0; block time of the snapshot."""
        self.start_sz = start_sz
        self.start_mark_px = start_mark_px
        self.snapshot_ms = snapshot_ms
        self.position_sz = start_sz
        self.mark_px = start_mark_px
        self.cash = 0
        self.spread = 0
        self.adverse = 0
        self.settled_notional = 0
        self.fees = 0
        self.funding = 0
        self.volume = 0
        self.fill_count = 0
        self.drift_reads = 0
        self.gap = 0
        self.same_gap_reads = 0
        self._open: deque[Open] = deque()

    def fill(self, event: OrderFilled, mid_px: Px | None, due_ts: Ns) -> None:
        """Count one new fill. Args: mid_px when it was seen, None when unknown (its spread is then 0)."""
        signed = Sz(event.side * event.sz)
        mid = event.px if mid_px is None else mid_px
        self.position_sz = Sz(self.position_sz + signed)
        self.cash -= signed * event.px
        self.spread += signed * (mid - event.px)
        self.fees -= event.fee
        self.volume += event.sz * event.px
        self.fill_count += 1
        self._open.append(Open(signed, mid, due_ts))

    def adopt(self, gap: Sz) -> None:
        """Take over a difference of position that no fill explains, at the mark: it makes no PnL by itself."""
        self.position_sz = Sz(self.position_sz + gap)
        self.cash -= gap * self.mark_px
        self.settled_notional += gap * self.mark_px

    def mature(self, ts: Ns, mid_px: Px) -> None:
        """Settle the markout of every fill whose horizon has passed at today's mid."""
        while self._open and self._open[0].due_ts <= ts:
            done = self._open.popleft()
            self.adverse += done.signed_sz * (mid_px - done.mid_px)
            self.settled_notional += done.signed_sz * mid_px

    @property
    def total(self) -> int:
        """PnL at the current mark, micro-USD."""
        held = self.position_sz * self.mark_px - self.start_sz * self.start_mark_px
        return self.cash + held + self.fees + self.funding

    def pnl(self) -> PnlView:
        """The split at the current mark. Raises: nothing; a sum that does not match the cash account asserts."""
        mark = self.mark_px
        adverse = self.adverse + sum(fill.signed_sz * (mark - fill.mid_px) for fill in self._open)
        settled_sz = self.position_sz - self.start_sz - sum(fill.signed_sz for fill in self._open)
        inventory = settled_sz * mark - self.settled_notional + self.start_sz * (mark - self.start_mark_px)
        total = self.total
        assert total == self.spread + adverse + inventory + self.fees + self.funding, "PnL terms do not sum"
        return PnlView(
            total=MicroUsd(total),
            spread=MicroUsd(self.spread),
            adverse_selection=MicroUsd(adverse),
            inventory=MicroUsd(inventory),
            fees=MicroUsd(self.fees),
            funding=MicroUsd(self.funding),
        )


class Ledger:
    """The single writer of positions, cash and PnL of the account."""

    def __init__(self) -> None:
        """Start before the venue has said anything."""
        self.coins: dict[Coin, CoinLedger] = {}
        self.start_value: MicroUsd | None = None
        self.account_value: MicroUsd | None = None
        self.margin_used = MicroUsd(0)
        self.withdrawable = MicroUsd(0)
        self.peak_value = 0
        self.snapshot_ms: Ms | None = None
        self._tids: dict[tuple[Coin, Tid], None] = {}
        self._funded: dict[tuple[Coin, Ms], None] = {}

    def begin(self, venue_ts: Ms, account_value: MicroUsd) -> None:
        """Take the first snapshot of the account."""
        self.snapshot_ms = venue_ts
        self.start_value = account_value

    def value(self, account_value: MicroUsd, margin_used: MicroUsd, withdrawable: MicroUsd) -> None:
        """Take the venue's own account value."""
        self.account_value = account_value
        self.margin_used, self.withdrawable = margin_used, withdrawable
        self.peak_value = max(self.peak_value, account_value)

    def open_coin(self, coin: Coin, holding: Holding | None, mark_px: Px, venue_ts: Ms) -> None:
        """Begin a coin's ledger at the venue's position; `mark_px` serves when there is none."""
        start_sz = Sz(0) if holding is None else holding.sz
        start_px = mark_px if holding is None else holding.mark_px
        self.coins[coin] = CoinLedger(start_sz, start_px, venue_ts)

    def is_new(self, coin: Coin, tid: Tid) -> bool:
        """Whether this fill was not seen before; remembers it."""
        key = (coin, tid)
        if key in self._tids:
            return False
        self._tids[key] = None
        if len(self._tids) > KEPT_TIDS:
            del self._tids[next(iter(self._tids))]
        return True

    def fund(self, event: FundingPaid) -> None:
        """Count one funding payment, once per coin and settlement, if it came after the start."""
        ledger = self.coins.get(event.coin)
        key = (event.coin, event.venue_ts)
        if ledger is None or key in self._funded or event.venue_ts <= ledger.snapshot_ms:
            return
        self._funded[key] = None
        ledger.funding += event.amount

    def position(self, coin: Coin) -> Sz:
        """Signed position by our count; 0 before the first snapshot."""
        ledger = self.coins.get(coin)
        return Sz(0) if ledger is None else ledger.position_sz

    def pnl(self) -> PnlView:
        """The account's split: the sum over coins."""
        parts = [ledger.pnl() for ledger in self.coins.values()]
        return PnlView(
            total=MicroUsd(sum(part.total for part in parts)),
            spread=MicroUsd(sum(part.spread for part in parts)),
            adverse_selection=MicroUsd(sum(part.adverse_selection for part in parts)),
            inventory=MicroUsd(sum(part.inventory for part in parts)),
            fees=MicroUsd(sum(part.fees for part in parts)),
            funding=MicroUsd(sum(part.funding for part in parts)),
        )

    @property
    def pnl_total(self) -> MicroUsd:
        """The account's PnL without its split: what a limit on losses needs at every event."""
        return MicroUsd(sum(ledger.total for ledger in self.coins.values()))

    @property
    def fill_count(self) -> int:
        """Fills since the run began."""
        return sum(ledger.fill_count for ledger in self.coins.values())

    @property
    def volume(self) -> MicroUsd:
        """Notional traded since the run began, micro-USD."""
        return MicroUsd(sum(ledger.volume for ledger in self.coins.values()))
