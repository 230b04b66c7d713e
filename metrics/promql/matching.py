"""Arithmetic and comparison between two vectors: which rows meet, and what their results are called.

All pairs of rows with the same match group are formed once from the labels alone. At each step a pair counts
where both of its rows are present, and Prometheus' rules of uniqueness are checked there.
"""

from dataclasses import dataclass

import numpy as np

from metrics.errors import ErrorKind, QueryError
from metrics.promql.arithmetic import ARITHMETIC, combined
from metrics.promql.ast import Binary, Cardinality, VectorMatching
from metrics.promql.context import Context
from metrics.promql.frame import Bools, Frame, merged
from metrics.promql.label_sets import METADATA, NAME, Indices, LabelSets, dropped, kept
from metrics.promql.limits import too_many_samples
from metrics.promql.text import shown
from metrics.values import Labels, label, labels_of

_MOST_PAIRS = 500_000


@dataclass(frozen=True, slots=True)
class Groups:
    """The match group of each row on the "many" side (left, if one-to-one) and on the "one" side.

    A row of the "many" side that meets nothing has -1.
    """

    many: Indices
    one: Indices
    unique_many: bool
    unique_one: bool


@dataclass(frozen=True, slots=True)
class Join:
    """The pairs of rows that share a match group.

    Attributes:
        many: the row of each pair on the "many" side.
        one: its row on the other side.
        group: the match group of each pair.
        sets: what the result of each pair is called.
    """

    many: Indices
    one: Indices
    group: Indices
    sets: LabelSets


@dataclass(frozen=True, slots=True)
class Naming:
    """What decides the labels of results: the matching, whether names go, and whether at the very end."""

    matching: VectorMatching
    renamed: bool
    delayed: bool


def match_rows(node: Binary, left: Frame, right: Frame, context: Context) -> Frame:
    """``left op right`` where their match groups meet."""
    matching = node.matching or VectorMatching(Cardinality.ONE_TO_ONE, (), False)
    swapped = matching.cardinality is Cardinality.ONE_TO_MANY
    many, one = (right, left) if swapped else (left, right)
    groups = many.sets.remember_with(one.sets, matching, lambda: _groups(many.sets, one.sets, matching))
    if not groups.unique_one:
        _check_one_side(groups, many, one, matching)
    naming = Naming(matching, node.op in ARITHMETIC or node.return_bool, context.delayed)
    join = many.sets.remember_with(one.sets, naming, lambda: _join(groups, many.sets, one.sets, naming))
    context.budget.hold(len(join.many) * len(context.times))
    many_values, one_values = many.values[join.many], one.values[join.one]
    sides = (one_values, many_values) if swapped else (many_values, one_values)
    values, holds = combined(node.op, *sides, node.return_bool)
    present = many.present[join.many] & one.present[join.one]
    if holds is not None:
        present &= holds
    if matching.cardinality is not Cardinality.ONE_TO_ONE:
        return _unambiguous(Frame(join.sets, values, present))
    if not groups.unique_many:
        _check_many_side(present, join.group)
    return merged(Frame(join.sets, values, present))


def signature(labels: Labels, matching: VectorMatching) -> Labels:
    """What two rows must have in common to meet."""
    if matching.on:
        return kept(labels, frozenset(matching.labels))
    return dropped(labels, frozenset((NAME, *matching.labels)))


def _unambiguous(frame: Frame) -> Frame:
    try:
        return merged(frame)
    except QueryError as error:
        raise _execution("multiple matches for labels: grouping labels must ensure unique matches") from error


def _check_many_side(present: Bools, group: Indices) -> None:
    if _crowded(present, group).any():
        raise _execution(
            "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
        )


def _crowded(present: Bools, group: Indices) -> Bools:
    """Groups and steps with more than one row present."""
    counts = np.zeros((int(group.max(initial=-1)) + 1, present.shape[1]), dtype=np.intp)
    np.add.at(counts, group, present)
    return counts > 1


def _check_one_side(groups: Groups, many: Frame, one: Frame, matching: VectorMatching) -> None:
    crowded = _crowded(one.present, groups.one) & many.present.any(axis=0)
    if not crowded.any():
        return
    group, step = (int(found[0]) for found in np.nonzero(crowded))
    rows = np.flatnonzero((groups.one == group) & one.present[:, step])
    side = "left" if matching.cardinality is Cardinality.ONE_TO_MANY else "right"
    first, second = (shown(one.sets.labels[row]) for row in rows[:2])
    common = shown(signature(one.sets.labels[rows[0]], matching))
    raise _execution(
        f"found duplicate series for the match group {common} on the {side} hand-side of the operation: "
        f"[{second}, {first}];many-to-many matching not allowed: matching labels must be unique on one side"
    )


def _execution(message: str) -> QueryError:
    return QueryError(ErrorKind.EXECUTION, message)


def _groups(many: LabelSets, one: LabelSets, matching: VectorMatching) -> Groups:
    number: dict[Labels, int] = {}
    of_one = [number.setdefault(signature(labels, matching), len(number)) for labels in one.labels]
    of_many = [number.get(signature(labels, matching), -1) for labels in many.labels]
    met = [group for group in of_many if group >= 0]
    return Groups(
        np.array(of_many, dtype=np.intp),
        np.array(of_one, dtype=np.intp),
        unique_many=len(set(met)) == len(met),
        unique_one=len(number) == len(of_one),
    )


def _join(groups: Groups, many: LabelSets, one: LabelSets, naming: Naming) -> Join:
    pairs = _pairs(groups)
    labels = [_named(many.labels[row], one.labels[partner], naming) for row, partner in pairs]
    flags = tuple(naming.renamed or many.flag(row) for row, _ in pairs) if naming.delayed else None
    rows = np.array([row for row, _ in pairs], dtype=np.intp)
    partners = np.array([partner for _, partner in pairs], dtype=np.intp)
    return Join(rows, partners, groups.many[rows], LabelSets(labels, flags))


def _pairs(groups: Groups) -> list[tuple[int, int]]:
    holders: dict[int, list[int]] = {}
    for row, group in enumerate(groups.one.tolist()):
        holders.setdefault(group, []).append(row)
    partners = [holders.get(group, []) for group in groups.many.tolist()]
    if sum(map(len, partners)) > _MOST_PAIRS:
        raise too_many_samples()
    return [(row, partner) for row, found in enumerate(partners) for partner in found]


def _named(many: Labels, one: Labels, naming: Naming) -> Labels:
    """What the result of a pair is called."""
    matching = naming.matching
    named = dropped(many, METADATA) if naming.renamed and not naming.delayed else many
    if matching.cardinality is Cardinality.ONE_TO_ONE:
        chosen = frozenset(matching.labels)
        named = kept(named, chosen) if matching.on else dropped(named, chosen)
    if not matching.include:
        return named
    included = [(name, label(one, name)) for name in matching.include]
    return labels_of((*dropped(named, frozenset(matching.include)), *included))
