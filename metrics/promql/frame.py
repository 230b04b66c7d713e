"""What evaluation works on: values of many series at many steps at once."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from metrics.errors import ErrorKind, QueryError
from metrics.promql.label_sets import EMPTY, Grouping, Indices, LabelSets, duplicates, without_name
from metrics.values import Floats

Bools: TypeAlias = npt.NDArray[np.bool_]
Times: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Frame:
    """A vector at each step.

    Attributes:
        sets: the label sets, one per row.
        values: float64 [series, steps]; what stands where nothing is present means nothing.
        present: bool [series, steps]. A NaN that is present is a value.
    """

    sets: LabelSets
    values: Floats
    present: Bools


@dataclass(frozen=True, slots=True)
class Numbers:
    """A scalar at each step: float64 [steps]."""

    values: Floats


@dataclass(frozen=True, slots=True)
class Text:
    """A string, the same at each step."""

    value: str


Value: TypeAlias = Frame | Numbers | Text


def empty(steps: int) -> Frame:
    """A frame without rows."""
    return Frame(EMPTY, np.empty((0, steps)), np.empty((0, steps), dtype=bool))


def everywhere(sets: LabelSets, values: Floats) -> Frame:
    """A frame whose every cell is present."""
    return Frame(sets, values, np.ones(values.shape, dtype=bool))


def taken(frame: Frame, rows: Indices) -> Frame:
    """These rows of a frame, in this order."""
    return Frame(frame.sets.take(rows), frame.values[rows], frame.present[rows])


def derived(sets: LabelSets, values: Floats, present: Bools, delayed: bool) -> Frame:
    """Values worked out from rows of these label sets: no longer that metric, so without its name."""
    made = Frame(without_name(sets, delayed), values, present)
    return made if delayed else merged(made)


def merged(frame: Frame, over_time: bool = True) -> Frame:
    """The frame with rows of the same label set made one.

    Raises when two of them are present at one step, or (where they may not take turns ``over_time``) at any
    steps.
    """
    same = duplicates(frame.sets)
    if same is None:
        return frame
    present = frame.present if over_time else np.logical_or.reduce(frame.present, axis=1, keepdims=True)
    counts = np.add.reduceat(present[same.order].astype(np.intp), same.starts, axis=0)
    if (counts > 1).any():
        raise same_labels()
    return _joined(frame, same)


def same_labels() -> QueryError:
    """What Prometheus answers where two series would have the same label set."""
    return QueryError(ErrorKind.EXECUTION, "vector cannot contain metrics with the same labelset")


def _joined(frame: Frame, same: Grouping) -> Frame:
    values = np.zeros((len(same.sets), frame.values.shape[1]))
    row, step = np.nonzero(frame.present)
    values[same.of[row], step] = frame.values[row, step]
    present = np.logical_or.reduceat(frame.present[same.order], same.starts, axis=0)
    return Frame(same.sets, values, present)
