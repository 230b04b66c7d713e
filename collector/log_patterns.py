"""Which patterns a line matches. RE2 only: linear in the line, whatever the expression."""

from collections.abc import Mapping

from settings.log_patterns import PUBLISHED, pattern_expression


class LogPatterns:
    """The published patterns and own ones (name -> RE2 expression), in this order."""

    def __init__(self, own: Mapping[str, str]) -> None:
        expressions = {**PUBLISHED, **own}
        self.names = tuple(expressions)
        self._each = tuple(pattern_expression(text) for text in expressions.values())
        self._any = pattern_expression("|".join(f"(?:{text})" for text in expressions.values()))

    def found_in(self, line: bytes) -> tuple[int, ...]:
        """Positions in ``names`` of the patterns that the line matches."""
        if not self._any.search(line):
            return ()
        return tuple(index for index, expression in enumerate(self._each) if expression.search(line))
