"""What can be composed: the search path, its groups and their options, and Hydra's defaults list over them."""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
from hydra._internal.config_repository import CachingConfigRepository, ConfigRepository
from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra._internal.defaults_list import create_defaults_list
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from omegaconf import DictConfig, OmegaConf

from hlmm.config.errors import ConfigError, Problem, did_you_mean, shown
from hlmm.config.yamlfile import YamlFile, read_yaml_file

PRIMARY: Final = "config"
SUFFIX: Final = ".yaml"
GROUPS: Final = ("asset", "spread_profile", "impulse", "stochastic", "risk", "env", "experiment")
LOCAL: Final = "local"
FILES_MAX: Final = 1000
GROUP_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """One file's place in the composition: where it lands, what it holds, the line of each key."""

    name: str
    package: str
    content: DictConfig
    file: YamlFile

    @property
    def package_path(self) -> tuple[str, ...]:
        """The package as keys; empty at the root."""
        return tuple(self.package.split(".")) if self.package else ()


def packaged_conf() -> Path:
    """The presets that ship with hlmm: inside the installed package, or beside it in a checkout.

    Raises: ConfigError when neither exists, which is a broken installation.
    """
    package = Path(str(importlib.resources.files("hlmm")))
    for candidate in (package / "conf", package.parent / "conf"):
        if (candidate / f"{PRIMARY}{SUFFIX}").is_file():
            return candidate
    raise ConfigError([Problem(path="", message="the packaged presets are missing", suggestion="reinstall hlmm")])


class Catalog:
    """The presets in reach: a user's folder first, then the packaged one."""

    def __init__(self, config_dir: Path | None) -> None:
        """Args: config_dir, the user's folder, or None.   Raises: ConfigError when it cannot be read."""
        roots = [packaged_conf()]
        if config_dir is not None:
            _check_folder(config_dir)
            roots.insert(0, config_dir.absolute())
        self.roots: tuple[Path, ...] = tuple(roots)
        search = ConfigSearchPathImpl()
        for root in self.roots:
            search.append("hlmm", f"file://{root}")
        search.append("schema", "structured://")
        Plugins.instance()
        self._repository = CachingConfigRepository(ConfigRepository(search))

    def options(self, group: str) -> tuple[str, ...]:
        """The options of a group, sorted; empty when there is no such group."""
        if not GROUP_NAME.fullmatch(group):
            return ()
        names = [path.stem for root in self.roots for path in (root / group).glob(f"*{SUFFIX}")]
        return tuple(sorted(dict.fromkeys(names)))

    def layers(self, choices: Sequence[str]) -> tuple[Layer, ...]:
        """The files of a composition, later ones win.

        Args: choices, group overrides in Hydra's grammar whose groups and options exist.
        Raises: ConfigError when a file is unreadable, malformed, or names a preset that does not exist.
        """
        parsed = OverridesParser.create().parse_overrides(list(choices))
        defaults = create_defaults_list(
            repo=self._repository, config_name=PRIMARY, overrides_list=parsed, prepend_hydra=False, skip_missing=False
        )
        layers = []
        for default in defaults.defaults:
            assert default.config_path is not None
            loaded = self._repository.load_config(default.config_path)
            assert loaded is not None, default.config_path
            file = read_yaml_file(self._file(default.config_path))
            content = loaded.config
            if not isinstance(content, DictConfig) or file.problems:
                content = OmegaConf.create({})
            layers.append(Layer(name=default.config_path, package=default.package or "", content=content, file=file))
        return tuple(layers)

    def broken_files(self) -> Iterator[Problem]:
        """The problems of every file in reach; used when Hydra could not compose."""
        for path in self._files():
            yield from read_yaml_file(path).problems

    def place_naming(self, group: str, option: str) -> tuple[str | None, int | None]:
        """The file and line (from 1) whose defaults list names a preset; None, None when no file does."""
        naming = re.compile(rf"{re.escape(group)}(@\S+)?\s*:.*\b{re.escape(option)}\b")
        for path in self._files():
            for line, row in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
                if naming.search(row):
                    return shown(path), line
        return None, None

    def stray_entries(self) -> Iterator[Problem]:
        """Files of the user's folder that look like presets but that nothing can ever read."""
        for entry in sorted(self.roots[0].iterdir()) if len(self.roots) > 1 else ():
            if entry.is_dir() and entry.name not in (*GROUPS, LOCAL):
                fix = did_you_mean(entry.name, GROUPS)
                if fix.startswith("did"):
                    yield Problem(
                        path="", message=f"no group is called {entry.name!r}", file=shown(entry), suggestion=fix
                    )
            elif entry.is_dir():
                for file in sorted(entry.glob("*.yml")):
                    fix = f"rename it to {file.stem}{SUFFIX}"
                    yield Problem(path="", message="presets end in .yaml", file=shown(file), suggestion=fix)

    def _files(self) -> Iterator[Path]:
        for root in self.roots:
            yield from sorted(root.rglob(f"*{SUFFIX}"))[:FILES_MAX]

    def _file(self, name: str) -> Path:
        candidates = [root / f"{name}{SUFFIX}" for root in self.roots]
        return next((path for path in candidates if path.is_file()), candidates[-1])


def _check_folder(folder: Path) -> None:
    problem = None
    try:
        if not folder.is_dir():
            problem = "is not a folder" if folder.exists() else "does not exist"
        else:
            next(folder.iterdir(), None)
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    if problem is not None:
        fix = "give --config-dir a readable folder with presets (asset/, spread_profile/, …)"
        raise ConfigError(
            [Problem(path="", message=f"the config folder {problem}", file=shown(folder), suggestion=fix)]
        )
