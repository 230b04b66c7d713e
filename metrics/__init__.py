"""Numbers kept and asked: the series store and the PromQL engine."""

from metrics.errors import QueryError
from metrics.promql.answers import parsed
from metrics.promql.parser import parse
from metrics.store import Store

__all__ = ["QueryError", "Store", "check", "parse"]


def check(expr: str) -> None:
    """Raise QueryError for an expression that cannot be parsed (BAD_DATA) or evaluated (UNSUPPORTED)."""
    parsed(expr)
