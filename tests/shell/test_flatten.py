"""Flatten ends at zero on the venue's word, or says exactly what is left; it reads before it sends again."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlmm.core.flatten import FlattenScope
from hlmm.core.orders import make_cloid
from hlmm.hyperliquid.actions import AnyAction, Cancel, Order
from hlmm.hyperliquid.signing import SecretKeySigner
from hlmm.shell.flatten import Flattener, FlattenParts, FlattenReport, FlattenTarget, dry_run
from hlmm.shell.flatten_read import FlattenReader
from hlmm.types import Coin, Ms
from tests.support.tiny_venue import ACCOUNT, CONFIG, KEY, FakeClock, TinyVenue

ALL = FlattenScope("all")
BTC = FlattenScope("coin", (Coin("BTC"),))
DEADLINE_S = 60.0


class Keeper:
    """A nonce floor in memory."""

    def __init__(self, start: Ms) -> None:
        self.start = start
        self.stored: list[int] = []

    def used(self, nonce: int) -> None:
        """Remember."""
        self.stored.append(nonce)


class Case:
    """A venue, a clock and everything a flatten says."""

    def __init__(self, *, venue_epoch_ms: int | None = None, floor_ahead_ms: int = 0) -> None:
        self.clock = FakeClock()
        self.venue = TinyVenue(self.clock, venue_epoch_ms=venue_epoch_ms)
        self.said: list[str] = []
        self.sent: list[AnyAction] = []
        self.keeper: Keeper | None = None
        self.floor_ahead_ms = floor_ahead_ms

    def open_keeper(self, now: Ms) -> Keeper:
        """The signer's floor."""
        self.keeper = Keeper(Ms(now + self.floor_ahead_ms))
        return self.keeper

    def step(self, words: str, action: AnyAction | None) -> None:
        """Listen."""
        self.said.append(words)
        if action is not None:
            self.sent.append(action)

    def flatten(self, scope: FlattenScope = ALL, deadline_s: float = DEADLINE_S) -> FlattenReport:
        """Run it."""
        parts = FlattenParts(
            target=FlattenTarget(account=ACCOUNT, network="mainnet", signer=SecretKeySigner(KEY)),
            scope=scope,
            config=CONFIG,
            post=self.venue.post,
            clock=self.clock,
            nonces=self.open_keeper,
            step=self.step,
        )
        return Flattener(parts).run(deadline_s)


def busy() -> Case:
    """Orders and positions on two dexes, one order on spot."""
    case = Case()
    for oid, coin in enumerate(("BTC", "ETH", "xyz:GOLD", "@107"), 1):
        case.venue.rest(oid, coin)
    case.venue.positions = {"BTC": 0.5, "ETH": -2.0, "xyz:GOLD": 1.25}
    return case


def test_everything_goes_on_every_dex() -> None:
    """Orders and positions of several dexes end at zero, confirmed by two readings, and the report adds up."""
    case = busy()
    report = case.flatten()
    assert report.verified_flat
    assert case.venue.orders == {}
    assert set(case.venue.positions.values()) == {0.0}
    assert report.cancelled == 4
    assert report.closed == {"BTC": "0.5", "ETH": "-2", "xyz:GOLD": "1.25"}
    assert report.remaining.orders == 0
    assert report.remaining.positions == {}
    assert case.venue.actions == ["cancel", "order"]
    assert report.elapsed_s == pytest.approx(1.0)


def test_an_account_already_flat_sends_nothing() -> None:
    """With nothing to do nothing is sent, and it still takes two readings to say so."""
    case = Case()
    report = case.flatten()
    assert (report.verified_flat, report.cancelled, report.closed, case.sent) == (True, 0, {}, [])
    assert sum("venue:" in words for words in case.said) == 2


def test_scope_coin_leaves_the_rest_alone() -> None:
    """`coin` cancels and closes that coin only."""
    case = busy()
    assert case.flatten(BTC).verified_flat
    assert sorted(case.venue.orders) == [2, 3, 4]
    assert case.venue.positions == {"BTC": 0.0, "ETH": -2.0, "xyz:GOLD": 1.25}


def test_scope_own_leaves_foreign_orders_alone() -> None:
    """`own` cancels by our cloids and closes the configured coins."""
    case = busy()
    case.venue.rest(9, "ETH", make_cloid(7, 7))
    case.venue.rest(10, "ETH", "0x" + "0" * 31 + "1")
    assert case.flatten(FlattenScope("own", (Coin("ETH"),))).verified_flat
    assert sorted(case.venue.orders) == [1, 2, 3, 4, 10]
    assert case.venue.positions == {"BTC": 0.5, "ETH": 0.0, "xyz:GOLD": 1.25}


