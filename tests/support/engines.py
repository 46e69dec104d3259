"""An engine and a market to feed it, for tests: plain values, no I/O."""

from __future__ import annotations

from hlmm.core.commands import AnyCommand, CancelOrder, ModifyOrder, PlaceOrder
from hlmm.core.engine import Engine
from hlmm.core.events import (
    AccountRead,
    AnyEvent,
    BboChanged,
    BudgetRead,
    CancelAcked,
    ContextChanged,
    FeedConnected,
    FeesRead,
    Holding,
    LeverageRead,
    MetaRead,
    OpenOrder,
    OpenOrdersRead,
    OrderFilled,
    OrderRested,
    OrderState,
    OrderUpdated,
    RoleRead,
    StopRequested,
    Tick,
)
from hlmm.core.settings import (
    BandConfig,
    BudgetConfig,
    CoinConfig,
    CoinLimits,
    EngineConfig,
    RiskConfig,
    SpreadConfig,
    TimingConfig,
)
from hlmm.model.parameters import MarketPriors, StochasticConfig
from hlmm.types import (
    MICRO,
    NS_PER_MS,
    Address,
    Cloid,
    Coin,
    Instrument,
    Level,
    MicroUsd,
    Ms,
    Ns,
    Oid,
    Px,
    Side,
    Sz,
    Tid,
)

BTC = Coin("BTC")
INSTRUMENT = Instrument(coin=BTC, asset=0, sz_decimals=5, max_leverage=40)
RUN_TAG = 7

STOCHASTIC = StochasticConfig(
    sigma_sample_s=1.0,
    sigma_fast_halflife_s=30.0,
    sigma_slow_halflife_s=600.0,
    sigma_prior_samples=30.0,
    sigma_floor_frac=0.1,
    flow_fast_halflife_s=60.0,
    flow_slow_halflife_s=1200.0,
    flow_fast_weight_frac=0.3,
    flow_prior_s=300.0,
    depth_halflife_s=1200.0,
    depth_prior_events=100.0,
    depth_window_low_kappa=0.2,
    depth_window_high_kappa=5.0,
    markout_window_low_kappa=0.2,
    markout_horizon_s=5.0,
    markout_halflife_s=1800.0,
    markout_prior_events=100.0,
    microprice_weight_frac=0.0,
    imbalance_shift_kappa=0.0,
    imbalance_halflife_s=2.0,
    fair_shift_max_kappa=0.5,
    latency_prior_s=0.3,
    latency_prior_events=20.0,
    latency_halflife_events=100.0,
    gap_max_s=5.0,
    stale_max_s=10.0,
    survey_s=0.0,
    resolve_frac=0.01,
)


def coin_config(coin: str = "BTC", /, **limits: float) -> CoinConfig:
    """A coin that is profitable to quote. Args: limits, overrides of `CoinLimits`."""
    return CoinConfig(
        coin=coin,
        leverage=10,
        margin_mode="cross",
        market=MarketPriors(sigma_bps_sqrt_s=0.55, arrival_rate_per_s=0.17, kappa_per_bps=1.7, markout_bps=-0.1),
        spread=SpreadConfig(
            target_inventory_usd=2000.0,
            level_usd=500.0,
            level_count=2,
            level_spacing_kappa=0.5,
            half_spread_min_bps=0.2,
            half_spread_max_bps=50.0,
            edge_min_bps=0.0,
            unprofitable="quote",
            cold_widen_bps=0.2,
            cold_size_frac=1.0,
        ),
        stochastic=STOCHASTIC,
        band=BandConfig(
            requote_cost_usd=0.001,
            queue_value_frac=0.25,
            band_min_kappa=0.1,
            band_max_kappa=1.0,
            size_tolerance_frac=0.3,
        ),
        limits=CoinLimits.model_validate(
            {
                "max_position_usd": 10_000.0,
                "max_order_usd": 5_000.0,
                "price_band_bps": 100.0,
                "feed_age_max_s": 5.0,
                "context_age_max_s": 60.0,
                "mark_divergence_max_bps": 50.0,
                "oracle_divergence_max_bps": 50.0,
                "spread_max_bps": 20.0,
                "fill_burst_max": 50,
                "fill_burst_window_s": 2.0,
                **limits,
            }
        ),
    )


