"""What the evaluator needs of a store: series that match, and their cells in time order."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from metrics.promql.ast import Matcher
from metrics.promql.frame import Times
from metrics.promql.label_sets import Indices, LabelSets
from metrics.values import Floats

ABSENT, VALUE, STALE = 0, 1, 2
"""States of a cell. After STALE a series is gone; ABSENT says that it is still gone, or not there yet."""

States = npt.NDArray[np.uint8]


class Cells(NamedTuple):
    """Values and states of some series at some times: [series, times]."""

    values: Floats
    states: States


class Part(Protocol):
    """Series of a selection that share their timestamps.

    A cell is ABSENT only before the first sample of its series and after it went stale: whoever finds one
    there need not look further back.
    """

    @property
    def origin(self) -> str:
        """Who brought these series."""

    @property
    def places(self) -> Indices:
        """The rows of the selection that these series take."""

    def times(self) -> Times:
        """All timestamps, ascending, milliseconds."""

    def cells(self, first: int, last: int) -> Cells:
        """The cells at ``times()[first:last]``."""

    def cells_at(self, positions: Indices) -> Cells:
        """The cells at ``times()[positions]``; positions ascend."""


class Selection(Protocol):
    """The series that match, sorted by labels."""

    @property
    def sets(self) -> LabelSets:
        """Their label sets; the same object as long as the same series match."""

    @property
    def parts(self) -> Sequence[Part]:
        """Their samples."""


class Source(Protocol):
    """A consistent snapshot of stored series."""

    def select(self, matchers: tuple[Matcher, ...]) -> Selection:
        """The series that match all of the matchers."""
