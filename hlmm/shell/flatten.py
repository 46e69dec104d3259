"""Flatten: cancel, close reduce-only, and read the venue again until it confirms zero. REST only, no engine needed.

Each round reads first and acts on that reading alone, so an action whose outcome is unknown is never sent again
blindly: the next reading says whether it worked. Only readings decide that the account is flat, never answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Protocol, TypeVar

import msgspec

from hlmm.core.events import Reject
from hlmm.core.flatten import Close, FlattenConfig, FlattenOrder, FlattenReading, FlattenScope, plan
from hlmm.hyperliquid import wire
from hlmm.hyperliquid.actions import AnyAction, Cancel, CancelWire, Order, OrderSpec, order_wire, signed_body
from hlmm.hyperliquid.errors import Scope, refusal
from hlmm.hyperliquid.nonces import Nonces
from hlmm.hyperliquid.signing import Network, Signer, Stamp
from hlmm.shell.flatten_read import OK, FlattenReader, Post
from hlmm.types import NS_PER_MS, Address, Coin, Instrument, Ms, Ns, Oid, Side, Sz, decimal_text

BATCH_MAX: Final = 200
THROTTLE_S: Final = 10.0
"""Over its request budget an account may send one order action in 10 s; cancels have an allowance of their own."""
CLOCK_TRUST_MS: Final = 3_600_000
DUST_TRIES_MAX: Final = 3
Item = TypeVar("Item")
CONFIRMED: Final = "the venue confirms it"
NOT_CONFIRMED: Final = "deadline reached before the venue confirmed"
ONLY_DUST: Final = "what is left is below the venue's minimum order value"
SIGNER_REFUSED: Final = "the venue does not accept the signer: approve the agent again, or close with the wallet itself"


class FlattenClock(Protocol):
    """Time for a flatten."""

    def now_ms(self) -> Ms:
        """Wall time, ms since the epoch."""

    def monotonic_s(self) -> float:
        """Seconds that never step back."""

    def sleep(self, seconds: float) -> None:
        """Let that many seconds pass."""


class NonceKeeper(Protocol):
    """Where the signer's nonces begin, and who remembers those used."""

    start: Ms

    def used(self, nonce: int) -> None:
        """Make it durable that nonces up to this one may be in use, before it is sent."""


class FlattenTarget(msgspec.Struct, frozen=True, kw_only=True):
    """Whose orders and positions, and who signs. `vault` is the vault or sub-account traded for, if any."""

    account: Address
    network: Network
    signer: Signer
    vault: Address | None = None


class FlattenParts(msgspec.Struct, frozen=True, kw_only=True):
    """What a flatten works with. `nonces` opens the signer's floor; `step` is told each step before it is taken."""

    target: FlattenTarget
    scope: FlattenScope
    config: FlattenConfig
    post: Post
    clock: FlattenClock
    nonces: Callable[[Ms], NonceKeeper]
    step: Callable[[str, AnyAction | None], None]


class FlattenRemaining(msgspec.Struct, frozen=True, kw_only=True):
    """What the last reading shows: orders in scope, sizes by coin, coins whose rest is dust, questions not answered."""

    orders: int
    positions: dict[str, str]
    dust: tuple[str, ...]
    unread: tuple[str, ...]


class FlattenReport(msgspec.Struct, frozen=True, kw_only=True):
    """How it ended. `closed` is the change of each position in base units, as text."""

    verified_flat: bool
    cancelled: int
    closed: dict[str, str]
    remaining: FlattenRemaining
    elapsed_s: float
    reason: str


class _Statuses(msgspec.Struct, frozen=True):
    statuses: list[msgspec.Raw]


class _Response(msgspec.Struct, frozen=True):
    data: _Statuses


class _Answer(msgspec.Struct, frozen=True):
    status: str
    response: msgspec.Raw


class _Status(msgspec.Struct, frozen=True):
    error: str | None = None


