"""Some rows of a grid: those that are asked for all the time lie open, older ones are packed."""

import mmap
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from metrics.packed_cells import PackedCells, packed
from metrics.promql.label_sets import Indices, as_slice
from metrics.promql.source import Cells, States
from metrics.values import Floats

ROWS = 120
"""Rows of a chunk."""
_CELL_BYTES = 9
_OWN_PAGES_BYTES = 32 * 1024
"""From here on a table has pages of its own."""


class Layout:
    """Which column holds which series. Columns are only ever added, so that chunks can share a layout."""

    __slots__ = ("column_of", "ids")

    def __init__(self, ids: Sequence[int]) -> None:
        self.ids = list(ids)
        self.column_of = {number: column for column, number in enumerate(self.ids)}

    def columns(self, ids: Sequence[int]) -> Indices:
        """The columns of these series, -1 where there is none."""
        find = self.column_of.get
        return np.array([find(number, -1) for number in ids], dtype=np.intp)

    def add(self, number: int) -> None:
        """A column for one more series."""
        self.column_of[number] = len(self.ids)
        self.ids.append(number)


class Located(NamedTuple):
    """The columns of some series in a layout of so many columns; -1 for a series that has none.

    Attributes:
        together: the same as a slice, if that tells it.
        last: the highest of them; -1 if any has none.
    """

    length: int
    columns: Indices
    together: Indices | slice
    last: int


def located(layout: Layout, ids: Sequence[int]) -> Located:
    """Where these series are in a layout."""
    length = len(layout.ids)
    columns = layout.columns(ids)
    every = len(columns) > 0 and columns.min() >= 0
    return Located(length, columns, as_slice(columns), int(columns.max()) if every else -1)


class OpenChunk(NamedTuple):
    """Up to ``ROWS`` rows of values and states [columns, rows]; ``width`` columns are used.

    Its rows begin at ``first``; before it lie those of the chunk before, where that has the same layout. The
    cells of a row lie together in memory: a row is written in one go, and some rows are read where they lie.
    """

    layout: Layout
    values: Floats
    states: States
    width: int
    first: int = 0

    def cells(self, columns: Indices | slice, rows: slice | Indices) -> Cells:
        """The cells of these columns at these rows; they are shared, and cannot be written to."""
        wanted: slice | Indices
        if isinstance(rows, slice):
            wanted = slice(self.first + rows.start, self.first + rows.stop)
        else:
            wanted = self.first + rows
        return Cells(_read(self.values, columns, wanted), _read(self.states, columns, wanted))

    def follows(self, other: "Chunk") -> bool:
        """Whether the rows of the other lie right before those of this one."""
        return isinstance(other, OpenChunk) and other.values is self.values and other.first < self.first


class FullChunk(NamedTuple):
    """``ROWS`` rows of ``width`` columns that do not change any more."""

    layout: Layout
    packed: PackedCells
    width: int

    def cells(self, columns: Indices | slice, rows: slice | Indices) -> Cells:
        """The cells of these columns at these rows."""
        return self.packed.cells(columns, rows)

    def follows(self, _: "Chunk") -> bool:
        """No: each is packed by itself."""
        return False


Chunk: TypeAlias = OpenChunk | FullChunk


def new_chunk(layout: Layout) -> OpenChunk:
    """A chunk without rows, with a little room for more columns."""
    width = len(layout.ids)
    return OpenChunk(layout, *_room(width + max(8, width // 8), ROWS), width)


def next_chunk(chunk: OpenChunk, layout: Layout, unread: bool = False) -> tuple[OpenChunk, OpenChunk]:
    """A chunk that takes no more rows, and the one after it; side by side if their layout is the same.

    ``unread``: nobody reads the chunk before, so its place is free.
    """
    width = len(layout.ids)
    if layout is not chunk.layout or width != chunk.width:
        return chunk, new_chunk(layout)
    again = unread and chunk.first == ROWS
    values, states = (chunk.values, chunk.states) if again else _room(width, 2 * ROWS)
    own, used = slice(chunk.first, chunk.first + ROWS), slice(0, width)
    values[:, :ROWS], states[:, :ROWS] = chunk.values[used, own], chunk.states[used, own]
    before = OpenChunk(layout, values, states, width)
    return before, before._replace(first=ROWS)


def widened(chunk: OpenChunk) -> OpenChunk:
    """The chunk with room for every column of its layout; readers of the old one are not disturbed."""
    width = len(chunk.layout.ids)
    if width <= len(chunk.values):
        return chunk._replace(width=width)
    values, states = _room(width + width // 2, ROWS)
    own = slice(chunk.first, chunk.first + ROWS)
    values[: chunk.width], states[: chunk.width] = (
        chunk.values[: chunk.width, own],
        chunk.states[: chunk.width, own],
    )
    return OpenChunk(chunk.layout, values, states, width)


def full(chunk: OpenChunk) -> FullChunk:
    """A chunk that takes no more rows, packed."""
    cells = chunk.cells(slice(0, chunk.width), slice(0, ROWS))
    return FullChunk(chunk.layout, packed(*map(np.ascontiguousarray, cells)), chunk.width)


def opened(chunk: Chunk, rows: int) -> OpenChunk:
    """The chunk with its first ``rows`` rows alone; readers of the old one are not disturbed."""
    values, states = _room(chunk.width, ROWS)
    values[:, :rows], states[:, :rows] = chunk.cells(slice(0, chunk.width), slice(0, rows))
    return OpenChunk(chunk.layout, values, states, chunk.width)


def _room(columns: int, rows: int) -> tuple[Floats, States]:
    """Empty values and states [columns, rows].

    They live for minutes between what lives for milliseconds, and are let go by other threads than those that
    made them: in a heap, they would leave holes of twice their size behind. Pages of their own count when
    they are first written to, and go back to the system at once.
    """
    cells = columns * rows
    if cells * _CELL_BYTES < _OWN_PAGES_BYTES:
        return np.zeros((rows, columns)).T, np.zeros((rows, columns), dtype=np.uint8).T
    pages = mmap.mmap(-1, cells * _CELL_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    values = np.frombuffer(pages, np.float64, cells)
    states = np.frombuffer(pages, np.uint8, offset=values.nbytes)
    return values.reshape(rows, columns).T, states.reshape(rows, columns).T


def _read(table: npt.NDArray[Any], columns: Indices | slice, rows: slice | Indices) -> npt.NDArray[Any]:
    """Some columns of a table whose rows lie together, at some rows."""
    found = table.T[rows]
    found = found[:, columns] if isinstance(columns, slice) else found.take(columns, axis=1)
    found.flags.writeable = False
    return found.T
