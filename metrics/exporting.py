"""Every sample of a store's files, series by series, in bounded memory.

The label sets of some metrics at a time are gathered from all blocks, then the samples of some of their
series, block by block. So a metric's series stand together, each with ascending times, and what is in memory
at once is bounded by ``_ENTRIES``, ``_SAMPLES``, one metric's label sets and one series' samples.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from metrics import openmetrics
from metrics.holdings import Holdings, Sheet
from metrics.promql.frame import Times
from metrics.promql.label_sets import NAME
from metrics.promql.parser import parse_selector
from metrics.promql.source import VALUE
from metrics.series_index import accepting
from metrics.track import Track, union
from metrics.values import Floats, Labels, label

_ENTRIES = 2_000_000
"""Places of series in distinct lists of series that are in memory together."""
_SAMPLES = 4_000_000
"""Samples that are in memory together."""
_SHOWN = 5


class UnsayableError(Exception):
    """Series whose names OpenMetrics 1.0 has no words for."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is exported: series that are accepted, and their samples in [first, last] milliseconds."""

    accepts: Callable[[Labels], bool]
    first: int
    last: int


@dataclass(frozen=True, slots=True, eq=False)
class Exported:
    """The samples of one series: milliseconds strictly ascending, at least one."""

    labels: Labels
    times: Times
    values: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Index:
    """Where series are: by label set, (list of series, position in it); lists are numbered by digest."""

    series: dict[Labels, list[tuple[int, int]]]
    lists: dict[bytes, int]
    rows: Counter[int]

    def weight(self, labels: Labels) -> int:
        """How many samples a series has at most."""
        return sum(self.rows[number] for number, _ in self.series[labels])


def accepted(selectors: Sequence[str]) -> Callable[[Labels], bool]:
    """Whether any of these selectors matches a label set; without selectors all are. Raises QueryError."""
    wanted = [accepting(parse_selector(text)) for text in selectors]
    return lambda labels: not wanted or any(accepts(labels) for accepts in wanted)


def exported(holdings: Holdings, wanted: Wanted) -> Iterator[Exported]:
    """Series sorted by metric name, then by labels. Where origins disagree on a time, rows go before points.

    Raises:
        UnsayableError: before anything is given.
        ChangedError: a block was sealed anew meanwhile.
    """
    for names in _groups(_names(holdings, wanted.accepts)):
        index = _index(holdings, wanted.accepts, names)
        for batch in _batches(index):
            tracks = _tracks(holdings, index, batch)
            for labels, pieces in zip(batch, tracks, strict=True):
                found = _within(labels, pieces, wanted)
                if len(found.times):
                    yield found


def _names(holdings: Holdings, accepts: Callable[[Labels], bool]) -> Counter[str]:
    """How many places in distinct lists of series each metric has."""
    names: Counter[str] = Counter()
    bad: set[Labels] = set()
    for sheet in _distinct(holdings):
        for labels in filter(accepts, sheet.labels):
            names[label(labels, NAME)] += 1
            if not openmetrics.sayable(labels):
                bad.add(labels)
    if bad:
        raise UnsayableError(_unsayable(sorted(bad)))
    return names


def _unsayable(bad: Sequence[Labels]) -> str:
    shown = ", ".join(str(dict(labels)) for labels in bad[:_SHOWN])
    more = f" and {len(bad) - _SHOWN:,} more" if len(bad) > _SHOWN else ""
    return (
        "OpenMetrics 1.0 has no words for names beyond letters, digits and _ (and : in metric names), "
        f"found {shown}{more}; leave these series out, for example with "
        '--match \'{__name__=~"[a-zA-Z_:][a-zA-Z0-9_:]*","the.label"=""}\''
    )


def _distinct(holdings: Holdings) -> Iterator[Sheet]:
    """One sheet of each list of series."""
    seen: set[bytes] = set()
    for start in holdings.starts:
        for sheet in holdings.sheets(start, with_labels=True):
            if sheet.digest not in seen:
                seen.add(sheet.digest)
                yield sheet


def _groups(names: Counter[str]) -> Iterator[frozenset[str]]:
    """Metrics in order, so many together as may be in memory."""
    group: list[str] = []
    entries = 0
    for name in sorted(names):
        if group and entries + names[name] > _ENTRIES:
            yield frozenset(group)
            group, entries = [], 0
        group.append(name)
        entries += names[name]
    yield frozenset(group)


def _index(holdings: Holdings, accepts: Callable[[Labels], bool], names: frozenset[str]) -> _Index:
    index = _Index({}, {}, Counter())
    for sheet in _distinct(holdings):
        number = index.lists[sheet.digest] = len(index.lists)
        for position, labels in enumerate(sheet.labels):
            if label(labels, NAME) in names and accepts(labels):
                index.series.setdefault(labels, []).append((number, position))
    for start in holdings.starts:
        for sheet in holdings.sheets(start):
            # A list that came with a block since then is not exported.
            if sheet.digest in index.lists:
                index.rows[index.lists[sheet.digest]] += sheet.most
    return index


def _batches(index: _Index) -> Iterator[list[Labels]]:
    """Series in order, so many together as their samples may be in memory; one at least."""
    batch: list[Labels] = []
    samples = 0
    for labels in sorted(index.series, key=openmetrics.order):
        weight = index.weight(labels)
        if batch and samples + weight > _SAMPLES:
            yield batch
            batch, samples = [], 0
        batch.append(labels)
        samples += weight
    if batch:
        yield batch


def _tracks(holdings: Holdings, index: _Index, batch: Sequence[Labels]) -> list[list[Track]]:
    """The points of each series, a piece for each block."""
    places: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for row, labels in enumerate(batch):
        for number, position in index.series[labels]:
            places[number].append((row, position))
    pieces: list[list[Track]] = [[] for _ in batch]
    for start in holdings.starts:
        found: dict[int, Track] = {}
        # Points first: rows that say something else of the same time win.
        for sheet in sorted(holdings.sheets(start), key=lambda sheet: len(sheet.times) > 0):
            for row, position in places.get(index.lists.get(sheet.digest, -1), ()):
                track = sheet.track(position)
                found[row] = union(found[row], track) if row in found else track
        for row, track in found.items():
            pieces[row].append(track)
    return pieces


def _within(labels: Labels, pieces: Sequence[Track], wanted: Wanted) -> Exported:
    """The values of a series that are wanted; what is stale is no value."""
    times = np.concatenate([np.empty(0, dtype=np.int64), *(piece.times for piece in pieces)])
    values = np.concatenate([np.empty(0), *(piece.values for piece in pieces)])
    states = np.concatenate([np.empty(0, dtype=np.uint8), *(piece.states for piece in pieces)])
    kept = (states == VALUE) & (times >= wanted.first) & (times <= wanted.last)
    return Exported(labels, times[kept], values[kept])
