"""The repository's own rules, which no linter knows: each takes sources and returns complaints as `file:line: text`."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple, TypeGuard

ROOT: Final = Path(__file__).resolve().parents[1]
MODULE_LINES_MAX: Final = 400
TEST_LINES_MAX: Final = 500
FUNCTION_LINES_MAX: Final = 60
FUNCTION_ARGS_MAX: Final = 6
FREE_NUMBERS: Final = (-1, 0, 1, 2, 0.5)
IMPURE_FILES: Final = (
    "hlmm/hyperliquid/rest.py",
    "hlmm/hyperliquid/socket.py",
    "hlmm/sim/feedsource.py",
    "hlmm/sim/server.py",
    "hlmm/sim/tapefile.py",
)
CLOCKS_AND_CHANCE: Final = ("time", "random", "secrets", "uuid", "threading", "asyncio", "socket", "os", "logging")
IMPURE_BUILTINS: Final = ("open", "print", "input", "hash", "id", "eval", "exec", "globals")
DISTRIBUTIONS: Final = {
    "Crypto": "pycryptodome",
    "annotated_types": "pydantic",  # its own parts, pinned by it
    "hydra": "hydra-core",
    "pydantic_core": "pydantic",
    "sha3": "safe-pysha3",
    "typing_extensions": "typing-extensions",
    "yaml": "pyyaml",
}
ENTRY_MODULES: Final = ("hlmm.__main__", "hlmm.cli.app")
FEATURE_FLAG: Final = re.compile(r"^(enable|enabled|disable|disabled|use)(_|$)|_(enabled|disabled)$")
UNFINISHED: Final = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
HEX_KEY: Final = re.compile(r"(?<![0-9A-Za-z])0x[0-9a-fA-F]{64}(?![0-9a-fA-F])")
OTHER_KEY: Final = re.compile("AGE-SECRET-" + r"KEY-1[0-9A-Z]{20,}|BEGIN [A-Z ]*PRIVATE " + "KEY")
REGISTRY: Final = re.compile(
    r"\b(py" + r"pi\.org|pythonhosted\.org|registry\.npm" + r"js\.org|deb\.debian\.org|proxy\.golang\.org)\b"
)
MACHINE_PATH: Final = re.compile(r"(?<![\w.:~$}/-])/(work|root|tmp|opt/py" + r"pi|opt/wheels)/[\w.]")
BINARY_SUFFIXES: Final = (".gz", ".png", ".svg", ".zip", ".parquet", ".zst", ".age")
HEX_ALLOWED_FILE: Final = "tests/hex_allowed.txt"


class Source(NamedTuple):
    """One tracked text file: path relative to the root, and its text."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        """Syntax tree of a Python file."""
        return _parsed(self.path, self.text)

    def lines(self) -> Iterator[tuple[int, str]]:
        """Line numbers from 1, and lines."""
        return iter(enumerate(self.text.splitlines(), 1))


@cache
def _parsed(path: str, text: str) -> ast.Module:
    return ast.parse(text, path)


def tracked_sources() -> tuple[Source, ...]:
    """Every text file git tracks or would add; without git, every text file of the shipped folders."""
    try:
        command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        folders = ("hlmm", "conf", "tests", "docs", "bench", "deploy")
        listed = [str(path.relative_to(ROOT)) for folder in folders for path in sorted((ROOT / folder).rglob("*.*"))]
    return tuple(_read(sorted(listed)))


def _read(names: list[str]) -> Iterator[Source]:
    for name in names:
        path = ROOT / name
        if name and path.is_file() and not name.endswith(BINARY_SUFFIXES) and "__pycache__" not in name:
            yield Source(name, path.read_text(encoding="utf-8"))


def python(sources: tuple[Source, ...], *folders: str) -> tuple[Source, ...]:
    """The Python files among the sources, under the given folders (all when none is given)."""
    return tuple(s for s in sources if s.path.endswith(".py") and (not folders or s.path.startswith(folders)))


def pure(sources: tuple[Source, ...]) -> tuple[Source, ...]:
    """The modules that read no clock, file, socket or chance."""
    parts = ("hlmm/types.py", "hlmm/model/", "hlmm/core/", "hlmm/hyperliquid/", "hlmm/sim/")
    return tuple(s for s in python(sources, *parts) if s.path not in IMPURE_FILES)


def _functions(source: Source) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def long_modules(sources: tuple[Source, ...]) -> list[str]:
    """A module says one thing: at most 400 lines; a file of tests, each of which stands alone, at most 500."""
    found = []
    for source in python(sources, "hlmm/", "tests/", "bench/"):
        n = len(source.text.splitlines())
        limit = TEST_LINES_MAX if source.path.startswith("tests/") else MODULE_LINES_MAX
        if n > limit:
            found.append(f"{source.path}:{n}: {n} lines, at most {limit}")
    return found


def long_functions(sources: tuple[Source, ...]) -> list[str]:
    """A function fits a screen: at most 60 lines, docstring included."""
    found = []
    for source in python(sources, "hlmm/", "tests/", "bench/"):
        for node in _functions(source):
            n = (node.end_lineno or node.lineno) - node.lineno + 1
            if n > FUNCTION_LINES_MAX:
                found.append(f"{source.path}:{node.lineno}: {node.name} has {n} lines, at most {FUNCTION_LINES_MAX}")
    return found


def many_arguments(sources: tuple[Source, ...]) -> list[str]:
    """At most six arguments; beyond that, a struct. A command's options are its arguments, so cli is free."""
    found = []
    for source in python(sources, "hlmm/"):
        for node in _functions(source):
            a = node.args
            names = [x.arg for x in (*a.posonlyargs, *a.args, *a.kwonlyargs) if x.arg not in {"self", "cls"}]
            if len(names) > FUNCTION_ARGS_MAX and not source.path.startswith("hlmm/cli/"):
                found.append(
                    f"{source.path}:{node.lineno}: {node.name} takes {len(names)}, at most {FUNCTION_ARGS_MAX}"
                )
    return found


