"""Owns the quarantine notes of a session: what arrived and fits nothing that was asked."""

from __future__ import annotations

from typing import Final

import msgspec

from hlmm.core.events import FrameQuarantined
from hlmm.hyperliquid import wire
from hlmm.types import Ns

WHY_MAX: Final = 120


def early(ts: Ns) -> FrameQuarantined:
    """Market or account data before anything was subscribed."""
    return FrameQuarantined(ts=ts, channel="", why="data before the subscriptions were sent", text="")


def complaint(text: str, ts: Ns) -> FrameQuarantined:
    """An error frame that names no request of ours."""
    return FrameQuarantined(ts=ts, channel="error", why=f"the venue complained: {text[:WHY_MAX]}", text=wire.clip(text))


def orphan(request_id: int, ts: Ns) -> FrameQuarantined:
    """An answer to no request in flight."""
    return FrameQuarantined(ts=ts, channel="post", why="answer to no request in flight", text=str(request_id))


def strange(payload: bytes | msgspec.Raw, error: Exception, ts: Ns) -> FrameQuarantined:
    """An answer that could not be decoded. Args: error, of the decoder."""
    return FrameQuarantined(ts=ts, channel="post", why=str(error)[: wire.TEXT_KEPT], text=wire.clip(payload))
