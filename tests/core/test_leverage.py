"""Leverage and margin mode: set at the venue and read back before the first quote."""

from __future__ import annotations

import pytest
from typing_extensions import override

from hlmm.core.commands import Alarm, AnyCommand, SetLeverage
from hlmm.core.events import LeverageRead, LeverageRefused
from hlmm.types import Coin
from tests.support.engines import BTC, Bench, coin_config, engine_config, sides

WANTED = SetLeverage(coin=BTC, leverage=10, is_cross=True)


class SetOtherwise(Bench):
    """An account whose coins are set to something else when the engine first asks."""

    def __init__(self, leverage: int, *, is_cross: bool) -> None:
        """Args: what the venue says."""
        super().__init__()
        self.told = (leverage, is_cross)

    @override
    def leverage(self, leverage: int = 0, *, is_cross: bool = True) -> list[AnyCommand]:
        """The venue's own setting, whatever is asked for."""
        return super().leverage(self.told[0], is_cross=self.told[1])


def otherwise(leverage: int = 20, *, is_cross: bool = True) -> Bench:
    """An engine that knows everything, on an account that is set otherwise."""
    bench = SetOtherwise(leverage, is_cross=is_cross)
    bench.connect()
    return bench


@pytest.mark.parametrize(("leverage", "is_cross"), [(20, True), (10, False)])
def test_another_setting_is_changed_before_the_first_quote(leverage: int, is_cross: bool) -> None:  # noqa: FBT001
    """A different leverage or margin mode is set, nothing is quoted until the venue's own reading agrees."""
    bench = otherwise(leverage, is_cross=is_cross)
    assert WANTED in bench.log
    assert bench.fresh() == []
    bench.on(LeverageRead(ts=bench.ts, coin=BTC, leverage=10, is_cross=True))
    assert sides(bench.fresh()) == (2, 2)


def test_a_lost_setting_is_asked_for_again_but_not_at_once() -> None:
    """Setting is idempotent: without an answer it is repeated after query_after_s."""
    bench = otherwise()
    bench.wait(500)
    assert WANTED not in bench.sent
    bench.wait(600)
    assert WANTED in bench.sent


def test_a_refused_setting_keeps_the_gate_shut_and_says_what_to_do() -> None:
    """The venue refuses to switch an open position's mode: no quotes, one alarm with the fix, no repetition."""
    bench = otherwise()
    bench.on(LeverageRefused(ts=bench.ts, coin=BTC, text="Cannot switch leverage type with open position."))
    assert any(isinstance(c, Alarm) and c.code == "leverage_refused" and "by hand" in c.text for c in bench.sent)
    bench.wait(5_000)
    assert WANTED not in bench.sent
    assert bench.fresh() == []
    assert "leverage" in bench.engine.view().reasons


def test_the_gate_waits_for_every_coin() -> None:
    """One coin as configured is not enough when there are two."""
    bench = Bench(engine_config(coin_config(), coin_config("ETH")))
    bench.on(LeverageRead(ts=bench.ts, coin=BTC, leverage=10, is_cross=True))
    assert "leverage" in bench.engine.view().reasons
    bench.on(LeverageRead(ts=bench.ts, coin=Coin("ETH"), leverage=10, is_cross=True))
    assert "leverage" not in bench.engine.view().reasons


def test_nothing_is_set_once_the_stop_began() -> None:
    """After a stop the engine only cancels and reads."""
    bench = Bench()
    bench.stop()
    bench.on(LeverageRead(ts=bench.ts, coin=BTC, leverage=3, is_cross=True))
    bench.wait(3_000)
    assert not any(isinstance(command, SetLeverage) for command in bench.log)
