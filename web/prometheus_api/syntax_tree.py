"""A syntax tree as the JSON that Prometheus' /parse_query gives (its ``translateAST``)."""

from collections.abc import Mapping

from metrics.promql.ast import (
    Aggregation,
    AtPreprocessor,
    Binary,
    Call,
    Expr,
    Matcher,
    MatrixSelector,
    NumberLiteral,
    Paren,
    StringLiteral,
    Subquery,
    Unary,
    VectorMatching,
    VectorSelector,
)
from metrics.promql.functions import FUNCTIONS
from metrics.promql.literals import readable
from web.prometheus_api.encoding import plain

Json = Mapping[str, object]


def document(expr: Expr, text: str) -> Json:  # noqa: PLR0911 (one return a kind of node)
    """One node of the query ``text`` with those under it."""
    match expr:
        case NumberLiteral():
            return {"type": "numberLiteral", "val": plain(expr.value)}
        case StringLiteral():
            return {"type": "stringLiteral", "val": readable(expr.value)}
        case VectorSelector():
            return {"type": "vectorSelector", **_selector(expr, text)}
        case MatrixSelector():
            return {"type": "matrixSelector", **_selector(expr.selector, text), "range": expr.range_ms}
        case Subquery():
            inner = {"expr": document(expr.expr, text), "range": expr.range_ms, "step": expr.step_ms or 0}
            return {"type": "subquery", **inner, **_moved(expr)}
        case Call():
            args = [document(arg, text) for arg in expr.args]
            return {"type": "call", "func": _function(expr.function), "args": args}
        case Aggregation():
            return _aggregation(expr, text)
        case Binary():
            return _binary(expr, text)
        case Unary():
            return {"type": "unaryExpr", "op": expr.op, "expr": document(expr.expr, text)}
        case Paren():
            return {"type": "parenExpr", "expr": document(expr.expr, text)}


def _selector(node: VectorSelector, text: str) -> Json:
    """A name before the braces is told by itself, and as the last of the matchers."""
    if text.startswith("{", node.span.start):
        return {"name": "", "matchers": list(map(_matcher, node.matchers)), **_moved(node)}
    name, *others = node.matchers
    return {"name": name.value, "matchers": list(map(_matcher, (*others, name))), **_moved(node)}


def _matcher(matcher: Matcher) -> Json:
    return {"name": matcher.name, "value": matcher.value, "type": matcher.op.value}


def _moved(node: VectorSelector | Subquery) -> Json:
    pinned = node.at_ms if isinstance(node.at_ms, int) else None
    edge = node.at_ms.value if isinstance(node.at_ms, AtPreprocessor) else None
    return {"offset": node.offset_ms, "timestamp": pinned, "startOrEnd": edge}


def _function(name: str) -> Json:
    signature = FUNCTIONS[name]
    return {
        "name": name,
        "argTypes": [kind.value for kind in signature.arg_types],
        "variadic": signature.variadic,
        "returnType": signature.return_type.value,
    }


def _aggregation(node: Aggregation, text: str) -> Json:
    return {
        "type": "aggregation",
        "op": node.op,
        "expr": document(node.expr, text),
        "param": None if node.param is None else document(node.param, text),
        "grouping": list(node.grouping),
        "without": node.without,
    }


def _binary(node: Binary, text: str) -> Json:
    return {
        "type": "binaryExpr",
        "op": node.op,
        "lhs": document(node.left, text),
        "rhs": document(node.right, text),
        "matching": None if node.matching is None else _matching(node.matching),
        "bool": node.return_bool,
    }


def _matching(matching: VectorMatching) -> Json:
    return {
        "card": matching.cardinality.value,
        "labels": list(matching.labels),
        "on": matching.on,
        "include": list(matching.include),
    }
