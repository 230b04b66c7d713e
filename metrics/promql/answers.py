"""From the text of a question to the value that is given back."""

from functools import lru_cache

import numpy as np

from metrics.errors import ErrorKind, QueryError
from metrics.promql.ast import Expr, MatrixSelector, Paren, Subquery
from metrics.promql.clashes import alone
from metrics.promql.context import Context
from metrics.promql.evaluator import evaluate
from metrics.promql.frame import Frame, Numbers, Text, Value
from metrics.promql.label_sets import settled
from metrics.promql.literals import readable
from metrics.promql.notes import Severity
from metrics.promql.parser import parse
from metrics.promql.pieces import joined, pieces
from metrics.promql.support import check_supported
from metrics.promql.windows import Ranges, ranges
from metrics.values import Answer, Labels, Matrix, Points, QueryResult, Result, Sample, Scalar, String, Vector


@lru_cache(maxsize=4096)
def parsed(text: str) -> Expr:
    """The syntax tree of a text, remembered. Raises QueryError for what cannot be parsed or evaluated."""
    expr = parse(text)
    check_supported(expr, text)
    return expr


def annotated(result: Result, context: Context, text: str) -> Answer[Result]:
    """The result with what was noted while it was worked out; ``text`` is what the notes point into."""
    told = context.notes.told
    return Answer(result, told(Severity.WARNING, text), told(Severity.INFO, text))


def instant(expr: Expr, context: Context) -> QueryResult:
    """The answer to an instant query: the context has one step."""
    at = int(context.times[0]) / 1000.0
    with np.errstate(all="ignore"):
        if _is_range(expr):
            return _points(ranges(expr, context, evaluate))
        value = _evaluated(expr, context)
    match value:
        case Numbers():
            return Scalar(float(value.values[0]), at)
        case Text():
            return String(readable(value.value), at)
        case Frame():
            return _vector(value, at)


def over_range(expr: Expr, context: Context) -> Matrix:
    """The answer to a range query."""
    if _is_range(expr):
        raise _wrong_type("range vector")
    found = []
    for piece in pieces(expr, context):
        matrix = _piece(expr, piece)
        context.budget.spend(sum(len(points.at) for points in matrix.series))
        found.append(matrix)
    return joined(found, context.budget)


def _piece(expr: Expr, context: Context) -> Matrix:
    with np.errstate(all="ignore"):
        value = _evaluated(expr, context)
    match value:
        case Numbers():
            return Matrix((Points((), context.times / 1000.0, value.values),))
        case Text():
            raise _wrong_type("string")
        case Frame():
            return _matrix(value, context)


def _evaluated(expr: Expr, context: Context) -> Value:
    try:
        value = evaluate(expr, context)
    except RecursionError as error:
        raise QueryError(
            ErrorKind.EXECUTION, "the expression is nested too deeply to be evaluated"
        ) from error
    if isinstance(value, Frame) and value.sets.pending is not None:
        made = Frame(settled(value.sets), value.values, value.present)
        return alone(made, value.sets, None, context.clashes)
    return value


def _is_range(expr: Expr) -> bool:
    while isinstance(expr, Paren):
        expr = expr.expr
    return isinstance(expr, (MatrixSelector, Subquery))


def _wrong_type(found: str) -> QueryError:
    message = f'invalid expression type "{found}" for range query, must be Scalar or instant Vector'
    return QueryError(ErrorKind.BAD_DATA, message)


def _vector(frame: Frame, at: float) -> Vector:
    present, values, labels = frame.present[:, 0].tolist(), frame.values[:, 0].tolist(), frame.sets.labels
    return Vector(tuple(Sample(labels[row], values[row], at) for row, there in enumerate(present) if there))


def _matrix(frame: Frame, context: Context) -> Matrix:
    at = context.times / 1000.0
    found = [
        Points(labels, at[present], values[present])
        for labels, values, present in zip(frame.sets.labels, frame.values, frame.present, strict=True)
        if present.any()
    ]
    return Matrix(tuple(sorted(found, key=_labels)))


def _labels(points: Points) -> Labels:
    return points.labels


def _points(vectors: Ranges) -> Matrix:
    found = []
    for places, part in vectors.parts:
        windows = part.flat()
        rows = np.arange(len(vectors.sets))[places]
        for row, first, last in zip(rows, windows.first[:, 0], windows.last[:, 0], strict=True):
            if first < last:
                at = windows.at[first:last] / 1000.0
                found.append(Points(settled(vectors.sets).labels[row], at, windows.values[first:last]))
    return Matrix(tuple(sorted(found, key=_labels)))
