"""A simulated exchange under a test's hand: actions in as JSON, answers out, one block at a time, no signatures."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any, Final, cast

from hlmm.sim.accounts import Account
from hlmm.sim.actions import decode_envelope
from hlmm.sim.config import SimConfig, SyntheticMarketConfig
from hlmm.sim.exchange import Exchange, Pending
from hlmm.sim.info import ask, parse
from hlmm.sim.market import BACKGROUND, BookLevel, MakerGuard, Match, Placement
from hlmm.sim.matching import MatchingBook
from hlmm.sim.venue import Listing
from hlmm.sim.world import build_world
from hlmm.types import MICRO, Address, Coin, Instrument, Ms, Oid, Px, Side, Sz, Tif

START: Final = Ms(1_767_225_600_000)
BLOCK: Final = 80
NO_SIGNATURE: Final = {"r": "0x1", "s": "0x1", "v": 27}


class StillMarket:
    """A market that only the test trades in; its oracle is where the test puts it. Implements `sim.market.Market`."""

    def __init__(self, instrument: Instrument, oracle: Px) -> None:
        self.instrument = instrument
        self.oracle = oracle
        self.book = MatchingBook()
        self._oid = 0
        self._guard: MakerGuard | None = None

    def guard_makers(self, guard: MakerGuard) -> None:
        """Asked before an account's order trades."""
        self._guard = self.book.guard = guard

    def new_book(self) -> None:
        """Begin again with an empty book."""
        self.book = MatchingBook()
        self.book.guard = self._guard

    def place(self, oid: Oid, owner: int, side: Side, px: Px, sz: Sz, tif: Tif) -> Placement:
        """Match, then rest."""
        return self.book.place(oid, owner, side, px, sz, tif)

    def cancel(self, oid: Oid) -> Sz | None:
        """Remove a resting order."""
        return self.book.cancel(oid)

    def shrink(self, oid: Oid, sz: Sz) -> None:
        """Reduce a resting order."""
        self.book.shrink(oid, sz)

    def step(self, now: Ms) -> tuple[Match, ...]:
        """Nobody else trades."""
        del now
        return ()

    def bids(self, depth: int) -> tuple[BookLevel, ...]:
        """Best first."""
        return self.book.levels(Side.BID, depth)

    def asks(self, depth: int) -> tuple[BookLevel, ...]:
        """Best first."""
        return self.book.levels(Side.ASK, depth)

    def best(self, side: Side) -> Px | None:
        """Best price of a side."""
        return self.book.best(side)

    def oracle_px(self, now: Ms) -> Px:
        """Where the test put it."""
        del now
        return self.oracle

    def last_px(self) -> Px | None:
        """Of the last execution."""
        return self.book.last_px

    def horizon(self) -> Ms | None:
        """Endless."""
        return None

    def drain(self, side: Side) -> None:
        """Remove nobody's orders from a side."""
        for order in [o for o in self.book.orders.values() if o.owner == BACKGROUND and o.side is side]:
            self.book.cancel(order.oid)

    def background(self, side: Side, px: int, sz: int) -> Placement:
        """A resting or taking order of nobody's."""
        self._oid -= 1
        return self.book.place(Oid(self._oid), BACKGROUND, side, Px(px), Sz(sz), "Gtc")


class Venue:
    """An exchange and its clock. `act` runs one block per action."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.now: int = exchange.now
        self.nonce = int(exchange.now)
        self._ticket = 0

    def submit(self, account: int, action: Mapping[str, object], **envelope: object) -> int:
        """Queue an action of an account (or, `signer=`, of another address). Returns: its ticket."""
        self.nonce += "nonce" not in envelope
        self._ticket += 1
        signer = str(envelope.pop("signer", self.exchange.accounts[account].address))
        members = cast("tuple[tuple[str, ...], ...]", envelope.pop("members", ()))
        body = {"action": action, "nonce": self.nonce, "signature": NO_SIGNATURE, **envelope}
        pending = Pending(
            ticket=self._ticket, envelope=decode_envelope(body), signers=(signer,), ready=Ms(self.now), members=members
        )
        self.exchange.submit(pending)
        return self._ticket

    def block(self, ms: int = BLOCK) -> dict[int, Any]:
        """Run one block. Returns: answers by ticket."""
        self.now += ms
        return {answer.ticket: answer.body for answer in self.exchange.run_block(Ms(self.now)).answers}

    def act(self, account: int, action: Mapping[str, object], **envelope: object) -> Any:  # noqa: ANN401 - venue JSON
        """Queue one action, run a block, return its answer."""
        ticket = self.submit(account, action, **envelope)
        return self.block()[ticket]

    def place(self, account: int, *orders: dict[str, object]) -> list[Any]:
        """Place orders; the statuses."""
        answer = self.act(account, {"type": "order", "orders": list(orders), "grouping": "na"})
        assert answer["status"] == "ok", answer
        statuses: list[Any] = answer["response"]["data"]["statuses"]
        return statuses

    def ask(self, **query: object) -> Any:  # noqa: ANN401 - venue JSON
        """An info answer."""
        return ask(self.exchange, parse(query))


def order(side: str, px: str, sz: str, tif: str = "Alo", **more: object) -> dict[str, object]:
    """An order on asset 0. Args: side, "B" or "A"; more: a=, r=, c=."""
    kind = {"limit": {"tif": tif}}
    return {"a": 0, "b": side == "B", "p": px, "s": sz, "r": False, "t": kind, **more}


def still_venue(config: SimConfig | None = None, *, accounts: int = 3) -> tuple[Venue, StillMarket]:
    """A venue with one quiet coin: BTC, oracle 100,000, bid 99,990 and ask 100,010 for 1 BTC each."""
    market = StillMarket(Instrument(coin=Coin("BTC"), asset=0, sz_decimals=5, max_leverage=40), Px(1_000_000))
    market.background(Side.BID, 999_900, 100_000)
    market.background(Side.ASK, 1_000_100, 100_000)
    people = [
        Account(index=n, address=Address(f"0x{n + 1:040x}"), raw_usd={"": 100_000 * MICRO}, deposited=100_000 * MICRO)
        for n in range(accounts)
    ]
    return Venue(Exchange(config or SimConfig(), [Listing(market, START)], people, START)), market


def busy_venue(seed: int, deposit_usd: int = 100_000) -> Venue:
    """A venue with synthetic traders on three coins, one of them isolated on a builder dex."""
    markets = SyntheticMarketConfig(coins=("BTC", "ETH", "xyz:XYZ100"), warmup_s=5)
    return Venue(build_world(SimConfig(market=markets, deposit_usd=deposit_usd), seed, START).exchange)


def coin_flip(rng: Random, share: float) -> bool:
    """True with probability `share`."""
    return rng.random() < share
