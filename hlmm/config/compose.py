"""One composition: the files Hydra chose and the overrides typed, as one tree whose every value knows its origin.

Rule of precedence, the only one: layers in the order of the defaults list, later wins; overrides last. Where the same
layer speaks of every asset (`spread.…`) and of one (`assets.ETH.spread.…`), the one wins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from hlmm.config.catalog import Catalog, Layer
from hlmm.config.errors import ConfigError, Origin, Problem, at, did_you_mean, shown
from hlmm.config.overrides import PER_ASSET_NODES, TAG, Assignment, Choice, Typed, Value, read_overrides

Keys = tuple[str, ...]
Tree = dict[str, Value]

EVERY_ASSET: Final = ("spread", "stochastic", "band", "limits")
ASSETS: Final = "assets"
DEFAULT_OPTION: Final = "default"
PACKAGE_DEPTH: Final = 2
PACKAGES: Final = {
    "spread_profile": "spread", "impulse": "_global_", "risk": "_global_", "experiment": "_global_", "local": "_global_"
}  # fmt: skip
"""Where a group's presets land. A preset without its `# @package` line would land under the group's own name."""
SIM_NODE: Final = ("env", "sim")


class Composition(msgspec.Struct, frozen=True, kw_only=True):
    """The composed tree in the shape of `RunConfig`, where each value came from, and the problems met so far."""

    tree: Tree
    origins: dict[Keys, Origin]
    problems: tuple[Problem, ...]

    def origin(self, path: Keys) -> Origin | None:
        """What set a path, or the first key below it, or the same for the nearest node above; None when nothing."""
        for length in range(len(path), 0, -1):
            node = path[:length]
            below = (origin for key, origin in self.origins.items() if key[:length] == node)
            found = self.origins.get(node) or next(below, None)
            if found is not None:
                return found
        return None


def compose(overrides: Sequence[str], config_dir: Path | None) -> Composition:
    """Compose presets and overrides. Nothing is validated here beyond what makes a tree at all.

    Args: overrides, as typed; config_dir, the user's presets, or None.
    Raises: ConfigError when no tree can be made: unreadable folder, malformed file, presets that do not exist.
    """
    catalog = Catalog(config_dir)
    typed = read_overrides(overrides, catalog)
    problems = [*typed.problems, *catalog.stray_entries()]
    try:
        layers = _layers(catalog, typed, problems)
    except (HydraException, OmegaConfBaseException, YAMLError, ValueError, OSError) as error:
        raise ConfigError([*problems, *_refusal(error, catalog)]) from None
    problems += [problem for layer in layers for problem in layer.file.problems]
    problems += _misplaced(layers)
    merged = _Merge(layers)
    for assignment in typed.assignments:
        problem = merged.assign(assignment)
        problems += [problem] if problem else []
    tree = merged.resolved(problems)
    selected = [layer.name.partition("/")[2] for layer in layers if layer.name.startswith("asset/")]
    problems += _unselected(tree, selected, merged.origins)
    tree, origins = _expanded(tree, merged.origins)
    return Composition(tree=tree, origins=origins, problems=tuple(problems))


def _layers(catalog: Catalog, typed: Typed, problems: list[Problem]) -> tuple[Layer, ...]:
    """The files, with `spread_profile=…` carried to the assets whose own preset names another profile."""
    wide = [choice for choice in typed.choices if choice.package is None]
    layers = catalog.layers([choice.hydra for choice in wide])
    nested = [choice for choice in typed.choices if choice.package is not None]
    packages = [layer.package for layer in layers]
    more: dict[str, str] = {}
    for group, node in PER_ASSET_NODES.items():
        chosen = next(
            (layer.name for layer in layers if layer.name.startswith(f"{group}/") and layer.package == node), ""
        )
        option = chosen.partition("/")[2]
        named = any(choice.group == group for choice in wide)
        if named or option != DEFAULT_OPTION:
            for package in packages:
                if package.startswith(f"{ASSETS}.") and package.endswith(f".{node}"):
                    more[f"{group}@{package}"] = f"{group}@{package}={option}"
    for choice in nested:
        problem = _unplaceable(choice, layers)
        if problem is None:
            sign = "" if choice.package in packages else "+"
            more[choice.target] = sign + choice.hydra
        else:
            problems.append(problem)
    return catalog.layers([*(choice.hydra for choice in wide), *more.values()]) if more else layers


def _unplaceable(choice: Choice, layers: Sequence[Layer]) -> Problem | None:
    """A choice for a place that this composition does not have."""
    assert choice.package is not None
    packages = [layer.package for layer in layers]
    if choice.package in packages:
        return None
    if choice.group in PER_ASSET_NODES:
        asset = ".".join(choice.package.split(".")[:PACKAGE_DEPTH])
        if asset in packages:
            return None
        fix = f"add it: asset=[…,{asset.partition('.')[2]}]"
        return Problem(path=choice.package, message=f"{asset} is not selected", override=choice.text, suggestion=fix)
    message = f"{choice.group} cannot be placed at {choice.package}"
    return Problem(path=choice.package, message=message, override=choice.text, suggestion=f"write {choice.group}=…")


def _misplaced(layers: Iterable[Layer]) -> Iterator[Problem]:
    """An asset's file must land under its own name, and an overlay at the root."""
    for layer in layers:
        group, _, name = layer.name.partition("/")
        wanted = f"{ASSETS}.{name}" if group == "asset" else PACKAGES.get(group, layer.package)
        misplaced = layer.package != wanted if group == "asset" else layer.package == group != wanted
        if misplaced:
            yield Problem(
                path=layer.package,
                message=f"the preset lands under {layer.package!r}",
                file=shown(layer.file.path),
                line=1,
                suggestion=f"make its first line `# @package {wanted}`",
            )


