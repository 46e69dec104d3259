"""The fault plan of a simulated venue: what goes wrong, when, for how long, how likely. Pure and reproducible.

A plan is a list of `Fault`. A kind either happens at an instant (`close`, `price_spike`, …) or holds for a while
(`drop`, `refuse`, …): `KINDS` says which, which parameters it takes, and what they are when not given. `Schedule` turns
a plan into occurrences; `sim.faulty` carries them out. Every draw comes from one generator, seeded with the venue's.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Final, Literal, Self, get_args

import msgspec
from pydantic import BaseModel, ConfigDict, Field, model_validator

from hlmm.types import NS_PER_MS, Ns

FaultKind = Literal[
    "drop", "delay", "duplicate", "reorder", "truncate", "silence", "no_handshake", "close", "close_opening",
    "lose_request", "lose_answer", "error_before", "error_after", "html", "cut_answer", "refuse", "reject", "post_only",
    "frozen_book", "crossed_book", "empty_book", "one_sided_book", "price_spike", "mark_divergence",
    "oracle_divergence", "clock_step", "unknown_field", "unknown_message", "unknown_status", "bad_number",
    "grid_change", "delisting", "agent_pruned", "transfer", "manual_trade",
]  # fmt: skip
DAY_MS: Final = 86_400_000


class Kind(msgspec.Struct, frozen=True):
    """What a kind is. `takes`: its parameters beside time and probability, with what stands for one not given."""

    meaning: str
    lasts: bool
    takes: Mapping[str, object]


FRAMES: Final[Mapping[str, object]] = {"about": "", "coin": "", "conn": None}
REQUESTS: Final[Mapping[str, object]] = {"about": "action"}
BOOK: Final[Mapping[str, object]] = {"coin": ""}
LINKS: Final[Mapping[str, object]] = {"conn": None}
OFF_BY: Final[Mapping[str, object]] = {**BOOK, "percent": 5.0}


def _while(meaning: str, takes: Mapping[str, object]) -> Kind:
    return Kind(meaning, lasts=True, takes=takes)


def _at(meaning: str, takes: Mapping[str, object]) -> Kind:
    return Kind(meaning, lasts=False, takes=takes)


KINDS: Final[Mapping[FaultKind, Kind]] = {
    "drop": _while("frames to clients are lost", FRAMES),
    "delay": _while(
        "frames arrive `delay_ms` late; those of other channels overtake them", {**FRAMES, "delay_ms": 2_000}
    ),
    "duplicate": _while("frames arrive twice", FRAMES),
    "reorder": _while("frames of a channel change places with the next", FRAMES),
    "truncate": _while("frames end half-way", FRAMES),
    "silence": _while("connections open when it begins are half-open: nothing passes either way", LINKS),
    "no_handshake": _while("connections opened meanwhile never answer", LINKS),
    "close": _at("connections are closed", LINKS),
    "close_opening": _while("connections opened meanwhile close after their tenth frame", LINKS),
    "lose_request": _while("requests never arrive and are not answered", REQUESTS),
    "lose_answer": _while("requests are executed; their answers never come", REQUESTS),
    "error_before": _while("requests are answered with HTTP `status` and not executed", {**REQUESTS, "status": 503}),
    "error_after": _while("requests are executed and answered with HTTP `status`", {**REQUESTS, "status": 502}),
    "html": _while("requests are executed and answered with a web page", REQUESTS),
    "cut_answer": _while("requests are executed; their answers end half-way", REQUESTS),
    "refuse": _while("whole actions are refused with `text`", {**REQUESTS, "text": "Trading is halted."}),
    "reject": _while(
        "single orders are refused with `text`", {"coin": "", "text": "Insufficient margin to place order."}
    ),
    "post_only": _while("only post-only orders are taken, as after an upgrade", {}),
    "frozen_book": _while("book and touch repeat what they last showed, under new times", BOOK),
    "crossed_book": _while("book and touch show bids and asks exchanged", BOOK),
    "empty_book": _while("book and touch show nothing", BOOK),
    "one_sided_book": _while("book and touch show no asks", BOOK),
    "price_spike": _at(
        "someone buys (or, negative, sells) everything within `percent` of the mid", {**BOOK, "percent": 1.0}
    ),
    "mark_divergence": _while("the mark is shown `percent` off", OFF_BY),
    "oracle_divergence": _while("the oracle is shown `percent` off", OFF_BY),
    "clock_step": _while("every time the venue states is `step_ms` off", {"step_ms": -60_000}),
    "unknown_field": _while("frames and answers carry a field nobody knows", {**FRAMES}),
    "unknown_message": _at("a message of a channel nobody knows arrives", LINKS),
    "unknown_status": _while("order updates and states carry `text` as status", {"text": "quantumCanceled"}),
    "bad_number": _while("the first price of frames reads `text`", {**FRAMES, "text": "NaN"}),
    "grid_change": _while("metadata lists the coin with one size decimal less", BOOK),
    "delisting": _while("the coin's orders are cancelled, new ones refused, metadata says delisted", BOOK),
    "agent_pruned": _while("the account's agents are gone", {"account": 0}),
    "transfer": _at("`usd` arrive on the account (negative: leave it)", {"account": 0, "usd": -1_000.0}),
    "manual_trade": _at(
        "the account buys (negative: sells) for `usd` at the market, by hand",
        {"account": 0, "coin": "", "usd": 1_000.0},
    ),
}
assert list(KINDS) == list(get_args(FaultKind)), "every kind has its row"
COMMON: Final = ("kind", "at_ms", "for_ms", "every_ms", "probability")


class Fault(BaseModel):
    """One line of a plan. `about`: a channel, an info type, an action type, or `info` or `action` for all of them."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: FaultKind = Field(description="what goes wrong")
    at_ms: int = Field(default=0, ge=0, le=DAY_MS, description="when it begins, venue ms after the plan's start")
    for_ms: int | None = Field(default=None, ge=1, le=DAY_MS, description="how long; none: until the end")
    every_ms: int | None = Field(default=None, ge=1, le=DAY_MS, description="begins again that often")
    probability: float = Field(
        default=1.0, gt=0.0, le=1.0, allow_inf_nan=False, description="of each frame, request, order or occurrence"
    )
    about: str | None = Field(default=None, max_length=64, description="which messages; empty: all")
    coin: str | None = Field(default=None, max_length=32, description="which coin; empty: all, or the first")
    account: int | None = Field(default=None, ge=0, le=99, description="which sandbox account, from 0")
    conn: int | None = Field(default=None, ge=1, le=1_000_000, description="which connection, in order of opening")
    delay_ms: int | None = Field(default=None, ge=1, le=600_000, description="how late")
    step_ms: int | None = Field(default=None, ge=-10 * DAY_MS, le=10 * DAY_MS, description="how far the clock is off")
    status: int | None = Field(default=None, ge=400, le=599, description="HTTP status")
    percent: float | None = Field(default=None, ge=-99.0, le=1_000.0, allow_inf_nan=False, description="how far")
    usd: float | None = Field(default=None, ge=-1e9, le=1e9, allow_inf_nan=False, description="how much")
    text: str | None = Field(default=None, max_length=200, description="what the venue says")

    @model_validator(mode="after")
    def _takes(self) -> Self:
        """Refuse parameters that the kind would ignore. Raises: ValueError."""
        kind = KINDS[self.kind]
        ignored = [
            name
            for name in type(self).model_fields
            if name not in COMMON and name not in kind.takes and getattr(self, name) is not None
        ]
        if not kind.lasts and self.for_ms is not None:
            ignored.append("for_ms")
        if ignored:
            takes = ", ".join(kind.takes) or "no parameters"
            message = f"{self.kind} does not use {', '.join(ignored)}; it takes {takes}"
            raise ValueError(message)
        return self

    def of(self, name: str) -> object:
        """A parameter, or what stands for it when it is not given. Args: name, one that the kind takes."""
        given = getattr(self, name)
        return KINDS[self.kind].takes[name] if given is None else given

    def word(self, name: str) -> str:
        """A parameter that is text."""
        value = self.of(name)
        assert isinstance(value, str), name
        return value

    def whole(self, name: str) -> int:
        """A parameter that is a whole number."""
        value = self.of(name)
        assert isinstance(value, int), name
        return value

    def number(self, name: str) -> float:
        """A parameter that is a number."""
        value = self.of(name)
        assert isinstance(value, float), name
        return value

    def concerns(self, name: str, value: str) -> bool:
        """Whether a text parameter names this value or leaves it open."""
        wanted = self.word(name) if name in KINDS[self.kind].takes else ""
        return wanted in {"", value}


