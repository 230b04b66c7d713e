"""How much one question may cost, and Prometheus' words when it would cost more."""

from dataclasses import dataclass

from metrics.errors import ErrorKind, QueryError


@dataclass(frozen=True, slots=True)
class Limits:
    """Points per series of a range query, and samples in memory at once."""

    max_steps: int = 11_000
    max_samples: int = 10_000_000


def check_steps(steps: int, limits: Limits) -> None:
    """Refuse a range query with too many points."""
    if steps > limits.max_steps:
        message = (
            f"exceeded maximum resolution of {limits.max_steps:,} points per timeseries. "
            "Try decreasing the query resolution (?step=XX)"
        )
        raise QueryError(ErrorKind.BAD_DATA, message)


def too_many_samples() -> QueryError:
    """What Prometheus answers when a query would load more samples than allowed."""
    message = "query processing would load too many samples into memory in query execution"
    return QueryError(ErrorKind.EXECUTION, message)


def timed_out() -> QueryError:
    """What Prometheus answers when the time of a query is up while it is evaluated."""
    return QueryError(ErrorKind.TIMEOUT, "query timed out in expression evaluation")
