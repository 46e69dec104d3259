"""Who may act, in the order in which the venue checks: nonces inside, signer, account, vault, nonce, expiry, budget.

Source: check order measured on the live testnet; refusal texts recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from hlmm.sim.account_wire import AgentSendAssetAction, CreateVaultAction
from hlmm.sim.accounts import Account
from hlmm.sim.actions import (
    AnyAction,
    BatchModifyAction,
    CancelAction,
    CancelByCloidAction,
    Envelope,
    ModifyAction,
    MultiSigAction,
    OrderAction,
    OrderWire,
    SingleAction,
)
from hlmm.sim.admission import EXPIRED_COST, Budget, Nonces, normal_address
from hlmm.sim.bank import Bank
from hlmm.sim.rules import BATCH_MAX, OVERWEIGHT
from hlmm.sim.signed_wire import UserSigned
from hlmm.sim.trading import RefusedError
from hlmm.types import Ms

NO_SIGNER: Final = "Unable to recover signer."
UNKNOWN: Final = "User or API Wallet {} does not exist."
NO_DEPOSIT: Final = "Must deposit before performing actions. User: {}"
NOT_REGISTERED: Final = "Vault not registered: {}"


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """An envelope with the addresses its signatures may stand for, likeliest first; `members`, of a multi-sig."""

    envelope: Envelope
    signers: tuple[str, ...]
    members: tuple[tuple[str, ...], ...] = ()


class Admitted(msgspec.Struct, frozen=True):
    """An action and the account it acts on."""

    account: Account
    action: SingleAction


class Door:
    """Admits signed actions."""

    def __init__(self, bank: Bank, nonces: Nonces, budget: Budget) -> None:
        """Know the accounts of `bank`; spend from `nonces` and `budget`."""
        self._bank = bank
        self._registry = bank.registry
        self._nonces = nonces
        self._budget = budget

    def admit(self, signed: Signed, now: Ms) -> Admitted:
        """Who acts, and what they do. Args: now, block time. Raises: RefusedError with the venue's text."""
        envelope, action = signed.envelope, inner_of(signed.envelope.action)
        if inner_nonce(action) not in {None, envelope.nonce}:
            message = "Nonce mismatch."
            raise RefusedError(message)
        if isinstance(envelope.action, MultiSigAction):
            account, signer = self._group(envelope.action, signed)
        else:
            account, signer = self._single(action, signed.signers, now)
        if envelope.vaultAddress is not None and not isinstance(action, UserSigned):
            account = self._vault(account, envelope.vaultAddress)
        stale = self._nonces.spend(signer, envelope.nonce, now)
        if stale is not None:
            raise RefusedError(stale)
        self._charge(account, action, envelope.expiresAfter, now)
        return Admitted(account, action)

    def _single(self, action: SingleAction, signers: Sequence[str], now: Ms) -> tuple[Account, str]:
        """The account that one signature acts for, and its key."""
        if not signers:
            raise RefusedError(NO_SIGNER)
        own_only = isinstance(action, UserSigned)
        for signer in signers:
            account = self._registry.account(signer) if own_only else self._registry.actor(signer, now)
            if account is None or (own_only and self._bank.empty(account)):
                continue
            if account.multi_sig is not None and account.address == signer:
                message = "Multi-sig required"
                raise RefusedError(message)
            return account, signer
        raise RefusedError((NO_DEPOSIT if own_only else UNKNOWN).format(signers[0]))

    def _group(self, action: MultiSigAction, signed: Signed) -> tuple[Account, str]:
        """The multi-sig account, and the member who leads. Raises: RefusedError."""
        if not signed.signers:
            raise RefusedError(NO_SIGNER)
        named = normal_address(action.payload.outerSigner)
        leader = next((s for s in signed.signers if s == named), None)
        account = self._registry.account(action.payload.multiSigUser)
        reason = None
        if leader is None:
            reason = "Invalid multi-sig outer signer"
        elif self._registry.account(leader) is None:
            reason = "Multi-sig outer signer must be an L1 user."
        elif account is None or account.multi_sig is None:
            reason = "Invalid multi-sig user"
        elif leader not in account.multi_sig.authorized:
            reason = "Invalid multi-sig outer signer"
        else:
            reason = _members_refusal(account, signed.members)
        if reason is not None or account is None or leader is None:
            raise RefusedError(reason)
        return account, leader

    def _vault(self, actor: Account, address: str) -> Account:
        """The sub-account or vault that the actor trades for. Raises: RefusedError."""
        found = self._registry.account(address)
        leads = found is not None and found.vault is not None and found.vault.leader == actor.address
        if found is None or not (leads or found.master == actor.address):
            raise RefusedError(NOT_REGISTERED.format(normal_address(address)))
        return found

    def _charge(self, account: Account, action: SingleAction, expires: int | None, now: Ms) -> None:
        """Expiry, batch weight and the address budget. Raises: RefusedError."""
        if expires is not None and now > expires:
            account.requests += EXPIRED_COST
            message = "Action already expired"
            raise RefusedError(message)
        cost = cost_of(action)
        if cost > BATCH_MAX:
            raise RefusedError(OVERWEIGHT)
        cancelling = isinstance(action, CancelAction | CancelByCloidAction)
        throttled = self._budget.take(account, cost, now, cancel=cancelling)
        if throttled is not None:
            raise RefusedError(throttled)


def _members_refusal(account: Account, members: Sequence[Sequence[str]]) -> str | None:
    """Why the inner signatures do not act for the account, or None."""
    group = account.multi_sig
    assert group is not None, account.address
    signed: dict[str, None] = {}
    for candidates in members:
        member = next((address for address in candidates if address in group.authorized), None)
        if member is None:
            return "Invalid multi-sig inner signer"
        signed[member] = None
    return None if len(signed) >= group.threshold else "Multi-sig threshold not met"


def inner_of(action: AnyAction) -> SingleAction:
    """The action itself, or what a multi-sig envelope holds."""
    return action.payload.action if isinstance(action, MultiSigAction) else action


def inner_nonce(action: SingleAction) -> int | None:
    """The nonce inside an action, under whichever name it has; None for actions without one."""
    if isinstance(action, UserSigned | AgentSendAssetAction | CreateVaultAction):
        found: object = getattr(action, "nonce", None)
        return found if isinstance(found, int) else getattr(action, "time", -1)
    return None


def cost_of(action: SingleAction) -> int:
    """Requests of the address budget that an action counts: one per item."""
    if isinstance(action, OrderAction):
        return len(action.orders)
    if isinstance(action, CancelAction | CancelByCloidAction):
        return len(action.cancels)
    return len(action.modifies) if isinstance(action, BatchModifyAction) else 1


def orders_of(action: SingleAction) -> tuple[OrderWire, ...]:
    """The orders an action would place."""
    if isinstance(action, OrderAction):
        return action.orders
    if isinstance(action, ModifyAction):
        return (action.order,)
    return tuple(m.order for m in action.modifies) if isinstance(action, BatchModifyAction) else ()
