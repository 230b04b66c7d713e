"""Regular expressions of matchers: RE2 syntax, fully anchored, a dot matches newlines too."""

import re
from functools import lru_cache

import re2

_PIECES = re.compile(r"\\Q.*?(?:\\E|\Z)|\\.|[^\\]+", re.DOTALL)


class PatternError(ValueError):
    """RE2 refuses the expression; the text says why."""


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> "re2._Regexp[str]":
    """The expression; ask it with ``fullmatch``. Raises PatternError.

    Refused is also what RE2 knows and Prometheus' Go does not.
    """
    if "\\C" in _PIECES.findall(pattern):
        raise PatternError("error parsing regexp: invalid escape sequence: \\C")
    options = re2.Options()
    options.dot_nl = True
    options.log_errors = False
    try:
        found = re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0]
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise PatternError(f"error parsing regexp: {text}") from None
    for name in found.groupindex:
        if not name.isascii():
            raise PatternError(f"error parsing regexp: invalid named capture: (?P<{name}>")
    return found
