"""Some rows of a grid: those that are asked for all the time lie open, older ones are packed."""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from metrics.packed_cells import PackedCells, packed, picked
from metrics.promql.label_sets import Indices
from metrics.promql.source import VALUE, Cells, States
from metrics.values import Floats

ROWS = 120
"""Rows of a chunk."""


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


class OpenChunk(NamedTuple):
    """Up to ``ROWS`` rows: values and states [columns, rows]; ``width`` columns are used."""

    layout: Layout
    values: Floats
    states: States
    width: int

    def cells(self, columns: Indices, rows: slice | Indices) -> Cells:
        """The cells of these columns at these rows."""
        if not isinstance(rows, slice) and len(rows) == 1:
            return Cells(self.values[columns, rows[0], None], self.states[columns, rows[0], None])
        return Cells(picked(self.values, columns, rows), picked(self.states, columns, rows))


class FullChunk(NamedTuple):
    """``ROWS`` rows of ``width`` columns that do not change any more."""

    layout: Layout
    packed: PackedCells
    width: int

    def cells(self, columns: Indices, rows: slice | Indices) -> Cells:
        """The cells of these columns at these rows."""
        return self.packed.cells(columns, rows)


Chunk: TypeAlias = OpenChunk | FullChunk


def new_chunk(layout: Layout) -> OpenChunk:
    """A chunk without rows, with a little room for more columns."""
    width = len(layout.ids)
    room = width + max(8, width // 8)
    return OpenChunk(layout, np.zeros((room, ROWS)), np.zeros((room, ROWS), dtype=np.uint8), width)


def widened(chunk: OpenChunk) -> OpenChunk:
    """The chunk with room for every column of its layout; readers of the old one are not disturbed."""
    width = len(chunk.layout.ids)
    if width <= len(chunk.values):
        return chunk._replace(width=width)
    room = max(width, 2 * len(chunk.values))
    values, states = np.zeros((room, ROWS)), np.zeros((room, ROWS), dtype=np.uint8)
    values[: chunk.width], states[: chunk.width] = chunk.values[: chunk.width], chunk.states[: chunk.width]
    return OpenChunk(chunk.layout, values, states, width)


def closed(chunk: OpenChunk) -> OpenChunk:
    """A chunk that takes no more rows, still open: without room for more columns."""
    values, states = chunk.values[: chunk.width].copy(), chunk.states[: chunk.width]
    every = np.broadcast_to(np.uint8(VALUE), states.shape) if (states == VALUE).all() else states.copy()
    return OpenChunk(chunk.layout, values, every, chunk.width)


def full(chunk: OpenChunk) -> FullChunk:
    """A chunk that takes no more rows, packed."""
    cells = packed(chunk.values[: chunk.width], chunk.states[: chunk.width])
    return FullChunk(chunk.layout, cells, chunk.width)


def opened(chunk: Chunk, rows: int) -> OpenChunk:
    """The chunk with its first ``rows`` rows alone; readers of the old one are not disturbed."""
    values, states = chunk.cells(np.arange(chunk.width), slice(0, ROWS))
    values[:, rows:], states[:, rows:] = 0.0, 0
    return OpenChunk(chunk.layout, values, states, chunk.width)
