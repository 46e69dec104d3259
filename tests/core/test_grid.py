"""What the engine does when the venue lists a coin otherwise than it did."""

from __future__ import annotations

import msgspec

from hlmm.core.commands import CancelOrder, ModifyOrder, PlaceOrder
from hlmm.core.events import MetaRead
from hlmm.core.view import Phase
from tests.support.engines import INSTRUMENT, Bench


def test_other_size_decimals_halt() -> None:
    """Sizes are whole numbers of the coin's grid: on another grid everything held is wrong, so all is cancelled."""
    bench = Bench()
    bench.connect()
    bench.rest()
    resting = list(bench.oids)
    other = msgspec.structs.replace(INSTRUMENT, sz_decimals=INSTRUMENT.sz_decimals - 1)
    bench.on(MetaRead(ts=bench.ts, instruments=(other,)))
    assert [one.cloid for one in bench.sent if isinstance(one, CancelOrder)] == resting
    bench.bbo(1_101_000, 1_101_010)
    assert not any(isinstance(one, PlaceOrder | ModifyOrder) for one in bench.sent)
    assert "grid_changed" in bench.engine.halt_reason


def test_another_leverage_cap_is_learnt() -> None:
    """What is no part of the grid may change while the run goes on."""
    bench = Bench()
    bench.connect()
    bench.rest()
    bench.on(MetaRead(ts=bench.ts, instruments=(msgspec.structs.replace(INSTRUMENT, max_leverage=20),)))
    assert bench.engine.phase is Phase.TRADING
    assert bench.engine.halt_reason == ""
