"""Where an account's USDC is and how it moves: spot, perp dexes, the ledger, and accounts opened by a first transfer.

A place is "spot" or the name of a perp dex ("" is the first). In the unified modes spot and the first dex are one.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final

import msgspec

from hlmm.sim.accounts import Account
from hlmm.sim.admission import Registry, normal_address
from hlmm.sim.clearing import summary
from hlmm.sim.desk import Desk
from hlmm.sim.standing import LedgerRow
from hlmm.sim.text import Json
from hlmm.sim.trading import RefusedError
from hlmm.types import MICRO, Address

SPOT: Final = "spot"
TOKENS: Final = ("USDC", "PURR")
TOKEN_DECIMALS: Final = 8
AMOUNT_MAX: Final = Decimal(10**15)
NEW_ACCOUNT_FEE: Final = MICRO
INSUFFICIENT: Final = "Insufficient balance for token transfer"
NO_GAS: Final = "Insufficient quote token (e.g., 1 USDC or USDT) balance for token transfer gas."
DISABLED: Final = "Action disabled when unified account is active"


class Purse(msgspec.Struct, frozen=True):
    """One place of one account."""

    account: Account
    place: str


class Bank:
    """Moves money between purses and writes the ledger."""

    def __init__(self, registry: Registry, desk: Desk) -> None:
        """Serve the accounts of `registry`; `desk` knows the marks, the house and the current block."""
        self.registry = registry
        self.desk = desk

    def available(self, purse: Purse) -> int:
        """Micro-USD that may leave a purse now."""
        account, place = purse.account, purse.place
        if place == SPOT and not account.unified:
            return account.spot_usd
        return summary(account, self.desk.listings, _dex(place)).withdrawable

    def put(self, purse: Purse, amount: int) -> None:
        """Add signed micro-USD to a purse."""
        account, place = purse.account, purse.place
        if place == SPOT and not account.unified:
            account.spot_usd += amount
            return
        account.raw_usd[_dex(place)] = account.raw_usd.get(_dex(place), 0) + amount

    def move(self, source: Purse, target: Purse, amount: int, *, fee: int = 0) -> None:
        """Move `amount` > 0 and charge the source a fee. Raises: RefusedError when it has less."""
        available = self.available(source)
        if amount > available:
            raise RefusedError(INSUFFICIENT)
        if amount + fee > available:
            raise RefusedError(NO_GAS)
        self.put(source, -amount - fee)
        self.put(target, amount)
        self.desk.house.fees += fee

    def lend(self, account: Account, dex: str) -> None:
        """Give a builder dex all that a unified account's other dexes do not need."""
        self._shift(account, "", dex)

    def pool(self, account: Account) -> None:
        """Bring home what a unified account's builder dexes do not need."""
        for dex in list(account.raw_usd):
            self._shift(account, dex, "")

    def _shift(self, account: Account, source: str, target: str) -> None:
        amount = self.available(Purse(account, source)) if source != target else 0
        self.put(Purse(account, source), -amount)
        self.put(Purse(account, target), amount)

    def record(self, delta: dict[str, Json], *parties: Account) -> None:
        """Write a ledger row to every party, once each."""
        log = self.desk.log
        row = LedgerRow(time=log.time, hash=log.next_hash(), delta=delta)
        for account in {party.index: party for party in parties}.values():
            account.ledger.append(row)
            log.ledger.setdefault(account.index, []).append(row)

    def value(self, account: Account) -> int:
        """Micro-USD an account is worth: spot, and every dex at the marks."""
        dexes = dict.fromkeys(["", *account.raw_usd])
        return account.spot_usd + sum(summary(account, self.desk.listings, dex).value for dex in dexes)

    def empty(self, account: Account) -> bool:
        """Whether an account holds nothing at all."""
        held = account.spot_usd or any(account.raw_usd.values()) or account.vault is not None
        return not held and not any(p.szi for p in account.positions.values())

    def receiver(self, address: str) -> tuple[Account, int]:
        """The account at an address, opened when it is new, and the fee that the sender owes for that."""
        found = self.registry.account(address)
        if found is not None:
            return found, 0
        return Account(index=len(self.registry.accounts), address=Address(normal_address(address))), NEW_ACCOUNT_FEE

    def welcome(self, account: Account) -> None:
        """Enter a new account into the registry."""
        if self.registry.account(account.address) is None:
            self.registry.add(account)


def _dex(place: str) -> str:
    return "" if place == SPOT else place


def micro(text: str) -> int:
    """A positive amount in whole units, scientific notation allowed, as millionths (finer digits cut).

    Raises: RefusedError with the venue's reason.
    """
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or abs(amount) > AMOUNT_MAX:
        message = "Invalid decimal number"
        raise RefusedError(message)
    if amount == 0:
        message = "Send amount cannot be zero"
        raise RefusedError(message)
    if amount < 0 or amount != round(amount, TOKEN_DECIMALS):
        message = "Invalid number of decimals"
        raise RefusedError(message)
    return int(amount * MICRO)


def token_name(token: str) -> str:
    """The name in `NAME:0xid`. Raises: RefusedError for a token that the venue does not list."""
    name = token.partition(":")[0]
    if name not in TOKENS:
        message = f"Unknown token {token}"
        raise RefusedError(message)
    return name
