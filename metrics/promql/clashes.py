"""Operations whose every label set belongs to one series, over the whole range of a question.

Prometheus works range functions, ``label_replace``, ``label_join`` and ``-`` out for all steps at once, and
refuses two series of one label set there even where they take turns. A question that is evaluated in pieces
has to remember which series bore which label set in the pieces before.
"""

import numpy as np

from metrics.errors import Span
from metrics.promql.frame import Bools, Frame, merged, same_labels
from metrics.promql.label_sets import LabelSets, duplicates, without_name
from metrics.values import Labels


class Clashes:
    """What the operations of one question gave in its pieces so far; an operation is known by its span."""

    __slots__ = ("_borne",)

    def __init__(self) -> None:
        self._borne: dict[Span | None, _Borne] = {}

    def check(self, span: Span | None, before: LabelSets, made: Frame) -> None:
        """Take in what an operation made of the rows ``before``. Raises QueryError when two series clash."""
        borne = self._borne.get(span)
        if borne is None:
            borne = self._borne[span] = _Borne(before, made.sets)
        present: Bools = np.logical_or.reduce(made.present, axis=1)
        if borne.clashes(before, made.sets, present):
            raise same_labels()


def unnamed(frame: Frame, span: Span, delayed: bool, clashes: Clashes | None) -> Frame:
    """The frame without metric names, which range functions and ``-`` take away."""
    made = Frame(without_name(frame.sets, delayed), frame.values, frame.present)
    return made if delayed else alone(made, frame.sets, span, clashes)


def alone(made: Frame, before: LabelSets, span: Span | None, clashes: Clashes | None) -> Frame:
    """What an operation made of the rows ``before``; no label set may have been two series at any steps.

    ``clashes`` knows the pieces before this one; None where the question is evaluated as a whole.
    """
    if clashes is not None:
        clashes.check(span, before, made)
    return merged(made, over_time=False)


class _Borne:
    """Which series bore the label sets that one operation gave.

    Pieces mostly have the very same rows: then it is enough to know which of them had a sample.
    """

    __slots__ = ("_after", "_bearers", "_before", "_seen")

    def __init__(self, before: LabelSets, after: LabelSets) -> None:
        self._before, self._after = before, after
        self._seen: Bools = np.zeros(len(after), dtype=bool)
        self._bearers: dict[Labels, Labels] = {}

    def clashes(self, before: LabelSets, after: LabelSets, present: Bools) -> bool:
        """Take in one more piece; whether two series have borne one label set by now."""
        if after is self._after:
            self._seen = self._seen | present
        else:
            self._settle()
            self._before, self._after, self._seen = before, after, present
        if self._bearers:
            return self._settle()
        same = duplicates(after)
        return same is not None and bool((np.bincount(same.of[self._seen]) > 1).any())

    def _settle(self) -> bool:
        """Remember the bearers by label set; whether one of these has had another."""
        clashed = False
        for row in np.flatnonzero(self._seen):
            series = self._before.labels[row]
            clashed |= self._bearers.setdefault(self._after.labels[row], series) != series
        return clashed
