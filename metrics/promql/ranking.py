"""Aggregations whose rows are not known beforehand: topk, bottomk, count_values."""

from collections.abc import Callable

import numpy as np

from metrics.errors import ErrorKind, QueryError
from metrics.promql.context import Budget
from metrics.promql.frame import Frame, empty, taken
from metrics.promql.label_sets import (
    Grouping,
    Indices,
    LabelSets,
    grouped,
    grouping,
    projection,
    valid_label_name,
)
from metrics.promql.literals import quoted
from metrics.promql.numbers import go_float, go_short
from metrics.values import Floats, Labels, labels_of


def ranked(op: str, frame: Frame, k: Floats, names: tuple[str, ...], without: bool) -> Frame:
    """The k highest (``topk``) or lowest rows of each group at each step; NaN counts as the worst.

    At a single step the rows come in their order, group by group.
    """
    countable = np.abs(k) < 2.0**63
    # Nothing to rank and nothing wanted come first, as there.
    if frame.present.any() and not k.max() < 1 and not countable.all():
        raise QueryError(ErrorKind.EXECUTION, f"Scalar value {go_short(k[~countable][0])} overflows int64")
    groups = grouping(frame.sets, names, without)
    order, rank = _ranks(frame, groups, descending=op == "topk")
    keep = np.zeros_like(frame.present)
    np.put_along_axis(keep, order, rank < np.trunc(k), axis=0)
    kept = Frame(frame.sets, frame.values, frame.present & keep)
    return taken(kept, order[:, 0]) if len(k) == 1 else kept


def _ranks(frame: Frame, groups: Grouping, *, descending: bool) -> tuple[Indices, Indices]:
    """Rows in the order of group and rank at each step, and the rank at each of those places."""
    values = -frame.values if descending else frame.values
    nan = np.isnan(values)
    group = np.broadcast_to(groups.of[:, None], values.shape)
    order = np.lexsort((np.where(nan, 0.0, values), nan, ~frame.present, group), axis=0)
    first = groups.starts[groups.of[groups.order]]
    rank = np.arange(len(frame.sets)) - first
    return order, np.broadcast_to(rank[:, None], values.shape)


def count_values(frame: Frame, label: str, names: tuple[str, ...], without: bool, budget: Budget) -> Frame:
    """How many rows of each group have each value; the value goes into ``label``. 0 and -0 are two values."""
    if not valid_label_name(label):
        raise QueryError(ErrorKind.EXECUTION, f"invalid label name {quoted(label)}")
    groups = grouped(frame.sets, projection((*names, label), True) if without else _by(names, label))
    label_kept = not (without and label in names)
    labels: list[Labels] = []
    counts: list[Floats] = []
    bits = np.where(np.isnan(frame.values), np.nan, frame.values).view(np.int64)
    for pattern in np.unique(bits[frame.present]):
        budget.check_time()
        text = go_float(float(pattern.view(np.float64))) if label_kept else ""
        same = bits == pattern
        hits = np.add.reduceat((same & frame.present)[groups.order].astype(float), groups.starts, axis=0)
        for group in np.flatnonzero(hits.any(axis=1)):
            labels.append(labels_of((*groups.sets.labels[group], (label, text))))
            counts.append(hits[group])
    if not labels:
        return empty(frame.values.shape[1])
    return _added_up(LabelSets(labels), np.array(counts))


def _by(names: tuple[str, ...], label: str) -> Callable[[Labels], Labels]:
    return projection([name for name in names if name != label], False)


def _added_up(sets: LabelSets, counts: Floats) -> Frame:
    groups = grouped(sets, lambda labels: labels)
    sums: Floats = np.add.reduceat(counts[groups.order], groups.starts, axis=0)
    return Frame(groups.sets, sums, sums > 0)
