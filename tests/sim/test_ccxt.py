"""ccxt's hyperliquid, unmodified, against a spawned simulator: REST (sync) and WebSocket (pro)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest

from hlmm.sim.server import Ready
from tests.support.foreign import far_below, sandbox

ccxt = pytest.importorskip("ccxt")
pro = pytest.importorskip("ccxt.pro")

BTC: Final = "BTC/USDC:USDC"
BUILDER: Final = "XYZ-XYZ100/USDC:USDC"
ALO: Final = {"timeInForce": "Alo"}
CLOID: Final = "0x" + "5a" * 16
ANSWER_S: Final = 15.0


@pytest.fixture(scope="module")
def venue() -> Iterator[Ready]:
    """A running simulator."""
    with sandbox() as ready:
        yield ready


def settings(ready: Ready, account: int) -> dict[str, Any]:
    """What a user of the sandbox gives ccxt; the pace is ours because nobody is served beside us."""
    keys = ready.accounts[account]
    return {
        "privateKey": keys.private_key,
        "walletAddress": keys.address,
        "rateLimit": 1,
        "options": {"sandboxMode": True},
    }


def rest(ready: Ready, account: int) -> Any:  # noqa: ANN401 - ccxt is untyped
    """A synchronous client with its markets loaded."""
    client = ccxt.hyperliquid(settings(ready, account))
    client.urls["api"] = {"public": ready.rest_url, "private": ready.rest_url}
    client.load_markets()
    return client


@asynccontextmanager
async def stream(ready: Ready, account: int) -> AsyncIterator[Any]:
    """A WebSocket client with its markets loaded."""
    client = pro.hyperliquid(settings(ready, account))
    client.urls["api"] = {"public": ready.rest_url, "private": ready.rest_url, "ws": {"public": ready.ws_url}}
    try:
        await client.load_markets()
        yield client
    finally:
        await client.close()


def best(book: dict[str, Any]) -> tuple[float, float]:
    """Best bid and ask price."""
    return book["bids"][0][0], book["asks"][0][0]


async def during(watch: Awaitable[Any], act: Callable[[], Awaitable[Any]]) -> tuple[Any, Any]:
    """What a watch call shows for something done while it waits."""
    waiting = asyncio.ensure_future(watch)
    await asyncio.sleep(0.3)
    done = await act()
    return await asyncio.wait_for(waiting, ANSWER_S), done


def test_markets_load(venue: Ready) -> None:
    """Perps of the main and of a builder dex and the spot pair load with their steps, limits and asset ids."""
    client = rest(venue, 0)
    assert {"BTC/USDC:USDC", "ETH/USDC:USDC", BUILDER, "PURR/USDC"} <= set(client.markets)
    market = client.market(BTC)
    assert (market["baseId"], market["limits"]["leverage"]["max"]) == ("0", 40)
    assert (market["precision"]["amount"], market["limits"]["cost"]["min"]) == (1e-05, 10.0)
    assert client.market(BUILDER)["baseId"] == "110000"
    assert client.fetch_status()["status"] == "ok"
    assert "USDC" in client.fetch_currencies()


def test_market_data(venue: Ready) -> None:
    """Book, tickers, candles, contexts and funding are read and make sense together."""
    client = rest(venue, 0)
    book = client.fetch_order_book(BTC)
    bid, ask = best(book)
    assert bid < ask
    assert (len(book["bids"]), len(book["asks"])) == (20, 20)
    assert client.fetch_tickers([BTC])[BTC]["last"] == pytest.approx((bid + ask) / 2, rel=0.01)
    assert client.fetch_ohlcv(BTC, "1m")[-1][4] == pytest.approx(bid, rel=0.01)
    assert BTC in client.fetch_funding_rates([BTC])
    assert client.fetch_open_interests([BTC])[BTC]["openInterestAmount"] >= 0
    assert client.fetch_funding_rate_history(BTC) == []
    assert best(client.fetch_order_book(BUILDER))[0] > 0


def test_an_order_lives_and_dies(venue: Ready) -> None:
    """An order is created, seen, edited into a new id and cancelled; the venue's refusals become ccxt's errors."""
    client = rest(venue, 0)
    px = far_below(best(client.fetch_order_book(BTC))[0])
    placed = client.create_order(BTC, "limit", "buy", 0.001, px, ALO)
    shown = client.fetch_order(placed["id"], BTC)
    assert (shown["status"], shown["price"], shown["remaining"], shown["timeInForce"]) == ("open", px, 0.001, "ALO")
    edited = client.edit_order(placed["id"], BTC, "limit", "buy", 0.002, px - 10, ALO)
    assert edited["id"] != placed["id"]
    assert [(o["id"], o["amount"]) for o in client.fetch_open_orders(BTC)] == [(edited["id"], 0.002)]
    assert client.cancel_order(edited["id"], BTC)["status"] == "success"
    with pytest.raises(ccxt.OrderNotFound):
        client.cancel_order(edited["id"], BTC)
    with pytest.raises(ccxt.InvalidOrder, match="Post only order would have immediately matched"):
        client.create_order(BTC, "limit", "buy", 0.001, px * 1.2, ALO)
    assert {o["id"] for o in client.fetch_canceled_orders(BTC)} >= {placed["id"], edited["id"]}


def test_batches_and_cloids(venue: Ready) -> None:
    """A batch is placed and cancelled in one call each, and a cloid finds its order."""
    client = rest(venue, 0)
    px = far_below(best(client.fetch_order_book(BTC))[0])
    wish = {"symbol": BTC, "type": "limit", "side": "buy", "amount": 0.001}
    placed = client.create_orders([{**wish, "price": px}, {**wish, "price": px - 50}])
    assert [o["status"] for o in client.cancel_orders([o["id"] for o in placed], BTC)] == ["success", "success"]
    named = client.create_order(BTC, "limit", "buy", 0.001, px, {"clientOrderId": CLOID})
    assert named["clientOrderId"] == CLOID
    assert client.fetch_order(None, BTC, {"clientOrderId": CLOID})["id"] == named["id"]
    assert client.cancel_order(None, BTC, {"clientOrderId": CLOID})["status"] == "success"
    assert client.fetch_open_orders(BTC) == []


def test_a_position_opens_and_closes(venue: Ready) -> None:
    """Market orders open and close a position; balance, position, trades and fee agree with each other."""
    client = rest(venue, 1)
    _, ask = best(client.fetch_order_book(BTC))
    before = client.fetch_balance()["USDC"]["total"]
    client.create_order(BTC, "market", "buy", 0.01, ask)
    position = client.fetch_position(BTC)
    assert (position["side"], position["contracts"], position["marginMode"]) == ("long", 0.01, "cross")
    assert client.fetch_balance()["USDC"]["used"] == pytest.approx(position["initialMargin"], rel=0.01)
    client.create_order(BTC, "market", "sell", 0.01, ask, {"reduceOnly": True})
    assert client.fetch_positions([BTC]) == []
    trades = client.fetch_my_trades(BTC)
    assert list(dict.fromkeys(t["side"] for t in trades)) == ["buy", "sell"]
    paid = sum(float(t["info"]["fee"]) for t in trades)
    pnl = sum(float(t["info"]["closedPnl"]) for t in trades)
    assert client.fetch_balance()["USDC"]["total"] == pytest.approx(before - paid + pnl, abs=1e-4)
    assert client.fetch_trading_fee(BTC)["taker"] == pytest.approx(0.00024)


def test_leverage_margin_and_isolated_position(venue: Ready) -> None:
    """Leverage and margin mode are set, and margin moves into and out of an isolated position."""
    client = rest(venue, 1)
    eth = "ETH/USDC:USDC"
    _, ask = best(client.fetch_order_book(eth))
    client.set_margin_mode("isolated", eth, {"leverage": 5})
    client.create_order(eth, "market", "buy", 0.1, ask)
    opened = client.fetch_position(eth)
    assert (opened["marginMode"], opened["leverage"]) == ("isolated", 5)
    client.add_margin(eth, 10)
    more = client.fetch_position(eth)["collateral"]
    assert more == pytest.approx(opened["collateral"] + 10, abs=1.0)
    client.reduce_margin(eth, 5)
    assert client.fetch_position(eth)["collateral"] < more
    client.create_order(eth, "market", "sell", 0.1, ask, {"reduceOnly": True})
    client.set_leverage(7, eth, {"marginMode": "cross"})


def test_triggers(venue: Ready) -> None:
    """Stops and take-profits wait with their kind shown, and an entry brings its own pair."""
    client = rest(venue, 1)
    bid, ask = best(client.fetch_order_book(BTC))
    client.create_order(BTC, "market", "buy", 0.01, ask)
    client.create_order(BTC, "market", "sell", 0.01, bid, {"reduceOnly": True, "stopLossPrice": far_below(bid)})
    client.create_order(BTC, "market", "sell", 0.01, bid, {"reduceOnly": True, "takeProfitPrice": round(bid * 1.2)})
    kinds = sorted(o["info"]["orderType"] for o in client.fetch_open_orders(BTC))
    assert kinds == ["Stop Market", "Take Profit Market"]
    client.cancel_orders([o["id"] for o in client.fetch_open_orders(BTC)], BTC)
    client.create_order(BTC, "market", "sell", 0.01, bid, {"reduceOnly": True})
    pair = {"stopLoss": {"triggerPrice": far_below(bid) * 0.9}, "takeProfit": {"triggerPrice": round(bid * 1.2)}}
    entry = client.create_order(BTC, "limit", "buy", 0.01, far_below(bid), pair)
    assert client.fetch_order(entry["id"], BTC)["status"] == "open"
    client.cancel_order(entry["id"], BTC)
    assert client.fetch_open_orders(BTC) == []


def test_builder_dex_order(venue: Ready) -> None:
    """A coin of a builder dex is quoted and cancelled under its own symbol and asset id."""
    client = rest(venue, 0)
    px = float(round(best(client.fetch_order_book(BUILDER))[0] * 0.97))
    placed = client.create_order(BUILDER, "limit", "buy", 0.01, px, ALO)
    assert [o["id"] for o in client.fetch_open_orders(BUILDER)] == [placed["id"]]
    assert client.cancel_order(placed["id"], BUILDER)["status"] == "success"


def test_account_actions(venue: Ready) -> None:
    """The dead man's switch is armed, money moves between the perp and the spot side, and the ledger is read."""
    client = rest(venue, 0)
    assert client.cancel_all_orders_after(60_000)["status"] == "ok"
    assert client.transfer("USDC", 10, "swap", "spot")["status"] == "ok"
    assert client.fetch_balance({"type": "spot"})["USDC"]["total"] == pytest.approx(10.0)
    assert client.transfer("USDC", 10, "spot", "swap")["status"] == "ok"
    with pytest.raises(ccxt.InsufficientFunds):
        client.transfer("USDC", 10_000_000, "spot", "swap")
    assert [row["type"] for row in client.fetch_ledger()][:1] == ["deposit"]
    assert client.fetch_funding_history(BTC) == []


