"""How many order actions the simulated exchange takes: in process without signatures, and signed over a socket.

    python bench/simulator.py [--rounds N]

In process: one-order actions and their cancels, decoded, queued and executed in blocks of 200. Over a socket: the
same, signed beforehand, as WebSocket posts to `hlmm sim` in a process of its own; it recovers every signature. The
peer, for scale, is this machine's own `json.loads` of one action, in the same rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from websockets.asyncio.client import connect  # noqa: E402 - bench is scripts, not a package

from hlmm.hyperliquid.actions import decode_action, signed_body  # noqa: E402
from hlmm.hyperliquid.signing import SecretKeySigner, Stamp  # noqa: E402
from hlmm.sim.actions import decode_envelope  # noqa: E402
from hlmm.sim.config import CadenceConfig, LatencyConfig, LimitConfig, SimConfig, SyntheticMarketConfig  # noqa: E402
from hlmm.sim.exchange import Pending  # noqa: E402
from hlmm.sim.server import spawn, stop_spawned  # noqa: E402
from hlmm.sim.world import build_world  # noqa: E402
from hlmm.types import Ms  # noqa: E402

BATCH: Final = 200
PAIRS: Final = 1_000
ORDER: Final = {"a": 0, "b": True, "p": "50000", "s": "0.001", "r": False, "t": {"limit": {"tif": "Alo"}}}
UNSIGNED: Final = {"r": "0x1", "s": "0x1", "v": 27}
INSTANT: Final = LatencyConfig(ingress_ms=0, answer_ms=0, feed_ms=0, info_ms=0)
OPEN_DOOR: Final = LimitConfig(base_requests=10**12, open_orders=100_000, ws_posts_in_flight=10**6)


def config() -> SimConfig:
    """A venue with one coin and no limits of its own."""
    market = SyntheticMarketConfig(coins=("BTC",))
    return SimConfig(market=market, latency=INSTANT, limits=OPEN_DOOR, cadence=CadenceConfig(block_ms=10))


def actions(count: int) -> Iterator[dict[str, object]]:
    """Alternating: batches of one-order actions far from the market, and the cancels of the same."""
    for start in range(0, count, BATCH):
        cloids = [f"0x{number:032x}" for number in range(start + 1, start + BATCH + 1)]
        for cloid in cloids:
            yield {"type": "order", "orders": [{**ORDER, "c": cloid}], "grouping": "na"}
        for cloid in cloids:
            yield {"type": "cancelByCloid", "cancels": [{"asset": 0, "cloid": cloid}]}


def in_process() -> float:
    """Actions per second of the state machine, the background's own cost taken off."""
    gateway = build_world(config(), 1)
    exchange = gateway.exchange
    signers = (exchange.accounts[0].address,)
    nonce = int(exchange.now)
    bodies = [{"action": action, "signature": UNSIGNED} for action in actions(PAIRS)]
    blocks = range(nonce + 10, nonce + 10 * len(bodies) // BATCH + 10, 10)
    idle = _timed(lambda: [exchange.run_block(Ms(block)) for block in blocks])
    now = exchange.now
    start = time.perf_counter_ns()
    for first in range(0, len(bodies), BATCH):
        now = Ms(now + 10)
        for ticket, body in enumerate(bodies[first : first + BATCH], first):
            nonce += 1
            envelope = decode_envelope({**body, "nonce": nonce})
            exchange.submit(Pending(ticket=ticket, envelope=envelope, signers=signers, ready=now))
        exchange.run_block(now)
    assert not exchange.desk.log.answers or "error" not in str(exchange.desk.log.answers[-1])
    return len(bodies) * 1e9 / (time.perf_counter_ns() - start - idle)


def _timed(work: object) -> int:
    start = time.perf_counter_ns()
    work()  # type: ignore[operator]
    return time.perf_counter_ns() - start


async def over_socket() -> float:
    """Signed actions per second, from the first one sent to the last answer."""
    process, ready = spawn(config())
    try:
        signer = SecretKeySigner(bytes.fromhex(ready.accounts[0].agent_private_key.removeprefix("0x")))
        nonce_ms = time.time_ns() // 1_000_000
        frames = [
            json.dumps({"method": "post", "id": number, "request": {"type": "action", "payload": json.loads(
                signed_body(decode_action(json.dumps(action).encode()), signer, Stamp(nonce_ms + number, "mainnet"))
            )}})
            for number, action in enumerate(actions(PAIRS), 1)
        ]  # fmt: skip
        url = "ws" + ready.rest_url.removeprefix("http") + "/ws"
        async with connect(url, compression=None, max_queue=4_096) as socket:
            start = time.perf_counter_ns()
            sending = asyncio.create_task(_send(socket, frames))
            answered = refused = 0
            while answered < len(frames):
                frame = json.loads(await socket.recv())
                if frame.get("channel") == "post":
                    answered += 1
                    refused += '"error"' in json.dumps(frame)
            await sending
            took = time.perf_counter_ns() - start
        assert not refused, f"{refused} actions refused"
        return len(frames) * 1e9 / took
    finally:
        stop_spawned(process)


async def _send(socket: object, frames: list[str]) -> None:
    for frame in frames:
        await socket.send(frame)  # type: ignore[attr-defined]


def peer() -> float:
    """`json.loads` of one action per second."""
    text = json.dumps(next(actions(BATCH)))
    return 1e9 * 10_000 / _timed(lambda: [json.loads(text) for _ in range(10_000)])


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rows = [(peer(), in_process(), asyncio.run(over_socket())) for _ in range(options.rounds)]
    for name, column in (("in process, unsigned", 1), ("signed, over a socket", 2)):
        rate = statistics.median(row[column] for row in rows)
        share = statistics.median(row[0] / row[column] for row in rows)
        print(f"{name:<24}{rate:>10.0f} actions/s    one costs {share:>7.1f} x json.loads of its text")
    return 0


if __name__ == "__main__":
    sys.exit(main())
