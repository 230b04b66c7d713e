"""Pieces of sections: what a file tells of one origin within a time, cut out and put together."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TypeAlias

import numpy as np

from metrics.disk.block_file import Flow, Section, Writer
from metrics.disk.damage import Damage
from metrics.disk.sparse_stretch import SparseStretch, packed_points, united
from metrics.disk.stretch import Stretch, joined, packed_series
from metrics.promql.source import ABSENT
from metrics.track import NOTHING, Track, between, union
from metrics.values import Labels

_LOOKED_AT_ONCE = 200

AnyStretch: TypeAlias = Stretch | SparseStretch

Note: TypeAlias = Callable[[list[Damage]], None]
"""Takes damage when it is found."""

Places = Mapping[Labels, Sequence[tuple[int, int]]]
"""For each label set the pieces that have it, and its number in each."""


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A section within [first, end) milliseconds; ``is_whole`` when it has nothing else."""

    section: Section
    first: int
    end: int
    is_whole: bool

    @property
    def rows(self) -> slice:
        """The rows of the section."""
        low, high = np.searchsorted(self.section.times, (self.first, self.end))
        return slice(int(low), int(high))

    def points(self, number: int) -> Track:
        """The points of a series with timestamps of its own. Raises ValueError when they are damaged."""
        return between(self.section.track(number), self.first, self.end)

    def has(self, number: int) -> bool:
        """Whether anything of a series is in the piece. Raises ValueError when it is damaged."""
        packed = self.section.packed(number)
        if self.is_whole:
            return len(packed) > 0
        if self.section.sparse:
            return len(self.points(number).times) > 0
        return bool((self.section.series(number)[1][self.rows] != ABSENT).any())


def cut(piece: Piece, note: Note) -> AnyStretch:
    """What a piece has; what is damaged is noted and left out."""
    section, rows = piece.section, piece.rows
    labels: list[Labels] = []
    packed: list[bytes] = []
    for number, each in enumerate(section.labels):
        try:
            if piece.has(number):
                packed.append(_packed(piece, number, rows))
                labels.append(each)
        except ValueError as error:
            note([section.damage(number, error)])
    if section.sparse:
        return SparseStretch(section.origin, labels, packed)
    return Stretch(section.origin, section.times[rows], labels, packed)


def _packed(piece: Piece, number: int, rows: slice) -> bytes:
    if piece.is_whole:
        return piece.section.packed(number)
    if piece.section.sparse:
        return packed_points(*piece.points(number))
    values, states = piece.section.series(number)
    return packed_series(values[rows], states[rows])


def laid_over(before: Iterable[Piece], stretches: Iterable[AnyStretch], note: Note) -> Iterable[AnyStretch]:
    """What is sealed where pieces are there already.

    Rows of a piece that are older than the new rows of their origin stay, and all points but those that a new
    one of their series has the time of. What is damaged is noted: it is gone from then on.
    """
    known = {(piece.section.origin, piece.section.sparse): piece for piece in before}
    for stretch in stretches:
        piece = known.pop((stretch.origin, isinstance(stretch, SparseStretch)), None)
        yield stretch if piece is None else _on_top(cut(piece, note), stretch)
    left = (cut(piece, note) for piece in known.values())
    yield from (found for found in left if found.labels)


def _on_top(old: AnyStretch, new: AnyStretch) -> AnyStretch:
    if isinstance(old, SparseStretch) and isinstance(new, SparseStretch):
        return united(old, new)
    if isinstance(old, Stretch) and isinstance(new, Stretch):
        return joined(old, new)
    raise TypeError("rows and points are not put together")


def put_together(pieces: Sequence[Piece], writer: Writer, note: Note) -> Iterator[None]:
    """Write pieces of one origin, ascending in time, as one section; stops again and again.

    One series is in memory at a time. What is damaged is noted, and the rest written.

    Raises:
        OSError: the disk does not take it.
    """
    places: dict[Labels, list[tuple[int, int]]] = {}
    for index, piece in enumerate(pieces):
        for number, labels in enumerate(piece.section.labels):
            if number % _LOOKED_AT_ONCE == 0:
                yield
            try:
                if piece.has(number):
                    places.setdefault(labels, []).append((index, number))
            except ValueError as error:
                note([piece.section.damage(number, error)])
    if places:
        yield from writer.put(_flow(pieces, places))


def _flow(pieces: Sequence[Piece], places: Places) -> Flow:
    origin, labels = pieces[0].section.origin, sorted(places)
    if pieces[0].section.sparse:
        return Flow(origin, labels, None, (_points(pieces, places[each]) for each in labels))
    times = np.concatenate([piece.section.times[piece.rows] for piece in pieces])
    return Flow(origin, labels, times, (_cells(pieces, places[each]) for each in labels))


def _points(pieces: Sequence[Piece], places: Sequence[tuple[int, int]]) -> bytes:
    return packed_points(*reduce(union, (pieces[index].points(number) for index, number in places), NOTHING))


def _cells(pieces: Sequence[Piece], places: Sequence[tuple[int, int]]) -> bytes:
    rows = [piece.rows for piece in pieces]
    ends = np.cumsum([each.stop - each.start for each in rows])
    values, states = np.zeros(ends[-1]), np.zeros(ends[-1], dtype=np.uint8)
    for index, number in places:
        there = slice(ends[index] - (rows[index].stop - rows[index].start), ends[index])
        found_values, found_states = pieces[index].section.series(number)
        values[there], states[there] = found_values[rows[index]], found_states[rows[index]]
    return packed_series(values, states)
