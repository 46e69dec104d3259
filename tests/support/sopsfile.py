"""The SOPS v3 file format with age recipients, for tests: written from the format's description.

Values are `ENC[AES256_GCM,data,iv,tag,type]` with the path as additional data; the MAC is SHA-512 over every
leaf in file order, sealed with `lastmodified`. Kept honest by files that the genuine program wrote.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import re
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple

import yaml
from Crypto.Cipher import AES

from tests.support import age

SEALED: Final = re.compile(r"ENC\[AES256_GCM,data:(.+),iv:(.+),tag:(.+),type:(.+)\]", re.DOTALL)
MAC_ONLY_SEED: Final = hashlib.sha256(b"sops").digest()
LAST_MODIFIED: Final = "2026-01-01T00:00:00Z"
NOT_SOPS, ALTERED, MAC_WRONG, UNREADABLE, NO_KEY = 1, 25, 51, 100, 128

Leaf = str | int | float | bool
Tree = dict[str, "Tree"] | list["Tree"] | Leaf | None


class SopsError(Exception):
    """What `sops` would end with."""

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(text)
        self.code = code


class _Loader(yaml.SafeLoader):
    """Timestamps stay text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, shape) for tag, shape in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _Rules(NamedTuple):
    """Which leaves of a file are sealed and which are under the MAC."""

    suffix: str | None
    pattern: str | None
    mac_only: object

    def sealed(self, path: tuple[str, ...]) -> bool:
        """Whether the leaf at this path is encrypted."""
        if self.pattern:
            return any(re.search(self.pattern, part) for part in path)
        return not (self.suffix and any(part.endswith(self.suffix) for part in path))


def read(text: str) -> dict[str, Tree]:
    """A file's tree. Raises: SopsError."""
    try:
        tree = json.loads(text) if text.startswith("{") else yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except (ValueError, yaml.YAMLError):
        raise SopsError(NOT_SOPS, "Error unmarshalling input") from None
    if not isinstance(tree, dict) or not isinstance(tree.get("sops"), dict):
        raise SopsError(NOT_SOPS, "sops metadata not found")
    return tree


def decrypted(tree: dict[str, Tree], identities: list[str]) -> Tree:
    """The clear tree. Raises: SopsError with the genuine program's exit code."""
    meta = tree["sops"]
    assert isinstance(meta, dict)
    key = _data_key(meta, identities)
    rules = _Rules(_text(meta, "unencrypted_suffix"), _text(meta, "encrypted_regex"), meta.get("mac_only_encrypted"))
    digest = hashlib.sha512(MAC_ONLY_SEED if rules.mac_only else b"")

    def clear(leaf: Leaf, path: tuple[str, ...]) -> Leaf:
        sealed = rules.sealed(path)
        value = _unsealed(leaf, key, ":".join(path) + ":") if sealed else leaf
        if sealed or not rules.mac_only:
            digest.update(_bytes(value))
        return value

    out = _walked({name: node for name, node in tree.items() if name != "sops"}, (), clear)
    try:
        mac = _unsealed(_text(meta, "mac") or "", key, str(meta.get("lastmodified")))
    except SopsError:
        raise SopsError(MAC_WRONG, "Cannot decrypt MAC") from None
    if mac != digest.hexdigest().upper():
        raise SopsError(MAC_WRONG, "MAC mismatch")
    return out


def answer(file: Path, identity: Path | None) -> tuple[int, Tree]:
    """What `sops decrypt` would answer: exit code, and the clear tree when it is 0."""
    try:
        text = file.read_text()
        lines = identity.read_text().splitlines() if identity else []
    except OSError:
        return UNREADABLE, None
    try:
        return 0, decrypted(read(text), [line for line in lines if line.startswith("AGE-SECRET-KEY-1")])
    except SopsError as failure:
        sys.stderr.write(f"{failure}\n")
        return failure.code, None


def encrypted(tree: dict[str, Tree], recipients: list[str]) -> str:
    """A whole SOPS file as YAML, every leaf sealed."""
    key, digest = os.urandom(32), hashlib.sha512()

    def seal(leaf: Leaf, path: tuple[str, ...]) -> Leaf:
        digest.update(_bytes(leaf))
        return _sealed(leaf, key, ":".join(path) + ":")

    out = _walked(tree, (), seal)
    assert isinstance(out, dict)
    wrapped = [{"recipient": one, "enc": age.encrypt(key, [one])} for one in recipients]
    mac = _sealed(digest.hexdigest().upper(), key, LAST_MODIFIED)
    meta = {"age": wrapped, "lastmodified": LAST_MODIFIED, "mac": mac, "unencrypted_suffix": "_unencrypted"}
    return yaml.safe_dump({**out, "sops": {**meta, "version": "3.13.2"}}, sort_keys=False)


def _data_key(meta: dict[str, Tree], identities: list[str]) -> bytes:
    wrapped = meta.get("age")
    for one in wrapped if isinstance(wrapped, list) else []:
        assert isinstance(one, dict)
        try:
            return age.decrypt(str(one["enc"]), identities)
        except age.AgeError:
            continue
    raise SopsError(NO_KEY, "Failed to get the data key required to decrypt the SOPS file.")


def _text(meta: dict[str, Tree], name: str) -> str | None:
    value = meta.get(name)
    return value if isinstance(value, str) else None


def _walked(node: Tree, path: tuple[str, ...], leaf: Callable[[Leaf, tuple[str, ...]], Leaf]) -> Tree:
    if isinstance(node, dict):
        return {name: _walked(child, (*path, name), leaf) for name, child in node.items()}
    if isinstance(node, list):
        return [_walked(child, path, leaf) for child in node]
    return None if node is None else leaf(node, path)


def _bytes(value: Leaf) -> bytes:
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f").removesuffix(".0").encode()
    return str(value).encode()


def _sealed(value: Leaf, key: bytes, where: str) -> str:
    if value == "":
        return ""
    kind = {bool: "bool", int: "int", float: "float", str: "str"}[type(value)]
    iv = os.urandom(32)
    cipher = AES.new(key, AES.MODE_GCM, nonce=iv)
    cipher.update(where.encode())
    parts = [base64.b64encode(part).decode() for part in (*cipher.encrypt_and_digest(_bytes(value)), iv)]
    return f"ENC[AES256_GCM,data:{parts[0]},iv:{parts[2]},tag:{parts[1]},type:{kind}]"


def _unsealed(leaf: Leaf, key: bytes, where: str) -> Leaf:
    if leaf == "":
        return ""
    match = SEALED.fullmatch(leaf) if isinstance(leaf, str) else None
    if match is None:
        raise SopsError(ALTERED, f"Input string {leaf} does not match sops' data format")
    try:
        body, iv, tag = (base64.b64decode(part, validate=True) for part in match.groups()[:3])
        cipher = AES.new(key, AES.MODE_GCM, nonce=iv)
        cipher.update(where.encode())
        text = cipher.decrypt_and_verify(body, tag).decode()
    except (ValueError, binascii.Error):
        raise SopsError(ALTERED, "Could not decrypt with AES_GCM") from None
    match match.group(4):
        case "int":
            return int(text)
        case "float":
            return float(text)
        case "bool":
            return text in {"True", "true"}
        case _:
            return text
