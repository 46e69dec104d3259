"""`hlmm flatten`: cancel, close, and exit 0 only when the venue says flat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hlmm.cli.options import ConfigDir, Json, Overrides, Yes

if TYPE_CHECKING:
    from hlmm.config.load import Loaded
    from hlmm.core.flatten import FlattenScope
    from hlmm.shell.venues import Access

Scope = Annotated[
    Literal["own", "coin", "all"] | None,
    typer.Option(help="own: hlmm's orders, configured coins (default); coin: --coin only; all: the whole account"),
]


def command(
    overrides: Overrides = None,
    *,
    scope: Scope = None,
    coin: Annotated[list[str] | None, typer.Option("--coin", help="everything in this coin; may be repeated")] = None,
    deadline: Annotated[str, typer.Option("--deadline", metavar="TIME", help="give up after this time")] = "60s",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print the exact actions, send nothing")] = False,
    as_json: Json = False,
    yes: Yes = False,
    config_dir: ConfigDir = None,
) -> None:
    """Latch the halt, cancel orders, close positions reduce-only, and read the venue until it confirms zero.

    Needs no engine. Exit code 0: the venue confirms that nothing in scope is left; 6: it does not. The halt stays
    latched: `hlmm resume` clears it.
    """
    from hlmm.cli.durations import duration
    from hlmm.cli.emergency import confirm_real_money, open_running
    from hlmm.config.load import load

    deadline_s = duration(deadline)
    loaded = load(overrides or (), config_dir)
    wanted = _scope(loaded, scope, [] if coin is None else coin)
    with open_running(loaded.run.env) as access:
        if dry_run:
            _preview(loaded, access, wanted, as_json=as_json)
        confirm_real_money(loaded, access.account, ask=not yes)
        _flatten(loaded, access, wanted, deadline_s, as_json=as_json)


def _scope(loaded: Loaded, kind: Literal["own", "coin", "all"] | None, coins: list[str]) -> FlattenScope:
    """What the options name. Raises: BadParameter when they contradict each other."""
    from hlmm.core.flatten import FlattenScope
    from hlmm.types import Coin

    if (kind == "coin" and not coins) or (kind in {"own", "all"} and coins):
        message = "--scope coin needs --coin" if kind == "coin" else f"--coin does not go with --scope {kind}"
        raise typer.BadParameter(message)
    if coins:
        return FlattenScope("coin", tuple(Coin(coin) for coin in coins))
    configured = tuple(Coin(asset.coin) for _, asset in sorted(loaded.run.assets.items()))
    return FlattenScope("own", configured) if kind != "all" else FlattenScope("all")


def _preview(loaded: Loaded, access: Access, scope: FlattenScope, *, as_json: bool) -> None:
    from hlmm.cli.emergency import order_of
    from hlmm.cli.view_flatten import preview_text
    from hlmm.shell.emergency import preview
    from hlmm.shell.exits import Exit

    shown = preview(order_of(loaded, access, scope))
    _print(shown, preview_text(shown), as_json=as_json)
    raise typer.Exit(Exit.VENUE if shown.remaining.unread else Exit.DONE)


def _flatten(loaded: Loaded, access: Access, scope: FlattenScope, deadline_s: float, *, as_json: bool) -> None:
    from hlmm.cli.emergency import order_of
    from hlmm.cli.view_flatten import report_text
    from hlmm.shell.emergency import flatten
    from hlmm.shell.exits import Exit

    report = flatten(order_of(loaded, access, scope), deadline_s)
    _print(report, report_text(report), as_json=as_json)
    raise typer.Exit(Exit.DONE if report.verified_flat else Exit.NOT_VERIFIED)


def _print(shown: object, text: str, *, as_json: bool) -> None:
    import msgspec

    typer.echo(msgspec.json.encode(shown) if as_json else text)