class Flattener:
    """One flatten. `run` once."""

    def __init__(self, parts: FlattenParts) -> None:
        target = parts.target
        self._parts = parts
        self._reader = FlattenReader(parts.post, target.vault or target.account, parts.scope)
        self._nonces: Nonces | None = None
        self._keeper: NonceKeeper | None = None
        self._attempts: dict[Coin, int] = {}
        self._too_small: dict[Coin, int] = {}
        self._throttled_until_s = 0.0
        self._acked: dict[Oid, None] = {}
        self._doubtful: dict[Oid, None] = {}
        self._first: dict[Coin, tuple[Instrument, Sz]] = {}
        self._hopeless = ""

    def run(self, deadline_s: float) -> FlattenReport:
        """Work until the venue confirms zero in `clean_reads` readings, or the deadline.

        Args: deadline_s, real seconds, > 0; the last request may overrun it by its own limit.
        Returns: the report; `verified_flat` only on the venue's word.   Raises: OSError when nonces cannot be stored.
        """
        parts, clock = self._parts, self._parts.clock
        started_s = clock.monotonic_s()
        clean = 0
        while True:
            reading = self._reader.read()
            self._remember(reading)
            clean = clean + 1 if reading.is_clean else 0
            elapsed_s = clock.monotonic_s() - started_s
            if clean >= parts.config.clean_reads:
                return self._report(reading, elapsed_s, CONFIRMED)
            if elapsed_s >= deadline_s or self._given_up(reading):
                return self._report(reading, elapsed_s, self._hopeless or NOT_CONFIRMED)
            if not reading.is_clean:
                self._act(reading)
            clock.sleep(min(parts.config.poll_s, deadline_s - elapsed_s))

    def _remember(self, reading: FlattenReading) -> None:
        """Say what the reading shows, and settle what was in doubt."""
        for position in reading.positions:
            self._first.setdefault(position.instrument.coin, (position.instrument, position.sz))
        held = ", ".join(f"{p.instrument.coin} {_size(p.instrument, p.sz)}" for p in reading.positions)
        unread = f"; not read: {'; '.join(reading.missing)}" if reading.missing else ""
        self._parts.step(f"venue: {len(reading.orders)} orders in scope, positions {held or 'none'}{unread}", None)
        if not reading.missing:
            resting = {order.oid: None for order in reading.orders}
            self._acked |= {oid: None for oid in self._doubtful if oid not in resting}
            self._doubtful = {}

    def _given_up(self, reading: FlattenReading) -> bool:
        """Whether trying on is pointless: the signer is refused, or only dust is left that the venue will not take."""
        if not self._hopeless and reading.positions and not (reading.orders or reading.missing):
            tries = (self._too_small.get(position.instrument.coin, 0) for position in reading.positions)
            if min(tries) >= DUST_TRIES_MAX:
                self._hopeless = ONLY_DUST
        return bool(self._hopeless)

    def _act(self, reading: FlattenReading) -> None:
        """Send this reading's cancels, then its closes."""
        planned = plan(reading, self._attempts, self._parts.config)
        for cancels in _batches(planned.cancels):
            self._cancel(cancels)
        if self._parts.clock.monotonic_s() >= self._throttled_until_s:
            for closes in _batches(planned.closes):
                self._close(closes)

    def _cancel(self, orders: tuple[FlattenOrder, ...]) -> None:
        action = Cancel(tuple(CancelWire(order.asset, order.oid) for order in orders))
        errors = self._send(action, f"cancel {len(orders)} orders", len(orders))
        if errors is None:
            self._doubtful |= {order.oid: None for order in orders}
            return
        self._acked |= {order.oid: None for order, error in zip(orders, errors, strict=True) if not error}

    def _close(self, closes: tuple[Close, ...]) -> None:
        words = ", ".join(_words(close) for close in closes)
        errors = self._send(closing_order(closes), f"close: {words}", len(closes))
        for close, error in zip(closes, errors or [""] * len(closes), strict=True):
            self._learn(close.instrument.coin, refusal(error).reason if error else None)

    def _learn(self, coin: Coin, reason: Reject | None) -> None:
        """What the next attempt on a coin takes from this one's answer."""
        match reason:
            case Reject.RATE_LIMIT:
                self._throttled_until_s = self._parts.clock.monotonic_s() + THROTTLE_S
            case Reject.PRICE_BAND:
                self._attempts[coin] = 0
            case Reject.MIN_NOTIONAL:
                self._too_small[coin] = self._too_small.get(coin, 0) + 1
            case None | Reject.IOC_NO_MATCH:
                self._attempts[coin] = self._attempts.get(coin, 0) + 1
            case _:
                pass

    def _send(self, action: AnyAction, words: str, count: int) -> list[str] | None:
        """Sign and send one action.

        Returns: one error text per element, "" where it worked; None when the outcome is unknown.
        """
        parts = self._parts
        parts.step(words, action)
        stamp = Stamp(self._nonce(), vault=parts.target.vault, network=parts.target.network)
        try:
            status, body = parts.post("/exchange", signed_body(action, parts.target.signer, stamp))
        except OSError as problem:
            parts.step(f"no answer ({type(problem).__name__}): outcome unknown, reading the venue", None)
            return None
        errors = _errors(body, count) if status == OK else None
        if errors is None:
            parts.step(f"answer not understood (HTTP {status}): outcome unknown, reading the venue", None)
            return None
        for error in dict.fromkeys(error for error in errors if error):
            parts.step(f"refused: {error}", None)
            if refusal(error).reason is Reject.SIGNER:
                self._hopeless = SIGNER_REFUSED
        return errors

    def _nonce(self) -> int:
        """The next nonce, durable before it is used. The venue's clock counts when ours is far from it."""
        wall, venue = self._parts.clock.now_ms(), self._reader.venue_ms
        now = wall if not venue or abs(wall - venue) <= CLOCK_TRUST_MS else venue
        if self._nonces is None or self._keeper is None:
            self._keeper = self._parts.nonces(now)
            self._nonces = Nonces(self._keeper.start)
        nonce = self._nonces.take(Ns(now * NS_PER_MS))
        self._keeper.used(nonce)
        return nonce

    def _report(self, reading: FlattenReading, elapsed_s: float, reason: str) -> FlattenReport:
        left = {position.instrument.coin: position for position in reading.positions}
        closed = {}
        for coin, (instrument, first) in self._first.items():
            rest = left[coin].sz if coin in left else Sz(0)
            closed[str(coin)] = _size(instrument, Sz(first - rest))
        return FlattenReport(
            verified_flat=reason is CONFIRMED,
            cancelled=len(self._acked),
            closed={} if reading.missing else closed,
            remaining=remaining(reading),
            elapsed_s=round(elapsed_s, 3),
            reason=reason,
        )


