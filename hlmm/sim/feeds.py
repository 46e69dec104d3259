"""Subscriptions: which exist, what each requires, how the venue echoes them, and the frames each one pushes.

A `Publisher` renders frames from the exchange's state and a block's log; market frames are encoded once per block.
Source: WebSocket documentation of the venue; cadence and replay behaviour measured on mainnet, 2026-09.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal

import msgspec

from hlmm.sim import feeds_contexts, feeds_people
from hlmm.sim.accounts import HISTORY, Account
from hlmm.sim.admission import normal_address
from hlmm.sim.blocklog import BlockLog
from hlmm.sim.candles import INTERVALS, candle_json
from hlmm.sim.config import CadenceConfig
from hlmm.sim.exchange import Exchange
from hlmm.sim.info_account import account_state, active_asset, fills_of, open_orders, spot_state
from hlmm.sim.info_market import SPOT_PAIR, all_mids, context, dexes
from hlmm.sim.query import NOBODY, Query
from hlmm.sim.render import (
    FAST_LEVELS,
    bbo_json,
    book_body,
    book_json,
    funding_json,
    print_json,
    update_json,
    valid_figures,
)
from hlmm.sim.signed_wire import AddressText
from hlmm.sim.text import Json
from hlmm.sim.venue import REPLAYED_TRADES, Listing
from hlmm.types import Coin, Ms

CANDLE_MS: Final = 500


class UnknownTopicError(ValueError):
    """No such subscription, or a field is missing: the venue answers with an error frame."""


class NoSuchCoinError(ValueError):
    """The venue closes the socket without a word."""


class Topic(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A subscription as a client names it."""

    type: str
    coin: str | None = None
    user: AddressText | None = None
    dex: str | None = None
    interval: str | None = None
    n_sig_figs: int | None = None
    mantissa: int | None = None
    fast: bool | None = None
    aggregate_by_time: bool | None = None

    def echo(self) -> dict[str, Json]:
        """The subscription as acks show it: defaults filled in."""
        given = {"coin": self.coin, "user": self.user, "dex": self.dex, "interval": self.interval}
        body: dict[str, Json] = {"type": self.type, **{k: v for k, v in given.items() if v is not None}}
        if self.type == "l2Book":
            body.update({"nSigFigs": self.n_sig_figs, "mantissa": self.mantissa, "fast": bool(self.fast)})
        if self.aggregate_by_time is not None:
            body["aggregateByTime"] = self.aggregate_by_time
        return body

    @property
    def key(self) -> str:
        """Identity of the subscription on one connection."""
        return msgspec.json.encode(self.echo()).decode()


COIN, USER, USER_COIN, NOTHING = ("coin",), ("user",), ("user", "coin"), ()
REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "bbo": COIN, "l2Book": COIN, "trades": COIN, "activeAssetCtx": COIN, "candle": ("coin", "interval"),
    "allMids": NOTHING, "orderUpdates": USER, "userEvents": USER, "userFills": USER, "userFundings": USER,
    "userNonFundingLedgerUpdates": USER, "openOrders": USER, "clearinghouseState": USER, "webData3": USER,
    "spotState": USER, "notification": USER, "userHistoricalOrders": USER, "activeAssetData": USER_COIN,
    "userTwapSliceFills": USER, "userTwapHistory": USER, "twapStates": USER,
    "allDexsClearinghouseState": USER, **dict.fromkeys(feeds_contexts.CONTEXTS, NOTHING),
}  # fmt: skip


ALIASES: Final[Mapping[str, str]] = {"user": "userEvents"}
"""Names that some clients use for a subscription."""
STATES: Final = (
    "openOrders", "clearinghouseState", "webData3", "spotState", "twapStates", "allDexsClearinghouseState",
)  # fmt: skip
"""Channels that push a whole state, also in every block that changes it."""


