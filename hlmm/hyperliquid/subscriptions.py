"""Owns which channels a session listens to, their frames, and how an ack is recognised."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from hlmm.hyperliquid.wire import Subscription
from hlmm.types import Address, Coin

MARKET: Final = ("bbo", "l2Book", "trades", "activeAssetCtx")
USER: Final = ("orderUpdates", "userFills", "userFundings")


class _Subscribe(msgspec.Struct, frozen=True, gc=False):
    subscription: Subscription
    method: str = "subscribe"


class _Ping(msgspec.Struct, frozen=True, gc=False):
    method: str = "ping"


_JSON: Final = msgspec.json.Encoder()
PING: Final = _JSON.encode(_Ping())


def subscriptions(coins: Iterable[Coin], account: Address) -> list[Subscription]:
    """All subscriptions of a session: the account's first, so that no fill is missed. Books are `fast`."""
    users = [Subscription(type=channel, user=account) for channel in USER]
    return users + market_subscriptions(coins)


def market_subscriptions(coins: Iterable[Coin]) -> list[Subscription]:
    """The public subscriptions of some coins. Books are `fast`."""
    fast = {"l2Book": True}
    return [Subscription(type=channel, coin=coin, fast=fast.get(channel)) for coin in coins for channel in MARKET]


def frame(subscription: Subscription) -> bytes:
    """The frame that subscribes."""
    return _JSON.encode(_Subscribe(subscription))


def key(subscription: Subscription) -> str:
    """What an ack and its request have in common: channel and coin (the account is always ours)."""
    return f"{subscription.type} {subscription.coin}".rstrip()
