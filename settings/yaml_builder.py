"""YAML events to nodes: refuses what the rules of our files refuse, at the first event that shows it."""

from collections.abc import Iterator

from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from settings.problems import KeyPath, Problem, dotted
from settings.yaml_node import Position, YamlNode

MAX_DEPTH = 32
MAX_PROBLEMS = 100
TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


class StopReadingError(Exception):
    """Reading further would only cost time; the problem is already noted."""


class Builder:
    """Builds one document; ``problems`` holds what was refused on the way."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def document(self, events: Iterator[Event]) -> YamlNode:
        """The root node; one without content when there is no document.

        Raises:
            StopReadingError: when the rest is not worth reading.
        """
        root: YamlNode | None = None
        for event in events:
            if isinstance(event, DocumentStartEvent):
                if root is not None:
                    self._refuse(event, (), "a second document begins here (want one document a file)")
                    raise StopReadingError
                root = self._node(next(events), events, ())
        return root or YamlNode(None, 1, 1)

    def _node(
        self, event: Event, events: Iterator[Event], path: KeyPath, key: Position | None = None
    ) -> YamlNode:
        self._judge(event, path)
        line, column = _position(event)
        if isinstance(event, MappingStartEvent):
            return YamlNode(self._mapping(events, path), line, column, key)
        if isinstance(event, SequenceStartEvent):
            return YamlNode(self._sequence(events, path), line, column, key)
        return YamlNode(_text(event), line, column, key)

    def _sequence(self, events: Iterator[Event], path: KeyPath) -> tuple[YamlNode, ...]:
        items: list[YamlNode] = []
        for event in events:
            if isinstance(event, SequenceEndEvent):
                break
            items.append(self._node(event, events, (*path, len(items))))
        return tuple(items)

    def _mapping(self, events: Iterator[Event], path: KeyPath) -> dict[str, YamlNode]:
        entries: dict[str, YamlNode] = {}
        for event in events:
            if isinstance(event, MappingEndEvent):
                break
            key = self._key(event, events, path)
            value = self._node(next(events), events, (*path, key), _position(event))
            if key in entries:
                first, _ = entries[key].key_position or _position(event)
                self._refuse(event, path, f"duplicate key {key!r} (first in line {first})")
            elif key:
                entries[key] = value
        return entries

    def _key(self, event: Event, events: Iterator[Event], path: KeyPath) -> str:
        self._judge(event, path)
        if isinstance(event, ScalarEvent) and event.value:
            return str(event.value)
        if not isinstance(event, AliasEvent):
            self._refuse(event, path, "a key that is not text (want one word before the colon)")
        if not isinstance(event, AliasEvent | ScalarEvent):
            self._node(event, events, path)
        return ""

    def _judge(self, event: Event, path: KeyPath) -> None:
        if len(path) > MAX_DEPTH:
            self._refuse(event, path[:3], TOO_DEEP)
            raise StopReadingError
        anchor, tag = getattr(event, "anchor", None), getattr(event, "ctag", None)
        if isinstance(event, AliasEvent):
            self._refuse(event, path, f"alias *{anchor} is refused (write the value out)")
            return
        if anchor is not None:
            self._refuse(event, path, f"anchor &{anchor} is refused (write the value out where it is needed)")
        if tag is not None:
            written = str(tag).replace("tag:yaml.org,2002:", "!!")
            self._refuse(
                event, path, f"tag {written} is refused (want plain text, numbers, lists and mappings)"
            )

    def _refuse(self, event: Event, path: KeyPath, message: str) -> None:
        self.problems.append(Problem(self.file, *_position(event), dotted(path), message))
        if len(self.problems) >= MAX_PROBLEMS:
            raise StopReadingError


def _position(event: Event) -> Position:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _text(event: Event) -> str | None:
    if not isinstance(event, ScalarEvent) or (event.style is None and event.value in _NULLS):
        return None
    return str(event.value)
