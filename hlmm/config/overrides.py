"""What the user typed: overrides in Hydra's grammar, read into choices of presets and assignments of values.

Hydra's own reading is kept where it is kind and replaced where it is not: `asset=BTC`, `+asset=BTC` and `++asset=BTC`
mean the same, an unknown key reaches validation (which knows what was meant), a repeated key is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

import msgspec
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from hlmm.config.catalog import Catalog
from hlmm.config.errors import Origin, Problem, did_you_mean

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"

TAG: Final = "kind"
"""The key that names a union's member; it is assigned first, because it clears the other member's keys."""
OVERRIDE_RANK: Final = 1_000_000
TAPE_NODE: Final = "env.sim.market"
ENV_KIND: Final = "env.kind"
PER_ASSET: Final = re.compile(r"^assets\.(?P<asset>[^.]+)\.(?P<group>spread_profile|stochastic)$")
PER_ASSET_NODES: Final = {"spread_profile": "spread", "stochastic": "stochastic"}
LIST_GROUPS: Final = ("asset",)
RESOLVER: Final = re.compile(r"\$\{[^}]*:")
SIGNS: Final = "+~"


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One group's chosen options. `package` is where they land when that is not the group's own place."""

    group: str
    package: str | None
    options: tuple[str, ...]
    text: str

    @property
    def target(self) -> str:
        """`group` or `group@package`, the name Hydra knows the choice by."""
        return self.group if self.package is None else f"{self.group}@{self.package}"

    @property
    def hydra(self) -> str:
        """The override in Hydra's grammar."""
        if self.group in LIST_GROUPS:
            return f"{self.target}=[{','.join(self.options)}]"
        return f"{self.target}={self.options[0]}" if self.options else f"~{self.target}"


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """One key's value, or its removal."""

    key: str
    value: Value
    text: str
    removes: bool = False
    sugar: str = ""

    @property
    def origin(self) -> Origin:
        """The override as the origin of what it sets; `sugar` is the short key that stood for this one."""
        return Origin(key=self.sugar or self.key, override=self.text, rank=OVERRIDE_RANK)


