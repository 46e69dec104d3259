"""Owns the full shape of what belongs to a user: fees, limits, role, agents, sub-accounts, vaults, staking."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET

from hlmm.hyperliquid.schema import Count, Decimal, Maybe, Shape
from hlmm.hyperliquid.schema_account import ClearinghouseState, SpotState

# ---- fees and limits ----


class DayVolume(Shape, frozen=True, gc=False):
    """Volumes of one UTC day, USD."""

    date: str
    user_cross: Decimal
    user_add: Decimal
    exchange: Decimal


class VipTier(Shape, frozen=True, gc=False):
    """Rates from a 14-day volume on, as fractions."""

    ntl_cutoff: Decimal
    cross: Decimal
    add: Decimal
    spot_cross: Decimal
    spot_add: Decimal


class MakerTier(Shape, frozen=True, gc=False):
    """Maker rate from a share of maker volume on."""

    maker_fraction_cutoff: Decimal
    add: Decimal


class FeeTiers(Shape, frozen=True, gc=False):
    """Both ladders."""

    vip: list[VipTier]
    mm: list[MakerTier]


class Discount(Shape, frozen=True, gc=False):
    """A staking discount."""

    bps_of_max_supply: Decimal
    discount: Decimal


class FeeSchedule(Shape, frozen=True, gc=False):
    """Everyone's rates."""

    cross: Decimal
    add: Decimal
    spot_cross: Decimal
    spot_add: Decimal
    tiers: FeeTiers
    referral_discount: Decimal
    staking_discount_tiers: list[Discount]


class UserFees(Shape, frozen=True, gc=False):
    """`userFees`."""

    daily_user_vlm: list[DayVolume]
    fee_schedule: FeeSchedule
    user_cross_rate: Decimal
    user_add_rate: Decimal
    user_spot_cross_rate: Decimal
    user_spot_add_rate: Decimal
    active_referral_discount: Decimal
    trial: object
    fee_trial_escrow: Decimal
    next_trial_available_timestamp: Count | None
    staking_link: object
    active_staking_discount: Discount


class RateLimit(Shape, frozen=True, gc=False):
    """`userRateLimit`."""

    cum_vlm: Decimal
    n_requests_used: Count
    n_requests_cap: Count
    n_requests_surplus: Maybe[Count] = UNSET


# ---- who is who ----


class RoleData(Shape, frozen=True, gc=False):
    """Whose agent (`user`) or sub-account (`master`) it is."""

    user: Maybe[str] = UNSET
    master: Maybe[str] = UNSET


class UserRole(Shape, frozen=True, gc=False):
    """`userRole`."""

    role: Literal["user", "agent", "vault", "subAccount", "missing"]
    data: Maybe[RoleData] = UNSET


class ExtraAgent(Shape, frozen=True, gc=False):
    """A named agent."""

    name: str
    address: str
    valid_until: Count | None


class SubAccount(Shape, frozen=True, gc=False):
    """`subAccounts` element."""

    name: str
    sub_account_user: str
    master: str
    clearinghouse_state: ClearinghouseState
    spot_state: SpotState


class SubAccountDexes(Shape, frozen=True, gc=False):
    """`subAccounts2` element: the state of every dex."""

    dex_to_clearinghouse_state: list[tuple[str, ClearinghouseState]]
    spot_state: SpotState
    name: Maybe[str] = UNSET
    sub_account_user: Maybe[str] = UNSET
    master: Maybe[str] = UNSET
    abstraction: Maybe[str] = UNSET


class MultiSigSigners(Shape, frozen=True, gc=False):
    """`userToMultiSigSigners`."""

    authorized_users: list[str]
    threshold: Count


class LegalCheck(Shape, frozen=True, gc=False):
    """`legalCheck`."""

    ip_allowed: bool
    accepted_terms: bool
    user_allowed: bool


class TransferCheck(Shape, frozen=True, gc=False):
    """`preTransferCheck`."""

    fee: Decimal
    is_sanctioned: bool
    user_exists: bool
    user_has_sent_tx: bool


class PeriodHistory(Shape, frozen=True, gc=False):
    """One period of `portfolio`: points of time (ms) and USD."""

    account_value_history: list[tuple[Count, Decimal]]
    pnl_history: list[tuple[Count, Decimal]]
    vlm: Decimal


