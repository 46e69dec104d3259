"""Owns the L1 actions: one Struct each, fields in the canonical order, encoded to msgpack (hashed) and JSON (sent).

The venue re-serialises what it receives in this very order before hashing, so JSON key order does not matter to it,
but a field out of order here recovers an unknown signer. Optional flags are absent when false, never `false`.
Source: Hyperliquid documentation, "Exchange endpoint"; the official SDK's wire types.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec
from msgspec import UNSET, UnsetType, field

from hlmm.core.commands import PlaceOrder
from hlmm.hyperliquid.signing import Signature, Signer, Stamp
from hlmm.types import Address, Cloid, Instrument, Side, Tif, decimal_text

# ---- orders ----


class Limit(msgspec.Struct, frozen=True, gc=False):
    """Time in force of a limit order."""

    tif: Literal["Alo", "Ioc", "Gtc", "FrontendMarket", "LiquidationMarket"]


class Trigger(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A stop or take-profit: fires when the mark price crosses `trigger_px` (USD text)."""

    is_market: bool
    trigger_px: str
    tpsl: Literal["tp", "sl"]


class OrderType(msgspec.Struct, frozen=True, gc=False):
    """Exactly one of the two is set."""

    limit: Limit | UnsetType = UNSET
    trigger: Trigger | UnsetType = UNSET


class OrderWire(msgspec.Struct, frozen=True, gc=False):
    """One order: px in USD and sz in base units, both plain decimal text without trailing zeros."""

    asset: int = field(name="a")
    is_buy: bool = field(name="b")
    px: str = field(name="p")
    sz: str = field(name="s")
    reduce_only: bool = field(name="r")
    kind: OrderType = field(name="t")
    cloid: str | UnsetType = field(name="c", default=UNSET)


class Priority(msgspec.Struct, frozen=True, gc=False):
    """Paid priority: the fee rate in 1e-8 of notional."""

    rate: int = field(name="p")


class Builder(msgspec.Struct, frozen=True, gc=False):
    """A builder and its fee in tenths of a basis point."""

    address: str = field(name="b")
    fee: int = field(name="f")


class ModifyWire(msgspec.Struct, frozen=True, gc=False):
    """Replace the order with this oid or cloid."""

    oid: int | str
    order: OrderWire


class CancelWire(msgspec.Struct, frozen=True, gc=False):
    """Cancel by oid."""

    asset: int = field(name="a")
    oid: int = field(name="o")


class CancelCloidWire(msgspec.Struct, frozen=True, gc=False):
    """Cancel by cloid."""

    asset: int
    cloid: str


class Twap(msgspec.Struct, frozen=True, gc=False):
    """A time-weighted order over some minutes."""

    asset: int = field(name="a")
    is_buy: bool = field(name="b")
    sz: str = field(name="s")
    reduce_only: bool = field(name="r")
    minutes: int = field(name="m")
    randomize: bool = field(name="t")


class TwapTrigger(msgspec.Struct, frozen=True, gc=False):
    """When a TWAP starts: price text and whether above it."""

    px: str = field(name="p")
    above: bool = field(name="a")


class TwapDetails(msgspec.Struct, frozen=True, gc=False):
    """Optional trigger and stop price of a TWAP."""

    trigger: TwapTrigger | None = field(name="t")
    stop_px: str | None = field(name="s")


# ---- actions ----


class Action(msgspec.Struct, frozen=True, gc=False, tag_field="type", rename="camel", forbid_unknown_fields=True):
    """Base of all L1 actions."""


class Order(Action, frozen=True, gc=False, tag="order"):
    """Place a batch of orders."""

    orders: tuple[OrderWire, ...]
    grouping: Literal["na", "normalTpsl", "positionTpsl"] | Priority = "na"
    builder: Builder | UnsetType = UNSET


class Cancel(Action, frozen=True, gc=False, tag="cancel"):
    """Cancel a batch by oid. `fast` asks for mempool priority; True or absent."""

    cancels: tuple[CancelWire, ...]
    fast: bool | UnsetType = field(name="f", default=UNSET)


