"""``and``, ``or`` and ``unless`` between two vectors, step by step."""

from typing import NamedTuple

import numpy as np

from metrics.promql.ast import Binary, Cardinality, VectorMatching
from metrics.promql.frame import Bools, Frame, merged
from metrics.promql.label_sets import Indices, LabelSets
from metrics.promql.matching import signature
from metrics.values import Labels

_PLAIN = VectorMatching(Cardinality.MANY_TO_MANY, (), False)


class Groups(NamedTuple):
    """The match group of each row on both sides, and the rows of both as one list."""

    left: Indices
    right: Indices
    number: int
    both: LabelSets


def combine_sets(node: Binary, left: Frame, right: Frame) -> Frame:
    """``left and|or|unless right`` by match groups."""
    matching = node.matching or _PLAIN
    groups = left.sets.remember_with(
        right.sets, ("sets", matching), lambda: _groups(left.sets, right.sets, matching)
    )
    if node.op == "or":
        return _or(left, right, groups)
    there = _anywhere(right.present, groups.right, groups.number)[groups.left]
    return Frame(left.sets, left.values, left.present & (there if node.op == "and" else ~there))


def _or(left: Frame, right: Frame, groups: Groups) -> Frame:
    there = _anywhere(left.present, groups.left, groups.number)[groups.right]
    return merged(
        Frame(
            groups.both,
            np.concatenate((left.values, right.values)),
            np.concatenate((left.present, right.present & ~there)),
        )
    )


def _anywhere(present: Bools, group: Indices, number: int) -> Bools:
    """Whether any row of each group is present, at each step."""
    found = np.zeros((number, present.shape[1]), dtype=bool)
    np.logical_or.at(found, group, present)
    return found


def _groups(left: LabelSets, right: LabelSets, matching: VectorMatching) -> Groups:
    number: dict[Labels, int] = {}
    of_left, of_right = (
        np.array(
            [number.setdefault(signature(row, matching), len(number)) for row in sets.labels], dtype=np.intp
        )
        for sets in (left, right)
    )
    flags = None
    if left.pending is not None or right.pending is not None:
        flags = tuple(sets.flag(row) for sets in (left, right) for row in range(len(sets)))
    return Groups(of_left, of_right, len(number), LabelSets((*left.labels, *right.labels), flags))
