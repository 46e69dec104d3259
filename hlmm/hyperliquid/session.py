"""Owns one venue session, sans I/O: what to send for the engine's commands, what the venue's bytes mean.

The shell writes `Outbox.frames` in order, POSTs `Outbox.requests`, and passes back every frame, answer and failure with
its time. Nothing is ever sent twice: a request without an answer ends as `RequestLost`, and the engine asks the venue.
Opening: meta -> `MetaRead`; subscribe; all acks -> `FeedConnected`; then account, orders, fees, budget, role are read.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Final

import msgspec

from hlmm.core.commands import AnyCommand, ReadFills, Resubscribe, SetLeverage
from hlmm.core.events import AnyEvent, FeedConnected, FeedDisconnected, FrameQuarantined, LeverageRefused, MetaRead
from hlmm.hyperliquid import answers, batching, inflight, limits, oddities, questions, subscriptions, wire
from hlmm.hyperliquid.actions import AnyAction, SignedAction, sign
from hlmm.hyperliquid.drift import Sentinel
from hlmm.hyperliquid.feed import Feed, quarantined
from hlmm.hyperliquid.inflight import InFlight, Outbox, Pending, Request, SentState
from hlmm.hyperliquid.limits import Allowance
from hlmm.hyperliquid.nonces import Nonces
from hlmm.hyperliquid.opening import Opening
from hlmm.hyperliquid.reading import Reading
from hlmm.hyperliquid.signing import Network, Signer, Stamp
from hlmm.hyperliquid.universe import Universe
from hlmm.types import NS_PER_MS, NS_PER_S, Address, Coin, Ns

READ_RESERVE: Final = 300
"""IP weight that reads leave to actions: 300 single actions per minute."""
SAFETY_RESERVE: Final = 100
"""The same for reads that settle what rests and what is held: without them no doubt ends and no stop is proven."""
SAFETY_READS: Final = ("orderStatus", "clearinghouseState", "frontendOpenOrders", "userFillsByTime")
HTTP_OK: Final = 200
GREETING: Final = "Websocket connection established."


class SessionProfile(msgspec.Struct, frozen=True, kw_only=True):
    """Whose session it is and its limits.

    `batch_max`: orders or cancels in one action, 1 to 200. `action_lifetime_ms`: orders expire that long after signing;
    None never.
    """

    account: Address
    signer: Signer
    network: Network
    coins: tuple[Coin, ...]
    vault: Address | None = None
    request_timeout_s: float = 5.0
    ping_s: float = 10.0
    feed_silence_s: float = 15.0
    opening_timeout_s: float = 15.0
    action_lifetime_ms: int | None = None
    fast_cancels: bool = False
    batch_max: int = limits.ITEMS_PER_ACTION


class Link(enum.Enum):
    """How far the connection is."""

    CLOSED = "closed"
    OPENING = "reading metadata"
    SUBSCRIBING = "waiting for subscription acks"
    OPEN = "open"


class Session:
    """The client of one account. Every method is a pure function of its arguments and the session's state."""

    def __init__(self, profile: SessionProfile, first_nonce_ms: int = 0) -> None:
        """Begin unconnected. Args: first_nonce_ms, the persisted nonce floor, >= 0."""
        self._profile = profile
        self._nonces = Nonces(first_nonce_ms)
        self._in_flight = InFlight(_ns(profile.request_timeout_s))
        self._opening = Opening(profile.coins)
        owner = profile.account if profile.vault is None else None
        self._reading = Reading(profile.signer.address, self._opening.dexs, owner)
        self._weight = Allowance(limits.REST_WEIGHT_PER_MIN)
        self._sentinel = Sentinel()
        self._messages = Allowance(limits.SOCKET_MESSAGES_PER_MIN)
        self._link = Link.CLOSED
        self._universe: Universe | None = None
        self._feed: Feed | None = None
        self._listed: list[Coin] = []
        self._awaiting: dict[str, None] = {}
        self._deferred: list[AnyEvent] = []
        self._reconnect = ""
        self._connected_ts = self._heard_ts = self._pinged_ts = Ns(0)

    # ---- what the shell may ask ----

    @property
    def nonce_floor(self) -> int:
        """The first nonce never used, ms: persist it, and give it back at the next start."""
        return self._nonces.floor

    @property
    def link(self) -> Link:
        """How far the connection is."""
        return self._link

    def weight_used(self, ts: Ns) -> int:
        """IP weight this session spent in the last minute, of 1200."""
        return self._weight.used(ts)

    # ---- connection ----

    def connected(self, ts: Ns) -> Outbox:
        """A socket is open: begin the opening sequence. Raises: nothing; a second open socket asserts."""
        assert self._link is Link.CLOSED, self._link
        self._link = Link.OPENING
        self._reconnect = ""
        self._connected_ts = self._heard_ts = self._pinged_ts = ts
        out = Outbox()
        for purpose in self._opening.begin():
            self._ask(purpose, ts, out)
        return out

    def disconnected(self, ts: Ns, why: str) -> list[AnyEvent]:
        """The socket is gone: whatever it carried is unknown. Args: why, for the operator."""
        if self._link is Link.CLOSED:
            return self._flush(ts)
        self._link = Link.CLOSED
        self._feed = None
        self._awaiting.clear()
        self._sentinel.lost()
        events: list[AnyEvent] = [*self._flush(ts), FeedDisconnected(ts=ts, reason=why)]
        for pending in self._in_flight.drop_socket():
            events += self._lose(pending, f"connection lost: {why}", ts)
        return events

    # ---- engine to venue ----

    def submit(self, commands: Sequence[AnyCommand], ts: Ns) -> Outbox:
        """Encode and sign the engine's commands: cancels, modifies, places, then reads; others are ignored.

        What cannot be sent comes back as `RequestUnsent` from the next `receive` or `tick`.
        """
        out = Outbox()
        grouped = batching.group(commands)
        if self._universe is None:
            for purpose in batching.purposes(grouped):
                self._deferred.append(inflight.unsent(purpose, ts, "metadata not read yet"))
        else:
            known, unknown = batching.split(grouped, self._universe)
            for purpose in batching.purposes(unknown):
                self._deferred.append(inflight.unsent(purpose, ts, "coin not listed by the venue"))
            fast, most = self._profile.fast_cancels, self._profile.batch_max
            for batch in batching.batches(known, self._universe, fast_cancels=fast, items_max=most):
                self._act(batch, ts, out)
        for command in commands:
            self._other(command, ts, out)
        return out

    def _act(self, batch: batching.Batch, ts: Ns, out: Outbox) -> None:
        lifetime = None if isinstance(batch.purpose, inflight.Cancels) else self._profile.action_lifetime_ms
        signed = self._sign(batch.action, lifetime, ts)
        self._send(batch.purpose, signed, limits.action_weight(len(batch.purpose.orders)), ts, out)

    def _sign(self, action: AnyAction, lifetime_ms: int | None, ts: Ns) -> SignedAction:
        profile, nonce = self._profile, self._nonces.take(ts)
        expires_after = None if lifetime_ms is None else ts // NS_PER_MS + lifetime_ms
        stamp = Stamp(nonce=nonce, network=profile.network, vault=profile.vault, expires_after=expires_after)
        return sign(action, profile.signer, stamp)

    def _other(self, command: AnyCommand, ts: Ns, out: Outbox) -> None:
        """What is no order: a read, a setting, or a wish for a new connection."""
        if isinstance(command, SetLeverage):
            action = None if self._universe is None else batching.leverage_action(command, self._universe)
            if action is not None:
                self._send(inflight.SetTo(command), self._sign(action, None, ts), limits.action_weight(1), ts, out)
        elif isinstance(command, Resubscribe):
            out.reconnect = command.why
        else:
            since_ms = command.since_ms if isinstance(command, ReadFills) else 0
            self._ask_politely(self._reading.purposes(command, ts), ts, out, since_ms=since_ms)

    def _ask_politely(
        self, purposes: Sequence[inflight.InfoPurpose], ts: Ns, out: Outbox, *, since_ms: int = 0
    ) -> None:
        """Ask unless that would take weight from actions; a refused read comes back as `RequestUnsent`."""
        for purpose in purposes:
            kind = self._question(purpose, since_ms).type
            reserve = SAFETY_RESERVE if kind in SAFETY_READS else READ_RESERVE
            if self._weight.fits(ts, limits.info_weight(kind), reserve):
                self._ask(purpose, ts, out, since_ms=since_ms)
            else:
                self._reading.give_up(purpose)
                self._deferred.append(inflight.unsent(purpose, ts, "IP weight kept for actions"))

    def _ask(self, purpose: inflight.InfoPurpose, ts: Ns, out: Outbox, *, since_ms: int = 0) -> None:
        question = self._question(purpose, since_ms)
        self._send(purpose, question, limits.info_weight(question.type), ts, out)

    def _question(self, purpose: inflight.InfoPurpose, since_ms: int) -> questions.Question:
        return questions.question(purpose, self._profile.account, self._profile.signer.address, since_ms)

    def _send(self, purpose: inflight.AnyPurpose, payload: questions.Payload, weight: int, ts: Ns, out: Outbox) -> None:
        """Register, count, and choose the transport: the socket while it is open, is heard and has room."""
        by_socket = (
            self._link is not Link.CLOSED
            and ts - self._heard_ts < _ns(self._profile.request_timeout_s)
            and self._in_flight.on_socket < limits.POSTS_IN_FLIGHT
            and self._messages.fits(ts, 1)
        )
        request_id = self._in_flight.open(purpose, ts, by_socket=by_socket)
        self._weight.spend(ts, weight)
        if by_socket:
            self._frame(questions.post_frame(request_id, payload), ts, out)
        else:
            out.requests.append(Request(request_id, questions.kind(payload), questions.body(payload)))

    def _frame(self, frame: bytes, ts: Ns, out: Outbox) -> None:
        self._messages.spend(ts, 1)
        out.frames.append(frame)

    # ---- venue to engine ----

    def receive(self, frame: bytes | str, ts: Ns) -> tuple[Outbox, list[AnyEvent]]:
        """One frame of the socket. Raises: nothing: what cannot be decoded is quarantined."""
        self._heard_ts = ts
        out, events = Outbox(), self._flush(ts)
        typed = wire.decode_frame(frame)
        match typed:
            case wire.Post():
                events += self._posted(typed.data, ts, out)
            case wire.SubscriptionResponse():
                events += self._acked(typed.data, ts, out)
            case wire.Pong():
                pass
            case wire.ErrorFrame():
                events += self._complaint(typed, ts)
            case wire.Undecodable():
                events += [] if typed.text == GREETING else [quarantined(typed, ts)]
            case _:
                events += self._feed.events(typed, ts) if self._feed is not None else [oddities.early(ts)]
                events += self._sentinel.frame(typed, frame, ts)
        return out, events

    def answered(self, request_id: int, status: int, body: bytes, ts: Ns) -> tuple[Outbox, list[AnyEvent]]:
        """An HTTP answer. Args: status, of HTTP; body, as received. Raises: nothing."""
        out, events = Outbox(), self._flush(ts)
        pending = self._in_flight.close(request_id)
        if pending is None:
            return out, [*events, oddities.orphan(request_id, ts)]
        if status == HTTP_OK:
            events += self._settle(pending, body, ts, out)
        else:
            events += self._lose(pending, f"HTTP {status}: {wire.clip(body)}", ts)
        return out, events

    def failed(self, request_id: int, *, sent: SentState, why: str, ts: Ns) -> list[AnyEvent]:
        """An HTTP request brought no answer. Args: sent, whether it may have reached the venue. Raises: nothing."""
        events = self._flush(ts)
        pending = self._in_flight.close(request_id)
        if pending is None:
            return events
        if sent is SentState.UNKNOWN:
            return events + self._lose(pending, why, ts)
        self._reading.give_up(pending.purpose)
        return [*events, inflight.unsent(pending.purpose, ts, why)]

    def tick(self, ts: Ns) -> tuple[Outbox, list[AnyEvent]]:
        """Time passed: give up old requests, ping, and ask to reconnect when the connection is no good."""
        out, events = Outbox(), self._flush(ts)
        for pending in self._in_flight.expire(ts):
            events += self._lose(pending, f"no answer within {self._profile.request_timeout_s:g} s", ts)
        if self._link is Link.CLOSED:
            return out, events
        if ts - self._pinged_ts >= _ns(self._profile.ping_s):
            self._pinged_ts = ts
            self._frame(subscriptions.PING, ts, out)
        out.reconnect = self._reconnect or self._fault(ts)
        return out, [*events, *self._sentinel.tick(ts)]

    def _fault(self, ts: Ns) -> str:
        """Why this connection should be replaced; empty while it is good."""
        profile = self._profile
        if ts - self._heard_ts >= _ns(profile.feed_silence_s):
            return f"nothing heard for {profile.feed_silence_s:g} s"
        if self._link is not Link.OPEN and ts - self._connected_ts >= _ns(profile.opening_timeout_s):
            return f"not open after {profile.opening_timeout_s:g} s: {self._link.value}"
        return ""

    # ---- frames ----

    def _posted(self, data: wire.PostData, ts: Ns, out: Outbox) -> list[AnyEvent]:
        pending = self._in_flight.close(data.id)
        if pending is None:
            return [oddities.orphan(data.id, ts)]
        payload = data.response.payload
        try:
            if data.response.type == "error":
                return self._lose(pending, wire.error_text(payload), ts)
            if data.response.type == "info":
                payload = wire.info_data(payload)
        except wire.DecodeErrors as error:
            return [*self._lose(pending, "answer not understood", ts), oddities.strange(payload, error, ts)]
        return self._settle(pending, payload, ts, out)

    def _acked(self, ack: wire.AckData, ts: Ns, out: Outbox) -> list[AnyEvent]:
        if ack.method != "subscribe":
            return []
        self._awaiting.pop(subscriptions.key(ack.subscription), None)
        if self._awaiting or self._link is not Link.SUBSCRIBING:
            return []
        self._link = Link.OPEN
        for purpose in self._reading.opening_purposes(ts, self._listed):
            self._ask(purpose, ts, out)
        return [FeedConnected(ts=ts)]

    def _complaint(self, frame: wire.ErrorFrame, ts: Ns) -> list[AnyEvent]:
        """An error frame; the one that names a post of ours refuses that request."""
        text = frame.data
        refused = wire.refused_post(text)
        pending = None if refused is None else self._in_flight.close(refused)
        if pending is None:
            return [oddities.complaint(text, ts)]
        if isinstance(pending.purpose, inflight.ActionPurpose):
            return answers.refused(pending.purpose, text, ts)
        return self._lose(pending, text, ts)

    # ---- answers ----

    def _settle(self, pending: Pending, payload: bytes | msgspec.Raw, ts: Ns, out: Outbox) -> list[AnyEvent]:
        """A whole answer arrived."""
        events = self._understood(pending, payload, ts, out)
        if any(isinstance(event, FrameQuarantined) for event in events):
            return events
        return [*events, *self._sentinel.answer(questions.subject(pending.purpose), payload, ts)]

    def _understood(self, pending: Pending, payload: bytes | msgspec.Raw, ts: Ns, out: Outbox) -> list[AnyEvent]:
        purpose = pending.purpose
        try:
            match purpose:
                case inflight.Places() | inflight.Cancels() | inflight.Modifies():
                    assert self._universe is not None, "actions are sent after metadata"
                    return answers.action_events(purpose, payload, self._universe, ts)
                case inflight.SetTo():
                    return self._set(purpose, payload, ts, out)
                case inflight.DexsRead() | inflight.MetaOf():
                    return self._opened(purpose, payload, ts, out)
                case _:
                    events = self._reading.events(purpose, payload, self._universe, ts)
                    self._weight.spend(ts, self._reading.surcharge)
                    return events
        except wire.DecodeErrors as error:
            return [*self._lose(pending, f"answer not understood: {error}", ts), oddities.strange(payload, error, ts)]

    def _set(self, purpose: inflight.SetTo, payload: bytes | msgspec.Raw, ts: Ns, out: Outbox) -> list[AnyEvent]:
        """A setting was answered: refused, or read back, since only the venue's own figure counts."""
        coin = purpose.wanted.coin
        refusal = answers.setting_refusal(payload)
        if refusal is not None:
            return [LeverageRefused(ts=ts, coin=coin, text=refusal)]
        self._ask(inflight.LeverageOf(coin), ts, out)
        return []

    def _opened(
        self, purpose: inflight.DexsRead | inflight.MetaOf, payload: bytes | msgspec.Raw, ts: Ns, out: Outbox
    ) -> list[AnyEvent]:
        universe = self._opening.accept(purpose, payload)
        if universe is None or self._link is not Link.OPENING:
            return []
        self._universe, self._feed = universe, Feed(universe)
        self._link = Link.SUBSCRIBING
        listed = self._listed = [coin for coin in self._profile.coins if universe.listed(coin)]
        self._sentinel.subscribed(listed, ts)
        for subscription in subscriptions.subscriptions(listed, self._profile.account):
            self._awaiting[subscriptions.key(subscription)] = None
            self._frame(subscriptions.frame(subscription), ts, out)
        events: list[AnyEvent] = [
            FrameQuarantined(ts=ts, channel="meta", why="coin not listed or delisted", text=coin)
            for coin in self._profile.coins
            if not universe.listed(coin)
        ]
        return [*events, MetaRead(ts=ts, instruments=tuple(universe.grid(coin).instrument for coin in listed))]

    def _lose(self, pending: Pending, why: str, ts: Ns) -> list[AnyEvent]:
        """No usable answer: the outcome of an action is unknown, a read is void, an opening has failed."""
        purpose, why = pending.purpose, why[: wire.TEXT_KEPT]
        if isinstance(purpose, inflight.ActionPurpose):
            return answers.transport_error_events(purpose, why, ts)
        if isinstance(purpose, (inflight.DexsRead, inflight.MetaOf)):
            self._reconnect = f"opening failed: {why}"
            return []
        return [inflight.lost(purpose, ts, why)] if self._reading.give_up(purpose) else []

    def _flush(self, ts: Ns) -> list[AnyEvent]:
        """What waited for an outlet, told as of now: the engine may have heard later facts from elsewhere meanwhile."""
        events, self._deferred = self._deferred, []
        return [msgspec.structs.replace(event, ts=ts) for event in events]


def _ns(seconds: float) -> Ns:
    return Ns(round(seconds * NS_PER_S))
