"""One sample line of an exposition page: Prometheus text 0.0.4 or 1.0.0, or OpenMetrics 1.0.

What is lexed here is what Prometheus 3 accepts and refuses: names in double quotes are any text, whatever
version the page says it has. OpenMetrics' rules on meaning (counters are not negative, histograms are whole,
families are not interleaved) are not enforced, as Prometheus does not either: refusing the page would lose
every other series of the target.
"""

import math
import re
from dataclasses import dataclass, field
from enum import StrEnum

from metrics.values import Labels


class PageFormat(StrEnum):
    """How a page is written."""

    TEXT = "text"
    OPENMETRICS = "openmetrics"


class BadLineError(ValueError):
    """A line that is not of the format; the text says what was wanted and what was found."""


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


@dataclass(slots=True)
class _Series:
    """What is read of a series so far; ``name`` is None while one may still come within the braces."""

    name: str | None
    labels: list[tuple[str, str]] = field(default_factory=list)


MAX_EXEMPLAR_CHARACTERS = 128

METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*+")
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*+")
QUOTED = re.compile(r'"((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_PAIR = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*+)="([^"\\]*+)"')
_PLAIN = re.compile(
    rf"((?:{METRIC_NAME.pattern})(?:\{{((?:{_PAIR.pattern}(?:,(?=[a-zA-Z_])|(?=\}})))*+)\}})?) ([^ \t\r]++)"
)
BLANK = re.compile(r"[ \t]+")
_BLANKS = re.compile(r"[ \t]*+")
_NUMBER = re.compile(
    r"[+-]?(?:(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?|(?:inf|infinity))|nan", re.IGNORECASE
)
_REAL = re.compile(r"[+-]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?")
_MILLISECONDS = re.compile(r"[+-]?[0-9]{1,18}")
ESCAPE = re.compile(r'\\(["\\n])')
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
    return f"value {shortened(text)} is not a number (want e.g. 17, 0.5, 1e-3, +Inf, NaN)"


def timestamp(text: str, form: PageFormat) -> float:
    """A sample's own time in Unix seconds; the text format writes whole milliseconds. Raises BadLineError."""
    if form is PageFormat.TEXT:
        if not _MILLISECONDS.fullmatch(text):
            raise BadLineError(f"timestamp {shortened(text)} is not whole milliseconds")
        return int(text) / 1000.0
    if not _REAL.fullmatch(text):
        raise BadLineError(f"timestamp {shortened(text)} is not a number of seconds")
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
    match = METRIC_NAME.match(line, start)
    if match is None and not line.startswith("{", start):
        raise _wanted(line, start, "a metric name")
    end = match.end() if match else start
    read = _Series(match.group() if match else None)
    brace = end if strict else _skip(line, end)
    if line.startswith("{", brace):
        end = _read_labels(line, brace, strict, read)
    if read.name is None:
        raise _wanted(line, start, "a metric name, before the braces or in double quotes within them,")
    pairs = [*read.labels, ("__name__", read.name)]
    _refuse_twice(pairs)
    value, stamp = _open_metrics_rest(line, end) if strict else _text_rest(line, end)
    return SampleLine(line[start:end], _canonical(pairs), value, stamp)


def _read_labels(line: str, brace: int, strict: bool, read: _Series) -> int:
    """Read what is within the ``{...}`` that opens at ``brace``; the position after it."""
    at = _blanks(line, brace + 1, strict)
    if line.startswith("}", at):
        return at + 1
    while True:
        at = _read_label(line, at, strict, read)
        if line.startswith("}", at):
            return at + 1
        if not line.startswith(",", at):
            raise _wanted(line, at, "a comma or }")
        at = _blanks(line, at + 1, strict)
        if not strict and line.startswith("}", at):
            return at + 1


def _read_label(line: str, at: int, strict: bool, read: _Series) -> int:
    """Read one label, or the metric's name; the position of what follows."""
    name, quoted, at = _read_name(line, at)
    at = _blanks(line, at, strict)
    if quoted and read.name is None and line.startswith((",", "}"), at):
        read.name = name
        return at
    if not line.startswith("=", at):
        already = f" (the metric's name is {read.name} already)" if quoted and read.name else ""
        raise _wanted(line, at, f"= after label name {name}{already}")
    at = _blanks(line, at + 1, strict)
    value = QUOTED.match(line, at)
    if value is None:
        raise _wanted(line, at, f"the value of label {name} in double quotes")
    read.labels.append((name, unescaped(value.group(1))))
    return _blanks(line, value.end(), strict)


def _read_name(line: str, at: int) -> tuple[str, bool, int]:
    """A name within braces, whether it is in double quotes, and the position after it."""
    plain = _LABEL_NAME.match(line, at)
    if plain:
        return plain.group(), False, plain.end()
    quoted = QUOTED.match(line, at)
    if quoted is None:
        raise _wanted(line, at, "a label name")
    if not quoted.group(1):
        raise _wanted(line, at, "a name that is not empty")
    return unescaped(quoted.group(1)), True, quoted.end()


def _refuse_twice(pairs: list[tuple[str, str]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadLineError(f'label name "{twice}" is not unique')


def _text_rest(line: str, end: int) -> tuple[str, float | None]:
    words = [word for word in BLANK.split(line[end:]) if word]
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
    read = _Series(name="")
    end = _read_labels(text, 0, True, read)
    _refuse_twice(read.labels)
    words = text[end:].split(" ")
    if words[0] or not 2 <= len(words) <= 3:
        raise _wanted(text, end, "one space and the exemplar's value")
    number(words[1])
    if len(words) == 3:
        timestamp(words[2], PageFormat.OPENMETRICS)
    if sum(len(name) + len(value) for name, value in read.labels) > MAX_EXEMPLAR_CHARACTERS:
        raise BadLineError(f"labels of the exemplar are over {MAX_EXEMPLAR_CHARACTERS} characters")


def _canonical(pairs: list[tuple[str, str]]) -> Labels:
    return tuple(sorted((name, value) for name, value in pairs if value))


def unescaped(text: str, escape: re.Pattern[str] = ESCAPE) -> str:
    """The text that was written with these escapes; others stay as they are."""
    if "\\" not in text:
        return text
    return escape.sub(lambda found: _UNESCAPED.get(found.group(1), found.group(1)), text)


def _skip(line: str, at: int) -> int:
    match = _BLANKS.match(line, at)
    return match.end() if match else at


def _blanks(line: str, at: int, strict: bool) -> int:
    return at if strict else _skip(line, at)


def _wanted(line: str, at: int, what: str) -> BadLineError:
    found = shortened(line[at:]) if at < len(line) else "the end of the line"
    return BadLineError(f"want {what} at column {at + 1}, found {found}")


def shortened(text: str) -> str:
    """A found text in quotes, as messages show it."""
    return repr(text if len(text) <= 40 else text[:40] + "...")
