"""Owns which shape belongs to which message: info answers by type, frames by channel, answers to actions.

`recode_*` decode strictly and encode again: what comes out is the same JSON up to key order, or it raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import msgspec
from msgspec import UNSET

from hlmm.hyperliquid import schema, schema_account, schema_answers, schema_frames, schema_profile
from hlmm.hyperliquid.schema import Count, Decimal, Maybe

INFO: Final[Mapping[str, object]] = {
    "meta": schema.Meta,
    "metaAndAssetCtxs": tuple[schema.Meta, list[schema.AssetCtx]],
    "allPerpMetas": list[schema.Meta],
    "perpDexs": list[schema.PerpDex | None],
    "perpDexLimits": schema.PerpDexLimits | None,
    "perpDexStatus": schema.PerpDexStatus,
    "perpsAtOpenInterestCap": list[str],
    "marginTable": schema.MarginTable,
    "maxMarketOrderNtls": list[tuple[Count, Decimal]],
    "predictedFundings": list[tuple[str, list[tuple[str, schema.PredictedFunding | None]]]],
    "fundingHistory": list[schema.FundingRate],
    "spotMeta": schema.SpotMeta,
    "spotMetaAndAssetCtxs": tuple[schema.SpotMeta, list[schema.SpotCtx]],
    "tokenDetails": schema.TokenDetails,
    "allMids": dict[str, Decimal],
    "l2Book": schema.Book | None,
    "recentTrades": list[schema.PublicTrade],
    "candleSnapshot": list[schema.Candle],
    "exchangeStatus": schema.ExchangeStatus,
    "perpDeployAuctionStatus": schema.GasAuction,
    "spotPairDeployAuctionStatus": schema.GasAuction,
    "spotDeployState": schema.SpotDeploys,
    "perpAnnotation": schema.PerpAnnotation | None,
    "borrowLendUserState": schema_profile.BorrowLend,
    "userBorrowLendInterest": list[schema_profile.LendInterest],
    "allBorrowLendReserveStates": list[tuple[Count, schema_profile.LendReserve]],
    "borrowLendReserveState": schema_profile.LendReserve,
    "perpCategories": list[tuple[str, str]],
    "perpConciseAnnotations": list[object],
    "liquidatable": list[object],
    "validatorSummaries": list[object],
    "gossipRootIps": list[str],
    "outcomeMeta": schema.OutcomeMeta,
    "webData2": schema_frames.WebData2,
    "clearinghouseState": schema_account.ClearinghouseState,
    "spotClearinghouseState": schema_account.SpotState,
    "activeAssetData": schema_account.ActiveAsset,
    "openOrders": list[schema_account.OpenOrder],
    "frontendOpenOrders": list[schema_account.FrontendOrder],
    "orderStatus": schema_account.OrderStatus,
    "historicalOrders": list[schema_account.OrderRecord],
    "userFills": list[schema_account.Fill],
    "userFillsByTime": list[schema_account.Fill],
    "userFunding": list[schema_account.FundingEntry],
    "userNonFundingLedgerUpdates": list[schema_account.LedgerEntry],
    "twapHistory": list[schema_account.TwapEntry],
    "userTwapSliceFills": list[schema_account.TwapSliceFill],
    "userTwapSliceFillsByTime": list[schema_account.TwapSliceFill],
    "userFees": schema_profile.UserFees,
    "userRateLimit": schema_profile.RateLimit,
    "userRole": schema_profile.UserRole,
    "extraAgents": list[schema_profile.ExtraAgent],
    "subAccounts": list[schema_profile.SubAccount] | None,
    "subAccounts2": list[schema_profile.SubAccountDexes] | None,
    "userAbstraction": Literal["default", "disabled", "unifiedAccount", "portfolioMargin"],
    "userDexAbstraction": bool | None,
    "userToMultiSigSigners": schema_profile.MultiSigSigners | None,
    "maxBuilderFee": Count,
    "approvedBuilders": list[str],
    "portfolio": list[tuple[str, schema_profile.PeriodHistory]],
    "referral": schema_profile.Referral,
    "legalCheck": schema_profile.LegalCheck,
    "preTransferCheck": schema_profile.TransferCheck,
    "isVip": bool | None,
    "userVaultEquities": list[schema_profile.VaultEquity],
    "vaultDetails": schema_profile.VaultDetails | None,
    "vaultSummaries": list[schema_profile.VaultSummary],
    "leadingVaults": list[schema_profile.LeadingVault],
    "delegations": list[schema_profile.Delegation],
    "delegatorSummary": schema_profile.DelegatorSummary,
    "delegatorHistory": list[schema_profile.DelegatorEntry],
    "delegatorRewards": list[schema_profile.DelegatorReward],
}
CHANNELS: Final[Mapping[str, object]] = {
    "l2Book": schema.Book,
    "bbo": schema.Touch,
    "trades": list[schema.PublicTrade],
    "candle": schema.Candle,
    "allMids": schema_frames.Mids,
    "activeAssetCtx": schema_frames.CoinCtx,
    "activeSpotAssetCtx": schema_frames.CoinSpotCtx,
    "allDexsAssetCtxs": schema_frames.AllCtxs,
    "assetCtxs": schema_frames.DexCtxs,
    "spotAssetCtxs": list[schema.SpotCtx],
    "fastAssetCtxs": str,
    "orderUpdates": list[schema_account.OrderUpdate],
    "user": schema_frames.UserEvent,
    "userFills": schema_frames.UserFillsFeed,
    "userFundings": schema_frames.UserFundingsFeed,
    "userNonFundingLedgerUpdates": schema_frames.LedgerFeed,
    "openOrders": schema_frames.OpenOrdersFeed,
    "clearinghouseState": schema_frames.StateFeed,
    "allDexsClearinghouseState": schema_frames.AllStatesFeed,
    "spotState": schema_frames.SpotStateFeed,
    "activeAssetData": schema_account.ActiveAsset,
    "webData3": schema_frames.WebData,
    "notification": schema_frames.Notice,
    "twapStates": schema_frames.TwapStatesFeed,
    "userTwapHistory": schema_frames.TwapHistoryFeed,
    "userTwapSliceFills": schema_frames.TwapFillsFeed,
    "userHistoricalOrders": schema_frames.OrderHistoryFeed,
    "subscriptionResponse": schema_frames.Ack,
    "post": schema_frames.Posted,
    "error": str,
}
SILENT: Final = ("pong",)
"""Channels whose frames carry nothing."""


class _Envelope(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    channel: str
    data: Maybe[msgspec.Raw] = UNSET


class _Recoded(msgspec.Struct, gc=False):
    channel: str
    data: object = UNSET


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)
_INFO: Final = {kind: msgspec.json.Decoder(shape) for kind, shape in INFO.items()}
_CHANNELS: Final = {channel: msgspec.json.Decoder(shape) for channel, shape in CHANNELS.items()}
_ANSWER: Final[msgspec.json.Decoder[schema_answers.Answer]] = msgspec.json.Decoder(schema_answers.Answer)
_JSON: Final = msgspec.json.Encoder()


class UnknownMessageError(ValueError):
    """A channel or an info type that the schema does not have."""


def decode_info(kind: str, payload: bytes | msgspec.Raw) -> object:
    """An info answer, strictly. Raises: UnknownMessageError, msgspec.ValidationError naming the place."""
    decoder = _INFO.get(kind)
    if decoder is None:
        message = f"info type {kind[:40]!r}"
        raise UnknownMessageError(message)
    shaped: object = decoder.decode(payload)
    return shaped


def decode_answer(payload: bytes | msgspec.Raw) -> schema_answers.Answer:
    """An answer to an action, strictly. Raises: msgspec.ValidationError naming the place."""
    return _ANSWER.decode(payload)


def decode_frame(frame: bytes | str) -> object:
    """The payload of a frame, strictly; None for one that carries nothing.

    Raises: UnknownMessageError, msgspec.ValidationError naming the place.
    """
    envelope = _ENVELOPE.decode(frame)
    if envelope.data is UNSET:
        if envelope.channel in SILENT:
            return None
        message = f"channel {envelope.channel[:40]!r} without data"
        raise UnknownMessageError(message)
    decoder = _CHANNELS.get(envelope.channel)
    if decoder is None:
        message = f"channel {envelope.channel[:40]!r}"
        raise UnknownMessageError(message)
    shaped: object = decoder.decode(envelope.data)
    if isinstance(shaped, schema_frames.Posted) and isinstance(shaped.response, schema_frames.InfoResponse):
        decode_info(shaped.response.payload.type, shaped.response.payload.data)
    return shaped


def recode_info(kind: str, payload: bytes | msgspec.Raw) -> bytes:
    """An info answer decoded and encoded again. Raises: as `decode_info`."""
    return _JSON.encode(decode_info(kind, payload))


def recode_answer(payload: bytes | msgspec.Raw) -> bytes:
    """An answer decoded and encoded again. Raises: as `decode_answer`."""
    return _JSON.encode(decode_answer(payload))


def recode_frame(frame: bytes | str) -> bytes:
    """A frame decoded and encoded again. Raises: as `decode_frame`."""
    shaped = decode_frame(frame)
    return _JSON.encode(_Recoded(_ENVELOPE.decode(frame).channel, UNSET if shaped is None else shaped))
