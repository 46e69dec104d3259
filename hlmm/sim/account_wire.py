"""The L1 actions of an account that are no orders, as clients send them, and the kinds of all account actions.

Field order in each struct is the venue's canonical order (it is what L1 signatures hash); `type` is the tag.
Source: exchange endpoint of the venue; the official SDK; recorded requests.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from hlmm.sim.signed_wire import (
    Action,
    AddressText,
    ApproveAgentAction,
    ApproveBuilderFeeAction,
    ConvertToMultiSigUserAction,
    Count,
    DepositStakeAction,
    LinkStakingUserAction,
    SendAssetAction,
    SendToEvmWithDataAction,
    SpotSendAction,
    TokenDelegateAction,
    UsdClassTransferAction,
    UsdSendAction,
    UserDexAbstractionAction,
    UserPortfolioMarginAction,
    UserSetAbstractionAction,
    WithdrawAction,
    WithdrawStakeAction,
)


class ScheduleCancelAction(Action, frozen=True, tag="scheduleCancel"):
    """Dead man's switch; without `time` removes it."""

    time: int | None = None


class UpdateLeverageAction(Action, frozen=True, tag="updateLeverage"):
    """Leverage and margin mode of one asset."""

    asset: int
    isCross: bool  # noqa: N815 - the wire's name
    leverage: int


class UpdateIsolatedMarginAction(Action, frozen=True, tag="updateIsolatedMargin"):
    """Move micro-USD into or out of an isolated position."""

    asset: int
    isBuy: bool  # noqa: N815 - the wire's name
    ntli: int


class TopUpIsolatedOnlyMarginAction(Action, frozen=True, tag="topUpIsolatedOnlyMargin"):
    """Bring an isolated position down to a leverage by adding margin."""

    asset: int
    leverage: str


class NoopAction(Action, frozen=True, tag="noop"):
    """Spend a nonce."""


class SetReferrerAction(Action, frozen=True, tag="setReferrer"):
    """Name a referrer by code."""

    code: str


class RegisterReferrerAction(Action, frozen=True, tag="registerReferrer"):
    """Own a referral code."""

    code: str


class ReserveRequestWeightAction(Action, frozen=True, tag="reserveRequestWeight"):
    """Buy requests of the address budget; for another account when `destination` is given."""

    weight: Count
    destination: AddressText | None = None


class SetDisplayNameAction(Action, frozen=True, tag="setDisplayName"):
    """A name for the leaderboard; accepted, not shown."""

    displayName: str  # noqa: N815 - the wire's name


class EvmUserModifyAction(Action, frozen=True, tag="evmUserModify"):
    """Block size of the account's EVM transactions; accepted, without effect here."""

    usingBigBlocks: bool  # noqa: N815 - the wire's name


class ClaimRewardsAction(Action, frozen=True, tag="claimRewards"):
    """Take referral rewards; there are none here."""


class DustingOptOut(Struct, frozen=True, forbid_unknown_fields=True):
    """Whether the account keeps its dust."""

    optOut: bool  # noqa: N815 - the wire's name


class SpotUserAction(Action, frozen=True, tag="spotUser"):
    """Keep or convert small spot balances; accepted, without effect here."""

    toggleSpotDusting: DustingOptOut  # noqa: N815 - the wire's name


class GossipPriorityBidAction(Action, frozen=True, tag="gossipPriorityBid"):
    """Bid for a read priority slot; refused, for nobody holds the token that pays for it."""

    slotId: Literal[0, 1]  # noqa: N815 - the wire's name
    ip: str
    maxGas: Count  # noqa: N815 - the wire's name


# ---- sub-accounts and vaults ----


class CreateSubAccountAction(Action, frozen=True, tag="createSubAccount"):
    """Open a sub-account."""

    name: str


class SubAccountModifyAction(Action, frozen=True, tag="subAccountModify"):
    """Rename a sub-account."""

    subAccountUser: AddressText  # noqa: N815 - the wire's name
    name: str


class SubAccountTransferAction(Action, frozen=True, tag="subAccountTransfer"):
    """Move perp micro-USD between an account and its sub-account."""

    subAccountUser: AddressText  # noqa: N815 - the wire's name
    isDeposit: bool  # noqa: N815 - the wire's name
    usd: Count


class SubAccountSpotTransferAction(Action, frozen=True, tag="subAccountSpotTransfer"):
    """Move a spot token between an account and its sub-account; amount in whole units."""

    subAccountUser: AddressText  # noqa: N815 - the wire's name
    isDeposit: bool  # noqa: N815 - the wire's name
    token: str
    amount: str