class Planned:
    """One line of a plan in progress. `hits`: how many messages, orders or occurrences it has touched."""

    def __init__(self, number: int, fault: Fault, start: Ns) -> None:
        """Wait for `fault.at_ms` after `start`."""
        self.number = number
        self.fault = fault
        self.begins: Ns | None = Ns(start + fault.at_ms * NS_PER_MS)
        self.ends: Ns | None = None
        self.is_active = False
        self.hits = 0

    @property
    def state(self) -> str:
        """`waiting`, `active` or `over`."""
        if self.is_active:
            return "active"
        return "over" if self.begins is None else "waiting"


class Turn(msgspec.Struct, frozen=True):
    """A line of the plan begins or ends now."""

    planned: Planned
    begins: bool


class Schedule:
    """A plan in time. Lines may be added and removed while it runs."""

    def __init__(self, seed: int) -> None:
        """Begin empty. Args: seed, of every draw."""
        self._random = Random(f"faults {seed}")
        self._heap: list[tuple[Ns, int, int]] = []
        self._planned: dict[int, Planned] = {}
        self._sequence = 0

    def add(self, faults: Sequence[Fault], start: Ns) -> list[int]:
        """Append lines whose times count from `start`. Returns: their numbers."""
        numbers = []
        for fault in faults:
            number = self._sequence = self._sequence + 1
            planned = self._planned[number] = Planned(number, fault, start)
            assert planned.begins is not None, number
            heapq.heappush(self._heap, (planned.begins, number, True))
            numbers.append(number)
        return numbers

    def remove(self, number: int | None = None) -> list[Planned]:
        """Forget one line, or all of them. Returns: those that were active, for their end."""
        chosen = list(self._planned.values()) if number is None else [self._planned[number]]
        for planned in chosen:
            del self._planned[planned.number]
        return [planned for planned in chosen if planned.is_active]

    def lines(self) -> tuple[Planned, ...]:
        """Every line, in the order it was added."""
        return tuple(self._planned.values())

    def holds(self, number: int) -> bool:
        """Whether there is such a line."""
        return number in self._planned

    def next_due(self) -> Ns | None:
        """When something begins or ends next."""
        return self._heap[0][0] if self._heap else None

    def turns(self, now: Ns) -> Iterator[Turn]:
        """What begins and ends up to `now`, in order."""
        while self._heap and self._heap[0][0] <= now:
            due, number, begins = heapq.heappop(self._heap)
            planned = self._planned.get(number)
            if planned is not None:
                yield from self._turn(planned, due, begins=bool(begins))

    def _turn(self, planned: Planned, due: Ns, *, begins: bool) -> Iterator[Turn]:
        fault = planned.fault
        if not begins:
            planned.is_active, planned.ends = False, None
            yield Turn(planned, begins=False)
            return
        planned.begins = None
        if fault.every_ms is not None:
            planned.begins = Ns(due + fault.every_ms * NS_PER_MS)
            heapq.heappush(self._heap, (planned.begins, planned.number, True))
        if not KINDS[fault.kind].lasts:
            if self.strikes(planned):
                yield Turn(planned, begins=True)
            return
        if planned.is_active:
            return
        planned.is_active = True
        if fault.for_ms is not None:
            planned.ends = Ns(due + fault.for_ms * NS_PER_MS)
            heapq.heappush(self._heap, (planned.ends, planned.number, False))
        yield Turn(planned, begins=True)

    def active(self, *kinds: FaultKind) -> list[Planned]:
        """The lines of these kinds that hold now."""
        return [planned for planned in self._planned.values() if planned.is_active and planned.fault.kind in kinds]

    @property
    def is_quiet(self) -> bool:
        """Whether nothing holds now."""
        return not any(planned.is_active for planned in self._planned.values())

    def strikes(self, planned: Planned) -> bool:
        """Draw whether a line touches this one; counts it."""
        probability = planned.fault.probability
        struck = probability >= 1.0 or self._random.random() < probability
        planned.hits += struck
        return struck
