"""What the venue says that we do not know: counted, alarmed once, visible."""

from __future__ import annotations

from hlmm.core.commands import Alarm, AnyCommand
from hlmm.core.drift import KINDS_MAX
from hlmm.core.events import DriftKind, DriftSeen, FrameQuarantined, OrderRejected, OrderState, OrderUpdated, Reject
from hlmm.core.view import DriftView, Phase
from hlmm.types import Ms, Oid, Sz
from tests.support.engines import BTC, Bench


def quoting() -> Bench:
    """An engine with its ladder resting."""
    bench = Bench()
    bench.connect()
    bench.rest()
    return bench


def alarms(commands: list[AnyCommand]) -> list[str]:
    """Codes of the drift alarms among commands."""
    return [c.code for c in commands if isinstance(c, Alarm) and c.code.startswith("drift")]


def test_a_deviation_alarms_once_and_is_counted() -> None:
    """The same deviation a hundred times is one alarm, one line and a count of a hundred; trading goes on."""
    bench = quoting()
    said: list[str] = []
    for _ in range(100):
        said += alarms(bench.on(DriftSeen(ts=bench.ts, kind=DriftKind.FIELD, what="bbo: unknown field `seq`")))
    assert said == ["drift.field"]
    assert bench.engine.view().drift == (DriftView(kind="field", what="bbo: unknown field `seq`", count=100),)
    assert bench.engine.phase is Phase.TRADING


def test_an_unknown_text_is_one_deviation_for_all_orders() -> None:
    """A refusal text that differs only in figures counts as the same."""
    bench = quoting()
    orders = list(bench.orders)[:2]
    said: list[str] = []
    for number, cloid in enumerate(orders):
        text = f"Order is too blue. asset={number}"
        said += alarms(bench.on(OrderRejected(ts=bench.ts, cloid=cloid, reason=Reject.UNKNOWN_TEXT, text=text)))
    assert said == ["drift.text"]
    assert [(d.kind, d.what, d.count) for d in bench.engine.view().drift] == [("text", "Order is too blue. asset=#", 2)]


def test_an_unknown_status_is_a_deviation() -> None:
    """A status word that is not in the table is named."""
    bench = quoting()
    cloid, order = next(iter(bench.orders.items()))
    event = OrderUpdated(
        ts=bench.ts, venue_ts=Ms(1), coin=BTC, cloid=cloid, oid=Oid(1), side=order.side, px=order.px,
        orig_sz=order.sz, remaining_sz=Sz(0), state=OrderState.UNRECOGNISED, word="blueRejected",
    )  # fmt: skip
    assert "drift.status" in alarms(bench.on(event))
    assert [d.what for d in bench.engine.view().drift] == ["blueRejected"]


def test_an_unknown_message_is_a_deviation() -> None:
    """A quarantined frame is counted under its channel and reason."""
    bench = quoting()
    event = FrameQuarantined(ts=bench.ts, channel="blue", why="invalid value", text="{}")
    assert alarms(bench.on(event)) == ["drift.message"]
    assert alarms(bench.on(event)) == []
    assert bench.engine.view().drift == (DriftView(kind="message", what="blue: invalid value", count=2),)


def test_ordinary_events_are_no_deviation() -> None:
    """Starting and quoting leaves the tally empty."""
    assert quoting().engine.view().drift == ()


def test_the_tally_is_bounded() -> None:
    """However many different deviations there are, the tally and the alarms stay small."""
    bench = quoting()
    said: list[str] = []
    for number in range(10 * KINDS_MAX):
        what = "".join(chr(ord("a") + int(digit)) for digit in str(number))
        said += alarms(bench.on(DriftSeen(ts=bench.ts, kind=DriftKind.MESSAGE, what=what)))
    view = bench.engine.view()
    assert len(view.drift) == KINDS_MAX + 1
    assert sum(drift.count for drift in view.drift) == 10 * KINDS_MAX
    assert len(said) == KINDS_MAX + 1
