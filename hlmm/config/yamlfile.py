"""One YAML file with the line of every key, and everything that is wrong with the file itself.

The dialect is narrow on purpose: what the operator reads is what runs, so anchors, merge keys, duplicate keys and
`${resolver:…}` calls are errors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import yaml

from hlmm.config.errors import Problem, shown

Path_ = tuple[str, ...]

RESOLVER: Final = re.compile(r"\$\{[^}]*:")
ALIAS_HINT: Final = re.compile(r"(^|[\s\[{,])[&*]\w", re.MULTILINE)
HEADER: Final = re.compile(r"#\s*@")
PACKAGE_HEADER: Final = re.compile(r"#\s*@package\s+[A-Za-z_][\w.]*")
FILE_BYTES_MAX: Final = 1024 * 1024
MERGE_KEY: Final = "<<"
STRING_TAG: Final = "tag:yaml.org,2002:str"
DEFAULTS_KEY: Final = "defaults"

_Loader: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlFile(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of a file: path of each key to its line (from 1), and the problems of the file."""

    path: Path
    lines: dict[Path_, int]
    problems: tuple[Problem, ...]


def read_yaml_file(path: Path) -> YamlFile:
    """Read the keys and lines of one file.

    Args: path, any.   Returns: its keys; unreadable or malformed files have problems and no keys.   Raises: nothing.
    """
    file = shown(path)
    text = _text(path, file)
    if isinstance(text, Problem):
        return YamlFile(path=path, lines={}, problems=(text,))
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        return YamlFile(path=path, lines={}, problems=(_malformed(error, file, text),))
    if root is None:
        empty = Problem(path="", message="the file is empty", file=file, line=1, suggestion="write keys or delete it")
        return YamlFile(path=path, lines={}, problems=(empty,))
    if not isinstance(root, yaml.MappingNode):
        flat = Problem(
            path="",
            message="the file must hold `key: value` lines",
            file=file,
            line=1,
            suggestion="remove the list or text",
        )
        return YamlFile(path=path, lines={}, problems=(flat,))
    lines: dict[Path_, int] = {}
    problems = [*_headers(text, file), *_aliases(text, file), *_keys(root, (), lines, file)]
    return YamlFile(path=path, lines=lines, problems=tuple(problems))


def _text(path: Path, file: str) -> str | Problem:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            return Problem(path="", message=f"larger than {FILE_BYTES_MAX} bytes: not a configuration", file=file)
        raw = path.read_bytes()
    except OSError as error:
        why = error.strerror or "unreadable"
        return Problem(
            path="", message=f"cannot be read: {why}", file=file, suggestion="check the path and its permissions"
        )
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        return Problem(path="", message="not UTF-8 text", file=file, line=line, suggestion="save the file as UTF-8")


def _malformed(error: yaml.YAMLError, file: str, text: str) -> Problem:
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    what = (error.problem if isinstance(error, yaml.MarkedYAMLError) else None) or "malformed"
    line = None if mark is None else mark.line + 1
    rows = text.splitlines()
    line = None if line is None else max(1, min(line, len(rows)))
    row = rows[line - 1] if line is not None and rows else ""
    fix = "indent with spaces, not tabs" if "\t" in row else "check indentation, quotes and the colon after each key"
    if "alias" in what or "anchor" in what:
        fix = "write the value out: anchors and aliases are not supported"
    return Problem(path="", message=f"not valid YAML: {what}", file=file, line=line, suggestion=fix)


def _headers(text: str, file: str) -> Iterator[Problem]:
    """Hydra reads `# @…` lines as directives; only `# @package PLACE` exists."""
    for line, row in enumerate(text.splitlines(), 1):
        if HEADER.match(row) and not PACKAGE_HEADER.fullmatch(row.strip()):
            fix = "write `# @package PLACE`, or start the comment with another character than @"
            yield Problem(path="", message="not a directive", file=file, line=line, suggestion=fix)


def _aliases(text: str, file: str) -> Iterator[Problem]:
    if not ALIAS_HINT.search(text):
        return
    for event in yaml.parse(text, Loader=_Loader):
        anchor = getattr(event, "anchor", None)
        mark = event.start_mark
        if anchor is not None and mark is not None:
            yield Problem(
                path="",
                message=f"anchor or alias {anchor!r}",
                file=file,
                line=mark.line + 1,
                suggestion="write the value out, or refer to it with ${key}",
            )


def _keys(node: yaml.MappingNode, prefix: Path_, lines: dict[Path_, int], file: str) -> Iterator[Problem]:
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        key = str(key_node.value)
        dotted = ".".join((*prefix, key))
        wrong = _bad_key(key_node, (*prefix, key) in lines)
        if wrong:
            yield Problem(path=dotted, message=wrong[0], file=file, line=line, suggestion=wrong[1])
            continue
        lines[(*prefix, key)] = line
        if isinstance(value_node, yaml.MappingNode):
            yield from _keys(value_node, (*prefix, key), lines, file)
        elif isinstance(value_node, yaml.ScalarNode) and RESOLVER.search(value_node.value):
            yield Problem(
                path=dotted,
                message="`${name:…}` is not supported: a value must not depend on the machine or its environment",
                file=file,
                line=line,
                suggestion="write the value, or refer to another key with ${key}",
            )


def _bad_key(node: yaml.Node, seen: bool) -> tuple[str, str] | None:  # noqa: FBT001 - one caller, one fact
    if not isinstance(node, yaml.ScalarNode):
        return "a key must be text", "write `key: value`"
    if node.value == MERGE_KEY:
        return "merge keys are not supported", "write the values out"
    if node.tag != STRING_TAG:
        return f"the key {node.value!r} is read as a number or a truth value, not as text", f'write "{node.value}":'
    if seen:
        return "given twice in this file", "keep one of them"
    return None
