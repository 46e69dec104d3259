"""The stand-in for `sops` answers as the genuine program did, so that tests of the secrets path mean something."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shared import SHARED, needs_shared
from tests.support import age, sopsfile
from tests.support.sops import STANDIN

GOLDEN = SHARED / "operations" / "golden"


def sops(file: Path, identity: Path | None) -> tuple[int, sopsfile.Tree]:
    """The stand-in's answer, or that of the genuine program that HLMM_SOPS names."""
    genuine = os.environ.get("HLMM_SOPS")
    return run([genuine], file, identity) if genuine else sopsfile.answer(file, identity)


def run(command: list[str], file: Path, identity: Path | None) -> tuple[int, sopsfile.Tree]:
    """A program's answer."""
    environ = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "SOPS_DISABLE_VERSION_CHECK": "1"}
    if identity is not None:
        environ["SOPS_AGE_KEY_FILE"] = str(identity)
    argv = [*command, "decrypt", "--output-type", "json", "--", str(file)]
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else None


@needs_shared
def test_answers_every_golden_case_of_the_genuine_program() -> None:
    """57 files and keys recorded with genuine sops give the same exit code and the same JSON."""
    cases = json.loads((GOLDEN / "expected.json").read_text())["cases"]
    assert len(cases) == 57
    for case in cases:
        answer = sops(GOLDEN / case["file"], GOLDEN / case["key"] if case["key"] else None)
        assert answer == (case["exit"], case["stdout"]), (case["file"], case["key"])


def test_what_is_encrypted_to_a_fresh_key_comes_back(tmp_path: Path) -> None:
    """A tree of every leaf type, encrypted to a new age key, decrypts to itself; with another key it does not."""
    tree: dict[str, sopsfile.Tree] = {"a": {"text": "x\ny", "int": 3, "float": 1.5, "yes": True}, "b": ["", None, "ü"]}
    identity, recipient = age.new_identity()
    (tmp_path / "right").write_text(identity + "\n")
    (tmp_path / "wrong").write_text(age.new_identity()[0] + "\n")
    (tmp_path / "f.enc.yaml").write_text(sopsfile.encrypted(tree, [age.new_identity()[1], recipient]))
    program = [os.environ["HLMM_SOPS"]] if "HLMM_SOPS" in os.environ else [sys.executable, str(STANDIN)]
    assert run(program, tmp_path / "f.enc.yaml", tmp_path / "right") == (0, tree)
    assert run(program, tmp_path / "f.enc.yaml", tmp_path / "wrong") == (sopsfile.NO_KEY, None)


@pytest.mark.parametrize("text", ["age1qqqqqqqq", "age1", "x"])
def test_a_wrong_age_key_is_refused(text: str) -> None:
    """A recipient with a wrong checksum is not used."""
    with pytest.raises(age.AgeError):
        age.encrypt(b"x", [text])