class CancelByCloid(Action, frozen=True, gc=False, tag="cancelByCloid"):
    """Cancel a batch by cloid. `fast` as in `Cancel`."""

    cancels: tuple[CancelCloidWire, ...]
    fast: bool | UnsetType = field(name="f", default=UNSET)


class Modify(Action, frozen=True, gc=False, tag="modify"):
    """Replace one order. `always_place` places the new one even if the old is gone; True or absent."""

    oid: int | str
    order: OrderWire
    always_place: bool | UnsetType = field(name="a", default=UNSET)


class BatchModify(Action, frozen=True, gc=False, tag="batchModify"):
    """Replace a batch of orders."""

    modifies: tuple[ModifyWire, ...]
    always_place: bool | UnsetType = field(name="a", default=UNSET)


class ScheduleCancel(Action, frozen=True, gc=False, tag="scheduleCancel"):
    """Dead man's switch: cancel everything at `time` (ms); absent disarms it."""

    time: int | UnsetType = UNSET


class UpdateLeverage(Action, frozen=True, gc=False, tag="updateLeverage"):
    """Set the leverage and margin mode of one asset."""

    asset: int
    is_cross: bool
    leverage: int


class UpdateIsolatedMargin(Action, frozen=True, gc=False, tag="updateIsolatedMargin"):
    """Add or remove isolated margin: `ntli` in micro-USD, signed."""

    asset: int
    is_buy: bool
    ntli: int


class TopUpIsolatedOnlyMargin(Action, frozen=True, gc=False, tag="topUpIsolatedOnlyMargin"):
    """Add isolated margin up to a leverage, given as text."""

    asset: int
    leverage: str


class TwapOrder(Action, frozen=True, gc=False, tag="twapOrder"):
    """Start a TWAP."""

    twap: Twap
    details: TwapDetails | UnsetType = UNSET


class TwapCancel(Action, frozen=True, gc=False, tag="twapCancel"):
    """Stop a TWAP."""

    asset: int = field(name="a")
    twap_id: int = field(name="t")


class ReserveRequestWeight(Action, frozen=True, gc=False, tag="reserveRequestWeight"):
    """Buy address requests."""

    weight: int
    destination: str | UnsetType = UNSET


class Noop(Action, frozen=True, gc=False, tag="noop"):
    """Spend a nonce."""


class SetReferrer(Action, frozen=True, gc=False, tag="setReferrer"):
    """Use a referral code."""

    code: str


class RegisterReferrer(Action, frozen=True, gc=False, tag="registerReferrer"):
    """Create a referral code."""

    code: str


class EvmUserModify(Action, frozen=True, gc=False, tag="evmUserModify"):
    """Choose big or small EVM blocks."""

    using_big_blocks: bool


class CreateSubAccount(Action, frozen=True, gc=False, tag="createSubAccount"):
    """Create a sub-account."""

    name: str


class SubAccountModify(Action, frozen=True, gc=False, tag="subAccountModify"):
    """Rename a sub-account."""

    sub_account_user: str
    name: str


class SubAccountTransfer(Action, frozen=True, gc=False, tag="subAccountTransfer"):
    """Move micro-USD to or from a sub-account."""

    sub_account_user: str
    is_deposit: bool
    usd: int


class SubAccountSpotTransfer(Action, frozen=True, gc=False, tag="subAccountSpotTransfer"):
    """Move a token to or from a sub-account."""

    sub_account_user: str
    is_deposit: bool
    token: str
    amount: str


class VaultTransfer(Action, frozen=True, gc=False, tag="vaultTransfer"):
    """Move micro-USD to or from a vault."""

    vault_address: str
    is_deposit: bool
    usd: int


class AgentSendAsset(Action, frozen=True, gc=False, tag="agentSendAsset"):
    """Move an asset between the account's own places, signed by an agent."""

    destination: str
    source_dex: str
    destination_dex: str
    token: str
    amount: str
    from_sub_account: str
    nonce: int


class AgentSetAbstraction(Action, frozen=True, gc=False, tag="agentSetAbstraction"):
    """Set the account mode: disabled, unified, portfolio margin."""

    abstraction: Literal["i", "u", "p"]


