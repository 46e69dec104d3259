"""How a flatten's report and preview read on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from hlmm.shell.emergency import Preview
    from hlmm.shell.flatten import FlattenRemaining, FlattenReport


def report_text(report: FlattenReport) -> str:
    """The outcome first, then what was done and what is left."""
    head = "FLAT, confirmed by the venue" if report.verified_flat else f"NOT CONFIRMED FLAT: {report.reason}"
    closed = ", ".join(f"{size} {coin}" for coin, size in report.closed.items()) or "nothing"
    lines = [head, f"cancelled {report.cancelled} orders, closed {closed}, in {report.elapsed_s:.1f} s"]
    return "\n".join([*lines, *([] if report.verified_flat else _left(report.remaining))])


def preview_text(preview: Preview) -> str:
    """The exact actions, one JSON object a line, as they would be signed."""
    lines = [msgspec.json.encode(action).decode() for action in preview.actions]
    head = f"{len(lines)} actions would be sent first; nothing was sent" if lines else "nothing to send"
    return "\n".join([head, *lines, *_left(preview.remaining)])


def _left(remaining: FlattenRemaining) -> list[str]:
    held = ", ".join(f"{size} {coin}" for coin, size in remaining.positions.items()) or "none"
    lines = [f"left: {remaining.orders} orders, positions {held}"]
    lines += [f"  {coin} is below the venue's minimum order value" for coin in remaining.dust]
    return lines + [f"  not read: {question}" for question in remaining.unread]
