"""The simulator's protocol without I/O: HTTP bodies and WebSocket frames in, frames and answers out, time as argument.

`advance` runs every block and hands over everything due; `next_due` says when that is next. All times are the venue's
clock. The only randomness is the seeded jitter of blocks and latencies.
"""

from __future__ import annotations

import heapq
from random import Random
from typing import Final

import msgspec

from hlmm.sim.accounts import TestAccount
from hlmm.sim.actions import MalformedError, WrongShapeError, decode_envelope, first_json, whole_json
from hlmm.sim.auth import members, signers, wrong_chain
from hlmm.sim.blocklog import BlockLog
from hlmm.sim.door import cost_of, inner_of
from hlmm.sim.exchange import TAKERS, Exchange, Pending, group_of
from hlmm.sim.feeds import NoSuchCoinError, Publisher, Topic, UnknownTopicError, frame, period_ms, topic_of
from hlmm.sim.info import ask, parse, weight
from hlmm.sim.meter import Meter
from hlmm.sim.ports import CloseConn, Conn, HttpAnswer, Output, Route, SendFrame
from hlmm.sim.query import NoAnswerError
from hlmm.sim.text import Json
from hlmm.types import NS_PER_MS, Ms, Ns

SANDBOX: Final = "simAccounts"
__all__ = ["CloseConn", "Gateway", "HttpAnswer", "Output", "SendFrame"]

JSON_TYPE: Final = "application/json"
TEXT_TYPE: Final = "text/plain; charset=utf-8"
NOT_JSON: Final = "Failed to parse the request body as JSON"
NOT_SHAPED: Final = "Failed to deserialize the JSON body into the target type"
NOT_DECLARED: Final = "Expected request with `Content-Type: application/json`"
CLOSE_DELAY_MS: Final = 100
ABNORMAL: Final = 1006
BATCH_PER_WEIGHT: Final = 40


class TooManyRequestsError(Exception):
    """The IP address has used up its weight: HTTP 429."""


