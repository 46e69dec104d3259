"""Who an account is to the venue: agents, builders, referrers, account mode, multi-sig group.

Source: Hyperliquid documentation, "Nonces and API wallets", "Builder codes", "Multi-sig"; refusal texts recorded,
those marked [?] are not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import msgspec

from hlmm.sim.account_wire import (
    AgentEnableDexAbstractionAction,
    AgentSetAbstractionAction,
    IdentityAction,
    RegisterReferrerAction,
    SetReferrerAction,
)
from hlmm.sim.accounts import Account, Agent
from hlmm.sim.admission import normal_address
from hlmm.sim.auth import MODES
from hlmm.sim.bank import SPOT, Bank, Purse
from hlmm.sim.candles import DAY
from hlmm.sim.signed_wire import (
    ApproveAgentAction,
    ApproveBuilderFeeAction,
    ConvertToMultiSigUserAction,
    UserDexAbstractionAction,
    UserPortfolioMarginAction,
    UserSetAbstractionAction,
)
from hlmm.sim.standing import MultiSig
from hlmm.sim.text import Json
from hlmm.sim.trading import DEFAULT, RefusedError
from hlmm.types import MICRO, Address, Ms, decimal_units

AGENT_LIFE_MS: Final = 90 * DAY
AGENT_LIFE_MAX_MS: Final = 180 * DAY
AGENT_NAME_MAX: Final = 16
NAMED_AGENTS, NAMED_PER_SUB = 3, 2
MAX_BUILDER_TENTHS_BP: Final = 1_000
BUILDERS_MAX: Final = 10
REFERRER_VOLUME: Final = 10_000 * MICRO
PORTFOLIO_VOLUME: Final = 5_000_000 * MICRO
SIGNERS_MAX: Final = 10
KNOWN_CODES: Final = ("CCXT1", "HBOT")
"""Referral codes of public clients, which exist on the live venue."""
ZERO_ADDRESS: Final = "0x" + "0" * 40
_VALID_UNTIL: Final = re.compile(r"(.*) valid_until (\d{1,16})\Z", re.ASCII)
_PERCENT: Final = re.compile(r"(\d{1,4}(?:\.\d{1,4})?)%\Z", re.ASCII)
_CODE: Final = re.compile(r"[A-Z0-9]{1,20}\Z", re.ASCII)
_ADDRESS: Final = re.compile(r"(0x)?[0-9a-f]{40}\Z", re.ASCII)


class Group(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The JSON inside `signers`."""

    authorized_users: tuple[str, ...]
    threshold: int


