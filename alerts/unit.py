"""The unit of an expression's value, told by its metrics' names as Prometheus' conventions have them.

Where the names do not tell, there is none: a wrong unit is worse than no unit.
"""

from metrics.promql.ast import (
    Aggregation,
    Binary,
    Call,
    Expr,
    MatrixSelector,
    Paren,
    StringLiteral,
    Subquery,
    Unary,
    ValueType,
    VectorSelector,
)
from metrics.promql.tree import type_of
from metrics.values import labels_of

_OF_SUFFIX = {"_seconds": "s", "_bytes": "bytes"}
_PER_SECOND = frozenset({"rate", "irate", "deriv"})
_SAME = frozenset(
    {
        "increase", "delta", "idelta", "avg_over_time", "min_over_time", "max_over_time", "sum_over_time",
        "last_over_time", "quantile_over_time", "abs", "ceil", "floor", "round", "clamp", "clamp_min",
        "clamp_max", "sort", "sort_desc", "label_replace", "label_join",
    }
)  # fmt: skip
_KEEPS = frozenset({"sum", "min", "max", "avg", "quantile", "topk", "bottomk"})
_COUNTED = "1"
"""A count of things: it has no unit to show, and over one "per second" it is seconds (Little's law)."""


def unit_of(expr: Expr) -> str:
    """``s``, ``bytes``, ``/s``, ``bytes/s`` or nothing."""
    found = _unit(expr)
    return "" if found in {None, _COUNTED, "s/s"} else str(found)


def _unit(expr: Expr) -> str | None:  # noqa: PLR0911 (one return a kind of node)
    match expr:
        case VectorSelector():
            return _of_name(expr)
        case MatrixSelector():
            return _of_name(expr.selector)
        case Subquery() | Paren() | Unary():
            return _unit(expr.expr)
        case Aggregation(op=op):
            return _unit(expr.expr) if op in _KEEPS else _COUNTED if op == "count" else None
        case Call():
            return _of_call(expr)
        case Binary():
            return _of_binary(expr)
    return None


def _of_name(selector: VectorSelector) -> str | None:
    names = labels_of([(matcher.name, matcher.value) for matcher in selector.matchers if matcher.op == "="])
    name = dict(names).get("__name__", "")
    if name.endswith(("_count", "_info")):
        return _COUNTED
    for ending in ("_total", "_sum", "_bucket", "_max", "_min"):
        name = name.removesuffix(ending)
    return next((unit for suffix, unit in _OF_SUFFIX.items() if name.endswith(suffix)), _COUNTED)


def _of_call(call: Call) -> str | None:
    series = [arg for arg in call.args if not isinstance(arg, StringLiteral) and _is_series(arg)]
    inner = _unit(series[-1]) if series else None
    if call.function in _PER_SECOND:
        return None if inner is None else "/s" if inner == _COUNTED else f"{inner}/s"
    if call.function in {"histogram_quantile", "histogram_avg"}:
        return _metric_unit(series[-1]) if series else None
    return inner if call.function in _SAME else None


def _metric_unit(expr: Expr) -> str | None:
    """The unit of a histogram's metric, below the rates and sums over it."""
    match expr:
        case VectorSelector():
            return _of_name(expr)
        case MatrixSelector():
            return _of_name(expr.selector)
        case Paren() | Aggregation():
            return _metric_unit(expr.expr)
        case Call(args=args) if args:
            return _metric_unit(args[-1])
    return None


def _is_series(expr: Expr) -> bool:
    return type_of(expr) in {ValueType.VECTOR, ValueType.MATRIX}


def _of_binary(binary: Binary) -> str | None:
    left, right = binary.left, binary.right
    if not _is_series(right):
        return _unit(left) if binary.op not in {"/", "*", "^", "atan2"} else None
    if not _is_series(left):
        return _unit(right) if binary.op in {"+", "-", "%"} else None
    one, other = _unit(left), _unit(right)
    if binary.op == "/" and other == "/s":
        return {_COUNTED: "s", "s/s": "s"}.get(one or "")
    if binary.op in {"+", "-", "or"}:
        return one if one == other else None
    return one if binary.op not in {"/", "*", "%", "^", "atan2"} else None
