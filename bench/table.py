"""Runs every quick benchmark, one after the other, and prints what each says. Under two minutes.

python bench/table.py
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
QUICK: Final = (
    ("sign.py", "--rounds", "9"),
    ("engine.py", "--rounds", "15"),
    ("end_to_end.py", "--rounds", "5"),
    ("staleness.py", "--seconds", "12"),
    ("simulator.py", "--rounds", "1"),
)


def main() -> int:
    """Run all. Returns: 1 when any of them ended badly or missed its goal."""
    codes: dict[str, int] = {}
    for script, *arguments in QUICK:
        print(f"\n== {script}", flush=True)
        done = subprocess.run([sys.executable, HERE / script, *arguments], check=False)  # noqa: S603 - our own scripts
        codes[script] = done.returncode
    missed = [script for script, code in codes.items() if code]
    print(f"\nmissed a goal or failed: {', '.join(missed) or 'none'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