class Gateway:
    """Every door of the simulated venue. Calls must come in time order."""

    def __init__(self, exchange: Exchange, accounts: tuple[TestAccount, ...], start: Ns) -> None:
        """Open at `start` (venue ns). Args: accounts, the sandbox keys to hand out."""
        self.exchange = exchange
        self.accounts = accounts
        self.start = start
        self._config = exchange.config
        self._rng = Random(f"gateway {exchange.config.seed}")
        self._dice = Random(f"channels {exchange.config.seed}")
        self._last_push = start
        self._publisher = Publisher(exchange)
        self._conns: dict[int, Conn] = {}
        self._outbox: list[tuple[Ns, int, Output]] = []
        self._sequence = 0
        self._tickets: dict[int, Route] = {}
        self._ticket = 0
        self._meter = Meter(exchange.config.limits)
        self._next_block = Ns(start + self._block_gap())

    # ---- time ----

    def next_due(self) -> Ns:
        """When `advance` has something to do next."""
        return min(self._next_block, self._outbox[0][0]) if self._outbox else self._next_block

    def horizon(self) -> Ns | None:
        """When the first recorded market ends, or None."""
        ends = [x.market.horizon() for x in self.exchange.listings.values()]
        known = [end for end in ends if end is not None]
        return Ns(min(known) * NS_PER_MS) if known else None

    def advance(self, ts: Ns) -> list[Output]:
        """Run every block and push due up to `ts`. Returns: what is due, in order."""
        outputs: list[Output] = []
        while (due := self.next_due()) <= ts:
            if due == self._next_block:
                self._run_block(self._next_block)
            while self._outbox and self._outbox[0][0] <= due:
                self._hand_over(heapq.heappop(self._outbox)[2], due, outputs)
        return outputs

    def _hand_over(self, output: Output, now: Ns, outputs: list[Output]) -> None:
        """Give one output to the caller unless its connection is gone."""
        if isinstance(output, HttpAnswer):
            outputs.append(output)
            return
        conn = self._conns.get(output.conn)
        if conn is None:
            return
        conn.last_sent = now
        if isinstance(output, CloseConn):
            del self._conns[output.conn]
        outputs.append(output)

    def _later(self, now: Ns, delay_ms: int, output: Output) -> None:
        """Schedule an output after a jittered delay."""
        jitter = self._config.latency.jitter_frac
        delay = delay_ms * NS_PER_MS * self._rng.uniform(1 - jitter, 1 + jitter)
        self._sequence += 1
        heapq.heappush(self._outbox, (Ns(now + int(delay)), self._sequence, output))

    def _block_gap(self) -> int:
        cadence = self._config.cadence
        jitter = cadence.block_jitter_frac
        return int(cadence.block_ms * NS_PER_MS * self._rng.uniform(1 - jitter, 1 + jitter))

    # ---- blocks ----

    def _run_block(self, now: Ns) -> None:
        """Execute one block; send its answers and pushes on their way."""
        log = self.exchange.run_block(Ms(now // NS_PER_MS))
        self._publisher.new_block()
        for answer in log.answers:
            self._answer(now, self._tickets.pop(answer.ticket), answer.body)
        pushed = self._last_push = max(self._last_push, Ns(now + self._feed_delay()))
        for number, conn in self._conns.items():
            self._push(number, conn, log, (now, pushed))
        self._close_idle(now)
        self._next_block = Ns(now + self._block_gap())

    def _feed_delay(self) -> int:
        """One delay for all pushes of a block, so that a connection sees blocks in order."""
        latency = self._config.latency
        return int(latency.feed_ms * NS_PER_MS * self._rng.uniform(1 - latency.jitter_frac, 1 + latency.jitter_frac))

    def _push(self, number: int, conn: Conn, log: BlockLog, times: tuple[Ns, Ns]) -> None:
        """Queue everything a block pushes to one connection: touches first, then trades, then the rest."""
        now, pushed = times
        for key, topic in self._shuffled(conn.ordered):
            frames = self._publisher.in_block(topic, log)
            due = conn.due.get(key)
            if due is not None and due <= now:
                conn.due[key] = self._next_period(topic, now)
                periodic = self._publisher.periodic(topic)
                frames = [periodic] if periodic is not None else frames
            for body in frames:
                self._sequence += 1
                heapq.heappush(self._outbox, (pushed, self._sequence, SendFrame(number, body)))

    def _shuffled(self, ordered: list[tuple[str, Topic]]) -> list[tuple[str, Topic]]:
        """Market channels in order, then the user's in any: the venue promises no order between those."""
        private = [item for item in ordered if item[1].user is not None]
        self._dice.shuffle(private)
        return [item for item in ordered if item[1].user is None] + private

    def _next_period(self, topic: Topic, now: Ns) -> Ns:
        period = period_ms(topic, self._config.cadence)
        assert period is not None, topic.type
        return Ns(now + period * NS_PER_MS - self._config.cadence.block_ms * NS_PER_MS // 2)

    def _close_idle(self, now: Ns) -> None:
        limit = self._config.limits.ws_idle_close_ms * NS_PER_MS
        for number, conn in self._conns.items():
            if now - conn.last_sent >= limit:
                self._later(now, 0, CloseConn(number, ABNORMAL))

    def _answer(self, now: Ns, route: Route, body: Json) -> None:
        """Send an action's response to whoever asked."""
        self._reply(now, route, "action", body, self._config.latency.answer_ms)

    def _reply(self, now: Ns, route: Route, kind: str, body: Json, delay_ms: int) -> None:
        if route.request_id is not None:
            answer = HttpAnswer(route.request_id, 200, msgspec.json.encode(body), JSON_TYPE)
            self._later(now, delay_ms, answer)
            return
        conn = self._conns.get(route.conn)
        if conn is not None:
            conn.in_flight -= 1
        data: Json = {"id": route.post, "response": {"type": kind, "payload": body}}
        self._later(now, delay_ms, SendFrame(route.conn, frame("post", data)))

    # ---- HTTP ----

    def http(self, request_id: int, path: str, body: bytes, ts: Ns, content_type: str = JSON_TYPE) -> list[Output]:
        """Take a POST. The answer comes from here or from a later `advance`."""
        outputs = self.advance(ts)
        route = Route(request_id=request_id)
        try:
            value = first_json(body)
            if not _is_json(content_type):
                self._refuse(ts, request_id, 415, NOT_DECLARED)
            elif path == "/info":
                self._info(ts, route, value)
            elif path == "/exchange":
                self._exchange(ts, route, value)
            else:
                self._refuse(ts, request_id, 404, "")
        except MalformedError:
            self._refuse(ts, request_id, 400, NOT_JSON)
        except WrongShapeError:
            self._refuse(ts, request_id, 422, NOT_SHAPED)
        except NoAnswerError:
            self._refuse(ts, request_id, 500, None)
        except TooManyRequestsError:
            self._refuse(ts, request_id, 429, None)
        return outputs + self.advance(ts)

    def _refuse(self, ts: Ns, request_id: int, status: int, text: str | None) -> None:
        body, kind = (b"null", JSON_TYPE) if text is None else (text.encode(), TEXT_TYPE)
        self._later(ts, self._config.latency.info_ms, HttpAnswer(request_id, status, body, kind))

    def _info(self, ts: Ns, route: Route, value: object) -> None:
        """Answer an info request. Raises: WrongShapeError, NoAnswerError, TooManyRequestsError."""
        if isinstance(value, dict) and value.get("type") == SANDBOX:
            self._reply(ts, route, "info", self._sandbox(ts), self._config.latency.info_ms)
            return
        query = parse(value)
        answer = ask(self.exchange, query)
        if self._meter.weight.over(ts, weight(query, answer)):
            raise TooManyRequestsError
        data: Json = answer if route.request_id is not None else {"type": query.type, "data": answer}
        self._reply(ts, route, "info", data, self._config.latency.info_ms)

    def _sandbox(self, ts: Ns) -> Json:
        """What only a simulator says: test accounts with their keys, its clock (ms), when its tape ends, its speed."""
        accounts = [msgspec.to_builtins(account) for account in self.accounts]
        horizon = self.horizon()
        ends = None if horizon is None else horizon // NS_PER_MS
        return {"accounts": accounts, "time": ts // NS_PER_MS, "ends": ends, "speed": self._config.speed}

    def _exchange(self, ts: Ns, route: Route, value: object) -> None:
        """Queue an action. Raises: WrongShapeError, TooManyRequestsError."""
        envelope = decode_envelope(value)
        if self._meter.weight.over(ts, 1 + cost_of(inner_of(envelope.action)) // BATCH_PER_WEIGHT):
            raise TooManyRequestsError
        refused = wrong_chain(envelope, self._config.network)
        if refused is not None:
            self._answer(ts, route, {"status": "err", "response": refused})
            return
        self._ticket += 1
        self._tickets[self._ticket] = route
        latency = self._config.latency
        slow = latency.taker_delay_ms if group_of(envelope.action) == TAKERS else 0
        jitter = self._rng.uniform(1 - latency.jitter_frac, 1 + latency.jitter_frac)
        arrived = self._in_order(route, Ms(ts // NS_PER_MS + int(latency.ingress_ms * jitter)))
        ready = Ms(arrived + slow)
        network = self._config.network
        pending = Pending(
            ticket=self._ticket, envelope=envelope, signers=signers(envelope, network), ready=ready,
            members=members(envelope, network),
        )  # fmt: skip
        self.exchange.submit(pending)

    def _in_order(self, route: Route, arrived: Ms) -> Ms:
        """Arrival at the mempool: requests of one connection do not overtake each other."""
        conn = self._conns.get(route.conn)
        if route.request_id is not None or conn is None:
            return arrived
        conn.arrived = Ms(max(conn.arrived, arrived))
        return conn.arrived

    # ---- WebSocket ----

    def open(self, conn: int, ts: Ns) -> list[Output]:
        """A client connected. Args: conn, a number not in use."""
        outputs = self.advance(ts)
        refused = self._meter.refuses_connection(ts, len(self._conns))
        self._conns[conn] = Conn(ts)
        if refused:
            self._later(ts, 0, CloseConn(conn, ABNORMAL))
        return outputs

    def close(self, conn: int) -> None:
        """A client is gone; its subscriptions with it."""
        self._conns.pop(conn, None)

    def receive(self, conn: int, data: bytes | str, ts: Ns) -> list[Output]:
        """Take one text frame. Answers come from here or from a later `advance`."""
        outputs = self.advance(ts)
        if conn in self._conns and self._meter.messages.over(ts, 1):
            self._later(ts, 0, CloseConn(conn, ABNORMAL))
        elif conn in self._conns:
            text = data if isinstance(data, str) else data.decode(errors="replace")
            try:
                self._message(conn, text, ts)
            except (MalformedError, UnknownTopicError):
                self._send(conn, ts, frame("error", f"Error parsing JSON into valid websocket request: {text}"))
        return outputs + self.advance(ts)

    def _send(self, conn: int, ts: Ns, body: bytes) -> None:
        self._sequence += 1
        heapq.heappush(self._outbox, (ts, self._sequence, SendFrame(conn, body)))

    def _message(self, conn: int, text: str, ts: Ns) -> None:
        """Act on one frame. Raises: MalformedError, UnknownTopicError."""
        match whole_json(text):
            case {"method": "ping"}:
                self._send(conn, ts, b'{"channel":"pong"}')
            case {"method": "subscribe" | "unsubscribe" as method, "subscription": dict() as topic}:
                self._subscription(conn, method, topic, ts)
            case {"method": "post", "id": int() as post, "request": dict() as request}:
                self._post(conn, post, request, ts)
            case _:
                raise UnknownTopicError

    def _subscription(self, number: int, method: str, value: object, ts: Ns) -> None:
        """Subscribe or unsubscribe; an unknown coin closes the socket. Raises: UnknownTopicError."""
        conn = self._conns[number]
        try:
            topic = topic_of(value, self.exchange)
        except NoSuchCoinError:
            self._later(ts, CLOSE_DELAY_MS, CloseConn(number, ABNORMAL))
            return
        if (method == "subscribe") == (topic.key in conn.topics):
            self._send(number, ts, frame("error", f"Already {method}d: {topic.key}"))
            return
        topics = [known for other in self._conns.values() for known in other.topics.values()]
        refused = self._meter.refusal(topic, topics) if method == "subscribe" else None
        if refused is not None:
            self._send(number, ts, frame("error", refused))
            return
        self._send(number, ts, frame("subscriptionResponse", {"method": method, "subscription": topic.echo()}))
        if method == "unsubscribe":
            del conn.topics[topic.key]
            conn.due.pop(topic.key, None)
            conn.ordered = sorted(conn.topics.items(), key=_rank)
            return
        self._begin(number, conn, topic, ts)

    def _begin(self, number: int, conn: Conn, topic: Topic, ts: Ns) -> None:
        """Register a topic and send its snapshot or replay."""
        conn.topics[topic.key] = topic
        conn.ordered = sorted(conn.topics.items(), key=_rank)
        if period_ms(topic, self._config.cadence) is not None:
            conn.due[topic.key] = self._next_period(topic, ts)
        opening = self._publisher.opening(topic)
        if opening is not None:
            self._send(number, ts, opening)

    def _post(self, number: int, post: int, request: dict[str, object], ts: Ns) -> None:
        """Serve a post: the HTTP endpoints over the socket."""
        conn = self._conns[number]
        if conn.in_flight >= self._config.limits.ws_posts_in_flight:
            self._send(number, ts, frame("error", f"too many pending post requests id={post}"))
            return
        conn.in_flight += 1
        route = Route(conn=number, post=post)
        try:
            if request.get("type") == "action":
                self._exchange(ts, route, request.get("payload"))
            else:
                self._info(ts, route, request.get("payload") if request.get("type") == "info" else None)
        except WrongShapeError:
            self._reply(ts, route, "error", f"422 Unprocessable Entity: {NOT_SHAPED}", 0)
        except NoAnswerError:
            self._reply(ts, route, "error", "500 Internal Server Error: null", 0)
        except TooManyRequestsError:
            self._reply(ts, route, "error", "429 Too Many Requests: null", 0)


RANK: Final = {"bbo": 0, "trades": 1, "l2Book": 2}


def _rank(item: tuple[str, Topic]) -> int:
    """Order of channels within a block."""
    return RANK.get(item[1].type, len(RANK))


def _is_json(content_type: str) -> bool:
    main = content_type.partition(";")[0].strip().lower()
    return main == JSON_TYPE or (main.startswith("application/") and main.endswith("+json"))
