"""The real `hlmm` program in processes of its own, and a simulated venue to ask behind its back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

HLMM = (sys.executable, "-m", "hlmm.cli.app")
ROOT = Path(__file__).parents[2]
START_LIMIT_S = 60.0


def environment(folder: Path, **more: str) -> dict[str, str]:
    """A clean environment whose state folder is inside `folder`."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), "HLMM_STATE_DIR": str(folder / "state"), "NO_COLOR": "1", **more}


def hlmm(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end in `folder`."""
    return subprocess.run(
        [*HLMM, *arguments],
        cwd=folder,
        env=environment(folder, **more),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a command in `folder`."""
    return subprocess.Popen(
        [*HLMM, *arguments],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class Venue:
    """A running `hlmm sim` with one coin."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        """Start it and wait until it listens."""
        self.process = start(folder, "sim", "--port", "0", "--json", *(arguments or ("--coin", "BTC")))
        assert self.process.stdout is not None
        ready = json.loads(self.process.stdout.readline())
        self.url: str = ready["rest_url"]
        self.account: str = ready["accounts"][0]["address"]

    def info(self, question: dict[str, str]) -> object:
        """Ask `/info`."""
        body = json.dumps(question).encode()
        request = urllib.request.Request(  # noqa: S310 - a loopback URL of our own
            self.url + "/info", data=body, headers={"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
            return json.load(answer)

    def cloids(self) -> list[str]:
        """The cloids that rest on the account, sorted."""
        orders = self.info({"type": "frontendOpenOrders", "user": self.account})
        assert isinstance(orders, list)
        return sorted(order["cloid"] for order in orders)

    def wait_for_orders(self, process: subprocess.Popen[str], at_least: int = 2) -> list[str]:
        """Wait until that many orders rest. Fails when the process ends before."""
        give_up = time.monotonic() + START_LIMIT_S
        while len(found := self.cloids()) < at_least:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < give_up, "no quotes in time"
            time.sleep(0.1)
        return found

    def close(self) -> None:
        """Stop it."""
        self.process.terminate()
        self.process.communicate(timeout=20)
