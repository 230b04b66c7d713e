"""Parsing what stands behind a selector: ranges, subqueries, ``offset`` and ``@``."""

from dataclasses import replace

from metrics.errors import Span
from metrics.promql.ast import AtPreprocessor, Expr, MatrixSelector, Subquery, VectorSelector
from metrics.promql.lexer import TokenKind
from metrics.promql.literals import at_ms, duration_ms, number_of, seconds_as_ms
from metrics.promql.token_stream import TokenStream

_SELECTORS = "an instant vector selector or range vector selector or a subquery"
_DURATION_WORDS = ("step", "range", "min", "max")


def modified(stream: TokenStream, expr: Expr) -> Expr | None:
    """The expression with the modifier that comes next; None when none comes."""
    if stream.token.is_symbol("["):
        return _ranged(stream, expr)
    if stream.token.is_keyword("offset"):
        return _with_offset(stream, expr)
    if stream.token.is_symbol("@"):
        return _with_time(stream, expr)
    return None


def _ranged(stream: TokenStream, expr: Expr) -> MatrixSelector | Subquery:
    opening = stream.take()
    range_ms = _positive_duration(stream, "number or duration")
    if stream.token.is_symbol(":"):
        return _subquery(stream, expr, range_ms)
    if not stream.token.is_symbol("]"):
        raise stream.unexpected("subquery or range", '":" or "]"')
    closing = stream.take()
    if isinstance(expr, VectorSelector) and not expr.offset_ms and expr.at_ms is None:
        return MatrixSelector(expr, range_ms, Span(expr.span.start, closing.end))
    raise stream.error(_why_no_range(expr), Span(opening.start, closing.end))


def _why_no_range(expr: Expr) -> str:
    if not isinstance(expr, VectorSelector):
        return "ranges only allowed for vector selectors"
    return f"no {'offset' if expr.offset_ms else '@'} modifiers allowed before range"


def _subquery(stream: TokenStream, expr: Expr, range_ms: int) -> Subquery:
    stream.take_symbol(":")
    step_ms = None
    if not stream.token.is_symbol("]"):
        step_ms = _positive_duration(stream, 'number or duration or "]"')
    closing = stream.take_symbol("]", "subquery selector")
    return Subquery(expr, range_ms, step_ms, Span(expr.span.start, closing.end))


def _positive_duration(stream: TokenStream, wanted: str) -> int:
    span = stream.token.span
    milliseconds = _duration(stream, "subquery selector", wanted)
    _refuse_arithmetic(stream)
    if milliseconds <= 0:
        raise stream.error("duration must be greater than 0", span)
    return milliseconds


def _duration(stream: TokenStream, where: str, wanted: str) -> int:
    sign = 1
    while stream.token.is_symbol("+", "-"):
        sign = -sign if stream.take().value == "-" else sign
    return sign * _unsigned_duration(stream, where, wanted)


def _unsigned_duration(stream: TokenStream, where: str, wanted: str) -> int:
    if stream.token.kind is TokenKind.DURATION:
        return stream.take_value(duration_ms)
    if stream.token.kind is TokenKind.NUMBER:
        return stream.take_value(lambda text: seconds_as_ms(number_of(text)))
    _refuse_arithmetic(stream)
    raise stream.unexpected(where, wanted)


def _refuse_arithmetic(stream: TokenStream) -> None:
    token = stream.token
    named = token.kind in (TokenKind.IDENTIFIER, TokenKind.KEYWORD) and token.value in _DURATION_WORDS
    if named or token.is_symbol("(", *"+-*/%^"):
        raise stream.experimental("arithmetic in durations", token.span)


def _with_offset(stream: TokenStream, expr: Expr) -> Expr:
    stream.take()
    offset_ms = _duration(stream, "offset", "number or duration")
    target = _selecting(expr)
    if target is None:
        raise stream.error(f"offset modifier must be preceded by {_SELECTORS}", expr.span)
    if target.offset_ms:
        raise stream.error("offset may not be set multiple times", expr.span)
    return _changed(stream, expr, replace(target, offset_ms=offset_ms))


def _with_time(stream: TokenStream, expr: Expr) -> Expr:
    stream.take()
    time = _time(stream)
    target = _selecting(expr)
    if target is None:
        raise stream.error(f"@ modifier must be preceded by {_SELECTORS}", expr.span)
    if target.at_ms is not None:
        raise stream.error("@ <timestamp> may not be set multiple times", expr.span)
    return _changed(stream, expr, replace(target, at_ms=time))


def _time(stream: TokenStream) -> int | AtPreprocessor:
    if stream.token.is_keyword(*AtPreprocessor):
        preprocessor = AtPreprocessor(stream.take().value)
        stream.take_symbol("(", "@")
        stream.take_symbol(")", "@")
        return preprocessor
    sign = -1 if stream.token.is_symbol("-") else 1
    if stream.token.is_symbol("+", "-"):
        stream.take()
    if stream.token.kind is TokenKind.DURATION:
        return sign * stream.take_value(duration_ms)
    if stream.token.kind is TokenKind.NUMBER:
        return stream.take_value(lambda text: at_ms(sign * number_of(text)))
    raise stream.unexpected("@", "timestamp")


def _selecting(expr: Expr) -> VectorSelector | Subquery | None:
    """What carries the time of a selector or subquery; None for anything else."""
    if isinstance(expr, MatrixSelector):
        return expr.selector
    return expr if isinstance(expr, VectorSelector | Subquery) else None


def _changed(stream: TokenStream, expr: Expr, target: VectorSelector | Subquery) -> Expr:
    span = Span(expr.span.start, stream.read_to)
    if isinstance(expr, MatrixSelector) and isinstance(target, VectorSelector):
        return replace(expr, selector=target, span=span)
    return replace(target, span=span)
