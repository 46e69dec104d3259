"""The fast shapes that hlmm reads against the full schema: a part of it, and never another name."""

from __future__ import annotations

import msgspec
import pytest

from hlmm.hyperliquid import reads, schema, schema_account, schema_frames, schema_profile, universe, wire

PARTS = [
    (wire.LevelWire, schema.BookLevel),
    (wire.BboData, schema.Touch),
    (wire.L2BookData, schema.Book),
    (wire.TradeWire, schema.PublicTrade),
    (wire.CtxWire, schema.AssetCtx),
    (wire.CtxData, schema_frames.CoinCtx),
    (wire.OrderInfo, schema_account.FrontendOrder),
    (wire.OrderUpdateWire, schema_account.OrderUpdate),
    (wire.FillWire, schema_account.Fill),
    (wire.FillsData, schema_frames.UserFillsFeed),
    (wire.FundingWire, schema_account.Funding),
    (wire.FundingsData, schema_frames.UserFundingsFeed),
    (wire.Subscription, schema_frames.Subscribed),
    (wire.AckData, schema_frames.Ack),
    (wire.PostData, schema_frames.Posted),
    (reads.StateWire, schema_account.ClearinghouseState),
    (universe.MetaWire, schema.Meta),
    (universe.PerpWire, schema.Perp),
    (universe.DexWire, schema.PerpDex),
    (reads._MarginWire, schema_account.MarginSummary),
    (reads._PositionWire, schema_account.Position),
    (reads._AssetPositionWire, schema_account.AssetPosition),
    (reads._FeesWire, schema_profile.UserFees),
    (reads._LimitWire, schema_profile.RateLimit),
    (reads._RoleWire, schema_profile.UserRole),
    (reads._RoleDataWire, schema_profile.RoleData),
    (reads._StatusWire, schema_account.OrderStatus),
    (reads._StatusOrderWire, schema_account.OrderRecord),
    (reads._FundingEntryWire, schema_account.FundingEntry),
    (reads._DeltaWire, schema_account.FundingDelta),
]


def names(shape: type[msgspec.Struct]) -> list[str]:
    """Field names as they are on the wire."""
    return [field.encode_name for field in msgspec.structs.fields(shape)]


@pytest.mark.parametrize(("part", "whole"), PARTS, ids=lambda shape: shape.__name__)
def test_what_is_read_is_in_the_schema(part: type[msgspec.Struct], whole: type[msgspec.Struct]) -> None:
    """Every field of a fast shape has its name from the schema."""
    assert [name for name in names(part) if name not in names(whole)] == []


def test_every_fast_shape_is_compared() -> None:
    """No data shape of the wire is missing from the comparison."""
    frames = (wire.Frame, wire.Undecodable, wire._Envelope, wire._InfoPayload, wire.PostResponse, wire.Wire)
    shapes = [shape for shape in vars(wire).values() if isinstance(shape, type) and issubclass(shape, msgspec.Struct)]
    data = [shape for shape in shapes if not issubclass(shape, wire.Frame) and shape not in frames]
    compared = [part for part, _ in PARTS]
    assert [shape.__name__ for shape in data if shape not in compared] == []
