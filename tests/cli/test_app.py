"""The program around the verbs: start-up, help, usage errors, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar

import pytest

from hlmm.cli.app import build, run
from hlmm.cli.commands import VERBS
from hlmm.cli.completion import complete_override
from hlmm.cli.errors import exit_code_of, render
from hlmm.config import ConfigError, Problem, RunConfig
from hlmm.shell.exits import Exit
from tests.support.program import HLMM, environment, hlmm

KEY = "0x" + "cd" * 32
HEAVY = ("hydra", "omegaconf", "numpy", "pydantic", "httpx", "rich", "asyncio", "msgspec", "typer", "websockets")
FRESH = "import sys; sys.argv = ['hlmm', *{arguments}]\nfrom hlmm.cli.app import main\n"


def fresh(*arguments: str, flags: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run hlmm in a process of its own."""
    command = [sys.executable, *flags, "-m", "hlmm", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_help_imports_nothing_heavy() -> None:
    """`hlmm --help` loads neither Hydra nor any other heavy package."""
    script = FRESH.format(arguments=["--help"]) + (
        "import atexit\n"
        f"atexit.register(lambda: print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr))\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0
    assert done.stderr.strip() == "[]"
    assert all(verb in done.stdout for verb in VERBS)


def test_help_is_quick() -> None:
    """`hlmm --help` answers within 150 ms, measured beside what the bare interpreter needs on this machine."""
    took, bare = [], []
    for _ in range(5):
        start = time.perf_counter()
        fresh("--help")
        took.append(time.perf_counter() - start)
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True, timeout=60)
        bare.append(time.perf_counter() - start)
    assert min(took) < 0.15 or min(took) < 4 * min(bare)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [((), 2), (("--help",), 0), (("-h",), 0), (("--version",), 0), (("rnu",), 2), (("run", "--nonsense"), 2)],
)
def test_usage_errors_exit_2(arguments: tuple[str, ...], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    """No verb, an unknown verb and an unknown option exit 2; help and version exit 0; something is always said."""
    assert run(arguments) == code
    captured = capsys.readouterr()
    assert captured.out + captured.err


def test_a_misspelt_verb_is_recognised(capsys: pytest.CaptureFixture[str]) -> None:
    """The nearest verb is suggested, and an override without a verb is told where it belongs."""
    run(["statsu"])
    assert "did you mean 'status'?" in capsys.readouterr().err
    run(["asset=BTC"])
    assert "hlmm run asset=BTC" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["-m", "--multirun"])
