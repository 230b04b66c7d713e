"""Reading sealed blocks and memory as one: what a question that reaches back further than memory sees."""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from metrics.disk.block_file import Section
from metrics.disk.blocks import Blocks, Window, matching
from metrics.disk.cutting import Piece
from metrics.grid import GridView
from metrics.memory import Memory
from metrics.promql.ast import Matcher
from metrics.promql.context import Budget, Check
from metrics.promql.extent import Extent
from metrics.promql.frame import Times
from metrics.promql.label_sets import Indices, LabelSets
from metrics.promql.source import Cells, Part
from metrics.series_index import Chosen, Holder, Members, Series, SeriesIndex, accepting
from metrics.snapshot import GridPart, Snapshot, StoredSelection
from metrics.strands import Strand, Weaver
from metrics.values import Labels

_REMEMBERED = 64


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """The series of one origin in one file.

    Attributes:
        rows: those of the section that the file tells of.
        columns: in the section by row of the part, -1 for none.
    """

    section: Section
    rows: slice
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

    windows: tuple[Window, ...]
    chosen: Chosen
    sets: LabelSets
    rows: tuple[Rows, ...]
    strands: tuple[Strand, ...]


class History:
    """Sealed blocks as a question sees them. Any thread may ask."""

    def __init__(self, blocks: Blocks) -> None:
        self.blocks = blocks
        self._lock = threading.Lock()
        self._found: OrderedDict[tuple[Matcher, ...], Found] = OrderedDict()
        self._changes = blocks.changes

    def select(
        self,
        matchers: tuple[Matcher, ...],
        chosen: Chosen,
        index: SeriesIndex,
        windows: tuple[Window, ...],
        check: Check,
    ) -> Found:
        """The series that match in these blocks and in memory."""
        with self._lock:
            if self._changes != self.blocks.changes:
                # What is remembered of a file that is gone keeps its room on the disk.
                self._found.clear()
                self._changes = self.blocks.changes
            found = self._found.get(matchers)
        if found is None or found.chosen is not chosen or found.windows != windows:
            found = find(matchers, chosen, index.former(matchers), windows, check)
            with self._lock:
                self._found[matchers] = found
                if len(self._found) > _REMEMBERED:
                    self._found.popitem(last=False)
        return found

    def within(self, touched: Extent, check: Check) -> tuple[Window, ...]:
        """The blocks that a question needs."""
        found = []
        for window in self.blocks.each(*touched):
            check()
            found.append(window)
        return tuple(found)


Matched = Sequence[tuple[Piece, list[int]]]


def find(
    matchers: Sequence[Matcher],
    chosen: Chosen,
    former: Sequence[Series],
    windows: tuple[Window, ...],
    check: Check,
) -> Found:
    """Which series match, and where; a label set belongs to who brought it last."""
    matched = _matching(matchers, windows, check)
    owners, shared = _owners(chosen, former, matched)
    sets = sorted(owners)
    rows: dict[str, dict[Labels, int]] = {}
    strands: dict[Labels, Strand] = {}
    for place, labels in enumerate(sets):
        if labels in shared or owners[labels].sparse:
            strands[labels] = Strand(place, owners[labels])
        else:
            rows.setdefault(owners[labels].origin, {})[labels] = place
    made = tuple(_rows(origin, places, matched, chosen) for origin, places in rows.items())
    _fill(strands, chosen, former, matched)
    return Found(windows, chosen, LabelSets(sets), made, tuple(strands.values()))


def _owners(
    chosen: Chosen, former: Sequence[Series], matched: Matched
) -> tuple[dict[Labels, Holder], set[Labels]]:
    """Who brought each label set last, and which were brought by several."""
    owners: dict[Labels, Holder] = {}
    shared: set[Labels] = set()
    known: set[tuple[Holder, bytes]] = set()
    for members in chosen.members:
        owners.update((chosen.sets.labels[place], members.holder) for place in members.places)
    claims = [(series.labels, series.holder) for series in former]
    for piece, positions in reversed(matched):
        section, holder = piece.section, _holder(piece)
        if (holder, section.digest) not in known:
            known.add((holder, section.digest))
            claims += [(section.labels[position], holder) for position in positions]
    for labels, holder in claims:
        if owners.setdefault(labels, holder) != holder:
            shared.add(labels)
    return owners, shared


