"""The repository keeps its own rules, and each rule notices what it is there for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests import tidy
from tests.tidy import Source

Rule = Callable[[tuple[Source, ...]], list[str]]

RULES: tuple[Rule, ...] = (
    tidy.long_modules,
    tidy.long_functions,
    tidy.many_arguments,
    tidy.feature_flags,
    tidy.bare_numbers,
    tidy.mocks,
    tidy.impurities,
    tidy.set_iterations,
    tidy.addresses,
    tidy.keys,
    tidy.unfinished,
    tidy.claimless_tests,
    tidy.undocumented,
    tidy.undeclared_imports,
    tidy.dead_modules,
)

KEY = "0x" + "ab" * 32

BROKEN: tuple[tuple[Rule, str, str], ...] = (
    (tidy.long_modules, "hlmm/core/a.py", "x = 1\n" * 401),
    (tidy.long_functions, "hlmm/core/a.py", "def f():\n" + "    x = 1\n" * 60),
    (tidy.many_arguments, "hlmm/core/a.py", "def f(a, b, c, d, *, e, f, g): ...\n"),
    (tidy.feature_flags, "hlmm/core/a.py", "class A:\n    use_skew: bool = True\n"),
    (tidy.feature_flags, "conf/risk/a.yaml", "risk:\n  enable_stop: true\n"),
    (tidy.bare_numbers, "hlmm/model/a.py", "def f(x):\n    return x * 3.7\n"),
    (tidy.mocks, "tests/test_a.py", "from unittest import mock\n"),
    (tidy.impurities, "hlmm/core/a.py", "import time\n"),
    (tidy.impurities, "hlmm/sim/a.py", "import random\n\nx = random.Random()\n"),
    (tidy.impurities, "hlmm/sim/a.py", "import random\n\nx = random.random()\n"),
    (tidy.impurities, "hlmm/hyperliquid/a.py", "import datetime\n\nx = datetime.datetime.now()\n"),
    (tidy.impurities, "hlmm/model/a.py", "x = hash('a')\n"),
    (tidy.set_iterations, "hlmm/shell/a.py", "for x in {1, 2}:\n    print(x)\n"),
    (tidy.set_iterations, "hlmm/shell/a.py", "y = [x for x in set([1])]\n"),
    (tidy.set_iterations, "hlmm/shell/a.py", "y = list(set([1]))\n"),
    (tidy.addresses, "docs/a.md", "see https://py" + "pi.org/simple\n"),
    (tidy.addresses, "docs/a.md", "in " + "/work" + "/main\n"),
    (tidy.keys, "docs/a.md", f"key {KEY}\n"),
    (tidy.keys, "docs/a.md", "AGE-SECRET-" + "KEY-1QQQQQQQQQQQQQQQQQQQQQQQ\n"),
    (tidy.unfinished, "hlmm/core/a.py", "# TO" + "DO later\n"),
    (tidy.claimless_tests, "tests/test_a.py", "def test_a():\n    assert True\n"),
    (tidy.undocumented, "hlmm/core/a.py", "def f():\n    pass\n"),
    (tidy.undeclared_imports, "hlmm/shell/a.py", "import numpy.linalg\n"),
    (tidy.undeclared_imports, "hlmm/shell/a.py", "from eth_account import Account\n"),
    (tidy.dead_modules, "hlmm/core/a.py", "x = 1\n"),
)


@pytest.fixture(scope="module")
def sources() -> tuple[Source, ...]:
    """Every text file of the repository, read once."""
    return tidy.tracked_sources()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_repository_keeps_the_rule(rule: Rule, sources: tuple[Source, ...]) -> None:
    """The rule has nothing to complain about in any tracked file."""
    complaints = rule(sources)
    assert not complaints, "\n" + "\n".join(complaints)


@pytest.mark.parametrize(
    ("rule", "path", "text"), BROKEN, ids=[f"{rule.__name__}-{i}" for i, (rule, _, _) in enumerate(BROKEN)]
)
def test_the_rule_notices_a_breach(rule: Rule, path: str, text: str) -> None:
    """A file that breaks the rule is named with its path and line."""
    complaints = rule((Source(path, text),))
    assert complaints
    assert all(complaint.startswith(f"{path}:") for complaint in complaints)


def test_an_allowed_key_is_no_complaint() -> None:
    """A published vector's key that the allow-list names passes."""
    assert not tidy.keys(
        (Source(tidy.HEX_ALLOWED_FILE, f"{KEY} vector\n"), Source("tests/test_a.py", f"k = '{KEY}'\n"))
    )


def test_clean_code_is_no_complaint() -> None:
    """Code within the rules passes every one of them."""
    text = '"""A."""\n\nFEE = 4.5\n\n\ndef f(x):\n    """F."""\n    return [y * 0.5 - 1 for y in sorted({x, FEE})]\n'
    used = Source("hlmm/core/b.py", '"""B."""\n\nfrom hlmm.core import a, b\n')
    for rule in RULES:
        assert rule((Source("hlmm/core/a.py", text), used)) == []