def test_sub_account_and_twap(venue: Ready) -> None:
    """A sub-account is opened, funded and traded for; a TWAP is started and stopped; a withdrawal leaves."""
    client = rest(venue, 3)
    px = far_below(best(client.fetch_order_book(BTC))[0])
    sub = client.create_sub_account("ccxt")["response"]["data"]
    assert client.transfer("USDC", 1_000, "main", sub)["status"] == "ok"
    for_sub = {"subAccountAddress": sub}
    assert client.fetch_balance({"user": sub})["USDC"]["total"] == pytest.approx(1_000)
    placed = client.create_order(BTC, "limit", "buy", 0.001, px, {**ALO, **for_sub})
    assert [o["id"] for o in client.fetch_open_orders(BTC, params={"user": sub})] == [placed["id"]]
    assert client.fetch_open_orders(BTC) == []
    assert client.cancel_order(placed["id"], BTC, for_sub)["status"] == "success"
    twap = client.create_twap_order(BTC, "buy", 0.1, 600_000)
    assert client.cancel_twap_order(twap["id"], BTC)["info"] is not None
    assert client.withdraw("USDC", 10, client.walletAddress)["info"]["status"] == "ok"


async def test_market_channels(venue: Ready) -> None:
    """Book, trades, ticker, tickers and candles arrive by WebSocket and stop when unwatched."""
    async with stream(venue, 2) as client:
        bid, ask = best(await asyncio.wait_for(client.watch_order_book(BTC), ANSWER_S))
        assert bid < ask
        assert (await asyncio.wait_for(client.watch_trades(BTC), ANSWER_S))[-1]["symbol"] == BTC
        assert (await asyncio.wait_for(client.watch_ticker(BTC), ANSWER_S))["last"] == pytest.approx(bid, rel=0.01)
        assert BTC in await asyncio.wait_for(client.watch_tickers([BTC]), ANSWER_S)
        assert (await asyncio.wait_for(client.watch_ohlcv(BTC, "1m"), ANSWER_S))[-1][4] > 0
        assert (await asyncio.wait_for(client.watch_order_book(BUILDER), ANSWER_S))["symbol"] == BUILDER
        await client.un_watch_order_book(BTC)
        await client.un_watch_trades(BTC)