def _holder(piece: Piece) -> Holder:
    return Holder(piece.section.origin, piece.section.sparse)


def _fill(
    strands: Mapping[Labels, Strand], chosen: Chosen, former: Sequence[Series], matched: Matched
) -> None:
    """Where the points of these series are."""
    if not strands:
        return
    for piece, positions in matched:
        for position in positions:
            strand = strands.get(piece.section.labels[position])
            if strand is not None:
                strand.on_disk.append((piece, position))
    for strand in strands.values():
        owner = strand.holder
        strand.on_disk.sort(key=lambda each: (each[0].first, _holder(each[0]) == owner))
    for series in former:
        if series.labels in strands:
            strands[series.labels].in_memory.append((series.holder, series.id))
    for members in chosen.members:
        for place, number in zip(members.places, members.ids, strict=True):
            strand = strands.get(chosen.sets.labels[place])
            if strand is not None:
                strand.in_memory.append((members.holder, number))


def _matching(matchers: Sequence[Matcher], windows: Sequence[Window], check: Check) -> Matched:
    accepts = accepting(matchers)
    known: dict[bytes, list[int]] = {}
    found = []
    for window in windows:
        for section in window.sections:
            positions = known.get(section.digest)
            if positions is None:
                check()
                positions = known[section.digest] = matching(section.labels, accepts)
            if positions:
                found.append((window.piece(section), positions))
    return found


def _rows(origin: str, places: Mapping[Labels, int], matched: Matched, chosen: Chosen) -> Rows:
    row = {labels: number for number, labels in enumerate(places)}
    blocks = []
    for piece, positions in matched:
        section = piece.section
        if section.origin == origin and not section.sparse:
            columns = np.full(len(row), -1, dtype=np.intp)
            for position in positions:
                number = row.get(section.labels[position])
                if number is not None:
                    columns[number] = position
            blocks.append(Place(section, piece.rows, columns))
    ours = next((each for each in chosen.members if each.holder == Holder(origin)), None)
    members = _members(ours, row, chosen)
    return Rows(origin, np.array(list(places.values()), dtype=np.intp), tuple(blocks), members)


def _members(ours: Members | None, row: Mapping[Labels, int], chosen: Chosen) -> Members | None:
    """Those of an origin's series in memory that are rows of a part."""
    if ours is None:
        return None
    labels = [chosen.sets.labels[place] for place in ours.places]
    there = [(row[each], number) for each, number in zip(labels, ours.ids, strict=True) if each in row]
    inside = np.array([place for place, _ in there], dtype=np.intp)
    return Members(ours.holder, inside, tuple(number for _, number in there))


class HistoryPart:
    """The series of one origin in a selection: rows of blocks, then those of memory."""

    __slots__ = ("_blocks", "_rows", "_spans", "_times", "_view")

    def __init__(self, rows: Rows, view: GridView, blocks: Blocks) -> None:
        self._rows = rows
        self._blocks = blocks
        self._view = view if len(view.times) else None
        self._spans: list[tuple[int, int, Place | None]] = []
        pieces: list[Times] = []
        start = 0
        for place in rows.blocks:
            times = place.section.times[place.rows]
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
            cells.values[row, columns] = values[place.rows][positions]
            cells.states[row, columns] = states[place.rows][positions]


class LongSnapshot(Snapshot):
    """The store as a question sees it that reaches back into sealed blocks."""

    def __init__(self, memory: Memory, history: History, touched: Extent, budget: Budget) -> None:
        super().__init__(memory)
        self._history, self._check = history, budget.check_time
        self._within = history.within(touched, self._check)
        self._weaver = Weaver(history.blocks, self, touched, budget)

    @property
    def file_ms(self) -> int:
        """The longest time that one of the files tells of."""
        return max((window.end - window.first for window in self._within), default=0)

    def _select(self, matchers: tuple[Matcher, ...], chosen: Chosen) -> StoredSelection:
        index = self._memory.index
        found = self._history.select(matchers, chosen, index, self._within, self._check)
        blocks = self._history.blocks
        parts: list[Part] = [HistoryPart(rows, self.rows(rows.origin), blocks) for rows in found.rows]
        return StoredSelection(found.sets, [*parts, *self._weaver.parts(found.strands)])
