"""Parsing vector selectors and lists of label names."""

from metrics.errors import QueryError, Span
from metrics.promql.ast import Matcher, MatchOp, VectorSelector
from metrics.promql.lexer import Token, TokenKind
from metrics.promql.literals import quoted
from metrics.promql.patterns import PatternError, compiled
from metrics.promql.token_stream import TokenStream

NAME_LABEL = "__name__"

_LABEL_KINDS = (TokenKind.IDENTIFIER, TokenKind.METRIC_IDENTIFIER, TokenKind.KEYWORD, TokenKind.STRING)
_NOT_LABEL_NAMES = ("without",)


def label_names(stream: TokenStream) -> tuple[str, ...]:
    """Label names in parentheses, quoted or not; a trailing comma is allowed."""
    stream.take_symbol("(", "grouping opts")
    labels: list[str] = []
    while not stream.token.is_symbol(")"):
        labels.append(_label_name(stream))
        _take_separator(stream, ")", "grouping opts")
    stream.take()
    return tuple(labels)


def selector(stream: TokenStream, name: Token | None) -> VectorSelector:
    """A selector whose name before the braces, if any, is already taken."""
    start = stream.token.start if name is None else name.start
    matchers = _matchers(stream) if name is None or stream.token.is_symbol("{") else ()
    span = Span(start, stream.read_to)
    if name is None:
        return VectorSelector(matchers, span)
    second = next((matcher.value for matcher in matchers if matcher.name == NAME_LABEL), None)
    if second is not None:
        both = f"{quoted(name.text)} or {quoted(second)}"
        raise stream.error(f"metric name must not be set twice: {both}", span)
    return VectorSelector((Matcher(NAME_LABEL, MatchOp.EQUAL, name.text), *matchers), span)


def _label_name(stream: TokenStream) -> str:
    token = stream.token
    if token.kind not in _LABEL_KINDS or token.is_keyword(*_NOT_LABEL_NAMES) or not token.value:
        raise stream.unexpected("grouping opts", "label")
    stream.take()
    return token.value if token.kind is TokenKind.STRING else token.text


def _take_separator(stream: TokenStream, closing: str, where: str) -> None:
    if stream.token.is_symbol(","):
        stream.take()
    elif not stream.token.is_symbol(closing):
        raise stream.unexpected(where, f'"," or "{closing}"')


def _matchers(stream: TokenStream) -> tuple[Matcher, ...]:
    stream.take_symbol("{")
    matchers: list[Matcher] = []
    while not stream.token.is_symbol("}"):
        matchers.append(_matcher(stream))
        _take_separator(stream, "}", "label matching")
    stream.take()
    return tuple(matchers)


def _matcher(stream: TokenStream) -> Matcher:
    label = stream.token
    if label.kind not in (TokenKind.IDENTIFIER, TokenKind.STRING):
        raise stream.unexpected("label matching", 'identifier or "}"')
    stream.take()
    if label.kind is TokenKind.STRING and stream.token.is_symbol(",", "}"):
        return Matcher(NAME_LABEL, MatchOp.EQUAL, label.value)
    if not stream.token.is_symbol(*MatchOp):
        raise stream.unexpected("label matching", "label matching operator")
    op = MatchOp(stream.take().value)
    if stream.token.kind is not TokenKind.STRING:
        raise stream.unexpected("label matching", "string")
    value = stream.take()
    if op in (MatchOp.REGEX, MatchOp.NOT_REGEX):
        _check_pattern(stream, value)
    return Matcher(label.value, op, value.value)


def _check_pattern(stream: TokenStream, value: Token) -> None:
    try:
        compiled(value.value)
    except PatternError as error:
        raise _at(stream, value, error) from None


def _at(stream: TokenStream, value: Token, error: PatternError) -> QueryError:
    return stream.error(str(error), value.span)
