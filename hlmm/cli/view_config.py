"""How verdicts on configurations look: a table for people, one object for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hlmm.config.check import Check

WIDTH_MAX = 48


def table(checks: Sequence[Check]) -> str:
    """✓ or ✗ per composition, then each problem as place, key, message → fix. Ends with a newline."""
    width = min(WIDTH_MAX, max(len(check.name) for check in checks))
    lines = []
    for check in checks:
        detail = f"config {check.config_hash[:12]}" if check.config_hash else _count(len(check.problems))
        lines.append(f"{'✓' if check.valid else '✗'} {check.name:<{width}}  {detail}")
        lines += [f"    {problem}" for problem in check.problems]
        lines += [f"    {note}" for note in check.notes]
    bad = sum(not check.valid for check in checks)
    if len(checks) > 1:
        lines.append(
            f"{len(checks)} compositions, {bad} with problems" if bad else f"{len(checks)} compositions, all valid"
        )
    return "\n".join(lines) + "\n"


def json_report(checks: Sequence[Check]) -> str:
    """`{"valid", "errors": […]}`; for several compositions also `checked`, and each error names its composition."""
    several = len(checks) > 1
    errors = [
        {
            **({"composition": check.name} if several else {}),
            "path": problem.path,
            "message": problem.message,
            "file": problem.file,
            "line": problem.line,
            "override": problem.override,
            "suggestion": problem.suggestion,
        }
        for check in checks
        for problem in check.problems
    ]
    report: dict[str, object] = {"valid": not errors, "errors": errors}
    if several:
        report["checked"] = [check.name for check in checks]
    else:
        report["config_hash"] = checks[0].config_hash
    return json.dumps(report, ensure_ascii=False) + "\n"


def _count(number: int) -> str:
    return f"{number} problem{'s' if number != 1 else ''}"