class Typed(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was typed and understood, and the problems of the rest."""

    choices: tuple[Choice, ...]
    assignments: tuple[Assignment, ...]
    problems: tuple[Problem, ...]


def read_overrides(texts: Iterable[str], catalog: Catalog) -> Typed:
    """Read the overrides of one command.

    Args: texts, as typed, one per argument; catalog, what can be chosen.   Raises: nothing; problems are in the result.
    """
    reader = _Reader(catalog)
    for text in texts:
        reader.read(text)
    return Typed(
        choices=tuple(reader.choices.values()),
        assignments=tuple(sorted(reader.assignments.values(), key=lambda item: not item.key.endswith(f".{TAG}"))),
        problems=tuple(reader.problems),
    )


class _Reader:
    """Collects choices and assignments, one override at a time."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._parser = OverridesParser.create()
        self.choices: dict[str, Choice] = {}
        self.assignments: dict[str, Assignment] = {}
        self.problems: list[Problem] = []

    def read(self, text: str) -> None:
        """Read one override; a problem is recorded, never raised."""
        key, equals, raw = text.lstrip(SIGNS).partition("=")
        if key == "tape" and equals and raw[:1] not in {"[", "'", '"'}:
            self._tape([raw], text)
            return
        if not equals and not text.startswith("~"):
            self._problem(text, "not an override", self._hint(text))
            return
        try:
            parsed = self._parser.parse_override(text)
        except HydraException:
            self._problem(text, "cannot be read: it must be key=value", "quote special characters: key='…'")
            return
        if parsed.is_sweep_override():
            self._problem(text, "lists several values", f"one run takes one: write {key}=[{raw}] for a list", key)
        elif key == "tape":
            self._tape(_names(parsed), text)
        else:
            self._parsed(parsed, text)

    def _parsed(self, parsed: Override, text: str) -> None:
        key = parsed.key_or_group
        value = _plain(parsed)
        per_asset = PER_ASSET.match(key)
        if key == ENV_KIND:
            self._choose("env", None, parsed, text)
        elif per_asset and isinstance(value, str):
            group = per_asset["group"]
            self._choose(group, f"assets.{per_asset['asset']}.{PER_ASSET_NODES[group]}", parsed, text)
        elif parsed.package is not None or ("." not in key and self._catalog.options(key)):
            self._choose(key, parsed.package, parsed, text)
        else:
            self._assign(key, value, text, removes=parsed.is_delete())

    def _choose(self, group: str, package: str | None, parsed: Override, text: str) -> None:
        names = _names(parsed)
        options = self._catalog.options(group)
        if not options:
            self._problem(
                text, f"no group is called {group!r}", did_you_mean(group, ("asset", "spread_profile", "env"))
            )
        elif parsed.is_delete() and group != "experiment":
            self._problem(text, "a group needs a choice", f"write {group}=OPTION; {did_you_mean('', options)}", group)
        elif not names and not parsed.is_delete():
            self._problem(
                text, f"{group} is a group of presets, not a value", f"name one; {did_you_mean('', options)}", group
            )
        elif len(names) > 1 and group not in LIST_GROUPS:
            self._problem(text, f"{group} takes one preset, not {len(names)}", f"keep one: {group}={names[0]}", group)
        elif len(dict.fromkeys(names)) < len(names):
            self._problem(text, "a preset is named twice", "name each once", group)
        elif self._known(names, options, text, group):
            choice = Choice(group=group, package=package, options=names, text=text)
            if self._is_new(choice.target, self.choices.get(choice.target), text):
                self.choices[choice.target] = choice

    def _known(self, names: tuple[str, ...], options: tuple[str, ...], text: str, group: str) -> bool:
        unknown = [name for name in names if name not in options]
        for name in unknown:
            self._problem(text, f"{group} has no preset {name!r}", self._preset_hint(group, name, options), group)
        return not unknown

    def _preset_hint(self, group: str, name: str, options: tuple[str, ...]) -> str:
        for root in self._catalog.roots:
            if name in [other.stem for other in (root / group).glob("*.yml")]:
                return f"rename {name}.yml to {name}.yaml"
        hint = did_you_mean(name, options)
        return hint if hint.startswith("known") else f"{hint} {did_you_mean('', options)}"

    def _tape(self, paths: Iterable[str], text: str) -> None:
        names = list(paths)
        if not all(names) or not names:
            self._problem(text, "names no file", "write tape=PATH or tape=[PATH,PATH]", "tape")
            return
        if self._is_new("tape", self.assignments.get(f"{TAPE_NODE}.{TAG}"), text):
            values: Value = [*names]
            for key, value in (("kind", "tape"), ("paths", values)):
                node = f"{TAPE_NODE}.{key}"
                self.assignments[node] = Assignment(key=node, value=value, text=text, sugar="tape")

    def _assign(self, key: str, value: Value, text: str, *, removes: bool) -> None:
        if _has_resolver(value):
            fix = "write the value, or refer to another key with ${key}"
            self._problem(text, "`${name:…}` is not supported: a value must not depend on the machine", fix, key)
        elif self._is_new(key, self.assignments.get(key), text):
            self.assignments[key] = Assignment(key=key, value=value, text=text, removes=removes)

    def _is_new(self, key: str, earlier: Choice | Assignment | None, text: str) -> bool:
        if earlier is None:
            return True
        fix = "keep one of them"
        if isinstance(earlier, Choice) and key in LIST_GROUPS:
            later = text.partition("=")[2].strip("[]")
            fix = f"to quote both in one engine write {key}=[{','.join((*earlier.options, later))}]"
        self._problem(text, f"{key} was already set by {earlier.text!r}", fix, key)
        return False

    def _hint(self, text: str) -> str:
        word = text.lstrip(SIGNS)
        return (
            f"write +asset={word}" if word in self._catalog.options("asset") else "write key=value, such as +asset=BTC"
        )

    def _problem(self, text: str, message: str, suggestion: str, path: str = "") -> None:
        self.problems.append(Problem(path=path, message=message, override=text, suggestion=suggestion))


def _names(parsed: Override) -> tuple[str, ...]:
    """The options an override names; empty when its value is not a name or a list of names."""
    value = _plain(parsed)
    if isinstance(value, str):
        return (value,) if value else ()
    if isinstance(value, list) and all(isinstance(item, str | int) for item in value):
        return tuple(str(item) for item in value)
    return (str(value),) if isinstance(value, int) and not isinstance(value, bool) else ()


def _plain(parsed: Override) -> Value:
    """The override's value as plain data."""
    value: Value = None if parsed.is_sweep_override() else _cast(parsed.value())
    return value


def _cast(value: object) -> Value:
    if isinstance(value, Mapping):
        return {str(key): _cast(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cast(item) for item in value]
    return value if isinstance(value, bool | int | float | str) or value is None else str(value)


def _has_resolver(value: Value) -> bool:
    if isinstance(value, dict):
        return any(_has_resolver(item) for item in value.values())
    if isinstance(value, list):
        return any(_has_resolver(item) for item in value)
    return isinstance(value, str) and RESOLVER.search(value) is not None
