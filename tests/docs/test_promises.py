"""What the README, the documents and the lock files promise about each other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Final

import pytest

from tests.shared import ROOT

README: Final = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS: Final = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def marked_command(name: str) -> list[str]:
    """Lines of the README's code block under the mark `<!-- name -->`."""
    found = re.search(rf"^<!-- {name} -->\n```bash\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return found.group(1).splitlines() if found else []


def lock(name: str) -> dict[tuple[str, str], str]:
    """Versions by distribution and marker."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return {
        (n, marker): version
        for n, version, marker in re.findall(r"^([\w.-]+)==(\S+)([^\\\n]*)\\?$", text, re.MULTILINE)
    }


def canonical(requirement: str) -> str:
    """The distribution's name as locks write it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", requirement)[0]).lower()


@pytest.mark.parametrize("name", ["run", "test"])
def test_the_command_is_one_line_and_makes_its_own_environment(name: str) -> None:
    """Each of the two commands is one line that works on a Python that refuses pip."""
    lines = marked_command(name)
    assert len(lines) == 1
    assert lines[0].startswith("python3 -m venv .venv && ")
    assert "--require-hashes" in lines[0]


def test_ci_runs_what_the_readme_says() -> None:
    """CI takes both commands from the README instead of repeating them."""
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert "$(readme_command run)" in script
    assert "$(readme_command test)" in script


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files(document: Path) -> None:
    """Every relative link of a document leads to something in the repository."""
    targets = re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8"))
    missing = [t for t in targets if "://" not in t and not (document.parent / t).exists()]
    assert not missing


def test_locks_agree() -> None:
    """A runtime dependency has one version, in both locks."""
    runtime, dev = lock("requirements.lock"), lock("requirements-dev.lock")
    versions = {name: version for (name, _), version in dev.items()}
    multiple = [name for name, _ in dev if sum(n == name for n, _ in dev) > 1]
    differing = [n for (n, _), v in runtime.items() if n not in multiple and versions.get(n) != v]
    assert runtime
    assert not differing


def test_locks_hold_what_the_project_declares() -> None:
    """Each declared dependency is locked, and each locked one carries hashes and no address."""
    for name, needs in (
        ("requirements.lock", PROJECT["dependencies"]),
        ("requirements-dev.lock", [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]),
    ):
        text = (ROOT / name).read_text(encoding="utf-8")
        locked = [n for n, _ in lock(name)]
        assert not [need for need in needs if canonical(need) not in locked], name
        assert text.count("--hash=sha256:") >= len(locked)
        assert "://" not in text
