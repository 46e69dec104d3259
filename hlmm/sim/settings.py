"""The settings of an account: leverage, isolated margin, dead man's switch, reserved requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hlmm.sim.account_wire import (
    ReserveRequestWeightAction,
    ScheduleCancelAction,
    SettingAction,
    TopUpIsolatedOnlyMarginAction,
    UpdateIsolatedMarginAction,
    UpdateLeverageAction,
)
from hlmm.sim.accounts import Account, Margining
from hlmm.sim.admission import fired_today, gate_text
from hlmm.sim.bank import Bank, Purse, micro
from hlmm.sim.clearing import MIN_MARGIN_DIVISOR, initial_margin, margining, summary
from hlmm.sim.config import LimitConfig
from hlmm.sim.text import Json
from hlmm.sim.trading import DEFAULT, RefusedError
from hlmm.sim.venue import Listing
from hlmm.types import MICRO, Coin, Ms

SCHEDULE_MIN_MS: Final = 5_000
REQUEST_PRICE: Final = 500
"""Micro-USD per reserved request."""


class Settings:
    """What an account may set for itself."""

    def __init__(self, bank: Bank, by_asset: Mapping[int, Listing], limits: LimitConfig) -> None:
        """Act on the bank's accounts; `by_asset` maps the wire's asset integers."""
        self._bank = bank
        self._by_asset = by_asset
        self._listings = bank.desk.listings
        self._limits = limits

    def apply(self, account: Account, action: SettingAction, now: Ms) -> Json:
        """Execute one setting. Raises: RefusedError."""
        match action:
            case ScheduleCancelAction():
                return self.schedule_cancel(account, action, now)
            case UpdateLeverageAction():
                return self.update_leverage(account, action)
            case UpdateIsolatedMarginAction():
                return self.update_isolated_margin(account, action)
            case TopUpIsolatedOnlyMarginAction():
                return self.top_up(account, action)
            case ReserveRequestWeightAction():
                return self.reserve(account, action)

    def _listing(self, asset: int) -> Listing:
        listing = self._by_asset.get(asset)
        if listing is None:
            message = "Invalid asset"
            raise RefusedError(message)
        return listing

    def schedule_cancel(self, account: Account, action: ScheduleCancelAction, now: Ms) -> Json:
        """Arm, move or remove the dead man's switch. Raises: RefusedError with the venue's reason."""
        required = self._limits.schedule_cancel_volume_usd
        if account.volume < required * MICRO:
            raise RefusedError(gate_text(account, "set scheduled cancel time", required))
        if action.time is None:
            account.cancel_all_at = None
            return DEFAULT
        if action.time < now + SCHEDULE_MIN_MS:
            message = "Scheduled cancel time too early, must be at least 5 seconds from now."
            raise RefusedError(message)
        if fired_today(account, now) >= self._limits.schedule_cancel_per_day:
            limit = self._limits.schedule_cancel_per_day
            message = f"Too many scheduled cancels triggered for the day. Limit is {limit}."
            raise RefusedError(message)
        account.cancel_all_at = Ms(action.time)
        return DEFAULT

    def update_leverage(self, account: Account, action: UpdateLeverageAction) -> Json:
        """Set leverage and margin mode of a coin. Raises: RefusedError when a rule or an open position forbids it."""
        listing = self._listing(action.asset)
        current, wanted = margining(account, listing), Margining(action.leverage, action.isCross)
        if not 1 <= wanted.leverage <= listing.instrument.max_leverage:
            message = "Invalid leverage value"
            raise RefusedError(message)
        if wanted.cross and listing.instrument.only_isolated:
            message = "Cross margin is not allowed for this asset."
            raise RefusedError(message)
        self._check_position(account, listing, current, wanted)
        account.margining[Coin(listing.coin)] = wanted
        return DEFAULT

    def _check_position(self, account: Account, listing: Listing, current: Margining, wanted: Margining) -> None:
        """An open position keeps its margin mode and must afford less leverage."""
        szi = account.szi(listing.coin)
        if szi == 0:
            return
        if current.cross != wanted.cross:
            message = "Cannot switch leverage type with open position."
            raise RefusedError(message)
        notional = abs(szi) * listing.marks.mark
        if wanted.cross:
            spare = summary(account, self._listings, listing.dex).free + initial_margin(notional, current.leverage)
        else:
            spare = account.position(listing.coin).isolated_raw + szi * listing.marks.mark
        if wanted.leverage < current.leverage and spare < initial_margin(notional, wanted.leverage):
            kind = "Cross" if wanted.cross else "Isolated"
            message = (
                f"{kind} position does not have sufficient margin available to decrease leverage. "
                "To decrease leverage, add margin to the position."
            )
            raise RefusedError(message)

    def update_isolated_margin(self, account: Account, action: UpdateIsolatedMarginAction) -> Json:
        """Move `ntli` micro-USD into (or, negative, out of) an isolated position. Raises: RefusedError."""
        listing = self._listing(action.asset)
        position = account.position(listing.coin)
        setting = margining(account, listing)
        reason = self._margin_refusal(account, listing, action.ntli)
        if reason is not None:
            raise RefusedError(reason)
        assert not setting.cross, listing.coin
        position.isolated_raw += action.ntli
        account.raw_usd[listing.dex] = account.raw_usd.get(listing.dex, 0) - action.ntli
        return DEFAULT

    def _margin_refusal(self, account: Account, listing: Listing, amount: int) -> str | None:
        szi, setting = account.szi(listing.coin), margining(account, listing)
        if szi == 0:
            return "Cannot update margin for empty position."
        if setting.cross:
            return "Position does not use isolated margin."
        if amount == 0:
            return "Update to isolated margin cannot be zero."
        if amount > 0 and summary(account, self._listings, listing.dex).free < amount:
            return "Account does not have sufficient margin available for increase."
        return self._removal_refusal(account, listing, amount) if amount < 0 else None

    @staticmethod
    def _removal_refusal(account: Account, listing: Listing, amount: int) -> str | None:
        """Why `amount` (negative) may not leave an isolated position: its initial margin and a tenth must stay."""
        if listing.terms.margin_mode == "strictIsolated":
            return "Cannot remove isolated margin for this asset. To remove margin, reduce the position."
        szi, notional = account.szi(listing.coin), abs(account.szi(listing.coin)) * listing.marks.mark
        equity = account.position(listing.coin).isolated_raw + szi * listing.marks.mark
        initial = initial_margin(notional, margining(account, listing).leverage)
        if equity + amount < max(initial, notional // MIN_MARGIN_DIVISOR):
            return "Position does not have sufficient margin for reduction."
        return None

    def top_up(self, account: Account, action: TopUpIsolatedOnlyMarginAction) -> Json:
        """Add the margin that brings an isolated position down to a leverage. Raises: RefusedError."""
        listing = self._listing(action.asset)
        wanted = micro(action.leverage)
        equity = account.position(listing.coin).isolated_raw + account.szi(listing.coin) * listing.marks.mark
        needed = abs(account.szi(listing.coin)) * listing.marks.mark * MICRO // wanted - equity
        added = UpdateIsolatedMarginAction(asset=action.asset, isBuy=True, ntli=max(0, needed))
        return self.update_isolated_margin(account, added)

    def reserve(self, account: Account, action: ReserveRequestWeightAction) -> Json:
        """Buy requests of the address budget with perp USDC. Raises: RefusedError when there is too little."""
        target = account
        if action.destination is not None:
            found = self._bank.registry.account(action.destination)
            if found is None:
                message = f"Must deposit before performing actions. User: {action.destination.lower()}"
                raise RefusedError(message)
            target = found
        price = action.weight * REQUEST_PRICE
        if price > self._bank.available(Purse(account, "")):
            message = "Insufficient balance to reserve request weight"
            raise RefusedError(message)
        self._bank.put(Purse(account, ""), -price)
        self._bank.desk.house.fees += price
        target.reserved += action.weight
        return DEFAULT
