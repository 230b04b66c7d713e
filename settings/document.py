"""A configuration document as the cross checks ask it: what was written, else the default."""

from collections.abc import Iterator, Mapping

from settings.durations import format_duration, parse_duration
from settings.problems import KeyPath
from settings.schema import Settings
from settings.yaml_node import YamlNode


class Document:
    """Reads leniently: what has the wrong form is None, for ``validate`` to complain about."""

    def __init__(self, node: YamlNode) -> None:
        self._node = node
        self._defaults = Settings()

    def line(self, path: KeyPath) -> int:
        """The line of what stands at a path."""
        return self._node.position(path)[0]

    def text(self, path: KeyPath) -> str | None:
        """The text at a path."""
        content = self._content(path)
        return content if isinstance(content, str) else None

    def keys(self, path: KeyPath) -> tuple[str, ...]:
        """The keys of a mapping that have something behind them."""
        content = self._content(path)
        if not isinstance(content, Mapping):
            return ()
        return tuple(key for key, child in content.items() if child.content is not None)

    def items(self, path: KeyPath) -> tuple[KeyPath, ...]:
        """The paths of a sequence's items."""
        content = self._content(path)
        return tuple((*path, index) for index in range(len(content) if isinstance(content, tuple) else 0))

    def names(self, section: KeyPath) -> Iterator[tuple[KeyPath, str]]:
        """Path and text of the ``name`` of each item."""
        for item in self.items(section):
            name = self.text((*item, "name"))
            if name is not None:
                yield (*item, "name"), name

    def seconds(self, path: KeyPath) -> float | None:
        """The duration at a path."""
        text = self.text(path)
        if text is None:
            return self._default(path)
        try:
            return parse_duration(text)
        except ValueError:
            return None

    def number(self, path: KeyPath) -> float | None:
        """The number at a path."""
        text = self.text(path)
        if text is None:
            return self._default(path)
        try:
            return float(text)
        except ValueError:
            return None

    def shown_duration(self, path: KeyPath) -> str:
        """A duration for a message, as it was written."""
        text, default = self.text(path), self._default(path)
        if text is None:
            return "nothing" if default is None else f"{format_duration(default)} by default"
        return repr(text)

    def _content(self, path: KeyPath) -> object:
        node = self._node.at(path)
        return None if node is None else node.content

    def _default(self, path: KeyPath) -> float | None:
        value: object = self._defaults
        for step in path:
            value = getattr(value, str(step), None)
        return float(value) if isinstance(value, int | float) else None