class AgentEnableDexAbstraction(Action, frozen=True, gc=False, tag="agentEnableDexAbstraction"):
    """Let collateral move between dexes."""


class GossipPriorityBid(Action, frozen=True, gc=False, tag="gossipPriorityBid"):
    """Bid for read priority."""

    slot_id: int
    ip: str
    max_gas: int


class ClaimRewards(Action, frozen=True, gc=False, tag="claimRewards"):
    """Claim staking or referral rewards."""


class SetDisplayName(Action, frozen=True, gc=False, tag="setDisplayName"):
    """Set the leaderboard name."""

    display_name: str


AnyAction = (
    Order | Cancel | CancelByCloid | Modify | BatchModify | ScheduleCancel | UpdateLeverage | UpdateIsolatedMargin
    | TopUpIsolatedOnlyMargin | TwapOrder | TwapCancel | ReserveRequestWeight | Noop | SetReferrer | RegisterReferrer
    | EvmUserModify | CreateSubAccount | SubAccountModify | SubAccountTransfer | SubAccountSpotTransfer | VaultTransfer
    | AgentSendAsset | AgentSetAbstraction | AgentEnableDexAbstraction | GossipPriorityBid | ClaimRewards
    | SetDisplayName
)  # fmt: skip


class SignedAction(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The envelope that /exchange and ws posts take."""

    action: AnyAction
    nonce: int
    signature: Signature
    vault_address: str | UnsetType = UNSET
    expires_after: int | UnsetType = UNSET


_PACK: Final = msgspec.msgpack.Encoder()
_JSON: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(AnyAction)

_LIMITS: Final[dict[Tif, OrderType]] = {
    "Alo": OrderType(limit=Limit("Alo")),
    "Ioc": OrderType(limit=Limit("Ioc")),
    "Gtc": OrderType(limit=Limit("Gtc")),
}


def pack(action: AnyAction) -> bytes:
    """The msgpack that is hashed. Raises: nothing."""
    return _PACK.encode(action)


def decode_action(body: bytes | msgspec.Raw) -> AnyAction:
    """An L1 action from its JSON, any key order. Raises: msgspec.MsgspecError on an unknown type, field or shape."""
    action: AnyAction = _DECODER.decode(body)
    return action


def sign(action: AnyAction, signer: Signer, stamp: Stamp) -> SignedAction:
    """Sign an action. Args: stamp, what is hashed beside the action. Raises: SignatureError on a bad vault."""
    vault = None if stamp.vault is None else Address(stamp.vault.lower())
    return SignedAction(
        action,
        stamp.nonce,
        signer.sign_l1(_PACK.encode(action), stamp.nonce, vault, stamp.expires_after, stamp.network),
        UNSET if vault is None else vault,
        UNSET if stamp.expires_after is None else stamp.expires_after,
    )


def signed_body(action: AnyAction, signer: Signer, stamp: Stamp) -> bytes:
    """The body to POST to /exchange. Args and Raises: as `sign`."""
    return _JSON.encode(sign(action, signer, stamp))


class OrderSpec(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A limit order in integers, before it becomes text."""

    side: Side
    px: int
    sz: int
    tif: Tif
    reduce_only: bool
    cloid: Cloid | None = None


def order_wire(instrument: Instrument, order: OrderSpec) -> OrderWire:
    """A limit order as the venue reads it. Args: px in Px units and sz in Sz units of `instrument`. Raises: nothing."""
    px_text = decimal_text(order.px, instrument.px_decimals)
    sz_text = decimal_text(order.sz, instrument.sz_decimals)
    return order_of_texts(instrument.asset, px_text, sz_text, order)


def order_of_texts(asset: int, px_text: str, sz_text: str, order: OrderSpec | PlaceOrder) -> OrderWire:
    """As `order_wire`, from texts that the caller has made or remembered."""
    cloid = order.cloid
    return OrderWire(
        asset,
        order.side is Side.BID,
        px_text,
        sz_text,
        order.reduce_only,
        _LIMITS[order.tif],
        UNSET if cloid is None else cloid,
    )
