"""Characters to tokens, on demand, with Prometheus' error texts.

What a character means depends on where it stands: a colon belongs to a name outside brackets and parts range
and step inside; inside braces every word is a label name.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from metrics.errors import ErrorKind, QueryError, Span
from metrics.promql.functions import AGGREGATORS
from metrics.promql.literals import LiteralError, quoted, readable, unquoted


class TokenKind(StrEnum):
    """What a token is; symbols and keywords are told apart by their text."""

    END = "end of input"
    NUMBER = "number"
    DURATION = "duration"
    STRING = "string"
    IDENTIFIER = "identifier"
    METRIC_IDENTIFIER = "metric identifier"
    KEYWORD = "keyword"
    SYMBOL = "symbol"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text. ``value`` is a keyword in small letters, a string's content, else the text."""

    kind: TokenKind
    value: str
    text: str
    start: int
    end: int

    @property
    def span(self) -> Span:
        """Where it stands."""
        return Span(self.start, self.end)

    def is_symbol(self, *symbols: str) -> bool:
        """Whether it is one of these symbols."""
        return self.kind is TokenKind.SYMBOL and self.value in symbols

    def is_keyword(self, *words: str) -> bool:
        """Whether it is one of these keywords."""
        return self.kind is TokenKind.KEYWORD and self.value in words

    def described(self) -> str:
        """As Prometheus names it in ``unexpected ...``."""
        if self.kind is TokenKind.END:
            return "end of input"
        if self.kind is TokenKind.SYMBOL:
            return f"<op:{self.text}>" if self.value in OPERATOR_SYMBOLS else quoted(self.text)
        if self.kind is TokenKind.KEYWORD:
            return _described_keyword(self)
        shown = self.text if len(self.text) <= 40 else self.text[:40] + "..."
        return f"{self.kind} {quoted(shown)}"


SET_OPERATORS = frozenset({"and", "or", "unless"})
OPERATOR_WORDS = SET_OPERATORS | {"atan2"}
OPERATOR_SYMBOLS = frozenset(
    {"+", "-", "*", "/", "%", "^", "==", "!=", "<=", "<", ">=", ">", "=~", "!~", "@"}
)
_MODIFIER_WORDS = frozenset(
    {"bool", "by", "group_left", "group_right", "ignoring", "offset", "on", "without", "start", "end"}
)
KEYWORDS = OPERATOR_WORDS | _MODIFIER_WORDS | frozenset(AGGREGATORS)

_BLANK = re.compile(r"(?:[ \t\r\n]++|#[^\r\n]*+)*+")
_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*+")
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*+")
_STRING = re.compile(
    r'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"' r"|'[^'\\\n]*+(?:\\.[^'\\\n]*+)*+'" r"|`[^`]*+`", re.DOTALL
)
_DIGITS = r"\d(?:_?\d)*+"
_NUMBER = re.compile(
    rf"(?:0[xX][0-9a-fA-F_]++|(?:{_DIGITS}(?:\.(?:{_DIGITS})?+)?+|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?+)"
    r"(?![A-Za-z0-9_.])",
    re.ASCII,
)
_DURATION = re.compile(r"[\d._]++[smhdwy]s?(?:\d++[smhdw]s?)*+(?![A-Za-z0-9_])", re.ASCII)
_WORDLIKE = re.compile(r"[A-Za-z0-9_.]++")
_SYMBOL = re.compile(r"==|!=|<=|>=|[-+*/%^<>=@(),\[\]{]")
_SYMBOL_IN_BRACES = re.compile(r"=~|!~|!=|=|,|\}")


