"""Instant selectors: the newest cell of each series within the lookback, unless it says that it is stale."""

from typing import NamedTuple

import numpy as np

from metrics.promql.ast import VectorSelector
from metrics.promql.context import Context
from metrics.promql.frame import Bools, Frame, Times
from metrics.promql.label_sets import LabelSets
from metrics.promql.source import VALUE, Part
from metrics.values import Floats


class Latest(NamedTuple):
    """Values with the times of their samples, all [series, steps]."""

    sets: LabelSets
    values: Floats
    present: Bools
    at: Times


def select(selector: VectorSelector, context: Context) -> Frame:
    """The vector of a selector at each step."""
    newest = latest(selector, context)
    return Frame(newest.sets, newest.values, newest.present)


def latest(selector: VectorSelector, context: Context) -> Latest:
    """The vector of a selector with the times of its samples."""
    selection = context.source.select(selector.matchers)
    shape = len(selection.sets), len(context.times)
    context.budget.spend(shape[0] * shape[1])
    found = Latest(
        selection.sets, np.zeros(shape), np.zeros(shape, dtype=bool), np.zeros(shape, dtype=np.int64)
    )
    reference = context.reference(selector)
    for part in selection.parts:
        _fill(found, part, reference, context.lookback_ms)
    return found


def _fill(found: Latest, part: Part, reference: Times, lookback_ms: int) -> None:
    times = part.times()
    positions = np.searchsorted(times, reference, side="right") - 1
    known = positions >= 0
    known[known] = times[positions[known]] > reference[known] - lookback_ms
    if not known.any():
        return
    positions = positions[known]
    values, states = part.cells_at(positions)
    if known.all():
        found.values[part.places] = values
        found.present[part.places] = states == VALUE
        found.at[part.places] = times[positions]
        return
    cells = np.ix_(part.places, np.flatnonzero(known))
    found.values[cells] = values
    found.present[cells] = states == VALUE
    found.at[cells] = times[positions]
