"""`hlmm doctor`: what must be right before a run, asked one by one of this machine and of the venue.

Each finding is a state, a sentence with the figures, and the next step. Nothing is changed anywhere: reads only.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Final, Literal, TypeVar

import msgspec

from hlmm.hyperliquid.endpoints import INFO_PATH
from hlmm.hyperliquid.rest import RestFailedError
from hlmm.shell.latch import HaltLatch
from hlmm.shell.lock import AccountLock, LockHeldError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hlmm.core.settings import CoinConfig, EngineConfig
    from hlmm.hyperliquid.rest import SyncRest
    from hlmm.shell.venues import Access

HTTP_OK: Final = 200
SKEW_MAX_MS: Final = 2_000
"""Larger than the venue's own reporting lag (130-830 ms) and far inside its nonce window."""
DISK_MIN_BYTES: Final = 1 << 30
DAY_MS: Final = 86_400_000
AGENT_SOON_MS: Final = 7 * DAY_MS
VOLUME_GATE_USD: Final = 1_000_000.0
"""Volume an account needs before the venue accepts `scheduleCancel`. Source: recorded refusals."""
STANDARD_MODES: Final = ("default", "disabled")

State = Literal["ok", "warning", "failed"]
AnswerT = TypeVar("AnswerT")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One check. `fix` is the next step, empty when there is nothing to do."""

    name: str
    state: State
    text: str
    fix: str = ""


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """All findings; `healthy` when none failed. Warnings do not stop a run."""

    healthy: bool
    findings: tuple[Finding, ...]


class Bedside(msgspec.Struct, frozen=True, kw_only=True):
    """What the doctor looks at: the engine's config, the account, the venue by REST, and this machine's folders."""

    engine: EngineConfig
    access: Access
    rest: SyncRest
    state: Path
    runs: Path


def machine(state: Path, runs: Path) -> list[Finding]:
    """What this machine alone can answer: room and permission in the folders a run writes to."""
    return [_folder("state folder", state), _folder("runs folder", runs)]


def diagnosis(findings: list[Finding]) -> Diagnosis:
    """All findings with their verdict."""
    return Diagnosis(healthy=all(finding.state != "failed" for finding in findings), findings=tuple(findings))


def examine(bedside: Bedside) -> list[Finding]:
    """Every check of the account and the venue. Raises: nothing; a venue that does not answer is a finding."""
    findings = [_lock(bedside), _latch(bedside)]
    for check in (_clock, _signer, _agent_life, _mode, _money, _budget, _dead_man, _fees, _orders, _coins, _leverages):
        try:
            findings += check(bedside)
        except (RestFailedError, _NotUnderstoodError) as error:
            name = check.__name__.strip("_")
            fix = "check the network and env's rest_url; the venue may be down"
            findings.append(Finding(name=name, state="failed", text=f"the venue did not answer: {error}", fix=fix))
    return findings


class _NotUnderstoodError(Exception):
    """The venue answered in words we do not know."""


def _ask(bedside: Bedside, kind: type[AnswerT], /, **question: str) -> AnswerT:
    status, body = bedside.rest.post(INFO_PATH, msgspec.json.encode(question))
    if status != HTTP_OK:
        raise _NotUnderstoodError(f"{question['type']}: HTTP {status}")
    try:
        return msgspec.json.decode(body, type=kind, strict=False)
    except msgspec.MsgspecError as error:
        raise _NotUnderstoodError(f"{question['type']}: {error}") from None


def _folder(name: str, path: Path) -> Finding:
    existing = next((at for at in (path.absolute(), *path.absolute().parents) if at.exists()), path)
    if not os.access(existing, os.W_OK):
        return Finding(name=name, state="failed", text=f"{existing} is not writable", fix="run from a folder you own")
    free = shutil.disk_usage(existing).free
    gib = free / DISK_MIN_BYTES
    if free < DISK_MIN_BYTES:
        return Finding(name=name, state="failed", text=f"{gib:.1f} GiB left at {existing}", fix="free some disk space")
    return Finding(name=name, state="ok", text=f"{gib:,.0f} GiB left at {existing}")


def _lock(bedside: Bedside) -> Finding:
    access = bedside.access
    try:
        AccountLock(bedside.state, access.venue_name, access.account).release()
    except LockHeldError as error:
        return Finding(name="lock", state="failed", text=str(error), fix="stop that engine first: `hlmm status`")
    return Finding(name="lock", state="ok", text="no other engine runs on this account here")


def _latch(bedside: Bedside) -> Finding:
    access = bedside.access
    why = HaltLatch(bedside.state, access.venue_name, access.account).latched()
    if why is not None:
        fix = "find the cause, then `hlmm resume --reason …`"
        return Finding(name="halt latch", state="failed", text=f"halted: {why}", fix=fix)
    return Finding(name="halt latch", state="ok", text="not halted")


class _Status(msgspec.Struct):
    time: int


def _clock(bedside: Bedside) -> Iterator[Finding]:
    before = bedside.access.clock.now_ms()
    told = _ask(bedside, _Status, type="exchangeStatus").time
    after = bedside.access.clock.now_ms()
    skew = 0 if before <= told <= after else min(told - before, told - after, key=abs)
    text = f"the venue's clock is {skew:+d} ms from ours, round trip {after - before} ms"
    bad = abs(skew) > SKEW_MAX_MS
    fix = "synchronise this machine's clock (chrony, systemd-timesyncd): nonces and stale rules need it" if bad else ""
    yield Finding(name="clock", state="failed" if bad else "ok", text=text, fix=fix)


class _RoleOwner(msgspec.Struct):
    user: str = ""


class _Role(msgspec.Struct):
    role: str
    data: _RoleOwner | None = None


def _signer(bedside: Bedside) -> Iterator[Finding]:
    access = bedside.access
    role = _ask(bedside, _Role, type="userRole", user=access.signer.address)
    owner = "" if role.data is None else role.data.user
    if access.signer.address == access.account:
        fix = "approve an agent (API) wallet and give its key instead: the master key can withdraw"
        yield Finding(name="signer", state="warning", text="the key is the account's own, not an agent's", fix=fix)
    elif role.role == "agent" and (access.vault is not None or owner == access.account):
        yield Finding(name="signer", state="ok", text=f"{access.signer.address} is an agent of {owner}")
    else:
        text = f"{access.signer.address} is {role.role!r} {owner} at the venue, not an agent of {access.account}"
        fix = "approve this agent for the account at the venue, or correct env.account_address"
        yield Finding(name="signer", state="failed", text=text, fix=fix)


class _Agent(msgspec.Struct, rename="camel"):
    address: str
    name: str = ""
    valid_until: int | None = None


def _agent_life(bedside: Bedside) -> Iterator[Finding]:
    access = bedside.access
    agents = _ask(bedside, list[_Agent], type="extraAgents", user=access.account)
    ours = next((agent for agent in agents if agent.address.lower() == access.signer.address), None)
    if ours is None or ours.valid_until is None:
        yield Finding(name="agent expiry", state="ok", text="the venue names no date for this agent")
        return
    left = ours.valid_until - access.clock.now_ms()
    text = f"agent {ours.name!r} is valid for {left / DAY_MS:.1f} more days"
    fix = "approve a new agent and rotate the key before then"
    if left <= 0:
        yield Finding(name="agent expiry", state="failed", text=f"agent {ours.name!r} has expired", fix=fix)
    else:
        soon = left < AGENT_SOON_MS
        yield Finding(name="agent expiry", state="warning" if soon else "ok", text=text, fix=fix if soon else "")


def _mode(bedside: Bedside) -> Iterator[Finding]:
    mode = _ask(bedside, str, type="userAbstraction", user=bedside.access.account)
    if mode in STANDARD_MODES:
        yield Finding(name="account mode", state="ok", text="standard margin mode")
        return
    fix = "use an account in standard mode: perp margin is not readable in unified or portfolio mode"
    yield Finding(name="account mode", state="failed", text=f"the account is in mode {mode!r}", fix=fix)


class _Margin(msgspec.Struct, rename="camel"):
    account_value: float
    total_margin_used: float


class _State(msgspec.Struct, rename="camel"):
    margin_summary: _Margin


def _money(bedside: Bedside) -> Iterator[Finding]:
    for dex in dict.fromkeys(_dex(coin) for coin in bedside.engine.coins):
        state = _ask(bedside, _State, type="clearinghouseState", user=bedside.access.account, dex=dex).margin_summary
        name = f"funds{' on ' + dex if dex else ''}"
        text = f"{state.account_value:,.2f} USD, {state.total_margin_used:,.2f} used as margin"
        empty = state.account_value <= 0
        fix = "deposit at the venue, or transfer from spot to perp" if empty else ""
        yield Finding(name=name, state="failed" if empty else "ok", text=text, fix=fix)


class _Limit(msgspec.Struct, rename="camel"):
    cum_vlm: float
    n_requests_used: int
    n_requests_cap: int


def _budget(bedside: Bedside) -> Iterator[Finding]:
    limit = _ask(bedside, _Limit, type="userRateLimit", user=bedside.access.account)
    left = limit.n_requests_cap - limit.n_requests_used
    text = f"{left:,} of {limit.n_requests_cap:,} requests left"
    budget = bedside.engine.budget
    if left <= budget.reserve_requests:
        fix = "trade by hand (1 USD earns one request), buy requests, or lower budget.reserve_requests"
        yield Finding(name="requests", state="failed", text=f"{text}; the reserve is never spent", fix=fix)
    elif left < budget.scarce_requests:
        yield Finding(name="requests", state="warning", text=f"{text}: quotes will be moved less often")
    else:
        yield Finding(name="requests", state="ok", text=text)


def _dead_man(bedside: Bedside) -> Iterator[Finding]:
    volume = _ask(bedside, _Limit, type="userRateLimit", user=bedside.access.account).cum_vlm
    if volume >= VOLUME_GATE_USD:
        yield Finding(name="dead man's switch", state="ok", text=f"open to this account ({volume:,.0f} USD traded)")
        return
    text = f"the venue refuses scheduleCancel below 1,000,000 USD traded; this account has {volume:,.0f}"
    fix = "if the machine dies, orders stay: keep a second way to cancel at hand"
    yield Finding(name="dead man's switch", state="warning", text=text, fix=fix)


class _Fees(msgspec.Struct, rename="camel"):
    user_add_rate: float
    user_cross_rate: float


def _fees(bedside: Bedside) -> Iterator[Finding]:
    fees = _ask(bedside, _Fees, type="userFees", user=bedside.access.account)
    text = f"maker {1e4 * fees.user_add_rate:+.2f} bp, taker {1e4 * fees.user_cross_rate:+.2f} bp"
    yield Finding(name="fees", state="ok", text=text)


class _Order(msgspec.Struct):
    coin: str


def _orders(bedside: Bedside) -> Iterator[Finding]:
    count = 0
    for dex in dict.fromkeys(_dex(coin) for coin in bedside.engine.coins):
        question = {"type": "frontendOpenOrders", "user": bedside.access.account, "dex": dex}
        count += len(_ask(bedside, list[_Order], **question))
    text = f"{count} orders rest on the account" if count else "no order rests on the account"
    fix = "ours are adopted at the start, others are left alone" if count else ""
    yield Finding(name="open orders", state="ok", text=text, fix=fix)


class _Listed(msgspec.Struct, rename="camel"):
    name: str
    max_leverage: int
    is_delisted: bool = False


class _Meta(msgspec.Struct):
    universe: list[_Listed]


def _coins(bedside: Bedside) -> Iterator[Finding]:
    for dex in dict.fromkeys(_dex(coin) for coin in bedside.engine.coins):
        listed = {perp.name: perp for perp in _ask(bedside, _Meta, type="meta", dex=dex).universe}
        for coin in (coin for coin in bedside.engine.coins if _dex(coin) == dex):
            found = listed.get(coin.coin)
            if found is None or found.is_delisted:
                fix = "choose another asset; names are case-sensitive, builder-dex coins are dex:COIN"
                yield Finding(name=coin.coin, state="failed", text="the venue does not list it", fix=fix)
            elif coin.leverage > found.max_leverage:
                text = f"leverage {coin.leverage} is above the venue's {found.max_leverage}"
                fix = f"assets.{coin.coin}.leverage={found.max_leverage}"
                yield Finding(name=coin.coin, state="failed", text=text, fix=fix)
            else:
                yield Finding(name=coin.coin, state="ok", text=f"listed, at most {found.max_leverage}×")


class _Leverage(msgspec.Struct):
    type: str
    value: int


class _Active(msgspec.Struct):
    leverage: _Leverage


def _leverages(bedside: Bedside) -> Iterator[Finding]:
    for coin in bedside.engine.coins:
        account = bedside.access.account
        set_to = _ask(bedside, _Active, type="activeAssetData", user=account, coin=coin.coin).leverage
        text = f"set to {set_to.type} {set_to.value}× at the venue"
        right = set_to.value == coin.leverage
        fix = "" if right else f"`hlmm run` sets {coin.leverage}× at its start; with an open position set it by hand"
        yield Finding(name=f"{coin.coin} leverage", state="ok" if right else "warning", text=text, fix=fix)


def _dex(coin: CoinConfig) -> str:
    return coin.coin.partition(":")[0] if ":" in coin.coin else ""
