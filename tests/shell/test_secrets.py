"""The agent key enters through `sops` only, is proven to be the pinned one, and shows itself nowhere."""

from __future__ import annotations

import copy
import json
import os
import pickle
import traceback
from pathlib import Path
from typing import Final

import msgspec
import pytest

from hlmm.hyperliquid.signing import SecretKeySigner
from hlmm.shell.redact import renderings
from hlmm.shell.secrets import CURVE_ORDER, Pins, SecretKey, SecretsError, SecretsRef, load_agent_key
from tests.shared import SHARED, needs_shared
from tests.support import age, sopsfile
from tests.support.sops import install, install_fake, install_standin, recorded

KEY: Final = bytes(range(1, 33))
MASTER: Final = bytes(range(33, 65))
AGENT: Final = SecretKeySigner(KEY).address
ACCOUNT: Final = SecretKeySigner(MASTER).address
PINS: Final = Pins(account=ACCOUNT, agent=AGENT, network="mainnet")
ENTRY: Final = {
    "network": "mainnet",
    "account_address": ACCOUNT,
    "agent_address": AGENT,
    "agent_private_key": "0x" + KEY.hex(),
}


def reference(folder: Path, **changes: object) -> SecretsRef:
    """A reference to `folder/s.enc.yaml`, which exists."""
    (folder / "s.enc.yaml").write_text("sealed")
    fields = {"provider": "sops", "file": str(folder / "s.enc.yaml"), "entry": "hyperliquid"}
    return SecretsRef.model_validate({**fields, **changes})


def load(folder: Path, stdout: str, *, pins: Pins = PINS, code: int = 0, stderr: str = "") -> SecretKey:
    """Load with a fake `sops` that answers as told."""
    bin_dir = install_fake(folder / "bin", stdout=stdout, code=code, stderr=stderr)
    return load_agent_key(reference(folder), pins, {"PATH": str(bin_dir), "HOME": str(folder)})


def document(**changes: object) -> str:
    """What `sops` prints for the good entry with some fields changed; None removes one."""
    entry = {name: value for name, value in {**ENTRY, **changes}.items() if value is not None}
    return json.dumps({"hyperliquid": entry, "alerting": {"other": [1, 2]}})


def refusal(folder: Path, stdout: str, *, pins: Pins = PINS, code: int = 0, stderr: str = "") -> SecretsError:
    """The error of a load that must fail, checked to show no rendering of the key anywhere in it."""
    with pytest.raises(SecretsError) as caught:
        load(folder, stdout, pins=pins, code=code, stderr=stderr)
    error = caught.value
    frames = traceback.TracebackException.from_exception(error, capture_locals=True)
    shown = "".join(frames.format()) + repr(error) + str(error) + repr(error.__cause__) + repr(error.__context__)
    own = shown.split("in refusal", 1)[0] + shown.split("in load_agent_key", 1)[-1]
    for key in (KEY, MASTER):
        assert not any(text in own for text in renderings(key))
    assert error.exit_code == 4
    assert error.fix
    return error


def test_loads_the_pinned_agent(tmp_path: Path) -> None:
    """The right entry gives the key of the pinned agent, whatever the case of the addresses in the file."""
    shouting = document(agent_address="0x" + AGENT[2:].upper())
    assert SecretKeySigner(load(tmp_path, shouting).reveal()).address == AGENT


def test_calls_sops_exactly_as_agreed(tmp_path: Path) -> None:
    """No shell, `--` before the absolute path, empty stdin, own process group, environment from the allow-list only."""
    bin_dir = install_fake(tmp_path / "bin", stdout=document())
    outer = {
        "PATH": f".:relative:{bin_dir}:", "HOME": str(tmp_path), "SOPS_AGE_KEY_CMD": "true", "SSL_CERT_FILE": "/c.pem",
        "AWS_PROFILE": "p", "VAULT_ADDR": "v", "VAULT_TOKEN": "t", "LD_PRELOAD": "x", "SOPS_AGE_KEY": "k", "A": "b",
    }  # fmt: skip
    load_agent_key(reference(tmp_path), PINS, outer)
    call = recorded(bin_dir)
    assert call["argv"] == ["decrypt", "--output-type", "json", "--", str(tmp_path / "s.enc.yaml")]
    assert call["stdin"] == ""
    assert call["leads_group"] is True
    environ = call["env"]
    assert isinstance(environ, dict)
    environ.pop("LC_CTYPE", None)  # CPython's own, of the fake
    assert environ == {
        "PATH": str(bin_dir), "HOME": str(tmp_path), "SOPS_AGE_KEY_CMD": "true", "SSL_CERT_FILE": "/c.pem",
        "SOPS_DISABLE_VERSION_CHECK": "1",
    }  # fmt: skip


