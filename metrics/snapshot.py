"""Reading memory: one consistent view of each origin, for one question."""

from collections.abc import Iterator, Sequence

import numpy as np

from metrics.chunks import ROWS, Chunk, Located, located
from metrics.grid import GridView
from metrics.memory import Memory
from metrics.promql.ast import Matcher
from metrics.promql.frame import Times
from metrics.promql.label_sets import Indices, LabelSets
from metrics.promql.source import Cells, Part
from metrics.series_index import Chosen, Members
from metrics.sparse import SparseView
from metrics.track_parts import parts_in_memory

_REMEMBERED_LAYOUTS = 32


class Snapshot:
    """The store as one question sees it: each origin as it was when the question first touched it."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._rows: dict[str, GridView] = {}
        self._points: dict[str, SparseView] = {}
        self._selected: dict[tuple[Matcher, ...], StoredSelection] = {}

    def select(self, matchers: tuple[Matcher, ...]) -> "StoredSelection":
        """The series that match all of the matchers; the same each time that a question asks."""
        found = self._selected.get(matchers)
        if found is None:
            found = self._selected[matchers] = self._select(matchers, self._memory.index.select(matchers))
        return found

    def rows(self, origin: str) -> GridView:
        """The rows of an origin."""
        view = self._rows.get(origin)
        if view is None:
            view = self._rows[origin] = self._memory.rows(origin)
        return view

    def points(self, origin: str) -> SparseView:
        """The points of an origin."""
        view = self._points.get(origin)
        if view is None:
            view = self._points[origin] = self._memory.points(origin)
        return view

    def _select(self, _: tuple[Matcher, ...], chosen: Chosen) -> "StoredSelection":
        parts = [part for members in chosen.members for part in self._parts(members)]
        return StoredSelection(chosen.sets, parts)

    def _parts(self, members: Members) -> Sequence[Part]:
        if members.holder.sparse:
            return parts_in_memory(members, self.points(members.origin))
        return (GridPart(members, self.rows(members.origin)),)


class StoredSelection:
    """Series that match, and their cells in a snapshot."""

    __slots__ = ("_parts", "_sets")

    def __init__(self, sets: LabelSets, parts: Sequence[Part]) -> None:
        self._sets = sets
        self._parts = parts

    @property
    def sets(self) -> LabelSets:
        """Their label sets."""
        return self._sets

    @property
    def parts(self) -> Sequence[Part]:
        """Their samples, by origin."""
        return self._parts


class GridPart:
    """The series of one origin in a selection."""

    __slots__ = ("_members", "_view")

    def __init__(self, members: Members, view: GridView) -> None:
        self._members = members
        self._view = view

    @property
    def origin(self) -> str:
        """Who brought these series."""
        return self._members.origin

    @property
    def places(self) -> Indices:
        """The rows of the selection that these series take."""
        return self._members.places

    def times(self) -> Times:
        """All timestamps, ascending, milliseconds."""
        return self._view.times

    def cells(self, first: int, last: int) -> Cells:
        """The cells at ``times()[first:last]``."""
        return _side_by_side([self._of(chunk, rows) for chunk, rows in self._spans(first, last)], self._rows)

    def cells_at(self, positions: Indices) -> Cells:
        """The cells at ``times()[positions]``; positions ascend."""
        return _side_by_side([self._of(chunk, rows) for chunk, rows in self._picks(positions)], self._rows)

    @property
    def _rows(self) -> int:
        return len(self._members.ids)

    def _spans(self, first: int, last: int) -> Iterator[tuple[Chunk, slice]]:
        chunks = self._view.chunks
        start = first
        while start < last:
            number, row = divmod(start, ROWS)
            chunk, rows = chunks[number], ROWS
            if start - row + ROWS < last and chunks[number + 1].follows(chunk):
                chunk, rows = chunk._replace(width=chunks[number + 1].width), 2 * ROWS
            end = min(start - row + rows, last)
            yield chunk, slice(row, row + end - start)
            start = end

    def _picks(self, positions: Indices) -> Iterator[tuple[Chunk, Indices]]:
        numbers = positions // ROWS
        for number in np.unique(numbers):
            yield self._view.chunks[number], positions[numbers == number] - number * ROWS

    def _of(self, chunk: Chunk, rows: slice | Indices) -> Cells:
        there = _located(self._members, chunk)
        if 0 <= there.last < chunk.width:
            return chunk.cells(there.together, rows)
        columns = there.columns
        known = (columns >= 0) & (columns < chunk.width)
        found = chunk.cells(columns[known], rows)
        shape = (self._rows, found.values.shape[1])
        cells = Cells(np.zeros(shape), np.zeros(shape, dtype=np.uint8))
        cells.values[known], cells.states[known] = found
        return cells


def _located(members: Members, chunk: Chunk) -> Located:
    found = members.located.get(chunk.layout)
    if found is None or found.length < chunk.width:
        if len(members.located) >= _REMEMBERED_LAYOUTS:
            members.located.clear()
        found = members.located[chunk.layout] = located(chunk.layout, members.ids)
    return found


def _side_by_side(pieces: Sequence[Cells], rows: int) -> Cells:
    if len(pieces) == 1:
        return pieces[0]
    if not pieces:
        return Cells(np.empty((rows, 0)), np.empty((rows, 0), dtype=np.uint8))
    return Cells(
        np.concatenate([piece.values for piece in pieces], axis=1),
        np.concatenate([piece.states for piece in pieces], axis=1),
    )