def feature_flags(sources: tuple[Source, ...]) -> list[str]:
    """A variant is a union member and "off" is the member `none`: no enable_, use_, disable_ booleans."""
    found = []
    for source in python(sources, "hlmm/"):
        for node in ast.walk(source.tree):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                name, annotation = node.target.id, node.annotation
            elif isinstance(node, ast.arg) and node.annotation:
                name, annotation = node.arg, node.annotation
            else:
                continue
            if "bool" in ast.unparse(annotation) and FEATURE_FLAG.search(name):
                found.append(f"{source.path}:{node.lineno}: feature boolean {name}; make it a member of a union")
    for source in sources:
        if source.path.startswith("conf/"):
            keys = ((n, line.strip().partition(":")[0]) for n, line in source.lines() if ":" in line)
            found += [f"{source.path}:{n}: feature boolean {key}" for n, key in keys if FEATURE_FLAG.search(key)]
    return found


def bare_numbers(sources: tuple[Source, ...]) -> list[str]:
    """In core and model a number has a name: bodies use only -1, 0, 1, 2 and 0.5."""
    found = []
    for source in python(sources, "hlmm/core/", "hlmm/model/"):
        lines = {}
        for function in _functions(source):
            for statement in function.body:
                for node in ast.walk(statement):
                    if isinstance(node, ast.Constant) and type(node.value) in (int, float, complex):
                        lines[node.lineno, node.col_offset] = node.value
        bad = [(line, value) for (line, _), value in sorted(lines.items()) if value not in FREE_NUMBERS]
        found += [f"{source.path}:{line}: the number {value!r} needs a name and a unit" for line, value in bad]
    return found


def mocks(sources: tuple[Source, ...]) -> list[str]:
    """Fake the outside with a function or a local server, never with a mock."""
    word = re.compile(r"\b(from unittest import .*mock|unittest\.mock|import mock|MagicMock|mocker)\b")
    files = (s for s in python(sources) if s.path not in {"tests/tidy.py", "tests/test_tidy.py"})
    return [f"{s.path}:{n}: mocks are banned" for s in files for n, line in s.lines() if word.search(line)]


def impurities(sources: tuple[Source, ...]) -> list[str]:
    """Pure modules import no clock, file, socket or chance, and call nothing that depends on the process.

    A seeded `random.Random` handed in is allowed in sim, so its type may be named there.
    """
    found = []
    for source in pure(sources):
        free = ("random",) if source.path.startswith("hlmm/sim/") else ()
        for node in ast.walk(source.tree):
            what = _impurity(node, free)
            if what:
                found.append(f"{source.path}:{getattr(node, 'lineno', 1)}: {what} in a pure module")
    return found


def _impurity(node: ast.AST, free: tuple[str, ...]) -> str:
    match node:
        case ast.Call(func=ast.Name(id=name)) if name in IMPURE_BUILTINS:
            return f"{name}()"
        case ast.Call(func=ast.Attribute(attr="now" | "today" | "utcnow" as name)):
            return f".{name}()"
        case ast.Call(func=ast.Attribute(value=ast.Name(id="random"), attr=name)) if name != "Random":
            return f"unseeded random.{name}()"
        case ast.Call(func=ast.Attribute(value=ast.Name(id="random"), attr="Random"), args=[]):
            return "unseeded random.Random()"
        case _:
            roots = [name.partition(".")[0] for name in _imported_names(node)]
    return next((f"import of {root}" for root in roots if root in CLOCKS_AND_CHANCE and root not in free), "")


def set_iterations(sources: tuple[Source, ...]) -> list[str]:
    """The order of a set depends on the process: sort it, or use a dict."""
    found = []
    for source in python(sources, "hlmm/"):
        for node in ast.walk(source.tree):
            match node:
                case ast.For(iter=over) | ast.comprehension(iter=over):
                    pass
                case ast.Call(func=ast.Name(id="list" | "tuple" | "enumerate" | "iter" | "zip"), args=[over, *_]):
                    pass
                case _:
                    continue
            if _is_set(over):
                found.append(f"{source.path}:{over.lineno}: iteration over a set")
    return found


