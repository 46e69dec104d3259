"""The gateway of a venue where things go wrong: the same doors as `Gateway`, with a fault plan between them. Pure.

With an empty plan it adds nothing and delays nothing. Everything it does follows from the plan, the seed and the calls.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Sequence
from typing import Final

import msgspec

from hlmm.sim.accounts import Account
from hlmm.sim.bending import Bender, Link, is_meant
from hlmm.sim.carrier import Venue
from hlmm.sim.config import AnySimConfig
from hlmm.sim.distort import NOVELTY, Message, channel_of
from hlmm.sim.faults import Fault, Planned, Schedule
from hlmm.sim.feeds import frame
from hlmm.sim.gateway import JSON_TYPE, Gateway
from hlmm.sim.mischief import Mischief
from hlmm.sim.ports import CloseConn, HttpAnswer, Output, SendFrame
from hlmm.sim.rules import Draft, Refusal, refusal
from hlmm.sim.spoiling import (
    TEXT_TYPE,
    Asked,
    asked_by,
    decoded,
    posted,
    response_of,
    spoilt_answer,
    spoilt_post,
    status_text,
)
from hlmm.sim.text import Json
from hlmm.types import NS_PER_MS, Ms, Ns

OPENING_FRAMES: Final = 10
ABNORMAL: Final = 1006
DELISTED: Final = "Asset is delisted."
BEFORE: Final = ("lose_request", "error_before", "refuse")
AFTER: Final = ("lose_answer", "error_after", "html", "cut_answer")
AT_ONCE: Final = ("silence", "post_only", "agent_pruned")
"""Lasting kinds that are drawn once, when they begin."""
FOR_EVER: Final = Ms(2**62)


class FaultyGateway:
    """A `Gateway` and a plan. `add` and `remove` change the plan while it runs."""

    def __init__(self, inner: Gateway, faults: Sequence[Fault], seed: int) -> None:
        """Wrap a gateway. Args: faults, with times from its start; seed, of every draw."""
        self.exchange = inner.exchange
        self.accounts = inner.accounts
        self.start = inner.start
        self._inner = inner
        self._schedule = Schedule(seed)
        self._mischief = Mischief(inner.exchange)
        self._bender = Bender(self._schedule)
        self._links: dict[int, Link] = {}
        self._opened = 0
        self._posts: dict[tuple[int, int], Asked] = {}
        self._requests: dict[int, Asked] = {}
        self._held: list[tuple[Ns, int, Output]] = []
        self._sequence = 0
        self._schedule.add(faults, inner.start)
        inner.exchange.desk.entry.forced = self._forced

    # ---- the plan ----

    def add(self, faults: Sequence[Fault], ts: Ns) -> list[int]:
        """Append lines to the plan, their times counted from `ts`. Returns: their numbers."""
        return self._schedule.add(faults, ts)

    def remove(self, number: int | None = None) -> bool:
        """End and forget one line, or all. Returns: False when there is no such line."""
        if number is not None and not self._schedule.holds(number):
            return False
        for planned in self._schedule.remove(number):
            self._end(planned.fault)
        return True

    def lines(self) -> tuple[Planned, ...]:
        """Every line of the plan."""
        return self._schedule.lines()

    def shakes_hands(self) -> bool:
        """Whether a server should answer handshakes now."""
        return not self._schedule.active("no_handshake")

    def _turn(self, now: Ns, outputs: list[Output]) -> None:
        """Begin and end what is due."""
        for turn in self._schedule.turns(now):
            if turn.begins:
                self._begin(turn.planned, outputs)
            else:
                self._end(turn.planned.fault)

    def _begin(self, planned: Planned, outputs: list[Output]) -> None:
        fault = planned.fault
        if fault.kind in AT_ONCE and not self._schedule.strikes(planned):
            return
        deed = self._mischief.begin(fault)
        if deed is not None:
            self.exchange.interventions.append(deed)
        match fault.kind:
            case "close":
                self._close_all(fault, outputs)
            case "silence":
                for link in self._chosen(fault):
                    link.deaf = True
            case "unknown_message":
                body = frame(NOVELTY, {"what": 1})
                outputs += [SendFrame(conn, body) for conn, link in self._links.items() if is_meant(fault, link)]
            case "post_only":
                self.exchange.desk.entry.post_only_until = FOR_EVER
            case _:
                pass

    def _end(self, fault: Fault) -> None:
        deed = self._mischief.end(fault)
        if deed is not None:
            self.exchange.interventions.append(deed)
        match fault.kind:
            case "silence":
                for link in self._chosen(fault):
                    link.deaf = False
            case "post_only":
                self.exchange.desk.entry.post_only_until = Ms(0)
            case "frozen_book":
                self._bender.thaw()
            case "reorder":
                for kept in self._bender.let_go():
                    self._hold(self.start, kept)
            case _:
                pass

    def _chosen(self, fault: Fault) -> list[Link]:
        return [link for link in self._links.values() if is_meant(fault, link)]

    def _close_all(self, fault: Fault, outputs: list[Output]) -> None:
        for conn in [conn for conn, link in self._links.items() if is_meant(fault, link)]:
            self._cut(conn, outputs)

    def _cut(self, conn: int, outputs: list[Output]) -> None:
        self.close(conn)
        outputs.append(CloseConn(conn, ABNORMAL))

    def _forced(self, account: Account, draft: Draft) -> Refusal | None:
        """What the plan refuses an order with, asked by the exchange's entry rules."""
        del account
        coin, asset = draft.listing.coin, draft.wire.a
        for planned in self._schedule.active("reject", "delisting"):
            fault = planned.fault
            if fault.concerns("coin", coin) and self._schedule.strikes(planned):
                return refusal(fault.word("text") if fault.kind == "reject" else DELISTED, asset, "rejected")
        return None

    # ---- time ----

    def next_due(self) -> Ns:
        """See `Gateway.next_due`."""
        dues = [self._inner.next_due(), self._schedule.next_due()]
        if self._held:
            dues.append(self._held[0][0])
        return Ns(min(due for due in dues if due is not None))

    def horizon(self) -> Ns | None:
        """See `Gateway.horizon`."""
        return self._inner.horizon()

    def advance(self, ts: Ns) -> list[Output]:
        """See `Gateway.advance`."""
        outputs: list[Output] = []
        while (due := self.next_due()) <= ts:
            self._turn(due, outputs)
            for output in self._inner.advance(due):
                self._pass(output, due, outputs)
            while self._held and self._held[0][0] <= due:
                self._release(heapq.heappop(self._held)[2], outputs)
        return outputs

    def _hold(self, due: Ns, output: Output) -> None:
        self._sequence += 1
        heapq.heappush(self._held, (due, self._sequence, output))

    def _release(self, output: Output, outputs: list[Output]) -> None:
        if isinstance(output, HttpAnswer) or output.conn in self._links:
            outputs.append(output)

    # ---- doors ----

    def open(self, conn: int, ts: Ns) -> list[Output]:
        """See `Gateway.open`."""
        outputs = self.advance(ts)
        self._opened += 1
        link = self._links[conn] = Link(self._opened)
        for planned in self._schedule.active("no_handshake", "close_opening"):
            if is_meant(planned.fault, link) and self._schedule.strikes(planned):
                link.deaf = link.deaf or planned.fault.kind == "no_handshake"
                link.cut = planned if planned.fault.kind == "close_opening" else link.cut
        return [*outputs, *self._inner.open(conn, ts)]

    def close(self, conn: int) -> None:
        """See `Gateway.close`."""
        self._inner.close(conn)
        self._links.pop(conn, None)
        self._posts = {key: asked for key, asked in self._posts.items() if key[0] != conn}
        self._bender.let_go(conn)

    def receive(self, conn: int, data: bytes | str, ts: Ns) -> list[Output]:
        """See `Gateway.receive`."""
        outputs = self.advance(ts)
        link = self._links.get(conn)
        if link is None or link.deaf:
            return outputs
        number, asked = posted(data)
        if asked is not None:
            asked = self._judged(asked)
            if asked.doom is not None and asked.doom.fault.kind in BEFORE:
                return outputs + self._refuse_post(conn, number, asked, ts)
            if asked.doom is not None or not self._schedule.is_quiet:
                self._posts[conn, number] = asked
        return outputs + self._passed(self._inner.receive(conn, data, ts), ts)

    def http(self, request_id: int, path: str, body: bytes, ts: Ns, content_type: str = JSON_TYPE) -> list[Output]:
        """See `Gateway.http`."""
        outputs = self.advance(ts)
        asked = self._judged(asked_by(decoded(body), "action" if path == "/exchange" else "info"))
        if asked.doom is not None and asked.doom.fault.kind in BEFORE:
            return outputs + self._refuse_http(request_id, asked, ts)
        self._requests[request_id] = asked
        return outputs + self._passed(self._inner.http(request_id, path, body, ts, content_type), ts)

    def _passed(self, given: list[Output], ts: Ns) -> list[Output]:
        outputs: list[Output] = []
        for output in given:
            self._pass(output, ts, outputs)
        return outputs + self.advance(ts)

    # ---- requests ----

    def _judged(self, asked: Asked) -> Asked:
        """Draw what befalls a request: the first line of the plan that touches it."""
        for planned in self._schedule.active(*BEFORE, *AFTER):
            fault = planned.fault
            meant = fault.word("about") in {"", asked.kind, asked.name}
            if meant and (fault.kind != "refuse" or asked.kind == "action") and self._schedule.strikes(planned):
                return Asked(asked.kind, asked.name, planned)
        return asked

    def _refuse_post(self, conn: int, number: int, asked: Asked, ts: Ns) -> list[Output]:
        assert asked.doom is not None, number
        fault = asked.doom.fault
        if fault.kind == "refuse":
            response: Json = {"type": "action", "payload": {"status": "err", "response": fault.word("text")}}
        elif fault.kind == "error_before":
            response = {"type": "error", "payload": status_text(fault)}
        else:
            return []
        self._hold(self._soon(ts), SendFrame(conn, frame("post", {"id": number, "response": response})))
        return self.advance(ts)

    def _refuse_http(self, request_id: int, asked: Asked, ts: Ns) -> list[Output]:
        assert asked.doom is not None, request_id
        fault = asked.doom.fault
        if fault.kind == "refuse":
            body = msgspec.json.encode({"status": "err", "response": fault.word("text")})
            self._hold(self._soon(ts), HttpAnswer(request_id, 200, body, JSON_TYPE))
        elif fault.kind == "error_before":
            answer = HttpAnswer(request_id, fault.whole("status"), status_text(fault).encode(), TEXT_TYPE)
            self._hold(self._soon(ts), answer)
        return self.advance(ts)

    def _soon(self, ts: Ns) -> Ns:
        return Ns(ts + self.exchange.config.latency.answer_ms * NS_PER_MS)

    # ---- answers and frames ----

    def _pass(self, output: Output, now: Ns, outputs: list[Output]) -> None:
        """Let one output of the venue through, or what is left of it."""
        if isinstance(output, HttpAnswer):
            self._pass_answer(output, outputs)
        elif isinstance(output, CloseConn):
            self._links.pop(output.conn, None)
            outputs.append(output)
        else:
            link = self._links.get(output.conn)
            if link is None or link.deaf:
                return
            if self._bender.is_straight and not self._posts:
                outputs.append(output)
            else:
                self._pass_frame(output, link, now, outputs)

    def _pass_answer(self, answer: HttpAnswer, outputs: list[Output]) -> None:
        asked = self._requests.pop(answer.request_id, None)
        if asked is not None and answer.content_type == JSON_TYPE and not self._schedule.is_quiet:
            message: Message = {"channel": asked.name, "data": json.loads(answer.body)}
            self._bender.rewrite(message)
            body = json.dumps(message["data"]).encode()
            answer = HttpAnswer(answer.request_id, answer.status, body, answer.content_type)
        outputs += [answer] if asked is None or asked.doom is None else spoilt_answer(answer, asked.doom.fault)

    def _pass_frame(self, sent: SendFrame, link: Link, now: Ns, outputs: list[Output]) -> None:
        message: Message = json.loads(sent.frame)
        if channel_of(message) == "post":
            body = self._post_frame(sent, message)
        else:
            body = json.dumps(message).encode() if self._bender.rewrite(message, link) else sent.frame
        if body:
            arrived, late = self._bender.carry(SendFrame(sent.conn, body), message, link, now)
            outputs += arrived
            for one in late:
                self._hold(one.due, one.frame)
            self._count(sent.conn, link, outputs)

    def _count(self, conn: int, link: Link, outputs: list[Output]) -> None:
        """Close a connection whose opening the plan cuts short."""
        link.frames += 1
        if link.cut is not None and link.frames >= OPENING_FRAMES:
            self._cut(conn, outputs)

    def _post_frame(self, sent: SendFrame, message: Message) -> bytes:
        """The answer to a post as it arrives; empty when it does not."""
        data = message["data"]
        assert isinstance(data, dict), sent
        asked = self._posts.pop((sent.conn, int(str(data["id"]))), None)
        response = response_of(message)
        if asked is None or response["type"] == "error":
            return sent.frame
        payload = response["payload"]
        inner = payload["data"] if asked.kind == "info" and isinstance(payload, dict) else payload
        self._bender.rewrite({"channel": asked.name, "data": inner})
        return json.dumps(message).encode() if asked.doom is None else spoilt_post(message, asked.doom.fault)


def with_faults(gateway: Gateway, config: AnySimConfig) -> Venue:
    """The gateway itself, or behind its configuration's fault plan when there is one."""
    return FaultyGateway(gateway, config.faults, config.seed) if config.faults else gateway
