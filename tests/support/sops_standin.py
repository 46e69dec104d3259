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
    named = os.environ.get("SOPS_AGE_KEY_FILE")
    code, clear = sopsfile.answer(parser.parse_args().file, Path(named) if named else None)
    if code == 0:
        sys.stdout.write(json.dumps(clear, indent="\t") + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
