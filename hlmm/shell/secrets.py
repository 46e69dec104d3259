"""The agent key's one way into the process: `sops` decrypts, a closed schema checks, an opaque object holds it.

Nothing here reads a key from argv, the environment or a config field, and no message holds a decrypted value:
functions that see plaintext return a `_Failure` instead of raising, so that no traceback frame can show it.
The name of each failure is fixed by the exit codes measured on sops 3.13; its stderr is never read, because
it can print a plaintext value.
"""

from __future__ import annotations

import os
import re
import selectors
import signal
import stat
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Literal, NoReturn, SupportsIndex

import msgspec
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import override

from hlmm.hyperliquid.signing import Network, SecretKeySigner

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hlmm.types import Address

STDOUT_BYTES_MAX: Final = 64 * 1024
FILE_BYTES_MAX: Final = 1024 * 1024
CHUNK_BYTES: Final = 4096
KEY_BYTES: Final = 32
CURVE_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
KEY_TEXT: Final = re.compile(r"0x[0-9a-f]{64}")
LOOSE_KEY: Final = re.compile(r"0[xX][0-9a-fA-F]{64}(?![0-9a-fA-F])|AGE-SECRET-KEY-1")
KEY_NAME: Final = re.compile(r"PRIVATE_?KEY|SECRET_?KEY|AGENT_?KEY|MNEMONIC", re.IGNORECASE)
BARE_HEX_KEY: Final = re.compile(r"[0-9a-fA-F]{64}")

