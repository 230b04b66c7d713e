"""An asker whose faults are errors of the question: what goes wrong with one must end nothing else."""

from collections.abc import Callable
from typing import TypeVar

import structlog

from metrics.errors import ErrorKind, QueryError
from metrics.values import PLAIN, AnnotatedAsker, Answer, Matrix, QueryResult, Terms

_REMEMBERED = 1000
Found = TypeVar("Found")


class FaultlessAsker:
    """Asks another; whatever it raises is a QueryError, as Prometheus' engine answers "unexpected error".

    A fault is logged with its trace the first time that a question meets it.

    Attributes:
        asked: the other.
    """

    def __init__(self, asker: AnnotatedAsker) -> None:
        self.asked = asker
        self._told: set[str] = set()

    def query(self, expr: str, at: float) -> QueryResult:
        """See ``Asker.query``."""
        return self._sure(expr, lambda: self.asked.query(expr, at))

    def query_range(self, expr: str, start: float, end: float, step: float) -> Matrix:
        """See ``Asker.query_range``."""
        return self._sure(expr, lambda: self.asked.query_range(expr, start, end, step))

    def freshness(self, expr: str, at: float) -> float | None:
        """See ``Asker.freshness``."""
        return self._sure(expr, lambda: self.asked.freshness(expr, at))

    def origins(self, expr: str, at: float) -> frozenset[str]:
        """See ``Asker.origins``."""
        return self._sure(expr, lambda: self.asked.origins(expr, at))

    def ask(self, expr: str, at: float, terms: Terms = PLAIN) -> Answer[QueryResult]:
        """See ``AnnotatedAsker.ask``."""
        return self._sure(expr, lambda: self.asked.ask(expr, at, terms))

    def ask_range(
        self, expr: str, start: float, end: float, step: float, terms: Terms = PLAIN
    ) -> Answer[Matrix]:
        """See ``AnnotatedAsker.ask_range``."""
        return self._sure(expr, lambda: self.asked.ask_range(expr, start, end, step, terms))

    def _sure(self, expr: str, asked: Callable[[], Found]) -> Found:
        try:
            return asked()
        except QueryError:
            raise
        except Exception as error:
            self._tell(expr)
            text = f"unexpected error: {type(error).__name__}: {error}"
            raise QueryError(ErrorKind.EXECUTION, text) from error

    def _tell(self, expr: str) -> None:
        if expr in self._told:
            return
        if len(self._told) >= _REMEMBERED:
            self._told.clear()
        self._told.add(expr)
        structlog.get_logger().exception("query_failed_unexpectedly", query=expr)
