"""The tokens of one query with one token of look-ahead, and the errors that stand at a token."""

from collections.abc import Callable
from typing import TypeVar

from metrics.errors import ErrorKind, QueryError, Span
from metrics.promql.lexer import Lexer, Token, TokenKind
from metrics.promql.literals import LiteralError, quoted

_Value = TypeVar("_Value")


class TokenStream:
    """``token`` is the next one not yet taken; ``read_to`` is where the last one taken ended."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._lexer = Lexer(text)
        self.token = self._lexer.next()
        self.read_to = 0

    def at_end(self) -> bool:
        """Whether the whole text is read."""
        return self.token.kind is TokenKind.END

    def take(self) -> Token:
        """The next token, and on to the one after it."""
        taken = self.token
        self.token = self._lexer.next()
        self.read_to = taken.end
        return taken

    def take_symbol(self, symbol: str, where: str = "", wanted: str = "") -> Token:
        """The next token, which must be this symbol."""
        if not self.token.is_symbol(symbol):
            raise self.unexpected(where, wanted or quoted(symbol))
        return self.take()

    def skip_keyword(self, word: str) -> bool:
        """Take the next token if it is this keyword."""
        found = self.token.is_keyword(word)
        if found:
            self.take()
        return found

    def take_value(self, read: Callable[[str], _Value]) -> _Value:
        """The value of the literal that comes next."""
        token = self.take()
        try:
            return read(token.text)
        except LiteralError as error:
            raise self.error(str(error), token.span) from None

    def unexpected(self, where: str = "", wanted: str = "") -> QueryError:
        """The next token cannot stand here."""
        place = f" in {where}" if where else ""
        expected = f", expected {wanted}" if wanted else ""
        return self.error(f"unexpected {self.token.described()}{place}{expected}", self.token.span)

    def error(self, message: str, span: Span) -> QueryError:
        """A mistake in the query."""
        return QueryError(ErrorKind.BAD_DATA, message, self.text, span)

    def experimental(self, what: str, span: Span) -> QueryError:
        """Something Prometheus has behind a feature flag."""
        message = f"{what} is experimental in Prometheus and not supported"
        return QueryError(ErrorKind.UNSUPPORTED, message, self.text, span)
