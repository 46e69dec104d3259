"""What faults do to the venue's own words: each rewriting takes a decoded message and changes it in place. Pure.

A message is a WebSocket frame, or an answer as `{"channel": info type, "data": answer}`: both are rewritten alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

from hlmm.sim.faults import Fault, FaultKind

BOOKS: Final = ("bbo", "l2Book")
TIMES: Final = ("time", "timestamp", "statusTimestamp", "serverTime")
PRICES: Final = ("px", "limitPx", "markPx")
NOVELTY: Final = "novelty"

Wire: TypeAlias = "dict[str, Wire] | list[Wire] | str | int | float | bool | None"
Message: TypeAlias = dict[str, Wire]


def channel_of(message: Message) -> str:
    """The channel, or empty."""
    channel = message.get("channel")
    return channel if isinstance(channel, str) else ""


def coin_of(message: Message) -> str:
    """The coin that a message is about, or empty."""
    data = message.get("data")
    first = data[0] if isinstance(data, list) and data else data
    coin = first.get("coin") if isinstance(first, dict) else None
    return coin if isinstance(coin, str) else ""


def _objects(value: Wire) -> Iterator[dict[str, Wire]]:
    """Every object within, outermost first."""
    if isinstance(value, dict):
        yield value
        for below in value.values():
            yield from _objects(below)
    elif isinstance(value, list):
        for below in value:
            yield from _objects(below)


# ---- book and prices ----


def _sides(message: Message) -> list[Wire] | None:
    """Bids and asks of a book or a touch, or None."""
    data = message.get("data")
    if channel_of(message) not in BOOKS or not isinstance(data, dict):
        return None
    sides = data.get("bbo") or data.get("levels")
    return sides if isinstance(sides, list) else None


def _cross(message: Message, fault: Fault) -> None:
    del fault
    sides = _sides(message)
    if sides is not None:
        sides.reverse()


def _clear(message: Message, sides: tuple[int, ...]) -> None:
    found = _sides(message)
    if found is not None:
        for side in sides:
            found[side] = None if channel_of(message) == "bbo" else []


def _empty(message: Message, fault: Fault) -> None:
    del fault
    _clear(message, (0, 1))


def _no_asks(message: Message, fault: Fault) -> None:
    del fault
    _clear(message, (1,))


def _shift(message: Message, name: str, percent: float) -> None:
    data = message.get("data")
    context = data.get("ctx") if isinstance(data, dict) else None
    text = context.get(name) if isinstance(context, dict) else None
    if isinstance(context, dict) and isinstance(text, str):
        decimals = len(text.partition(".")[2])
        context[name] = f"{float(text) * (1 + percent / 100):.{decimals}f}"


def _mark(message: Message, fault: Fault) -> None:
    _shift(message, "markPx", fault.number("percent"))


def _oracle(message: Message, fault: Fault) -> None:
    _shift(message, "oraclePx", fault.number("percent"))


# ---- the clock and the words ----


def _times(message: Message, fault: Fault) -> None:
    step = fault.whole("step_ms")
    for found in _objects(message.get("data")):
        for name in TIMES:
            time = found.get(name)
            if isinstance(time, int):
                found[name] = time + step


def _field(message: Message, fault: Fault) -> None:
    del fault
    for found in _objects(message.get("data")):
        found[NOVELTY] = 1


def _status(message: Message, fault: Fault) -> None:
    """Only where a status stands beside its order."""
    for found in _objects(message.get("data")):
        if isinstance(found.get("order"), dict) and isinstance(found.get("status"), str) and "statusTimestamp" in found:
            found["status"] = fault.word("text")


def _number(message: Message, fault: Fault) -> None:
    for found in _objects(message.get("data")):
        for name in PRICES:
            if name in found:
                found[name] = fault.word("text")
                return


# ---- metadata ----


def _listed(message: Message, coin: str) -> Iterator[dict[str, Wire]]:
    """The universe's entries of a coin; of every coin when it is empty."""
    for found in _objects(message.get("data")):
        if "szDecimals" in found and coin in {"", found.get("name")}:
            yield found


def _grid(message: Message, fault: Fault) -> None:
    for found in _listed(message, fault.word("coin")):
        decimals = found["szDecimals"]
        if isinstance(decimals, int):
            found["szDecimals"] = max(0, decimals - 1)


def _delisted(message: Message, fault: Fault) -> None:
    for found in _listed(message, fault.word("coin")):
        found["isDelisted"] = True


REWRITES: Final[Mapping[FaultKind, Callable[[Message, Fault], None]]] = {
    "crossed_book": _cross, "empty_book": _empty, "one_sided_book": _no_asks, "mark_divergence": _mark,
    "oracle_divergence": _oracle, "clock_step": _times, "unknown_field": _field, "unknown_status": _status,
    "bad_number": _number, "grid_change": _grid, "delisting": _delisted,
}  # fmt: skip
"""Every kind that changes what a message says."""


class Freezer:
    """Remembers what books last showed before they froze, and shows that again under each new time."""

    def __init__(self) -> None:
        """Remember nothing."""
        self._shown: dict[tuple[str, str], list[Wire]] = {}

    def freeze(self, message: Message) -> None:
        """Put the remembered sides in a book; the first one seen is remembered."""
        sides = _sides(message)
        if sides is not None:
            sides[:] = self._shown.setdefault((channel_of(message), coin_of(message)), list(sides))

    def thaw(self) -> None:
        """Forget everything."""
        self._shown.clear()
