"""What `hlmm doctor` looks like on a terminal: one line per check, the next step under what needs one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from hlmm.cli.words import Card, Row

if TYPE_CHECKING:
    from hlmm.shell.doctor import Diagnosis

MARKS: Final = {"ok": ("✓", ""), "warning": ("!", "yellow"), "failed": ("✗", "bold red")}


def findings_card(found: Diagnosis) -> Card:
    """Every finding in the order it was made; the heading is the verdict."""
    failed = sum(finding.state == "failed" for finding in found.findings)
    warned = sum(finding.state == "warning" for finding in found.findings)
    verdict = "ready to run" if found.healthy else f"not ready: {failed} of {len(found.findings)} checks failed"
    heading = Text(verdict, style="bold green" if found.healthy else "bold red")
    heading.append(f", {warned} warnings" if warned else "", style="yellow")
    rows: list[Row] = []
    for finding in found.findings:
        mark, style = MARKS[finding.state]
        rows.append(Row(f"{mark} {finding.name}", finding.text, style))
        if finding.fix:
            rows.append(Row("", f"→ {finding.fix}"))
    return Card(heading, rows)
