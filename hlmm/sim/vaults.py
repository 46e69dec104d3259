"""Vaults: accounts whose depositors hold shares and whose leader trades.

Source: Hyperliquid documentation, "Vaults"; ledger rows recorded; texts of refusals are mostly not.
"""

from __future__ import annotations

from typing import Final

from hlmm.sim.account_wire import (
    CreateVaultAction,
    VaultAction,
    VaultDistributeAction,
    VaultModifyAction,
    VaultTransferAction,
)
from hlmm.sim.accounts import Account
from hlmm.sim.admission import normal_address
from hlmm.sim.bank import SPOT, Bank, Purse
from hlmm.sim.candles import DAY
from hlmm.sim.families import new_address
from hlmm.sim.standing import Follower, VaultBook
from hlmm.sim.text import Json, usd
from hlmm.sim.trading import DEFAULT, RefusedError
from hlmm.types import MICRO, Ms

CREATION_MIN: Final = 100 * MICRO
CREATION_FEE: Final = 100 * MICRO
DEPOSIT_MIN: Final = 5 * MICRO
LOCK_MS: Final = DAY
LEADER_SHARE: Final = 20
"""The leader keeps at least one share in 20."""
COMMISSION: Final = 10
"""The leader takes one dollar in 10 of a follower's profit."""


