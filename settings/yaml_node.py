"""A value in a YAML file, with its place."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from settings.problems import KeyPath

Plain: TypeAlias = "str | list[Plain] | dict[str, Plain] | None"
Position: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class YamlNode:
    """Text, nothing, a sequence or a mapping.

    Attributes:
        content: what it holds; text is exactly what was written, without its quotes.
        line, column: where it begins, both counted from 1.
        key_position: where its key begins, when it is the value of a mapping.
    """

    content: "str | tuple[YamlNode, ...] | Mapping[str, YamlNode] | None"
    line: int
    column: int
    key_position: Position | None = None

    def plain(self) -> Plain:
        """Dicts, lists and strings; null is None."""
        if isinstance(self.content, Mapping):
            return {key: node.plain() for key, node in self.content.items()}
        if isinstance(self.content, tuple):
            return [node.plain() for node in self.content]
        return self.content

    def at(self, path: KeyPath) -> "YamlNode | None":
        """The node at a path below this one, or None where nothing was written."""
        node: YamlNode | None = self
        for step in path:
            node = None if node is None else node._child(step)
        return node

    def position(self, path: KeyPath = ()) -> Position:
        """Line and column of what stands at a path.

        Text is pointed at itself; a mapping, a sequence or nothing is pointed at by its key. Where the path
        ends in something that was not written, the nearest thing above it is meant.
        """
        for length in range(len(path), -1, -1):
            node = self.at(path[:length])
            if node is not None:
                return node._shown_at()
        raise AssertionError("the empty path always leads to the node itself")

    def key_position_of(self, path: KeyPath) -> Position:
        """Line and column of the key at a path; as ``position`` where there is no key."""
        node = self.at(path)
        return self.position(path) if node is None or node.key_position is None else node.key_position

    def _shown_at(self) -> Position:
        if isinstance(self.content, str) or self.key_position is None:
            return self.line, self.column
        return self.key_position

    def _child(self, step: str | int) -> "YamlNode | None":
        if isinstance(self.content, Mapping) and isinstance(step, str):
            return self.content.get(step)
        if isinstance(self.content, tuple) and isinstance(step, int):
            return self.content[step] if 0 <= step < len(self.content) else None
        return None
