"""The engine's state: one writer per part, everyone else reads."""

from __future__ import annotations

import enum
from collections import deque
from typing import TYPE_CHECKING, Final

from hlmm.core.account import Ledger
from hlmm.core.book import CoinBook
from hlmm.core.budget import Budget
from hlmm.core.drift import DriftLog
from hlmm.core.orders import OrderStore
from hlmm.core.quoting import Quoter, Wish
from hlmm.core.risk import Finding, Verdict
from hlmm.core.view import Phase
from hlmm.types import NS_PER_S, Coin, Ns, Px, Side

if TYPE_CHECKING:
    from hlmm.core.commands import Alarm, Decision
    from hlmm.core.events import OrderFilled
    from hlmm.core.quantize import Quote
    from hlmm.core.settings import CoinConfig, EngineConfig
    from hlmm.types import Instrument, Ms, Oid, Sz

EARLY_FILLS_MAX: Final = 5000
"""Fills kept until the first account snapshot tells which of them it already holds."""


class Leverage(enum.Enum):
    """What is known of a coin's leverage and margin mode at the venue."""

    UNREAD = "not read yet"
    OTHER = "not as configured"
    AS_WANTED = "as configured"
    REFUSED = "refused by the venue"


class CoinState:
    """One coin: its market, its quoter, and what was last decided."""

    def __init__(self, config: CoinConfig) -> None:
        """Start knowing nothing of the market."""
        self.config = config
        self.coin = Coin(config.coin)
        self.instrument: Instrument | None = None
        self.book = CoinBook()
        self.quoter = Quoter(config)
        self.burst: deque[tuple[Ns, Side]] = deque()
        self.crossed_ts: dict[Side, Ns] = {}
        self.decision: Decision | None = None
        self.wish = Wish(reason="starting", text="waiting for the venue")
        self.gridded_from: tuple[Wish, Instrument, Px, Px] | None = None
        self.gridded: tuple[Quote, ...] = ()
        self.reason = "starting"
        self.leverage = Leverage.UNREAD
        self.leverage_ts = Ns(0)
        self.is_two_sided = False
        self.first_two_sided_ts: Ns | None = None
        self.two_sided_ns = 0

    @property
    def fallback_px(self) -> Px:
        """A price to value limits with while nothing is quoted."""
        return self.book.mark_px or Px(1)

    @property
    def held_sides(self) -> tuple[Side, ...]:
        """Sides that wait for a newer book: the venue refused an order as crossing after the last one arrived."""
        top_ts = self.book.top_ts
        return tuple(side for side, ts in self.crossed_ts.items() if top_ts is not None and ts >= top_ts)

    def burst_fills(self, ts: Ns) -> int:
        """Own fills within the burst window on the side that has more."""
        horizon = ts - self.config.limits.fill_burst_window_s * NS_PER_S
        while self.burst and self.burst[0][0] < horizon:
            self.burst.popleft()
        bids = sum(side is Side.BID for _, side in self.burst)
        return max(bids, len(self.burst) - bids)

    def count_uptime(self, elapsed_ns: int, now: Ns, *, two_sided: bool) -> None:
        """Add the time since the last event to what it was; the clock starts at the first two-sided quote."""
        if self.first_two_sided_ts is not None and self.is_two_sided:
            self.two_sided_ns += elapsed_ns
        if two_sided and self.first_two_sided_ts is None:
            self.first_two_sided_ts = now
        self.is_two_sided = two_sided

    def uptime_frac(self, now: Ns) -> float:
        """Share of time with quotes on both sides since the first such moment; 0 before it."""
        if self.first_two_sided_ts is None or now <= self.first_two_sided_ts:
            return 0.0
        return self.two_sided_ns / (now - self.first_two_sided_ts)


class Gate:
    """What must be known before the first quote, and again after every reconnect. Fail closed."""

    NEEDS: Final = ("connection", "instruments", "account", "open_orders", "fees", "budget", "signer", "leverage")

    def __init__(self) -> None:
        """Start with everything missing."""
        self._have: dict[str, bool] = dict.fromkeys(self.NEEDS, False)

    def confirm(self, need: str) -> None:
        """This fact has arrived from the venue. Args: need, one of `NEEDS`."""
        assert need in self._have, need
        self._have[need] = True

    def lose_connection(self) -> None:
        """Forget what may have changed while nobody listened."""
        for need in ("connection", "account", "open_orders"):
            self._have[need] = False

    def doubt(self, need: str) -> None:
        """This fact is not known after all. Args: need, one of `NEEDS`."""
        assert need in self._have, need
        self._have[need] = False

    def lacks(self, need: str) -> bool:
        """Whether this fact is unknown. Args: need, one of `NEEDS`."""
        return not self._have[need]

    @property
    def is_connected(self) -> bool:
        """Whether the feed is connected."""
        return self._have["connection"]

    @property
    def missing(self) -> tuple[str, ...]:
        """What is still unknown, in order; empty when quoting may start."""
        return tuple(need for need, known in self._have.items() if not known)


