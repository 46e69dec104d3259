"""`hlmm validate-config`: whether this composition, or every preset, is fit to run."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from hlmm.cli.options import ConfigDir, Json, Overrides
from hlmm.shell.exits import Exit


def command(
    overrides: Overrides = None,
    everything: Annotated[bool, typer.Option("--all", help="check every preset of every group")] = False,
    as_json: Json = False,
    schema: Annotated[bool, typer.Option("--schema", help="print the JSON Schema of the configuration")] = False,
    config_dir: ConfigDir = None,
) -> None:
    """Check a composition without starting anything: every problem at once, each with its place and its fix.

    Exits 0 when valid, 3 when not. For testnet and prod it also says whether `sops` and the secret file are there.
    """
    from hlmm.cli.view_config import json_report, table
    from hlmm.config.check import check, check_all
    from hlmm.config.run_config import json_schema

    if schema:
        sys.stdout.write(json.dumps(json_schema(), indent=2) + "\n")
        return
    typed = tuple(overrides or ())
    checks = check_all(typed, config_dir) if everything else [check(typed, config_dir)]
    sys.stdout.write(json_report(checks) if as_json else table(checks))
    if not all(one.valid for one in checks):
        raise typer.Exit(Exit.CONFIG)
