"""Exposition pages: a parser that remembers the lines of the last page.

A page is all or nothing: one bad line fails it. Almost every line of a page names a series that the last page
named too, so a known series text is one dict look-up, and the numbers are converted as one column. Where all
lines keep their order, the very same tuple of label sets is handed over again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from collector.deadline import Deadline
from collector.exposition_comments import Comment, CommentKind, comment_line
from collector.exposition_frame import page_lines, page_metadata
from collector.exposition_grammar import (
    BadLineError,
    PageFormat,
    SampleLine,
    number,
    sample_line,
    timestamp,
)
from collector.exposition_numbers import column, with_canonical_bounds
from collector.page_shape import PageShape, shape_of
from collector.round import ErrorKind
from collector.source import ScrapeError
from collector.stamps import stamps_of, told_once
from metrics.values import Floats, Labels, Metadata, Pairs, label, made_of

TOO_OLD_SECONDS = 3600.0
TOO_NEW_SECONDS = 600.0
LINES_BETWEEN_DEADLINE_CHECKS = 512


@dataclass(frozen=True, slots=True)
class Page:
    """A parsed page.

    Attributes:
        labels, values: the samples that are kept, in the order of the page.
        metadata: by metric family name as the page writes it.
        seen: samples on the page.
        duplicates: samples of a series that the page already had; the first is kept.
        out_of_bounds: samples whose own timestamp is over an hour old or over ten minutes ahead.
        stamps: the samples' own times (Unix seconds, NaN for none) where they are taken and any has one; such
            a series may have several samples on the page.
    """

    labels: tuple[Labels, ...]
    values: Floats
    metadata: Mapping[str, Metadata]
    seen: int
    duplicates: int = 0
    out_of_bounds: int = 0
    stamps: Floats | None = None


@dataclass(frozen=True, slots=True)
class _Order:
    """The series of a page, line by line, and what is left of them without duplicates."""

    raw: tuple[Labels, ...]
    labels: tuple[Labels, ...]
    kept: np.ndarray[tuple[int], np.dtype[np.intp]] | None


@dataclass(slots=True)
class _Rows:
    """A page as it is being read; ``stamps`` by the sample's position."""

    labels: list[Labels]
    texts: list[str]
    comments: list[str]
    out_of_bounds: int = 0
    stamps: dict[int, float] = field(default_factory=dict)


