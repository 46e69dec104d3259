"""The user-signed actions as clients send them, and what every action has: only the account's own key signs these.

Field order in each struct is the venue's canonical order; `type` is the tag. Source: exchange endpoint of the venue;
the official SDK; recorded requests.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

Count = Annotated[int, Meta(ge=0)]
AddressText = Annotated[str, Meta(pattern="^(0x)?[0-9a-fA-F]{40}$")]


class Action(Struct, frozen=True, tag_field="type", omit_defaults=True, forbid_unknown_fields=True):
    """Base: the tag is the wire's `type`."""


class UserSigned(Action, frozen=True, kw_only=True):
    """Fields that every user-signed action has; only the account's own key may sign one."""

    signatureChainId: str  # noqa: N815 - the wire's name
    hyperliquidChain: str  # noqa: N815 - the wire's name


class ApproveAgentAction(UserSigned, frozen=True, kw_only=True, tag="approveAgent"):
    """Let an agent key sign for the account."""

    agentAddress: AddressText  # noqa: N815 - the wire's name
    agentName: str | None = None  # noqa: N815 - the wire's name
    nonce: int


class ApproveBuilderFeeAction(UserSigned, frozen=True, kw_only=True, tag="approveBuilderFee"):
    """Allow a builder a fee."""

    maxFeeRate: str  # noqa: N815 - the wire's name
    builder: AddressText
    nonce: int


class UsdClassTransferAction(UserSigned, frozen=True, kw_only=True, tag="usdClassTransfer"):
    """Move USDC between the spot and the perp balance; the amount may name a sub-account."""

    amount: str
    toPerp: bool  # noqa: N815 - the wire's name
    nonce: int


class UsdSendAction(UserSigned, frozen=True, kw_only=True, tag="usdSend"):
    """Send perp USDC to another account."""

    destination: AddressText
    amount: str
    time: int


class SpotSendAction(UserSigned, frozen=True, kw_only=True, tag="spotSend"):
    """Send a spot token to another account."""

    destination: AddressText
    token: str
    amount: str
    time: int


class WithdrawAction(UserSigned, frozen=True, kw_only=True, tag="withdraw3"):
    """Take USDC off the exchange."""

    destination: AddressText
    amount: str
    time: int


class SendAssetAction(UserSigned, frozen=True, kw_only=True, tag="sendAsset"):
    """Move an asset between dexes, spot, accounts and sub-accounts."""

    destination: AddressText
    sourceDex: str  # noqa: N815 - the wire's name
    destinationDex: str  # noqa: N815 - the wire's name
    token: str
    amount: str
    fromSubAccount: str  # noqa: N815 - the wire's name
    nonce: int


class UserSetAbstractionAction(UserSigned, frozen=True, kw_only=True, tag="userSetAbstraction"):
    """Set the account mode of the signer or of a sub-account; one letter inside a multi-sig payload."""

    user: AddressText
    abstraction: Literal["disabled", "unifiedAccount", "portfolioMargin", "i", "u", "p"]
    nonce: int


class UserDexAbstractionAction(UserSigned, frozen=True, kw_only=True, tag="userDexAbstraction"):
    """The mode's older form."""

    user: AddressText
    on: bool = field(name="enabled")
    nonce: int


class UserPortfolioMarginAction(UserSigned, frozen=True, kw_only=True, tag="userPortfolioMargin"):
    """Portfolio margin on or off."""

    user: AddressText
    on: bool = field(name="enabled")
    nonce: int


class ConvertToMultiSigUserAction(UserSigned, frozen=True, kw_only=True, tag="convertToMultiSigUser"):
    """Hand the account to a group: `signers` is JSON text, `null` to take it back."""

    signers: str
    nonce: int


class TokenDelegateAction(UserSigned, frozen=True, kw_only=True, tag="tokenDelegate"):
    """Delegate stake to a validator; nobody has any stake here."""

    validator: AddressText
    wei: Count
    isUndelegate: bool  # noqa: N815 - the wire's name
    nonce: int


class DepositStakeAction(UserSigned, frozen=True, kw_only=True, tag="cDeposit"):
    """Move the native token from spot to staking; nobody has any here."""

    wei: Count
    nonce: int


class WithdrawStakeAction(UserSigned, frozen=True, kw_only=True, tag="cWithdraw"):
    """Move the native token from staking to spot; nobody has any here."""

    wei: Count
    nonce: int


class SendToEvmWithDataAction(UserSigned, frozen=True, kw_only=True, tag="sendToEvmWithData"):
    """Send an asset to another chain with call data."""

    token: str
    amount: str
    sourceDex: str  # noqa: N815 - the wire's name
    destinationRecipient: str  # noqa: N815 - the wire's name
    addressEncoding: Literal["hex", "base58"]  # noqa: N815 - the wire's name
    destinationChainId: Count  # noqa: N815 - the wire's name
    gasLimit: Count  # noqa: N815 - the wire's name
    data: str
    nonce: int


class LinkStakingUserAction(UserSigned, frozen=True, kw_only=True, tag="linkStakingUser"):
    """Count another account's stake for fees; nobody has any stake here."""

    user: AddressText
    isFinalize: bool  # noqa: N815 - the wire's name
    nonce: int
