"""Sub-accounts: opening, naming, moving funds to and fro.

Source: Hyperliquid documentation, "Exchange endpoint"; the volume gate's text recorded; texts marked [?] are not.
"""

from __future__ import annotations

import hashlib
from typing import Final

from hlmm.sim.account_wire import (
    CreateSubAccountAction,
    FamilyAction,
    SubAccountModifyAction,
    SubAccountSpotTransferAction,
    SubAccountTransferAction,
)
from hlmm.sim.accounts import Account
from hlmm.sim.admission import gate_text
from hlmm.sim.bank import DISABLED, INSUFFICIENT, SPOT, Bank, Purse, micro, token_name
from hlmm.sim.funds import Funds
from hlmm.sim.text import Json, usd
from hlmm.sim.trading import DEFAULT, RefusedError
from hlmm.types import MICRO, Address

SUB_GATE_USD: Final = 100_000
SUBS_FREE: Final = 10
SUB_VOLUME: Final = 100_000_000 * MICRO
SUBS_MAX: Final = 50
NAME_MAX: Final = 16


class Families:
    """Masters and their sub-accounts."""

    def __init__(self, bank: Bank, funds: Funds) -> None:
        """Serve the bank's accounts; `funds` knows who owns which sub-account."""
        self._bank = bank
        self._funds = funds

    def apply(self, account: Account, action: FamilyAction) -> Json:
        """Execute one such action. Raises: RefusedError."""
        match action:
            case CreateSubAccountAction():
                return self.create(account, action.name)
            case SubAccountModifyAction():
                self._check_name(account, action.name)
                self._funds.sub_account(account, action.subAccountUser).name = action.name
                return DEFAULT
            case SubAccountTransferAction():
                return self.transfer(account, action)
            case SubAccountSpotTransferAction():
                return self.spot_transfer(account, action)

    def create(self, account: Account, name: str) -> Json:
        """Open a sub-account. Returns: its address. Raises: RefusedError, below the volume gate among others."""
        if account.volume < SUB_GATE_USD * MICRO:
            raise RefusedError(gate_text(account, "create sub-accounts", SUB_GATE_USD))
        if account.master is not None or account.vault is not None:
            message = "Sub-accounts cannot create sub-accounts"
            raise RefusedError(message)
        self._check_name(account, name)
        siblings = self._bank.registry.subs_of(account)
        if len(siblings) >= min(SUBS_MAX, SUBS_FREE + account.volume // SUB_VOLUME):
            message = "Too many sub-accounts"
            raise RefusedError(message)
        address = new_address("sub", account, len(siblings))
        child = Account(
            index=len(self._bank.registry.accounts), address=address, name=name, master=account.address,
            builders=account.builders, raw_usd={},
        )  # fmt: skip
        self._bank.welcome(child)
        return {"status": "ok", "response": {"type": "createSubAccount", "data": address}}

    def _check_name(self, account: Account, name: str) -> None:
        """A name is short and not a sibling's. Raises: RefusedError."""
        if not 1 <= len(name) <= NAME_MAX:
            message = "Invalid sub-account name"
            raise RefusedError(message)
        if any(child.name == name for child in self._bank.registry.subs_of(account)):
            message = "Sub-account name already used"
            raise RefusedError(message)

    def transfer(self, account: Account, action: SubAccountTransferAction) -> Json:
        """Move perp USDC. Raises: RefusedError."""
        child = self._partner(account, action.subAccountUser)
        if action.usd == 0:
            message = "Send amount cannot be zero"
            raise RefusedError(message)
        up, down = (account, child) if action.isDeposit else (child, account)
        self._bank.move(Purse(up, ""), Purse(down, ""), action.usd)
        self._record(up, down, "USDC", action.usd)
        return DEFAULT

    def spot_transfer(self, account: Account, action: SubAccountSpotTransferAction) -> Json:
        """Move a spot token; only USDC is held here. Raises: RefusedError."""
        child = self._partner(account, action.subAccountUser)
        if token_name(action.token) != "USDC":
            raise RefusedError(INSUFFICIENT)
        amount = micro(action.amount)
        up, down = (account, child) if action.isDeposit else (child, account)
        self._bank.move(Purse(up, SPOT), Purse(down, SPOT), amount)
        self._record(up, down, "spot", amount)
        return DEFAULT

    def _partner(self, account: Account, address: str) -> Account:
        """The sub-account a transfer is with; unified accounts are refused first. Raises: RefusedError."""
        if account.unified:
            raise RefusedError(DISABLED)
        child = self._funds.sub_account(account, address)
        if child.unified:
            raise RefusedError(DISABLED)
        return child

    def _record(self, up: Account, down: Account, what: str, amount: int) -> None:
        delta: dict[str, Json] = {"type": "subAccountTransfer", "usdc": usd(amount), "user": up.address}
        if what == "spot":
            delta = {
                "type": "spotTransfer", "token": "USDC", "amount": usd(amount), "usdcValue": usd(amount),
                "user": up.address, "fee": "0.0", "nativeTokenFee": "0.0", "nonce": None, "feeToken": "",
            }  # fmt: skip
        self._bank.record({**delta, "destination": down.address}, up, down)


def new_address(kind: str, owner: Account, number: int) -> Address:
    """The address of the owner's n-th sub-account or vault: a digest, so a venue of one seed repeats it."""
    text = f"{kind} {owner.address} {number}"
    return Address("0x" + hashlib.sha256(text.encode()).hexdigest()[:40])
