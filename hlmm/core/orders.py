"""The life of our orders: a literal table (state x evidence -> state) and the store that applies it.

Two rules. An order ends only on the venue's evidence: a timeout makes it UNKNOWN, never gone. And an order that the
venue says has ended stays ENDING until every fill it owes us has arrived, so no filled size is lost or counted twice.
A pair that the table does not hold is out of sync: nothing changes, and the caller pulls and reads the venue again.
"""

from __future__ import annotations

import enum
from typing import Final

import msgspec

from hlmm.types import NS_PER_S, Cloid, Coin, Ns, Oid, Px, Side, Sz, Tif, to_cloid

CLOID_BITS_TAG: Final = 48
CLOID_BITS_SEQUENCE: Final = 48
CLOID_MAGIC: Final = 0x686C6D6D
"""First 32 bits of every cloid of ours: "hlmm" in ASCII. Orders that carry it are ours to cancel."""
OURS: Final = f"0x{CLOID_MAGIC:08x}"
"""How such a cloid begins."""
KEPT_FINAL: Final = 2000
"""How many finished orders are remembered, to recognise late evidence."""


def make_cloid(run_tag: int, sequence: int) -> Cloid:
    """The cloid of an order. Args: run_tag and sequence, 0 <= x < 2^48. Returns: 128 bits, magic first."""
    assert 0 <= run_tag < 1 << CLOID_BITS_TAG, run_tag
    assert 0 <= sequence < 1 << CLOID_BITS_SEQUENCE, sequence
    return to_cloid((CLOID_MAGIC << CLOID_BITS_TAG | run_tag) << CLOID_BITS_SEQUENCE | sequence)


def is_ours(cloid: Cloid | None) -> bool:
    """Whether an hlmm run made this cloid. Args: cloid, None for an order without one. Raises: nothing."""
    return cloid is not None and cloid.startswith(OURS)


class Status(enum.Enum):
    """Where an order is in its life. The last three are final."""

    SENT = "sent"
    OPEN = "open"
    CANCELING = "canceling"
    UNKNOWN = "unknown"
    ENDING = "ending"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"


FINAL: Final = (Status.FILLED, Status.CANCELED, Status.REJECTED)
"""A tuple: membership is by identity, without the hash of an enum, on every order of every event."""


class Evidence(enum.Enum):
    """What can be learnt of an order, by us or from the venue."""

    RESTED = "rested"
    MATCHED = "matched"
    REFUSED = "refused"
    LOST = "lost"
    UNSENT = "unsent"
    CANCEL_SENT = "cancel sent"
    CANCEL_ACKED = "cancel acked"
    CANCEL_MISSING = "cancel missing"
    CANCEL_LOST = "cancel lost"
    CANCEL_FAILED = "cancel failed"
    SAID_OPEN = "said open"
    SAID_ENDED = "said ended"
    SAID_REJECTED = "said rejected"
    NEVER_EXISTED = "never existed"
    FILLED_PART = "filled in part"
    FILLED_WHOLE = "filled whole"