@pytest.mark.parametrize("verb", ["run", "validate-config"])
def test_multirun_is_refused(verb: str, flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    """-m never starts several compositions; it exits 2 and says what to do instead."""
    assert run([verb, flag, "asset=BTC"]) == 2
    assert "+asset=[BTC,ETH]" in capsys.readouterr().err


def test_python_without_asserts_is_refused() -> None:
    """`python -O` removes the engine's assertions, so nothing starts under it."""
    done = fresh("validate-config", flags=("-O",))
    assert done.returncode == 2
    assert "-O" in done.stderr


def test_json_alone_is_on_stdout() -> None:
    """A process of its own prints one JSON object on stdout, nothing on stderr, and exits 3 for a bad composition."""
    done = fresh("validate-config", "+asset=DOGE", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 3
    assert done.stderr == ""
    assert report["valid"] is False
    assert set(report["errors"][0]) == {"path", "message", "file", "line", "override", "suggestion"}


def test_a_valid_composition_exits_0(capsys: pytest.CaptureFixture[str]) -> None:
    """A valid composition is reported as such, with its hash."""
    assert run(["validate-config", "asset=[BTC,ETH]", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["valid"] is True
    assert report["errors"] == []
    assert len(report["config_hash"]) == 64


def test_all_presets_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """validate-config --all names every composition it checked, each with its verdict."""
    assert run(["validate-config", "--all"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("✓") for line in lines) > 20
    assert lines[-1].endswith("all valid")


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """validate-config --schema prints the JSON Schema of the effective configuration."""
    assert run(["validate-config", "--schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["additionalProperties"] is False
    assert list(schema["properties"]) == list(RunConfig.model_fields)


class _LockedError(Exception):
    exit_code: ClassVar[int] = 9
    fix = "stop the other one"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError([Problem(path="a.b", message="wrong", override="a.b=1", suggestion="write 2")]), Exit.CONFIG),
        (_LockedError("held"), Exit.LOCKED),
        (KeyboardInterrupt(), Exit.INTERRUPTED),
        (ValueError("bug"), Exit.UNEXPECTED),
    ],
)
def test_an_error_carries_its_exit_code(error: BaseException, code: Exit) -> None:
    """An exception's own exit code is the process's; any other exception is a bug and exits 1."""
    assert exit_code_of(error) is code
    assert render(error).endswith("\n")


@pytest.mark.parametrize("verb", ["run", "backtest", "validate-config"])
@pytest.mark.parametrize("content", [None, b""], ids=["missing", "empty"])
def test_a_tape_that_is_none_exits_3(verb: str, content: bytes | None, tmp_path: Path) -> None:
    """A recording that is missing or empty is told in words, before anything trades."""
    tape = tmp_path / "tape.jsonl"
    if content is not None:
        tape.write_bytes(content)
    done = hlmm(tmp_path, verb, "+asset=BTC", f"tape={tape}")
    assert done.returncode == (3 if content is None or verb != "validate-config" else 0)
    assert (content is None) == ("there is no file" in done.stdout + done.stderr)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [("run", "--for", "1s", "run.dir={file}/runs"), ("replay", "{folder}")])
def test_what_the_system_refuses_is_no_bug(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """A folder that cannot be made and a journal that is not there are told with the next step and no traceback."""
    file = tmp_path / "file"
    file.write_bytes(b"")
    done = hlmm(tmp_path, *(word.format(file=file, folder=tmp_path) for word in arguments))
    assert done.returncode == 1
    assert "fix: name another place" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_leaves_changes_nothing(tmp_path: Path) -> None:
    """`hlmm … | head` ends without a word about a broken pipe, and with the verb's own exit code."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*HLMM, "status", "--runs-dir", str(tmp_path)], env=environment(tmp_path), stdout=write, stderr=subprocess.PIPE,
        check=False, timeout=60,
    )  # fmt: skip
    os.close(write)
    assert done.returncode == 0
    assert done.stderr == b""


def test_errors_are_told_plainly() -> None:
    """Expected errors have no traceback and name the fix; a bug has one, without anything shaped like a key."""
    told = render(_LockedError("the lock is held"))
    assert "stop the other one" in told
    assert "Traceback" not in told
    try:
        raise ValueError(KEY)  # noqa: TRY301 - a traceback is what this test is about
    except ValueError as error:
        text = render(error)
    assert "Traceback" in text
    assert KEY not in text


@pytest.mark.parametrize("verb", VERBS)
def test_every_listed_verb_exists(verb: str) -> None:
    """Each verb of the list can be built and explains itself."""
    build([verb])
    assert run([verb, "--help"]) == 0


@pytest.mark.parametrize(
    ("line", "expected"), [("hlmm vali", "validate-config"), ("hlmm validate-config spread_profile=ag", "=aggressive")]
)
def test_a_shell_can_complete(line: str, expected: str) -> None:
    """Bash's completion protocol is answered for verbs and for overrides."""
    words = {"_HLMM_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
    done = subprocess.run(
        [sys.executable, "-m", "hlmm"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, **words},
    )
    assert done.stdout.strip().endswith(expected)


@pytest.mark.parametrize(
    ("incomplete", "expected"),
    [
        ("+as", ["+asset="]),
        ("asset=B", ["asset=BTC"]),
        ("spread_profile=a", ["spread_profile=aggressive"]),
        ("nothing=", []),
    ],
)
def test_overrides_complete(incomplete: str, expected: list[str]) -> None:
    """TAB completes groups and their presets."""
    assert complete_override(incomplete) == expected