def engine_config(*coins: CoinConfig, **risk: float) -> EngineConfig:
    """An engine over the given coins, BTC by default. Args: risk, overrides of `RiskConfig`."""
    return EngineConfig(
        coins=coins or (coin_config(),),
        risk=RiskConfig.model_validate(
            {
                "loss_max_usd": 100.0,
                "drawdown_max_frac": 0.1,
                "margin_used_max_frac": 0.5,
                "portfolio_max_usd": 100_000.0,
                "rejects_max": 10,
                "rejects_window_s": 30.0,
                "unknown_orders_max": 2,
                "position_drift_reads": 2,
                **risk,
            }
        ),
        budget=BudgetConfig(reserve_requests=100, scarce_requests=1000, band_scarce_max=5.0, batch_max=40),
        timing=TimingConfig(
            tick_ms=50,
            sync_s=10.0,
            budget_read_s=60.0,
            query_after_s=1.0,
            absent_after_s=3.0,
            markout_s=5.0,
            requote_gap_ms=0,
        ),
    )


class Bench:
    """One engine on one coin, driven by hand; `sent` is what the last event made it do."""

    def __init__(self, config: EngineConfig | None = None) -> None:
        """Start an engine that has heard nothing."""
        config = config or engine_config()
        self.engine = Engine(config, RUN_TAG)
        self.coins = tuple(Coin(coin.coin) for coin in config.coins)
        self.ts = Ns(1_000_000_000_000)
        self.sent: list[AnyCommand] = []
        self.log: list[AnyCommand] = []
        self.orders: dict[Cloid, PlaceOrder] = {}
        self.oids: dict[Cloid, Oid] = {}
        self.next_oid = 1000
        self.seen: dict[Cloid, None] = {}

    @property
    def venue_ms(self) -> Ms:
        """Block time that belongs to now."""
        return Ms(self.ts // NS_PER_MS)

    def on(self, event: AnyEvent) -> list[AnyCommand]:
        """Feed one event and remember what was placed."""
        self.sent = self.engine.on(event)
        self.log += self.sent
        for command in self.sent:
            if isinstance(command, PlaceOrder):
                self.orders[command.cloid] = command
            elif isinstance(command, ModifyOrder):
                self.orders[command.place.cloid] = command.place
        return self.sent

    def wait(self, ms: int) -> list[AnyCommand]:
        """Let time pass and tick."""
        self.ts = Ns(self.ts + ms * NS_PER_MS)
        return self.on(Tick(ts=self.ts))

    def connect(self, position: int = 0, open_orders: tuple[OpenOrder, ...] = (), used: int = 0) -> None:
        """Everything the gate needs, then a market. Args: position, `Sz` units."""
        mark = Px(1_100_000)
        held = (Holding(coin=BTC, sz=Sz(position), mark_px=mark),) if position else ()
        self.on(MetaRead(ts=self.ts, instruments=(INSTRUMENT,)))
        self.on(RoleRead(ts=self.ts, signer=Address("0xa"), account=Address("0xb")))
        self.leverage()
        self.on(FeesRead(ts=self.ts, maker_bps=-0.2, taker_bps=2.4))
        self.on(BudgetRead(ts=self.ts, requests_used=used, requests_cap=20_000, volume=MicroUsd(0)))
        self.on(self.account(held))
        self.on(OpenOrdersRead(ts=self.ts, asked_ts=self.ts, orders=open_orders))
        self.on(FeedConnected(ts=self.ts))
        self.context()
        self.bbo()

    def leverage(self, leverage: int = 10, *, is_cross: bool = True) -> list[AnyCommand]:
        """What the venue says every coin is set to; as configured by default."""
        for coin in self.coins:
            self.on(LeverageRead(ts=self.ts, coin=coin, leverage=leverage, is_cross=is_cross))
        return self.sent

    def account(self, held: tuple[Holding, ...] = (), value_usd: int = 10_000) -> AccountRead:
        """An account read of now."""
        return AccountRead(
            ts=self.ts,
            asked_ts=self.ts,
            venue_ts=self.venue_ms,
            account_value=MicroUsd(value_usd * MICRO),
            margin_used=MicroUsd(0),
            withdrawable=MicroUsd(value_usd * MICRO),
            holdings=held,
        )

    def context(self, px: int = 1_100_000) -> list[AnyCommand]:
        """Mark and oracle. Args: px, `Px` units of 0.1 USD."""
        return self.on(ContextChanged(ts=self.ts, coin=BTC, mark_px=Px(px), oracle_px=Px(px), funding_hourly=0.0))

    def bbo(self, bid: int = 1_099_990, ask: int = 1_100_000, sz: int = 100_000) -> list[AnyCommand]:
        """A top of book. Args: `Px` units of 0.1 USD; `Sz` units."""
        return self.on(
            BboChanged(
                ts=self.ts,
                venue_ts=self.venue_ms,
                coin=BTC,
                bid=Level(Px(bid), Sz(sz)),
                ask=Level(Px(ask), Sz(sz)),
            )
        )

    def rest(self, *cloids: Cloid) -> None:
        """The venue acknowledges orders as resting; all placed so far when none is named."""
        for cloid in cloids or tuple(c for c in self.orders if c not in self.oids):
            self.next_oid += 1
            self.oids[cloid] = Oid(self.next_oid)
            self.on(OrderRested(ts=self.ts, cloid=cloid, oid=self.oids[cloid]))

    def fill(self, cloid: Cloid, sz: int | None = None, tid: int = 0) -> list[AnyCommand]:
        """A fill of one of ours, whole by default."""
        order = self.orders[cloid]
        self.ts = Ns(self.ts + NS_PER_MS)
        return self.on(
            OrderFilled(
                ts=self.ts,
                venue_ts=self.venue_ms,
                coin=order.coin,
                cloid=cloid,
                oid=self.oids.get(cloid, Oid(1)),
                tid=Tid(tid or self.ts),
                side=order.side,
                px=order.px,
                sz=Sz(order.sz if sz is None else sz),
                fee=MicroUsd(-10),
                start_position=Sz(0),
                crossed=False,
            )
        )

    def update(self, cloid: Cloid, state: OrderState, remaining: int = 0) -> list[AnyCommand]:
        """An `orderUpdates` element for one of ours."""
        order = self.orders[cloid]
        return self.on(
            OrderUpdated(
                ts=self.ts,
                venue_ts=self.venue_ms,
                coin=order.coin,
                cloid=cloid,
                oid=self.oids.get(cloid, Oid(1)),
                side=order.side,
                px=order.px,
                orig_sz=order.sz,
                remaining_sz=Sz(remaining),
                state=state,
                word=state.value,
            )
        )

    def cancel_all_acked(self) -> None:
        """The venue confirms every cancel of the last step, with updates."""
        for command in list(self.sent):
            if isinstance(command, CancelOrder):
                self.on(CancelAcked(ts=self.ts, cloid=command.cloid))
                self.update(command.cloid, OrderState.CANCELED, self.orders[command.cloid].sz)

    def stop(self) -> list[AnyCommand]:
        """Ask for an orderly stop."""
        return self.on(StopRequested(ts=self.ts, reason="test"))

    def placed(self) -> list[PlaceOrder]:
        """New orders of the last step, those inside modifies included."""
        return [
            c if isinstance(c, PlaceOrder) else c.place for c in self.sent if isinstance(c, PlaceOrder | ModifyOrder)
        ]

    def fresh(self) -> list[PlaceOrder]:
        """Orders placed since the last call, over any number of steps."""
        new = [order for cloid, order in self.orders.items() if cloid not in self.seen]
        self.seen.update(dict.fromkeys(self.orders))
        return new

    def cancelled(self) -> list[Cloid]:
        """Cancels of the last step."""
        return [c.cloid for c in self.sent if isinstance(c, CancelOrder)]


def sides(orders: list[PlaceOrder]) -> tuple[int, int]:
    """How many bids and asks."""
    bids = sum(order.side is Side.BID for order in orders)
    return bids, len(orders) - bids
