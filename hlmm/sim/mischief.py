"""What faults do inside the exchange: accounts touched from outside, books swept, coins delisted. Pure.

Each deed is done at the start of a block, so that its fills and states are published like any others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hlmm.sim.accounts import Account, Agent
from hlmm.sim.actions import LimitKind, OrderAction, OrderKind, OrderWire
from hlmm.sim.exchange import Exchange
from hlmm.sim.faults import Fault
from hlmm.sim.market import BACKGROUND
from hlmm.sim.text import px_text, sz_text
from hlmm.sim.venue import Listing
from hlmm.types import MICRO, Coin, Ms, Side, Sz

SLIPPAGE: Final = 0.04
"""How far beyond the mid a trade by hand goes."""
SWEPT_LEVELS: Final = 10_000

Deed = Callable[[Ms], None]


class Mischief:
    """Does what a plan says to one exchange."""

    def __init__(self, exchange: Exchange) -> None:
        """Do nothing yet."""
        self._exchange = exchange
        self._pruned: dict[int, list[Agent]] = {}

    def listing(self, coin: str) -> Listing:
        """The coin's listing; of the first coin when the name is empty or not listed."""
        listings = self._exchange.listings
        return listings.get(Coin(coin)) or next(iter(listings.values()))

    def _account(self, fault: Fault) -> Account:
        accounts = self._exchange.accounts
        return accounts[fault.whole("account") % len(accounts)]

    def begin(self, fault: Fault) -> Deed | None:
        """What to do when a fault begins, if anything."""
        deeds: dict[str, Deed] = {
            "price_spike": lambda now: self._sweep(fault, now),
            "transfer": lambda _now: self._transfer(fault),
            "manual_trade": lambda _now: self._trade(fault),
            "agent_pruned": lambda _now: self._prune(fault),
            "delisting": lambda _now: self._delist(fault),
        }
        return deeds.get(fault.kind)

    def end(self, fault: Fault) -> Deed | None:
        """What to do when a fault ends, if anything."""
        return (lambda _now: self._restore(fault)) if fault.kind == "agent_pruned" else None

    def _sweep(self, fault: Fault, now: Ms) -> None:
        """Take everything on one side up to the limit."""
        del now
        listing, percent = self.listing(fault.word("coin")), fault.number("percent")
        side = Side.BID if percent > 0 else Side.ASK
        best = listing.market.best(Side.ASK if percent > 0 else Side.BID)
        if best is None:
            return
        ticks = listing.instrument.px_down(listing.instrument.price(best) * (1 + percent / 100))
        levels = listing.market.asks(SWEPT_LEVELS) if percent > 0 else listing.market.bids(SWEPT_LEVELS)
        whole = Sz(sum(level.sz for level in levels if (ticks - level.px) * int(side) >= 0))
        if whole:
            oid = self._exchange.desk.next_oid()
            placed = listing.market.place(oid, BACKGROUND, side, ticks, whole, "Ioc")
            self._exchange.desk.settle(listing, placed.matches)

    def _transfer(self, fault: Fault) -> None:
        account, amount = self._account(fault), round(fault.number("usd") * MICRO)
        account.raw_usd[""] = account.raw_usd.get("", 0) + amount
        account.deposited += amount

    def _trade(self, fault: Fault) -> None:
        """A market order without cloid, as from the front end."""
        listing, usd = self.listing(fault.word("coin")), fault.number("usd")
        buys, instrument = usd > 0, listing.instrument
        mid = instrument.price(listing.marks.mark)
        px = instrument.px_down(mid * (1 + SLIPPAGE if buys else 1 - SLIPPAGE))
        sz = instrument.sz_down(abs(usd) / mid)
        limit = px_text(instrument, px).removesuffix(".0")
        kind = OrderKind(limit=LimitKind("Ioc"))
        wire = OrderWire(a=instrument.asset, b=buys, p=limit, s=sz_text(instrument, sz), r=False, t=kind)
        self._exchange.command(self._account(fault), OrderAction(orders=(wire,), grouping="na"))

    def _prune(self, fault: Fault) -> None:
        account = self._account(fault)
        for name, agent in list(account.agents.items()):
            self._pruned.setdefault(account.index, []).append(agent)
            self._exchange.registry.revoke(account, name)

    def _restore(self, fault: Fault) -> None:
        account = self._account(fault)
        for agent in self._pruned.pop(account.index, []):
            self._exchange.registry.approve(account, agent)

    def _delist(self, fault: Fault) -> None:
        """Cancel everyone's orders in the coin."""
        listing = self.listing(fault.word("coin"))
        for account in self._exchange.accounts:
            for order in [o for o in account.open.values() if o.coin == listing.coin]:
                self._exchange.desk.cancel(account, order, "delistedCanceled")
