"""Arguments that several verbs share, so that they look and complete the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hlmm.cli.completion import complete_override

Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="OVERRIDE", help="group=preset or key=value, such as +asset=BTC", autocompletion=complete_override
    ),
]
ConfigDir = Annotated[
    Path | None,
    typer.Option(
        "--config-dir", metavar="FOLDER", help="presets of your own; they extend and override the packaged ones"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="one JSON document on stdout, logs on stderr")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="do not ask")]