def test_a_thin_book_is_reached_by_widening() -> None:
    """When the first limits do not match, each next one is wider until it does."""
    case = Case()
    case.venue.positions = {"BTC": -1.0}
    case.venue.slippage_bps = 300.0
    assert case.flatten().verified_flat
    limits = [float(action.orders[0].px) for action in case.sent if isinstance(action, Order)]
    assert limits == sorted(limits)
    assert len(limits) == 5


def test_partial_fills_are_followed_to_zero() -> None:
    """Each close fills a third; the rest is read and closed again, sized by the reading."""
    case = Case()
    case.venue.positions = {"ETH": 3.0}
    case.venue.depth = 1.0
    assert case.flatten().verified_flat
    assert [a.orders[0].sz for a in case.sent if isinstance(a, Order)] == ["3", "2", "1"]


@pytest.mark.parametrize("fault", ["lost", "applied"])
def test_an_unknown_outcome_is_read_before_anything_is_sent_again(fault: str) -> None:
    """After a timeout the venue is read first: what was applied is not sent again, what was lost is."""
    case = Case()
    case.venue.rest(1, "BTC")
    case.venue.positions = {"BTC": 0.5}
    case.venue.faults.extend([fault, fault])
    report = case.flatten()
    assert report.verified_flat
    assert report.cancelled == 1
    assert report.closed == {"BTC": "0.5"}
    assert case.venue.actions == ["cancel", "order"]
    kinds = ["read" if words.startswith("venue:") else "unknown" for words in case.said if ":" in words and (
        words.startswith("venue:") or "unknown" in words)]  # fmt: skip
    assert kinds[:4] == ["read", "unknown", "unknown", "read"]
    assert len(case.sent) == (2 if fault == "applied" else 4)


@pytest.mark.parametrize("fault", ["429", "Invalid nonce: duplicate nonce 1", "Trading is halted.", "Something new"])
def test_refusals_are_retried_on_a_new_reading(fault: str) -> None:
    """A refused action is tried again with a new nonce after the next reading."""
    case = Case()
    case.venue.rest(1, "BTC")
    case.venue.faults.append(fault)
    assert case.flatten().verified_flat
    assert case.keeper is not None
    assert case.keeper.stored == sorted(set(case.keeper.stored))
    assert len(case.sent) == 2


def test_a_throttled_account_still_cancels() -> None:
    """Over the request budget closes wait 10 s while cancels go on."""
    case = Case()
    case.venue.positions = {"BTC": 0.5}
    case.venue.faults.append("Too many cumulative requests sent (10003 > 10000) for cumulative volume traded $0.45.")
    fresh = itertools.count(100)
    case.venue.before_exchange = lambda: case.venue.rest(next(fresh), "ETH") if case.clock.elapsed_s < 5 else None
    report = case.flatten()
    assert report.verified_flat
    assert report.elapsed_s > 10
    assert sum(isinstance(action, Cancel) for action in case.sent) > 5
    assert sum(isinstance(action, Order) for action in case.sent) == 2


def test_a_silent_venue_ends_at_the_deadline_unverified() -> None:
    """A venue that never answers leaves `verified_flat` false, names what is unread, and sends nothing blindly."""
    case = Case()
    case.venue.info_faults.extend(["silent"] * 1000)
    report = case.flatten()
    assert not report.verified_flat
    assert report.remaining.unread
    assert "deadline" in report.reason
    assert DEADLINE_S <= report.elapsed_s < DEADLINE_S + 15
    assert case.sent == []


def test_a_venue_that_times_out_on_actions_ends_unverified() -> None:
    """Reads work but no action ever arrives: the report says exactly what is left."""
    case = busy()
    case.venue.faults.extend(["lost"] * 1000)
    report = case.flatten()
    assert not report.verified_flat
    assert report.remaining.orders == 4
    assert report.remaining.positions == {"BTC": "0.5", "ETH": "-2", "xyz:GOLD": "1.25"}
    assert report.cancelled == 0


@pytest.mark.parametrize("question", ["clearinghouseState", "openOrders"])
@pytest.mark.parametrize("answer", ["null", "{", '[{"coin": 5}]', '{"assetPositions": 1}', "[" * 20_000, "\xff"])
def test_garbage_is_not_flat(question: str, answer: str) -> None:
    """An answer that cannot be read never counts as empty."""
    case = Case()
    case.venue.garbage = {question: answer}
    report = case.flatten(deadline_s=3.0)
    assert not report.verified_flat
    assert question in report.remaining.unread[0]


