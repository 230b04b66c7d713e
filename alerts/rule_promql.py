"""What a rule's PromQL says about the rule: whether it is right, and what it looks at."""

from metrics import check
from metrics.errors import ErrorKind, QueryError
from metrics.promql.ast import Call, Expr, MatchOp, MatrixSelector, Subquery, ValueType, VectorSelector
from metrics.promql.parser import parse
from metrics.promql.tree import children, type_of, walk

_SPEAKS_OF_ABSENCE = frozenset({"absent", "absent_over_time"})


def read_expr(text: str) -> Expr:
    """Parse an expression whose result can be samples.

    Raises:
        QueryError: with the position, also for what the evaluator does not do.
    """
    expr = parse(text)
    found = type_of(expr)
    if found not in {ValueType.VECTOR, ValueType.SCALAR}:
        raise QueryError(
            ErrorKind.BAD_DATA, f"gives a {found} (want an instant vector or a scalar)", text, expr.span
        )
    check(text)
    return expr


def may_be_unknown(expr: Expr) -> bool:
    """False when the expression itself speaks of targets that are down: ``up``, ``absent()``."""
    return not any(_speaks_of_absence(node) for node, _ in walk(expr))


def selectors(expr: Expr, text: str) -> tuple[str, ...]:
    """The texts of the instant vector selectors, those inside ranges too."""
    found = (node.span for node, _ in walk(expr) if isinstance(node, VectorSelector))
    return tuple(dict.fromkeys(text[span.start : span.end] for span in found))


def seconds_back(expr: Expr) -> float:
    """How far the ranges and offsets of an expression reach into the past, seconds."""
    return _own_milliseconds_back(expr) / 1000 + max(map(seconds_back, children(expr)), default=0.0)


def _own_milliseconds_back(node: Expr) -> int:
    match node:
        case VectorSelector(offset_ms=offset):
            return max(offset, 0)
        case MatrixSelector(range_ms=window):
            return window
        case Subquery(range_ms=window, offset_ms=offset):
            return window + max(offset, 0)
    return 0


def _speaks_of_absence(node: Expr) -> bool:
    match node:
        case Call(function=function):
            return function in _SPEAKS_OF_ABSENCE
        case VectorSelector(matchers=matchers):
            return any(
                (matcher.name, matcher.op, matcher.value) == ("__name__", MatchOp.EQUAL, "up")
                for matcher in matchers
            )
    return False
