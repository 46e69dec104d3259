"""Every `hlmm …` command that the README and the documents print is one that hlmm understands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from typer.main import get_command

from hlmm.cli.app import build
from hlmm.cli.commands import EXAMPLES, VERBS
from hlmm.config.check import PLACEHOLDERS
from hlmm.config.errors import ConfigError
from hlmm.config.load import load
from tests.docs.test_promises import DOCUMENTS

FENCED: Final = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE: Final = re.compile(r"`hlmm ([a-z-]+)[^`]*`")
LIVE: Final = ("env=prod", "env=testnet")


def fenced() -> Iterator[tuple[str, str]]:
    """Document and command, as a reader would copy it; what `&&` joins counts one by one."""
    for document in DOCUMENTS:
        for block in FENCED.findall(document.read_text(encoding="utf-8")):
            for part in re.split(r"\n|&&", block):
                command = part.strip().removeprefix(".venv/bin/")
                if command.startswith("hlmm "):
                    yield document.name, command
    yield from (("--help", line) for line, _ in EXAMPLES)


COMMANDS: Final = list(fenced())


@pytest.mark.parametrize(("document", "command"), COMMANDS, ids=[command for _, command in COMMANDS])
def test_a_printed_command_is_understood(document: str, command: str) -> None:
    """Verb and options exist, and the overrides compose: or the comment behind the command announces exit 3."""
    words, comment = shlex.split(command, comments=True), command.partition("#")[2]
    verb = words[1]
    assert verb in VERBS, document
    group = get_command(build([verb]))
    context = group.make_context("hlmm", words[1:], resilient_parsing=True)
    parsed = getattr(group, "commands")[verb].make_context(verb, words[2:], parent=context)  # noqa: B009 - a group's
    overrides = tuple(parsed.params.get("overrides") or ())
    placeholders = PLACEHOLDERS if any(word in LIVE for word in overrides) else ()
    if "exit 3" in comment:
        with pytest.raises(ConfigError):
            load(overrides)
    else:
        load((*overrides, *placeholders))


def test_commands_are_found() -> None:
    """No document names a verb that does not exist, and each verb of the daily work is named in one."""
    text = "".join(Path(document).read_text(encoding="utf-8") for document in DOCUMENTS)
    named = {command.split()[1] for _, command in COMMANDS} | set(INLINE.findall(text))
    assert len(COMMANDS) > 15
    assert named <= set(VERBS)
    assert named >= {"run", "status", "flatten", "halt", "resume", "validate-config", "backtest", "replay", "sim"}
