"""Asking the clauses of an expression: what each value is now, and what it would have to be."""

from alerts.clause import Clause, ClauseReading, clauses, compared, returned
from metrics.values import Asker


def read_clauses(expr: str, asker: Asker, at: float) -> tuple[ClauseReading, ...]:
    """Every clause of an expression at one time (Unix seconds).

    Raises:
        QueryError: a side of one cannot be asked.
    """
    return tuple(_read(clause, asker, at) for clause in clauses(expr))


def _read(clause: Clause, asker: Asker, at: float) -> ClauseReading:
    if not clause.compares:
        return returned(clause, asker.query(clause.text, at))
    right = asker.query(clause.right, at) if clause.constant is None else clause.constant
    return compared(clause, asker.query(clause.left, at), right)
