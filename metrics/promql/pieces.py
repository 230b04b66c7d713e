"""Range queries piece by piece: some steps at a time, so that no array grows with the whole question.

Each step of a range query is worked out by itself, so where it is cut changes nothing but the cost: memory is
bounded by a piece, and whoever waits for the processor waits for one operation on a piece at most. What
Prometheus refuses for the whole range (see ``clashes``) is known from piece to piece.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from metrics.promql.ast import Expr, MatrixSelector, Subquery, VectorSelector
from metrics.promql.clashes import Clashes
from metrics.promql.context import Budget, Context
from metrics.promql.tree import children
from metrics.values import Floats, Labels, Matrix, Points

CELLS = 200_000
"""Cells [series, steps] of a piece, more or less."""
_TOGETHER = 500


def pieces(expr: Expr, context: Context) -> Iterator[Context]:
    """The context of each piece, in the order of time; each may load as much as the question has left."""
    steps = _steps(expr, context)
    whole = context if steps >= len(context.times) else replace(context, clashes=Clashes())
    for first in range(0, len(context.times), steps):
        since = int(context.times[first - 1]) if first else None
        piece = whole.at(context.times[first : first + steps], since)
        yield replace(piece, budget=context.budget.for_piece())


def joined(found: Sequence[Matrix], budget: Budget) -> Matrix:
    """The points of all pieces, by series."""
    if len(found) == 1:
        return found[0]
    parts: dict[Labels, tuple[list[Floats], list[Floats]]] = {}
    for matrix in found:
        budget.check_time()
        for points in matrix.series:
            at, values = parts.setdefault(points.labels, ([], []))
            at.append(points.at)
            values.append(points.values)
    made = []
    for number, (labels, (at, values)) in enumerate(sorted(parts.items(), key=lambda part: part[0])):
        if number % _TOGETHER == 0:
            budget.check_time()
        made.append(Points(labels, np.concatenate(at), np.concatenate(values)))
    return Matrix(tuple(made))


def _steps(expr: Expr, context: Context) -> int:
    """Steps of a piece: as many as its cells allow, but no fewer than the longest range, which each reads."""
    total = len(context.times)
    if total == 1:
        return 1
    rows, range_ms = 1, 0
    for node in _nodes(expr):
        if isinstance(node, VectorSelector):
            rows = max(rows, len(context.source.select(node.matchers).sets))
        elif isinstance(node, MatrixSelector | Subquery):
            range_ms = max(range_ms, node.range_ms)
    step_ms = int(context.times[1] - context.times[0])
    at_once = CELLS // rows
    return max(1, min(total, max(at_once, min(range_ms // step_ms, 4 * at_once))))


def _nodes(expr: Expr) -> Iterator[Expr]:
    yield expr
    for child in children(expr):
        yield from _nodes(child)
