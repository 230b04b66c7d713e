"""Sparse: the series of one origin that carry timestamps of their own.

One thread at a time changes it. A reader takes ``sparse.view``, which is replaced as a whole after every
push, and works on it without any lock.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np

from metrics import sparse_series
from metrics.acceptance import Verdict, judged
from metrics.promql.frame import Times
from metrics.promql.label_sets import Indices
from metrics.promql.source import STALE, VALUE
from metrics.sparse_series import SeriesView
from metrics.track import STALE_BITS, Track, span
from metrics.values import Floats

SparseView = Mapping[int, SeriesView]
"""Series by their number, as of one push."""


class Point(NamedTuple):
    """A sample: number of its series, milliseconds, value, VALUE or STALE."""

    series: int
    at: int
    value: float
    state: int


class Sparse:
    """Series by their number."""

    def __init__(self) -> None:
        self.view: SparseView = {}

    def add(self, points: Iterable[Point], received: int, reach_ms: int) -> list[Verdict]:
        """Take what is to be taken of a push; a verdict on each point."""
        changed: dict[int, SeriesView] = {}
        # Each would cost a copy of its series' open end: a page may have tens of thousands of one series.
        late: dict[int, dict[int, Point]] = {}
        verdicts = [self._add(point, changed, late, received, reach_ms) for point in points]
        for number, some in late.items():
            changed[number] = sparse_series.brought(changed.get(number) or self.view[number], _in_order(some))
        self._publish(changed)
        return verdicts

    def recall(self, series: Indices, times: Times, values: Floats) -> None:
        """Take back points that were read from disk, in the order in which they were taken."""
        order = np.lexsort((times, series))
        numbers, at = series[order], times[order]
        last = np.append((np.diff(numbers) != 0) | (np.diff(at) != 0), [True])
        every = _tracked(at[last], values[order[last]])
        starts = np.flatnonzero(np.diff(numbers[last], prepend=-1))
        ends = np.append(starts[1:], len(every.times))
        changed: dict[int, SeriesView] = {}
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            number = int(numbers[last][start])
            changed[number] = sparse_series.brought(self.view.get(number), span(every, start, end))
        self._publish(changed)

    def drop_before(self, at: int) -> tuple[int, ...]:
        """Drop what is older than ``at`` as far as it is whole pieces; the series that have nothing left."""
        return self._cut(lambda each: each.first < at, lambda each: sparse_series.without_before(each, at))

    def drop_after(self, at: int) -> tuple[int, ...]:
        """Drop what is later than ``at``; the series that have nothing left."""
        return self._cut(lambda each: each.newest > at, lambda each: sparse_series.without_after(each, at))

    def _add(
        self,
        point: Point,
        changed: dict[int, SeriesView],
        late: dict[int, dict[int, Point]],
        received: int,
        reach_ms: int,
    ) -> Verdict:
        before = changed.get(point.series) or self.view.get(point.series)
        if before is not None and point.at <= before.newest:
            there = _at_time(before, late.get(point.series, {}), point.at)
            if there is not None:
                return Verdict.SAME if _same(there, point) else Verdict.DUPLICATE
        newest = None if before is None else before.newest
        verdict = judged(point.at, newest, received, reach_ms)
        if verdict is Verdict.IN_ORDER:
            changed[point.series] = _with(before, point)
        elif verdict is Verdict.LATE:
            late.setdefault(point.series, {})[point.at] = point
        return verdict

    def _publish(self, changed: Mapping[int, SeriesView]) -> None:
        if changed:
            self.view = {**self.view, **changed}

    def _cut(
        self, touched: Callable[[SeriesView], bool], cut: Callable[[SeriesView], SeriesView | None]
    ) -> tuple[int, ...]:
        left = {number: cut(series) for number, series in self.view.items() if touched(series)}
        gone = tuple(number for number, series in left.items() if series is None)
        if left:
            every = {**self.view, **left}
            self.view = {number: series for number, series in every.items() if series is not None}
        return gone


def points(series: Iterable[int], times: Iterable[int], values: Floats) -> Iterable[Point]:
    """Samples as points; Prometheus' marker of the end of a series becomes STALE."""
    stale = (values.view(np.int64) == STALE_BITS).tolist()
    for number, at, value, ended in zip(series, times, values.tolist(), stale, strict=True):
        yield Point(number, at, value, STALE if ended else VALUE)


def _tracked(times: Times, values: Floats) -> Track:
    stale = values.view(np.int64) == STALE_BITS
    return Track(times, values, np.where(stale, STALE, VALUE).astype(np.uint8))


def _with(before: SeriesView | None, point: Point) -> SeriesView:
    _, at, value, state = point
    if before is None:
        return sparse_series.begun(at, value, state)
    return sparse_series.appended(before, at, value, state)


def _at_time(before: SeriesView, late: Mapping[int, Point], at: int) -> tuple[float, int] | None:
    """Value and state of the point that a series has at a time; None without one."""
    found = late.get(at)
    return sparse_series.at_time(before, at) if found is None else (found.value, found.state)


def _in_order(points: Mapping[int, Point]) -> Track:
    """Points of one series by their times, as a track."""
    _, times, values, states = zip(*(points[at] for at in sorted(points)), strict=True)
    return Track(np.array(times), np.array(values), np.array(states, dtype=np.uint8))


def _same(there: tuple[float, int], point: Point) -> bool:
    """Whether two samples of one time are the same, bit by bit; NaN is equal to itself."""
    if there[1] != point.state:
        return False
    pair = np.array([there[0], point.value]).view(np.int64)
    return point.state == STALE or bool(pair[0] == pair[1])
