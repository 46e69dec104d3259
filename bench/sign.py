"""Order intents to signed request bytes, ours against the official SDK, in one run.

    python bench/sign.py [--rounds N]

Variants: ours with each Keccak; ours through the whole session (nonce, in-flight table, ws frame); the SDK with
coincurve; the SDK as pip installs it (pure-Python curve); and libsecp256k1 alone, the floor. Tasks: one order, ten
orders, and a 20-level book frame to two signed orders. All variants must produce the same signature.
"""

# ruff: noqa: PLC0415 - a variant's process imports only its own libraries

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from rounds import Task, Variant, Workers, compare, ratio, serve, table  # noqa: E402 - bench is scripts, not a package

KEY = bytes(range(1, 33))
NONCE_MS = 1_790_000_000_000
NONCE_TS = NONCE_MS * 1_000_000
PRICES = tuple(84_140 - step for step in range(10))
SIZE = 0.00123
CLOIDS = tuple((0x686C6D6D << 96) + number for number in range(10))
GOAL_COINCURVE = 12.0
GOAL_INSTALLED = 100.0

OURS = "ours, pysha3"
OURS_FALLBACK = "ours, pycryptodome"
OURS_SESSION = "ours, whole session"
SDK_COINCURVE = "SDK + coincurve"
SDK_INSTALLED = "SDK as installed"
FLOOR = "libsecp256k1 alone"
VARIANTS = (
    Variant(OURS, {}),
    Variant(OURS_FALLBACK, {}),
    Variant(OURS_SESSION, {}),
    Variant(SDK_COINCURVE, {"ECC_BACKEND_CLASS": "eth_keys.backends.CoinCurveECCBackend"}),
    Variant(SDK_INSTALLED, {"ECC_BACKEND_CLASS": "eth_keys.backends.NativeECCBackend"}),
    Variant(FLOOR, {}),
)


def book_frame() -> bytes:
    """A book as the venue sends it: 20 levels a side, 1.7 kB."""
    bids = [{"px": f"{84_143 - step}.0", "sz": f"{1 + step}.25923", "n": 3} for step in range(20)]
    asks = [{"px": f"{84_144 + step}.0", "sz": f"{1 + step}.66449", "n": 3} for step in range(20)]
    data = {"coin": "BTC", "time": 1_790_232_236_546, "levels": [bids, asks]}
    return json.dumps({"channel": "l2Book", "data": data}, separators=(",", ":")).encode()


def our_tasks() -> dict[str, Task]:
    """Integer intents to the HTTP body, by our Structs."""
    from hlmm.core.commands import PlaceOrder
    from hlmm.core.events import BookChanged
    from hlmm.hyperliquid.actions import signed_body
    from hlmm.hyperliquid.batching import place_action
    from hlmm.hyperliquid.feed import Feed
    from hlmm.hyperliquid.signing import SecretKeySigner, Stamp
    from hlmm.hyperliquid.universe import MetaWire, PerpWire, Universe
    from hlmm.types import Coin, Ns, Px, Side, Sz, to_cloid

    signer, stamp = SecretKeySigner(KEY), Stamp(NONCE_MS, "testnet")
    universe = Universe({"": MetaWire([PerpWire("BTC", 5, 40)])}, [])
    feed, frame, coin = Feed(universe), book_frame(), Coin("BTC")

    def intents(pxs: tuple[int, ...]) -> list[PlaceOrder]:
        return [
            PlaceOrder(cloid=to_cloid(cloid), coin=coin, side=Side.BID, px=Px(px), sz=Sz(123))
            for px, cloid in zip(pxs, CLOIDS, strict=False)
        ]

    def body(places: list[PlaceOrder]) -> bytes:
        return signed_body(place_action(places, universe), signer, stamp)

    def book() -> bytes:
        (event,) = feed.decode(frame, Ns(0))
        assert isinstance(event, BookChanged)
        return body(intents((event.bids[0].px, event.asks[0].px)))

    ten = intents(tuple(10 * px for px in PRICES))
    one = ten[:1]
    return {"one": lambda: body(one), "ten": lambda: body(ten), "book": book}


def session_tasks() -> dict[str, Task]:
    """Engine commands to ws frames through the whole session."""
    from hlmm.core.commands import PlaceOrder
    from hlmm.core.events import BookChanged
    from hlmm.hyperliquid.session import Session, SessionProfile
    from hlmm.hyperliquid.signing import SecretKeySigner
    from hlmm.types import Address, Coin, Ns, Px, Side, Sz, to_cloid

    now, frame = Ns(NONCE_TS), book_frame()
    coins = (Coin("BTC"),)
    profile = SessionProfile(
        account=Address("0x" + "ab" * 20),
        signer=SecretKeySigner(KEY),
        network="testnet",
        coins=coins,
        request_timeout_s=1e6,  # the socket is silent here; a session that hears nothing turns to HTTP
    )
    client = Session(profile)
    universe = b'{"universe":[{"name":"BTC","szDecimals":5,"maxLeverage":40}]}'
    answer = b'{"channel":"post","data":{"id":%d,"response":{"type":"info","payload":{"type":"meta","data":%b}}}}'
    client.connected(now)
    client.receive(answer % (1, universe), now)
    step = 0

    def intents(pxs: tuple[int, ...]) -> list[PlaceOrder]:
        return [
            PlaceOrder(cloid=to_cloid(cloid), coin=coins[0], side=Side.BID, px=Px(px), sz=Sz(123))
            for px, cloid in zip(pxs, CLOIDS, strict=False)
        ]

    def submit(places: list[PlaceOrder]) -> bytes:
        nonlocal step
        step += 1
        (post,) = client.submit(places, Ns(now + step * 100_000_000)).frames
        client._in_flight.close(step + 1)  # noqa: SLF001 - the answer is not part of what is measured
        return post

    def book() -> bytes:
        event = next(event for event in client.receive(frame, now)[1] if isinstance(event, BookChanged))
        return submit(intents((event.bids[0].px, event.asks[0].px)))

    ten = intents(tuple(10 * px for px in PRICES))
    one = ten[:1]
    return {"one": lambda: submit(one), "ten": lambda: submit(ten), "book": book}


