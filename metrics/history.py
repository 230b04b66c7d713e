"""Reading sealed blocks and memory as one: what a question that reaches back further than memory sees."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from metrics.disk.block_file import Section
from metrics.disk.blocks import Block, Blocks, matching
from metrics.grid import Grid, GridView
from metrics.promql.ast import Matcher
from metrics.promql.extent import Extent
from metrics.promql.frame import Times
from metrics.promql.label_sets import Indices, LabelSets
from metrics.promql.source import Cells
from metrics.series_index import Chosen, Holder, Members, SeriesIndex, accepting
from metrics.snapshot import GridPart, GridSelection, Snapshot
from metrics.values import Labels

_REMEMBERED = 64

Check = Callable[[], None]
"""Called between two steps of work; raises QueryError when the time is up, may wait for what goes first."""


def unhurried() -> None:
    """There is no hurry."""


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """The series of one origin in one block: ``columns`` in the section by row of the part, -1 for none."""

    block: Block
    section: Section
    columns: Indices


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The series of one origin in a selection, in blocks and in memory.

    Attributes:
        places: their rows in the selection.
        blocks: where they are on disk, oldest first.
        members: where they are in memory; the places of these are rows of this part.
    """

    origin: str
    places: Indices
    blocks: tuple[Place, ...]
    members: Members | None


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What matches in some blocks and in memory."""

    blocks: tuple[Block, ...]
    chosen: Chosen
    sets: LabelSets
    rows: tuple[Rows, ...]


class History:
    """Sealed blocks as a question sees them. Any thread may ask."""

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._lock = threading.Lock()
        self._found: OrderedDict[tuple[Matcher, ...], Found] = OrderedDict()

    def select(
        self,
        matchers: tuple[Matcher, ...],
        chosen: Chosen,
        view_of: Callable[[str], GridView | None],
        blocks: tuple[Block, ...],
        check: Check = unhurried,
    ) -> GridSelection:
        """The series that match in these blocks and in memory."""
        with self._lock:
            found = self._found.get(matchers)
        if found is None or found.chosen is not chosen or found.blocks != blocks:
            found = find(matchers, chosen, blocks, check)
            with self._lock:
                self._found[matchers] = found
                if len(self._found) > _REMEMBERED:
                    self._found.popitem(last=False)
        parts = [HistoryPart(rows, view_of(rows.origin), self._blocks) for rows in found.rows]
        return GridSelection(Chosen(found.sets, ()), parts)

    def within(self, touched: Extent, check: Check = unhurried) -> tuple[Block, ...]:
        """The blocks that a question needs."""
        found = []
        for block in self._blocks.each(*touched):
            check()
            found.append(block)
        return tuple(found)


def find(
    matchers: Sequence[Matcher], chosen: Chosen, blocks: tuple[Block, ...], check: Check = unhurried
) -> Found:
    """Which series match; a label set that several origins brought over time belongs to the newest."""
    by_section = _matching(matchers, blocks, check)
    owner: dict[Labels, str] = {}
    for members in chosen.members:
        owner.update((chosen.sets.labels[place], members.origin) for place in members.places)
    for _, section, positions in reversed(by_section):
        for position in positions:
            owner.setdefault(section.labels[position], section.origin)
    sets = sorted(owner)
    rows: dict[str, dict[Labels, int]] = {}
    for place, labels in enumerate(sets):
        rows.setdefault(owner[labels], {})[labels] = place
    made = [_rows(origin, places, by_section, chosen) for origin, places in rows.items()]
    return Found(blocks, chosen, LabelSets(sets), tuple(made))


Matched = Sequence[tuple[Block, Section, list[int]]]


def _matching(matchers: Sequence[Matcher], blocks: Sequence[Block], check: Check) -> Matched:
    accepts = accepting(matchers)
    known: dict[bytes, list[int]] = {}
    found = []
    for block in blocks:
        for section in block.sections:
            positions = known.get(section.digest)
            if positions is None:
                check()
                positions = known[section.digest] = matching(section.labels, accepts)
            if positions:
                found.append((block, section, positions))
    return found


def _rows(origin: str, places: Mapping[Labels, int], matched: Matched, chosen: Chosen) -> Rows:
    row = {labels: number for number, labels in enumerate(places)}
    blocks = []
    for block, section, positions in matched:
        if section.origin == origin:
            columns = np.full(len(row), -1, dtype=np.intp)
            for position in positions:
                number = row.get(section.labels[position])
                if number is not None:
                    columns[number] = position
            blocks.append(Place(block, section, columns))
    ours = next((each for each in chosen.members if each.origin == origin), None)
    members = None
    if ours is not None:
        inside = np.array([row[chosen.sets.labels[place]] for place in ours.places], dtype=np.intp)
        members = Members(Holder(origin), inside, ours.ids)
    return Rows(origin, np.array(list(places.values()), dtype=np.intp), tuple(blocks), members)


class HistoryPart:
    """The series of one origin in a selection: rows of blocks, then those of memory."""

    __slots__ = ("_blocks", "_rows", "_spans", "_times", "_view")

    def __init__(self, rows: Rows, view: GridView | None, blocks: Blocks) -> None:
        self._rows = rows
        self._blocks = blocks
        self._view = view if view is not None and len(view.times) else None
        self._spans: list[tuple[int, int, Place | None]] = []
        pieces: list[Times] = []
        start = 0
        for place in rows.blocks:
            times = place.section.times
            if self._view is not None:
                times = times[: int(np.searchsorted(times, self._view.times[0]))]
            if len(times):
                self._spans.append((start, start + len(times), place))
                pieces.append(times)
                start += len(times)
        if self._view is not None:
            self._spans.append((start, start + len(self._view.times), None))
            pieces.append(self._view.times)
        self._times: Times = np.concatenate(pieces) if pieces else np.empty(0, dtype=np.int64)

    @property
    def origin(self) -> str:
        """Who brought these series."""
        return self._rows.origin

    @property
    def places(self) -> Indices:
        """The rows of the selection that these series take."""
        return self._rows.places

    def times(self) -> Times:
        """All timestamps within reach, ascending, milliseconds."""
        return self._times

    def cells(self, first: int, last: int) -> Cells:
        """The cells at ``times()[first:last]``."""
        return self._cells(np.arange(first, last))

    def cells_at(self, positions: Indices) -> Cells:
        """The cells at ``times()[positions]``; positions ascend."""
        return self._cells(positions)

    def _cells(self, positions: Indices) -> Cells:
        shape = len(self._rows.places), len(positions)
        cells = Cells(np.zeros(shape), np.zeros(shape, dtype=np.uint8))
        for columns, inside, place in self._touched(positions):
            if place is None:
                self._fill_from_memory(cells, columns, inside)
            else:
                self._fill_from_block(cells, columns, inside, place)
        return cells

    def _touched(self, positions: Indices) -> Iterator[tuple[slice, Indices, Place | None]]:
        for start, end, place in self._spans:
            low, high = (int(at) for at in np.searchsorted(positions, (start, end)))
            if low < high:
                yield slice(low, high), positions[low:high] - start, place

    def _fill_from_memory(self, cells: Cells, columns: slice, positions: Indices) -> None:
        if self._rows.members is not None and self._view is not None:
            rows = self._rows.members.places
            found = GridPart(self._rows.members, self._view).cells_at(positions)
            cells.values[rows, columns], cells.states[rows, columns] = found

    def _fill_from_block(self, cells: Cells, columns: slice, positions: Indices, place: Place) -> None:
        for row in np.flatnonzero(place.columns >= 0):
            values, states = self._blocks.series(place.section, int(place.columns[row]))
            cells.values[row, columns] = values[positions]
            cells.states[row, columns] = states[positions]


class LongSnapshot(Snapshot):
    """The store as a question sees it that reaches back into sealed blocks."""

    def __init__(
        self,
        index: SeriesIndex,
        grid_of: Callable[[str], Grid],
        history: History,
        touched: Extent,
        check: Check = unhurried,
    ) -> None:
        super().__init__(index, grid_of)
        self._history, self._check = history, check
        self._blocks = history.within(touched, check)

    def _select(self, matchers: tuple[Matcher, ...], chosen: Chosen) -> GridSelection:
        return self._history.select(matchers, chosen, self._view, self._blocks, self._check)
