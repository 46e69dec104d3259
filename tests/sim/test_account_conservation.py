"""Money under random account actions: transfers, sub-accounts, vaults, modes, trades. None is made, none is lost."""

from __future__ import annotations

from random import Random
from typing import Final

import pytest

from hlmm.sim.exchange import Exchange
from hlmm.types import MICRO, decimal_text
from tests.support.venue import Venue, busy_venue

STEPS: Final = 1_500
CHAIN: Final = {"hyperliquidChain": "Testnet", "signatureChainId": "0x66eee"}
COIN: Final = "USDC:0x6d1e7cde53ba9467b783cb7ce530ce054"
PLACES: Final = ("", "xyz", "spot")
MODES: Final = ("disabled", "unifiedAccount", "portfolioMargin")


class Crowd:
    """Accounts that do anything they may."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.venue: Venue = busy_venue(seed)
        self.exchange: Exchange = self.venue.exchange
        self.deposited = sum(account.deposited for account in self.exchange.accounts)
        self.done: dict[str, int] = {}

    def step(self) -> None:
        """One random action of one random account, at most half of them refused."""
        rng, venue = self.rng, self.venue
        venue.nonce += 1
        actor = rng.randrange(3)
        makers = (self.send, self.send_asset, self.shift, self.family, self.invest, self.mode, self.trade, self.twap)
        action = rng.choice(makers)(actor)
        envelope: dict[str, object] = {"nonce": venue.nonce}
        others = [a for a in self.exchange.accounts if a.master is not None or a.vault is not None]
        if others and action["type"] in {"order", "twapOrder"} and rng.random() < 0.5:
            envelope["vaultAddress"] = rng.choice(others).address
        answer = venue.act(actor, action, **envelope)
        if answer["status"] == "ok":
            kind = str(action["type"])
            self.done[kind] = self.done.get(kind, 0) + 1

    def someone(self) -> str:
        """An address, sometimes a new one."""
        if self.rng.random() < 0.05:
            return f"0x{self.rng.getrandbits(160):040x}"
        return str(self.rng.choice(self.exchange.accounts).address)

    def amount(self) -> str:
        """Up to 3,000 USDC."""
        return decimal_text(self.rng.randrange(3_000 * MICRO), 6)

    def send(self, actor: int) -> dict[str, object]:
        """A transfer to another account, or off the exchange."""
        del actor
        kind = self.rng.choice(("usdSend", "spotSend", "withdraw3"))
        token = {"token": COIN} if kind == "spotSend" else {}
        base = {"type": kind, "destination": self.someone(), "amount": self.amount(), "time": self.venue.nonce}
        return {**base, **token, **CHAIN}

    def send_asset(self, actor: int) -> dict[str, object]:
        """A transfer between any two places."""
        source = self.rng.choice(self.exchange.accounts)
        sub = source.address if source.master == self.exchange.accounts[actor].address else ""
        return {
            "type": "sendAsset", "destination": self.someone(), "sourceDex": self.rng.choice(PLACES),
            "destinationDex": self.rng.choice(PLACES), "token": COIN, "amount": self.amount(),
            "fromSubAccount": sub, "nonce": self.venue.nonce, **CHAIN,
        }  # fmt: skip

    def shift(self, actor: int) -> dict[str, object]:
        """Between spot and perps."""
        del actor
        to_perp = self.rng.random() < 0.5
        return {"type": "usdClassTransfer", "amount": self.amount(), "toPerp": to_perp, "nonce": self.venue.nonce,
                **CHAIN}  # fmt: skip

    def family(self, actor: int) -> dict[str, object]:
        """Sub-accounts and reserved requests."""
        subs = self.exchange.registry.subs_of(self.exchange.accounts[actor])
        if len(subs) < 2:
            return {"type": "createSubAccount", "name": f"n{len(subs)}"}
        if self.rng.random() < 0.1:
            return {"type": "reserveRequestWeight", "weight": self.rng.randrange(1_000)}
        return {"type": "subAccountTransfer", "subAccountUser": self.rng.choice(subs).address,
                "isDeposit": self.rng.random() < 0.6, "usd": self.rng.randrange(1, 2_000 * MICRO)}  # fmt: skip

    def invest(self, actor: int) -> dict[str, object]:
        """Vaults."""
        del actor
        vaults = [a for a in self.exchange.accounts if a.vault is not None]
        if len(vaults) < 2:
            return {"type": "createVault", "name": "v", "description": "", "initialUsd": 500 * MICRO,
                    "nonce": self.venue.nonce}  # fmt: skip
        return {"type": "vaultTransfer", "vaultAddress": self.rng.choice(vaults).address,
                "isDeposit": self.rng.random() < 0.5, "usd": self.rng.randrange(1, 500 * MICRO)}  # fmt: skip

    def mode(self, actor: int) -> dict[str, object]:
        """Account modes."""
        return {"type": "userSetAbstraction", "user": self.exchange.accounts[actor].address,
                "abstraction": self.rng.choice(MODES), "nonce": self.venue.nonce, **CHAIN}  # fmt: skip

    def trade(self, actor: int) -> dict[str, object]:
        """A taking order."""
        del actor
        listing = self.rng.choice(list(self.exchange.listings.values()))
        grid, buy = listing.instrument, self.rng.random() < 0.5
        px = grid.on_grid_down(type(listing.marks.mark)(listing.marks.mark * (101 if buy else 99) // 100))
        sz = self.rng.randint(1, 2_000 * MICRO // listing.marks.mark)
        order = {"a": grid.asset, "b": buy, "p": decimal_text(px, grid.px_decimals),
                 "s": decimal_text(sz, grid.sz_decimals), "r": False, "t": {"limit": {"tif": "Gtc"}}}  # fmt: skip
        return {"type": "order", "orders": [order], "grouping": "na"}

    def twap(self, actor: int) -> dict[str, object]:
        """A TWAP of 300 USD."""
        del actor
        listing = self.rng.choice(list(self.exchange.listings.values()))
        sz = decimal_text(300 * MICRO // listing.marks.mark, listing.instrument.sz_decimals)
        twap = {"a": listing.instrument.asset, "b": self.rng.random() < 0.5, "s": sz, "r": False, "m": 5, "t": True}
        return {"type": "twapOrder", "twap": twap}

    def held(self) -> int:
        """Every micro-USD of everybody."""
        house = self.exchange.desk.house
        total = house.fees + house.withdrawn + house.funding + house.background_raw
        for account in self.exchange.accounts:
            isolated = sum(held.isolated_raw for held in account.positions.values())
            total += sum(account.raw_usd.values()) + account.spot_usd + isolated
        return total


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_made_or_lost(seed: int) -> None:
    """After every one of 1,500 random account actions the money of all parties is what was deposited."""
    crowd = Crowd(seed)
    for step in range(STEPS):
        crowd.step()
        assert crowd.held() == crowd.deposited, step
        assert all(account.spot_usd >= 0 for account in crowd.exchange.accounts)
        assert all(not account.spot_usd for account in crowd.exchange.accounts if account.unified)
        if step % 50 == 0:
            crowd.venue.block(30_000)
    wanted = {"usdSend", "sendAsset", "subAccountTransfer", "vaultTransfer", "userSetAbstraction", "order", "twapOrder"}
    assert wanted <= set(crowd.done), crowd.done
