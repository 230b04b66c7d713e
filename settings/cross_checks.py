"""What no single value shows: names that must be known or unique, values that must fit each other.

The checks look at the document part by part and pass over parts whose shape is wrong (``validate`` says so),
so that people see all problems at once.
"""

from collections.abc import Iterator

from settings.problems import KeyPath, Problem, dotted
from settings.yaml_node import YamlNode


def cross_checks(node: YamlNode, file: str) -> list[Problem]:
    """Every problem between values, in no particular order."""
    return [Problem(file, *node.position(path), dotted(path), text) for path, text in _findings(node)]


def _findings(node: YamlNode) -> Iterator[tuple[KeyPath, str]]:
    for section in (("collector", "targets"), ("levers",), ("topology",)):
        yield from _duplicate_names(node, section)


def _duplicate_names(node: YamlNode, section: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    seen: dict[str, int] = {}
    for path, name in _names(node, section):
        line = node.position(path)[0]
        if name in seen:
            yield path, f"{name!r} is already the name of the one in line {seen[name]}"
        seen.setdefault(name, line)


def _names(node: YamlNode, section: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    items = node.at(section)
    content = items.content if items is not None else None
    for index in range(len(content) if isinstance(content, tuple) else 0):
        path = (*section, index, "name")
        name = node.at(path)
        if name is not None and isinstance(name.content, str):
            yield path, name.content