class Referrer(Shape, frozen=True, gc=False):
    """Who referred the user."""

    referrer: str
    code: str


class Referral(Shape, frozen=True, gc=False):
    """`referral`."""

    referred_by: Referrer | None
    cum_vlm: Decimal
    unclaimed_rewards: Decimal
    claimed_rewards: Decimal
    builder_rewards: Decimal
    referrer_state: object
    reward_history: object
    token_to_state: object = UNSET


class LendSide(Shape, frozen=True, gc=False):
    """What is borrowed or supplied of one token."""

    basis: Decimal
    value: Decimal


class LendState(Shape, frozen=True, gc=False):
    """Both sides of one token."""

    borrow: LendSide
    supply: LendSide


class BorrowLend(Shape, frozen=True, gc=False):
    """`borrowLendUserState`."""

    token_to_state: list[tuple[Count, LendState]]
    health: str
    health_factor: Decimal | None


class LendInterest(Shape, frozen=True, gc=False):
    """A row of `userBorrowLendInterest`."""

    time: Count
    token: str
    borrow: Decimal
    supply: Decimal


class LendReserve(Shape, frozen=True, gc=False):
    """One token's reserve."""

    borrow_yearly_rate: Decimal
    supply_yearly_rate: Decimal
    balance: Decimal
    utilization: Decimal
    oracle_px: Decimal
    ltv: Decimal
    total_supplied: Decimal
    total_borrowed: Decimal


# ---- vaults and staking ----


class VaultEquity(Shape, frozen=True, gc=False):
    """A deposit in a vault."""

    vault_address: str
    equity: Decimal
    locked_until_timestamp: Maybe[Count] = UNSET


class VaultFollower(Shape, frozen=True, gc=False):
    """A depositor of a vault."""

    user: str
    vault_equity: Decimal
    pnl: Decimal
    all_time_pnl: Decimal
    days_following: Count
    vault_entry_time: Count
    lockup_until: Count


class VaultDetails(Shape, frozen=True, gc=False):
    """`vaultDetails`; rates are numbers here."""

    name: str
    vault_address: str
    leader: str
    description: str
    portfolio: list[tuple[str, PeriodHistory]]
    apr: float
    follower_state: VaultFollower | None
    leader_fraction: float
    leader_commission: float
    followers: list[VaultFollower]
    max_distributable: float
    max_withdrawable: float
    is_closed: bool
    relationship: object
    allow_deposits: bool
    always_close_on_withdraw: bool


class VaultSummary(Shape, frozen=True, gc=False):
    """A row of `vaultSummaries`; `tvl` USD."""

    name: str
    vault_address: str
    leader: str
    tvl: Decimal
    is_closed: bool
    relationship: object
    create_time_millis: Count


class LeadingVault(Shape, frozen=True, gc=False):
    """A vault that the user leads."""

    address: str
    name: str


class Delegation(Shape, frozen=True, gc=False):
    """Stake with one validator."""

    validator: str
    amount: Decimal
    locked_until_timestamp: Count


class DelegatorSummary(Shape, frozen=True, gc=False):
    """Stake of a user."""

    delegated: Decimal
    undelegated: Decimal
    total_pending_withdrawal: Decimal
    n_pending_withdrawals: Count


class DelegatorReward(Shape, frozen=True, gc=False):
    """A staking reward."""

    time: Count
    source: str
    total_amount: Decimal


class Delegate(Shape, frozen=True, gc=False):
    """A (un)delegation."""

    validator: str
    amount: Decimal
    is_undelegate: bool


class StakeAmount(Shape, frozen=True, gc=False):
    """A deposit into or withdrawal from staking."""

    amount: Decimal
    phase: Maybe[str] = UNSET


class DelegatorDelta(Shape, frozen=True, gc=False):
    """Exactly one of its fields is present."""

    delegate: Maybe[Delegate] = UNSET
    c_deposit: Maybe[StakeAmount] = UNSET
    withdrawal: Maybe[StakeAmount] = UNSET


class DelegatorEntry(Shape, frozen=True, gc=False):
    """A staking event."""

    time: Count
    hash: str
    delta: DelegatorDelta
