"""Sums of segments that stay exact where a plain sum would lose what matters.

Prometheus sums with Neumaier's compensation. A plain sum is within 1e-10 of that unless terms cancel, which
shows in the sum of their magnitudes; only segments where they do are summed again, term by term.
"""

from collections.abc import Callable

import numpy as np

from metrics.promql.label_sets import Indices
from metrics.values import Floats

_TOLERANCE = 1e-10
_LONGEST = 20_000
"""Terms up to which a segment is summed again one by one; longer ones would take too long."""


def segment_sums(values: Floats, first: Indices, last: Indices) -> Floats:
    """The sum of ``values[first:last]`` for each pair, 0 for an empty one; they may overlap."""
    sums = reduced(np.add, values, first, last)
    magnitudes = reduced(np.add, np.abs(values), first, last)
    loose = cancels(sums, magnitudes, last - first) & (last - first <= _LONGEST)
    if loose.any():
        start, stop = first[loose], last[loose]
        padded = np.append(values, 0.0)
        sums[loose] = neumaier(
            int((stop - start).max()),
            lambda k: np.where(start + k < stop, padded[np.minimum(start + k, len(values))], 0.0),
        )
    return sums


def segment_means(values: Floats, first: Indices, last: Indices) -> Floats:
    """The mean of ``values[first:last]`` for each pair, also where the sum would overflow."""
    count = np.maximum(last - first, 1)
    sums = segment_sums(values, first, last)
    means: Floats = sums / count
    for place in zip(*np.nonzero(np.isinf(sums)), strict=True):
        terms = values[first[place] : last[place]]
        if np.isfinite(terms).all():
            means[place] = (terms / len(terms)).sum()
    return means


def reduced(operation: np.ufunc, values: Floats, first: Indices, last: Indices) -> Floats:
    """``operation`` over ``values[first:last]`` for each pair; 0 for an empty one."""
    edges = np.empty((*first.shape, 2), dtype=np.intp)
    edges[..., 0], edges[..., 1] = first, last
    result: Floats = operation.reduceat(np.append(values, 0.0), edges.ravel())[::2].reshape(first.shape)
    return np.where(first < last, result, 0.0)


def cancels(sums: Floats, magnitudes: Floats, count: Indices) -> np.typing.NDArray[np.bool_]:
    """Where a plain sum of ``count`` terms may be off by more than the tolerance."""
    off: np.typing.NDArray[np.bool_] = count * np.finfo(float).eps * magnitudes > _TOLERANCE * np.abs(sums)
    return off


def neumaier(count: int, term: Callable[[int], Floats]) -> Floats:
    """The sum of ``term(0)`` to ``term(count - 1)``, element by element.

    Source: A. Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen" (1974).
    """
    total, lost = np.zeros_like(term(0)), np.zeros_like(term(0))
    for number in range(count):
        value = term(number)
        both = total + value
        small = np.where(np.abs(total) >= np.abs(value), (total - both) + value, (value - both) + total)
        lost = np.where(np.isinf(both), 0.0, lost + small)
        total = both
    return np.where(np.isinf(total), total, total + lost)
