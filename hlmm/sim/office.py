"""Where the actions that are no orders go: each kind to the part of the venue that executes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hlmm.sim.account_wire import (
    AccountAction,
    FamilyAction,
    IdentityAction,
    IdleAction,
    SettingAction,
    StakeAction,
    TransferAction,
    TwapAction,
    VaultAction,
)
from hlmm.sim.accounts import Account
from hlmm.sim.actions import SingleAction
from hlmm.sim.bank import INSUFFICIENT, Bank
from hlmm.sim.config import AnySimConfig
from hlmm.sim.door import orders_of
from hlmm.sim.families import Families
from hlmm.sim.feetiers import FeeTiers
from hlmm.sim.funds import Funds
from hlmm.sim.identity import Identity
from hlmm.sim.settings import Settings
from hlmm.sim.text import Json
from hlmm.sim.trading import DEFAULT, RefusedError
from hlmm.sim.twap import Twaps
from hlmm.sim.vaults import Vaults
from hlmm.sim.venue import Listing
from hlmm.types import Ms

UPKEEP_MS: Final = 5_000


class Office:
    """Every account action, and the upkeep of accounts between blocks."""

    def __init__(self, bank: Bank, by_asset: Mapping[int, Listing], config: AnySimConfig) -> None:
        """Act on the bank's accounts; `by_asset` maps the wire's asset integers."""
        self._bank = bank
        self._by_asset = by_asset
        self._settings = Settings(bank, by_asset, config.limits)
        self._identity = Identity(bank)
        self._funds = Funds(bank)
        self._families = Families(bank, self._funds)
        self.vaults = Vaults(bank)
        self.twaps = Twaps(bank.desk, by_asset, config.seed)
        self.tiers = FeeTiers(bank, config.fees)
        self._kept_up = Ms(0)

    def apply(self, account: Account, action: AccountAction, now: Ms) -> Json:
        """Execute an admitted action. Raises: RefusedError."""
        if isinstance(action, TransferAction):
            return self._funds.apply(account, action)
        if isinstance(action, IdentityAction):
            return self._identity.apply(account, action, now)
        if isinstance(action, SettingAction):
            return self._settings.apply(account, action, now)
        if isinstance(action, FamilyAction):
            return self._families.apply(account, action)
        if isinstance(action, VaultAction):
            return self.vaults.apply(account, action, now)
        if isinstance(action, TwapAction):
            return self.twaps.apply(account, action, now)
        return self._idle(action)

    @staticmethod
    def _idle(action: StakeAction | IdleAction) -> Json:
        """Actions without effect are accepted; those that would need the native token are refused."""
        if isinstance(action, StakeAction):
            raise RefusedError(INSUFFICIENT)
        return DEFAULT

    def lend(self, account: Account, action: SingleAction) -> None:
        """Before a unified account trades: its money is wherever the order is."""
        if not account.unified:
            return
        assets = [order.a for order in orders_of(action)]
        listing = self._by_asset.get(assets[0]) if assets else None
        if listing is not None and listing.dex:
            self._bank.lend(account, listing.dex)

    def pool(self, account: Account) -> None:
        """After a unified account traded: what no dex needs is in one place."""
        if account.unified:
            self._bank.pool(account)

    def upkeep(self, now: Ms) -> None:
        """Run TWAP slices; every few seconds prune agents and set fee tiers."""
        self.twaps.advance(now)
        if now - self._kept_up < UPKEEP_MS:
            return
        self._kept_up = now
        for account in self._bank.registry.accounts:
            self.pool(account)
            if account.agents:
                self._bank.registry.prune(account, now, funded=not self._bank.empty(account))
        self.tiers.review(now)
