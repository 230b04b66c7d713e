"""PromQL's static checks, in Prometheus' words: types of operands and arguments, matching, selectors."""

from metrics.errors import ErrorKind, QueryError, Span
from metrics.promql.ast import (
    Aggregation,
    Binary,
    Call,
    Cardinality,
    Expr,
    Matcher,
    MatchOp,
    Subquery,
    Unary,
    ValueType,
    VectorMatching,
    VectorSelector,
)
from metrics.promql.functions import AGGREGATORS, FUNCTIONS, Signature
from metrics.promql.lexer import SET_OPERATORS
from metrics.promql.patterns import compiled
from metrics.promql.tree import children, type_of

COMPARISONS = frozenset({"==", "!=", "<=", "<", ">=", ">"})

_DOCUMENTED = {
    ValueType.SCALAR: "scalar",
    ValueType.VECTOR: "instant vector",
    ValueType.MATRIX: "range vector",
    ValueType.STRING: "string",
}
_OPERANDS = (ValueType.SCALAR, ValueType.VECTOR)


def check_types(expr: Expr, text: str) -> None:
    """Check a whole tree, innermost expressions first.

    Raises:
        QueryError: BAD_DATA, for the first thing that is wrong, with its span in ``text``.
    """
    for child in children(expr):
        check_types(child, text)
    problem = _problem(expr)
    if problem is not None:
        span, message = problem
        raise QueryError(ErrorKind.BAD_DATA, message, text, _trimmed(span, text))


def _trimmed(span: Span, text: str) -> Span:
    """Without the spaces around an operator."""
    inside = text[span.start : span.end]
    before = len(inside) - len(inside.lstrip())
    return Span(span.start + before, span.end - (len(inside) - len(inside.rstrip())))


_Problem = tuple[Span, str] | None


def _problem(expr: Expr) -> _Problem:  # noqa: PLR0911 (one return a kind of node)
    match expr:
        case VectorSelector():
            return _of_selector(expr)
        case Subquery():
            return _of_subquery(expr)
        case Call():
            return _of_call(expr)
        case Aggregation():
            return _of_aggregation(expr)
        case Binary():
            return _of_binary(expr)
        case Unary():
            return _of_unary(expr)
        case _:
            return None


def _of_selector(expr: VectorSelector) -> _Problem:
    if any(not matches_nothing(matcher) for matcher in expr.matchers):
        return None
    return expr.span, "vector selector must contain at least one non-empty matcher"


def matches_nothing(matcher: Matcher) -> bool:
    """Whether a series without the label is taken."""
    match matcher.op:
        case MatchOp.EQUAL:
            return matcher.value == ""
        case MatchOp.NOT_EQUAL:
            return matcher.value != ""
        case MatchOp.REGEX:
            return compiled(matcher.value).fullmatch("") is not None
        case MatchOp.NOT_REGEX:
            return compiled(matcher.value).fullmatch("") is None


def _of_subquery(expr: Subquery) -> _Problem:
    found = type_of(expr.expr)
    if found is ValueType.VECTOR:
        return None
    return expr.span, f"subquery is only allowed on instant vector, got {found} instead"


def _of_unary(expr: Unary) -> _Problem:
    found = type_of(expr.expr)
    if found in _OPERANDS:
        return None
    message = "unary expression only allowed on expressions of type scalar or instant vector"
    return expr.span, f'{message}, got "{_DOCUMENTED[found]}"'


def _of_call(expr: Call) -> _Problem:
    signature, count = FUNCTIONS[expr.function], len(expr.args)
    wanted = _wanted_count(signature, count)
    if wanted is not None:
        return expr.span, f'expected {wanted} argument(s) in call to "{expr.function}", got {count}'
    for index, arg in enumerate(expr.args):
        want = signature.arg_types[min(index, len(signature.arg_types) - 1)]
        problem = _unexpected(arg, want, f'call to function "{expr.function}"')
        if problem is not None:
            return problem
    return None


def _wanted_count(signature: Signature, count: int) -> str | None:
    """How many arguments were wanted, in words; None when the count is right."""
    if signature.variadic == 0:
        return None if count == signature.least else str(signature.least)
    if count < signature.least:
        return f"at least {signature.least}"
    if signature.most is not None and count > signature.most:
        return f"at most {signature.most}"
    return None


def _of_aggregation(expr: Aggregation) -> _Problem:
    problem = _unexpected(expr.expr, ValueType.VECTOR, "aggregation expression")
    want = AGGREGATORS[expr.op].param_type
    if problem is None and want is not None and expr.param is not None:
        return _unexpected(expr.param, want, "aggregation parameter")
    return problem


def _unexpected(expr: Expr, want: ValueType, where: str) -> _Problem:
    found = type_of(expr)
    if found is want:
        return None
    return expr.span, f"expected type {_DOCUMENTED[want]} in {where}, got {_DOCUMENTED[found]}"


def _of_binary(expr: Binary) -> _Problem:
    left, right = type_of(expr.left), type_of(expr.right)
    operator = Span(expr.left.span.end, expr.right.span.start)
    if expr.return_bool and expr.op not in COMPARISONS:
        return operator, "bool modifier can only be used on comparison operators"
    if expr.op in COMPARISONS and not expr.return_bool and left is right is ValueType.SCALAR:
        return operator, "comparisons between scalars must use BOOL modifier"
    for side, found in ((expr.left, left), (expr.right, right)):
        if found not in _OPERANDS:
            return side.span, "binary expression must contain only scalar and instant vector types"
    if ValueType.SCALAR in (left, right):
        return _of_scalar_operation(expr)
    return None if expr.matching is None else _of_matching(expr, expr.matching, operator)


def _of_scalar_operation(expr: Binary) -> _Problem:
    if expr.matching is not None and expr.matching.labels:
        return expr.span, "vector matching only allowed between instant vectors"
    if expr.op in SET_OPERATORS:
        return expr.span, f'set operator "{expr.op}" not allowed in binary scalar expression'
    return None


def _of_matching(expr: Binary, matching: VectorMatching, operator: Span) -> _Problem:
    both = [label for label in matching.labels if label in matching.include]
    if matching.on and both:
        return operator, f'label "{both[0]}" must not occur in ON and GROUP clause at once'
    if expr.op in SET_OPERATORS and matching.cardinality is not Cardinality.MANY_TO_MANY:
        return expr.span, f'no grouping allowed for "{expr.op}" operation'
    return None