def test_cloud_variables_pass_only_when_configured(tmp_path: Path) -> None:
    """`key_source: vault` lets references to Vault through, and no token."""
    bin_dir = install_fake(tmp_path / "bin", stdout=document())
    outer = {"PATH": str(bin_dir), "VAULT_ADDR": "v", "VAULT_TOKEN": "t", "AWS_PROFILE": "p"}
    load_agent_key(reference(tmp_path, key_source="vault"), PINS, outer)
    environ = recorded(bin_dir)["env"]
    assert isinstance(environ, dict)
    assert "VAULT_ADDR" in environ
    assert not {"VAULT_TOKEN", "AWS_PROFILE"} & set(environ)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"network": "testnet"}, "not for mainnet"),
        ({"network": None}, "not exactly"),
        ({"extra": "x"}, "not exactly"),
        ({"agent_private_key": None}, "not exactly"),
        ({"agent_private_key": int.from_bytes(KEY, "big")}, "not exactly"),
        ({"agent_private_key": None, "agent_private_Key": "0x" + KEY.hex()}, "not exactly"),
        ({"agent_private_key": KEY.hex()}, "64 lower-case"),
        ({"agent_private_key": "0x" + KEY.hex().upper()}, "64 lower-case"),
        ({"agent_private_key": "0x" + KEY.hex() + "\n"}, "64 lower-case"),
        ({"agent_private_key": "0x" + KEY.hex()[:-1]}, "64 lower-case"),
        ({"agent_private_key": "0x" + KEY.hex() + "0"}, "64 lower-case"),
        ({"agent_private_key": "0x" + "0" * 64}, "not a valid"),
        ({"agent_private_key": f"0x{CURVE_ORDER:064x}"}, "not a valid"),
        ({"agent_private_key": f"0x{CURVE_ORDER + 1:064x}"}, "not a valid"),
        ({"agent_private_key": "0x" + MASTER.hex()}, "master key"),
        ({"agent_private_key": "0x" + bytes(range(2, 34)).hex()}, "not the config's agent"),
        ({"agent_address": ACCOUNT}, "not the config's agent"),
        ({"account_address": AGENT}, "account_address"),
    ],
)
def test_refuses_an_entry_that_is_not_the_pinned_agent(tmp_path: Path, changes: dict[str, object], word: str) -> None:
    """Every deviation of the decrypted entry is refused, named, and shows no key."""
    assert word in refusal(tmp_path, document(**changes)).problem


def test_a_whole_file_swapped_by_an_attacker_is_refused(tmp_path: Path) -> None:
    """A consistent file for another agent, as anyone can encrypt to a public recipient, fails the address pin."""
    other = bytes(range(3, 35))
    swapped = document(agent_private_key="0x" + other.hex(), agent_address=SecretKeySigner(other).address)
    assert "agent_address" in refusal(tmp_path, swapped).problem


@pytest.mark.parametrize(
    "stdout",
    ["", "null", "[]", "{", '{"hyperliquid": null}', '{"hyperliquid": "0x"}', "[" * 20_000, '{"h":' + "[" * 9_000],
)  # fmt: skip
def test_garbage_from_sops_is_refused(tmp_path: Path, stdout: str) -> None:
    """Success with garbage is not success."""
    assert "not exactly" in refusal(tmp_path, stdout).problem