class Resync:
    """The way back to agreement with the venue: why it was lost, what has been read since, when to ask again."""

    BACKOFF_MAX: Final = 3
    """Doublings of the wait between two attempts."""

    def __init__(self) -> None:
        """Begin in agreement."""
        self.why = ""
        self.asks = 0
        self._since = self._asked_ts = Ns(0)
        self._orders = self._account = False

    def lose(self, why: str, ts: Ns) -> None:
        """We disagree: only reads asked from now on count."""
        self.why, self._since = why, ts
        self._orders = self._account = False

    def is_due(self, ts: Ns, wait_s: float) -> bool:
        """Whether to ask now; the first time at once, then at doubling waits. Notes that it was asked."""
        backoff_s = wait_s * 2 ** min(max(0, self.asks - 1), self.BACKOFF_MAX)
        if not self.why or (self.asks and ts - self._asked_ts < backoff_s * NS_PER_S):
            return False
        self.asks, self._asked_ts = self.asks + 1, ts
        return True

    def saw_orders(self, asked_ts: Ns) -> None:
        """Open orders were read."""
        self._orders = self._orders or asked_ts >= self._since
        self._settle()

    def saw_account(self, asked_ts: Ns, *, agrees: bool) -> None:
        """Positions were read, and are what we count or not."""
        self._account = agrees and asked_ts >= self._since
        self._settle()

    def _settle(self) -> None:
        if self.why and self._orders and self._account:
            self.why, self.asks = "", 0


class EngineState:
    """Everything the engine knows."""

    def __init__(self, config: EngineConfig, run_tag: int) -> None:
        """Start before the venue has said anything. Args: run_tag, 48 bits, unique per run."""
        self.config = config
        self.coins: dict[Coin, CoinState] = {Coin(coin.coin): CoinState(coin) for coin in config.coins}
        self.orders = OrderStore(run_tag)
        self.ledger = Ledger()
        self.budget = Budget(config.budget)
        self.gate = Gate()
        self.ts = Ns(0)
        self.counted_ts = Ns(0)
        self.account_finding = Finding(Verdict.PULL, "starting", "the account has not been judged yet")
        self.phase = Phase.STARTING
        self.stop_reason = ""
        self.halt_reason = ""
        self.regridded = ""
        """Which coin the venue lists on another grid than the one that this run counts in; "" for none."""
        self.maker_bps: float | None = None
        self.alarms: list[Alarm] = []
        self.rejects: deque[Ns] = deque()
        self.resync = Resync()
        self.early_fills: deque[OrderFilled] = deque(maxlen=EARLY_FILLS_MAX)
        self.recent_fills: deque[tuple[Ms, Coin, Sz]] = deque(maxlen=EARLY_FILLS_MAX)
        self.foreign: dict[Oid, Coin] = {}
        self.quarantined = 0
        self.drift = DriftLog()
        self.sync_ts = Ns(0)
        self.budget_ts = Ns(0)
        self.fills_ts = Ns(0)
        self.agreed_ms: Ms | None = None
        self.connected_ts = Ns(0)
        self.is_refetch_due = False
        self.is_signer_refused = False
        self.account_asked = Ns(0)
        self.orders_asked = Ns(0)
        self.confirm_ts: Ns | None = None
        self.proof_ts = Ns(0)
        self.confirmed_orders = False
        self.confirmed_account = False

    @property
    def is_stopping(self) -> bool:
        """Whether a stop or halt has begun; nothing is placed from then on."""
        return self.phase not in (Phase.STARTING, Phase.TRADING)

    @property
    def is_done(self) -> bool:
        """Whether the stop is complete and the venue confirmed that nothing of ours rests."""
        return self.phase in (Phase.STOPPED, Phase.HALTED)

    def count_rejects(self) -> int:
        """Refused orders within the window."""
        horizon = self.ts - self.config.risk.rejects_window_s * NS_PER_S
        while self.rejects and self.rejects[0] < horizon:
            self.rejects.popleft()
        return len(self.rejects)

    @property
    def out_of_sync(self) -> str:
        """Why we disagree with the venue, or ""."""
        return self.resync.why

    def lose_sync(self, why: str) -> None:
        """The venue and we disagree: pull until fresh reads of orders and account, after fills, agree again."""
        self.resync.lose(why, self.ts)

    def doubt_budget(self) -> None:
        """The venue counts requests differently: its figures are due now, unless they were just asked for."""
        if self.ts - self.budget_ts >= self.config.timing.query_after_s * NS_PER_S:
            self.budget_ts = Ns(0)

    def connect(self) -> None:
        """The feed is back: what was read before it stood may lack what happened in between."""
        self.gate.confirm("connection")
        if self.account_asked < self.ts:
            self.gate.doubt("account")
        if self.orders_asked < self.ts:
            self.gate.doubt("open_orders")
        self.sync_ts = self.budget_ts = self.connected_ts = self.ts
        self.is_refetch_due = self.ledger.snapshot_ms is not None
