"""Series with timestamps of their own as the evaluator wants them: by those that share their timestamps."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from metrics import sparse_series
from metrics.promql.frame import Times
from metrics.promql.label_sets import Indices
from metrics.promql.source import Cells
from metrics.series_index import Members
from metrics.sparse import SparseView
from metrics.track import Track


class Placed(NamedTuple):
    """One series of a selection: its row there, and its points in pieces, oldest first."""

    place: int
    pieces: Sequence[Track]


class TrackPart:
    """Series of one origin that have their points at the same times, in pieces of the same length."""

    __slots__ = ("_origin", "_places", "_series", "_starts", "_times")

    def __init__(self, origin: str, series: Sequence[Placed]) -> None:
        self._origin = origin
        self._series = series
        self._places: Indices = np.array([each.place for each in series], dtype=np.intp)
        first = series[0].pieces
        self._starts = np.cumsum([0, *(len(piece.times) for piece in first)])
        self._times: Times = np.concatenate([piece.times for piece in first])

    @property
    def origin(self) -> str:
        """Who brought these series."""
        return self._origin

    @property
    def places(self) -> Indices:
        """The rows of the selection that these series take."""
        return self._places

    def times(self) -> Times:
        """All timestamps, ascending, milliseconds."""
        return self._times

    def cells(self, first: int, last: int) -> Cells:
        """The cells at ``times()[first:last]``."""
        return self._cells(np.arange(first, last))

    def cells_at(self, positions: Indices) -> Cells:
        """The cells at ``times()[positions]``; positions ascend."""
        return self._cells(positions)

    def _cells(self, positions: Indices) -> Cells:
        shape = len(self._series), len(positions)
        cells = Cells(np.empty(shape), np.empty(shape, dtype=np.uint8))
        for number, columns, inside in self._touched(positions):
            for row, each in enumerate(self._series):
                piece = each.pieces[number]
                cells.values[row, columns] = piece.values[inside]
                cells.states[row, columns] = piece.states[inside]
        return cells

    def _touched(self, positions: Indices) -> Iterator[tuple[int, slice, Indices]]:
        """The pieces with any of the positions: which columns those are, and where they are in the piece."""
        edges = np.searchsorted(positions, self._starts)
        for number, (low, high) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
            if low < high:
                yield number, slice(low, high), positions[low:high] - self._starts[number]


def parts_in_memory(members: Members, view: SparseView) -> list[TrackPart]:
    """The parts of the series of an origin as of one push; those that had no points yet are in none."""
    series = zip(members.places.tolist(), map(view.get, members.ids), strict=True)
    known = ((found.pattern, Placed(place, sparse_series.pieces(found))) for place, found in series if found)
    return _grouped(members.origin, known)


def parts_of_tracks(origin: str, tracks: Iterable[tuple[int, Track]]) -> list[TrackPart]:
    """The parts of whole tracks by their rows in a selection; empty ones are in none."""
    there = ((place, track) for place, track in tracks if len(track.times))
    return _grouped(origin, ((track.times.tobytes(), Placed(place, (track,))) for place, track in there))


def _grouped(origin: str, series: Iterable[tuple[Hashable, Placed]]) -> list[TrackPart]:
    alike: dict[Hashable, list[Placed]] = {}
    for key, placed in series:
        alike.setdefault(key, []).append(placed)
    return [TrackPart(origin, group) for group in alike.values()]
