"""Transfers of USDC: between accounts, between spot and perp dexes, and off the exchange.

Source: Hyperliquid documentation, "Exchange endpoint"; refusal texts and ledger rows recorded.
"""

from __future__ import annotations

from typing import Final

from hlmm.sim.account_wire import AgentSendAssetAction, TransferAction
from hlmm.sim.accounts import Account
from hlmm.sim.admission import normal_address
from hlmm.sim.bank import DISABLED, INSUFFICIENT, SPOT, Bank, Purse, micro, token_name
from hlmm.sim.signed_wire import (
    SendAssetAction,
    SendToEvmWithDataAction,
    SpotSendAction,
    UsdClassTransferAction,
    UsdSendAction,
    WithdrawAction,
)
from hlmm.sim.text import Json, usd
from hlmm.sim.trading import DEFAULT, RefusedError
from hlmm.types import MICRO

WITHDRAWAL_FEE: Final = MICRO
SUB_MARK: Final = " subaccount:"
EVM_BRIDGE: Final = "0x" + "20" + "0" * 38
INVALID_SEND: Final = "Invalid send"
SPOT_ONLY: Final = "Unified account only supports sending assets through spot"
AGENT_SEND: Final = "Agent can only send asset to same user or their sub-accounts."


class Funds:
    """Moves money on the word of its owner."""

    def __init__(self, bank: Bank) -> None:
        """Move the bank's money."""
        self._bank = bank
        self._dexes = tuple(dict.fromkeys(["", *(x.dex for x in bank.desk.listings.values())]))

    def apply(self, account: Account, action: TransferAction) -> Json:
        """Execute one transfer. Raises: RefusedError."""
        match action:
            case UsdSendAction():
                return self.usd_send(account, action)
            case SpotSendAction():
                return self.spot_send(account, action)
            case UsdClassTransferAction():
                return self.class_transfer(account, action)
            case WithdrawAction():
                return self.withdraw(account, action)
            case SendAssetAction() | AgentSendAssetAction():
                return self.send_asset(account, action)
            case SendToEvmWithDataAction():
                return self.send_to_evm(account, action)

    def usd_send(self, account: Account, action: UsdSendAction) -> Json:
        """Send perp USDC to another account, opening it when it is new. Raises: RefusedError."""
        _standard_only(account)
        amount = micro(action.amount)
        receiver, fee = self._receiver(account, action.destination)
        self._bank.move(Purse(account, ""), Purse(receiver, ""), amount, fee=fee)
        self._bank.welcome(receiver)
        delta: dict[str, Json] = {
            "type": "internalTransfer", "usdc": usd(amount), "user": account.address,
            "destination": receiver.address, "fee": usd(fee),
        }  # fmt: skip
        self._bank.record(delta, account, receiver)
        return DEFAULT

    def spot_send(self, account: Account, action: SpotSendAction) -> Json:
        """Send a spot token to another account. Raises: RefusedError."""
        _standard_only(account)
        name, amount = token_name(action.token), micro(action.amount)
        receiver, fee = self._receiver(account, action.destination)
        self._spend(name, Purse(account, SPOT), Purse(receiver, SPOT), amount, fee)
        self._bank.record(_token_row("spotTransfer", (account, receiver), name, amount, fee, action.time), account,
                          receiver)  # fmt: skip
        return DEFAULT

    def _receiver(self, account: Account, destination: str) -> tuple[Account, int]:
        """Who gets it, and what opening their account costs. Raises: RefusedError for oneself."""
        if normal_address(destination) == account.address:
            raise RefusedError(INVALID_SEND)
        return self._bank.receiver(destination)

    def _spend(self, name: str, source: Purse, target: Purse, amount: int, fee: int) -> None:
        """Move a token; only USDC is held here. Raises: RefusedError."""
        if name != "USDC":
            raise RefusedError(INSUFFICIENT)
        self._bank.move(source, target, amount, fee=fee)
        self._bank.welcome(target.account)

    def class_transfer(self, account: Account, action: UsdClassTransferAction) -> Json:
        """Move USDC between spot and first perp dex, of a sub-account if the amount names it. Raises: RefusedError."""
        text, _, sub = action.amount.partition(SUB_MARK)
        holder = self.sub_account(account, sub) if sub else account
        _standard_only(holder)
        amount = micro(text)
        spot, perp = Purse(holder, SPOT), Purse(holder, "")
        self._bank.move(*((spot, perp) if action.toPerp else (perp, spot)), amount)
        delta: dict[str, Json] = {"type": "accountClassTransfer", "usdc": usd(amount), "toPerp": action.toPerp}
        self._bank.record(delta, holder)
        return DEFAULT

    def sub_account(self, account: Account, address: str) -> Account:
        """The account's sub-account at an address. Raises: RefusedError when it is not one."""
        found = self._bank.registry.account(address)
        if found is None or found.master != account.address:
            message = f"Invalid sub-account transfer from {account.address} to {normal_address(address)}"
            raise RefusedError(message)
        return found

    def send_asset(self, account: Account, action: SendAssetAction | AgentSendAssetAction) -> Json:
        """Move an asset between dexes, spot and accounts. Raises: RefusedError."""
        name, amount = token_name(action.token), micro(action.amount)
        places = (action.sourceDex, action.destinationDex)
        if any(place not in (SPOT, *self._dexes) for place in places):
            message = "Invalid perp DEX"
            raise RefusedError(message)
        sender = self.sub_account(account, action.fromSubAccount) if action.fromSubAccount else account
        receiver, fee = self._bank.receiver(action.destination)
        nowhere = sender.address == receiver.address and places[0] == places[1]
        if isinstance(action, AgentSendAssetAction) and (nowhere or not _same_family(account, receiver)):
            raise RefusedError(AGENT_SEND)
        if nowhere:
            raise RefusedError(INVALID_SEND)
        if sender.unified and places != (SPOT, SPOT):
            raise RefusedError(SPOT_ONLY)
        self._spend(name, Purse(sender, places[0]), Purse(receiver, places[1]), amount, fee)
        row = _token_row("send", (sender, receiver), name, amount, fee, action.nonce)
        row |= {"sourceDex": places[0], "destinationDex": places[1]}
        self._bank.record(row, sender, receiver)
        return DEFAULT

    def withdraw(self, account: Account, action: WithdrawAction) -> Json:
        """Take USDC off the exchange; the fee is part of the amount. Raises: RefusedError."""
        amount, purse = micro(action.amount), Purse(account, SPOT if account.unified else "")
        if amount > self._bank.available(purse):
            message = "Insufficient balance for withdrawal"
            raise RefusedError(message)
        if amount <= WITHDRAWAL_FEE:
            message = "Withdrawal amount too small"
            raise RefusedError(message)
        self._bank.put(purse, -amount)
        house = self._bank.desk.house
        house.fees += WITHDRAWAL_FEE
        house.withdrawn += amount - WITHDRAWAL_FEE
        delta: dict[str, Json] = {
            "type": "withdraw", "usdc": usd(amount - WITHDRAWAL_FEE), "nonce": action.time, "fee": usd(WITHDRAWAL_FEE),
        }  # fmt: skip
        self._bank.record(delta, account)
        return DEFAULT

    def send_to_evm(self, account: Account, action: SendToEvmWithDataAction) -> Json:
        """Send USDC to another chain: it leaves the exchange. Raises: RefusedError."""
        name, amount = token_name(action.token), micro(action.amount)
        if action.sourceDex not in (SPOT, *self._dexes):
            message = "Invalid perp DEX"
            raise RefusedError(message)
        purse = Purse(account, action.sourceDex)
        if name != "USDC" or amount > self._bank.available(purse):
            raise RefusedError(INSUFFICIENT)
        self._bank.put(purse, -amount)
        self._bank.desk.house.withdrawn += amount
        row = _token_row("send", (account, account), name, amount, 0, action.nonce)
        row |= {"destination": EVM_BRIDGE, "sourceDex": action.sourceDex, "destinationDex": SPOT}
        self._bank.record(row, account)
        return DEFAULT


def _standard_only(account: Account) -> None:
    """Refuse what a unified account cannot do. Raises: RefusedError."""
    if account.unified:
        raise RefusedError(DISABLED)


def _same_family(account: Account, other: Account) -> bool:
    """Whether the other is the account itself, its sub-account, or its master."""
    return account.address in {other.address, other.master}


def _token_row(
    kind: str, parties: tuple[Account, Account], token: str, amount: int, fee: int, nonce: int
) -> dict[str, Json]:
    """A ledger row of a token transfer; parties are sender and receiver."""
    return {
        "type": kind,
        "user": parties[0].address,
        "destination": parties[1].address,
        "token": token,
        "amount": usd(amount),
        "usdcValue": usd(amount),
        "fee": usd(fee),
        "nativeTokenFee": "0.0",
        "nonce": nonce,
        "feeToken": "USDC" if fee else "",
    }