class _Merge:
    """Layers laid over each other, with the origin of every key."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.origins: dict[Keys, Origin] = {}
        self._config = OmegaConf.create({})
        OmegaConf.set_struct(self._config, value=False)
        for rank, layer in enumerate(layers):
            content = layer.content if not layer.package else _nested(layer)
            self._clear_switched(content, ())
            self._config = _as_dict(OmegaConf.merge(self._config, content))
            for path, line in layer.file.lines.items():
                if path[0] != "defaults":
                    key = ".".join((*layer.package_path, *path))
                    origin = Origin(key=key, file=shown(layer.file.path), line=line, rank=rank)
                    self._record((*layer.package_path, *path), origin)

    def assign(self, assignment: Assignment) -> Problem | None:
        """Lay one override over everything."""
        path = tuple(assignment.key.split("."))
        if not all(path):
            return at(assignment.origin, "an empty key", suggestion="write key=value")
        if assignment.removes:
            return self._remove(path, assignment)
        if path[: len(SIM_NODE)] == SIM_NODE and not isinstance(
            OmegaConf.select(self._config, ".".join(SIM_NODE)), DictConfig
        ):
            return at(
                assignment.origin, f"env={self._config.env.kind} has no simulated exchange", suggestion="use env=sim"
            )
        self._clear_switched(_as_config(assignment.value, path), ())
        try:
            OmegaConf.update(self._config, assignment.key, assignment.value, merge=True, force_add=True)
        except OmegaConfBaseException:
            fix = f"{'.'.join(path[:-1])} holds a value, not keys"
            return at(assignment.origin, "cannot be set here", suggestion=fix)
        for leaf in _leaves(assignment.value, path):
            self._record(leaf, assignment.origin)
        return None

    def _clear_switched(self, content: DictConfig, path: Keys) -> None:
        """Where a later layer names another member of a union, the earlier member's keys go."""
        for key in map(str, content):
            here = (*path, key)
            if OmegaConf.is_missing(content, key) or OmegaConf.is_interpolation(content, key):
                continue
            if key == TAG and path:
                self._clear(path, content[key])
            elif isinstance(content[key], DictConfig):
                self._clear_switched(content[key], here)

    def _clear(self, path: Keys, kind: object) -> None:
        node = OmegaConf.select(self._config, ".".join(path), throw_on_missing=False)
        if not isinstance(node, DictConfig) or TAG not in node or node[TAG] == kind:
            return
        OmegaConf.update(self._config, ".".join(path), {}, merge=False)
        for key in [key for key in self.origins if key[: len(path)] == path]:
            del self.origins[key]

    def _remove(self, path: Keys, assignment: Assignment) -> Problem | None:
        parent = OmegaConf.select(self._config, ".".join(path[:-1])) if len(path) > 1 else self._config
        if not isinstance(parent, DictConfig) or path[-1] not in parent:
            known = [str(key) for key in parent] if isinstance(parent, DictConfig) else []
            return at(assignment.origin, "no such key to remove", suggestion=did_you_mean(path[-1], known))
        del parent[path[-1]]
        for key in [key for key in self.origins if key[: len(path)] == path]:
            del self.origins[key]
        self.origins[path[:-1] or path] = assignment.origin
        return None

    def resolved(self, problems: list[Problem]) -> Tree:
        """The tree as plain data; `${key}` references that lead nowhere become problems."""
        raw = _plain(OmegaConf.to_container(self._config, resolve=False))
        for path, text in _references(raw, ()):
            fix = self._unresolved(path)
            if fix is not None:
                problems.append(at(_nearest(self.origins, path), f"{text!r} cannot be resolved", suggestion=fix))
                OmegaConf.update(self._config, ".".join(path), None, merge=False, force_add=True)
        plain = _plain(OmegaConf.to_container(self._config, resolve=True, throw_on_missing=False))
        assert isinstance(plain, dict)
        return plain

    def _unresolved(self, path: Keys) -> str | None:
        """What to do about a reference that leads nowhere, to itself, or stands in a list; None when it is sound."""
        try:
            value = OmegaConf.select(self._config, ".".join(path), throw_on_missing=False)
        except (OmegaConfBaseException, RecursionError):
            return "refer to the full path of another key, such as ${risk.loss_max_usd}"
        return "write the values out: references are not read inside lists" if isinstance(value, ListConfig) else None

    def _record(self, path: Keys, origin: Origin) -> None:
        self.origins[path] = origin


