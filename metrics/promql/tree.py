"""Walking the syntax tree, and the type of an expression."""

from collections.abc import Iterator

from metrics.promql.ast import (
    Aggregation,
    Binary,
    Call,
    Expr,
    MatrixSelector,
    NumberLiteral,
    Paren,
    StringLiteral,
    Subquery,
    Unary,
    ValueType,
    VectorSelector,
)
from metrics.promql.functions import FUNCTIONS


def children(expr: Expr) -> tuple[Expr, ...]:
    """The expressions directly inside, in the order of the text."""
    match expr:
        case MatrixSelector():
            return (expr.selector,)
        case Subquery() | Unary() | Paren():
            return (expr.expr,)
        case Call():
            return expr.args
        case Aggregation():
            return (expr.expr,) if expr.param is None else (expr.param, expr.expr)
        case Binary():
            return (expr.left, expr.right)
        case NumberLiteral() | StringLiteral() | VectorSelector():
            return ()


def bare(expr: Expr) -> Expr:
    """The expression without the parentheses around it."""
    while isinstance(expr, Paren):
        expr = expr.expr
    return expr


def walk(expr: Expr) -> Iterator[tuple[Expr, int]]:
    """Every expression with its depth (the root has 1), without recursion."""
    waiting = [(expr, 1)]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        waiting.extend((child, depth + 1) for child in reversed(children(node)))


def type_of(expr: Expr) -> ValueType:  # noqa: PLR0911 (one return a kind of node)
    """The type of what an expression gives."""
    match expr:
        case NumberLiteral():
            return ValueType.SCALAR
        case StringLiteral():
            return ValueType.STRING
        case VectorSelector() | Aggregation():
            return ValueType.VECTOR
        case MatrixSelector() | Subquery():
            return ValueType.MATRIX
        case Call():
            return FUNCTIONS[expr.function].return_type
        case Unary() | Paren():
            return type_of(expr.expr)
        case Binary():
            scalars = type_of(expr.left) is type_of(expr.right) is ValueType.SCALAR
            return ValueType.SCALAR if scalars else ValueType.VECTOR
