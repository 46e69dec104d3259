"""A simulator with someone trading on it, and commands that are asked for confirmation: rehearsals of an emergency."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from hlmm.hyperliquid.actions import Order, OrderSpec, order_wire, signed_body
from hlmm.hyperliquid.rest import SyncRest
from hlmm.hyperliquid.signing import SecretKeySigner, Stamp
from hlmm.types import Coin, Instrument
from tests.support import age, sopsfile
from tests.support.program import HLMM, environment
from tests.support.sops import install_standin

GRACE_S: Final = 20.0
LIMIT_S: Final = 120.0


class Account(msgspec.Struct, frozen=True):
    """One sandbox account of a simulator."""

    address: str
    private_key: str
    agent_address: str
    agent_private_key: str


class Ready(msgspec.Struct, frozen=True):
    """What a simulator prints once it listens."""

    rest_url: str
    ws_url: str
    accounts: list[Account]


def hlmm(
    *arguments: str, folder: Path, environ: dict[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """One command to its end in `folder`, with an answer for whatever it asks."""
    return subprocess.run(
        [*HLMM, *arguments], cwd=folder, env=environment(folder, **(environ or {})), input=stdin, capture_output=True,
        text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip


@contextmanager
def simulator(folder: Path, *arguments: str) -> Iterator[Ready]:
    """A running `hlmm sim` on a free port."""
    command = [*HLMM, "sim", "--port", "0", "--json", *arguments]
    with subprocess.Popen(command, env=environment(folder), stdout=subprocess.PIPE, text=True, cwd=folder) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line, "the simulator ended before it listened"
            yield msgspec.json.decode(line, type=Ready)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(GRACE_S)


def prod(folder: Path, rest_url: str, account: Account) -> tuple[tuple[str, ...], dict[str, str]]:
    """Overrides and environment of env=prod with its URLs elsewhere and a SOPS file to a fresh age key."""
    identity, recipient = age.new_identity()
    (folder / "age.txt").write_text(identity + "\n")
    (folder / "age.txt").chmod(0o600)
    entry: dict[str, sopsfile.Tree] = {
        "network": "mainnet",
        "account_address": account.address,
        "agent_address": account.agent_address,
        "agent_private_key": account.agent_private_key,
    }
    (folder / "prod.enc.yaml").write_text(sopsfile.encrypted({"prod": entry}, [recipient]))
    path = f"{install_standin(folder / 'bin')}:{os.environ['PATH']}"
    overrides = (
        "env=prod", f"env.rest_url={rest_url}", f"env.ws_url={rest_url.replace('http', 'ws')}/ws",
        f"env.account_address='{account.address}'", f"env.agent_address='{account.agent_address}'",
        f"env.secrets.file={folder / 'prod.enc.yaml'}",
    )  # fmt: skip
    return overrides, {"PATH": path, "SOPS_AGE_KEY_FILE": str(folder / "age.txt")}


class Trader:
    """The first account of a simulator, by its agent key: the few requests that tests make."""

    def __init__(self, ready: Ready) -> None:
        self.account = ready.accounts[0]
        self.rest_url = ready.rest_url
        self._rest = SyncRest(ready.rest_url, 10.0)
        self._signer = SecretKeySigner(bytes.fromhex(self.account.agent_private_key[2:]))
        self._nonce = 0

    def close(self) -> None:
        """Close the connection."""
        self._rest.close()

    def ask(self, kind: str, **more: str) -> object:
        """One `/info` question about the account."""
        body = {"type": kind, "user": self.account.address, **more}
        status, answer = self._rest.post("/info", json.dumps(body).encode())
        assert status == 200, answer
        return json.loads(answer)

    def mid(self, coin: str) -> float:
        """The mid, USD."""
        mids = self.ask("allMids", dex=coin.partition(":")[0]) if ":" in coin else self.ask("allMids")
        assert isinstance(mids, dict)
        return float(mids[coin])

    def instrument(self, coin: str) -> Instrument:
        """A perp of the main dex."""
        meta = self.ask("meta")
        assert isinstance(meta, dict)
        names = [perp["name"] for perp in meta["universe"]]
        asset = names.index(coin)
        return Instrument(coin=Coin(coin), asset=asset, sz_decimals=meta["universe"][asset]["szDecimals"])

    def send(self, coin: str, spec: OrderSpec) -> object:
        """One order; the venue's answer."""
        state = self.ask("clearinghouseState")
        assert isinstance(state, dict)
        self._nonce = max(self._nonce + 1, state["time"])
        action = Order((order_wire(self.instrument(coin), spec),))
        body = signed_body(action, self._signer, Stamp(self._nonce, network="mainnet"))
        return json.loads(self._rest.post("/exchange", body)[1])

    def order(self, coin: str, usd: float, distance_bps: float, **more: object) -> object:
        """Buy (`usd` > 0) or sell about that much, this far from mid: positive rests, negative crosses."""
        instrument, mid = self.instrument(coin), self.mid(coin)
        spec = {
            "side": 1 if usd > 0 else -1,
            "px": instrument.px_down(mid * (1 - (1 if usd > 0 else -1) * distance_bps / 10_000)),
            "sz": instrument.sz_down(abs(usd) / mid),
            "tif": "Alo" if distance_bps > 0 else "Ioc",
            "reduce_only": False,
            "cloid": None,
        }
        return self.send(coin, msgspec.convert({**spec, **more}, OrderSpec, strict=False))

    def orders(self) -> list[dict[str, object]]:
        """Resting orders."""
        answer = self.ask("openOrders")
        assert isinstance(answer, list)
        return answer

    def positions(self) -> dict[str, float]:
        """Sizes by coin."""
        answer = self.ask("clearinghouseState")
        assert isinstance(answer, dict)
        return {one["position"]["coin"]: float(one["position"]["szi"]) for one in answer["assetPositions"]}
