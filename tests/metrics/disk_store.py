"""Batches, stores on real files, and whether two stores answer alike."""

from pathlib import Path

import numpy as np

from metrics import Store
from metrics.disk.shelf import Shelf
from metrics.values import Batch, Labels, Matrix, labels_of

BEGIN = 1_700_000_100.0
"""The start of a 15-minute block."""

NAMES = tuple(labels_of({"__name__": "m", "n": str(number), "é": "ü\n\x00"}) for number in range(6))


def store_in(folder: Path, keep: float = 3600.0) -> Store:
    return Store(shelf=Shelf(folder), keep=keep)


def batch(at: float, values: dict[Labels, float], origin: str = "app") -> Batch:
    return Batch(origin, BEGIN + at, tuple(values), np.array(list(values.values()), dtype=float))


def rows_of(count: int, step: float = 1.0, origin: str = "app", start: float = 0.0) -> list[Batch]:
    """Batches whose series come and go and whose values rarely change."""
    made = []
    for number in range(1, count + 1):
        present = {
            name: float(number // 3 + place) for place, name in enumerate(NAMES) if (number >> place) % 3
        }
        made.append(batch(start + (number - 1) * step, present, origin))
    return made


def matrix(store: Store, expr: str, end: float, start: float = 0.0, step: float = 1.0) -> Matrix:
    return store.query_range(expr, BEGIN + start, BEGIN + end, step)


def everything(store: Store, end: float, span: str = "3h") -> dict[Labels, list[tuple[float, float]]]:
    """Every sample of every series until ``end``."""
    found = store.query(f'{{__name__=~".+"}}[{span}]', BEGIN + end)
    assert isinstance(found, Matrix)
    return {
        points.labels: [(at - BEGIN, value) for at, value in zip(points.at, points.values, strict=True)]
        for points in found.series
    }


def same(one: Store, other: Store, end: float, start: float = 0.0, step: float = 1.0) -> None:
    """Both give the same answer to every question, NaN being equal to itself."""
    for expr in ("m", "count(m)", "rate(m[1m])", "sum(last_over_time(m[10s] offset 5s))", "absent(m{n='1'})"):
        left, right = matrix(one, expr, end, start, step), matrix(other, expr, end, start, step)
        assert [points.labels for points in left.series] == [points.labels for points in right.series], expr
        for mine, theirs in zip(left.series, right.series, strict=True):
            np.testing.assert_array_equal(mine.at, theirs.at, expr)
            np.testing.assert_array_equal(mine.values, theirs.values, expr)
