"""What one origin brings: from label sets and values to rows of its grid."""

import threading

import numpy as np

from metrics.grid import Grid
from metrics.promql.label_sets import Indices
from metrics.series_index import SeriesIndex
from metrics.values import Appended, Batch, Labels


class Feed:
    """The grid of one origin, and how the label sets of its last batch map to series."""

    def __init__(self, origin: str, index: SeriesIndex) -> None:
        self.grid = Grid()
        self._origin = origin
        self._index = index
        self._lock = threading.Lock()
        self._labels: tuple[Labels, ...] | None = None
        self._ids: tuple[int, ...] = ()
        self._kept: Indices | None = None
        self._refused = Appended(0)
        self._last: int | None = None

    def append(self, batch: Batch, at: int) -> Appended:
        """One row of the grid at ``at`` milliseconds; see ``Store.append``."""
        if len(batch.labels) != len(batch.values):
            raise ValueError(f"{self._origin}: {len(batch.labels)} label sets for {len(batch.values)} values")
        with self._lock:
            if self._last is not None and at <= self._last:
                return Appended(0, out_of_order=len(batch.values))
            if self._is_new(batch.labels):
                self._meet(batch.labels)
            self._last = at
            if self._ids or self.grid.live:
                values = batch.values if self._kept is None else batch.values[self._kept]
                self.grid.append(at, self._ids, values)
            return Appended(len(self._ids), self._refused.duplicates, self._refused.claimed_elsewhere)

    def drop_before(self, at: int) -> None:
        """Drop what is older than ``at`` milliseconds, and forget series without samples."""
        with self._lock:
            gone = self.grid.drop_before(at)
            if gone:
                self._labels = None
                self._index.forget(gone)

    def _is_new(self, labels: tuple[Labels, ...]) -> bool:
        """Whether anything must be looked up; series that another origin holds may be free by now."""
        if self._refused.claimed_elsewhere:
            return True
        return labels is not self._labels and labels != self._labels

    def _meet(self, labels: tuple[Labels, ...]) -> None:
        claimed = self._index.claim(labels, self._origin)
        places: dict[int, int] = {}
        elsewhere = 0
        for place, series in enumerate(claimed):
            if series.origin != self._origin:
                elsewhere += 1
            else:
                places.setdefault(series.id, place)
        duplicates = len(claimed) - elsewhere - len(places)
        ids = tuple(places)
        self._labels = labels
        self._ids = self._ids if ids == self._ids else ids
        self._refused = Appended(0, duplicates, elsewhere)
        whole = len(places) == len(labels)
        self._kept = None if whole else np.array(tuple(places.values()), dtype=np.intp)
