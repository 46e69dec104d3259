"""Liquidation of accounts (cross) and positions (isolated) whose equity is below maintenance margin.

First by market orders on the book: for the whole size, or a fifth of it when the position is large, after which
everything is closed at once for half a minute. Below two thirds of maintenance the backstop liquidator takes the
positions with their margin; when nothing is left of it, auto-deleveraging closes them against the most profitable
and leveraged opposite positions, at the previous mark. Source: protocol.md §15.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hlmm.sim.accounts import Account, Order, Position
from hlmm.sim.admission import Registry
from hlmm.sim.clearing import margining, position_maintenance, position_margin, summary
from hlmm.sim.desk import Desk
from hlmm.sim.fills import Liquidation
from hlmm.sim.market import BACKGROUND
from hlmm.sim.settlement import Transfer
from hlmm.sim.standing import LedgerRow
from hlmm.sim.text import Json, sz_text, usd
from hlmm.sim.venue import Listing
from hlmm.types import MICRO, Address, Coin, Ms, Px, Side, Sz

LIQUIDATOR: Final = Address("0x" + "2e" * 20)
"""Address of the backstop liquidator, opened when first needed."""
LARGE_USD: Final = 100_000
FIRST_SHARE: Final = 5
COOLDOWN_MS: Final = 30_000
BACKSTOP_NUMERATOR, BACKSTOP_DENOMINATOR = 2, 3
PX_WORST: Final = 2
ADL: Final = "Auto-Deleveraging"


class Liquidator:
    """Watches every account after each change of the marks."""

    def __init__(self, desk: Desk, registry: Registry) -> None:
        """Liquidate on `desk`."""
        self._desk = desk
        self._registry = registry
        self._told = 0
        self._full_until: dict[int, Ms] = {}
        self._previous: dict[Coin, Px] = {coin: listing.marks.mark for coin, listing in desk.listings.items()}

    def run(self, now: Ms) -> None:
        """Liquidate what the marks of `now` require."""
        for account in list(self._registry.accounts):
            if account.address != LIQUIDATOR and any(held.szi for held in account.positions.values()):
                for dex in list(account.raw_usd):
                    self._cross(account, dex, now)
                self._isolated(account, now)
        self._previous = {coin: listing.marks.mark for coin, listing in self._desk.listings.items()}

    def _cross(self, account: Account, dex: str, now: Ms) -> None:
        """The cross account of a dex: all its positions together."""
        money = summary(account, self._desk.listings, dex)
        if money.cross_value >= money.maintenance:
            return
        self._desk.cancel_all(account, dex, "liquidatedCanceled")
        held = [x for x in self._open(account) if x.dex == dex and margining(account, x).cross]
        self._tell(account, held, money.cross_value, "Cross")
        if money.cross_value * BACKSTOP_DENOMINATOR >= money.maintenance * BACKSTOP_NUMERATOR:
            for listing in held:
                self._sell_out(account, listing, now)
            return
        for listing in held:
            self._take_over(account, listing, solvent=money.cross_value >= 0)
        left = account.raw_usd[dex]
        account.raw_usd[dex] -= left
        liquidator = self._liquidator()
        liquidator.raw_usd[dex] = liquidator.raw_usd.get(dex, 0) + left

    def _isolated(self, account: Account, now: Ms) -> None:
        """Each isolated position for itself."""
        for listing in self._open(account):
            held, setting = account.position(listing.coin), margining(account, listing)
            needed, equity = position_maintenance(held, listing), position_margin(held, listing, setting)
            if setting.cross or equity >= needed:
                continue
            self._cancel_coin(account, listing.coin)
            self._tell(account, [listing], equity, "Isolated")
            if equity * BACKSTOP_DENOMINATOR >= needed * BACKSTOP_NUMERATOR:
                self._sell_out(account, listing, now)
                continue
            cash = account.raw_usd.get(listing.dex, 0)
            self._take_over(account, listing, solvent=equity >= 0)
            left = account.raw_usd[listing.dex] - cash
            account.raw_usd[listing.dex] -= left
            liquidator = self._liquidator()
            liquidator.raw_usd[listing.dex] = liquidator.raw_usd.get(listing.dex, 0) + left

    def _tell(self, account: Account, held: Sequence[Listing], value: int, kind: str) -> None:
        """Write the liquidation into the account's ledger and feeds. Args: value, of what is liquidated."""
        log = self._desk.log
        notional = sum(abs(account.szi(x.coin)) * x.marks.mark for x in held)
        delta: dict[str, Json] = {
            "type": "liquidation",
            "liquidatedNtlPos": usd(notional),
            "accountValue": usd(value),
            "leverageType": kind,
            "liquidatedPositions": [
                {"coin": x.coin, "szi": sz_text(x.instrument, account.szi(x.coin))} for x in held
            ],
        }  # fmt: skip
        row = LedgerRow(time=log.time, hash=log.next_hash(), delta=delta)
        account.ledger.append(row)
        log.ledger.setdefault(account.index, []).append(row)
        self._told += 1
        told: Json = {
            "lid": self._told,
            "liquidator": LIQUIDATOR,
            "liquidated_user": account.address,
            "liquidated_ntl_pos": usd(notional),
            "liquidated_account_value": usd(value),
        }
        log.liquidations.setdefault(account.index, []).append(told)

    def _open(self, account: Account) -> list[Listing]:
        """Listings in which the account holds a position."""
        return [self._desk.listings[coin] for coin, held in account.positions.items() if held.szi]

    def _cancel_coin(self, account: Account, coin: Coin) -> None:
        for order in [o for o in (*account.open.values(), *account.waiting.values()) if o.coin == coin]:
            self._desk.cancel(account, order, "liquidatedCanceled")

    def _sell_out(self, account: Account, listing: Listing, now: Ms) -> None:
        """Close a position on the book as far as the book reaches: all of it, or the first fifth."""
        szi, mark = account.szi(listing.coin), listing.marks.mark
        size = abs(szi)
        if size * mark > LARGE_USD * MICRO and now >= self._full_until.get(account.index, Ms(0)):
            size = max(1, size // FIRST_SHARE)
            self._full_until[account.index] = Ms(now + COOLDOWN_MS)
        side = Side.ASK if szi > 0 else Side.BID
        px = Px(max(1, mark // PX_WORST) if side is Side.ASK else mark * PX_WORST)
        order = Order(
            oid=self._desk.next_oid(), owner=account.index, coin=listing.coin, side=side, px=px, sz=Sz(size),
            orig_sz=Sz(size), tif="LiquidationMarket", placed_ms=now, reduce_only=True, status_ms=now,
        )  # fmt: skip
        settlement = self._desk.settlement
        settlement.liquidation = Liquidation(user=account.address, mark=mark, method="market")
        self._desk.execute(account, order)
        settlement.liquidation = None

    def _take_over(self, account: Account, listing: Listing, *, solvent: bool) -> None:
        """Hand a position to the backstop, or deleverage others when its account has no value left."""
        if not solvent:
            self._deleverage(account, listing)
        szi, mark = account.szi(listing.coin), listing.marks.mark
        if szi == 0:
            return
        kind = "Cross" if margining(account, listing).cross else "Isolated"
        told = Liquidation(user=account.address, mark=mark, method="backstop")
        direction = f"Liquidated {kind} {'Long' if szi > 0 else 'Short'}"
        self._hand_over(listing, account.index, self._liquidator().index, szi, mark, (direction, told))

    def _hand_over(
        self, listing: Listing, giver: int, taker: int, szi: int, px: Px, words: tuple[str, Liquidation | None]
    ) -> None:
        """Move a signed position from one owner to another at a price."""
        seller, buyer = (giver, taker) if szi > 0 else (taker, giver)
        moved = Transfer(
            px=px, sz=Sz(abs(szi)), seller=seller, buyer=buyer, direction=words[0], liquidation=words[1]
        )  # fmt: skip
        self._desk.settlement.transfer(listing, moved)
        for owner in (giver, taker):
            if owner != BACKGROUND:
                self._desk.trim_reduce_only(self._registry.accounts[owner], listing)

    def _deleverage(self, account: Account, listing: Listing) -> None:
        """Close a position against opposite ones, the most profitable and leveraged first, at the previous mark."""
        px = self._previous[listing.coin]
        for owner, available in self._ranked(account, listing):
            szi = account.szi(listing.coin)
            size = min(abs(szi), available)
            if size:
                self._hand_over(listing, account.index, owner, size if szi > 0 else -size, px, (ADL, None))

    def _ranked(self, account: Account, listing: Listing) -> list[tuple[int, int]]:
        """Opposite holders and their sizes in the order they are deleveraged; the background comes last."""
        szi, ranked = account.szi(listing.coin), []
        for other in self._registry.accounts:
            held = other.positions.get(listing.coin)
            if held is not None and held.szi * szi < 0:
                ranked.append((self._rank(other, listing, held), other.index, abs(held.szi)))
        ranked.sort(reverse=True)
        background = self._desk.house.background.get(listing.coin, 0)
        last = [(BACKGROUND, abs(background))] if background * szi < 0 else []
        return [(owner, size) for _, owner, size in ranked] + last

    def _rank(self, other: Account, listing: Listing, held: Position) -> float:
        """Profit ratio times leverage."""
        mark = listing.marks.mark
        notional = abs(held.szi) * mark
        entry = held.cost / abs(held.szi) if held.cost else float(mark)
        gain = mark / entry if held.szi > 0 else entry / mark
        value = summary(other, self._desk.listings, listing.dex).value
        return gain * notional / max(1, value)

    def _liquidator(self) -> Account:
        """The backstop's account, opened on first use."""
        found = self._registry.account(LIQUIDATOR)
        if found is None:
            found = Account(index=len(self._registry.accounts), address=LIQUIDATOR)
            self._registry.add(found)
        return found
