"""Where our order stands in a recorded queue: the size ahead of it, and how each model moves that size.

Source: theory.md §6.3. Risk-averse advances on trades only; the probability model lets part of every cancel be
ahead of us, with p(behind) = back^n / (back^n + front^n).
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, assert_never

from pydantic import BaseModel, ConfigDict, Field

from hlmm.sim.displayed import UNKNOWN
from hlmm.sim.matching import Resting
from hlmm.types import Oid, Px, Side, Sz


class RiskAverse(BaseModel):
    """Every cancel is behind us: the pessimistic headline."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: Literal["risk_averse"] = "risk_averse"


class Probability(BaseModel):
    """A cancel is behind us with a probability that grows with what is behind."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: Literal["probability"] = "probability"
    power: float = Field(default=3.0, ge=0.1, le=10.0, description="n of back^n / (back^n + front^n).")


QueueModel = Annotated[RiskAverse | Probability, Field(discriminator="kind")]


class Queued(Resting):
    """A resting order of ours with `ahead`, the displayed size before it, and `seen`, its level's size then."""

    __slots__ = ("ahead", "seen")

    def __init__(self, oid: Oid, owner: int, side: Side, px: Px, left: Sz) -> None:
        super().__init__(oid, owner, side, px, left)
        self.ahead = 0
        self.seen = 0

    def join(self, shown: Sz) -> None:
        """Stand behind all that is displayed."""
        self.ahead = self.seen = shown

    def traded(self, sz: int) -> None:
        """`sz` of the displayed size traded at our price. Size beyond the edge stays unknown."""
        if self.ahead < UNKNOWN:
            self.ahead = max(0, self.ahead - sz)
            self.seen = max(0, self.seen - sz)

    def update(self, model: RiskAverse | Probability, shown: Sz) -> None:
        """The tape shows our level at `shown` (`UNKNOWN`: no news)."""
        if shown >= UNKNOWN:
            return
        match model:
            case RiskAverse():
                pass
            case Probability():
                self.ahead -= self._cancelled_ahead(model.power, shown)
            case _:
                assert_never(model)
        self.ahead = min(self.ahead, shown)
        self.seen = shown

    def _cancelled_ahead(self, power: float, shown: Sz) -> int:
        """How much of the level's decrease the probability model puts ahead of us (rounded down)."""
        decrease = self.seen - shown
        if decrease <= 0 or self.ahead <= 0 or self.seen >= UNKNOWN:
            return 0
        back = max(0, self.seen - self.ahead) / self.seen
        front = self.ahead / self.seen
        behind = math.pow(back, power) / (math.pow(back, power) + math.pow(front, power))
        return math.floor((1.0 - behind) * decrease)
