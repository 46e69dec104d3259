"""What may be written where: the models walked as a tree, for ranges, units, did-you-mean and the list of every key."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Final, Literal, Union, get_args, get_origin

import annotated_types
import msgspec
from pydantic import BaseModel, StringConstraints
from pydantic.fields import FieldInfo

from hlmm.shell.env import SHAPES

Loc = Sequence[str | int]

UNITS: Final = (
    ("_per_bps", "1/bp"),
    ("_bps_sqrt_s", "bp/√s"),
    ("_per_s", "1/s"),
    ("_bps", "bp"),
    ("_usd", "USD"),
    ("_ms", "ms"),
    ("_kappa", "units of 1/kappa"),
    ("_frac", "fraction of 1"),
    ("_s", "s"),
)
NAMES: Final = {float: "a number", int: "a whole number", str: "text", bool: "true or false"}
TAG: Final = "kind"
WILDCARD: Final = "*"


class Node(msgspec.Struct, frozen=True):
    """A place in the models: its path without union tags, the model above it, its field if it is one, its type."""

    path: tuple[str, ...]
    model: type[BaseModel] | None
    field: FieldInfo | None
    annotation: object


def locate(model: type[BaseModel], loc: Loc) -> Node:
    """Follow a pydantic location.

    Args: model, the root; loc, from an error, with the tags of discriminated unions in it.
    Returns: the place; its `field` is None where the models know nothing.   Raises: nothing.
    """
    path: list[str] = []
    parent: type[BaseModel] | None = None
    field: FieldInfo | None = None
    here: object = model
    for element in loc:
        member = _member(here, element)
        if member is not None:
            here = member
            continue
        path.append(str(element))
        inner = _bare(here)
        parent = inner if isinstance(inner, type) and issubclass(inner, BaseModel) else None
        field = parent.model_fields.get(str(element)) if parent else field
        here = field.annotation if parent and field else _item(inner)
    return Node(tuple(path), parent, field, here)


def tagged(model: type[BaseModel], path: Sequence[str], tree: Mapping[str, object]) -> Node:
    """`locate` for a plain path: the members of unions are read from the tree's own tags.

    Args: model, the root; path, keys of the tree; tree, composed, possibly invalid.   Returns: the place.
    """
    loc: list[str] = []
    here: object = tree
    for key in path:
        tag = here.get(TAG) if isinstance(here, Mapping) else None
        if isinstance(tag, str) and _member(locate(model, loc).annotation if loc else model, tag):
            loc.append(tag)
        loc.append(key)
        here = here.get(key) if isinstance(here, Mapping) else None
    return locate(model, loc)


def fields_of(node: Node) -> list[str]:
    """The fields of the model that a place holds; empty when it holds a value."""
    inner = _bare(node.annotation)
    return list(inner.model_fields) if isinstance(inner, type) and issubclass(inner, BaseModel) else []


def below(node: Node, name: str) -> Node:
    """A field of the model that a place holds. Args: name, one of `fields_of(node)`."""
    model = _bare(node.annotation)
    assert isinstance(model, type)
    assert issubclass(model, BaseModel)
    field = model.model_fields[name]
    return Node((*node.path, name), model, field, field.annotation)


def keys_of(node: Node) -> list[str]:
    """The keys a model allows beside an unknown one. Args: node, of the unknown key."""
    return list(node.model.model_fields) if node.model else []


def expected(node: Node) -> str:
    """What a value must be, in words: "a number 10 … 10,000,000 (USD)". Empty when the models do not say."""
    if node.field is None:
        return ""
    inner = _bare(node.annotation)
    if get_origin(inner) is Literal:
        return "one of " + ", ".join(str(value) for value in get_args(inner))
    word = NAMES.get(inner, "") if isinstance(inner, type) else ""
    if not word:
        return "keys" if isinstance(inner, type) and issubclass(inner, BaseModel) else "a list"
    return f"{word}{_range(node.field)}{_unit(node.path[-1])}{_pattern(node.field)}"


def description(node: Node) -> str:
    """The field's own description; empty when it has none."""
    return (node.field.description if node.field else None) or ""


def bounds(field: FieldInfo) -> tuple[float | None, float | None]:
    """Lower and upper bound of a field, None where there is none."""
    low: float | None = None
    high: float | None = None
    for item in _constraints(field):
        match item:
            case annotated_types.Ge(ge=bound) | annotated_types.Gt(gt=bound):
                low = _number(bound)
            case annotated_types.Le(le=bound) | annotated_types.Lt(lt=bound):
                high = _number(bound)
            case _:
                pass
    return low, high


def leaves(model: type[BaseModel]) -> Iterator[Node]:
    """Every key of the models that holds a value, `*` for the names of a mapping, every member of a union."""
    yield from _leaves_under(model, ())


def _leaves_under(annotation: object, path: tuple[str, ...]) -> Iterator[Node]:
    inner = _bare(annotation)
    if isinstance(inner, type) and issubclass(inner, BaseModel):
        for name, field in inner.model_fields.items():
            below = list(_leaves_under(field.annotation, (*path, name)))
            yield from below or [Node((*path, name), inner, field, field.annotation)]
    elif get_origin(inner) in {Union, types.UnionType}:
        for member in get_args(inner):
            yield from _leaves_under(member, path)
    elif get_origin(inner) is dict:
        yield from _leaves_under(get_args(inner)[1], (*path, WILDCARD))


def _bare(annotation: object) -> object:
    """An annotation without `Annotated` and without `| None`."""
    while True:
        arguments = get_args(annotation)
        if get_origin(annotation) is Annotated:
            annotation = arguments[0]
            continue
        some = [item for item in arguments if item is not types.NoneType]
        if get_origin(annotation) in {Union, types.UnionType} and len(some) == 1:
            annotation = some[0]
            continue
        return annotation


def _member(annotation: object, tag: str | int) -> type[BaseModel] | None:
    """The member of a discriminated union that a location's element selects."""
    inner = _bare(annotation)
    if get_origin(inner) not in {Union, types.UnionType}:
        return None
    for member in get_args(inner):
        kind = member.model_fields.get(TAG) if isinstance(member, type) and issubclass(member, BaseModel) else None
        if kind is not None and tag in get_args(kind.annotation):
            found: type[BaseModel] = member
            return found
    return None


def _item(annotation: object) -> object:
    arguments = get_args(annotation)
    if get_origin(annotation) is dict:
        return arguments[1]
    return arguments[0] if get_origin(annotation) in {tuple, list} else object


def _constraints(field: FieldInfo) -> Iterator[object]:
    yield from field.metadata
    for argument in get_args(field.annotation):
        if get_origin(argument) is Annotated:
            for item in typing.cast("tuple[object, ...]", argument.__metadata__):
                yield from item.metadata if isinstance(item, FieldInfo) else (item,)


def _number(bound: object) -> float:
    assert isinstance(bound, int | float)
    return bound


def _range(field: FieldInfo) -> str:
    low, high = bounds(field)
    if low is None and high is None:
        return ""
    left = "" if low is None else f"{low:,.15g}"
    right = "" if high is None else f"{high:,.15g}"
    return f" {left} … {right}".rstrip()


def _unit(name: str) -> str:
    return next((f" ({unit})" for suffix, unit in UNITS if name.endswith(suffix)), "")


def _pattern(field: FieldInfo) -> str:
    patterns = [
        item.pattern if isinstance(item, StringConstraints) else getattr(item, "pattern", None)
        for item in _constraints(field)
    ]
    found = next((pattern for pattern in patterns if isinstance(pattern, str)), None)
    return "" if found is None else f" {SHAPES.get(found, f'that matches {found}')}"