S, E = Status, Evidence
TABLE: Final[dict[tuple[Status, Evidence], Status]] = {
    (S.SENT, E.RESTED): S.OPEN,
    (S.SENT, E.MATCHED): S.ENDING,
    (S.SENT, E.REFUSED): S.REJECTED,
    (S.SENT, E.LOST): S.UNKNOWN,
    (S.SENT, E.UNSENT): S.REJECTED,
    (S.SENT, E.CANCEL_SENT): S.CANCELING,
    (S.SENT, E.SAID_OPEN): S.OPEN,
    (S.SENT, E.SAID_ENDED): S.ENDING,
    (S.SENT, E.SAID_REJECTED): S.REJECTED,
    (S.SENT, E.FILLED_PART): S.OPEN,
    (S.SENT, E.FILLED_WHOLE): S.ENDING,
    (S.OPEN, E.RESTED): S.OPEN,
    (S.OPEN, E.MATCHED): S.ENDING,
    (S.OPEN, E.LOST): S.OPEN,
    (S.OPEN, E.CANCEL_SENT): S.CANCELING,
    (S.OPEN, E.CANCEL_ACKED): S.ENDING,
    (S.OPEN, E.CANCEL_MISSING): S.UNKNOWN,
    (S.OPEN, E.CANCEL_LOST): S.UNKNOWN,
    (S.OPEN, E.CANCEL_FAILED): S.OPEN,
    (S.OPEN, E.SAID_OPEN): S.OPEN,
    (S.OPEN, E.SAID_ENDED): S.ENDING,
    (S.OPEN, E.SAID_REJECTED): S.REJECTED,
    (S.OPEN, E.FILLED_PART): S.OPEN,
    (S.OPEN, E.FILLED_WHOLE): S.ENDING,
    (S.CANCELING, E.RESTED): S.CANCELING,
    (S.CANCELING, E.MATCHED): S.ENDING,
    (S.CANCELING, E.REFUSED): S.REJECTED,
    (S.CANCELING, E.LOST): S.UNKNOWN,
    (S.CANCELING, E.UNSENT): S.REJECTED,
    (S.CANCELING, E.CANCEL_SENT): S.CANCELING,
    (S.CANCELING, E.CANCEL_ACKED): S.ENDING,
    (S.CANCELING, E.CANCEL_MISSING): S.UNKNOWN,
    (S.CANCELING, E.CANCEL_LOST): S.UNKNOWN,
    (S.CANCELING, E.CANCEL_FAILED): S.OPEN,
    (S.CANCELING, E.SAID_OPEN): S.CANCELING,
    (S.CANCELING, E.SAID_ENDED): S.ENDING,
    (S.CANCELING, E.SAID_REJECTED): S.REJECTED,
    (S.CANCELING, E.FILLED_PART): S.CANCELING,
    (S.CANCELING, E.FILLED_WHOLE): S.ENDING,
    (S.UNKNOWN, E.RESTED): S.OPEN,
    (S.UNKNOWN, E.MATCHED): S.ENDING,
    (S.UNKNOWN, E.REFUSED): S.REJECTED,
    (S.UNKNOWN, E.LOST): S.UNKNOWN,
    (S.UNKNOWN, E.UNSENT): S.REJECTED,
    (S.UNKNOWN, E.CANCEL_SENT): S.UNKNOWN,
    (S.UNKNOWN, E.CANCEL_ACKED): S.ENDING,
    (S.UNKNOWN, E.CANCEL_MISSING): S.UNKNOWN,
    (S.UNKNOWN, E.CANCEL_LOST): S.UNKNOWN,
    (S.UNKNOWN, E.CANCEL_FAILED): S.UNKNOWN,
    (S.UNKNOWN, E.SAID_OPEN): S.OPEN,
    (S.UNKNOWN, E.SAID_ENDED): S.ENDING,
    (S.UNKNOWN, E.SAID_REJECTED): S.REJECTED,
    (S.UNKNOWN, E.NEVER_EXISTED): S.REJECTED,
    (S.UNKNOWN, E.FILLED_PART): S.UNKNOWN,
    (S.UNKNOWN, E.FILLED_WHOLE): S.ENDING,
    # ENDING absorbs every late report of an order that was alive: acks and updates may follow its end.
    (S.ENDING, E.RESTED): S.ENDING,
    (S.ENDING, E.MATCHED): S.ENDING,
    (S.ENDING, E.LOST): S.ENDING,
    (S.ENDING, E.CANCEL_ACKED): S.ENDING,
    (S.ENDING, E.CANCEL_MISSING): S.ENDING,
    (S.ENDING, E.CANCEL_LOST): S.ENDING,
    (S.ENDING, E.CANCEL_FAILED): S.ENDING,
    (S.ENDING, E.SAID_OPEN): S.ENDING,
    (S.ENDING, E.SAID_ENDED): S.ENDING,
    (S.ENDING, E.FILLED_PART): S.ENDING,
    (S.ENDING, E.FILLED_WHOLE): S.ENDING,
    # Final states stay: the venue may repeat itself, or answer after its own update.
    **{
        (end, late): end
        for end in (S.FILLED, S.CANCELED)
        for late in (
            E.RESTED, E.MATCHED, E.LOST, E.CANCEL_ACKED, E.CANCEL_MISSING, E.CANCEL_LOST, E.CANCEL_FAILED,
            E.SAID_OPEN, E.SAID_ENDED,
        )
    },
    **{
        (S.REJECTED, late): S.REJECTED
        for late in (
            E.REFUSED, E.LOST, E.UNSENT, E.CANCEL_MISSING, E.CANCEL_LOST, E.CANCEL_FAILED,
            E.SAID_REJECTED, E.NEVER_EXISTED,
        )
    },
}  # fmt: skip


class Order(msgspec.Struct, gc=False, kw_only=True):
    """One order of ours. Only `OrderStore` writes it. Sizes in `Sz`, times in ns."""

    cloid: Cloid
    coin: Coin
    side: Side
    px: Px
    sz: Sz
    tif: Tif
    sent_ts: Ns
    status: Status = Status.SENT
    oid: Oid | None = None
    filled_sz: Sz = Sz(0)
    ended_sz: Sz | None = None
    """The venue's last word on how much filled, once it said the order ended."""
    changed_ts: Ns = Ns(0)
    cancel_ts: Ns = Ns(0)
    asked_ts: Ns = Ns(0)
    absent_since: Ns | None = None
    refused_ts: Ns = Ns(0)
    """When a cancel of it last failed without reaching the order."""
    is_missed: bool = False
    """Whether it became UNKNOWN because the venue did not find it: most likely filled, the news on its way."""

    @property
    def resting_sz(self) -> Sz:
        """The most that can still fill. Zero once final."""
        if self.status in FINAL:
            return Sz(0)
        whole = self.sz if self.ended_sz is None else self.ended_sz
        return Sz(max(0, whole - self.filled_sz))

    @property
    def is_live(self) -> bool:
        """Whether the venue may hold it in its book."""
        return self.status in (Status.SENT, Status.OPEN, Status.CANCELING, Status.UNKNOWN)


