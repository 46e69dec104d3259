"""The account actions: leverage, isolated margin, dead man's switch, agents, builders, transfers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from hlmm.sim.accounts import Account, Agent, Margining
from hlmm.sim.actions import (
    AnyAction,
    ApproveAgentAction,
    ApproveBuilderFeeAction,
    ScheduleCancelAction,
    UpdateIsolatedMarginAction,
    UpdateLeverageAction,
    UsdClassTransferAction,
    UsdSendAction,
    UserSigned,
)
from hlmm.sim.admission import Registry, fired_today, normal_address, traded_text
from hlmm.sim.candles import DAY
from hlmm.sim.clearing import initial_margin, margining, summary
from hlmm.sim.config import LimitConfig
from hlmm.sim.text import Json
from hlmm.sim.trading import DEFAULT, RefusedError
from hlmm.sim.venue import Listing
from hlmm.types import MICRO, PERP_DECIMALS, Address, Coin, Ms, decimal_units

SCHEDULE_MIN_MS: Final = 5_000
AGENT_LIFE_MS: Final = 90 * DAY
NAMED_AGENTS: Final = 3
MAX_BUILDER_TENTHS_BP: Final = 1_000
_VALID_UNTIL: Final = re.compile(r"(.*) valid_until (\d{1,16})\Z", re.ASCII)
_PERCENT: Final = re.compile(r"(\d{1,4}(?:\.\d{1,4})?)%\Z", re.ASCII)
ZERO_ADDRESS: Final = "0x" + "0" * 40


class AccountActions:
    """Everything an account may set that is no order."""

    def __init__(self, registry: Registry, by_asset: Mapping[int, Listing], limits: LimitConfig) -> None:
        """Act on the accounts of `registry`; `by_asset` maps the wire's asset integers."""
        self._registry = registry
        self._by_asset = by_asset
        self._listings = {listing.coin: listing for listing in by_asset.values()}
        self._limits = limits

    def apply(self, account: Account, action: AnyAction, now: Ms) -> Json:
        """Execute an action signed by an agent or its master. Raises: RefusedError."""
        match action:
            case ScheduleCancelAction():
                return self.schedule_cancel(account, action, now)
            case UpdateLeverageAction():
                return self.update_leverage(account, action)
            case UpdateIsolatedMarginAction():
                return self.update_isolated_margin(account, action)
            case _:
                return DEFAULT

    def sign_off(self, account: Account, action: UserSigned, now: Ms) -> Json:
        """Execute an action that only the master key may sign. Raises: RefusedError."""
        match action:
            case ApproveAgentAction():
                return self.approve_agent(account, action, now)
            case ApproveBuilderFeeAction():
                return self.approve_builder(account, action)
            case UsdClassTransferAction():
                return self.class_transfer(account, action)
            case UsdSendAction():
                return self.usd_send(account, action)
            case _:
                return DEFAULT

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
            raise RefusedError(traded_text(account, required))
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
        more = initial_margin(notional, wanted.leverage) - initial_margin(notional, current.leverage)
        if more > 0 and (not wanted.cross or more > summary(account, self._listings, listing.dex).free):
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
        equity = account.position(listing.coin).isolated_raw + szi * listing.marks.mark
        if amount < 0 and equity + amount < initial_margin(abs(szi) * listing.marks.mark, setting.leverage):
            return "Position does not have sufficient margin for reduction."
        return None

    def approve_agent(self, account: Account, action: ApproveAgentAction, now: Ms) -> Json:
        """Let a key sign for the account; the zero address under a name revokes it. Raises: RefusedError."""
        name, until = _name_and_expiry(action.agentName or "", now)
        address = normal_address(action.agentAddress)
        if address == ZERO_ADDRESS:
            account.agents.pop(name, None)
            return DEFAULT
        if until <= now:
            message = "Agent valid_until already expired."
            raise RefusedError(message)
        current = account.agents.get(name)
        if self._registry.actor(address, now) is not None and (current is None or current.address != address):
            message = "Extra agent already used."
            raise RefusedError(message)
        if name and name not in account.agents and sum(bool(key) for key in account.agents) >= NAMED_AGENTS:
            message = f"Too many extra agents for cumulative volume traded. Current limit is {NAMED_AGENTS}"
            raise RefusedError(message)
        account.agents[name] = Agent(address=Address(address), name=name, valid_until=until)
        return DEFAULT

    @staticmethod
    def approve_builder(account: Account, action: ApproveBuilderFeeAction) -> Json:
        """Allow a builder up to a fee, `"0.01%"` = 10 tenths of a bp. Raises: RefusedError for no percentage."""
        found = _PERCENT.match(action.maxFeeRate)
        tenths = decimal_units(found.group(1), 4) // 10 if found else MAX_BUILDER_TENTHS_BP + 1
        if tenths > MAX_BUILDER_TENTHS_BP:
            message = "Invalid builder fee"
            raise RefusedError(message)
        account.builders[normal_address(action.builder)] = tenths
        return DEFAULT

    def class_transfer(self, account: Account, action: UsdClassTransferAction) -> Json:
        """Move USDC between the spot balance and the first perp dex. Raises: RefusedError."""
        amount = _micro(action.amount)
        available = account.spot_usd if action.toPerp else summary(account, self._listings, "").withdrawable
        if amount > available:
            message = "Insufficient balance for token transfer"
            raise RefusedError(message)
        signed = amount if action.toPerp else -amount
        account.raw_usd[""] = account.raw_usd.get("", 0) + signed
        account.spot_usd -= signed
        return DEFAULT

    def usd_send(self, account: Account, action: UsdSendAction) -> Json:
        """Send perp USDC to another account, opening it when it is new. Raises: RefusedError."""
        amount, address = _micro(action.amount), normal_address(action.destination)
        if address == account.address:
            message = "Invalid send"
            raise RefusedError(message)
        if amount > summary(account, self._listings, "").withdrawable:
            message = "Insufficient balance for token transfer"
            raise RefusedError(message)
        receiver = self._registry.account(address)
        if receiver is None:
            receiver = Account(index=len(self._registry.accounts), address=Address(address))
            self._registry.add(receiver)
        account.raw_usd[""] -= amount
        receiver.raw_usd[""] = receiver.raw_usd.get("", 0) + amount
        return DEFAULT


def _micro(text: str) -> int:
    """A positive USD amount. Raises: RefusedError."""
    try:
        amount = decimal_units(text, PERP_DECIMALS)
    except ValueError:
        message = "Invalid decimal number"
        raise RefusedError(message) from None
    if amount <= 0:
        message = "Send amount cannot be zero" if amount == 0 else "Invalid number of decimals"
        raise RefusedError(message)
    return amount


def _name_and_expiry(text: str, now: Ms) -> tuple[str, Ms]:
    """An agent's name without its `valid_until` suffix, and when it expires."""
    found = _VALID_UNTIL.match(text)
    return (found.group(1), Ms(int(found.group(2)))) if found else (text, Ms(now + AGENT_LIFE_MS))
