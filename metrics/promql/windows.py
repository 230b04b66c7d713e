"""Range selectors and subqueries: the samples of each series in the window of each step.

Windows are open on the left and closed on the right, ``(t - range, t]``. Their samples lie in one flat array,
series by series; a window is two positions in it. So all windows of all series are worked on at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from metrics.promql.ast import Expr, MatrixSelector, Paren, Subquery
from metrics.promql.context import Context, Evaluate
from metrics.promql.frame import Bools, Frame, Times
from metrics.promql.label_sets import Indices, LabelSets
from metrics.promql.source import VALUE, Part
from metrics.values import Floats


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of some series at all steps.

    Attributes:
        values: float64 [samples], series by series, each in time order.
        at: int64 [samples], milliseconds.
        first: [series, steps], where each window starts in ``values``.
        last: [series, steps], one past where it ends.
        breaks: where in ``values`` each series starts.
        ends: int64 [steps], the closed right edge of the windows in milliseconds.
        range_ms: their length.
        steps: int64 [steps], the evaluation times (other than ``ends`` with an offset or ``@``).
    """

    values: Floats
    at: Times
    first: Indices
    last: Indices
    breaks: Indices
    ends: Times
    range_ms: int
    steps: Times

    @property
    def count(self) -> Indices:
        """Samples in each window."""
        return self.last - self.first

    def flat(self) -> "Windows":
        """Itself; see ``SharedWindows``."""
        return self


@dataclass(frozen=True, slots=True)
class SharedWindows:
    """The windows of series that all have a sample at every time: each window is the same rows for all.

    Attributes:
        values: float64 [series, rows].
        at: int64 [rows], milliseconds.
        first: [steps], the row where each window starts; ``last``: one past where it ends.
        ends, range_ms, steps: as in ``Windows``.
    """

    values: Floats
    at: Times
    first: Indices
    last: Indices
    ends: Times
    range_ms: int
    steps: Times

    def flat(self) -> Windows:
        """The same, series by series."""
        series, rows = self.values.shape
        breaks = np.arange(series) * rows
        first, last = breaks[:, None] + self.first, breaks[:, None] + self.last
        at = np.tile(self.at, series)
        return Windows(self.values.ravel(), at, first, last, breaks, self.ends, self.range_ms, self.steps)


@dataclass(frozen=True, slots=True)
class Ranges:
    """A range vector at each step: windows by part, with the rows that the series of each part take."""

    sets: LabelSets
    parts: tuple[tuple[Indices | slice, Windows | SharedWindows], ...]
    steps: int


Found = tuple[Floats, Bools]


def ranges(expr: Expr, context: Context, evaluate: Evaluate) -> Ranges:
    """The range vector that an expression of type matrix gives."""
    match expr:
        case Paren():
            return ranges(expr.expr, context, evaluate)
        case MatrixSelector():
            return _selected(expr, context)
        case Subquery():
            return _subquery(expr, context, evaluate)
    raise TypeError(f"{type(expr).__name__} is not a range vector")


def over(
    vectors: Ranges,
    work: Callable[[Windows], Found],
    shared: Callable[[SharedWindows], Found] | None = None,
) -> Frame:
    """The vector that ``work`` makes of the windows; names are kept.

    ``shared`` makes the same of windows that are the same rows for all series, sooner.
    """

    def worked(windows: Windows | SharedWindows) -> Found:
        if shared is not None and isinstance(windows, SharedWindows):
            return shared(windows)
        return work(windows.flat())

    shape = len(vectors.sets), vectors.steps
    if len(vectors.parts) == 1 and isinstance(vectors.parts[0][0], slice):
        return Frame(vectors.sets, *worked(vectors.parts[0][1]))
    values, present = np.zeros(shape), np.zeros(shape, dtype=bool)
    for places, windows in vectors.parts:
        values[places], present[places] = worked(windows)
    return Frame(vectors.sets, values, present)


def _selected(node: MatrixSelector, context: Context) -> Ranges:
    selection = context.source.select(node.selector.matchers)
    ends = context.reference(node.selector)
    context.budget.hold(len(selection.sets) * len(ends))
    parts = []
    for part in selection.parts:
        windows = _of_part(part, ends, node.range_ms, context)
        if windows is not None:
            parts.append((part.places, windows))
    return Ranges(selection.sets, tuple(parts), len(ends))


def _of_part(part: Part, ends: Times, range_ms: int, context: Context) -> Windows | SharedWindows | None:
    times = part.times()
    low = np.searchsorted(times, ends - range_ms, side="right")
    high = np.searchsorted(times, ends, side="right")
    first, last = int(low[0]), int(high[-1])
    if first >= last:
        return None
    context.budget.spend(len(part.places) * (last - first))
    context.budget.visit(len(part.places) * int((high - low).sum()))
    cells = part.cells(first, last)
    rows = Rows(cells.values, cells.states == VALUE, times[first:last], low - first, high - first)
    return _windows(rows, ends, range_ms, context.times)


def _subquery(node: Subquery, context: Context, evaluate: Evaluate) -> Ranges:
    ends = context.reference(node)
    step = node.step_ms or context.subquery_step_ms
    since = _since(node, context)
    first = int(ends[0]) - node.range_ms
    start = (first if since is None else min(first, since)) // step * step + step
    context.budget.spend(max(0, (int(ends[-1]) - start) // step))
    times = np.arange(start, int(ends[-1]) + 1, step, dtype=np.int64)
    if not len(times):
        return Ranges(LabelSets(()), (), len(ends))
    frame = evaluate(node.expr, context.at(times, None if since is None else since // step * step))
    if not isinstance(frame, Frame):
        raise TypeError("a subquery is over a vector")
    context.budget.spend(int(frame.present.sum()))
    context.budget.hold(len(frame.sets) * len(ends))
    low = np.searchsorted(times, ends - node.range_ms, side="right")
    high = np.searchsorted(times, ends, side="right")
    context.budget.visit(len(frame.sets) * int((high - low).sum()))
    windows = _windows(
        Rows(frame.values, frame.present, times, low, high), ends, node.range_ms, context.times
    )
    return Ranges(frame.sets, () if windows is None else ((slice(None), windows),), len(ends))


def _since(node: Subquery, context: Context) -> int | None:
    """Up to where the piece before looked, milliseconds.

    From there on: Prometheus evaluates what is inside a subquery over the whole range, also between the
    windows of two steps, and may refuse it there.
    """
    if context.since_ms is None or node.at_ms is not None:
        return None
    return context.since_ms - node.offset_ms


class Rows(NamedTuple):
    """Cells [series, rows] with shared times, and the rows [low, high) of each step's window."""

    values: Floats
    present: Bools
    times: Times
    low: Indices
    high: Indices


def _windows(rows: Rows, ends: Times, range_ms: int, steps: Times) -> Windows | SharedWindows | None:
    present, low, high = rows.present, rows.low, rows.high
    if not present.any():
        return None
    if present.all():
        return SharedWindows(rows.values, rows.times, low, high, ends, range_ms, steps)
    series, length = present.shape
    before = np.zeros((series, length + 1), dtype=np.intp)
    np.cumsum(present, axis=1, out=before[:, 1:])
    breaks = np.concatenate(([0], np.cumsum(before[:-1, -1])))
    at = np.broadcast_to(rows.times, present.shape)[present]
    first, last = breaks[:, None] + before[:, low], breaks[:, None] + before[:, high]
    return Windows(rows.values[present], at, first, last, breaks, ends, range_ms, steps)
