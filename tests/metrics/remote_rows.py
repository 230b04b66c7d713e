"""Rows as the store hands them over, for the tests of remote write."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from metrics.disk.rows import Row
from metrics.remote.endpoint import Endpoint
from metrics.remote.intake import Bounds
from metrics.remote.sender import Pace
from metrics.remote.writing import RemoteWrite
from metrics.values import Labels, labels_of

START = 1_764_000_000_000
"""Milliseconds."""


class Origin:
    """One origin whose series may change from row to row."""

    def __init__(self, name: str = "app") -> None:
        self.name = name
        self._numbers: dict[str, int] = {}
        self._last: tuple[tuple[int, ...], tuple[Labels, ...]] = ((), ())

    def row(self, at: int, values: dict[str, float]) -> tuple[Row, tuple[int, ...]]:
        """The row, and the ids of its series: the same tuple while they are the same."""
        ids = tuple(self._numbers.setdefault(name, len(self._numbers)) for name in values)
        if ids != self._last[0]:
            self._last = (ids, tuple(series(name, self.name) for name in values))
        return Row(
            self.name, at, self._last[1], np.array(list(values.values()), dtype=np.float64)
        ), self._last[0]


def series(name: str, job: str = "app") -> Labels:
    """The labels of a series."""
    return labels_of({"__name__": name, "job": job, "instance": "h:1"})


def written(
    url: str,
    folder: Path,
    *,
    size: int = 64 * 2**20,
    age: float = 3600.0,
    pace: Pace | None = None,
    timeout: float = 5.0,
    endpoint: Endpoint | None = None,
    clock: Callable[[], float] = lambda: START / 1000.0,
) -> RemoteWrite:
    """Remote write to a server, not started yet."""
    where = endpoint or Endpoint(f"{url}/api/v1/write", timeout=timeout)
    return RemoteWrite(where, folder, Bounds(size, age), pace or Pace(10_000, 0.05), clock)
