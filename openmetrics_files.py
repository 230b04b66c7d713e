"""OpenMetrics files with a timestamp on every sample, read line by line."""

import gzip
import io
import math
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple, cast

from collector.exposition_comments import CommentKind, comment_line
from collector.exposition_grammar import (
    BadLineError,
    PageFormat,
    number,
    sample_line,
    timestamp,
)
from collector.exposition_numbers import with_canonical_bounds
from metrics.values import Labels

STDIN = "-"
_FORM = PageFormat.OPENMETRICS
_END = "# EOF"
_LONGEST = 2**20
_GZIP = b"\x1f\x8b"
_NOISE = 1e-3
"""Milliseconds that the nearest double may lie below a time of whole milliseconds, by far."""
_MOST_SECONDS = 1e12


class OpenMetricsError(Exception):
    """A file that cannot be read, or is not of the format: names file, line and what was found."""


class Read(NamedTuple):
    """A sample: the number of its series, milliseconds, value."""

    series: int
    at: int
    value: float


@dataclass(slots=True)
class _Page:
    """A file as it is being read: series by their text, comments, and what each series said last."""

    known: dict[str, int] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    told: set[tuple[CommentKind, str]] = field(default_factory=set)
    last: dict[int, tuple[int, float]] = field(default_factory=dict)
    ended: bool = False


class OpenMetricsFiles:
    """Reads files one after the other; series keep their numbers over all of them.

    Attributes:
        labels: of each series by its number.
    """

    def __init__(self) -> None:
        self.labels: list[Labels] = []
        self._numbers: dict[Labels, int] = {}

    def read(self, name: str) -> Iterator[Read]:
        """The samples of a file (plain or gzip, ``-`` for standard input), each of a time once.

        Raises:
            OpenMetricsError: the first line that is wrong.
        """
        place = 0
        page = _Page()
        shown = "standard input" if name == STDIN else name
        try:
            with _opened(name) as file:
                for raw in iter(partial(file.readline, _LONGEST), b""):
                    place += 1
                    read = self._line(raw, page)
                    if read is not None:
                        yield read
            _check_end(page)
        except BadLineError as error:
            raise OpenMetricsError(f"{shown}:{max(place, 1)}: {error}") from None
        except UnicodeDecodeError as error:
            raise OpenMetricsError(f"{shown}:{place}: invalid UTF-8 (byte {error.start + 1})") from None
        except (OSError, EOFError, zlib.error) as error:
            reason = (isinstance(error, OSError) and error.strerror) or error
            raise OpenMetricsError(f"{shown}: cannot be read ({reason})") from None

    def _line(self, raw: bytes, page: _Page) -> Read | None:
        if len(raw) == _LONGEST:
            raise BadLineError(f"a line of over {_LONGEST:,} bytes")
        line = raw.removesuffix(b"\n").decode()
        if page.ended:
            raise BadLineError(f"want nothing after {_END}, found {line[:40]!r}")
        head, _, stamp = line.rpartition(" ")
        series, _, value = head.rpartition(" ")
        known = page.known.get(series)
        if known is None or not value:  # without a value these are two blanks before one
            return self._unknown(line, page)
        return _following(page, Read(known, _milliseconds(timestamp(stamp, _FORM)), number(value)))

    def _unknown(self, line: str, page: _Page) -> Read | None:
        """A comment, or a series that this file did not name before."""
        if line.startswith("#"):
            _take_comment(line, page)
            return None
        sample = sample_line(line, _FORM)
        if sample.stamp is None:
            raise BadLineError(f"want a timestamp after the value, found {line[-40:]!r}")
        labels = with_canonical_bounds(sample.labels, page.types)
        series = page.known[sample.series] = self._numbers.setdefault(labels, len(self.labels))
        if series == len(self.labels):
            self.labels.append(labels)
        return _following(page, Read(series, _milliseconds(sample.stamp), number(sample.value)))


def _following(page: _Page, read: Read) -> Read | None:
    """The sample if it is newer than the one before of its series; None where it says the same again.

    What ``promtool`` would drop without a word is refused.
    """
    before = page.last.get(read.series)
    if before is None or read.at > before[0]:
        page.last[read.series] = read.at, read.value
        return read
    if read.at < before[0]:
        raise BadLineError(
            f"want the times of a series in ascending order, found {read.at / 1000} after {before[0] / 1000}"
        )
    if read.value != before[1] and not (math.isnan(read.value) and math.isnan(before[1])):
        raise BadLineError(
            f"want one value at a time, found {read.value!r} after {before[1]!r} at {read.at / 1000}"
        )
    return None


def _take_comment(line: str, page: _Page) -> None:
    if line == _END:
        page.ended = True
        return
    comment = comment_line(line, _FORM)
    if comment is None:
        return
    if (comment.kind, comment.name) in page.told:
        raise BadLineError(f"second # {comment.kind} for {comment.name}")
    page.told.add((comment.kind, comment.name))
    if comment.kind is CommentKind.TYPE:
        page.types[comment.name] = comment.text


def _check_end(page: _Page) -> None:
    if not page.ended:
        raise BadLineError(f"want {_END} at the end, found the end of the file")


def _milliseconds(seconds: float) -> int:
    """Whole milliseconds, what is beyond them cut off, as Prometheus does."""
    return math.floor(max(-_MOST_SECONDS, min(seconds, _MOST_SECONDS)) * 1000 + _NOISE)


@contextmanager
def _opened(name: str) -> Iterator[io.BufferedIOBase]:
    source = sys.stdin.buffer if name == STDIN else Path(name).open("rb", buffering=0)  # noqa: SIM115 - below
    with io.BufferedReader(cast(io.RawIOBase, source)) as file:
        if file.peek(2)[:2] != _GZIP:
            yield file
            return
        with gzip.GzipFile(fileobj=file) as unpacked:
            yield unpacked
