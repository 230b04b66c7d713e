"""What stays the same while one expression is evaluated."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from metrics.promql.ast import AtPreprocessor, Expr, Subquery, VectorSelector
from metrics.promql.clashes import Clashes
from metrics.promql.frame import Times, Value
from metrics.promql.limits import timed_out, too_many_samples
from metrics.promql.notes import Notes
from metrics.promql.source import Source
from metrics.values import always

MOST_VISITS = 500_000_000
"""Samples in all windows together that one operation goes over: a second or two of work without a pause."""


Check: TypeAlias = Callable[[], None]
"""Called between two steps of work; raises QueryError when the time is up, may wait for what goes first."""


class Budget:
    """Samples that a question may still load, and whether it may go on.

    Args:
        samples: how many may be in memory.
        goes_on: asked again and again; False when the time is up. It may also make the question wait.
    """

    __slots__ = ("_goes_on", "left")

    def __init__(self, samples: int, goes_on: Callable[[], bool] = always) -> None:
        self.left = samples
        self._goes_on = goes_on

    def spend(self, samples: int) -> None:
        """Count samples that are about to be loaded. Raises when they are too many, or it is too late."""
        self.left -= samples
        if self.left < 0:
            raise too_many_samples()
        self.check_time()

    def hold(self, cells: int) -> None:
        """Ask for room that is given back soon. Raises when there is not that much."""
        if cells > self.left:
            raise too_many_samples()
        self.check_time()

    def visit(self, samples: int) -> None:
        """Ask to go over samples that are loaded, those in several windows once for each. Raises, too."""
        if samples > MOST_VISITS:
            raise too_many_samples()

    def for_piece(self) -> "Budget":
        """The same for a part of the question whose samples are gone before the next part begins."""
        return Budget(self.left, self._goes_on)

    def check_time(self) -> None:
        """Raise when the time is up."""
        if not self._goes_on():
            raise timed_out()


@dataclass(frozen=True, slots=True)
class Context:
    """Where and when an expression is evaluated.

    Attributes:
        source: the snapshot of the stored series.
        times: the steps, milliseconds.
        start_ms: what ``@ start()`` means; the first step of the whole query.
        end_ms: what ``@ end()`` means; the end that was asked for, not the last step.
        lookback_ms: how far an instant selector looks back.
        subquery_step_ms: the step of a subquery that gives none.
        delayed: metric names go at the very end only.
        budget: samples that may still be loaded.
        notes: what is told besides the value.
        clashes: what the pieces before gave; None where the question is evaluated as a whole.
        since_ms: the last step of the piece before; None in the first.
        file_ms: the longest time that the source reads as one; 0 where it reads any sample by itself.
    """

    source: Source
    times: Times
    start_ms: int
    end_ms: int
    lookback_ms: int
    subquery_step_ms: int
    delayed: bool
    budget: Budget
    notes: Notes
    clashes: Clashes | None = None
    since_ms: int | None = None
    file_ms: int = 0

    def at(self, times: Times, since_ms: int | None = None) -> "Context":
        """The same question at other steps, as inside a subquery."""
        return replace(self, times=times, since_ms=since_ms)

    def reference(self, node: VectorSelector | Subquery) -> Times:
        """The steps as this selector sees them: moved by its offset, or pinned by its ``@``."""
        match node.at_ms:
            case None:
                return self.times - node.offset_ms if node.offset_ms else self.times
            case AtPreprocessor.START:
                pinned = self.start_ms
            case AtPreprocessor.END:
                pinned = self.end_ms
            case at_ms:
                pinned = at_ms
        return np.full(len(self.times), pinned - node.offset_ms, dtype=np.int64)


Evaluate: TypeAlias = Callable[[Expr, Context], Value]
