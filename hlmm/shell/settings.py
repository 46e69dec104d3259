"""The settings of a run: folder, journal, inbox, reconnect and stop limits. Composed by `hlmm.config`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from hlmm.hyperliquid.settings import ConnectionConfig


class RunConfig(BaseModel):
    """How the shell drives the engine. None of these changes what the engine decides on a given event."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    dir: str = Field(default="runs", min_length=1, max_length=1_000, description="folder that holds one folder per run")
    journal_fsync_ms: int = Field(default=200, ge=1, le=10_000, description="time between fsyncs of the journal, ms")
    inbox_private_max: int = Field(
        default=10_000, ge=100, le=1_000_000, description="waiting private events before the run stops, count"
    )
    inbox_public_max: int = Field(
        default=10_000,
        ge=100,
        le=1_000_000,
        description="waiting public trade events before new ones are dropped, count",
    )
    connect_timeout_s: float = Field(default=10.0, ge=0.1, le=60.0, description="limit on opening a connection, s")
    reconnect_min_s: float = Field(default=0.25, ge=0.01, le=10.0, description="first reconnect delay, s")
    reconnect_max_s: float = Field(default=15.0, ge=0.1, le=300.0, description="longest reconnect delay, s")
    stop_deadline_s: float = Field(
        default=20.0, ge=1.0, le=120.0, description="time to confirm that nothing rests before giving up, s"
    )
    first_connect_deadline_s: float = Field(
        default=30.0, ge=1.0, le=600.0, description="time for the first session before the run gives up, s"
    )
    connection: ConnectionConfig = Field(default=ConnectionConfig(), description="how the session talks to the venue")
