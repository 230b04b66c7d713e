"""What an expression looks at: how old its samples are, and who brings them."""

from collections.abc import Callable, Iterator

import numpy as np

from metrics.promql.ast import Expr, MatrixSelector, Subquery, VectorSelector
from metrics.promql.context import Context
from metrics.promql.instant import latest
from metrics.promql.source import ABSENT, VALUE, Part, Selection
from metrics.promql.tree import children
from metrics.values import Labels

_CELLS = 200_000
"""Cells [series, times] that are looked at together."""


def freshness(expr: Expr, context: Context) -> float | None:
    """Age in seconds of the oldest newest-sample over the selectors; None where one has no sample at all."""
    ages = [_age(selector, at) for selector, at, _ in _selectors(expr, context)]
    known = [age for age in ages if age is not None]
    return max(known) if known and len(known) == len(ages) else None


def origins(expr: Expr, context: Context) -> frozenset[str]:
    """Who brought the cells, stale ones too, that the selectors can see at the first step."""
    found: set[str] = set()
    for selector, at, range_ms in _selectors(expr, context):
        until = int(at.reference(selector)[0])
        after = until - max(range_ms, at.lookback_ms)
        parts = at.source.select(selector.matchers).parts
        found.update(part.origin for part in parts if part.origin not in found and _seen(part, after, until))
    return frozenset(found)


def with_samples(
    selection: Selection, after: int, until: int, check: Callable[[], None] = lambda: None
) -> Iterator[Labels]:
    """The label sets with a sample in (after, until], milliseconds.

    ``check`` is called between two looks at some cells; it may raise.
    """
    for part in selection.parts:
        there = np.zeros(len(part.places), dtype=bool)
        for first, last in _portions(part, after, until):
            check()
            there |= np.logical_or.reduce(part.cells(first, last).states == VALUE, axis=1)
            if there.all():
                break
        yield from (selection.sets.labels[place] for place in part.places[there])


def _selectors(expr: Expr, context: Context) -> Iterator[tuple[VectorSelector, Context, int]]:
    """Each selector, the context that it is evaluated in, and the range that it looks at."""
    match expr:
        case VectorSelector():
            yield expr, context, 0
        case MatrixSelector():
            yield expr.selector, context, expr.range_ms
        case Subquery():
            yield from _selectors(expr.expr, context.at(context.reference(expr)))
        case _:
            for child in children(expr):
                yield from _selectors(child, context)


def _age(selector: VectorSelector, context: Context) -> float | None:
    """Seconds since the oldest sample that the selector gives, else since the newest that it gave."""
    now = int(context.reference(selector)[0])
    newest = latest(selector, context)
    live = newest.at[newest.frame.present]
    if len(live):
        return (now - int(live.min())) / 1000.0
    parts = context.source.select(selector.matchers).parts
    last = [at for part in parts if (at := _last_value(part, now - context.lookback_ms, now)) is not None]
    return (now - max(last)) / 1000.0 if last else None


def _last_value(part: Part, after: int, until: int) -> int | None:
    first, last = _between(part, after, until)
    if first >= last:
        return None
    rows = np.flatnonzero(np.logical_or.reduce(part.cells(first, last).states == VALUE, axis=0))
    return int(part.times()[first + rows[-1]]) if len(rows) else None


def _seen(part: Part, after: int, until: int) -> bool:
    first, last = _between(part, after, until)
    if first >= last:
        return False
    newest = part.cells(last - 1, last).states
    return bool((newest != ABSENT).any() or (part.cells(first, last).states != ABSENT).any())


def _portions(part: Part, after: int, until: int) -> Iterator[tuple[int, int]]:
    """Stretches of some cells each, the newest first."""
    first, last = _between(part, after, until)
    length = max(1, _CELLS // max(1, len(part.places)))
    for end in range(last, first, -length):
        yield max(first, end - length), end


def _between(part: Part, after: int, until: int) -> tuple[int, int]:
    first, last = np.searchsorted(part.times(), (after, until), side="right")
    return int(first), int(last)
