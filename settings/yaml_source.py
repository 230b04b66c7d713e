"""YAML as people write it, with the place of every value.

YAML 1.2 is read event by event, so that a hostile file is refused at the first event that shows it. Nothing
is interpreted: every scalar stays the text that was written (``on``, ``no``, ``1:30``, ``012``), null and
nothing are None. Aliases, anchors, tags and duplicate keys are problems, and so are several documents, files
over 1 MB and nesting over 32.
"""

import io
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.scanner import Scanner, ScannerError

from settings.problems import ConfigError, Problem
from settings.yaml_builder import MAX_DEPTH, TOO_DEEP, Builder, StopReadingError
from settings.yaml_node import Plain, Position, YamlNode

__all__ = ["MAX_BYTES", "Plain", "Position", "YamlNode", "parse_yaml", "read_yaml"]

MAX_BYTES = 1_000_000

_PLAINER = (
    ("mapping values are not allowed", "a colon where none can be (quote text that contains ': ')"),
    ("found character '\\t' that cannot start", "a tab is used for spacing (want spaces)"),
    ("expected <block end>, but found '?'", "this key is indented differently from those before it"),
    ("expected <block end>, but found '-'", "this item is indented differently from those before it"),
    ("expected <block end>, but found '<scalar>'", "text after the end of a value (quote the whole value)"),
    ("expected <block end>", "this line is indented differently from those before it"),
    ("expected '<document start>'", "this line does not fit those before it (check its indentation)"),
    ("could not find expected ':'", "a key without a colon"),
    ("found unexpected end of stream", "a quotation mark is opened and not closed"),
    ("but found '<stream end>'", "a bracket is opened and not closed"),
    ("but got '<stream end>'", "a bracket is opened and not closed"),
    ("that cannot start any token", "a value cannot begin with this character (quote it)"),
)


def read_yaml(path: Path) -> YamlNode:
    """Read one file holding one YAML document; an empty file is a node without content.

    Raises:
        ConfigError: with every problem found, each with line and column; also when it cannot be read.
    """
    file = str(path)
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise _whole_file(file, f"cannot be read: {error.strerror or error}") from None
    if len(raw) > MAX_BYTES:
        raise _whole_file(file, f"is larger than {MAX_BYTES:,} bytes")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError([Problem(file, line, None, "", "not text in UTF-8")]) from None
    return parse_yaml(text, file)


def parse_yaml(text: str, file: str) -> YamlNode:
    """As ``read_yaml``, for text already read; ``file`` is named in the problems."""
    builder = Builder(file)
    root: YamlNode | None = None
    try:
        root = builder.document(_parser().parse(io.StringIO(text)))
    except StopReadingError:
        pass
    except ReaderError as error:
        builder.problems.append(_unreadable_character(error, text, file))
    except MarkedYAMLError as error:
        builder.problems.append(_syntax(error, file))
    except YAMLError as error:
        builder.problems.append(Problem(file, None, None, "", f"not valid YAML: {error}"))
    if root is None or builder.problems:
        raise ConfigError(builder.problems)
    return root


class _BoundedScanner(Scanner):
    """Counts open brackets itself: ruamel's scanner looks 1024 of them ahead, at quadratic cost."""

    def fetch_flow_collection_start(self, TokenClass: Any, to_push: str) -> None:  # noqa: N803 (ruamel's name)
        if len(self.flow_context) >= MAX_DEPTH:
            raise ScannerError(problem=TOO_DEEP, problem_mark=self.reader.get_mark())
        super().fetch_flow_collection_start(TokenClass, to_push)


def _parser() -> YAML:
    yaml = YAML(typ="safe", pure=True)
    yaml.Scanner = _BoundedScanner
    return yaml


def _whole_file(file: str, message: str) -> ConfigError:
    return ConfigError([Problem(file, None, None, "", message)])


def _unreadable_character(error: ReaderError, text: str, file: str) -> Problem:
    before = text[: error.position]
    line, column = before.count("\n") + 1, error.position - before.rfind("\n")
    return Problem(file, line, column, "", f"a control character ({text[error.position]!r}) in the text")


def _syntax(error: MarkedYAMLError, file: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    reason = str(error.problem or error.context)
    if reason == TOO_DEEP:
        return Problem(file, mark.line + 1, mark.column + 1, "", reason)
    begun = error.context_mark
    since = f" (in what begins in line {begun.line + 1})" if begun and begun.line != mark.line else ""
    plainer = next((wording for raw, wording in _PLAINER if raw in reason), reason)
    message = f"not valid YAML: {plainer}{since}"
    return Problem(file, mark.line + 1, mark.column + 1, "", message)
