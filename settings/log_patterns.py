"""What is looked for in logs: the published patterns, which are always on, and the form of own ones."""

from collections.abc import Mapping
from types import MappingProxyType

import re2

LONGEST_PATTERN = 1000

PUBLISHED: Mapping[str, str] = MappingProxyType(
    {
        "pool_timeout": r"Connection is not available, request timed out after \d+ ?ms",
        "pool_saturated": r"Pool saturated \(total=\d+, active=\d+, idle=\d+, waiting=\d+\)",
        "redis_command_timeout": r"Redis command timed out",
        "redis_ping_failed": r"Unable to send PING command",
        "out_of_memory": r"\bOutOfMemoryError\b",
    }
)
"""Name -> RE2 expression: HikariCP, our service's pool, Lettuce and Redisson, the JVM."""


def log_pattern(value: str) -> str:
    """An RE2 expression that may be looked for in lines.

    Raises:
        ValueError: it is too long, RE2 refuses it, or it is in every line.
    """
    if len(value) > LONGEST_PATTERN:
        raise ValueError(f"a pattern of {len(value):,} characters (want at most {LONGEST_PATTERN:,})")
    try:
        expression = pattern_expression(value)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"{value!r} is not an RE2 expression: {text}") from None
    if expression.search(b""):
        raise ValueError(f"{value!r} is found in every line, even in an empty one")
    return value


def pattern_expression(pattern: str) -> "re2._Regexp[str]":
    """The compiled expression, to be asked with ``search`` and bytes. Raises ``re2.error``."""
    options = re2.Options()
    options.log_errors = False
    # In a group: what several expressions are joined to is then valid when each of them is.
    return re2.compile(f"(?:{pattern})", options)
