"""Shapes of JSON values, for contracts: what keys an object has, exactly, and of what type each value is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

NUMBER: Final = "number"
TEXT: Final = "text"
COUNT: Final = "count"
"""A whole number, not negative."""
TRUTH: Final = "true or false"
NULL: Final = "null"
HASH: Final = "64 hex digits"
ANY_KEY: Final = "*"
"""As the only key of a shape: any keys, all with this shape."""

Shape: TypeAlias = "str | tuple[Shape, ...] | list[Shape] | Mapping[str, Shape]"
"""One of the words above; several that are allowed; a list of a shape; an object by its keys."""


def faults(value: object, shape: Shape, place: str = "$") -> list[str]:
    """Where a value is not of a shape; nothing when it is."""
    return list(_faults(value, shape, place))


def _faults(value: object, shape: Shape, place: str) -> Iterator[str]:
    if isinstance(shape, tuple):
        if all(faults(value, one, place) for one in shape):
            yield f"{place}: {value!r} is none of {shape}"
    elif isinstance(shape, str):
        if not _is(value, shape):
            yield f"{place}: {value!r} is no {shape}"
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield f"{place}: {value!r} is no list"
            return
        for index, item in enumerate(value):
            yield from _faults(item, shape[0], f"{place}[{index}]")
    else:
        yield from _object_faults(value, shape, place)


def _object_faults(value: object, shape: Mapping[str, Shape], place: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{place}: {value!r} is no object"
        return
    wanted = dict.fromkeys(value, shape[ANY_KEY]) if ANY_KEY in shape else shape
    for key in dict.fromkeys([*wanted, *value]):
        if key not in value:
            yield f"{place}.{key} is missing"
        elif key not in wanted:
            yield f"{place}.{key} is not promised"
        else:
            yield from _faults(value[key], wanted[key], f"{place}.{key}")


def _is(value: object, word: str) -> bool:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return {
        NUMBER: is_whole or isinstance(value, float),
        COUNT: isinstance(value, int) and is_whole and value >= 0,
        TEXT: isinstance(value, str),
        TRUTH: isinstance(value, bool),
        NULL: value is None,
        HASH: isinstance(value, str) and len(value) == 64 and all(digit in "0123456789abcdef" for digit in value),
    }[word]