class PageParser:
    """Parses the pages of one target, one after another. Not for use by two threads at once.

    Args:
        sample_limit: a page with more samples is refused before it is parsed.
        honor_timestamps: samples keep the time that they carry; whoever stores them judges it.
    """

    def __init__(self, sample_limit: int, honor_timestamps: bool = False) -> None:
        self._sample_limit = sample_limit
        self._honor_timestamps = honor_timestamps
        self._form = PageFormat.TEXT
        self._forget()

    def parse(self, body: bytes, form: PageFormat, at: float, deadline: Deadline) -> Page:
        """Parse one page; ``at`` (Unix seconds) judges its timestamps.

        Raises ScrapeError (bad_format with the line's number, or limit) and TimeoutError.
        """
        if form is not self._form:
            self._form = form
            self._forget()
        values = self._shape.values(body) if self._shape else None
        if values is not None:
            return self._page(values, 0)
        lines = page_lines(body, form)
        self._refuse_too_many(lines)
        self._forget_churn(len(lines))
        rows = self._read(lines, at, deadline)
        values = column(rows.texts)
        if values is None:
            raise self._blame(lines)
        self._take_comments(rows.comments, lines)
        if rows.stamps:
            return self._stamped_page(rows, values)
        self._take_order(rows, body, values)
        return self._page(values, rows.out_of_bounds)

    def _page(self, values: Floats, out_of_bounds: int) -> Page:
        order, seen = self._order, len(self._order.raw)
        kept = values if order.kept is None else values[order.kept]
        duplicates = seen - len(order.labels)
        return Page(order.labels, kept, self._metadata, seen + out_of_bounds, duplicates, out_of_bounds)

    def _forget(self) -> None:
        self._shape: PageShape | None = None
        self._known: dict[str, Labels] = {}
        self._same: dict[Labels, Labels] = {}
        self._pairs: Pairs = {}
        self._comment_cache: dict[str, Comment | None] = {}
        self._comments: list[str] = []
        self._types: dict[str, str] = {}
        self._retyped: set[str] = set()
        self._metadata: Mapping[str, Metadata] = {}
        self._order = _Order((), (), None)

    def _refuse_too_many(self, lines: list[str]) -> None:
        if len(lines) <= self._sample_limit:
            return
        samples = sum(1 for line in lines if line and not line.startswith("#"))
        if samples > self._sample_limit:
            raise ScrapeError(
                ErrorKind.LIMIT, f"{samples:,} samples, over collector.sample_limit ({self._sample_limit:,})"
            )

    def _read(self, lines: list[str], at: float, deadline: Deadline) -> _Rows:
        rows = _Rows([], [], [])
        known, add_labels, add_text = self._known.get, rows.labels.append, rows.texts.append
        slow = 0
        for index, line in enumerate(lines):
            key, _, text = line.rpartition(" ")
            labels = known(key)
            if labels is not None:
                add_labels(labels)
                add_text(text)
                continue
            slow += 1
            if slow % LINES_BETWEEN_DEADLINE_CHECKS == 0:
                deadline.left()
            try:
                self._read_unknown(line, at, rows)
            except BadLineError as error:
                raise _bad_line(index, error) from None
        return rows

    def _read_unknown(self, line: str, at: float, rows: _Rows) -> None:
        """A comment, a blank line, a series not seen before, or one with a timestamp or an exemplar."""
        if line.startswith("#") or (self._form is PageFormat.TEXT and line.lstrip(" \t").startswith("#")):
            self._read_comment(line)
            rows.comments.append(line)
            return
        if self._form is PageFormat.TEXT and not line.strip(" \t"):
            return
        sample = self._stamped(line) or self._lexed(line)
        if sample.stamp is not None and self._honor_timestamps:
            rows.stamps[len(rows.labels)] = sample.stamp
        elif sample.stamp is not None and not at - TOO_OLD_SECONDS <= sample.stamp <= at + TOO_NEW_SECONDS:
            number(sample.value)
            rows.out_of_bounds += 1
            return
        rows.labels.append(sample.labels)
        rows.texts.append(sample.value)

    def _stamped(self, line: str) -> SampleLine | None:
        """A known series with a timestamp: exporters that stamp their samples stamp every line."""
        head, _, stamp = line.rpartition(" ")
        series, _, value = head.rpartition(" ")
        labels = self._known.get(series)
        # Without a value these are two blanks before one, and without a stamp it is one after it.
        if labels is None or not value or not stamp:
            return None
        return SampleLine(series, labels, value, timestamp(stamp, self._form))

    def _lexed(self, line: str) -> SampleLine:
        sample = sample_line(line, self._form)
        labels = self._known.get(sample.series)
        if labels is None:
            labels = made_of(self._pairs, with_canonical_bounds(sample.labels, self._types))
            labels = self._same.setdefault(labels, labels)
            self._known[sample.series] = labels
        return SampleLine(sample.series, labels, sample.value, sample.stamp)

    def _read_comment(self, line: str) -> None:
        if line in self._comment_cache:
            return
        comment = comment_line(line, self._form)
        self._comment_cache[line] = comment
        if comment and comment.kind is CommentKind.TYPE and self._types.get(comment.name) != comment.text:
            self._types[comment.name] = comment.text
            self._retyped.add(comment.name)

    def _take_comments(self, comments: list[str], lines: list[str]) -> None:
        if comments == self._comments:
            return
        if self._form is PageFormat.OPENMETRICS:
            self._refuse_repeated(comments, lines)
        self._metadata = page_metadata(filter(None, map(self._comment_cache.get, comments)))
        self._comments = comments
        self._lex_retyped_again()
        self._comment_cache = {line: self._comment_cache[line] for line in comments}

    def _lex_retyped_again(self) -> None:
        """A series first seen before its TYPE line may have a bound in another spelling."""
        if self._order.raw:
            self._known = {
                series: labels
                for series, labels in self._known.items()
                if label(labels, "__name__").removesuffix("_bucket") not in self._retyped
            }
        self._retyped = set()

    def _refuse_repeated(self, comments: list[str], lines: list[str]) -> None:
        seen: set[tuple[str, str]] = set()
        for line in comments:
            comment = self._comment_cache[line]
            if comment is None:
                continue
            key = (comment.kind, comment.name)
            if key in seen:
                again = BadLineError(f"second # {comment.kind} for {comment.name}")
                raise _bad_line(len(lines) - 1 - lines[::-1].index(line), again)
            seen.add(key)

    def _take_order(self, rows: _Rows, body: bytes, values: Floats) -> None:
        """Series that stood in this order before may do so again; a dropped sample may be taken next time."""
        self._shape, raw = None, tuple(rows.labels)
        if raw != self._order.raw:
            self._order = _without_duplicates(raw)
        elif not rows.out_of_bounds:
            self._shape = shape_of(body, self._known, values)

    def _stamped_page(self, rows: _Rows, values: Floats) -> Page:
        self._shape = None
        stamps, seen = stamps_of(len(values), rows.stamps), len(values)
        kept = told_once(rows.labels, stamps)
        labels = tuple([rows.labels[place] for place in kept])
        duplicates = seen - len(kept)
        return Page(labels, values[kept], self._metadata, seen, duplicates, stamps=stamps[kept])

    def _forget_churn(self, lines: int) -> None:
        """Series that come and go must not fill the memory, whether or not their pages were good."""
        if len(self._known) + len(self._comment_cache) > 2 * lines + 1000:
            self._forget()

    def _blame(self, lines: list[str]) -> ScrapeError:
        """Which line's value is no number; asked only when the column as a whole was refused."""
        for index, line in enumerate(lines):
            if not line.strip() or line.lstrip(" \t").startswith("#"):
                continue
            try:
                number(sample_line(line, self._form).value)
            except BadLineError as error:
                return _bad_line(index, error)
        return ScrapeError(ErrorKind.BAD_FORMAT, "a value is not a number")


def _without_duplicates(raw: tuple[Labels, ...]) -> _Order:
    if len(set(map(id, raw))) == len(raw):
        return _Order(raw, raw, None)
    first: dict[Labels, int] = {}
    for index, labels in enumerate(raw):
        first.setdefault(labels, index)
    return _Order(raw, tuple(first), np.fromiter(first.values(), dtype=np.intp, count=len(first)))


def _bad_line(index: int, error: BadLineError) -> ScrapeError:
    return ScrapeError(ErrorKind.BAD_FORMAT, f"line {index + 1}: {error}")
