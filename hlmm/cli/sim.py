"""`hlmm sim`: a local Hyperliquid for any client, with funded test accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hlmm.shell.exits import Exit

if TYPE_CHECKING:
    from hlmm.sim.config import SimConfig
    from hlmm.sim.server import Ready


def command(
    *,
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help="port on 127.0.0.1; 0: a free one")] = 3901,
    seed: Annotated[int, typer.Option("--seed", min=0, help="of the market, the keys and every delay")] = 1,
    market: Annotated[Literal["synthetic", "tape"], typer.Option("--market", help="who trades there")] = "synthetic",
    tape: Annotated[
        list[str] | None, typer.Option("--tape", metavar="PATH", help="recorded feed, one per coin")
    ] = None,
    coin: Annotated[list[str] | None, typer.Option("--coin", help="synthetic coins to list")] = None,
    speed: Annotated[float, typer.Option("--speed", min=0.01, max=1_000.0, help="venue seconds per second")] = 1.0,
    admin_port: Annotated[
        int | None, typer.Option("--admin-port", min=0, max=65_535, help="scripts faults by HTTP; 0: a free port")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print where it listens and its accounts as JSON")] = False,
) -> None:
    """Serve a simulated Hyperliquid on loopback until Ctrl-C: REST and WebSocket, test accounts and keys printed."""
    from hlmm.sim.server import run

    config = _config({"port": port, "seed": seed, "speed": speed}, market, tape, coin)
    try:
        run(config, _print_json if as_json else _print_text, admin_port=admin_port)
    except OSError as error:
        typer.echo(f"✗ {error}\n  fix: another --port, or --port 0 for a free one", err=True)
        raise typer.Exit(Exit.VENUE) from error


def _config(plain: dict[str, int | float], market: str, tape: list[str] | None, coin: list[str] | None) -> SimConfig:
    """The simulator's settings from the options. Raises: BadParameter when they contradict each other."""
    from hlmm.sim.config import SimConfig

    if (market == "tape") != bool(tape):
        message = "--market tape needs --tape PATH" if market == "tape" else "--tape needs --market tape"
        raise typer.BadParameter(message)
    named: dict[str, object] = {"kind": market}
    if tape:
        named["paths"] = tape
    elif coin:
        named["coins"] = coin
    return SimConfig.model_validate({**plain, "market": named})


def _print_json(ready: Ready) -> None:
    import msgspec

    typer.echo(msgspec.json.encode(ready))


def _print_text(ready: Ready) -> None:
    typer.echo(f"Hyperliquid simulator\n  REST       {ready.rest_url}\n  WebSocket  {ready.ws_url}")
    if ready.admin_url:
        typer.echo(f"  faults     {ready.admin_url}/admin/faults")
    for account in ready.accounts:
        typer.echo(f"  account    {account.address}\n    key      {account.private_key}")
        typer.echo(f"    agent    {account.agent_address}\n    key      {account.agent_private_key}")
