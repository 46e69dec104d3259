"""Owns the programs that are measured against the stub venue: hlmm as it is run, and the SDK as its examples use it.

python bench/clients.py URL        the SDK's example loop, until killed
"""

# ruff: noqa: PLC0415 - the SDK is imported only by the process that measures it

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
NATIVE: Final = {"ECC_BACKEND_CLASS": "eth_keys.backends.NativeECCBackend"}
COINCURVE: Final = {"ECC_BACKEND_CLASS": "eth_keys.backends.CoinCurveECCBackend"}
HLMM: Final = "hlmm"
SDK_COINCURVE: Final = "SDK + coincurve"
SDK_INSTALLED: Final = "SDK as installed"
COINCURVE_PEERS: Final = (SDK_COINCURVE,)
ENVIRONMENTS: Final[Mapping[str, Mapping[str, str]]] = {HLMM: {}, SDK_COINCURVE: COINCURVE, SDK_INSTALLED: NATIVE}


@contextlib.contextmanager
def client(name: str, url: str, overrides: tuple[str, ...] = ()) -> Iterator[Path]:
    """Run one client against a venue. Args: name, of `ENVIRONMENTS`; overrides, hlmm's. Yields: its own folder."""
    ours = [sys.executable, "-m", "hlmm", "run", "+asset=BTC", f"env.sim.connect={url}", *overrides, "--json"]
    command = ours if name == HLMM else [sys.executable, __file__, url]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, **ENVIRONMENTS[name], "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": folder}
        process = subprocess.Popen(  # noqa: S603 - the programs under test
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield Path(folder)
        finally:
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