def topic_of(value: object, exchange: Exchange) -> Topic:
    """A subscription from decoded JSON. Raises: UnknownTopicError, NoSuchCoinError."""
    try:
        topic = msgspec.convert(value, Topic)
    except msgspec.ValidationError as error:
        raise UnknownTopicError from error
    topic = msgspec.structs.replace(topic, type=ALIASES.get(topic.type, topic.type))
    required = REQUIRED.get(topic.type)
    if required is None or any(getattr(topic, name) is None for name in required):
        raise UnknownTopicError
    if topic.user is not None:
        topic = msgspec.structs.replace(topic, user=normal_address(topic.user))
    bad_book = topic.type == "l2Book" and not valid_figures(topic.n_sig_figs, topic.mantissa)
    bad_candle = topic.type == "candle" and topic.interval not in INTERVALS
    if bad_book or bad_candle or not _is_listed(topic, exchange):
        raise NoSuchCoinError
    return topic


def _is_listed(topic: Topic, exchange: Exchange) -> bool:
    """Whether a topic's coin exists: a perp, or for public topics the spot pair; topics without a coin always do."""
    is_spot = topic.user is None and topic.coin == SPOT_PAIR
    return topic.coin is None or is_spot or Coin(topic.coin) in exchange.listings


def frame(channel: str, data: Json) -> bytes:
    """One text frame."""
    return msgspec.json.encode({"channel": channel, "data": data})