def sdk_tasks() -> dict[str, Task]:
    """Float intents to the HTTP body: the SDK's `Exchange.bulk_orders`, with only the network taken away."""
    from eth_account import Account
    from hyperliquid.exchange import Exchange
    from hyperliquid.utils.signing import OrderRequest
    from hyperliquid.utils.types import Cloid

    class Offline(Exchange):
        def post(self, _url_path: str, payload: object = None) -> bytes:
            return json.dumps(payload).encode()

    meta = {"universe": [{"name": "BTC", "szDecimals": 5}]}
    spot = {"universe": [], "tokens": []}
    exchange, frame = Offline(Account.from_key(KEY), "http://localhost", meta=meta, spot_meta=spot), book_frame()

    def intents(pxs: tuple[float, ...]) -> list[OrderRequest]:
        return [
            {
                "coin": "BTC",
                "is_buy": True,
                "sz": SIZE,
                "limit_px": px,
                "order_type": {"limit": {"tif": "Alo"}},
                "reduce_only": False,
                "cloid": Cloid.from_int(cloid),
            }
            for px, cloid in zip(pxs, CLOIDS, strict=False)
        ]

    def body(requests: list[OrderRequest]) -> bytes:
        return bytes(exchange.bulk_orders(requests))

    def book() -> bytes:
        levels = json.loads(frame)["data"]["levels"]
        return body(intents((float(levels[0][0]["px"]), float(levels[1][0]["px"]))))

    ten = intents(tuple(float(px) for px in PRICES))
    one = ten[:1]
    return {"one": lambda: body(one), "ten": lambda: body(ten), "book": book}


def floor_tasks() -> dict[str, Task]:
    """The curve operation alone."""
    from coincurve import PrivateKey

    key, digest = PrivateKey(KEY), bytes(range(32))

    def sign() -> bytes:
        return key.sign_recoverable(digest, hasher=None)

    return {"one": sign, "ten": sign, "book": sign}


def work(name: str) -> None:
    """One worker process."""
    if name == OURS_FALLBACK:
        sys.modules["sha3"] = None  # type: ignore[assignment]
    makers = {SDK_COINCURVE: sdk_tasks, SDK_INSTALLED: sdk_tasks, FLOOR: floor_tasks, OURS_SESSION: session_tasks}
    serve(makers.get(name, our_tasks)())


def agreed(shown: object) -> bool:
    """Whether a body's signature is ours, for its own nonce."""
    from hlmm.hyperliquid.actions import decode_action, sign
    from hlmm.hyperliquid.signing import SecretKeySigner, Stamp

    assert isinstance(shown, str)
    body = json.loads(shown)
    ours = sign(
        decode_action(json.dumps(body["action"]).encode()), SecretKeySigner(KEY), Stamp(body["nonce"], "testnet")
    )
    theirs = body["signature"]
    same = int(theirs["r"], 16) == int(ours.signature.r, 16) and int(theirs["s"], 16) == int(ours.signature.s, 16)
    return same and theirs["v"] == ours.signature.v


def main() -> int:
    """Run and print. Returns: 0 when the goals are met, 1 when not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--worker")
    parser.add_argument("--rounds", type=int, default=31)
    options = parser.parse_args()
    if options.worker:
        work(options.worker)
        return 0
    workers = Workers(__file__, VARIANTS)
    names = [variant.name for variant in VARIANTS]
    met = True
    for task, title in (("one", "1 order"), ("ten", "10 orders"), ("book", "book frame -> 2 orders")):
        comparable = [OURS, OURS_FALLBACK, SDK_COINCURVE, SDK_INSTALLED]
        assert all(agreed(workers.ask(name, task, "show")) for name in comparable), "signatures differ"
        samples = compare(workers, names, task, options.rounds, budget_ns=8e6)
        table(f"{title}: intents -> signed bytes ({options.rounds} interleaved rounds)", samples, OURS)
        if task == "one":
            met = ratio(samples, SDK_COINCURVE, OURS) >= GOAL_COINCURVE
            met = met and ratio(samples, SDK_INSTALLED, OURS) >= GOAL_INSTALLED
    workers.stop()
    goal = f"goal for 1 order: {GOAL_COINCURVE:g}x the SDK with coincurve, {GOAL_INSTALLED:g}x as installed"
    print(f"\n{goal}: {'met' if met else 'NOT met'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
