"""Series of the past with timestamps of their own, or that several holders brought, put together by time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from metrics import sparse_series
from metrics.disk.blocks import Blocks
from metrics.disk.cutting import Piece
from metrics.promql.context import Budget
from metrics.promql.extent import Extent
from metrics.promql.source import ABSENT
from metrics.series_index import Holder, Members
from metrics.snapshot import GridPart, Snapshot
from metrics.track import NOTHING, Track, between, picked, union
from metrics.track_parts import TrackPart, parts_of_tracks


@dataclass(frozen=True, slots=True, eq=False)
class Strand:
    """One series of a selection, wherever its points are.

    Attributes:
        place: its row in the selection.
        holder: who brought it last; its points stand where others have one at the same time.
        on_disk: pieces of files with the series' number there, oldest first; in a file ``holder``'s last.
        in_memory: holders with the series' number, the present one last.
    """

    place: int
    holder: Holder
    on_disk: list[tuple[Piece, int]] = field(default_factory=list)
    in_memory: list[tuple[Holder, int]] = field(default_factory=list)


class Weaver:
    """Puts strands together for one question.

    Args:
        touched: what the question looks at; points outside are left out.
        budget: of the question: asked for the room of the points, and whether there is time.
    """

    def __init__(self, blocks: Blocks, snapshot: Snapshot, touched: Extent, budget: Budget) -> None:
        self._blocks, self._snapshot, self._budget = blocks, snapshot, budget
        self._first, self._end = touched[0], touched[1] + 1
        self._points = 0

    def parts(self, strands: Iterable[Strand]) -> Iterator[TrackPart]:
        """The parts of a selection that these series are. Raises QueryError when the budget does not last."""
        by_origin: dict[str, list[tuple[int, Track]]] = {}
        for strand in strands:
            track = self._woven(strand)
            self._points += len(track.times)
            self._budget.hold(self._points)
            by_origin.setdefault(strand.holder.origin, []).append((strand.place, track))
        for origin, tracks in by_origin.items():
            yield from parts_of_tracks(origin, tracks)

    def _woven(self, strand: Strand) -> Track:
        whole = NOTHING
        for piece, number in strand.on_disk:
            whole = union(whole, self._on_disk(piece, number))
        for holder, number in strand.in_memory:
            whole = union(whole, self._in_memory(holder, number))
        return whole

    def _on_disk(self, piece: Piece, number: int) -> Track:
        first, end = max(self._first, piece.first), min(self._end, piece.end)
        if not piece.section.sparse:
            # What memory has of rows is all that there is from its first row on.
            rows = self._snapshot.rows(piece.section.origin).times
            end = min(end, int(rows[0])) if len(rows) else end
        return between(self._blocks.track(piece.section, number), first, end)

    def _in_memory(self, holder: Holder, number: int) -> Track:
        if holder.sparse:
            found = self._snapshot.points(holder.origin).get(number)
            return NOTHING if found is None else between(sparse_series.track(found), self._first, self._end)
        view = self._snapshot.rows(holder.origin)
        first, last = (int(at) for at in np.searchsorted(view.times, (self._first, self._end)))
        members = Members(holder, np.zeros(1, dtype=np.intp), (number,))
        values, states = GridPart(members, view).cells(first, last)
        return picked(Track(view.times[first:last], values[0], states[0]), states[0] != ABSENT)
