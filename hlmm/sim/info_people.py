"""Info answers about who an account is: role, agents, sub-accounts, vaults, mode, group, ledger, TWAPs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from hlmm.sim.accounts import Account
from hlmm.sim.candles import DAY
from hlmm.sim.exchange import Exchange
from hlmm.sim.fills import Fill
from hlmm.sim.info_account import account_state, portfolio_of, spot_state
from hlmm.sim.info_market import dexes
from hlmm.sim.query import Query
from hlmm.sim.render import fill_json
from hlmm.sim.standing import Follower, LedgerRow, TwapRow, VaultBook
from hlmm.sim.text import ZERO_HASH, Json, usd
from hlmm.sim.twap import row_json, state_json
from hlmm.types import MICRO, Ms

ROWS_MAX: Final = 500
LEADER_COMMISSION: Final = 0.1


def _role(exchange: Exchange, query: Query) -> Json:
    account = exchange.registry.account(query.address)
    if account is None:
        master = exchange.registry.master_of(query.address, exchange.now)
        return {"role": "missing"} if master is None else {"role": "agent", "data": {"user": master.address}}
    if account.vault is not None:
        return {"role": "vault"}
    if account.master is not None:
        return {"role": "subAccount", "data": {"master": account.master}}
    return {"role": "user"}


def _agents(exchange: Exchange, query: Query) -> Json:
    live = [a for a in query.account(exchange).agents.values() if a.name and a.valid_until > exchange.now]
    return [{"name": a.name, "address": a.address, "validUntil": a.valid_until} for a in live]


# ---- sub-accounts, modes, groups ----


def _subs(exchange: Exchange, query: Query) -> Json:
    found = exchange.registry.subs_of(query.account(exchange))
    rows: list[Json] = [
        {
            **_who(child),
            "clearinghouseState": account_state(exchange, child, ""),
            "spotState": spot_state(exchange, child),
        }
        for child in found
    ]
    return rows or None


def _subs_by_dex(exchange: Exchange, query: Query) -> Json:
    found = exchange.registry.subs_of(query.account(exchange))
    rows: list[Json] = [
        {
            **_who(child),
            "dexToClearinghouseState": [[dex, account_state(exchange, child, dex)] for dex in ("", *dexes(exchange))],
            "spotState": spot_state(exchange, child),
            "abstraction": child.abstraction,
        }
        for child in found
    ]
    return rows or None


def _who(child: Account) -> dict[str, Json]:
    return {"name": child.name, "subAccountUser": child.address, "master": child.master}


def _mode(exchange: Exchange, query: Query) -> Json:
    return query.account(exchange).abstraction


def _dex_mode(exchange: Exchange, query: Query) -> Json:
    account = query.account(exchange)
    return None if account.abstraction == "default" else account.unified


def _group(exchange: Exchange, query: Query) -> Json:
    group = query.account(exchange).multi_sig
    return None if group is None else {"authorizedUsers": group.authorized, "threshold": group.threshold}


def _transfer_check(exchange: Exchange, query: Query) -> Json:
    account = exchange.registry.account(query.address)
    new = account is None
    return {"fee": "1.0" if new else "0.0", "isSanctioned": False, "userExists": not new,
            "userHasSentTx": account is not None and account.requests > 0}  # fmt: skip


# ---- vaults ----


def _equities(exchange: Exchange, query: Query) -> Json:
    vaults, user = exchange.office.vaults, query.address
    return [
        {
            "vaultAddress": vault.address,
            "equity": usd(vaults.equity(vault, user)),
            "lockedUntilTimestamp": vault.vault.followers[user].locked_until,
        }
        for vault in vaults.of(user)
        if vault.vault is not None
    ]


def _vault_details(exchange: Exchange, query: Query) -> Json:
    vault = exchange.registry.account(query.vault_address or "")
    if vault is None or vault.vault is None:
        return None
    book, vaults = vault.vault, exchange.office.vaults
    rows = {user: _follower(exchange, vault, user, held) for user, held in book.followers.items()}
    mine = rows.get(query.address) if query.user is not None else None
    leading = book.followers.get(book.leader)
    withdrawable = vaults.withdrawable(vault)
    return {
        "name": book.name,
        "vaultAddress": vault.address,
        "leader": book.leader,
        "description": book.description,
        "portfolio": portfolio_of(exchange, vault),
        "apr": 0.0,
        "followerState": mine,
        "leaderFraction": leading.shares / book.shares if leading is not None and book.shares else 0.0,
        "leaderCommission": LEADER_COMMISSION,
        "followers": [row if user != book.leader else {**row, "user": "Leader"} for user, row in rows.items()],
        "maxDistributable": withdrawable / MICRO,
        "maxWithdrawable": withdrawable / MICRO,
        "isClosed": not book.followers,
        "relationship": {"type": "normal"},
        "allowDeposits": book.allow_deposits,
        "alwaysCloseOnWithdraw": book.always_close,
    }


def _follower(exchange: Exchange, vault: Account, user: str, held: Follower) -> dict[str, Json]:
    """One depositor's row."""
    equity = exchange.office.vaults.equity(vault, user)
    pnl = usd(equity - held.basis)
    return {
        "user": user,
        "vaultEquity": usd(equity),
        "pnl": pnl,
        "allTimePnl": pnl,
        "daysFollowing": (exchange.now - held.entered) // DAY,
        "vaultEntryTime": held.entered,
        "lockupUntil": held.locked_until,
    }


