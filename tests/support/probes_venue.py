"""The probes of the keys that the shell, the simulator and the doors to the venues run on."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Final

from hlmm.config.run_config import RunConfig
from hlmm.hyperliquid.signing import SecretKeySigner
from tests.support import liveplays, ventures
from tests.support.keys import changed
from tests.support.probes import Probe, simulated
from tests.support.tiny_venue import ACCOUNT, KEY

SIM: Final = "env[sim].sim."
TAPE: Final = SIM + "market[tape]."
FEES: Final = SIM + "fees"
LIMITS: Final = SIM + "limits."
OTHER: Final = "0x" + "b2" * 20

TWO_DEXES: Final = {SIM + "market[synthetic].coins": ["BTC", "xyz:XYZ100"]}
RESTING: Final = {LIMITS + "schedule_cancel_volume_usd": 0}
POOR: Final = {LIMITS + "base_requests": 1}
PATIENT: Final = {"run.connection.request_timeout_s": 60.0, "run.connection.opening_timeout_s": 120.0}
STEADFAST: Final = {"run.first_connect_deadline_s": 150.0, "run.connect_timeout_s": 0.1}


def live(kind: str) -> RunConfig:
    """`env=testnet` or `env=prod` whose URLs are a listener of ours and whose key is in `agent.json`."""
    port = liveplays.listener().server_address[1]
    plain = {
        "kind": kind,
        "network": "mainnet" if kind == "prod" else "testnet",
        "rest_url": f"http://127.0.0.1:{port}",
        "ws_url": f"ws://127.0.0.1:{port}/ws",
        "account_address": ACCOUNT,
        "agent_address": SecretKeySigner(KEY).address,
        "secrets": {"provider": "sops", "file": "agent.json", "entry": "agent"},
    }
    return changed(simulated(), "env.kind", plain)


def base(path: str) -> RunConfig:
    """The configuration that a key's probe starts from."""
    if path.startswith(("env[testnet]", "env.kind")):
        return live("testnet")
    return live("prod") if path.startswith("env[prod]") else simulated()


def shell() -> dict[str, Probe]:
    """By key: run, flatten and the tick."""
    return {
        "timing.tick_ms": Probe(500, ventures.session),
        "flatten.slippage_first_bps": Probe(200, liveplays.flatten),
        "flatten.slippage_max_bps": Probe(100, liveplays.flatten),
        "flatten.order_max_usd": Probe(10_000, liveplays.flatten),
        "flatten.poll_s": Probe(2.0, liveplays.flatten),
        "flatten.request_timeout_s": Probe(0.2, liveplays.preview),
        "flatten.clean_reads": Probe(5, liveplays.flatten),
        "run.dir": Probe("elsewhere", liveplays.backtest),
        "run.journal_fsync_ms": Probe(2_000, liveplays.deaf),
        "run.inbox_private_max": Probe(100, liveplays.flood),
        "run.inbox_public_max": Probe(100, liveplays.flood),
        "run.connect_timeout_s": Probe(1.0, liveplays.unreachable),
        "run.reconnect_min_s": Probe(4.0, liveplays.unreachable),
        "run.reconnect_max_s": Probe(1.0, liveplays.unreachable, STEADFAST),
        "run.stop_deadline_s": Probe(2.0, liveplays.deaf),
        "run.first_connect_deadline_s": Probe(5.0, liveplays.unreachable),
        "run.connection.request_timeout_s": Probe(2.0, ventures.silence),
        "run.connection.ping_s": Probe(3.0, ventures.silence, PATIENT),
        "run.connection.feed_silence_s": Probe(5.0, ventures.silence, PATIENT),
        "run.connection.opening_timeout_s": Probe(2.0, ventures.silence),
        "run.connection.action_lifetime_ms": Probe(5_000, ventures.wire),
        "run.connection.cancel_priority": Probe("fast", ventures.wire),
    }


def simulator(folder: Path) -> dict[str, Probe]:
    """By key: the simulated exchange. Args: folder, for recordings."""
    tape = ventures.write_tape(folder / "one.jsonl")
    other = ventures.write_tape(folder / "two.jsonl", 99_990)
    market = {SIM + "market.kind": {"kind": "tape", "paths": [tape]}}
    guess = {"kind": "probability", "power": 3.0}
    guessing = {**market, TAPE + "orders.queue.kind": guess}
    custom = {"kind": "custom", "maker_bps": 1.0, "taker_bps": 4.0}
    fees = {FEES + ".kind": custom}
    return {
        SIM + "faults": Probe([{"kind": "close", "at_ms": 3_000}], ventures.session),
        SIM + "market.kind": Probe({"kind": "tape", "paths": [tape]}, ventures.session),
        SIM + "market[synthetic].coins": Probe(["BTC", "ETH"], ventures.feeds),
        SIM + "market[synthetic].warmup_s": Probe(4, ventures.session),
        TAPE + "paths": Probe([other], ventures.queue, market),
        TAPE + "orders.queue.kind": Probe(guess, ventures.queue, market),
        TAPE + "orders.queue[probability].power": Probe(0.1, ventures.queue, guessing),
        TAPE + "orders.hole_s": Probe(1.0, ventures.queue, market),
        FEES + ".kind": Probe(custom, ventures.session),
        FEES + "[named].name": Probe("tier0", ventures.session),
        FEES + "[custom].maker_bps": Probe(-0.3, ventures.session, fees),
        FEES + "[custom].taker_bps": Probe(2.0, ventures.takers, fees),
        FEES + "[schedule].staked_hype": Probe(600_000, ventures.takers, {FEES + ".kind": {"kind": "schedule"}}),
        SIM + "seed": Probe(2, ventures.session),
        SIM + "accounts": Probe(5, ventures.crowd),
        SIM + "deposit_usd": Probe(500, ventures.session),
        SIM + "prior_volume_usd": Probe(0, ventures.session),
        SIM + "prior_requests": Probe(2_009_000, ventures.session),
        SIM + "network": Probe("testnet", ventures.session),
        SIM + "speed": Probe(2.0, liveplays.entrance),
        SIM + "host": Probe("::1", liveplays.lodging),
        SIM + "port": Probe(free_port(), liveplays.lodging),
        SIM + "connect": Probe("http://127.0.0.1:9", liveplays.entrance),
        **clockwork(),
        **limits(),
    }