ALWAYS_PASSED: Final = ("HOME", "SOPS_AGE_KEY_FILE", "SOPS_AGE_KEY_CMD", "SSL_CERT_FILE")
PASSED_FOR: Final[dict[str, tuple[str, ...]]] = {
    "age": (),
    "aws": (
        "AWS_CONFIG_FILE", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_REGION", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME",
        "AWS_SHARED_CREDENTIALS_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    ),
    "gcp": ("GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG"),
    "vault": ("VAULT_ADDR", "VAULT_CACERT", "VAULT_NAMESPACE"),
}  # fmt: skip


class SecretsRef(BaseModel):
    """Where the agent key is: a reference, never the key."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    provider: Literal["sops"] = Field(description="the only provider; SOPS itself covers age, KMS and Vault transit")
    file: str = Field(min_length=1, max_length=4096, description="SOPS file, absolute or relative to where hlmm starts")
    entry: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="top-level key of the file that holds the agent")
    binary: str = Field(default="sops", min_length=1, max_length=4096, description="sops by name or absolute path")
    key_source: Literal["age", "aws", "gcp", "vault"] = Field(
        default="age", description="whose environment variables sops may see; references only, never credentials"
    )
    timeout_s: float = Field(default=15.0, ge=1.0, le=120.0, description="limit on one decryption, s")


class SecretsError(Exception):
    """The key cannot be had or must not be used; the process ends with `exit_code`. `fix` is the next step."""

    exit_code: ClassVar[int] = 4

    def __init__(self, problem: str, fix: str) -> None:
        """Args: problem and fix, fixed texts without any decrypted value."""
        super().__init__(problem)
        self.problem = problem
        self.fix = fix

    @override
    def __str__(self) -> str:
        return f"{self.problem}\n  fix: {self.fix}"


class SecretKey:
    """32 key bytes that cannot be printed, pickled, copied or serialised by accident."""

    __slots__ = ("__key",)

    def __init__(self, key: bytes) -> None:
        """Args: key, 32 bytes."""
        assert len(key) == KEY_BYTES, "a key is 32 bytes"
        self.__key = key

    def reveal(self) -> bytes:
        """The key, for the signer's constructor and nobody else."""
        return self.__key

    @override
    def __repr__(self) -> str:
        return "***"

    @override
    def __str__(self) -> str:
        return "***"

    @override
    def __format__(self, format_spec: str) -> str:
        return "***"

    @override
    def __reduce__(self) -> NoReturn:
        message = "a secret key is never serialised or copied"
        raise TypeError(message)

    @override
    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        self.__reduce__()


class _Failure(msgspec.Struct, frozen=True):
    """What went wrong, in fixed words, and the next step."""

    problem: str
    fix: str


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The closed schema of the decrypted entry: exactly these, all text."""

    network: str
    account_address: str
    agent_address: str
    agent_private_key: str

    @override
    def __repr__(self) -> str:
        return "***"


class Pins(msgspec.Struct, frozen=True, kw_only=True):
    """What the reviewed config says the key must belong to. Addresses in lower-case hex."""

    account: Address
    agent: Address
    network: Network


def load_agent_key(reference: SecretsRef, pins: Pins, environ: Mapping[str, str]) -> SecretKey:
    """Decrypt the agent key and prove that it is the one the config pins.

    Args:
        reference: where it is.   pins: whose it must be.
        environ: the process's environment; only an allow-list of it reaches `sops`.
    Returns: the key of `pins.agent`, valid on `pins.network`.
    Raises: SecretsError with the next step; its text and its causes hold no decrypted value.
    """
    refuse_loose_keys(environ)
    path = Path(reference.file).expanduser().absolute()
    argv = [_binary(reference, environ), "decrypt", "--output-type", "json", "--", str(path)]
    _refuse_unless_regular(path)
    _refuse_open_identity(environ)
    key = _decrypt(argv, child_environment(reference, environ), reference, pins)
    if isinstance(key, _Failure):
        raise SecretsError(key.problem, key.fix)
    return key


def refuse_loose_keys(environ: Mapping[str, str]) -> None:
    """Refuse to start while an environment variable holds a private key: every child would inherit it.

    Args: environ, names to values.   Raises: SecretsError naming the variable, never its value.
    """
    for name, value in environ.items():
        if LOOSE_KEY.search(value) or (KEY_NAME.search(name) and BARE_HEX_KEY.search(value)):
            problem = f"environment variable {name} holds a private key"
            raise SecretsError(problem, f"unset {name}; put the key into a SOPS file and treat it as compromised")


def child_environment(reference: SecretsRef, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment `sops` gets, built afresh from an allow-list of references.

    Args: reference, for its key source; environ, the process's own.   Returns: at most the listed names.
    """
    allowed = (*ALWAYS_PASSED, *PASSED_FOR[reference.key_source])
    passed = {name: environ[name] for name in allowed if name in environ}
    return {**passed, "PATH": os.pathsep.join(_absolute_path(environ)), "SOPS_DISABLE_VERSION_CHECK": "1"}


def _absolute_path(environ: Mapping[str, str]) -> list[str]:
    """PATH without relative entries: a `sops` lying in the working directory must not be picked up."""
    return [entry for entry in environ.get("PATH", os.defpath).split(os.pathsep) if entry.startswith("/")]


def _binary(reference: SecretsRef, environ: Mapping[str, str]) -> str:
    """The absolute path of the executable, or SecretsError."""
    named = Path(reference.binary)
    found = [named] if named.is_absolute() else [Path(entry) / named.name for entry in _absolute_path(environ)]
    if str(named) in {named.name, str(named.absolute())}:
        for candidate in found:
            if candidate.is_file() and os.access(candidate, os.X_OK):
                return str(candidate)
    problem = f"no executable `{reference.binary}` found"
    raise SecretsError(problem, "install sops 3.9 or newer, or set secrets.binary to its absolute path")


def _refuse_unless_regular(path: Path) -> None:
    """Refuse a missing, special, empty or huge secrets file before `sops` opens it."""
    try:
        status = path.stat()
    except OSError:
        problem = f"the secrets file {path} cannot be read"
        fix = "create it with `sops edit` (docs/operator.md), or correct secrets.file"
        raise SecretsError(problem, fix) from None
    if not stat.S_ISREG(status.st_mode) or not 0 < status.st_size <= FILE_BYTES_MAX:
        problem = f"the secrets file {path} is not a regular file of 1 byte to 1 MiB"
        raise SecretsError(problem, "point secrets.file to the SOPS file itself")


def _refuse_open_identity(environ: Mapping[str, str]) -> None:
    """Refuse an age identity that every user of the machine can read."""
    identity = environ.get("SOPS_AGE_KEY_FILE")
    if identity is None:
        return
    try:
        mode = Path(identity).stat().st_mode
    except OSError:
        problem = f"SOPS_AGE_KEY_FILE names {identity}, which cannot be read"
        raise SecretsError(problem, "correct SOPS_AGE_KEY_FILE or restore the age identity") from None
    if mode & stat.S_IRWXO:
        problem = f"the age identity {identity} is open to every user of this machine"
        raise SecretsError(problem, f"chmod 600 {identity}")


def _decrypt(argv: list[str], environ: dict[str, str], reference: SecretsRef, pins: Pins) -> SecretKey | _Failure:
    """Run `sops`, check the entry, and forget the plaintext."""
    plain = _run(argv, environ, reference.timeout_s)
    if isinstance(plain, _Failure):
        return plain
    entry = _entry(plain, reference)
    plain[:] = bytes(len(plain))
    return entry if isinstance(entry, _Failure) else _verified(entry, pins)


def _run(argv: list[str], environ: dict[str, str], timeout_s: float) -> bytearray | _Failure:
    """Standard output of one `sops`, bounded in time and size; its whole process group dies with it."""
    try:
        process = subprocess.Popen(  # noqa: S603 - fixed argv, absolute executable, no shell
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environ,
            start_new_session=True, close_fds=True,
        )  # fmt: skip
    except OSError:
        return _Failure(f"{argv[0]} cannot be started", "check that it is a sops built for this machine")
    deadline = time.monotonic() + timeout_s
    try:
        plain = _bounded_output(process, deadline)
        if not isinstance(plain, _Failure):
            process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        plain = TIMED_OUT
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
    if isinstance(plain, _Failure) or process.returncode == 0:
        return plain
    return EXIT_MEANINGS.get(process.returncode, _Failure(f"sops ended with code {process.returncode}", TRY_BY_HAND))


def _bounded_output(process: subprocess.Popen[bytes], deadline: float) -> bytearray | _Failure:
    """Read to the end of standard output, to the size cap or to the deadline."""
    plain = bytearray()
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while (left_s := deadline - time.monotonic()) > 0:
            if not selector.select(left_s):
                continue
            chunk = os.read(process.stdout.fileno(), CHUNK_BYTES)
            plain += chunk
            if not chunk:
                return plain
            if len(plain) > STDOUT_BYTES_MAX:
                return _Failure("sops printed more than 64 KiB", "keep only hlmm's entries in secrets.file")
    return TIMED_OUT


def _entry(plain: bytearray, reference: SecretsRef) -> _Entry | _Failure:
    """The wanted entry of the decrypted document, by the closed schema."""
    try:
        document = msgspec.json.decode(plain, type=dict[str, msgspec.Raw])
        if reference.entry not in document:
            return _Failure(f"the secrets file has no entry `{reference.entry}`", "add it, or correct secrets.entry")
        return msgspec.json.decode(document[reference.entry], type=_Entry)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        fields = ", ".join(_Entry.__struct_fields__)
        problem = f"entry `{reference.entry}` of the secrets file is not exactly: {fields}"
        return _Failure(problem, "`sops edit` the file: these four keys, each a quoted text, nothing else")


def _verified(entry: _Entry, pins: Pins) -> SecretKey | _Failure:
    """The key, if everything the config pins agrees with it."""
    if entry.network != pins.network:
        return _Failure(f"the key in the secrets file is not for {pins.network}", "use the file of this network")
    if entry.account_address.lower() != pins.account:
        return _Failure("account_address in the secrets file is not the config's", FIX_PIN)
    if KEY_TEXT.fullmatch(entry.agent_private_key) is None:
        return _Failure("agent_private_key is not 0x and 64 lower-case hex digits", "quote it as text in `sops edit`")
    key = bytes.fromhex(entry.agent_private_key[2:])
    if not 0 < int.from_bytes(key, "big") < CURVE_ORDER:
        return _Failure("agent_private_key is not a valid secp256k1 key", FIX_AGENT)
    derived = SecretKeySigner(key).address.lower()
    if derived == pins.account:
        return _Failure("the key in the secrets file is the account's master key", FIX_AGENT)
    if derived != pins.agent or entry.agent_address.lower() != pins.agent:
        return _Failure("the key in the secrets file is not the config's agent_address", FIX_PIN)
    return SecretKey(key)


FIX_PIN: Final = "someone changed the file or the config: compare both with the approved agent before trading"
FIX_AGENT: Final = (
    "generate a new agent (API) wallet, approve it from the master account, and store only the agent's key"
)
TRY_BY_HAND: Final = "run `sops decrypt FILE > /dev/null` by hand to see why"
TIMED_OUT: Final = _Failure("sops did not answer in time", "check its key service, or raise secrets.timeout_s")
EXIT_MEANINGS: Final[dict[int, _Failure]] = {
    1: _Failure("the secrets file is not a SOPS file", "encrypt it: `sops encrypt -i FILE`"),
    25: _Failure("a value in the secrets file was altered or is not encrypted", "restore the file from a trusted copy"),
    51: _Failure("the secrets file fails its integrity check", "restore the file from a trusted copy"),
    100: _Failure("sops cannot read the secrets file", "correct secrets.file or its permissions"),
    128: _Failure(
        "no key here can decrypt the secrets file", "set SOPS_AGE_KEY_FILE to an age identity it is encrypted to"
    ),
}