def test_one_unread_dex_does_not_stop_the_others() -> None:
    """While one question fails, what is known elsewhere is closed at once."""
    case = busy()
    case.venue.info_faults.extend(["", "null"])
    assert case.flatten().verified_flat
    assert "not read: openOrders" in case.said[0]
    assert case.sent[0] is not None


def test_dust_that_the_venue_refuses_is_reported_and_ends_early() -> None:
    """A rest that the venue will not take for its size ends the flatten early, named as dust, unverified."""
    case = Case()
    case.venue.positions = {"BTC": 0.0001}
    case.venue.min_notional_on_closes = True
    report = case.flatten()
    assert not report.verified_flat
    assert report.remaining.dust == ("BTC",)
    assert report.remaining.positions == {"BTC": "0.0001"}
    assert report.elapsed_s < 5


def test_dust_that_the_venue_takes_is_closed() -> None:
    """A whole close below 10 USD is sent, because the venue exempts it."""
    case = Case()
    case.venue.positions = {"BTC": 0.0001}
    assert case.flatten().verified_flat


def test_a_refused_signer_ends_early_with_the_reason() -> None:
    """An agent the venue does not know cannot flatten: it says so at once."""
    case = busy()
    case.venue.faults.extend(["User or API Wallet 0x" + "b" * 40 + " does not exist."] * 9)
    report = case.flatten()
    assert not report.verified_flat
    assert "signer" in report.reason
    assert report.elapsed_s < 5


def test_an_engine_that_keeps_quoting_does_not_pass_as_flat() -> None:
    """Orders that reappear between readings keep the flatten working; flat is said only once they stay away."""
    case = Case()
    case.venue.rest(1, "BTC")
    fresh = itertools.count(100)
    case.venue.before_exchange = lambda: case.venue.rest(next(fresh), "BTC") if case.clock.elapsed_s < 10 else None
    report = case.flatten()
    assert report.verified_flat
    assert report.elapsed_s > 10
    assert case.venue.orders == {}


def test_nonces_start_above_the_floor_and_are_stored_before_use() -> None:
    """Nonces rise above a floor that is ahead of the clock, and each is durable before it is sent."""
    case = busy()
    case.floor_ahead_ms = 120_000
    seen: list[int] = []

    def stored_first() -> None:
        assert case.keeper is not None
        seen.append(case.keeper.stored[-1])

    case.venue.before_exchange = stored_first
    assert case.flatten().verified_flat
    assert case.venue.nonces == seen
    assert min(seen) >= case.clock.epoch_ms + 120_000


def test_the_venues_clock_counts_when_ours_is_far_off() -> None:
    """Against a venue in another year, as a replayed tape is, nonces follow the venue's block time."""
    case = Case(venue_epoch_ms=1_757_000_000_000)
    case.venue.positions = {"BTC": 0.5}
    assert case.flatten().verified_flat


def test_more_orders_than_one_action_may_hold() -> None:
    """450 orders go in three actions."""
    case = Case()
    for oid in range(450):
        case.venue.rest(oid, "BTC")
    assert case.flatten().cancelled == 450
    assert [len(a.cancels) for a in case.sent if isinstance(a, Cancel)] == [200, 200, 50]


def test_dry_run_sends_nothing_and_names_the_exact_actions() -> None:
    """The dry run's actions are those that the real run sends first."""
    case, twin = busy(), busy()
    _, actions = dry_run(FlattenReader(case.venue.post, ACCOUNT, ALL), CONFIG)
    assert case.venue.actions == []
    twin.flatten()
    assert actions == twin.sent


@given(
    faults=st.lists(st.sampled_from(["", "lost", "applied", "429", "Trading is halted."]), max_size=12),
    info_faults=st.lists(st.sampled_from(["", "silent", "null", "{"]), max_size=20),
    size=st.integers(-300_000, 300_000),
    depth=st.floats(0.2, 5.0),
)
def test_any_faults_end_flat_and_never_flip(faults: list[str], info_faults: list[str], size: int, depth: float) -> None:
    """Whatever goes wrong for a while, the position only shrinks, and flat is said exactly when it is true."""
    case = Case()
    case.venue.positions = {"BTC": size / 10**5}
    case.venue.rest(1, "BTC")
    case.venue.depth = depth
    case.venue.faults.extend(faults)
    case.venue.info_faults.extend(info_faults)
    sizes = [case.venue.positions["BTC"]]
    case.venue.before_exchange = lambda: sizes.append(case.venue.positions["BTC"])
    report = case.flatten(deadline_s=600.0)
    sizes.append(case.venue.positions["BTC"])
    assert report.verified_flat
    assert case.venue.orders == {}
    assert sizes[-1] == 0.0
    assert all(abs(b) <= abs(a) and a * b >= 0 for a, b in itertools.pairwise(sizes))
