"""Every verb: the module that runs it and one line about it. Plain data, so that `hlmm --help` imports nothing."""

from __future__ import annotations

from typing import Final, NamedTuple


class Verb(NamedTuple):
    """A verb's module (its function is called `command`) and its line in the list of verbs."""

    module: str
    about: str


VERBS: Final[dict[str, Verb]] = {
    "run": Verb("hlmm.cli.run", "make markets: simulated (default), paper, testnet or prod"),
    "status": Verb("hlmm.cli.status", "running engines: orders, budget, protections, readiness"),
    "flatten": Verb("hlmm.cli.flatten", "cancel, close, and exit 0 only when the venue says flat"),
    "halt": Verb("hlmm.cli.halt", "latch the halt: no engine quotes this account until resume"),
    "resume": Verb("hlmm.cli.resume", "clear the halt latch, with a reason"),
    "doctor": Verb("hlmm.cli.doctor", "what must be right before a run, and how to mend what is not"),
    "validate-config": Verb("hlmm.cli.validate_config", "check one composition, or every preset with --all"),
    "backtest": Verb("hlmm.cli.backtest", "run a recorded tape through the engine in virtual time"),
    "replay": Verb("hlmm.cli.replay", "re-execute a run's journal and compare every command"),
    "sim": Verb("hlmm.cli.sim", "serve a simulated Hyperliquid for any client"),
}

OPTIONS: Final[dict[str, str]] = {
    "--version": "print the version and exit",
    "--install-completion": "install completion for the current shell",
    "--show-completion": "print the completion script of the current shell",
    "--help": "print this and exit",
}

EXAMPLES: Final = (
    ("hlmm run +asset=BTC", "quote BTC on a simulated exchange; no key"),
    ("hlmm run +asset=[BTC,ETH] --for 60s", "two coins, one engine, one minute"),
    ("hlmm run assets.BTC.spread.level_usd=200", "change one number"),
    ("hlmm validate-config --all", "check everything that ships"),
)


def help_text() -> str:
    """What `hlmm --help` prints; ends with a newline."""
    width = max(len(name) for name in (*VERBS, *OPTIONS)) + 2
    verbs = [f"  {name:<{width}}{verb.about}" for name, verb in VERBS.items()]
    options = [f"  {name:<{width}}{about}" for name, about in OPTIONS.items()]
    column = max(len(line) for line, _ in EXAMPLES) + 2
    examples = [f"  {line:<{column}}{about}" for line, about in EXAMPLES]
    head = ["Usage: hlmm VERB [OVERRIDE…] [OPTIONS]", "", "A market maker for Hyperliquid perpetual futures.", ""]
    tail = ["", "`hlmm VERB --help` says what a verb takes. OVERRIDE: group=preset or key=value.", ""]
    return "\n".join([*head, "Verbs:", *verbs, "", "Options:", *options, "", "Examples:", *examples, *tail])
