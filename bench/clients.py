"""Owns the programs that are measured against the stub venue: hlmm as it is run, and the SDK as its examples use it.

python bench/clients.py URL        the SDK's example loop, until killed
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
KEY: Final = bytes(range(1, 33))
DEPTH: Final = 0.003
ORDER_SIZE: Final = 0.001
STOP_S: Final = 10.0
NATIVE: Final = {"ECC_BACKEND_CLASS": "eth_keys.backends.NativeECCBackend"}
COINCURVE: Final = {"ECC_BACKEND_CLASS": "eth_keys.backends.CoinCurveECCBackend"}
HLMM: Final = "hlmm"
SDK_COINCURVE: Final = "SDK + coincurve"
SDK_INSTALLED: Final = "SDK as installed"
ENVIRONMENTS: Final[Mapping[str, Mapping[str, str]]] = {HLMM: {}, SDK_COINCURVE: COINCURVE, SDK_INSTALLED: NATIVE}


@contextlib.contextmanager
def client(name: str, url: str, overrides: tuple[str, ...] = ()) -> Iterator[subprocess.Popen[bytes]]:
    """Run one client against a venue, in an empty folder. Args: name, of `ENVIRONMENTS`; overrides, hlmm's."""
    ours = [sys.executable, "-m", "hlmm", "run", "+asset=BTC", f"env.sim.connect={url}", *overrides, "--json"]
    command = ours if name == HLMM else [sys.executable, __file__, url]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": folder}
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment | ENVIRONMENTS[name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def sdk_loop(url: str) -> None:
    """Quote both sides of every book from inside the SDK's callback, as its market-making example does.

    The example also cancels, which doubles its requests; here each book costs one order a side and nothing more.
    """
    from eth_account import Account
    from hyperliquid.exchange import Exchange
    from hyperliquid.info import Info
    from hyperliquid.utils.types import Cloid

    exchange = Exchange(Account.from_key(KEY), url)

    def on_book(message: dict[str, dict[str, object]]) -> None:
        data = message["data"]
        levels: list[list[dict[str, str]]] = data["levels"]  # type: ignore[assignment]
        book_ms: int = data["time"]  # type: ignore[assignment]
        for index, is_buy in ((0, True), (1, False)):
            touch = float(levels[index][0]["px"])
            ideal = touch * (1 - DEPTH) if is_buy else touch * (1 + DEPTH)
            px = float(f"{ideal:.5g}")
            exchange.order("BTC", is_buy, ORDER_SIZE, px, {"limit": {"tif": "Alo"}}, cloid=Cloid.from_int(book_ms))

    Info(url).subscribe({"type": "l2Book", "coin": "BTC"}, on_book)
    while True:
        time.sleep(1)


if __name__ == "__main__":
    sdk_loop(sys.argv[1])