async def test_private_channels(venue: Ready) -> None:
    """Orders, own trades, positions and balance are pushed for what the account does."""
    async with stream(venue, 2) as client:
        bid, ask = best(await client.fetch_order_book(BTC))
        px = far_below(bid)
        orders, placed = await during(
            client.watch_orders(BTC), lambda: client.create_order(BTC, "limit", "buy", 0.001, px)
        )
        assert [(o["id"], o["status"]) for o in orders] == [(placed["id"], "open")]
        trades, taken = await during(
            client.watch_my_trades(BTC), lambda: client.create_order(BTC, "market", "buy", 0.001, ask)
        )
        assert [(t["order"], t["side"], t["info"]["crossed"]) for t in trades] == [(taken["id"], "buy", True)]
        positions = await asyncio.wait_for(client.watch_positions([BTC]), ANSWER_S)
        assert [(p["symbol"], p["contracts"]) for p in positions] == [(BTC, 0.001)]
        assert (await asyncio.wait_for(client.watch_balance(), ANSWER_S))["USDC"]["total"] > 0
        await client.cancel_order(placed["id"], BTC)


async def test_orders_by_websocket(venue: Ready) -> None:
    """Orders are created, edited and cancelled by post requests on the socket."""
    async with stream(venue, 2) as client:
        px = far_below(best(await client.fetch_order_book(BTC))[0])
        placed = await client.create_order_ws(BTC, "limit", "buy", 0.001, px, ALO)
        edited = await client.edit_order_ws(placed["id"], BTC, "limit", "buy", 0.002, px - 20, ALO)
        assert edited["id"] != placed["id"]
        wish = {"symbol": BTC, "type": "limit", "side": "buy", "amount": 0.001, "price": px}
        (second,) = await client.create_orders_ws([wish])
        assert (await client.cancel_order_ws(edited["id"], BTC))["status"] == "success"
        done = await client.cancel_orders_ws([second["id"]], BTC)
        assert [o["status"] for o in done] == ["success"]
        assert await client.fetch_open_orders(BTC) == []
