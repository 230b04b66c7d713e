"""Which stretch of time the selectors of an expression can touch."""

import numpy as np

from metrics.promql.ast import Expr, MatrixSelector, Subquery, VectorSelector
from metrics.promql.context import Context
from metrics.promql.frame import Times
from metrics.promql.tree import children

Extent = tuple[int, int]
"""First and last millisecond; the first is behind the last where nothing is touched."""

_FAR = 2**62


def extent(expr: Expr, context: Context) -> Extent:
    """From before the oldest sample that any selector may use to its newest."""
    match expr:
        case VectorSelector():
            return _around(context.reference(expr), context.lookback_ms)
        case MatrixSelector():
            # What asks for origins looks back at least as far as an instant selector does.
            return _around(context.reference(expr.selector), max(expr.range_ms, context.lookback_ms))
        case Subquery():
            edges = _around(context.reference(expr), expr.range_ms)
            ends = [extent(expr.expr, context.at(_at(edge))) for edge in edges]
        case _:
            ends = [extent(child, context) for child in children(expr)]
    return min((end[0] for end in ends), default=_FAR), max((end[1] for end in ends), default=-_FAR)


def _around(reference: Times, back: int) -> Extent:
    return int(reference[0]) - back, int(reference[-1])


def _at(time: int) -> Times:
    times: Times = np.array([time], dtype=np.int64)
    return times
