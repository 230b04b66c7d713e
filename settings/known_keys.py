"""Which keys a pydantic model knows at a path: what a misspelt one may have been meant to be."""

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from settings.problems import KeyPath


def known_keys(model: type[BaseModel], path: KeyPath) -> tuple[str, ...]:
    """The keys that may stand in the mapping at a path, as they are written; sorted."""
    annotations: list[Any] = [model]
    for step in path:
        annotations = [inner for outer in annotations for inner in _inside(outer, step)]
    keys = {key for part in annotations for found in _models(part) for key in _keys_of(found)}
    return tuple(sorted(keys))


def _keys_of(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield field.alias or name


def _members(annotation: Any) -> Iterator[Any]:
    """The annotation itself, or what a union or ``Annotated`` is made of."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _members(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for member in get_args(annotation):
            yield from _members(member)
    else:
        yield annotation


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    for member in _members(annotation):
        if isinstance(member, type) and issubclass(member, BaseModel):
            yield member


def _inside(annotation: Any, step: str | int) -> Iterator[Any]:
    """What may stand one step further in: a field, an item, a value."""
    for member in _members(annotation):
        if isinstance(step, str) and isinstance(member, type) and issubclass(member, BaseModel):
            yield from (
                field.annotation
                for name, field in member.model_fields.items()
                if step == (field.alias or name)
            )
        elif isinstance(step, int) and get_args(member):
            yield get_args(member)[0]
        elif isinstance(step, str) and len(get_args(member)) == 2:
            yield get_args(member)[1]
