"""Owns the settings of a venue session: time limits and the two habits a trader may choose."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ConnectionConfig(BaseModel):
    """How the session talks to the venue. Sources: protocol limits of the venue; measured latencies (p99 < 1 s)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    request_timeout_s: float = Field(
        default=5.0, ge=0.2, le=60.0, description="time after which an unanswered request is unknown, s"
    )
    ping_s: float = Field(
        default=10.0,
        ge=1.0,
        le=50.0,
        description="time between pings, s; the venue drops a socket after 60 s of silence",
    )
    feed_silence_s: float = Field(
        default=15.0, ge=2.0, le=120.0, description="time without any frame after which the connection is replaced, s"
    )
    opening_timeout_s: float = Field(
        default=15.0, ge=1.0, le=120.0, description="limit on metadata and subscription acks after connecting, s"
    )
    action_lifetime_ms: int = Field(
        default=0,
        ge=0,
        le=120_000,
        description="orders expire at the venue this long after signing, ms; bounds unknown outcomes; 0: never",
    )
    cancel_priority: Literal["normal", "fast"] = Field(
        default="normal", description="fast sets the f flag on cancels: measured 0.4 s against 0.75 s"
    )
