"""PromQL to a syntax tree: precedence climbing (Pratt) over the grammar of Prometheus 3.5.

Left out, as in a Prometheus without feature flags: native-histogram literals, arithmetic in durations,
experimental functions and aggregators. The latter three are told apart from mistakes (``UNSUPPORTED``).
"""

import difflib

from metrics.errors import ErrorKind, QueryError, Span
from metrics.promql.ast import (
    Aggregation,
    Binary,
    Call,
    Cardinality,
    Expr,
    Matcher,
    NumberLiteral,
    Paren,
    StringLiteral,
    Unary,
    ValueType,
    VectorMatching,
)
from metrics.promql.functions import AGGREGATORS, FUNCTIONS
from metrics.promql.lexer import SET_OPERATORS, Token, TokenKind
from metrics.promql.literals import duration_ms, number_of, quoted, unquoted
from metrics.promql.modifiers import modified
from metrics.promql.operators import POWER_OF
from metrics.promql.selectors import label_names, selector
from metrics.promql.token_stream import TokenStream
from metrics.promql.tree import children, type_of
from metrics.promql.type_check import check_types, matches_nothing

MAX_CHARACTERS = 131_072
MAX_DEPTH = 128
"""How deep a tree may be: small enough that a few Python frames a level never overflow the stack."""

_NAMES = (TokenKind.IDENTIFIER, TokenKind.METRIC_IDENTIFIER, TokenKind.KEYWORD)
_NOT_METRIC_NAMES = ("bool", "on", "ignoring", "group_left", "group_right", "atan2")


def parse(text: str) -> Expr:
    """The checked syntax tree of a query.

    Raises:
        QueryError: BAD_DATA with the span of what is wrong, in Prometheus' words; UNSUPPORTED for what
            Prometheus has behind a feature flag.
    """
    _check_text(text)
    expr = _Parser(text).whole()
    check_types(expr, text)
    return expr


def parse_selector(text: str) -> tuple[Matcher, ...]:
    """The matchers of a text that is a series selector and nothing else, such as ``match[]``.

    Raises:
        QueryError: BAD_DATA in Prometheus' words.
    """
    _check_text(text)
    stream = TokenStream(text)
    named = stream.token.kind in _NAMES
    if not named and not stream.token.is_symbol("{"):
        raise stream.unexpected()
    found = selector(stream, stream.take() if named else None)
    if not stream.at_end():
        raise stream.unexpected()
    if all(map(matches_nothing, found.matchers)):
        raise QueryError(ErrorKind.BAD_DATA, "match[] must contain at least one non-empty matcher")
    return found.matchers


