"""A stand-in for `sops decrypt` on machines without it: the genuine program's answers and exit codes, age keys only.

It records nothing and, like the genuine program, may print a plaintext value on stderr: hlmm must not show that.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support import sopsfile


def main() -> int:
    """`decrypt --output-type json -- FILE`. Returns: the genuine program's exit code."""
    parser = argparse.ArgumentParser(prog="sops")
    decrypt = parser.add_subparsers(dest="verb", required=True).add_parser("decrypt")
    decrypt.add_argument("--output-type", choices=["json"], required=True)
    decrypt.add_argument("file", type=Path)
    file = parser.parse_args().file
    try:
        text = file.read_text()
    except OSError:
        return sopsfile.UNREADABLE
    try:
        clear = sopsfile.decrypted(sopsfile.read(text), _identities())
    except sopsfile.SopsError as failure:
        sys.stderr.write(f"{failure}\n")
        return failure.code
    sys.stdout.write(json.dumps(clear, indent="\t") + "\n")
    return 0


def _identities() -> list[str]:
    named = os.environ.get("SOPS_AGE_KEY_FILE")
    try:
        lines = Path(named).read_text().splitlines() if named else []
    except OSError:
        lines = []
    return [line for line in lines if line.startswith("AGE-SECRET-KEY-1")]


if __name__ == "__main__":
    sys.exit(main())
