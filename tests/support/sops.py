"""Put a `sops` on PATH for a test: the stand-in, or a fake that records how it was called and answers as told."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Final

STANDIN: Final = Path(__file__).with_name("sops_standin.py")

RECORDER: Final = """#!{python} -IS
import json, os, pathlib, sys
here = pathlib.Path({folder!r})
group = os.getpgid(0) == os.getpid()
stdin = sys.stdin.read()
call = {{"argv": sys.argv[1:], "env": dict(os.environ), "leads_group": group, "stdin": stdin}}
(here / "call.json").write_text(json.dumps(call))
sys.stderr.write({stderr!r})
sys.stdout.write({stdout!r})
sys.exit({code})
"""


def install(folder: Path, script: str) -> Path:
    """Write an executable `sops` into a folder, made when missing. Returns: the folder, to stand on PATH."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "sops"
    path.write_text(script)
    path.chmod(0o755)
    return folder


def install_standin(folder: Path) -> Path:
    """A `sops` that decrypts real SOPS files with age keys; `HLMM_SOPS` names a genuine one instead."""
    genuine = os.environ.get("HLMM_SOPS")
    command = shlex.quote(genuine) if genuine else shlex.join([sys.executable, str(STANDIN)])
    return install(folder, f'#!/bin/sh\nexec {command} "$@"\n')


def install_fake(folder: Path, *, stdout: str, code: int = 0, stderr: str = "") -> Path:
    """A `sops` that records argv, environment, stdin and group into `folder/call.json` and answers as told."""
    script = RECORDER.format(python=sys.executable, folder=str(folder), stdout=stdout, stderr=stderr, code=code)
    return install(folder, script)


def recorded(folder: Path) -> dict[str, object]:
    """How the fake was called."""
    call = json.loads((folder / "call.json").read_text())
    assert isinstance(call, dict)
    return call
