"""Instant selectors: the newest cell of each series within the lookback, unless it says that it is stale."""

from typing import NamedTuple

import numpy as np

from metrics.promql.ast import VectorSelector
from metrics.promql.context import Context
from metrics.promql.frame import Bools, Frame, Times
from metrics.promql.label_sets import Indices
from metrics.promql.source import VALUE, Part


class Latest(NamedTuple):
    """A vector at each step with the times of its samples, [series, steps] in milliseconds."""

    frame: Frame
    at: Times


def select(selector: VectorSelector, context: Context) -> Frame:
    """The vector of a selector at each step."""
    selection = context.source.select(selector.matchers)
    shape = len(selection.sets), len(context.times)
    context.budget.spend(shape[0] * shape[1])
    frame = Frame(selection.sets, np.zeros(shape), np.zeros(shape, dtype=bool))
    reference = context.reference(selector)
    for part in selection.parts:
        known, positions = _rows(part, reference, context.lookback_ms)
        if len(positions):
            _fill(frame, part, known, positions)
    return frame


def latest(selector: VectorSelector, context: Context) -> Latest:
    """The vector of a selector with the times of its samples."""
    frame = select(selector, context)
    at = np.zeros(frame.values.shape, dtype=np.int64)
    reference = context.reference(selector)
    for part in context.source.select(selector.matchers).parts:
        known, positions = _rows(part, reference, context.lookback_ms)
        at[np.ix_(part.places, np.flatnonzero(known))] = part.times()[positions]
    return Latest(frame, at)


def _rows(part: Part, reference: Times, lookback_ms: int) -> tuple[Bools, Indices]:
    """Which steps have a row within the lookback, and the newest such row of each."""
    times = part.times()
    positions = np.searchsorted(times, reference, side="right") - 1
    known = positions >= 0
    known[known] = times[positions[known]] > reference[known] - lookback_ms
    return known, positions[known]


def _fill(frame: Frame, part: Part, known: Bools, positions: Indices) -> None:
    values, states = part.cells_at(positions)
    cells = part.places if known.all() else np.ix_(part.places, np.flatnonzero(known))
    frame.values[cells] = values
    frame.present[cells] = states == VALUE
