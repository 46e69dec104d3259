"""A composed tree into a `RunConfig`, or every reason why not, each with its place and its fix."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from hlmm.config import schema
from hlmm.config.catalog import GROUPS
from hlmm.config.compose import Composition, Keys, Tree
from hlmm.config.errors import KEY_SHAPED, ConfigError, Problem, at, did_you_mean
from hlmm.config.overrides import Value
from hlmm.config.rules import contradictions
from hlmm.config.run_config import RunConfig

MISSING: Final = "???"
NUMBER_WITH_UNIT: Final = re.compile(r"^\s*([-+]?[0-9][0-9_.]*(?:[eE][-+]?[0-9]+)?)\s*[a-zA-Z%$√/]+\s*$")
SHOWN_MAX: Final = 40
WRONG_TYPE: Final = ("_type", "_parsing", "int_from_float", "literal_error", "enum", "string_pattern_mismatch")
"""Endings of the error types that mean a value of the wrong kind."""
OUT_OF_RANGE: Final = ("greater_than", "less_than", "too_long", "too_short")


def decode(composition: Composition) -> RunConfig:
    """Validate a composition.

    Args: composition, with the problems met so far.   Returns: the frozen configuration.
    Raises: ConfigError with every problem at once.
    """
    problems = [*composition.problems]
    unfit = dict(_Unfit(composition.tree).of(composition.tree, ()))
    problems += [_at(composition, path, text, fix) for path, (text, fix) in unfit.items()]
    try:
        run = RunConfig.model_validate_json(json.dumps(composition.tree))
    except ValidationError as error:
        problems += [
            problem
            for detail in error.errors(include_url=False)
            if (problem := _problem(detail, composition, unfit)) is not None
        ]
    else:
        problems += [_at(composition, found.path, found.message, found.fix) for found in contradictions(run)]
    if problems:
        raise ConfigError(problems)
    return run


class _Unfit:
    """Values that no field may hold: NaN, infinity, `???`, anything shaped like a private key."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def of(self, value: Value, path: Keys) -> Iterator[tuple[Keys, tuple[str, str]]]:
        """Paths below `path`, each with a message and a fix."""
        if isinstance(value, dict):
            for key, item in value.items():
                if KEY_SHAPED.search(key):
                    yield (*path, key), ("a key is shaped like a private key", "remove it and rotate that key")
                yield from self.of(item, (*path, key))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                yield from self.of(item, (*path, str(index)))
        else:
            words = self._scalar(value, path)
            if words is not None:
                yield path, words

    def _scalar(self, value: Value, path: Keys) -> tuple[str, str] | None:
        if isinstance(value, float) and not math.isfinite(value):
            return f"{value} is not a usable number", f"write {self._expected(path) or 'a finite number'}"
        if value == MISSING:
            return "must be set: no preset knows it", f"set {_dotted(path)}=…, {self._expected(path) or 'a value'}"
        if isinstance(value, str) and KEY_SHAPED.search(value):
            fix = "remove it and rotate that key; keys come only from the SOPS file that env.secrets names"
            return "holds something shaped like a private key", fix
        return None

    def _expected(self, path: Keys) -> str:
        return schema.expected(schema.tagged(RunConfig, path, self._tree))


def _problem(detail: ErrorDetails, composition: Composition, unfit: Mapping[Keys, tuple[str, str]]) -> Problem | None:
    node = schema.locate(RunConfig, detail["loc"])
    if node.path in unfit:
        return None
    message, fix = _words(detail, node, composition)
    if detail["type"] == "value_error":
        node = _blamed(node, message, composition)
    return _at(composition, node.path, message, fix)


def _at(composition: Composition, path: Keys, message: str, fix: str) -> Problem:
    """A problem where the value was set, under the key it was set by; else where its neighbours were."""
    exact = composition.origins.get(path)
    key = _dotted(path) if exact is None else exact.key
    return at(exact or composition.origin(path), message, path=key, suggestion=fix or None)


def _blamed(node: schema.Node, message: str, composition: Composition) -> schema.Node:
    """Of the fields that a model's own rule names, the one set last: what was just changed is what broke it."""
    named = [name for name in schema.fields_of(node) if name in message]
    ranked = sorted(named, key=lambda name: _rank(composition, (*node.path, name)), reverse=True)
    return schema.below(node, ranked[0]) if ranked else node


def _rank(composition: Composition, path: Keys) -> int:
    origin = composition.origins.get(path)
    return -1 if origin is None else origin.rank


def _words(detail: ErrorDetails, node: schema.Node, composition: Composition) -> tuple[str, str]:
    """Message and fix of one of pydantic's errors."""
    kind = detail["type"]
    what = schema.description(node)
    wanted = schema.expected(node)
    name = node.path[-1] if node.path else ""
    shown = repr(detail["input"])[:SHOWN_MAX]
    if kind == "extra_forbidden":
        known = [*schema.keys_of(node), *(GROUPS if len(node.path) == 1 else ())]
        return f"unknown key {name!r}", did_you_mean(name, known)
    if kind == "missing":
        return (
            f"{_dotted(node.path)} is missing: {wanted or 'required'}",
            f"set {_dotted(node.path)}=…, or pick a preset that does",
        )
    if kind.startswith("union_tag"):
        tags = str(detail.get("ctx", {}).get("expected_tags", "")).replace("'", "")
        return f"{_dotted((*node.path, 'kind'))} must be one of {tags}", _tag_fix(composition, node, tags)
    if kind.startswith(OUT_OF_RANGE):
        return f"{shown} is out of range: must be {wanted}" + (f"; {what}" if what else ""), _nearest(detail, node)
    if kind.endswith(WRONG_TYPE):
        return f"{shown} is not {wanted or 'what belongs here'}" + (f"; {what}" if what else ""), _type_fix(
            detail, wanted
        )
    fix = "change one of the two" if kind == "value_error" else f"write {wanted}"
    return detail["msg"].removeprefix("Value error, "), fix


def _tag_fix(composition: Composition, node: schema.Node, tags: str) -> str:
    value: Value = composition.tree
    for key in (*node.path, "kind"):
        value = value.get(key) if isinstance(value, dict) else None
    return did_you_mean(str(value), tags.split(", "))


def _nearest(detail: ErrorDetails, node: schema.Node) -> str:
    value = detail["input"]
    low, high = schema.bounds(node.field) if node.field else (None, None)
    if not isinstance(value, int | float):
        return ""
    bound = low if low is not None and value < low else high
    return "" if bound is None else f"the nearest allowed value is {bound:.15g}"


def _type_fix(detail: ErrorDetails, wanted: str) -> str:
    value = detail["input"]
    united = NUMBER_WITH_UNIT.match(value) if isinstance(value, str) else None
    if united and "number" in wanted:
        return f"write {united[1]}: the unit is part of the key's name"
    if wanted.startswith("one of") and isinstance(value, str):
        return did_you_mean(value, wanted.removeprefix("one of ").split(", "))
    if wanted == "a list" and not isinstance(value, list):
        return f"write [{value}]"
    if isinstance(value, list) and len(value) == 1:
        return f"write {value[0]} without brackets"
    return f"write {wanted}" if wanted else ""


def _dotted(path: Keys) -> str:
    return ".".join(path)
