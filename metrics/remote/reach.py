"""How far back an expression looks from the time at which it is asked."""

from collections.abc import Iterator
from dataclasses import dataclass

from metrics.promql.ast import AtPreprocessor, Expr, MatrixSelector, Subquery, VectorSelector
from metrics.promql.tree import children

_AtTime = int | AtPreprocessor | None


@dataclass(frozen=True, slots=True)
class Reach:
    """What an expression needs of the past.

    Attributes:
        back_ms: it looks at most so far back from each step; None when it looks at nothing.
        fixed_ms: the earliest time that it looks at by ``@``, wherever the steps are; None without one.
        whole: it names the start or the end of the range itself, so a range must not be divided.
    """

    back_ms: int | None
    fixed_ms: int | None
    whole: bool


@dataclass(frozen=True, slots=True)
class _Look:
    """One selector: the time that it is taken from (a step, or by ``@``), and how far before."""

    at: _AtTime
    back_ms: int


def reach(expr: Expr, lookback_ms: int, subquery_step_ms: int) -> Reach:
    """The reach of an expression (all in milliseconds)."""
    looks = list(_looks(expr, lookback_ms, subquery_step_ms))
    fixed = [look.at - look.back_ms for look in looks if isinstance(look.at, int)]
    moving = [look.back_ms for look in looks if not isinstance(look.at, int)]
    return Reach(
        max(moving, default=None),
        min(fixed, default=None),
        any(isinstance(look.at, AtPreprocessor) for look in looks),
    )


def _looks(expr: Expr, lookback_ms: int, step_ms: int) -> Iterator[_Look]:
    match expr:
        case VectorSelector():
            yield _Look(expr.at_ms, expr.offset_ms + lookback_ms)
        case MatrixSelector():
            yield _Look(expr.selector.at_ms, expr.selector.offset_ms + expr.range_ms)
        case Subquery():
            # Its steps lie on multiples of its step, so the first may lie up to one before its range.
            further = expr.offset_ms + expr.range_ms + (expr.step_ms or step_ms)
            for look in _looks(expr.expr, lookback_ms, step_ms):
                moved = look.at is None
                yield _Look(expr.at_ms, look.back_ms + further) if moved else look
        case _:
            for child in children(expr):
                yield from _looks(child, lookback_ms, step_ms)