class CreateVaultAction(Action, frozen=True, tag="createVault"):
    """Open a vault with micro-USD of the leader's."""

    name: str
    description: str
    initialUsd: Count  # noqa: N815 - the wire's name
    nonce: int


class VaultModifyAction(Action, frozen=True, tag="vaultModify"):
    """Open or close a vault for deposits; null leaves a setting as it is."""

    vaultAddress: AddressText  # noqa: N815 - the wire's name
    allowDeposits: bool | None  # noqa: N815 - the wire's name
    alwaysCloseOnWithdraw: bool | None  # noqa: N815 - the wire's name


class VaultDistributeAction(Action, frozen=True, tag="vaultDistribute"):
    """Pay micro-USD of a vault out to its depositors by share."""

    vaultAddress: AddressText  # noqa: N815 - the wire's name
    usd: Count


class VaultTransferAction(Action, frozen=True, tag="vaultTransfer"):
    """Deposit micro-USD into a vault, or withdraw."""

    vaultAddress: AddressText  # noqa: N815 - the wire's name
    isDeposit: bool  # noqa: N815 - the wire's name
    usd: Count


# ---- time-weighted orders ----


class TwapWire(Struct, frozen=True, forbid_unknown_fields=True):
    """Asset, isBuy, size, reduceOnly, minutes, randomize."""

    a: int
    b: bool
    s: str
    r: bool
    m: Count
    t: bool


class TwapTrigger(Struct, frozen=True, forbid_unknown_fields=True):
    """Start when the mark is at or beyond a price: price, above."""

    p: str
    a: bool


class TwapDetails(Struct, frozen=True, forbid_unknown_fields=True):
    """When to start, and the price at which to stop; null is neither."""

    t: TwapTrigger | None
    s: str | None


class TwapOrderAction(Action, frozen=True, tag="twapOrder"):
    """Execute a size in slices over some minutes."""

    twap: TwapWire
    details: TwapDetails | None = None


class TwapCancelAction(Action, frozen=True, tag="twapCancel"):
    """Stop a TWAP by asset and id."""

    a: int
    t: Count


# ---- account mode, through an agent ----


class AgentSetAbstractionAction(Action, frozen=True, tag="agentSetAbstraction"):
    """Set the account mode with an agent's key: disabled, unified, portfolio margin."""

    abstraction: Literal["i", "u", "p"]


class AgentEnableDexAbstractionAction(Action, frozen=True, tag="agentEnableDexAbstraction"):
    """The mode's older form."""


class AgentSendAssetAction(Action, frozen=True, tag="agentSendAsset"):
    """Move an asset between the account's own places with an agent's key."""

    destination: AddressText
    sourceDex: str  # noqa: N815 - the wire's name
    destinationDex: str  # noqa: N815 - the wire's name
    token: str
    amount: str
    fromSubAccount: str  # noqa: N815 - the wire's name
    nonce: int


TransferAction = (
    UsdClassTransferAction | UsdSendAction | SpotSendAction | WithdrawAction | SendAssetAction | AgentSendAssetAction
    | SendToEvmWithDataAction
)  # fmt: skip
FamilyAction = CreateSubAccountAction | SubAccountModifyAction | SubAccountTransferAction | SubAccountSpotTransferAction
VaultAction = CreateVaultAction | VaultModifyAction | VaultDistributeAction | VaultTransferAction
IdentityAction = (
    ApproveAgentAction | ApproveBuilderFeeAction | SetReferrerAction | RegisterReferrerAction
    | ConvertToMultiSigUserAction | UserSetAbstractionAction | UserDexAbstractionAction | UserPortfolioMarginAction
    | AgentSetAbstractionAction | AgentEnableDexAbstractionAction
)  # fmt: skip
SettingAction = (
    ScheduleCancelAction | UpdateLeverageAction | UpdateIsolatedMarginAction | TopUpIsolatedOnlyMarginAction
    | ReserveRequestWeightAction
)  # fmt: skip
StakeAction = (
    TokenDelegateAction | DepositStakeAction | WithdrawStakeAction | LinkStakingUserAction | GossipPriorityBidAction
)
IdleAction = NoopAction | SetDisplayNameAction | EvmUserModifyAction | ClaimRewardsAction | SpotUserAction
TwapAction = TwapOrderAction | TwapCancelAction
AccountAction = (
    TransferAction | FamilyAction | VaultAction | IdentityAction | SettingAction | StakeAction | IdleAction
    | TwapAction
)  # fmt: skip
