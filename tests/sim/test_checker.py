"""hlmm's orders, the simulator and an independent checker agree on what the venue accepts.

`HLMM_CHECKER_ORDERS` sets how many orders of each kind are tried; the acceptance figure is 100000.
"""

from __future__ import annotations

import math
import os
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec

from hlmm.core.commands import PlaceOrder
from hlmm.core.quantize import WishLevel, quantize
from hlmm.hyperliquid.batching import place_action
from hlmm.hyperliquid.universe import MetaWire, PerpWire, Universe
from hlmm.sim.accounts import Account
from hlmm.sim.actions import WrongShapeError
from hlmm.sim.config import LimitConfig, SimConfig
from hlmm.sim.exchange import Exchange
from hlmm.sim.venue import Listing
from hlmm.types import MICRO, Address, Coin, Instrument, Px, Side, to_cloid
from tests.support.checker import Facts, broken
from tests.support.venue import START, StillMarket, Venue

ORDERS: Final = int(os.environ.get("HLMM_CHECKER_ORDERS", "4000"))
PER_WORLD: Final = 40
COIN: Final = Coin("ANY")
GENEROUS: Final = SimConfig(limits=LimitConfig(base_requests=10**12, open_orders=100_000))
Order = dict[str, Any]


class World:
    """A venue with one coin of random grid, leverage, price and book, and one account with random money."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        decimals = rng.randint(0, 5)
        usd = math.exp(rng.uniform(math.log(200 * 10.0 ** (decimals - 6)), math.log(250_000)))
        leverage = rng.choice((1, 3, 5, 10, 20, 25, 40))
        self.perp = Instrument(coin=COIN, asset=0, sz_decimals=decimals, max_leverage=leverage)
        mark = max(200, round(usd * 10**self.perp.px_decimals))
        market = StillMarket(self.perp, Px(mark))
        gap = max(1, int(mark * rng.uniform(1e-5, 3e-3)))
        lot = max(1, 10**9 // mark)
        market.background(Side.BID, self.perp.on_grid_down(Px(mark - gap)), rng.randint(lot, 100 * lot))
        market.background(Side.ASK, self.perp.on_grid_up(Px(mark + gap)), rng.randint(lot, 100 * lot))
        cash = int(math.exp(rng.uniform(math.log(50), math.log(10**8)))) * MICRO
        owner = Account(index=0, address=Address("0x" + "1" * 40), raw_usd={"": cash}, deposited=cash)
        self.market = market
        self.venue = Venue(Exchange(GENEROUS, [Listing(market, START)], [owner], START))
        self.user = owner.address

    def facts(self) -> Facts:
        """What the venue's own answers say."""
        state = self.venue.ask(type="clearinghouseState", user=self.user)
        asset = self.venue.ask(type="activeAssetData", user=self.user, coin=COIN)
        bids, asks = self.venue.ask(type="l2Book", coin=COIN)["levels"]
        cross = state["crossMarginSummary"]
        held = state["assetPositions"]
        return Facts(
            asset=0,
            size_decimals=self.perp.sz_decimals,
            max_leverage=self.perp.max_leverage,
            mark=Decimal(asset["markPx"]),
            bid=Decimal(bids[0]["px"]) if bids else None,
            ask=Decimal(asks[0]["px"]) if asks else None,
            position=Decimal(held[0]["position"]["szi"]) if held else Decimal(0),
            leverage=asset["leverage"]["value"],
            free_margin=Decimal(cross["accountValue"]) - Decimal(cross["totalMarginUsed"]),
        )

    def verdict(self, order: Order) -> str | None:
        """The simulator's refusal of an order, None when it took it; what rests is cancelled again."""
        try:
            (status,) = self.venue.place(0, order)
        except WrongShapeError:
            return "malformed"
        if "error" in status:
            text: str = status["error"]
            return text
        if "resting" in status:
            oid = status["resting"]["oid"]
            self.venue.act(0, {"type": "cancel", "cancels": [{"a": 0, "o": oid}]})
        return None

    # ---- orders of hlmm ----

    def own_orders(self) -> list[Order]:
        """A random wish, quantized and encoded as the client sends it."""
        rng, perp = self.rng, self.perp
        bid, ask = self.market.bids(1)[0].px, self.market.asks(1)[0].px
        middle = perp.price(Px((bid + ask) // 2))
        wish = tuple(
            WishLevel(rng.choice(tuple(Side)), middle * (1 + rng.uniform(-0.02, 0.02)),
                      math.exp(rng.uniform(math.log(1), math.log(2_000))) / middle)
            for _ in range(rng.randint(1, 12))
        )  # fmt: skip
        places = [
            PlaceOrder(cloid=to_cloid(number), coin=COIN, side=quote.side, px=quote.px, sz=quote.sz)
            for number, quote in enumerate(quantize(wish, perp, bid, ask), 1)
        ]
        meta = MetaWire([PerpWire(name=COIN, sz_decimals=perp.sz_decimals, max_leverage=perp.max_leverage)])
        action = place_action(places, Universe({"": meta}, [])) if places else None
        sent: list[Order] = [] if action is None else msgspec.json.decode(msgspec.json.encode(action))["orders"]
        return sent

    # ---- orders of anyone ----

    def any_order(self) -> Order:
        """An order with about one fault in every second one."""
        rng, perp = self.rng, self.perp
        mark = perp.price(self.venue.exchange.listings[COIN].marks.mark)
        usd = mark * math.exp(rng.gauss(0, 0.01) if rng.random() < 0.8 else rng.uniform(-4, 1))
        size = math.exp(rng.uniform(math.log(5), math.log(50_000))) / usd
        return {
            "a": 0, "b": rng.random() < 0.5, "p": self._price(usd), "s": self._size(size), "r": rng.random() < 0.2,
            "t": {"limit": {"tif": rng.choice(("Alo", "Gtc", "Ioc"))}},
        }  # fmt: skip

    def _price(self, usd: float) -> str:
        rng = self.rng
        roll = rng.random()
        if roll < 0.02:
            return rng.choice(("0", "-1", "1e3", "", "0.0", ".5", "1.", "+7", "1,5", "0.000000001", "NaN"))
        if roll < 0.7:
            places = min(self.perp.px_decimals, max(0, 4 - math.floor(math.log10(usd))))
            return f"{usd:.{places}f}"
        return f"{usd:.{rng.randint(0, 8)}f}"

    def _size(self, size: float) -> str:
        rng = self.rng
        if rng.random() < 0.02:
            return rng.choice(("0", "0.0", "-3", "1e1", "x", "0.0000000001"))
        return f"{size:.{self.perp.sz_decimals + (rng.random() < 0.1)}f}"


def test_every_order_of_ours_is_accepted() -> None:
    """The checker and the simulator accept every order hlmm sends, over random metas, prices and wishes."""
    rng, seen = Random(1), 0
    while seen < ORDERS:
        world = World(rng)
        owner = world.venue.exchange.accounts[0]
        owner.raw_usd[""] = owner.deposited = 10**9 * MICRO
        facts = world.facts()
        for _ in range(PER_WORLD // 8):
            for order in world.own_orders():
                assert broken(order, facts) == [], (order, facts)
                assert world.verdict(order) is None, (order, facts)
                seen += 1


def test_simulator_refuses_exactly_what_the_checker_refuses() -> None:
    """Over random metas, books, positions and orders, the simulator's refusal is a rule the checker finds broken."""
    rng, seen, refused = Random(2), 0, 0
    while seen < ORDERS:
        world = World(rng)
        for _ in range(PER_WORLD):
            order, facts = world.any_order(), world.facts()
            rules, said = broken(order, facts), world.verdict(order)
            assert (said is None) == (not rules), (order, facts, rules, said)
            assert said is None or any(said.startswith(rule) for rule in rules), (order, facts, rules, said)
            seen += 1
            refused += said is not None
    assert ORDERS // 5 < refused < ORDERS * 4 // 5


def test_the_checker_is_independent() -> None:
    """The checker imports nothing of the program it judges."""
    lines = (Path(__file__).parents[1] / "support" / "checker.py").read_text().splitlines()
    imported = [line.split()[1].partition(".")[0] for line in lines if line.startswith(("import ", "from "))]
    assert imported
    assert not {"hlmm", "tests"}.intersection(imported)