class Vaults:
    """Opens vaults and moves deposits."""

    def __init__(self, bank: Bank) -> None:
        """Serve the bank's accounts."""
        self._bank = bank

    def apply(self, account: Account, action: VaultAction, now: Ms) -> Json:
        """Execute one such action. Raises: RefusedError."""
        match action:
            case CreateVaultAction():
                return self.create(account, action, now)
            case VaultModifyAction():
                return self.modify(account, action)
            case VaultDistributeAction():
                return self.distribute(account, action)
            case VaultTransferAction():
                move = self.deposit if action.isDeposit else self.withdraw
                return move(account, self._vault(action.vaultAddress), action.usd, now)

    def create(self, account: Account, action: CreateVaultAction, now: Ms) -> Json:
        """Open a vault with the leader's deposit. Returns: its address. Raises: RefusedError."""
        amount, registry = action.initialUsd, self._bank.registry
        if amount < CREATION_MIN:
            message = "Initial deposit in vault is too small"
            raise RefusedError(message)
        led = sum(a.vault is not None and a.vault.leader == account.address for a in registry.accounts)
        address = new_address("vault", account, led)
        book = VaultBook(name=action.name, description=action.description, leader=account.address, opened=now)
        vault = Account(index=len(registry.accounts), address=address, raw_usd={}, vault=book)
        self._bank.move(self._home(account), Purse(vault, ""), amount, fee=CREATION_FEE)
        self._bank.welcome(vault)
        book.followers[account.address] = Follower(
            shares=amount, basis=amount, entered=now, locked_until=Ms(now + LOCK_MS)
        )
        delta: dict[str, Json] = {
            "type": "vaultCreate", "vault": address, "usdc": usd(amount), "fee": usd(CREATION_FEE),
        }  # fmt: skip
        self._bank.record(delta, account, vault)
        return {"status": "ok", "response": {"type": "createVault", "data": address}}

    def modify(self, account: Account, action: VaultModifyAction) -> Json:
        """Change a vault's settings; its leader may. Raises: RefusedError."""
        vault = self._vault(action.vaultAddress)
        book = _book(vault)
        _leader_only(book, account)
        if action.allowDeposits is not None:
            book.allow_deposits = action.allowDeposits
        if action.alwaysCloseOnWithdraw is not None:
            book.always_close = action.alwaysCloseOnWithdraw
        return DEFAULT

    def distribute(self, account: Account, action: VaultDistributeAction) -> Json:
        """Pay out to every depositor by share; its leader may. Raises: RefusedError."""
        vault = self._vault(action.vaultAddress)
        book = _book(vault)
        _leader_only(book, account)
        shares = {user: action.usd * held.shares // book.shares for user, held in book.followers.items()}
        if action.usd == 0 or sum(shares.values()) > self._bank.available(Purse(vault, "")):
            message = "Insufficient vault equity"
            raise RefusedError(message)
        for user, amount in shares.items():
            follower = self._bank.registry.account(user)
            if follower is not None and amount:
                self._bank.move(Purse(vault, ""), self._home(follower), amount)
                delta: dict[str, Json] = {"type": "vaultDistribution", "vault": vault.address, "usdc": usd(amount)}
                self._bank.record(delta, follower)
        return DEFAULT

    def deposit(self, account: Account, vault: Account, amount: int, now: Ms) -> Json:
        """Buy shares at the vault's value. Raises: RefusedError."""
        book, value = _book(vault), self._bank.value(vault)
        if amount < DEPOSIT_MIN:
            message = "Vault deposit too small"
            raise RefusedError(message)
        if not book.allow_deposits or value <= 0:
            message = "Deposits are disabled for this vault"
            raise RefusedError(message)
        self._bank.move(self._home(account), Purse(vault, ""), amount)
        until = Ms(now + LOCK_MS)
        follower = book.followers.setdefault(account.address, Follower(entered=now, locked_until=until))
        follower.shares += amount * book.shares // value if book.shares else amount
        follower.basis += amount
        follower.locked_until = until
        self._bank.record({"type": "vaultDeposit", "vault": vault.address, "usdc": usd(amount)}, account)
        return DEFAULT

    def withdraw(self, account: Account, vault: Account, amount: int, now: Ms) -> Json:
        """Sell shares at the vault's value; the leader takes a commission on profit. Raises: RefusedError."""
        book, equity = _book(vault), self.equity(vault, account.address)
        follower = book.followers.get(account.address)
        if follower is None or equity < amount or amount <= 0:
            message = "Insufficient vault equity"
            raise RefusedError(message)
        if now < follower.locked_until:
            message = "Cannot withdraw from vault during lockup period"
            raise RefusedError(message)
        shares = follower.shares if amount == equity else -(-follower.shares * amount // equity)
        left = follower.shares - shares
        if account.address == book.leader and left * LEADER_SHARE < book.shares - shares:
            message = "Leader must keep at least 5% of the vault"
            raise RefusedError(message)
        self._make_room(vault, amount)
        basis = follower.basis * shares // follower.shares
        profit = max(0, amount - basis) if account.address != book.leader else 0
        commission = profit // COMMISSION
        self._bank.move(Purse(vault, ""), self._home(account), amount - commission)
        leader = self._bank.registry.account(book.leader)
        if commission and leader is not None:
            self._bank.move(Purse(vault, ""), self._home(leader), commission)
            share: dict[str, Json] = {"type": "vaultLeaderCommission", "user": leader.address, "usdc": usd(commission)}
            self._bank.record(share, leader)
        follower.shares, follower.basis = left, follower.basis - basis
        if left == 0:
            del book.followers[account.address]
        delta: dict[str, Json] = {
            "type": "vaultWithdraw", "vault": vault.address, "user": account.address, "requestedUsd": usd(amount),
            "commission": usd(commission), "closingCost": "0.0", "basis": usd(basis),
            "netWithdrawnUsd": usd(amount - commission),
        }  # fmt: skip
        self._bank.record(delta, account)
        return DEFAULT

    def _make_room(self, vault: Account, amount: int) -> None:
        """Cancel the vault's resting orders when their margin stands in the way of a withdrawal."""
        if amount <= self._bank.available(Purse(vault, "")):
            return
        for order in [*vault.open.values(), *vault.waiting.values()]:
            self._bank.desk.cancel(vault, order, "vaultWithdrawalCanceled")

    def equity(self, vault: Account, follower: str) -> int:
        """What a depositor's shares are worth, micro-USD."""
        book = _book(vault)
        held = book.followers.get(follower)
        return self._bank.value(vault) * held.shares // book.shares if held is not None and book.shares else 0

    def value(self, vault: Account) -> int:
        """What a vault is worth, micro-USD."""
        return self._bank.value(vault)

    def withdrawable(self, vault: Account) -> int:
        """What may leave a vault without closing anything, micro-USD."""
        return self._bank.available(Purse(vault, ""))

    def of(self, follower: str) -> list[Account]:
        """Every vault that an address has shares in."""
        return [a for a in self._bank.registry.accounts if a.vault is not None and follower in a.vault.followers]

    @staticmethod
    def _home(account: Account) -> Purse:
        """Where a depositor's money comes from and goes to."""
        return Purse(account, SPOT if account.unified else "")

    def _vault(self, address: str) -> Account:
        found = self._bank.registry.account(address)
        if found is None or found.vault is None:
            message = f"Vault not registered: {normal_address(address)}"
            raise RefusedError(message)
        return found


def _leader_only(book: VaultBook, account: Account) -> None:
    """Raises: RefusedError for anyone else."""
    if book.leader != account.address:
        message = "Only leader can perform this vault action."
        raise RefusedError(message)


def _book(vault: Account) -> VaultBook:
    assert vault.vault is not None, vault.address
    return vault.vault
