"""A YAML node against a pydantic model: the value, or every problem with its line, worded for people."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from settings.known_keys import known_keys
from settings.problems import KeyPath, Problem, dotted, in_file_order
from settings.wording import suggestion, worded
from settings.yaml_node import YamlNode

_Model = TypeVar("_Model", bound=BaseModel)


def validate(node: YamlNode, model: type[_Model], file: str) -> tuple[_Model | None, list[Problem]]:
    """Read a node as a model; all problems at once.

    A key with nothing behind it counts as not given, so a section whose lines are all commented out keeps
    its defaults. Keys are named as they are written (aliases such as ``for``).

    Returns:
        the value and no problem, or None and at least one.
    """
    try:
        return model.model_validate(given(node), by_alias=True, by_name=False), []
    except ValidationError as error:
        details = error.errors(include_url=False)
    problems = (_problem(group, node, model, file) for group in _by_place(details, node))
    return None, sorted(problems, key=in_file_order)


def given(node: YamlNode) -> Any:
    """The plain value without the keys that have nothing behind them."""
    if isinstance(node.content, Mapping):
        return {key: given(child) for key, child in node.content.items() if child.content is not None}
    if isinstance(node.content, tuple):
        return [given(child) for child in node.content]
    return node.content


def _by_place(details: Sequence[ErrorDetails], node: YamlNode) -> list[list[ErrorDetails]]:
    """The members of a union complain one by one about the same value: one group, one problem."""
    groups: dict[tuple[KeyPath, bool], list[ErrorDetails]] = {}
    for detail in details:
        groups.setdefault((_written(detail, node), detail["type"] == "missing"), []).append(detail)
    return list(groups.values())


def _written(detail: ErrorDetails, node: YamlNode) -> KeyPath:
    """The error's path without the steps that pydantic adds for members of a union."""
    path: KeyPath = ()
    for step in detail["loc"]:
        if node.at((*path, step)) is not None:
            path = (*path, step)
    if detail["type"] == "missing" and path[-1:] != detail["loc"][-1:]:
        return (*path, detail["loc"][-1])
    return path


def _problem(group: list[ErrorDetails], node: YamlNode, model: type[BaseModel], file: str) -> Problem:
    path = _written(group[0], node)
    kind = group[0]["type"]
    if kind == "extra_forbidden":
        known = known_keys(model, path[:-1])
        message = f"unknown key {str(path[-1])!r}{suggestion(str(path[-1]), known)}"
        return Problem(file, *node.key_position_of(path), dotted(path[:-1]), message)
    if kind == "missing":
        lack = "is missing" if node.at(path) is None else "is empty"
        return Problem(file, *node.position(path), dotted(path[:-1]), f"{str(path[-1])!r} {lack}")
    written = node.at(path)
    found = group[0]["input"] if written is None else written.plain()
    return Problem(file, *node.position(path), dotted(path), worded(group, found))
