"""Grid: the scrapes of one origin, one shared timestamp per row.

Rows are appended by one thread at a time and never change afterwards. A reader takes ``grid.view``, which is
replaced as a whole after every append, and works on it without any lock.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from metrics.chunks import ROWS, Chunk, Layout, OpenChunk, full, new_chunk, next_chunk, opened, widened
from metrics.promql.frame import Times
from metrics.promql.label_sets import Indices, as_slice
from metrics.promql.source import ABSENT, STALE, VALUE
from metrics.values import Floats


class GridView(NamedTuple):
    """A grid as of one append: all chunks but the last are full."""

    times: Times
    chunks: tuple[Chunk, ...]


class Grid:
    """The chunks of one origin, oldest first."""

    def __init__(self) -> None:
        self.view = GridView(np.empty(0, dtype=np.int64), ())
        self._sealed: tuple[Chunk, ...] = ()
        self._head: OpenChunk | None = None
        self._times = np.empty(4 * ROWS, dtype=np.int64)
        self._start = 0
        self._end = 0
        self._live: tuple[int, ...] = ()
        self._columns: Indices | slice = slice(0)

    @property
    def live(self) -> tuple[int, ...]:
        """The series of the last row, in its order."""
        return self._live

    @property
    def last(self) -> int | None:
        """The time of the last row in milliseconds."""
        return int(self._times[self._end - 1]) if self._end > self._start else None

    def append(self, at: int, ids: tuple[int, ...], values: Floats, unread: bool = False) -> None:
        """Add a row later than the last; what is not in it any more becomes stale.

        ``ids`` being the very same tuple as in the row before is the fast path. ``unread``: no view was taken
        yet, so chunks may be moved.
        """
        head = self._open_head(ids, unread)
        row = (self._end - self._start) % ROWS
        if ids is not self._live:
            head = self._turn(head, row, ids)
        head.values[self._columns, head.first + row] = values
        self._publish(at, head)

    def drop_before(self, at: int) -> tuple[int, ...]:
        """Drop chunks whose last row is older than ``at``; the series that have no chunk left."""
        times, chunks = self.view
        ends = [min((number + 1) * ROWS, len(times)) - 1 for number in range(len(chunks))]
        drop = sum(1 for end in ends if times[end] < at)
        if drop == 0:
            return ()
        self._cut(drop)
        return _only_in(chunks[:drop], chunks[drop:])

    def drop_after(self, at: int) -> tuple[int, ...]:
        """Drop the rows later than ``at``; the series that have no chunk left.

        What was live in the last row that stays is live again.
        """
        times, chunks = self.view
        stay = int(np.searchsorted(times, at, side="right"))
        whole, rows = divmod(stay, ROWS)
        kept = chunks[: whole + (rows > 0)]
        head = opened(kept[-1], rows or ROWS) if kept else None
        self._start, self._end = self._start, self._start + stay
        self._times = self._times.copy()
        self._sealed, self._head = self._sealed[: max(len(kept) - 1, 0)], head
        self._live = () if head is None else _live(head, (rows or ROWS) - 1)
        if head is not None:
            self._expect(head, rows or ROWS)
        self._show()
        return _only_in(chunks[len(kept) :], kept)

    def _open_head(self, ids: tuple[int, ...], unread: bool) -> OpenChunk:
        head, row = self._head, (self._end - self._start) % ROWS
        if head is not None and row != 0:
            return head
        layout = self._next_layout(head, ids)
        if head is None:
            self._head = new_chunk(layout)
        else:
            # First, as the place of what is packed may be taken again.
            sealed = _packed(self._sealed)
            before, self._head = next_chunk(head, layout, unread)
            self._sealed = (*sealed, before)
        self._expect(self._head, 0)
        return self._head

    def _expect(self, head: OpenChunk, row: int) -> None:
        """What is live has a value in every row from here on, until it is said to be gone.

        Nobody reads a row that is not published, so states need not be written with each.
        """
        columns = head.layout.columns(self._live)
        self._columns = as_slice(columns)
        head.states[self._columns, head.first + row :] = VALUE

    def _next_layout(self, head: OpenChunk | None, ids: tuple[int, ...]) -> Layout:
        if head is not None and ids is self._live and head.layout.ids == list(ids):
            return head.layout
        live = dict.fromkeys((*self._live, *ids))
        if head is not None and head.layout.column_of.keys() == live.keys():
            return head.layout
        return Layout(tuple(live))

    def _turn(self, head: OpenChunk, row: int, ids: tuple[int, ...]) -> OpenChunk:
        present = set(ids)
        gone = head.layout.columns([number for number in self._live if number not in present])
        head.states[gone, head.first + row] = STALE
        head.states[gone, head.first + row + 1 :] = ABSENT
        for number in ids:
            if number not in head.layout.column_of:
                head.layout.add(number)
        self._live, head = ids, widened(head)
        self._expect(head, row)
        return head

    def _publish(self, at: int, head: OpenChunk) -> None:
        if self._end == len(self._times):
            self._make_room()
        self._times[self._end] = at
        self._end += 1
        self._head = head
        self._show()

    def _show(self) -> None:
        chunks: tuple[Chunk, ...] = self._sealed if self._head is None else (*self._sealed, self._head)
        self.view = GridView(self._times[self._start : self._end], chunks)

    def _make_room(self) -> None:
        used = self._times[self._start : self._end]
        times = np.empty(max(4 * ROWS, 2 * len(used)), dtype=np.int64)
        times[: len(used)] = used
        self._times, self._start, self._end = times, 0, len(used)

    def _cut(self, drop: int) -> None:
        self._start = min(self._start + drop * ROWS, self._end)
        if drop > len(self._sealed):
            self._head, self._live = None, ()
        self._sealed = self._sealed[drop:]
        self._show()


def _packed(chunks: tuple[Chunk, ...]) -> tuple[Chunk, ...]:
    """All of them packed. The newest of a grid stays open a while: rules and Now look at the last minute."""
    newest = chunks[-1] if chunks else None
    return (*chunks[:-1], full(newest)) if isinstance(newest, OpenChunk) else chunks


def _only_in(dropped: Sequence[Chunk], kept: Sequence[Chunk]) -> tuple[int, ...]:
    gone = {number for chunk in dropped for number in chunk.layout.ids[: chunk.width]}
    for chunk in kept:
        gone.difference_update(chunk.layout.ids[: chunk.width])
    return tuple(gone)


def _live(chunk: OpenChunk, row: int) -> tuple[int, ...]:
    return tuple(
        chunk.layout.ids[column]
        for column in np.flatnonzero(chunk.states[: chunk.width, chunk.first + row] == VALUE)
    )
