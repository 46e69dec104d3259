# Recipes use .venv when there is one (`just setup` makes it), else the tools on PATH.

export PATH := justfile_directory() / ".venv/bin:" + env("PATH")
compile := "uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --quiet --custom-compile-command 'just lock'"

# list the recipes
default:
    @just --list --unsorted

# make .venv with everything the project needs, and install the commit hook
setup:
    python3 -m venv .venv
    pip install --quiet --require-hashes -r requirements-dev.lock
    pip install --quiet --no-build-isolation --no-deps -e .
    pre-commit install

# every gate but the tests, fast ones first
check:
    ruff format --check .
    ruff check .
    lint-imports --no-cache
    mypy
    python -m hlmm validate-config --all
    python -m pytest -q tests/test_tidy.py

# the tests; `just test tests/core -k skew` for some
test *ARGS:
    python -m pytest -q {{ ARGS }}

# watch it make markets on the simulated exchange for a minute
demo *OVERRIDES="+asset=BTC":
    python -m hlmm run {{ OVERRIDES }} --for 60s

# serve the simulated exchange for any client: `just sim --port 8600`
sim *ARGS:
    python -m hlmm sim {{ ARGS }}

# format and repair what can be repaired
fmt:
    ruff check --fix .
    ruff format .

# the quick benchmarks, one table: ratios against peers of the same run
bench:
    python bench/table.py

# types only
types:
    mypy

# write both lock files anew, without any index address
lock:
    {{ compile }} --extra dev --output-file requirements-dev.lock
    {{ compile }} --constraints requirements-dev.lock --output-file requirements.lock
