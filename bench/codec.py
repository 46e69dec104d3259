"""Frames to usable books, trades and order updates: ours against `json` with floats, the way the SDK's callers do it.

python bench/codec.py [--rounds N]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from rounds import Task, Variant, Workers, compare, ratio, serve, table  # noqa: E402 - as above

from hlmm.hyperliquid.feed import Feed  # noqa: E402 - bench is scripts, not a package
from hlmm.hyperliquid.universe import MetaWire, PerpWire, Universe  # noqa: E402 - as above
from hlmm.types import Ns  # noqa: E402 - as above

OURS = "ours, exact integers"
PEER = "json + floats"
VARIANTS = (Variant(OURS, {}), Variant(PEER, {}))
GOAL = 1.0
"""Exact integers must not cost more than inexact floats do."""
FRAMES_KEPT = 64
"""Different frames that are decoded in turn: a book repeats most of its texts, as in real recordings."""


def book_frame(step: int, levels: int) -> bytes:
    """A book whose top moves with `step` and a quarter of whose sizes change."""
    top = 84_143 + step % 5

    def side(sign: int) -> list[dict[str, object]]:
        return [
            {
                "px": f"{top + sign * (1 + level)}.0",
                "sz": f"{1 + level}.{(step if level % 4 == 0 else level):05d}",
                "n": 3,
            }
            for level in range(levels)
        ]

    data = {"coin": "BTC", "time": 1_790_232_236_546 + step, "levels": [side(-1), side(1)]}
    return json.dumps({"channel": "l2Book", "data": data}, separators=(",", ":")).encode()


def bbo_frame(step: int) -> bytes:
    """A bbo."""
    best = [{"px": f"{84_143 + step}.0", "sz": "10.25923", "n": 3}, {"px": f"{84_150 + step}.0", "sz": "1.5", "n": 1}]
    return json.dumps(
        {"channel": "bbo", "data": {"coin": "BTC", "time": 1_790_232_236_546, "bbo": best}}, separators=(",", ":")
    ).encode()


def trades_frame(step: int) -> bytes:
    """Five prints."""
    trade = {
        "coin": "BTC",
        "side": "A",
        "px": f"{84_143 + step}.0",
        "sz": "0.42",
        "time": 1_790_232_236_546,
        "tid": step,
    }
    trade |= {"hash": "0x" + "ab" * 32, "users": ["0x" + "cd" * 20, "0x" + "ef" * 20]}
    return json.dumps({"channel": "trades", "data": [trade] * 5}, separators=(",", ":")).encode()


def corpora() -> dict[str, list[bytes]]:
    """Frames by task."""
    steps = range(FRAMES_KEPT)
    return {
        "book20": [book_frame(step, 20) for step in steps],
        "book5": [book_frame(step, 5) for step in steps],
        "bbo": [bbo_frame(step) for step in steps],
        "trades": [trades_frame(step) for step in steps],
    }


def floats(frame: bytes) -> object:
    """A frame by `json`, prices and sizes as floats."""
    message = json.loads(frame)
    data = message["data"]
    match message["channel"]:
        case "l2Book":
            return [[(float(level["px"]), float(level["sz"])) for level in side] for side in data["levels"]]
        case "bbo":
            return [(float(level["px"]), float(level["sz"])) for level in data["bbo"]]
        case _:
            return [(float(trade["px"]), float(trade["sz"]), trade["side"], trade["time"]) for trade in data]


def cycling(frames: list[bytes], ours: Feed | None) -> Task:
    """A task that decodes the frames in turn."""
    position = 0

    def decode() -> bytes:
        nonlocal position
        position = (position + 1) % len(frames)
        frame = frames[position]
        if ours is None:
            floats(frame)
        else:
            ours.decode(frame, Ns(position))
        return b""

    return decode


def main() -> int:
    """Run and print. Returns: 0 when every goal is met, 1 when not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--worker")
    parser.add_argument("--rounds", type=int, default=31)
    options = parser.parse_args()
    if options.worker:
        feed = Feed(Universe({"": MetaWire([PerpWire("BTC", 5, 40)])}, [])) if options.worker == OURS else None
        serve({task: cycling(frames, feed) for task, frames in corpora().items()})
        return 0
    workers = Workers(__file__, VARIANTS)
    met = True
    for task in corpora():
        samples = compare(workers, (OURS, PEER), task, options.rounds, budget_ns=4e6)
        table(f"{task}: frame -> typed event ({options.rounds} interleaved rounds)", samples, OURS)
        met = met and ratio(samples, PEER, OURS) >= GOAL
    workers.stop()
    print(f"\ngoal for every frame: {GOAL:g}x json + floats: {'met' if met else 'NOT met'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
