"""Range queries piece by piece: some steps at a time, so that no array grows with the whole question.

Each step of a range query is worked out by itself, so where it is cut changes nothing but the cost: memory is
bounded by a piece, and whoever waits for the processor waits for one operation on a piece at most. What
Prometheus refuses for the whole range (see ``clashes``) is known from piece to piece.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from metrics.promql.ast import Expr, MatrixSelector, Subquery, VectorSelector
from metrics.promql.clashes import Clashes
from metrics.promql.context import Budget, Context
from metrics.promql.tree import children
from metrics.values import Floats, Labels, Matrix, Points

CELLS = 200_000
"""Cells [series, steps] of a piece, more or less."""
_AT_MOST = 4
"""How many times the cells a piece may have where fewer would read the same again and again."""
_TOGETHER = 500


def pieces(expr: Expr, context: Context) -> Iterator[Context]:
    """The context of each piece, in the order of time; each may load as much as the question has left."""
    starts = _starts(expr, context)
    whole = context if len(starts) == 1 else replace(context, clashes=Clashes())
    for first, end in pairwise([*starts, len(context.times)]):
        since = int(context.times[first - 1]) if first else None
        piece = whole.at(context.times[first:end], since)
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


def _starts(expr: Expr, context: Context) -> Sequence[int]:
    """The steps that pieces begin with.

    A piece has as many steps as its cells allow, but no fewer than the longest range, which each step reads,
    nor than one file of the source tells of: to read any of a series there is to unpack all of it.
    """
    total = len(context.times)
    if total == 1:
        return (0,)
    rows, range_ms = _read(expr, context)
    step_ms = int(context.times[1] - context.times[0])
    at_once = CELLS // rows
    most = max(1, _AT_MOST * at_once)
    if not range_ms and context.file_ms // step_ms > at_once:
        edges = np.flatnonzero(np.diff(context.times // context.file_ms)) + 1
        files = pairwise([0, *edges.tolist(), total])
        return [start for first, end in files for start in range(first, end, most)]
    return range(0, total, min(most, max(1, at_once, range_ms // step_ms)))


def _read(expr: Expr, context: Context) -> tuple[int, int]:
    """The most series that a selector has, and the longest range, milliseconds."""
    rows, range_ms = 1, 0
    for node in _nodes(expr):
        if isinstance(node, VectorSelector):
            rows = max(rows, len(context.source.select(node.matchers).sets))
        elif isinstance(node, MatrixSelector | Subquery):
            range_ms = max(range_ms, node.range_ms)
    return rows, range_ms


def _nodes(expr: Expr) -> Iterator[Expr]:
    yield expr
    for child in children(expr):
        yield from _nodes(child)