def _nearest(origins: dict[Keys, Origin], path: Keys) -> Origin | None:
    """The origin of a path or of the nearest node above it."""
    return next((origins[path[:n]] for n in range(len(path), 0, -1) if path[:n] in origins), None)


def _as_config(value: Value, path: Keys) -> DictConfig:
    for key in reversed(path):
        value = {key: value}
    return OmegaConf.create(_mapping(value))


def _nested(layer: Layer) -> DictConfig:
    content: DictConfig = layer.content
    for key in reversed(layer.package_path):
        content = OmegaConf.create({key: content})
    return content


def _as_dict(config: DictConfig | ListConfig) -> DictConfig:
    assert isinstance(config, DictConfig)
    return config


def _leaves(value: Value, path: Keys) -> Iterator[Keys]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    else:
        yield path


def _references(value: Value, path: Keys) -> Iterator[tuple[Keys, str]]:
    """The keys whose value, or an item of whose list, refers to another key."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _references(item, (*path, key))
    elif "${" in str(value):
        yield path, str(value)


def _plain(value: object) -> Value:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if isinstance(value, bool | int | float | str) or value is None else str(value)


def _refusal(error: Exception, catalog: Catalog) -> list[Problem]:
    """Why Hydra refused, in our words: broken files first, else the preset that a file names and nobody has."""
    broken = list(catalog.broken_files())
    if broken:
        return broken
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, option = str(error.missing_cfg_file).rpartition("/")
        file, line = catalog.place_naming(group, option)
        message = f"{group or 'the search path'} has no preset {option!r}"
        fix = did_you_mean(option, catalog.options(group))
        return [Problem(path="defaults", message=message, file=file, line=line, suggestion=fix)]
    first = str(error).strip().partition("\n")[0] or type(error).__name__
    return [
        Problem(
            path="", message=f"cannot be composed: {first}", suggestion="check the `defaults:` lists of your presets"
        )
    ]


def _unselected(tree: Tree, selected: Sequence[str], origins: dict[Keys, Origin]) -> list[Problem]:
    """Keys for an asset that nobody selected; they are removed, so that the rest can be checked."""
    assets = tree.get(ASSETS)
    if not isinstance(assets, dict):
        return []
    problems = []
    for name in [name for name in assets if name not in selected]:
        del assets[name]
        setters = dict.fromkeys(origin for path, origin in origins.items() if path[:PACKAGE_DEPTH] == (ASSETS, name))
        fix = did_you_mean(name, selected)
        fix = fix if fix.startswith("did") else f"select it: asset=[{','.join((*selected, name))}]"
        problems += [at(origin, f"the asset {name} is not selected", suggestion=fix) for origin in setters]
    return problems


def _expanded(tree: Tree, origins: dict[Keys, Origin]) -> tuple[Tree, dict[Keys, Origin]]:
    """What is said of every asset, laid under what is said of each."""
    assets = tree.get(ASSETS)
    result: Tree = {key: value for key, value in tree.items() if key not in EVERY_ASSET}
    kept = {path: origin for path, origin in origins.items() if path[0] not in EVERY_ASSET}
    if not isinstance(assets, dict):
        return result, kept
    merged: Tree = {}
    for name, own in assets.items():
        merged[name] = own if not isinstance(own, dict) else dict(own)
        for node in EVERY_ASSET:
            if isinstance(own, dict) and node in tree:
                over = _Overlay(origins, kept)
                both = over.merge(tree[node], own.get(node), (node,), (ASSETS, name, node))
                merged[name] = {**_mapping(merged[name]), node: both}
    result[ASSETS] = merged
    return result, kept


def _mapping(value: Value) -> Tree:
    assert isinstance(value, dict)
    return value


class _Overlay:
    """One asset's node over the node for every asset, each leaf from the later layer."""

    def __init__(self, origins: dict[Keys, Origin], kept: dict[Keys, Origin]) -> None:
        self._origins = origins
        self._kept = kept

    def merge(self, wide: Value, own: Value, wide_path: Keys, own_path: Keys) -> Value:
        """Args: wide, said of every asset; own, of this one, or None; and their paths.   Returns: what holds."""
        if isinstance(wide, dict) and isinstance(own, dict | None):
            self._keep(wide_path, own_path)
            own = own or {}
            keys = dict.fromkeys((*wide, *own))
            return {key: self._leaf(wide, own, (*wide_path, key), (*own_path, key)) for key in keys}
        if own is None or self._rank(wide_path) > self._rank(own_path):
            self._kept.pop(own_path, None)
            self._keep(wide_path, own_path)
            return wide
        return own

    def _leaf(self, wide: Tree, own: Tree, wide_path: Keys, own_path: Keys) -> Value:
        key = own_path[-1]
        if key not in wide:
            return own[key]
        return self.merge(wide[key], own.get(key), wide_path, own_path)

    def _keep(self, wide_path: Keys, own_path: Keys) -> None:
        if wide_path in self._origins and own_path not in self._kept:
            self._kept[own_path] = self._origins[wide_path]

    def _rank(self, path: Keys) -> int:
        found = _nearest(self._origins, path)
        return -1 if found is None else found.rank