class Lexer:
    """Reads one text from front to back."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._parentheses = 0
        self._in_braces = False
        self._in_brackets = False

    def next(self) -> Token:
        """The next token; at the end ``END``, again and again.

        Raises:
            QueryError: BAD_DATA, for what is no token.
        """
        blank = _BLANK.match(self._text, self._at)
        self._at = blank.end() if blank else self._at
        if self._at >= len(self._text):
            return self._ended()
        return self._in_braces_token() if self._in_braces else self._statement_token()

    def _ended(self) -> Token:
        if self._in_braces:
            raise self._failure("unexpected end of input inside braces")
        if self._parentheses:
            raise self._failure("unclosed left parenthesis")
        if self._in_brackets:
            raise self._failure("unclosed left bracket")
        return self._token(TokenKind.END, self._at)

    def _statement_token(self) -> Token:
        character = self._text[self._at]
        following = self._text[self._at + 1 : self._at + 2]
        if character in "\"'`":
            return self._string()
        if character in "0123456789" or (character == "." and following and following in "0123456789"):
            return self._number_or_duration()
        if self._in_brackets and character == ":":
            return self._token(TokenKind.SYMBOL, self._at + 1)
        name = _NAME.match(self._text, self._at)
        return self._word(name.end()) if name else self._symbol()

    def _in_braces_token(self) -> Token:
        if self._text[self._at] in "\"'`":
            return self._string()
        label = _LABEL.match(self._text, self._at)
        if label:
            return self._token(TokenKind.IDENTIFIER, label.end())
        symbol = _SYMBOL_IN_BRACES.match(self._text, self._at)
        if symbol is None:
            raise self._at_character(
                "unexpected left brace"
                if self._text[self._at] == "{"
                else "unexpected character inside braces:"
            )
        self._in_braces = symbol[0] != "}"
        return self._token(TokenKind.SYMBOL, symbol.end())

    def _word(self, end: int) -> Token:
        word = self._text[self._at : end]
        lowered = word.lower()
        if lowered in KEYWORDS:
            return self._token(TokenKind.KEYWORD, end, lowered)
        if lowered in ("inf", "nan"):
            return self._token(TokenKind.NUMBER, end)
        return self._token(TokenKind.METRIC_IDENTIFIER if ":" in word else TokenKind.IDENTIFIER, end)

    def _symbol(self) -> Token:
        symbol = _SYMBOL.match(self._text, self._at)
        if symbol is None:
            raise self._at_character("unexpected character:")
        self._track(symbol[0])
        return self._token(TokenKind.SYMBOL, symbol.end())

    def _track(self, symbol: str) -> None:
        if symbol == "{":
            self._in_braces = True
        elif symbol in "()":
            self._parentheses += 1 if symbol == "(" else -1
            if self._parentheses < 0:
                raise self._at_character("unexpected right parenthesis")
        elif symbol == "[":
            if self._in_brackets:
                raise self._at_character("unexpected left bracket")
            self._in_brackets = True
        elif symbol == "]":
            if not self._in_brackets:
                raise self._at_character("unexpected right bracket")
            self._in_brackets = False

    def _number_or_duration(self) -> Token:
        number = _NUMBER.match(self._text, self._at)
        if number:
            return self._token(TokenKind.NUMBER, number.end())
        duration = _DURATION.match(self._text, self._at)
        if duration:
            return self._token(TokenKind.DURATION, duration.end())
        word = _WORDLIKE.match(self._text, self._at)
        end = word.end() if word else self._at + 1
        shown = quoted(self._text[self._at : min(end, self._at + 40)])
        raise self._failure(f"bad number or duration syntax: {shown}", end)

    def _string(self) -> Token:
        literal = _STRING.match(self._text, self._at)
        if literal is None:
            raw = self._text[self._at] == "`"
            raise self._failure(
                "unterminated raw string" if raw else "unterminated quoted string", len(self._text)
            )
        try:
            return self._token(TokenKind.STRING, literal.end(), readable(unquoted(literal[0])))
        except LiteralError as error:
            self._at += error.offset
            raise self._failure(str(error), literal.end()) from None

    def _token(self, kind: TokenKind, end: int, value: str | None = None) -> Token:
        text = self._text[self._at : end]
        token = Token(kind, text if value is None else value, text, self._at, end)
        self._at = end
        return token

    def _at_character(self, message: str) -> QueryError:
        return self._failure(f"{message} {self._text[self._at]!r}", self._at + 1)

    def _failure(self, message: str, end: int | None = None) -> QueryError:
        span = Span(self._at, self._at if end is None else end)
        return QueryError(ErrorKind.BAD_DATA, message, self._text, span)


def _described_keyword(token: Token) -> str:
    if token.value in AGGREGATORS:
        return f"<aggr:{token.text}>"
    if token.value in OPERATOR_WORDS:
        return f"<op:{token.text}>"
    return quoted(token.text) if token.value in ("start", "end") else f"<{token.text}>"
