"""What faults do to frames on their way to a client: lost, rewritten, cut, doubled, late, out of order. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from hlmm.sim.distort import REWRITES, Freezer, Message, channel_of, coin_of
from hlmm.sim.faults import KINDS, Fault, FaultKind, Planned, Schedule
from hlmm.sim.ports import SendFrame
from hlmm.types import NS_PER_MS, Ns

METADATA: Final = ("grid_change", "delisting")
"""Kinds whose coin is looked for inside the message."""


class Link(msgspec.Struct):
    """One connection. `number`: in order of opening, from 1; `cut`: closes after its opening frames, or None."""

    number: int
    deaf: bool = False
    cut: Planned | None = None
    frames: int = 0


class Late(msgspec.Struct, frozen=True):
    """A frame and when it arrives."""

    due: Ns
    frame: SendFrame


def is_meant(fault: Fault, link: Link) -> bool:
    """Whether a fault concerns this connection."""
    return "conn" not in KINDS[fault.kind].takes or fault.conn in {None, link.number}


class Bender:
    """Bends frames as the schedule says."""

    def __init__(self, schedule: Schedule) -> None:
        """Follow a schedule."""
        self._schedule = schedule
        self._freezer = Freezer()
        self._swapped: dict[tuple[int, str], SendFrame] = {}

    @property
    def is_straight(self) -> bool:
        """Whether nothing is bent, and nothing held back, now."""
        return self._schedule.is_quiet and not self._swapped

    def carry(self, sent: SendFrame, message: Message, link: Link, now: Ns) -> tuple[list[SendFrame], list[Late]]:
        """Carry one frame. Args: message, what it says. Returns: what arrives now, and what later."""
        if self._touches("drop", message, link):
            return [], []
        if self._touches("truncate", message, link):
            sent = SendFrame(sent.conn, sent.frame[: len(sent.frame) // 2])
        copies = [sent, sent] if self._touches("duplicate", message, link) else [sent]
        late = self._touching("delay", message, link)
        if late:
            due = Ns(now + max(planned.fault.whole("delay_ms") for planned in late) * NS_PER_MS)
            return [], [Late(due, copy) for copy in copies]
        return self._in_order(copies, message, link), []

    def rewrite(self, message: Message, link: Link | None = None) -> bool:
        """Change what a frame, or an answer (without link), says. Returns: whether something may have changed."""
        changed = False
        for planned in self._schedule.active(*REWRITES, "frozen_book"):
            fault = planned.fault
            meant = self._concerns(fault, message, link)
            if not meant or not self._schedule.strikes(planned):
                continue
            changed = True
            if fault.kind == "frozen_book":
                self._freezer.freeze(message)
            else:
                REWRITES[fault.kind](message, fault)
        return changed

    def thaw(self) -> None:
        """Books are no longer frozen."""
        self._freezer.thaw()

    def let_go(self, conn: int | None = None) -> list[SendFrame]:
        """Frames held back for a successor. Args: conn, only forget that connection's."""
        kept = {} if conn is None else {key: sent for key, sent in self._swapped.items() if key[0] != conn}
        gone = list(self._swapped.values()) if conn is None else []
        self._swapped = kept
        return gone

    def _in_order(self, copies: list[SendFrame], message: Message, link: Link) -> list[SendFrame]:
        """Hold a frame back until the next of its channel has passed."""
        key = (copies[0].conn, channel_of(message))
        held = self._swapped.pop(key, None)
        if held is not None:
            return [*copies, held]
        if self._touches("reorder", message, link):
            self._swapped[key] = copies[-1]
            return copies[:-1]
        return copies

    def _touches(self, kind: FaultKind, message: Message, link: Link) -> bool:
        return bool(self._touching(kind, message, link))

    def _touching(self, kind: FaultKind, message: Message, link: Link) -> list[Planned]:
        return [
            planned
            for planned in self._schedule.active(kind)
            if self._concerns(planned.fault, message, link) and self._schedule.strikes(planned)
        ]

    @staticmethod
    def _concerns(fault: Fault, message: Message, link: Link | None) -> bool:
        return (
            (link is None or is_meant(fault, link))
            and fault.concerns("about", channel_of(message))
            and (fault.kind in METADATA or fault.concerns("coin", coin_of(message)))
        )
