"""The fee rates of each account: its tier by volume, its discounts, kept up to date.

Volume is that of the last 14 UTC days, a master's and its sub-accounts' together. Source: Hyperliquid documentation,
"Fees". A fixed tier (`NamedTier`, `CustomTier`) is everybody's; discounts apply to it all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from hlmm.sim.accounts import Account
from hlmm.sim.admission import day_of
from hlmm.sim.bank import Bank
from hlmm.sim.config import FeeTier, ScheduledFees
from hlmm.sim.fees import TIERS, FeeRates, rates_of
from hlmm.types import MICRO, Ms

WINDOW_DAYS: Final = 14
VIP_VOLUMES: Final = (5_000_000, 25_000_000, 100_000_000, 500_000_000, 2_000_000_000, 7_000_000_000)
MAKER_SHARES_E4: Final = (50, 150, 300)
REFERRAL_PERCENT: Final = 4
REFERRAL_VOLUME: Final = 25_000_000 * MICRO
STAKE_DISCOUNTS: Final = (
    (10, "0.0001", 5), (100, "0.001", 10), (1_000, "0.01", 15), (10_000, "0.1", 20), (100_000, "1.0", 30),
    (500_000, "5.0", 40),
)  # fmt: skip
"""More than so many staked tokens, as basis points of the supply, and the discount in percent."""
SUPPLY_BPS: Final = 100_000
"""Tokens per basis point of the supply."""


class Discounts(msgspec.Struct, frozen=True):
    """Percentages off positive rates."""

    staking: int = 0
    referral: int = 0


class FeeTiers:
    """Sets `Account.rates`."""

    def __init__(self, bank: Bank, tier: FeeTier) -> None:
        """Charge by `tier`: one for all, or the venue's schedule."""
        self._bank = bank
        self._tier = tier

    @property
    def staked(self) -> int:
        """Native tokens that every account has staked."""
        return self._tier.staked_hype if isinstance(self._tier, ScheduledFees) else 0

    def review(self, now: Ms) -> None:
        """Set the rates of every account that pays others than the base rates."""
        for account in self._bank.registry.accounts:
            base = self.base(account, now)
            rates = discounted(base, self.discounts(account))
            account.rates = None if rates == self._bank.desk.rates else rates

    def base(self, account: Account, now: Ms) -> FeeRates:
        """The rates of the account's tier, before discounts."""
        if not isinstance(self._tier, ScheduledFees):
            return rates_of(self._tier)
        master = self._master(account)
        family = [master, *self._bank.registry.subs_of(master)]
        taker, maker = _window(family, now)
        everyone = self._everyone(now)
        tier = TIERS[f"tier{sum(taker + maker > volume * MICRO for volume in VIP_VOLUMES)}"]
        rebate = sum(maker * 10_000 > share * everyone for share in MAKER_SHARES_E4) if everyone else 0
        if rebate == 0:
            return tier
        return FeeRates(TIERS[f"maker-rebate-{rebate}"].maker_e8, tier.taker_e8)

    def discounts(self, account: Account) -> Discounts:
        """The account's discounts: staking, and a referral while the volume is small."""
        staking = max((percent for least, _, percent in STAKE_DISCOUNTS if self.staked > least), default=0)
        referred = account.referrer is not None and account.volume < REFERRAL_VOLUME and account.master is None
        return Discounts(staking, REFERRAL_PERCENT if referred else 0)

    def _master(self, account: Account) -> Account:
        found = self._bank.registry.account(account.master) if account.master is not None else None
        return found or account

    def _everyone(self, now: Ms) -> int:
        """Maker volume of the whole exchange in the window: the background makes what accounts take."""
        taker, maker = _window(self._bank.registry.accounts, now)
        public = sum(listing.day_volume()[0] for listing in self._bank.desk.listings.values())
        return max(taker + maker, public)


def _window(accounts: Sequence[Account], now: Ms) -> tuple[int, int]:
    """Taker and maker volume of the last 14 days, today included, micro-USD."""
    first = day_of(now) - WINDOW_DAYS
    days = [pair for a in accounts for day, pair in a.day_volume.items() if day > first]
    return sum(pair[0] for pair in days), sum(pair[1] for pair in days)


def discounted(rates: FeeRates, discounts: Discounts) -> FeeRates:
    """Rates after staking, then referral discount; rebates are what they were."""
    keep = (100 - discounts.staking) * (100 - discounts.referral)
    maker = rates.maker_e8 * keep // 10_000 if rates.maker_e8 > 0 else rates.maker_e8
    return FeeRates(maker, rates.taker_e8 * keep // 10_000)
