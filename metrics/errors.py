"""What can go wrong with a question, in Prometheus' own error types."""

from dataclasses import dataclass
from enum import StrEnum


class ErrorKind(StrEnum):
    """``errorType`` of Prometheus' HTTP API, and one of ours for what the evaluator does not know yet."""

    BAD_DATA = "bad_data"
    EXECUTION = "execution"
    TIMEOUT = "timeout"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class Span:
    """Character offsets into the query text, end exclusive."""

    start: int
    end: int


class QueryError(Exception):
    """A query that cannot be parsed or evaluated.

    ``str()`` gives ``line:col: message`` followed by the line and a caret under the token, when the position
    is known.
    """

    def __init__(self, kind: ErrorKind, message: str, text: str = "", span: Span | None = None) -> None:
        self.kind = kind
        self.message = message
        self.text = text
        self.span = span
        super().__init__(_worded(message, text, span))

    @property
    def position(self) -> tuple[int, int] | None:
        """Line and column of the error, both counted from 1."""
        return None if self.span is None else line_and_column(self.text, self.span.start)


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Line and column of a character offset, both counted from 1."""
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


_WIDTH = 120
_BEFORE = 60


def _worded(message: str, text: str, span: Span | None) -> str:
    if span is None:
        return message
    line, column = line_and_column(text, span.start)
    shown, caret = _excerpt(text.split("\n")[line - 1].rstrip("\r"), column - 1, span.end - span.start)
    return f"{line}:{column}: {message}\n    {shown}\n    {caret}"


def _excerpt(line: str, at: int, width: int) -> tuple[str, str]:
    """The line, or the part of a long one around the token, and carets under the token."""
    skipped = max(0, at - _BEFORE) if len(line) > _WIDTH else 0
    left, right = "…" if skipped else "", "…" if len(line) - skipped > _WIDTH else ""
    part = line[skipped : skipped + _WIDTH].replace("\t", " ")
    start = at - skipped
    carets = "^" * max(1, min(width, len(part) - start))
    return left + part + right, " " * (start + len(left)) + carets
