"""Every leaf key of a configuration model, found by walking the model, and a configuration with one key changed.

Paths read as in YAML: `assets.*.spread.level_usd`. A tagged union shows its variant, `env[sim].sim.seed`; the choice
of it is a key that ends in `.kind`.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator, Mapping
from typing import TypeVar

from pydantic import BaseModel

Model = TypeVar("Model", bound=BaseModel)
VARIANT = re.compile(r"\[\w+\]")


def leaves(model: type[BaseModel]) -> dict[str, tuple[object, ...]]:
    """Every key below a model that holds a value and not a further model.

    Returns: by path, the legal values of a key that names them all; () for a range, and for the choice of a variant.
    """
    return dict(_fields(model, ""))


def changed(model: Model, path: str, value: object) -> Model:
    """The same configuration with one key set, validated again. Args: path of an existing key; `.kind` sets a variant.

    Raises: pydantic.ValidationError when the value is refused.
    """
    plain = model.model_dump()
    *parents, last = VARIANT.sub("", path).removesuffix(".kind").split(".")
    node = plain
    for name in parents:
        node = node[next(iter(node)) if name == "*" else name]
    assert last in node, path
    node[last] = value
    return type(model).model_validate(plain)


def with_all(model: Model, values: Mapping[str, object]) -> Model:
    """`changed` for several keys, in their order."""
    for path, value in values.items():
        model = changed(model, path, value)
    return model


def _fields(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, tuple[object, ...]]]:
    for name, field in model.model_fields.items():
        if name != "kind":
            yield from _below(field.annotation, f"{prefix}{name}")


def _below(annotation: object, path: str) -> Iterator[tuple[str, tuple[object, ...]]]:
    variants = _models(annotation)
    if typing.get_origin(annotation) is dict:
        yield from _fields(variants[0], f"{path}.*.")
    elif len(variants) > 1:
        yield f"{path}.kind", ()
        for variant in variants:
            (kind,) = typing.get_args(variant.model_fields["kind"].annotation)
            yield from _fields(variant, f"{path}[{kind}].")
    elif variants:
        yield from _fields(variants[0], f"{path}.")
    else:
        yield path, typing.get_args(annotation) if typing.get_origin(annotation) is typing.Literal else ()


def _models(annotation: object) -> list[type[BaseModel]]:
    """The models among the members of a union or the values of a dict, or the annotation itself when it is one."""
    if typing.get_origin(annotation) is typing.Annotated:
        return _models(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [found for member in typing.get_args(annotation) for found in _models(member)]
    if typing.get_origin(annotation) is dict:
        return _models(typing.get_args(annotation)[1])
    return [annotation] if isinstance(annotation, type) and issubclass(annotation, BaseModel) else []
