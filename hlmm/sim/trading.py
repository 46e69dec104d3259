"""The trading actions of an account: order, cancel, modify. Each returns the venue's response body.

Source: exchange endpoint of the venue; modify semantics of June 2026 (a modify without `a` must end up post-only).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from hlmm.sim import rules
from hlmm.sim.accounts import Account, Order
from hlmm.sim.actions import (
    BatchModifyAction,
    CancelAction,
    CancelByCloidAction,
    LimitKind,
    ModifyAction,
    OrderAction,
    OrderKind,
    OrderWire,
)
from hlmm.sim.desk import ALONE, MARKET_TIFS, Desk, Grouping, Placed
from hlmm.sim.rules import Draft, StaticError
from hlmm.sim.text import Json, decimal
from hlmm.sim.venue import Listing
from hlmm.types import Coin

AVERAGE_DECIMALS: Final = 2
NOT_APPROVED: Final = "Builder fee has not been approved"
UNEXPECTED_TRIGGERS: Final = "Unexpected number of trigger orders"


class RefusedError(Exception):
    """The whole action is refused: `{"status":"err","response":text}`."""


def ok(kind: str, statuses: list[Json]) -> Json:
    """A successful answer with one status per item."""
    return {"status": "ok", "response": {"type": kind, "data": {"statuses": statuses}}}


DEFAULT: Final[Json] = {"status": "ok", "response": {"type": "default"}}


class TradingActions:
    """Order, cancel and modify for any account, through the desk."""

    def __init__(self, desk: Desk, by_asset: Mapping[int, Listing]) -> None:
        """Trade through `desk`; `by_asset` maps the wire's asset integers."""
        self._desk = desk
        self._by_asset = by_asset

    def order(self, account: Account, action: OrderAction) -> Json:
        """Place a batch. A static error refuses all of it with a single element."""
        try:
            drafts = self._drafts(action)
        except StaticError as error:
            return ok("order", [{"error": str(error)}])
        fee = action.builder.f if action.builder is not None else 0
        if action.builder is not None and fee > account.builders.get(action.builder.b.lower(), 0):
            return ok("order", [{"error": NOT_APPROVED} for _ in drafts])
        if action.grouping == "normalTpsl":
            return ok("order", self._place_family(account, drafts, fee))
        if action.grouping == "positionTpsl":
            return ok("order", self._place_on_position(account, drafts, fee))
        return ok("order", [self._place(account, draft, fee) for draft in drafts])

    def _place_family(self, account: Account, drafts: list[Draft], fee: int) -> list[Json]:
        """A parent and its TP and SL, which wait until it is filled; a refused parent refuses them."""
        status, parent = self._placed(account, drafts[0], fee)
        if parent is None:
            return [status for _ in drafts]
        waits = parent.status == "open"
        if not waits and parent.status != "filled":
            return [status for _ in drafts]
        grouping = Grouping(group=parent.oid, dormant=waits)
        children = [self._place(account, draft, fee, grouping) for draft in drafts[1:]]
        return [status, *("waitingForFill" if waits and c == "waitingForTrigger" else c for c in children)]

    def _place_on_position(self, account: Account, drafts: list[Draft], fee: int) -> list[Json]:
        """TP and SL for whatever the position is when they fire; when one is filled the other goes."""
        grouping = Grouping(group=self._desk.next_oid(), position_sized=True)
        return [self._place(account, draft, fee, grouping) for draft in drafts]

    def _drafts(self, action: OrderAction) -> list[Draft]:
        """Every order, statically valid. Raises: StaticError."""
        if not action.orders:
            raise StaticError(rules.EMPTY_BATCH)
        triggers = sum(o.t.trigger is not None for o in action.orders)
        family = 0 < triggers == len(action.orders) - 1 and action.orders[0].t.trigger is None
        if action.grouping == "normalTpsl" and not family:
            raise StaticError(UNEXPECTED_TRIGGERS)
        if action.grouping == "positionTpsl" and not all(o.r and o.t.trigger is not None for o in action.orders):
            raise StaticError(rules.POSITION_TPSL)
        return [rules.draft(o, self._by_asset.get(o.a)) for o in action.orders]

    def _place(self, account: Account, draft: Draft, fee: int, grouping: Grouping = ALONE) -> Json:
        return self._placed(account, draft, fee, grouping)[0]

    def _placed(
        self, account: Account, draft: Draft, fee: int, grouping: Grouping = ALONE
    ) -> tuple[Json, Order | None]:
        """Place one order. Returns: its element of the answer, and the order unless it was refused."""
        if self._taken(account, draft.wire.c):
            return {"error": rules.DUPLICATE_CLOID}, None
        placed = self._desk.place(account, draft, fee, grouping)
        return self._status(placed, draft.listing), None if placed.refused is not None else placed.order

    def _taken(self, account: Account, cloid: str | None) -> bool:
        """Whether a live order of the account holds the cloid."""
        return cloid is not None and self._desk.find(account, None, cloid) is not None

    @staticmethod
    def _status(placed: Placed, listing: Listing) -> Json:
        """One order's element of the answer."""
        order, instrument = placed.order, listing.instrument
        if placed.refused is not None:
            return {"error": placed.refused.text}
        if order.trigger is not None:
            return "waitingForTrigger"
        named: dict[str, Json] = {"oid": order.oid} if order.cloid is None else {"oid": order.oid, "cloid": order.cloid}
        if placed.filled and order.status != "open":
            average = placed.notional * 10**AVERAGE_DECIMALS // placed.filled
            px = decimal(average, instrument.px_decimals + AVERAGE_DECIMALS)
            return {"filled": {"totalSz": decimal(placed.filled, instrument.sz_decimals), "avgPx": px, **named}}
        return {"resting": named}

    def cancel(self, account: Account, action: CancelAction) -> Json:
        """Cancel by oid; each item reports for itself."""
        return self._cancel(account, [(c.a, c.o) for c in action.cancels], fast=action.f is True)

    def cancel_by_cloid(self, account: Account, action: CancelByCloidAction) -> Json:
        """Cancel by cloid; each item reports for itself."""
        return self._cancel(account, [(c.asset, c.cloid) for c in action.cancels], fast=action.f is True)

    def _cancel(self, account: Account, targets: Sequence[tuple[int, int | str]], *, fast: bool) -> Json:
        statuses: list[Json] = []
        for asset, target in targets:
            listing = self._by_asset.get(asset)
            order = self._desk.find(account, listing.coin, target) if listing is not None else None
            if order is None:
                statuses.append({"error": f"{rules.MISSING} asset={asset}"})
                continue
            if fast and order.trigger is not None:
                statuses.append({"error": f"{rules.FAST_TRIGGER} asset={asset}"})
                continue
            self._desk.cancel(account, order, "canceled")
            statuses.append("success")
        return ok("cancel", statuses)

    def modify(self, account: Account, action: ModifyAction) -> Json:
        """Replace one order; success answers `default`. Raises: RefusedError with the item's error."""
        status = self._replace(account, action.oid, action.order, always=action.a is True)
        if isinstance(status, dict) and "error" in status:
            raise RefusedError(status["error"])
        return DEFAULT

    def batch_modify(self, account: Account, action: BatchModifyAction) -> Json:
        """Replace several orders; each item reports for itself."""
        always = action.a is True
        return ok("order", [self._replace(account, m.oid, m.order, always=always) for m in action.modifies])

    def _replace(self, account: Account, target: int | str, wire: OrderWire, *, always: bool) -> Json:
        """Cancel `target`, then place `wire` under a new oid. `always`: place even when there is nothing to cancel."""
        listing = self._by_asset.get(wire.a)
        old = self._desk.find(account, None, target)
        if old is None and not always:
            return {"error": rules.MISSING_MODIFY}
        draft = self._replacement(old, wire, listing, always=always)
        if draft is None:
            return {"error": rules.INVALID_MODIFY}
        if wire.c is not None and (old is None or wire.c != old.cloid) and self._taken(account, wire.c):
            return {"error": rules.DUPLICATE_CLOID}
        grouping = ALONE
        if old is not None:
            if draft.trigger_px is not None:
                grouping = Grouping(group=old.group, dormant=old.dormant, position_sized=old.position_sized)
            self._desk.cancel(account, old, "canceled")
        return self._status(self._desk.place(account, draft, grouping=grouping), draft.listing)

    @staticmethod
    def _replacement(old: Order | None, wire: OrderWire, listing: Listing | None, *, always: bool) -> Draft | None:
        """The new order of a modify, turned post-only; None when it is no valid replacement."""
        try:
            draft = rules.draft(wire, listing)
        except StaticError:
            return None
        if always or old is None:
            return draft
        waiting = old.trigger is not None and draft.trigger_px is not None
        same = draft.listing.coin == Coin(old.coin) and draft.side is old.side and draft.on_tick
        if not same or draft.tif in MARKET_TIFS or (draft.trigger_px is not None and not waiting):
            return None
        if draft.tif != "Gtc":
            return draft
        alo = msgspec.structs.replace(wire, t=OrderKind(limit=LimitKind("Alo")))
        return msgspec.structs.replace(draft, wire=alo, tif="Alo")