class OrderStore:
    """The single writer of our orders."""

    def __init__(self, run_tag: int) -> None:
        """Start empty. Args: run_tag, 48 bits, unique per run."""
        self._run_tag = run_tag
        self._sequence = 0
        self._working: dict[Cloid, Order] = {}
        self._final: dict[Cloid, Order] = {}
        self._by_coin: dict[Coin, dict[Cloid, Order]] = {}

    def next_cloid(self) -> Cloid:
        """A cloid never used before by this run."""
        self._sequence += 1
        return make_cloid(self._run_tag, self._sequence)

    def get(self, cloid: Cloid | None) -> Order | None:
        """The order of a cloid, working or remembered, or None."""
        if cloid is None:
            return None
        return self._working.get(cloid) or self._final.get(cloid)

    def working(self) -> tuple[Order, ...]:
        """Every order that is not final, oldest first."""
        return tuple(self._working.values())

    def of(self, coin: Coin) -> tuple[Order, ...]:
        """The working orders of one coin, oldest first."""
        return tuple(self._by_coin.get(coin, {}).values())

    def count_live(self) -> int:
        """How many orders the venue may hold in its books."""
        return sum(order.is_live for order in self._working.values())

    def count(self, status: Status) -> int:
        """How many working orders have this status."""
        return sum(order.status is status for order in self._working.values())

    def count_doubtful(self, now: Ns, grace_s: float) -> int:
        """How many orders are of unknown outcome, those not counted whose fill may simply be on its way.

        Args: grace_s, how long an order that a cancel or modify did not find is taken for filled, s.
        """
        return sum(
            order.status is Status.UNKNOWN and not (order.is_missed and now - order.changed_ts < grace_s * NS_PER_S)
            for order in self._working.values()
        )

    def register(self, order: Order) -> None:
        """Know an order before it is sent, or adopt one found at the venue. Raises: nothing; a reused cloid asserts."""
        assert order.cloid not in self._working, order.cloid
        assert order.cloid not in self._final, order.cloid
        self._working[order.cloid] = order
        self._by_coin.setdefault(order.coin, {})[order.cloid] = order

    def apply(self, order: Order, evidence: Evidence, ts: Ns) -> bool:
        """Move an order by one piece of evidence.

        Returns: False when the pair is impossible: nothing changed, the caller is out of sync with the venue.
        """
        after = TABLE.get((order.status, evidence))
        if after is None:
            return False
        if after is not order.status:
            order.changed_ts = ts
            order.absent_since = None
            order.is_missed = evidence is Evidence.CANCEL_MISSING
        order.status = after
        if evidence is Evidence.CANCEL_SENT:
            order.cancel_ts = ts
        self._settle(order)
        return True

    def fill(self, order: Order, sz: Sz, ts: Ns) -> bool:
        """Add one fill (already deduplicated by tid) to its order. Args: sz > 0.

        Returns: False when the order was over or would be overfilled: the size is counted, the caller is out of sync.
        """
        assert sz > 0, sz
        possible = order.status not in FINAL and order.filled_sz + sz <= order.sz
        order.filled_sz = Sz(order.filled_sz + sz)
        if not possible:
            return False
        whole = order.filled_sz >= order.sz
        return self.apply(order, Evidence.FILLED_WHOLE if whole else Evidence.FILLED_PART, ts)

    def end(self, order: Order, filled_sz: Sz, ts: Ns) -> bool:
        """Record the venue's word that an order ended with so much filled. Returns: as `apply`."""
        if order.status not in FINAL:
            order.ended_sz = Sz(max(filled_sz, order.filled_sz))
        return self.apply(order, Evidence.SAID_ENDED, ts)

    def give_up(self, order: Order, ts: Ns) -> None:
        """End an order with the fills that arrived: the venue said it ended, and reading fills again brought none."""
        assert order.status is Status.ENDING, order.status
        order.ended_sz = order.filled_sz
        self.apply(order, Evidence.SAID_ENDED, ts)

    def revive(self, order: Order, remaining_sz: Sz, ts: Ns) -> None:
        """Bring back a finished order that the venue shows in its book: we were wrong, and it must be managed."""
        assert order.status in FINAL, order.status
        del self._final[order.cloid]
        order.status, order.ended_sz, order.changed_ts = Status.OPEN, None, ts
        order.filled_sz = Sz(max(0, order.sz - remaining_sz))
        self.register(order)

    def _settle(self, order: Order) -> None:
        """Finish an ENDING order whose fills are all here; forget the oldest finished ones."""
        if order.status is Status.ENDING:
            if order.filled_sz >= order.sz:
                order.status = Status.FILLED
            elif order.ended_sz is not None and order.filled_sz >= order.ended_sz:
                order.status = Status.CANCELED
        if order.status in FINAL and order.cloid in self._working:
            del self._working[order.cloid]
            del self._by_coin[order.coin][order.cloid]
            self._final[order.cloid] = order
            if len(self._final) > KEPT_FINAL:
                del self._final[next(iter(self._final))]