def closing_order(closes: tuple[Close, ...]) -> Order:
    """One action of reduce-only IOC orders. Raises: nothing."""
    return Order(
        tuple(
            order_wire(c.instrument, OrderSpec(side=c.side, px=c.px, sz=c.sz, tif="Ioc", reduce_only=True))
            for c in closes
        )
    )


def remaining(reading: FlattenReading) -> FlattenRemaining:
    """What a reading leaves to do. Raises: nothing."""
    held = reading.positions
    return FlattenRemaining(
        orders=len(reading.orders),
        positions={str(position.instrument.coin): _size(position.instrument, position.sz) for position in held},
        dust=tuple(str(position.instrument.coin) for position in held if position.is_dust),
        unread=reading.missing,
    )


def dry_run(reader: FlattenReader, config: FlattenConfig) -> tuple[FlattenReading, list[AnyAction]]:
    """What a flatten would send first. Args: reader, of the scope. Returns: the reading and the exact actions."""
    reading = reader.read()
    planned = plan(reading, {}, config)
    cancels = [Cancel(tuple(CancelWire(o.asset, o.oid) for o in batch)) for batch in _batches(planned.cancels)]
    return reading, [*cancels, *(closing_order(batch) for batch in _batches(planned.closes))]


def _errors(body: bytes, count: int) -> list[str] | None:
    """The error text of each element, "" for none; None when the answer does not say what happened."""
    try:
        answer = msgspec.json.decode(body, type=_Answer)
        if answer.status == "err":
            text = msgspec.json.decode(answer.response, type=str)
            return None if refusal(text).scope is Scope.DOUBT else [text] * count
        texts = [_error(raw) for raw in msgspec.json.decode(answer.response, type=_Response).data.statuses]
    except wire.DecodeErrors:
        return None
    if len(texts) == 1 and texts[0]:
        return texts * count
    return texts if len(texts) == count else None


def _error(status: msgspec.Raw) -> str:
    """The error of one element: `"success"`, `{"filled"…}` and `{"resting"…}` have none."""
    decoded = msgspec.json.decode(status, type=_Status | str)
    return "" if isinstance(decoded, str) else decoded.error or ""


def _batches(items: tuple[Item, ...]) -> Iterator[tuple[Item, ...]]:
    yield from (items[i : i + BATCH_MAX] for i in range(0, len(items), BATCH_MAX))


def _words(close: Close) -> str:
    verb, size = "sell" if close.side is Side.ASK else "buy", _size(close.instrument, close.sz)
    return f"{verb} {size} {close.instrument.coin} at {close.instrument.price(close.px)}"


def _size(instrument: Instrument, sz: Sz) -> str:
    return decimal_text(sz, instrument.sz_decimals)
