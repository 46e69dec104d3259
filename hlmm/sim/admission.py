"""Who may act and how often: nonces per signer, agents, the address request budget.

Source: Hyperliquid documentation, "Nonces and API wallets", "Rate limits and user limits"; refusal texts recorded.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping
from typing import Final

from hlmm.sim.accounts import Account, Agent
from hlmm.sim.candles import DAY, MINUTE
from hlmm.sim.config import LimitConfig
from hlmm.types import MICRO, Ms

NONCES_KEPT: Final = 100
NONCE_SLACK_MS: Final = 2 * MINUTE
CANCEL_ALLOWANCE: Final = 100_000
EXPIRED_COST: Final = 5


class Nonces:
    """Nonces seen per signer: unused, above the 100th highest, within about two days back and one day ahead."""

    def __init__(self) -> None:
        """Nothing seen."""
        self._highest: dict[str, list[int]] = {}
        self._seen: dict[str, dict[int, None]] = {}

    def spend(self, signer: str, nonce: int, now: Ms) -> str | None:
        """Take a nonce. Args: now, block time. Returns: refusal text; None when it was fresh (now used)."""
        floor, ceiling = now - 2 * DAY + NONCE_SLACK_MS, now + DAY - NONCE_SLACK_MS
        seen, highest = self._seen.setdefault(signer, {}), self._highest.setdefault(signer, [])
        if nonce in seen:
            return f"Invalid nonce: duplicate nonce {nonce}"
        if nonce < floor:
            return f"Invalid nonce: nonce too low {nonce} < {floor}"
        if nonce > ceiling:
            return f"Invalid nonce: nonce too high {nonce} > {ceiling}"
        if len(highest) >= NONCES_KEPT and nonce < highest[0]:
            return f"Invalid nonce: nonce too low {nonce} < {highest[0]}"
        seen[nonce] = None
        insort(highest, nonce)
        del highest[:-NONCES_KEPT]
        while (oldest := next(iter(seen))) < floor:
            del seen[oldest]
        return None


class Budget:
    """The request budget of an address: 10,000 plus 1 per USDC traded; cancels have a higher ceiling."""

    def __init__(self, limits: LimitConfig) -> None:
        """Apply `limits`."""
        self._limits = limits

    def cap(self, account: Account) -> int:
        """Requests the account may have used so far."""
        return self._limits.base_requests + account.volume // MICRO

    def take(self, account: Account, cost: int, now: Ms, *, cancel: bool) -> str | None:
        """Charge `cost` >= 0 requests. Args: cancel, whether the action only cancels. Returns: refusal text or None.

        Over budget, one action per 10 s passes; a refusal neither charges nor restarts the wait.
        """
        cap = self.cap(account)
        ceiling = min(cap + CANCEL_ALLOWANCE, 2 * cap) if cancel else cap
        used = account.requests - account.reserved
        over = used + cost > ceiling
        if over and cost > 0 and now - account.last_action_ms < self._limits.throttled_action_ms:
            dollars, cents = divmod(account.volume // 10_000, 100)
            return (
                f"Too many cumulative requests sent ({used + cost} > {cap}) for cumulative volume traded "
                f"${dollars}.{cents:02d}. Place taker orders to free up 1 request per USDC traded."
            )
        account.requests += cost
        account.last_action_ms = now
        return None


class Registry:
    """Addresses: accounts, and the agent keys that sign for them."""

    def __init__(self, accounts: list[Account]) -> None:
        """Know `accounts` and their agents; the list may grow."""
        self.accounts = accounts
        self._by_address: dict[str, Account] = {str(account.address): account for account in accounts}
        self._agents: dict[str, tuple[Account, str]] = {
            str(agent.address): (account, name) for account in accounts for name, agent in account.agents.items()
        }

    def add(self, account: Account) -> None:
        """Open an account."""
        assert account.index == len(self.accounts), account.index
        self.accounts.append(account)
        self._by_address[str(account.address)] = account

    def account(self, address: str) -> Account | None:
        """The account at an address (any case, with or without 0x), or None."""
        return self._by_address.get(normal_address(address))

    def approve(self, account: Account, agent: Agent) -> None:
        """Let an agent sign for an account, in place of the one that had its name."""
        self.revoke(account, agent.name)
        account.agents[agent.name] = agent
        self._agents[str(agent.address)] = (account, agent.name)

    def revoke(self, account: Account, name: str) -> None:
        """Forget an account's agent by name; one that does not exist is no matter."""
        gone = account.agents.pop(name, None)
        if gone is not None:
            self._agents.pop(str(gone.address), None)

    def prune(self, account: Account, now: Ms, *, funded: bool) -> None:
        """Forget an account's expired agents; all of them when it has no funds left."""
        for name in [a.name for a in account.agents.values() if a.valid_until <= now or not funded]:
            self.revoke(account, name)

    def master_of(self, address: str, now: Ms) -> Account | None:
        """The account whose live agent the address is, or None."""
        account, name = self._agents.get(normal_address(address), (None, ""))
        return account if account is not None and account.agents[name].valid_until > now else None

    def actor(self, signer: str, now: Ms) -> Account | None:
        """The account that a signature by `signer` acts for: its own, or its master's."""
        return self._by_address.get(signer) or self.master_of(signer, now)

    def subs_of(self, account: Account) -> list[Account]:
        """The account's sub-accounts, oldest first."""
        return [found for found in self.accounts if found.master == account.address]


def normal_address(address: str) -> str:
    """Lower case with 0x."""
    lowered = address.lower()
    return lowered if lowered.startswith("0x") else "0x" + lowered


def day_of(now: Ms) -> int:
    """UTC day number."""
    return now // DAY


def gate_text(account: Account, what: str, required_usd: int) -> str:
    """A volume gate's refusal. Args: what, the thing that cannot be done."""
    dollars, cents = divmod(account.volume // 10_000, 100)
    return f"Cannot {what} until enough volume traded. Required: ${required_usd}. Traded: ${dollars}.{cents:02d}."


def fired_today(account: Account, now: Ms) -> int:
    """How often the dead man's switch fired this UTC day."""
    fired: Mapping[int, int] = account.cancels_fired
    return fired.get(day_of(now), 0)
