"""Pages that differ from the one before in values only: most do, look after look.

Where lines begin and end is found in the bytes of the page, what stands before the values is compared in one
go with that of the page before, and only values that changed are read. Whoever finds anything else on the
page gets None and reads it line by line.
"""

from collections.abc import Container
from functools import cache, reduce
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from collector.exposition_numbers import joined_column
from metrics.values import Floats

Places: TypeAlias = npt.NDArray[np.intp]
Windows: TypeAlias = npt.NDArray[Any]
"""Pieces of a page, all of one width, as numpy's ``void``: numpy takes each as a whole."""

_WIDEST = 256
_AROUND = bytes(_WIDEST)
"""What is put around a page, so that every window lies within."""
_TEXT_WIDTHS = (24, 32)
_NEWLINE, _COMMA = b"\n,"


class _Lines(NamedTuple):
    """A page with room around it, and where its lines begin and end."""

    body: bytes
    starts: Places
    ends: Places

    def windows(self, places: Places, width: int) -> Windows:
        """A copy of what begins at each of these places."""
        overlapping = np.ndarray((len(self.body) - width,), f"V{width}", self.body, strides=(1,))
        return overlapping[places]


class PageShape:
    """Where each series stands on a page, and what it was there last; made by ``shape_of``."""

    def __init__(self, page: _Lines, heads: Places, is_sample: npt.NDArray[np.bool_], values: Floats) -> None:
        self._is_sample = is_sample
        self._place = np.cumsum(is_sample) - 1
        self._values = values
        self._head = heads
        self._width = min(_WIDEST, 8 + int(np.percentile(heads, 90)) // 8 * 8)
        pieces = -(-heads // self._width)
        self._line = np.repeat(np.arange(len(heads)), pieces)
        first = np.repeat(pieces.cumsum() - pieces, pieces)
        self._offset = (np.arange(len(self._line)) - first) * self._width
        self._left = np.minimum(heads[self._line] - self._offset, self._width)
        self._text_width = _wide_enough(int((page.ends - page.starts - heads).max()))
        self._heads = self._heads_of(page)
        self._lengths = self._lengths_of(page)
        self._texts = self._texts_of(page, self._lengths)

    def values(self, body: bytes) -> Floats | None:
        """The values of the next page; None when its lines are not the same series in the same places."""
        page = _lines(body)
        if page is None or len(page.ends) != len(self._head):
            return None
        lengths = self._lengths_of(page)
        # A line that is too short has no room for what is looked for in it.
        if lengths.min() < 0 or lengths.max() >= self._text_width or self._heads_of(page) != self._heads:
            return None
        texts = self._texts_of(page, lengths)
        changed = (_differ(texts, self._texts) | (lengths != self._lengths)).nonzero()[0]
        read = self._read(texts[changed], lengths[changed])
        if read is None or not self._is_sample[changed].all():
            return None
        values = self._values.copy()
        values[self._place[changed]] = read
        self._lengths, self._texts, self._values = lengths, texts, values
        return values

    def _heads_of(self, page: _Lines) -> bytes:
        """What stands before the values, and all of the lines that are no samples."""
        seen = page.windows(page.starts[self._line] + self._offset, self._width).view(np.uint64)
        seen &= _beginnings(self._width)[self._left].view(np.uint64)
        return seen.tobytes()

    def _lengths_of(self, page: _Lines) -> Places:
        """Bytes of each value; 0 for a line that is no sample."""
        return page.ends - page.starts - self._head

    def _texts_of(self, page: _Lines, lengths: Places) -> Windows:
        """The values and the ends of their lines, behind zeros."""
        width = self._text_width
        seen = page.windows(page.ends + 1 - width, width)
        words = seen.view(np.uint64)
        words &= _endings(width)[lengths + 1].view(np.uint64)
        return seen

    def _read(self, texts: Windows, lengths: Places) -> Floats | None:
        """The numbers of these texts, which become something else."""
        rows = texts.view(np.uint8).reshape(-1, self._text_width)
        rows[:, -1] = _COMMA
        joined = rows.tobytes().translate(None, b"\0")
        # A page may have zeros of its own.
        whole = len(joined) == int(lengths.sum()) + len(rows)
        return joined_column(joined, len(rows)) if whole else None


def shape_of(body: bytes, known: Container[str], values: Floats) -> PageShape | None:
    """The shape of a page; None for one that has none.

    Args:
        body: a page in UTF-8; a sample line that is taken is a known series, one blank and a value.
        known: the series.
        values: of these lines, in their order.
    """
    page = _lines(body)
    if page is None:
        return None
    lines = body.decode().split("\n")[:-1]
    series = [line.rpartition(" ")[0] for line in lines]
    is_sample = [each in known for each in series]
    heads = [f"{each} " if here else line for each, line, here in zip(series, lines, is_sample, strict=True)]
    lengths = np.array([len(head.encode()) for head in heads], dtype=np.intp)
    if sum(is_sample) != len(values) or not _wide_enough(int((page.ends - page.starts - lengths).max())):
        return None
    return PageShape(page, lengths, np.array(is_sample, dtype=np.bool_), values)


def _lines(body: bytes) -> _Lines | None:
    """None where the last line has no end."""
    if not body.endswith(b"\n"):
        return None
    around = b"".join((_AROUND, body, _AROUND))
    ends = (np.frombuffer(around, dtype=np.uint8) == _NEWLINE).nonzero()[0]
    starts = np.empty_like(ends)
    starts[0] = len(_AROUND)
    np.add(ends[:-1], 1, out=starts[1:])
    return _Lines(around, starts, ends)


def _differ(some: Windows, others: Windows) -> npt.NDArray[np.bool_]:
    """Which of them do; word by word, as numpy takes 5 times as long to compare windows."""
    bits = (some.view(np.uint64) ^ others.view(np.uint64)).reshape(len(some), -1)
    differs: npt.NDArray[np.bool_] = reduce(np.bitwise_or, bits.T) != 0
    return differs


def _wide_enough(longest: int) -> int:
    """How wide a window for a value and the end of its line is; 0 where none is wide enough."""
    return next((width for width in _TEXT_WIDTHS if longest < width), 0)


@cache
def _beginnings(width: int) -> Windows:
    """Masks by how many of the first bytes they leave."""
    kept = np.arange(width) < np.arange(width + 1)[:, None]
    return _as_windows(np.where(kept, 0xFF, 0))


@cache
def _endings(width: int) -> Windows:
    """Masks by how many of the last bytes they leave."""
    kept = np.arange(width) >= width - np.arange(width + 1)[:, None]
    return _as_windows(np.where(kept, 0xFF, 0))


def _as_windows(rows: npt.NDArray[np.int_]) -> Windows:
    return rows.astype(np.uint8).view(f"V{rows.shape[1]}").ravel()
