"""Recorded venue messages that stand beside the checkout: where each is, and which message it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.shared import SHARED

FOLDER: Final = SHARED / "hyperliquid" / "fixtures"
SDK_READS: Final = {
    "meta": "meta", "meta_and_asset_ctxs": "metaAndAssetCtxs", "all_mids": "allMids", "spot_meta": "spotMeta",
    "spot_meta_and_asset_ctxs": "spotMetaAndAssetCtxs", "perp_dexs": "perpDexs", "l2_snapshot": "l2Book",
    "candles_snapshot": "candleSnapshot", "user_role": "userRole", "extra_agents": "extraAgents",
    "user_state": "clearinghouseState", "spot_user_state": "spotClearinghouseState", "open_orders": "openOrders",
    "frontend_open_orders": "frontendOpenOrders", "user_fills": "userFills", "user_fills_by_time": "userFillsByTime",
    "historical_orders": "historicalOrders", "user_fees": "userFees", "user_rate_limit": "userRateLimit",
    "portfolio": "portfolio", "user_funding_history": "userFunding", "query_order_by_oid": "orderStatus",
    "query_order_by_cloid": "orderStatus", "recent_trades": "recentTrades",
}  # fmt: skip
ROQ_READS: Final = {
    "get_clearing_house_state_ack": "clearinghouseState", "get_meta_ack": "meta", "get_open_orders_ack": "openOrders",
    "get_perp_dexs_ack": "perpDexs", "get_spot_clearing_house_state_ack": "spotClearinghouseState",
    "get_spot_meta_ack": "spotMeta", "get_user_fills_ack": "userFills",
}  # fmt: skip
ROQ_FRAMES: Final = (
    "action_cancel", "action_order", "active_asset_ctx", "bbo", "error", "l2_book", "notification", "order_updates",
    "pong", "spot_meta", "subscription_response", "trades", "user", "user_fills", "user_fundings",
)  # fmt: skip
ROQ_ANSWERS: Final = ("cancel_order_ack", "create_order_ack", "modify_order_ack")
UNIT_TEST_READS: Final = {
    "Futures_Account_GetAccountInfo": "clearinghouseState", "Futures_Account_GetFundingHistory": "userFunding",
    "Futures_ExchangeData_GetFundingRateHistory": "fundingHistory", "Spot_Account_GetAccountLedger":
    "userNonFundingLedgerUpdates", "Spot_Account_GetApprovedBuilderFee": "maxBuilderFee", "Spot_Account_GetBalances":
    "spotClearinghouseState", "Spot_Account_GetExtraAgents": "extraAgents", "Spot_Account_GetRateLimits":
    "userRateLimit", "Spot_Account_GetSubAccounts": "subAccounts", "Spot_ExchangeData_GetAssetInfo": "tokenDetails",
    "Futures_ExchangeData_GetExchangeInfo": "meta", "Futures_ExchangeData_GetExchangeInfoAndTickers":
    "metaAndAssetCtxs", "Futures_ExchangeData_GetSymbolsAtMaxOpenInterest": "perpsAtOpenInterestCap",
    "Spot_ExchangeData_GetExchangeInfo": "spotMeta", "Spot_ExchangeData_GetExchangeInfoAndTickers":
    "spotMetaAndAssetCtxs", "Spot_ExchangeData_GetKlines": "candleSnapshot", "Spot_ExchangeData_GetOrderBook":
    "l2Book", "Spot_ExchangeData_GetPrices": "allMids", "Spot_Trading_GetOpenOrders": "openOrders",
    "Spot_Trading_GetOpenOrdersExtended": "frontendOpenOrders", "Spot_Trading_GetUserTrades": "userFills",
}  # fmt: skip
UNIT_TEST_ANSWERS: Final = ("Futures_Trading_SetLeverage", "Spot_Trading_PlaceOrder")
UNIT_TEST_FRAMES: Final = ("BookTicker", "Klines", "Order", "OrderBook", "Prices", "Trades", "UserEventTrade")
SAMPLES: Final = {
    "nautilus/http_all_perp_metas_non_usdc_collateral.json": "allPerpMetas",
    "nautilus/http_funding_history.json": "fundingHistory",
    "nautilus/http_l2_book_btc.json": "l2Book",
    "nautilus/http_l2_book_snapshot.json": "l2Book",
    "nautilus/http_meta_perp_sample.json": "meta",
    "nautilus/http_recent_trades_btc.json": "recentTrades",
    "nautilus/http_user_fills_dust_conversion.json": "userFills",
    "rift_testnet/user_fees.json": "userFees",
    "rift_testnet/user_fills_aggregateByTime.json": "userFills",
    "rift_testnet/user_fills_individual.json": "userFills",
}
SAMPLE_FRAMES: Final = (
    "nautilus/ws_all_dexs_asset_ctxs.json",
    "nautilus/ws_allmids.json",
    "nautilus/ws_user_fill_liquidation.json",
)
LEFT_OUT: Final = {
    "SOURCES.md": "says where the recordings come from",
    "hltools/multisig_envelopes.json": "requests; their one answer is in convert_to_multisig.json too",
    "jkorf/Endpoints_Spot_Account_GetSubAccounts2.json": "positions and margins cut by its author",
    "jkorf/Subscriptions_Concurrent.txt": "candles cut by its author",
    "misc/l2_log_btc_20250703.jsonl": "wrapped anew by its author",
    "misc/passivbot_ccxt_hip3_markets.json": "what ccxt made of the answers",
    "nautilus/README.md": "says what the files are",
    "nautilus/http_clearinghouse_state_negative_total_raw_usd.json": "summaries cut by its author",
    "nautilus/http_spot_clearinghouse_state.json": "written by hand: sizes without a decimal point",
    "nautilus/http_spot_meta_non_usdc_collateral.json": "cut by its author",
    "rift_testnet/exchange_errors.json": "texts only",
    "rift_testnet/order_average_price.json": "measured numbers only",
}


class Recording(NamedTuple):
    """One message: its file, whether info, answer or frame, the info type, and its JSON."""

    source: str
    form: str
    kind: str
    value: Any


def everything() -> Iterator[Recording]:
    """Every recorded message but those of `LEFT_OUT`."""
    yield from _cassettes()
    yield from _testnet()
    yield from _reports()
    yield from _roq()
    yield from _unit_tests()
    yield from _samples()
    yield from _probe()
    yield from _streams()


def _load(path: str) -> Any:  # noqa: ANN401 - recorded JSON
    return json.loads((FOLDER / path).read_text())


def _files(folder: str) -> list[Path]:
    return sorted((FOLDER / folder).glob("*.json"))


def _cassettes() -> Iterator[Recording]:
    for path in _files("sdk_cassettes"):
        for exchange in json.loads(path.read_text()):
            yield Recording(f"sdk_cassettes/{path.name}", "info", exchange["request"]["type"], exchange["response"])


def _testnet() -> Iterator[Recording]:
    for path in _files("hypaper_testnet"):
        body = json.loads(path.read_text())
        kind = body["request"].get("type")
        yield Recording(
            f"hypaper_testnet/{path.name}", "answer" if kind is None else "info", kind or "", body["response"]
        )


def _reports() -> Iterator[Recording]:
    for path in _files("mainnet_2026_06"):
        for call in json.loads(path.read_text()):
            kind = SDK_READS[call["call"].removeprefix("info.").partition("[")[0]]
            yield Recording(f"mainnet_2026_06/{path.name}", "info", kind, _whole(call["response"]))


def _whole(value: Any) -> Any:  # noqa: ANN401 - recorded JSON
    """The reporter wrote a cut list as an object: its first items are a list again."""
    if isinstance(value, dict):
        return _whole(value["_items"]) if "_items" in value else {key: _whole(item) for key, item in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list) else value


def _roq() -> Iterator[Recording]:
    for name, kind in ROQ_READS.items():
        yield from _cases(name, "info", kind)
    for name in ROQ_FRAMES:
        yield from _cases(name, "frame", "")
    for name in ROQ_ANSWERS:
        yield from _cases(name, "answer", "")


def _cases(name: str, form: str, kind: str) -> Iterator[Recording]:
    path = f"roq/{name}.json"
    for case in _load(path):
        yield Recording(path, form, kind, case["message"])


def _unit_tests() -> Iterator[Recording]:
    for name, kind in UNIT_TEST_READS.items():
        path = f"jkorf/Endpoints_{name}.json"
        yield Recording(path, "info", kind, _load(path)["response"])
    for name in UNIT_TEST_ANSWERS:
        path = f"jkorf/Endpoints_{name}.json"
        yield Recording(path, "answer", "", _load(path)["response"])
    for name in UNIT_TEST_FRAMES:
        path = f"jkorf/Subscriptions_{name}.txt"
        text = (FOLDER / path).read_text()
        yield Recording(path, "frame", "", json.loads(text.partition("\n<")[2].partition("\n")[0]))
        yield Recording(path, "frame", "", json.loads(text.partition("\n=")[2]))


def _samples() -> Iterator[Recording]:
    for path, kind in SAMPLES.items():
        yield Recording(path, "info", kind, _load(path))
    for path in SAMPLE_FRAMES:
        yield Recording(path, "frame", "", _load(path))
    path = "nautilus/ws_book_data.json"
    yield Recording(path, "frame", "", {"channel": "l2Book", "data": _load(path)})


def _probe() -> Iterator[Recording]:
    path = "ws_probe_2026_09/frames.json"
    for frame in _load(path).values():
        if "channel" in frame:
            yield Recording(path, "frame", "", frame)
    path = "ws_probe_2026_09/exchange_status.json"
    yield Recording(path, "info", "exchangeStatus", _load(path)["response"])
    path = "rift_testnet/send_ledger_delta.json"
    yield Recording(path, "info", "userNonFundingLedgerUpdates", [_load(path)])


def _streams() -> Iterator[Recording]:
    path = "hltools/ws_trades_btc_subset.json"
    for entry in _load(path):
        if entry["dir"] == "in":
            yield Recording(path, "frame", "", entry["frame"])
    path = "hltools/convert_to_multisig.json"
    yield Recording(path, "answer", "", _load(path)["answer"])
    path = "hftbacktest/ws_btc_20250126.jsonl"
    for line in (FOLDER / path).read_text().splitlines():
        yield Recording(path, "frame", "", json.loads(line.partition(" ")[2]))
    path = "node/node_fills_by_block_20251027.jsonl"
    for line in (FOLDER / path).read_text().splitlines():
        fills = [fill for _, fill in json.loads(line)["events"]]
        yield Recording(path, "info", "userFills", fills)