class Identity:
    """What an account may change about who acts for it and how."""

    def __init__(self, bank: Bank) -> None:
        """Change the bank's accounts."""
        self._bank = bank
        self._registry = bank.registry

    def apply(self, account: Account, action: IdentityAction, now: Ms) -> Json:
        """Execute one such action. Raises: RefusedError."""
        match action:
            case ApproveAgentAction():
                return self.approve_agent(account, action, now)
            case ApproveBuilderFeeAction():
                return self.approve_builder(account, action)
            case SetReferrerAction():
                return self.set_referrer(account, action.code)
            case RegisterReferrerAction():
                return self.register_referrer(account, action.code)
            case ConvertToMultiSigUserAction():
                return self.convert(account, action.signers)
            case _:
                return self._mode(account, action)

    # ---- agents and builders ----

    def approve_agent(self, account: Account, action: ApproveAgentAction, now: Ms) -> Json:
        """Let a key sign for the account; the zero address under a name revokes it. Raises: RefusedError."""
        name, until = _name_and_expiry(action.agentName or "", now)
        address = normal_address(action.agentAddress)
        self._registry.prune(account, now, funded=True)
        if address == ZERO_ADDRESS:
            self._registry.revoke(account, name)
            return DEFAULT
        reason = self._agent_refusal(account, (name, address), until, now)
        if reason is not None:
            raise RefusedError(reason)
        self._registry.approve(account, Agent(address=Address(address), name=name, valid_until=until))
        return DEFAULT

    def _agent_refusal(self, account: Account, agent: tuple[str, str], until: Ms, now: Ms) -> str | None:
        """Why the agent (name, address) is not approved, or None."""
        name, address = agent
        if until <= now:
            return "Agent valid_until already expired."
        if until > now + AGENT_LIFE_MAX_MS:
            return "Agent valid_until too far in the future."
        if len(name) > AGENT_NAME_MAX:
            return "Agent name too long."
        current = account.agents.get(name)
        if self._registry.actor(address, now) is not None and (current is None or current.address != address):
            return "Extra agent already used."
        limit = NAMED_AGENTS + NAMED_PER_SUB * len(self._registry.subs_of(account))
        if name and current is None and sum(bool(key) for key in account.agents) >= limit:
            return f"Too many extra agents for cumulative volume traded. Current limit is {limit}"
        return None

    @staticmethod
    def approve_builder(account: Account, action: ApproveBuilderFeeAction) -> Json:
        """Allow a builder up to a fee, `"0.01%"` = 10 tenths of a bp. Raises: RefusedError for no percentage."""
        found = _PERCENT.match(action.maxFeeRate)
        tenths = decimal_units(found.group(1), 4) // 10 if found else MAX_BUILDER_TENTHS_BP + 1
        if tenths > MAX_BUILDER_TENTHS_BP:
            message = "Invalid builder fee"
            raise RefusedError(message)
        builder = normal_address(action.builder)
        if builder not in account.builders and len(account.builders) >= BUILDERS_MAX:
            message = "Too many approved builders"
            raise RefusedError(message)
        account.builders[builder] = tenths
        return DEFAULT

    # ---- referrals ----

    def set_referrer(self, account: Account, code: str) -> Json:
        """Name a referrer, once. Raises: RefusedError for a code that nobody owns."""
        owner = next((a for a in self._registry.accounts if a.referral_code == code), None)
        if owner is account:
            message = "Cannot self-refer."
            raise RefusedError(message)
        if owner is None and code not in KNOWN_CODES:
            message = "Referral code not registered"
            raise RefusedError(message)
        if account.referrer not in {None, code}:
            message = "Referrer already set."
            raise RefusedError(message)
        account.referrer = code
        return DEFAULT

    def register_referrer(self, account: Account, code: str) -> Json:
        """Own a referral code. Raises: RefusedError."""
        taken = code in KNOWN_CODES or any(a.referral_code == code for a in self._registry.accounts)
        if account.volume < REFERRER_VOLUME or not _CODE.match(code) or taken:
            message = "Referral code already taken" if taken else "Cannot register referral code"
            raise RefusedError(message)
        account.referral_code = code
        return DEFAULT

    # ---- account mode ----

    def _mode(self, account: Account, action: IdentityAction) -> Json:
        """Change the account mode, by whichever action. Raises: RefusedError."""
        match action:
            case AgentSetAbstractionAction():
                return self._by_agent(account, MODES[action.abstraction])
            case AgentEnableDexAbstractionAction():
                return self._by_agent(account, "unifiedAccount")
            case UserSetAbstractionAction():
                return self._by_user(account, action.user, MODES.get(action.abstraction, action.abstraction))
            case UserDexAbstractionAction():
                return self._by_user(account, action.user, "unifiedAccount" if action.on else "disabled")
            case UserPortfolioMarginAction():
                return self._by_user(account, action.user, "portfolioMargin" if action.on else "disabled")
            case _:
                return DEFAULT

    def _by_agent(self, account: Account, mode: str) -> Json:
        """An agent may leave the default mode only."""
        if account.abstraction != "default":
            raise RefusedError(NO_TRANSITION)
        return self._become(account, mode)

    def _by_user(self, account: Account, user: str, mode: str) -> Json:
        """The account's own key may change it, and its sub-accounts."""
        target = self._registry.account(user)
        if target is None or (target is not account and target.master != account.address):
            raise RefusedError(NO_TRANSITION)
        return self._become(target, mode)

    def _become(self, account: Account, mode: str) -> Json:
        """Enter a mode; the unified ones pool the spot balance with the first dex. Raises: RefusedError."""
        if account.vault is not None or (mode == "portfolioMargin" and account.volume < PORTFOLIO_VOLUME):
            raise RefusedError(NO_TRANSITION)
        pooled, account.spot_usd = account.spot_usd, 0
        account.abstraction = mode
        self._bank.put(Purse(account, SPOT), pooled)
        return DEFAULT

    # ---- multi-sig ----

    def convert(self, account: Account, signers: str) -> Json:
        """Hand the account to a group, or take it back with `null`. Raises: RefusedError."""
        try:
            group = msgspec.json.decode(signers, type=Group | None)
        except msgspec.DecodeError:
            message = "Unexpected error (code=148)"
            raise RefusedError(message) from None
        if group is None:
            account.multi_sig = None
            return DEFAULT
        users = tuple(dict.fromkeys(user.lower() for user in group.authorized_users))
        for reason, broken in self._group_rules(account, users, group.threshold).items():
            if broken():
                raise RefusedError(reason)
        account.multi_sig = MultiSig(users, group.threshold)
        return DEFAULT

    def _group_rules(self, account: Account, users: tuple[str, ...], threshold: int) -> dict[str, Callable[[], bool]]:
        """Refusals of a group in the venue's order, each with whether it applies."""
        return {
            "Unexpected error (code=148)": lambda: not all(_ADDRESS.match(user) for user in users),
            "Too many multi-sig signers": lambda: len(users) > SIGNERS_MAX,
            "Invalid multi-sig threshold": lambda: not 1 <= threshold <= len(users),
            "Cannot register self as multi-sig authorized user": lambda: str(account.address) in users,
            "Multi-sig authorized user must exist on L1": lambda: any(
                self._registry.account(user) is None for user in users
            ),
        }


NO_TRANSITION: Final = "Abstraction transition not allowed"


def _name_and_expiry(text: str, now: Ms) -> tuple[str, Ms]:
    """An agent's name without its `valid_until` suffix, and when it expires."""
    found = _VALID_UNTIL.match(text)
    return (found.group(1), Ms(int(found.group(2)))) if found else (text, Ms(now + AGENT_LIFE_MS))