def _check_text(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        message = f"query has {len(text):,} characters, more than the {MAX_CHARACTERS:,} allowed"
        raise QueryError(ErrorKind.BAD_DATA, message)
    if any("\ud800" <= character < "\ue000" for character in text):
        raise QueryError(ErrorKind.BAD_DATA, "invalid UTF-8 rune in the query")


class _Parser:
    """Expressions of one text."""

    def __init__(self, text: str) -> None:
        self._stream = TokenStream(text)
        self._depth = 0
        self._heights: dict[int, int] = {}

    def whole(self) -> Expr:
        if self._stream.at_end():
            raise self._stream.error("no expression found in input", Span(0, 0))
        expr = self._expression(1)
        if not self._stream.at_end():
            raise self._stream.unexpected()
        return expr

    def _expression(self, least_power: int) -> Expr:
        self._depth += 1
        self._check_depth(self._depth, self._stream.token.span)
        left = self._made(self._prefix())
        while (changed := modified(self._stream, left)) is not None:
            left = self._made(changed)
        while (power := self._power()) >= least_power:
            left = self._made(self._binary(left, power))
        self._depth -= 1
        return left

    def _made(self, expr: Expr) -> Expr:
        """The same expression, once it is known not to make the tree too deep."""
        height = 1 + max((self._height(child) for child in children(expr)), default=0)
        self._check_depth(height, expr.span)
        self._heights[id(expr)] = height
        return expr

    def _height(self, expr: Expr) -> int:
        return self._heights[id(expr)] if children(expr) else 1

    def _check_depth(self, depth: int, span: Span) -> None:
        if depth > MAX_DEPTH:
            raise self._stream.error(f"expression is nested deeper than {MAX_DEPTH} levels", span)

    def _power(self) -> int:
        token = self._stream.token
        return POWER_OF.get(token.value, 0) if token.kind in (TokenKind.SYMBOL, TokenKind.KEYWORD) else 0

    def _prefix(self) -> Expr:  # noqa: PLR0911 (one return a kind of token)
        token = self._stream.token
        match token.kind:
            case TokenKind.NUMBER:
                return NumberLiteral(self._stream.take_value(number_of), token.span)
            case TokenKind.DURATION:
                return NumberLiteral(self._stream.take_value(duration_ms) / 1000, token.span)
            case TokenKind.STRING:
                return StringLiteral(self._stream.take_value(unquoted), token.span)
            case TokenKind.IDENTIFIER | TokenKind.METRIC_IDENTIFIER | TokenKind.KEYWORD:
                return self._named()
            case TokenKind.SYMBOL if token.value == "(":
                return self._parenthesised()
            case TokenKind.SYMBOL if token.value in "+-":
                return self._signed()
            case TokenKind.SYMBOL if token.value == "{":
                return selector(self._stream, None)
        raise self._stream.unexpected()

    def _parenthesised(self) -> Paren:
        opening = self._stream.take()
        inner = self._expression(1)
        closing = self._stream.take_symbol(")")
        return Paren(inner, Span(opening.start, closing.end))

    def _signed(self) -> NumberLiteral | Unary:
        sign = self._stream.take()
        operand = self._expression(POWER_OF["*"] + 1)
        span = Span(sign.start, operand.span.end)
        if isinstance(operand, NumberLiteral):
            return NumberLiteral(-operand.value if sign.value == "-" else operand.value, span)
        return Unary(sign.value, operand, span)

    def _named(self) -> Expr:
        if self._stream.token.is_keyword(*_NOT_METRIC_NAMES):
            raise self._stream.unexpected()
        name, following = self._stream.take(), self._stream.token
        if name.is_keyword(*AGGREGATORS) and (
            following.is_symbol("(") or following.is_keyword("by", "without")
        ):
            return self._aggregation(name)
        if name.kind is TokenKind.IDENTIFIER and following.is_symbol("("):
            return self._call(name)
        return selector(self._stream, name)

    def _call(self, name: Token) -> Call:
        signature = FUNCTIONS.get(name.value)
        if signature is None:
            near = difflib.get_close_matches(name.value.lower(), [*FUNCTIONS, *AGGREGATORS], n=1)
            hint = f", did you mean {quoted(near[0])}?" if near else ""
            raise self._stream.error(f"unknown function with name {quoted(name.value)}{hint}", name.span)
        if signature.experimental:
            raise self._stream.experimental(f"function {quoted(name.value)}", name.span)
        args = self._arguments("function call")
        return Call(name.value, args, Span(name.start, self._stream.read_to))

    def _arguments(self, where: str) -> tuple[Expr, ...]:
        """The expressions between parentheses."""
        stream = self._stream
        stream.take_symbol("(", where)
        args: list[Expr] = []
        while not stream.token.is_symbol(")"):
            args.append(self._expression(1))
            if not stream.token.is_symbol(","):
                break
            comma = stream.take()
            if stream.token.is_symbol(")"):
                raise stream.error("trailing commas not allowed in function call args", comma.span)
        stream.take_symbol(")", where, '"," or ")"')
        return tuple(args)

    def _aggregation(self, name: Token) -> Aggregation:
        before = self._grouping()
        args = self._arguments("aggregation")
        grouping, without = before or self._grouping() or ((), False)
        span = Span(name.start, self._stream.read_to)
        aggregator = AGGREGATORS[name.value]
        if aggregator.experimental:
            raise self._stream.experimental(f"{name.value}()", name.span)
        if not args:
            raise self._stream.error("no arguments for aggregate expression provided", span)
        wanted = 1 if aggregator.param_type is None else 2
        if len(args) != wanted:
            counts = f"expected {wanted}, got {len(args)}"
            message = f"wrong number of arguments for aggregate expression provided, {counts}"
            raise self._stream.error(message, span)
        return Aggregation(name.value, args[-1], args[0] if wanted == 2 else None, grouping, without, span)

    def _grouping(self) -> tuple[tuple[str, ...], bool] | None:
        """``by (...)`` or ``without (...)`` and which of them, if it comes next."""
        if not self._stream.token.is_keyword("by", "without"):
            return None
        without = self._stream.take().value == "without"
        return label_names(self._stream), without

    def _binary(self, left: Expr, power: int) -> Binary:
        operator = self._stream.take()
        return_bool = self._stream.skip_keyword("bool")
        matching = self._matching(operator)
        right = self._expression(power if operator.value == "^" else power + 1)
        vectors = type_of(left) is type_of(right) is ValueType.VECTOR
        kept = matching if vectors or matching.labels else None
        return Binary(operator.value, left, right, return_bool, kept, Span(left.span.start, right.span.end))

    def _matching(self, operator: Token) -> VectorMatching:
        stream = self._stream
        many = operator.value in SET_OPERATORS
        cardinality = Cardinality.MANY_TO_MANY if many else Cardinality.ONE_TO_ONE
        if not stream.token.is_keyword("on", "ignoring"):
            return VectorMatching(cardinality, (), on=False)
        on = stream.take().value == "on"
        labels = label_names(stream)
        if not stream.token.is_keyword("group_left", "group_right"):
            return VectorMatching(cardinality, labels, on)
        left = stream.take().value == "group_left"
        include = label_names(stream) if stream.token.is_symbol("(") else ()
        grouped = Cardinality.MANY_TO_ONE if left else Cardinality.ONE_TO_MANY
        return VectorMatching(grouped, labels, on, include)
