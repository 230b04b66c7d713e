"""One line of an exposition page: Prometheus text 0.0.4, or OpenMetrics 1.0.

What is lexed here is what Prometheus 3 accepts and refuses. OpenMetrics' rules on meaning (counters are not
negative, histograms are whole, families are not interleaved) are not enforced, as Prometheus does not either:
refusing the page would lose every other series of the target.
"""

import math
import re
from dataclasses import dataclass
from enum import StrEnum

from metrics.values import Labels


class PageFormat(StrEnum):
    """How a page is written."""

    TEXT = "text"
    OPENMETRICS = "openmetrics"


class BadLineError(ValueError):
    """A line that is not of the format; the text says what was wanted and what was found."""


class CommentKind(StrEnum):
    """The comments that mean something."""

    HELP = "HELP"
    TYPE = "TYPE"
    UNIT = "UNIT"


@dataclass(frozen=True, slots=True)
class Comment:
    """A HELP, TYPE or UNIT line."""

    kind: CommentKind
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class SampleLine:
    """A sample as it is written.

    Attributes:
        series: the text of name and labels; the same text always means the same series.
        labels: with ``__name__``, sorted, without empty values.
        value: the number's text, not checked yet.
        stamp: the timestamp in Unix seconds, if there is one.
    """

    series: str
    labels: Labels
    value: str
    stamp: float | None


TYPES = frozenset(
    {"counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset", "unknown", "untyped"}
)
MAX_EXEMPLAR_CHARACTERS = 128

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*+")
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*+")
_QUOTED = re.compile(r'"((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_PAIR = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*+)="([^"\\]*+)"')
_PLAIN = re.compile(
    rf"((?:{_NAME.pattern})(?:\{{((?:{_PAIR.pattern}(?:,(?=[a-zA-Z_])|(?=\}})))*+)\}})?) ([^ \t\r]++)"
)
_BLANK = re.compile(r"[ \t]+")
_BLANKS = re.compile(r"[ \t]*+")
_NUMBER = re.compile(
    r"[+-]?(?:(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?|(?:inf|infinity))|nan", re.IGNORECASE
)
_REAL = re.compile(r"[+-]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?")
_MILLISECONDS = re.compile(r"[+-]?[0-9]{1,18}")
_ESCAPE = re.compile(r'\\(["\\n])')
_HELP_ESCAPE = {
    PageFormat.TEXT: re.compile(r"\\([\\n])"),
    PageFormat.OPENMETRICS: re.compile(r'\\(["\\n])'),
}
_UNESCAPED = {"n": "\n"}


def number(text: str) -> float:
    """A sample value by the strict grammar. Raises BadLineError, also for what is out of float64's range."""
    if not _NUMBER.fullmatch(text):
        raise BadLineError(_not_a_number(text))
    value = float(text)
    if math.isinf(value) and "i" not in text.lower():
        raise BadLineError(f"value {text} is out of range of a float64")
    return value


def _not_a_number(text: str) -> str:
    if text.endswith("\r"):
        return r"carriage return at the end of the line (want \n alone, found \r\n)"
    return f"value {_short(text)} is not a number (want e.g. 17, 0.5, 1e-3, +Inf, NaN)"


def timestamp(text: str, form: PageFormat) -> float:
    """A sample's own time in Unix seconds; the text format writes whole milliseconds. Raises BadLineError."""
    if form is PageFormat.TEXT:
        if not _MILLISECONDS.fullmatch(text):
            raise BadLineError(f"timestamp {_short(text)} is not whole milliseconds")
        return int(text) / 1000.0
    if not _REAL.fullmatch(text):
        raise BadLineError(f"timestamp {_short(text)} is not a number of seconds")
    return float(text)


def sample_line(line: str, form: PageFormat) -> SampleLine:
    """Lex a line that is no comment. Raises BadLineError."""
    return _plain(line) or _lexed(line, form)


def _plain(line: str) -> SampleLine | None:
    """The usual form (one blank, no escape, no timestamp), which both formats write alike, in one match."""
    match = _PLAIN.fullmatch(line)
    if match is None:
        return None
    series, inside, value = match.group(1, 2, 5)
    pairs = _PAIR.findall(inside) if inside else []
    pairs.append(("__name__", series.partition("{")[0]))
    _refuse_twice(pairs)
    return SampleLine(series, _canonical(pairs), value, None)


def _lexed(line: str, form: PageFormat) -> SampleLine:
    strict = form is PageFormat.OPENMETRICS
    start = 0 if strict else _skip(line, 0)
    match = _NAME.match(line, start)
    if match is None:
        raise _wanted(line, start, "a metric name")
    end = match.end()
    pairs = [("__name__", match.group())]
    brace = end if strict else _skip(line, end)
    if line.startswith("{", brace):
        end = _read_labels(line, brace, strict, pairs)
    value, stamp = _open_metrics_rest(line, end) if strict else _text_rest(line, end)
    return SampleLine(line[start:end], _canonical(pairs), value, stamp)