def _is_set(node: ast.expr) -> bool:
    made = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"set", "frozenset"}
    return made or isinstance(node, ast.Set | ast.SetComp)


def addresses(sources: tuple[Source, ...]) -> list[str]:
    """No package registry and no path of somebody's machine is written down."""
    found = []
    for source in sources:
        for n, line in source.lines():
            if REGISTRY.search(line):
                found.append(f"{source.path}:{n}: names a package registry")
            if MACHINE_PATH.search(line):
                found.append(f"{source.path}:{n}: names a path of one machine")
    return found


def keys(sources: tuple[Source, ...]) -> list[str]:
    """Nothing that looks like a private key, except published test vectors listed in the allow-list."""
    listed = next((s.text for s in sources if s.path == HEX_ALLOWED_FILE), "")
    allowed = {line.split()[0].lower() for line in listed.splitlines() if line.strip() and not line.startswith("#")}
    found = []
    for source in sources:
        if source.path == HEX_ALLOWED_FILE:
            continue
        for n, line in source.lines():
            if OTHER_KEY.search(line) or any(h.lower() not in allowed for h in HEX_KEY.findall(line)):
                found.append(f"{source.path}:{n}: looks like a private key; a published one goes to {HEX_ALLOWED_FILE}")
    return found


def unfinished(sources: tuple[Source, ...]) -> list[str]:
    """Nothing is left for later in the tree."""
    locks = ("requirements.lock", "requirements-dev.lock")
    rest = [s for s in sources if s.path not in locks]
    return [f"{s.path}:{n}: unfinished mark" for s in rest for n, line in s.lines() if UNFINISHED.search(line)]


def claimless_tests(sources: tuple[Source, ...]) -> list[str]:
    """Each test states its claim."""
    found = []
    for source in python(sources, "tests/"):
        if Path(source.path).name.startswith("test_"):
            tests = [f for f in _functions(source) if f.name.startswith("test_") and not ast.get_docstring(f)]
            found += [f"{source.path}:{f.lineno}: {f.name} has no docstring" for f in tests]
    return found


def undocumented(sources: tuple[Source, ...]) -> list[str]:
    """Modules, public classes and public functions say what they are."""
    found = []
    for source in python(sources, "hlmm/"):
        if not ast.get_docstring(source.tree):
            found.append(f"{source.path}:1: module has no docstring")
        scopes: list[ast.Module | ast.ClassDef] = [source.tree]
        scopes += [
            node for node in source.tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
        ]
        for scope in scopes:
            bare = [node for node in scope.body if _is_public(node) and not ast.get_docstring(node)]
            found += [f"{source.path}:{node.lineno}: {node.name} has no docstring" for node in bare]
    return found


def _is_public(node: ast.stmt) -> TypeGuard[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return False
    marks = [ast.unparse(decorator).rpartition(".")[2] for decorator in node.decorator_list]
    return not node.name.startswith("_") and not any(mark in {"override", "overload"} for mark in marks)


def undeclared_imports(sources: tuple[Source, ...]) -> list[str]:
    """What hlmm imports from outside, pyproject.toml declares as a runtime dependency or an extra but dev."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [need for name, needs in project["optional-dependencies"].items() if name != "dev" for need in needs]
    declared = [re.split(r"[^\w.-]", need)[0].lower() for need in (*project["dependencies"], *extras)]
    found = []
    for source in python(sources, "hlmm/"):
        for node in ast.walk(source.tree):
            roots = [name.partition(".")[0] for name in _imported_names(node)]
            for root in roots:
                known = root in sys.stdlib_module_names or root == "hlmm"
                if not known and DISTRIBUTIONS.get(root, root).lower() not in declared:
                    found.append(f"{source.path}:{getattr(node, 'lineno', 1)}: {root} is not a declared dependency")
    return found


def _imported_names(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=str(module), level=0):
            return [module]
        case _:
            return []


def dead_modules(sources: tuple[Source, ...]) -> list[str]:
    """Every module of hlmm is imported by another one of hlmm; only entry points are not."""
    imported: set[str] = set()
    for source in python(sources, "hlmm/"):
        for node in ast.walk(source.tree):
            imported.update(_imported_names(node))
            if isinstance(node, ast.ImportFrom) and node.module:
                imported.update(f"{node.module}.{alias.name}" for alias in node.names)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("hlmm."):
                imported.add(node.value.partition(":")[0])
    found = []
    for source in python(sources, "hlmm/"):
        name = source.path.removesuffix(".py").replace("/", ".")
        if not name.endswith("__init__") and name not in imported and name not in ENTRY_MODULES:
            found.append(f"{source.path}:1: nothing in hlmm imports it")
    return found