def test_a_missing_entry_is_named(tmp_path: Path) -> None:
    """A file without the configured entry says which entry."""
    assert "`hyperliquid`" in refusal(tmp_path, '{"other": {}}').problem


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (1, "not a SOPS file"),
        (25, "altered"),
        (51, "integrity"),
        (100, "cannot read"),
        (128, "no key"),
        (77, "code 77"),
    ],
)
def test_each_exit_code_has_its_fixed_message(tmp_path: Path, code: int, word: str) -> None:
    """A failing `sops` gives a message by exit code; its output and stderr, which can hold plaintext, stay hidden."""
    error = refusal(tmp_path, document(), code=code, stderr="Input string 0x" + KEY.hex() + " hello")
    assert word in error.problem
    assert "hello" not in str(error)


def test_endless_output_is_cut(tmp_path: Path) -> None:
    """A `sops` that prints without end is stopped after 64 KiB."""
    bin_dir = install(tmp_path / "bin", "#!/bin/sh\nexec cat /dev/zero\n")
    with pytest.raises(SecretsError, match="64 KiB"):
        load_agent_key(reference(tmp_path), PINS, {"PATH": str(bin_dir) + ":" + os.defpath})


def test_a_hanging_sops_is_killed_with_its_children(tmp_path: Path) -> None:
    """After the timeout the whole process group is gone, also a child that holds the pipe."""
    bin_dir = install(tmp_path / "bin", f"#!/bin/sh\nsleep 60 &\necho $! > {tmp_path}/child\nwait\n")
    with pytest.raises(SecretsError, match="in time"):
        load_agent_key(reference(tmp_path, timeout_s=1.0), PINS, {"PATH": f"{bin_dir}:{os.environ['PATH']}"})
    child = int((tmp_path / "child").read_text())
    state = Path(f"/proc/{child}/stat")
    assert not state.exists() or state.read_text().split()[2] == "Z"


def test_missing_and_unusable_sops(tmp_path: Path) -> None:
    """No `sops`, one only in the working directory, and one that is not a program are each refused with the fix."""
    with pytest.raises(SecretsError, match="install sops"):
        load_agent_key(reference(tmp_path), PINS, {"PATH": str(tmp_path)})
    here = install_fake(tmp_path / "cwd", stdout=document())
    with pytest.raises(SecretsError, match="no executable"):
        load_agent_key(reference(tmp_path), PINS, {"PATH": os.path.relpath(here) + ":.:"})
    with pytest.raises(SecretsError, match="no executable"):
        load_agent_key(reference(tmp_path, binary="cwd/sops"), PINS, {"PATH": str(tmp_path)})
    broken = install(tmp_path / "broken", "\0not a program")
    with pytest.raises(SecretsError, match="cannot be started"):
        load_agent_key(reference(tmp_path, binary=str(broken / "sops")), PINS, {})


@pytest.mark.parametrize("kind", ["missing", "empty", "folder", "fifo", "huge", "dangling"])
def test_special_secret_files_are_refused_before_sops_runs(tmp_path: Path, kind: str) -> None:
    """A missing, empty, special or huge file is refused at once; `sops` is never started on it."""
    bin_dir = install_fake(tmp_path / "bin", stdout=document())
    ref, path = reference(tmp_path), tmp_path / "s.enc.yaml"
    path.unlink()
    match kind:
        case "empty":
            path.touch()
        case "folder":
            path.mkdir()
        case "fifo":
            os.mkfifo(path)
        case "huge":
            with path.open("wb") as file:
                file.truncate(1 << 30)
        case "dangling":
            path.symlink_to(tmp_path / "nowhere")
        case _:
            pass
    with pytest.raises(SecretsError, match="secrets file"):
        load_agent_key(ref, PINS, {"PATH": str(bin_dir)})
    assert not (bin_dir / "call.json").exists()


def test_an_identity_open_to_everyone_is_refused(tmp_path: Path) -> None:
    """A world-readable age identity is refused with the chmod that repairs it."""
    identity = tmp_path / "keys.txt"
    identity.touch(mode=0o644)
    bin_dir = install_fake(tmp_path / "bin", stdout=document())
    outer = {"PATH": str(bin_dir), "SOPS_AGE_KEY_FILE": str(identity)}
    with pytest.raises(SecretsError, match="chmod 600"):
        load_agent_key(reference(tmp_path), PINS, outer)
    identity.chmod(0o600)
    assert load_agent_key(reference(tmp_path), PINS, outer).reveal() == KEY


