"""Aggregations: the rows of each group made one."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from metrics.promql.frame import Bools, Frame
from metrics.promql.label_sets import Grouping, Indices, grouping
from metrics.promql.quantiles import quantile_of
from metrics.promql.sums import cancels, neumaier
from metrics.values import Floats


class Grouped(NamedTuple):
    """A frame, its groups, and how many rows of each are present [groups, steps]."""

    frame: Frame
    groups: Grouping
    counts: Indices

    def over(self, operation: np.ufunc, values: Floats) -> Floats:
        """``operation`` over the rows of each group: [groups, steps]."""
        found: Floats = operation.reduceat(values[self.groups.order], self.groups.starts, axis=0)
        return found

    def present(self, values: Floats, otherwise: float = 0.0) -> Floats:
        """Values of the frame's shape with something else where nothing is present."""
        return values if self.frame.present.all() else np.where(self.frame.present, values, otherwise)

    @property
    def number(self) -> Indices:
        """Rows present, at least 1: to divide by."""
        return np.maximum(self.counts, 1)


def aggregate(op: str, frame: Frame, names: tuple[str, ...], without: bool) -> Frame:
    """``op`` over the groups of a frame."""
    groups = grouping(frame.sets, names, without)
    if not len(frame.sets):
        return Frame(groups.sets, frame.values, frame.present)
    counts = _counts(frame.present, groups)
    return Frame(groups.sets, PLAIN[op](Grouped(frame, groups, counts)), counts > 0)


def _counts(present: Bools, groups: Grouping) -> Indices:
    """Rows present of each group, at each step."""
    if present.all():
        sizes = np.diff(groups.starts, append=len(present))
        return np.repeat(sizes[:, None], present.shape[1], axis=1)
    found: Indices = np.add.reduceat(present[groups.order], groups.starts, axis=0, dtype=np.intp)
    return found


def aggregate_quantile(frame: Frame, quantile: Floats, names: tuple[str, ...], without: bool) -> Frame:
    """The interpolated quantile of each group."""
    groups = grouping(frame.sets, names, without)
    shape = len(groups.sets), frame.values.shape[1]
    values, present = np.zeros(shape), np.zeros(shape, dtype=bool)
    for group, rows in enumerate(_rows_by_group(groups)):
        inside = frame.present[rows].T
        values[group] = quantile_of(quantile, frame.values[rows].T, inside)
        present[group] = inside.any(axis=1)
    return Frame(groups.sets, values, present)


def _rows_by_group(groups: Grouping) -> list[Indices]:
    return np.split(groups.order, groups.starts[1:]) if len(groups.sets) else []


def _sum(grouped: Grouped) -> Floats:
    terms = grouped.present(grouped.frame.values)[grouped.groups.order]
    starts = grouped.groups.starts
    sums: Floats = np.add.reduceat(terms, starts, axis=0)
    loose = cancels(sums, np.add.reduceat(np.abs(terms), starts, axis=0), grouped.counts)
    if loose.any():
        sums[loose] = _exactly(terms, starts, loose)
    return sums


def _exactly(ordered: Floats, starts: Indices, wanted: Bools) -> Floats:
    group, step = np.nonzero(wanted)
    start, stop = starts[group], np.append(starts[1:], len(ordered))[group]
    last = len(ordered) - 1
    return neumaier(
        int((stop - start).max()),
        lambda k: np.where(start + k < stop, ordered[np.minimum(start + k, last), step], 0.0),
    )


def _avg(grouped: Grouped) -> Floats:
    sums = _sum(grouped)
    means: Floats = sums / grouped.number
    if not np.isinf(sums).any():
        return means
    shares = grouped.present(grouped.frame.values) / grouped.number[grouped.groups.of]
    return np.where(np.isinf(sums), grouped.over(np.add, shares), means)


def _min(grouped: Grouped) -> Floats:
    return grouped.over(np.fmin, grouped.present(grouped.frame.values, np.nan))


def _max(grouped: Grouped) -> Floats:
    return grouped.over(np.fmax, grouped.present(grouped.frame.values, np.nan))


def _count(grouped: Grouped) -> Floats:
    return grouped.counts.astype(float)


def _group(grouped: Grouped) -> Floats:
    return np.ones(grouped.counts.shape)


def _stdvar(grouped: Grouped) -> Floats:
    """Population variance around the mean, counted from the lowest value so that equal values give 0."""
    of = grouped.groups.of
    shifted = grouped.present(grouped.frame.values - _min(grouped)[of])
    mean = grouped.over(np.add, shifted) / grouped.number
    off = grouped.present(shifted - mean[of])
    return grouped.over(np.add, off * off) / grouped.number


def _stddev(grouped: Grouped) -> Floats:
    return np.sqrt(_stdvar(grouped))


PLAIN: Mapping[str, Callable[[Grouped], Floats]] = MappingProxyType(
    {
        "sum": _sum,
        "avg": _avg,
        "min": _min,
        "max": _max,
        "count": _count,
        "group": _group,
        "stdvar": _stdvar,
        "stddev": _stddev,
    }
)
"""Aggregations without a parameter."""
