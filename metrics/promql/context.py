"""What stays the same while one expression is evaluated."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from metrics.promql.ast import AtPreprocessor, Expr, Subquery, VectorSelector
from metrics.promql.frame import Times, Value
from metrics.promql.limits import too_many_samples
from metrics.promql.notes import Notes
from metrics.promql.source import Source


class Budget:
    """Samples that a question may still load."""

    __slots__ = ("left",)

    def __init__(self, samples: int) -> None:
        self.left = samples

    def spend(self, samples: int) -> None:
        """Count samples that are about to be loaded. Raises when they are too many."""
        self.left -= samples
        if self.left < 0:
            raise too_many_samples()


@dataclass(frozen=True, slots=True)
class Context:
    """Where and when an expression is evaluated.

    Attributes:
        source: the snapshot of the stored series.
        times: the steps, milliseconds.
        start_ms: what ``@ start()`` means; the first step of the whole query.
        end_ms: what ``@ end()`` means.
        lookback_ms: how far an instant selector looks back.
        subquery_step_ms: the step of a subquery that gives none.
        delayed: metric names go at the very end only.
        budget: samples that may still be loaded.
        notes: what is told besides the value.
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

    def at(self, times: Times) -> "Context":
        """The same question at other steps, as inside a subquery."""
        return replace(self, times=times)

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
