"""PromQL evaluated on matrices of [series, steps]: an instant query is a range query of one step."""

import numpy as np

from metrics.promql.aggregation import aggregate, aggregate_quantile
from metrics.promql.ast import (
    Aggregation,
    Binary,
    Call,
    Expr,
    NumberLiteral,
    Paren,
    StringLiteral,
    Unary,
    VectorSelector,
)
from metrics.promql.binary import binary, unary
from metrics.promql.calls import call, numbers, text, vector
from metrics.promql.context import Context
from metrics.promql.frame import Frame, Numbers, Text, Value
from metrics.promql.instant import select
from metrics.promql.ranking import count_values, ranked
from metrics.promql.tree import bare


def evaluate(expr: Expr, context: Context) -> Value:  # noqa: PLR0911 -- one return per kind of expression
    """The value of an expression at every step of the context.

    Pure: the same source and steps give the same value. Raises QueryError where Prometheus fails.
    """
    context.budget.check_time()
    match expr:
        case VectorSelector():
            return select(expr, context)
        case Call():
            return call(expr, context, evaluate)
        case Aggregation():
            return _aggregation(expr, context)
        case Binary():
            return binary(expr, evaluate(expr.left, context), evaluate(expr.right, context), context)
        case NumberLiteral():
            return Numbers(np.full(len(context.times), expr.value))
        case Paren():
            return evaluate(expr.expr, context)
        case Unary():
            return unary(expr, evaluate(expr.expr, context), context)
        case StringLiteral():
            return Text(expr.value)
    raise TypeError(f"{type(expr).__name__} has no value by itself")


def _aggregation(node: Aggregation, context: Context) -> Frame:
    if node.param is None:
        return aggregate(node.op, vector(node.expr, context, evaluate), node.grouping, node.without)
    if node.op == "count_values":
        frame = vector(node.expr, context, evaluate)
        return count_values(frame, text(node.param), node.grouping, node.without, context.budget)
    param = numbers(node.param, context, evaluate)
    frame = vector(node.expr, context, evaluate)
    if node.op == "quantile":
        context.notes.worst_quantiles(param, bare(node.param).span)
        return aggregate_quantile(frame, param, node.grouping, node.without)
    return ranked(node.op, frame, param, node.grouping, node.without)