def comment_line(line: str, form: PageFormat) -> Comment | None:
    """Lex a line that begins with ``#``; None for a comment that means nothing. Raises BadLineError."""
    strict = form is PageFormat.OPENMETRICS
    words = line.split(" ", 3) if strict else _BLANK.split(line.strip(" \t"), maxsplit=3)
    if not strict and (len(words) < 3 or words[0] != "#" or words[1] not in ("HELP", "TYPE")):
        return None
    if strict and (len(words) < 4 or words[0] != "#" or words[1] not in ("HELP", "TYPE", "UNIT")):
        raise BadLineError(f"want # HELP, # TYPE or # UNIT with a name and a text, found {_short(line)}")
    if not _NAME.fullmatch(words[2]):
        raise BadLineError(f"{_short(words[2])} in # {words[1]} is not a metric name")
    comment = Comment(CommentKind(words[1]), words[2], words[3] if len(words) == 4 else "")
    return _checked_comment(comment, form)


def _checked_comment(comment: Comment, form: PageFormat) -> Comment:
    if comment.kind is CommentKind.HELP:
        return Comment(comment.kind, comment.name, _unescape(comment.text, _HELP_ESCAPE[form]))
    if comment.kind is CommentKind.UNIT:
        if comment.text and not comment.name.endswith(f"_{comment.text}"):
            raise BadLineError(f"unit {comment.text!r} is not the end of the name {comment.name}")
        return comment
    text = comment.text if form is PageFormat.OPENMETRICS else comment.text.strip(" \t")
    if text not in TYPES or (form is PageFormat.OPENMETRICS and text == "untyped"):
        raise BadLineError(f"type {text!r} of {comment.name} is not one of {', '.join(sorted(TYPES))}")
    return Comment(comment.kind, comment.name, "unknown" if text == "untyped" else text)


def _read_labels(line: str, brace: int, strict: bool, pairs: list[tuple[str, str]]) -> int:
    """Append the pairs of ``{...}`` that opens at ``brace``; the position after it."""
    at = _blanks(line, brace + 1, strict)
    if line.startswith("}", at):
        return at + 1
    while True:
        at = _read_label(line, at, strict, pairs)
        if line.startswith("}", at):
            break
        if not line.startswith(",", at):
            raise _wanted(line, at, "a comma or }")
        at = _blanks(line, at + 1, strict)
        if not strict and line.startswith("}", at):
            break
    _refuse_twice(pairs)
    return at + 1


def _read_label(line: str, at: int, strict: bool, pairs: list[tuple[str, str]]) -> int:
    name = _LABEL_NAME.match(line, at)
    if name is None:
        raise _wanted(line, at, "a label name")
    at = _blanks(line, name.end(), strict)
    if not line.startswith("=", at):
        raise _wanted(line, at, f"= after label name {name.group()}")
    at = _blanks(line, at + 1, strict)
    value = _QUOTED.match(line, at)
    if value is None:
        raise _wanted(line, at, f"the value of label {name.group()} in double quotes")
    pairs.append((name.group(), _unescape(value.group(1), _ESCAPE)))
    return _blanks(line, value.end(), strict)


def _refuse_twice(pairs: list[tuple[str, str]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadLineError(f'label name "{twice}" is not unique')


def _text_rest(line: str, end: int) -> tuple[str, float | None]:
    words = [word for word in _BLANK.split(line[end:]) if word]
    if line.endswith("\r"):
        raise BadLineError(_not_a_number("\r"))
    if not words or len(words) > 2 or not (line[end] in " \t" or line[end - 1] == "}"):
        raise _wanted(line, end, "a value, and perhaps a timestamp in milliseconds")
    if len(words) == 1:
        return words[0], None
    return words[0], timestamp(words[1], PageFormat.TEXT)


def _open_metrics_rest(line: str, end: int) -> tuple[str, float | None]:
    rest, mark, exemplar = line[end:].partition(" # ")
    words = rest.split(" ")
    if words[0] or not 2 <= len(words) <= 3 or not all(words[1:]):
        raise _wanted(line, end, "one space, a value, and perhaps one space and a timestamp")
    if mark:
        _check_exemplar(exemplar)
    stamp = timestamp(words[2], PageFormat.OPENMETRICS) if len(words) == 3 else None
    return words[1], stamp


def _check_exemplar(text: str) -> None:
    if not text.startswith("{"):
        raise _wanted(text, 0, "{ of an exemplar")
    pairs: list[tuple[str, str]] = []
    end = _read_labels(text, 0, True, pairs)
    words = text[end:].split(" ")
    if words[0] or not 2 <= len(words) <= 3:
        raise _wanted(text, end, "one space and the exemplar's value")
    number(words[1])
    if len(words) == 3:
        timestamp(words[2], PageFormat.OPENMETRICS)
    if sum(len(name) + len(value) for name, value in pairs) > MAX_EXEMPLAR_CHARACTERS:
        raise BadLineError(f"labels of the exemplar are over {MAX_EXEMPLAR_CHARACTERS} characters")


def _canonical(pairs: list[tuple[str, str]]) -> Labels:
    return tuple(sorted((name, value) for name, value in pairs if value))


def _unescape(text: str, escape: re.Pattern[str]) -> str:
    if "\\" not in text:
        return text
    return escape.sub(lambda found: _UNESCAPED.get(found.group(1), found.group(1)), text)


def _skip(line: str, at: int) -> int:
    match = _BLANKS.match(line, at)
    return match.end() if match else at


def _blanks(line: str, at: int, strict: bool) -> int:
    return at if strict else _skip(line, at)


def _wanted(line: str, at: int, what: str) -> BadLineError:
    found = _short(line[at:]) if at < len(line) else "the end of the line"
    return BadLineError(f"want {what} at column {at + 1}, found {found}")


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "...")