def clockwork() -> dict[str, Probe]:
    """By key: the simulator's delays and periods."""
    latency, cadence = SIM + "latency.", SIM + "cadence."
    return {
        latency + "ingress_ms": Probe(300, ventures.session),
        latency + "taker_delay_ms": Probe(500, ventures.takers),
        latency + "answer_ms": Probe(300, ventures.session),
        latency + "feed_ms": Probe(300, ventures.session),
        latency + "info_ms": Probe(300, ventures.session),
        latency + "jitter_frac": Probe(0.0, ventures.session),
        cadence + "block_ms": Probe(200, ventures.session),
        cadence + "block_jitter_frac": Probe(0.0, ventures.session),
        cadence + "book_ms": Probe(1_000, ventures.feeds),
        cadence + "fast_book_ms": Probe(1_000, ventures.feeds),
        cadence + "mids_ms": Probe(1_000, ventures.feeds),
        cadence + "context_ms": Probe(3_000, ventures.feeds),
        cadence + "state_ms": Probe(1_000, ventures.feeds),
        cadence + "oracle_ms": Probe(500, ventures.feeds),
        cadence + "premium_ms": Probe(500, ventures.feeds),
    }


def limits() -> dict[str, Probe]:
    """By key: the simulator's limits."""
    return {
        LIMITS + "base_requests": Probe(1, ventures.rules),
        LIMITS + "throttled_action_ms": Probe(1_000, ventures.rules, POOR),
        LIMITS + "schedule_cancel_volume_usd": Probe(0, ventures.rules),
        LIMITS + "schedule_cancel_per_day": Probe(1, ventures.rules, RESTING),
        LIMITS + "open_orders": Probe(1, ventures.rules),
        LIMITS + "post_only_ms": Probe(3_600_000, ventures.terms, TWO_DEXES),
        SIM + "builder_dexes.fee_scale": Probe(0.5, ventures.terms, TWO_DEXES),
        SIM + "builder_dexes.growth_coins": Probe(["xyz:XYZ100"], ventures.terms, TWO_DEXES),
        SIM + "open_interest_caps": Probe([{"coin": "BTC", "usd": 0}], ventures.terms, TWO_DEXES),
        LIMITS + "ip_weight_per_min": Probe(50, ventures.crowd),
        LIMITS + "ws_users": Probe(1, ventures.crowd),
        LIMITS + "ws_connections": Probe(1, ventures.visitors),
        LIMITS + "ws_new_per_min": Probe(1, ventures.visitors),
        LIMITS + "ws_subscriptions": Probe(1, ventures.visitors),
        LIMITS + "ws_messages_per_min": Probe(1, ventures.visitors),
        LIMITS + "ws_posts_in_flight": Probe(1, ventures.crowd),
        LIMITS + "ws_idle_close_ms": Probe(1_000, ventures.idle),
    }


def door(kind: str) -> dict[str, Probe]:
    """By key: `env=testnet` or `env=prod`. A value that leaves no choice must be refused, so it has no probe."""
    env = f"env[{kind}]."
    port = liveplays.listener().server_address[1]
    return {
        env + "rest_url": Probe(f"http://localhost:{port}", liveplays.door),
        env + "ws_url": Probe(f"ws://127.0.0.1:{port}/other", liveplays.door),
        env + "account_address": Probe(OTHER, liveplays.door),
        env + "agent_address": Probe(OTHER, liveplays.door),
        env + "vault_address": Probe(OTHER, liveplays.door),
        env + "secrets.file": Probe("missing.json", liveplays.door),
        env + "secrets.entry": Probe("another", liveplays.door),
        env + "secrets.binary": Probe("sops-by-another-name", liveplays.door),
        env + "secrets.key_source": Probe("aws", liveplays.door),
        env + "secrets.timeout_s": Probe(1.0, liveplays.slow_door),
    }


def doors() -> dict[str, Probe]:
    """By key: every venue that needs a key, and which of them."""
    return {
        "env.kind": Probe(live("prod").env.model_dump(), liveplays.door),
        **door("testnet"),
        **door("prod"),
    }


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