class Publisher:
    """Renders what subscribers get."""

    def __init__(self, exchange: Exchange) -> None:
        """Publish from `exchange`."""
        self._exchange = exchange
        self._cached: dict[str, bytes] = {}
        self._best: dict[Coin, tuple[object, object]] = {coin: x.bbo() for coin, x in exchange.listings.items()}
        self._moved: dict[Coin, None] = {}
        self._open: dict[str, Callable[[Topic], Json]] = {
            "bbo": self._bbo, "l2Book": self._book, "activeAssetCtx": self._context, "allMids": self._mids,
            "candle": self._candle, "trades": self._recent, "openOrders": self._open_orders,
            "clearinghouseState": self._state, "webData3": self._web_data, "spotState": self._spot,
            "activeAssetData": self._active, "userFills": self._fill_history, "userFundings": self._funding_history,
            "twapStates": self._twaps, "allDexsClearinghouseState": self._every_dex,
            **dict.fromkeys(feeds_people.LISTS, self._people),
            **dict.fromkeys(feeds_contexts.CONTEXTS, self._contexts),
        }  # fmt: skip

    def new_block(self) -> None:
        """Forget the last block's frames; note which touches moved."""
        self._cached.clear()
        self._moved.clear()
        for coin, listing in self._exchange.listings.items():
            best = listing.bbo()
            if best != self._best[coin]:
                self._best[coin], self._moved[coin] = best, None

    def opening(self, topic: Topic) -> bytes | None:
        """The frame that follows an ack: a snapshot or a replay; None for channels without one, or without news."""
        return None if self._is_silent(topic) else self._snapshot(topic)

    def _snapshot(self, topic: Topic) -> bytes | None:
        render = self._open.get(topic.type)
        if render is None:
            return None
        if topic.user is not None:
            return frame(topic.type, render(topic))
        found = self._cached.get(topic.key)
        if found is not None:
            return found
        spot = topic.coin == SPOT_PAIR
        channel, data = feeds_contexts.spot_frame(self._exchange, topic.type) if spot else (topic.type, render(topic))
        if data is None:
            return None
        body = self._cached[topic.key] = frame(channel, data)
        return body

    def in_block(self, topic: Topic, log: BlockLog) -> list[bytes]:
        """Frames that this block causes on a topic, periodic ones apart."""
        if topic.user is not None:
            return self._private(topic, log)
        if self._is_silent(topic):
            return []
        coin = Coin(topic.coin or "")
        if topic.type == "bbo" and coin in self._moved:
            return [self._snapshot(topic) or b""]
        if topic.type == "trades" and coin in log.prints:
            key = f"new {coin}"
            if key not in self._cached:
                rows = [print_json(self._listing(topic).instrument, p) for p in log.prints[coin]]
                self._cached[key] = frame("trades", rows)
            return [self._cached[key]]
        return []

    def periodic(self, topic: Topic) -> bytes | None:
        """The frame of a periodic topic; None when the real venue behind it is silent."""
        return None if self._is_silent(topic) else self._snapshot(topic)

    def _is_silent(self, topic: Topic) -> bool:
        """Whether a market topic has no news because the real venue that it follows sends none."""
        if topic.user is not None or topic.coin == SPOT_PAIR:
            return False
        every = self._exchange.listings
        told = [every[Coin(topic.coin)]] if topic.coin is not None else list(every.values())
        what: Literal["book", "context"] = "context" if topic.type == "activeAssetCtx" else "book"
        return all(x.outside is not None and x.outside.is_silent(what) for x in told)

    # ---- private channels ----

    def _private(self, topic: Topic, log: BlockLog) -> list[bytes]:
        account = self._account(topic)
        index = account.index
        if topic.type in feeds_people.LISTS:
            body = feeds_people.news(self._exchange, topic.type, account, topic.user or "", log)
            return [frame(topic.type, body)] if body is not None else []
        if topic.type in STATES:
            touched = any(index in part for part in (log.records, log.fills, log.fundings, log.ledger, log.twaps))
            return [self._snapshot(topic) or b""] if touched else []
        match topic.type:
            case "orderUpdates":
                rows = log.records.get(index, [])
                shown = [update_json(self._exchange.listings[r.order.coin].instrument, r) for r in rows]
                return [frame("orderUpdates", shown)] if shown else []
            case "userFills":
                fills = fills_of(self._exchange, log.fills.get(index, []))
                return [frame("userFills", {"user": topic.user, "fills": fills})] if fills else []
            case "userFundings":
                paid = self._fundings(log, index)
                return [frame("userFundings", {"user": topic.user, "fundings": paid})] if paid else []
            case "userEvents":
                return self._events(topic, log, index)
            case "notification":
                return [frame("notification", {"notification": text}) for text in log.notices.get(index, [])]
            case _:
                return []

    def _fundings(self, log: BlockLog, index: int) -> list[Json]:
        rows = log.fundings.get(index, [])
        return [funding_json(self._exchange.listings[row.coin].instrument, row) for row in rows]

    def _events(self, topic: Topic, log: BlockLog, index: int) -> list[bytes]:
        fills = fills_of(self._exchange, log.fills.get(index, []))
        frames = [frame("user", {"fills": fills})] if fills else []
        frames += [frame("user", {"funding": row}) for row in self._fundings(log, index)]
        forced = log.forced.get(index, [])
        if forced:
            frames.append(frame("user", {"nonUserCancel": [{"coin": coin, "oid": oid} for coin, oid in forced]}))
        frames += [frame("user", body) for body in feeds_people.events(self._exchange, self._account(topic), log)]
        return frames

    # ---- snapshots ----

    def _listing(self, topic: Topic) -> Listing:
        return self._exchange.listings[Coin(topic.coin or "")]

    def _account(self, topic: Topic) -> Account:
        return self._exchange.registry.account(topic.user or "") or NOBODY

    def _bbo(self, topic: Topic) -> Json:
        return bbo_json(self._listing(topic), self._exchange.now)

    def _book(self, topic: Topic) -> Json:
        listing, now = self._listing(topic), self._exchange.now
        if not topic.fast:
            return book_json(listing, now, topic.n_sig_figs, topic.mantissa)
        sides = (listing.market.bids(FAST_LEVELS), listing.market.asks(FAST_LEVELS))
        return {**book_body(listing.instrument, now, sides), "fast": True}

    def _context(self, topic: Topic) -> Json:
        return {"coin": topic.coin, "ctx": context(self._exchange, self._listing(topic))}

    def _contexts(self, topic: Topic) -> Json:
        return feeds_contexts.CONTEXTS[topic.type](self._exchange, topic.dex or "")

    def _mids(self, topic: Topic) -> Json:
        known = not topic.dex or topic.dex in dexes(self._exchange)
        mids = all_mids(self._exchange, Query(type="allMids", dex=topic.dex)) if known else {}
        return {"mids": mids, "dex": topic.dex} if topic.dex else {"mids": mids}

    def _candle(self, topic: Topic) -> Json:
        listing, interval = self._listing(topic), topic.interval or ""
        span = INTERVALS[interval]
        start = Ms(self._exchange.now - span * 2 + 1)
        found = listing.candles.between(span, start, self._exchange.now)
        return candle_json(listing.instrument, found[-1], interval) if found else None

    def _recent(self, topic: Topic) -> Json:
        listing = self._listing(topic)
        return [print_json(listing.instrument, p) for p in list(listing.recent)[-REPLAYED_TRADES:]]

    def _open_orders(self, topic: Topic) -> Json:
        dex = topic.dex or ""
        orders = open_orders(self._exchange, self._account(topic), dex, frontend=True)
        return {"dex": dex, "user": topic.user, "orders": orders}

    def _state(self, topic: Topic) -> Json:
        dex = topic.dex or ""
        state = account_state(self._exchange, self._account(topic), dex)
        return {"dex": dex, "user": topic.user, "clearinghouseState": state}

    def _web_data(self, topic: Topic) -> Json:
        unnamed = self._account(topic).agents.get("")
        user: Json = {
            "agentAddress": None if unnamed is None else unnamed.address,
            "agentValidUntil": None if unnamed is None else unnamed.valid_until,
            "cumLedger": "0.0",
            "serverTime": self._exchange.now,
            "isVault": self._account(topic).vault is not None,
            "user": topic.user,
        }
        return {"userState": user, "perpDexStates": [{"totalVaultEquity": "0.0"}]}

    def _spot(self, topic: Topic) -> Json:
        return {"user": topic.user, "spotState": spot_state(self._exchange, self._account(topic))}

    def _active(self, topic: Topic) -> Json:
        return active_asset(self._exchange, self._account(topic), self._listing(topic))

    def _fill_history(self, topic: Topic) -> Json:
        fills = fills_of(self._exchange, list(reversed(self._account(topic).fills))[:HISTORY])
        return {"isSnapshot": True, "user": topic.user, "fills": fills}

    def _funding_history(self, topic: Topic) -> Json:
        rows = self._account(topic).fundings
        shown = [funding_json(self._exchange.listings[row.coin].instrument, row) for row in rows]
        return {"isSnapshot": True, "user": topic.user, "fundings": shown}

    def _people(self, topic: Topic) -> Json:
        return feeds_people.opening(self._exchange, topic.type, self._account(topic), topic.user or "")

    def _twaps(self, topic: Topic) -> Json:
        return feeds_people.running(self._exchange, self._account(topic), topic.user or "", topic.dex or "")

    def _every_dex(self, topic: Topic) -> Json:
        return feeds_people.every_dex(self._exchange, self._account(topic), topic.user or "")


def period_ms(topic: Topic, cadence: CadenceConfig) -> int | None:
    """How often a topic is pushed whatever happens; None when only events push it."""
    if topic.type == "l2Book":
        return cadence.fast_book_ms if topic.fast else cadence.book_ms
    return {
        "allMids": cadence.mids_ms,
        "activeAssetCtx": cadence.context_ms,
        "candle": CANDLE_MS,
        "openOrders": cadence.state_ms,
        "clearinghouseState": cadence.state_ms,
        "webData3": cadence.state_ms,
        "spotState": cadence.state_ms,
        "allDexsClearinghouseState": cadence.state_ms,
        "activeAssetData": cadence.state_ms,
        **dict.fromkeys(feeds_contexts.CONTEXTS, cadence.context_ms),
        "allDexsAssetCtxs": feeds_contexts.ALL_DEXES_MS,
    }.get(topic.type)