@pytest.mark.parametrize(
    "loose",
    [
        {"HYPERLIQUID_PRIVATE_KEY": KEY.hex()},
        {"ANYTHING": "x=0x" + KEY.hex()},
        {"SOPS_AGE_KEY_CMD": "echo AGE-SECRET-" + "KEY-1QQQ"},
    ],
)
def test_a_key_in_the_environment_is_refused(tmp_path: Path, loose: dict[str, str]) -> None:
    """A private key in an environment variable stops the start; the variable is named, its value is not."""
    bin_dir = install_fake(tmp_path / "bin", stdout=document())
    with pytest.raises(SecretsError) as caught:
        load_agent_key(reference(tmp_path), PINS, {"PATH": str(bin_dir), **loose})
    assert next(iter(loose)) in str(caught.value)
    assert KEY.hex() not in str(caught.value)


def test_the_key_object_never_shows_the_key() -> None:
    """Printing, formatting, pickling, copying and JSON give nothing of the key."""
    secret = SecretKey(KEY)
    for text in (repr(secret), str(secret), f"{secret}", f"{secret:>40}", f"{[secret]}", "%s" % secret):  # noqa: UP031
        assert not any(rendering in text for rendering in renderings(KEY))
        assert "***" in text
    for leak in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps, msgspec.json.encode, msgspec.msgpack.encode, vars):
        with pytest.raises(TypeError):
            leak(secret)


def test_decrypts_a_file_encrypted_to_a_fresh_age_key(tmp_path: Path) -> None:
    """The whole path with a real SOPS file: right key loads, wrong key and altered file are refused by their codes."""
    identity, recipient = age.new_identity()
    for name, text in (("right", identity), ("wrong", age.new_identity()[0])):
        (tmp_path / name).write_text(text + "\n")
        (tmp_path / name).chmod(0o600)
    ref = reference(tmp_path)
    sealed = sopsfile.encrypted({"hyperliquid": dict(ENTRY)}, [recipient])
    Path(ref.file).write_text(sealed)
    path = f"{install_standin(tmp_path / 'bin')}:{os.environ['PATH']}"
    environ = {"PATH": path, "SOPS_AGE_KEY_FILE": str(tmp_path / "right")}
    assert load_agent_key(ref, PINS, environ).reveal() == KEY
    assert KEY.hex() not in sealed
    with pytest.raises(SecretsError, match="no key here"):
        load_agent_key(ref, PINS, {**environ, "SOPS_AGE_KEY_FILE": str(tmp_path / "wrong")})
    lines = [line for line in sealed.splitlines() if "account_address" not in line]
    Path(ref.file).write_text("\n".join(lines))
    with pytest.raises(SecretsError, match="integrity"):
        load_agent_key(ref, PINS, environ)


@needs_shared
@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("bad-ciphertext", "altered"),
        ("bad-no-mac", "integrity"),
        ("bad-plain-field-changed", "integrity"),
        ("bad-truncated", "not a SOPS file"),
        ("full", "not exactly"),
        ("not-yaml", "not a SOPS file"),
        ("null-dropped", "not exactly"),
    ],
)
def test_golden_files_of_the_genuine_program(tmp_path: Path, name: str, word: str) -> None:
    """Files of genuine sops are refused for the right reason: damage by exit code, foreign fields by the schema."""
    golden = SHARED / "operations" / "golden"
    identity = tmp_path / "identity"
    identity.write_text((golden / "age-test-key.txt").read_text())
    identity.chmod(0o600)
    ref = reference(tmp_path, file=str(golden / f"{name}.enc.yaml"))
    path = f"{install_standin(tmp_path / 'bin')}:{os.environ['PATH']}"
    with pytest.raises(SecretsError, match=word):
        load_agent_key(ref, PINS, {"PATH": path, "SOPS_AGE_KEY_FILE": str(identity)})