def _led(exchange: Exchange, query: Query) -> Json:
    books: list[tuple[Account, VaultBook]] = [(a, a.vault) for a in exchange.accounts if a.vault is not None]
    return [{"address": a.address, "name": book.name} for a, book in books if book.leader == query.address]


def _summaries(exchange: Exchange, query: Query) -> Json:
    del query
    return [
        {
            "name": a.vault.name,
            "vaultAddress": a.address,
            "leader": a.vault.leader,
            "tvl": usd(exchange.office.vaults.value(a)),
            "isClosed": not a.vault.followers,
            "relationship": {"type": "normal"},
            "createTimeMillis": a.vault.opened,
        }
        for a in exchange.accounts
        if a.vault is not None
    ]


# ---- ledger and TWAPs ----


def ledger_json(rows: Iterable[LedgerRow]) -> list[Json]:
    """Ledger rows as the venue shows them."""
    return [{"time": row.time, "hash": row.hash, "delta": row.delta} for row in rows]


def ledger_of(account: Account) -> list[LedgerRow]:
    """An account's movements, oldest first; the first is what it opened with."""
    if not account.deposited:
        return list(account.ledger)
    deposit: Mapping[str, Json] = {"type": "deposit", "usdc": usd(account.deposited)}
    return [LedgerRow(time=Ms(0), hash=ZERO_HASH, delta=deposit), *account.ledger]


def _ledger(exchange: Exchange, query: Query) -> Json:
    rows = [row for row in ledger_of(query.account(exchange)) if query.within(row.time)]
    return ledger_json(rows[:ROWS_MAX])


def slice_json(exchange: Exchange, slices: Iterable[tuple[Fill, int]]) -> list[Json]:
    """Slice fills as the venue shows them."""
    return [
        {"fill": fill_json(exchange.listings[fill.coin].instrument, fill), "twapId": number} for fill, number in slices
    ]


def _slices(exchange: Exchange, query: Query) -> Json:
    found = [pair for pair in reversed(query.account(exchange).slices) if query.within(pair[0].time)]
    return slice_json(exchange, found)


def history_json(exchange: Exchange, account: Account, rows: Iterable[TwapRow]) -> list[Json]:
    """TWAP status changes as the venue shows them."""
    return [row_json(exchange.listings[row.twap.coin].instrument, account.address, row) for row in rows]


def _twap_history(exchange: Exchange, query: Query) -> Json:
    account = query.account(exchange)
    return history_json(exchange, account, reversed(account.twap_rows))


def twap_states(exchange: Exchange, account: Account, dex: str) -> Json:
    """An account's running TWAPs on a dex, by id."""
    running = [t for t in exchange.office.twaps.of(account) if exchange.listings[t.coin].dex == dex]
    return [[t.number, state_json(exchange.listings[t.coin].instrument, account.address, t)] for t in running]


def _constant(value: Json) -> Callable[[Exchange, Query], Json]:
    def answer(exchange: Exchange, query: Query) -> Json:
        del exchange, query
        return value

    return answer


STAKING: Final[Json] = {
    "delegated": "0.0", "undelegated": "0.0", "totalPendingWithdrawal": "0.0", "nPendingWithdrawals": 0,
}  # fmt: skip
USER: Final = ("user",)
PEOPLE_ANSWERS: Final[Mapping[str, tuple[tuple[str, ...], Callable[[Exchange, Query], Json]]]] = {
    "userRole": (USER, _role),
    "extraAgents": (USER, _agents),
    "subAccounts": (USER, _subs),
    "subAccounts2": (USER, _subs_by_dex),
    "userAbstraction": (USER, _mode),
    "userDexAbstraction": (USER, _dex_mode),
    "userToMultiSigSigners": (USER, _group),
    "preTransferCheck": (("user", "source"), _transfer_check),
    "userVaultEquities": (USER, _equities),
    "vaultDetails": (("vault_address",), _vault_details),
    "vaultSummaries": ((), _summaries),
    "leadingVaults": (USER, _led),
    "userNonFundingLedgerUpdates": (USER, _ledger),
    "twapHistory": (USER, _twap_history),
    "userTwapSliceFills": (USER, _slices),
    "userTwapSliceFillsByTime": (("user", "start_time"), _slices),
    "delegations": (USER, _constant([])),
    "delegatorSummary": (USER, _constant(STAKING)),
    "delegatorHistory": (USER, _constant([])),
    "delegatorRewards": (USER, _constant([])),
    "isVip": (USER, _constant(None)),
    "legalCheck": (USER, _constant({"ipAllowed": True, "acceptedTerms": True, "userAllowed": True})),
}
