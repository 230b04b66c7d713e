"""What one origin brings: from label sets and values to rows of its grid."""

import threading
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from metrics.disk.rows import Row
from metrics.grid import Grid
from metrics.promql.label_sets import Indices
from metrics.series_index import Holder, SeriesIndex
from metrics.values import Appended, Batch, Labels

Write: TypeAlias = Callable[[Row, tuple[int, ...]], None]
"""Keeps a row of these series on disk, or takes it for a remote; never raises."""


def both(first: Write | None, second: Write | None) -> Write | None:
    """What hands a row to both; None where there is neither."""
    if first is None or second is None:
        return first or second

    def write(row: Row, ids: tuple[int, ...]) -> None:
        first(row, ids)
        second(row, ids)

    return write


_SET_BACK_MS = 5_000
"""A batch that is older than the newest by this much is not late: the clock was set."""


class Feed:
    """The grid of one origin, and how the label sets of its last batch map to series."""

    def __init__(self, origin: str, index: SeriesIndex) -> None:
        self.grid = Grid()
        self._origin = origin
        self._holder = Holder(origin)
        self._index = index
        self._lock = threading.Lock()
        self._labels: tuple[Labels, ...] | None = None
        self._stored: tuple[Labels, ...] = ()
        self._ids: tuple[int, ...] = ()
        self._kept: Indices | None = None
        self._refused = Appended(0)
        self._last: int | None = None
        self._behind: int | None = None
        self._heard: bool | None = None
        self.set_back = 0

    def append(self, batch: Batch, at: int, write: Write | None = None) -> Appended:
        """One row of the grid at ``at`` milliseconds, written to disk as well; see ``Store.append``."""
        if len(batch.labels) != len(batch.values):
            raise ValueError(f"{self._origin}: {len(batch.labels)} label sets for {len(batch.values)} values")
        with self._lock:
            if not self._heard:
                self._hear()
            if not self._follows(at):
                return Appended(0, out_of_order=len(batch.values))
            if self._is_new(batch.labels):
                self._meet(batch.labels)
            self._last = at
            if self._ids or self.grid.live:
                values = batch.values if self._kept is None else batch.values[self._kept]
                self.grid.append(at, self._ids, values)
                if write is not None:
                    write(Row(self._origin, at, self._stored, np.array(values, dtype=np.float64)), self._ids)
            return Appended(len(self._ids), self._refused.duplicates, self._refused.claimed_elsewhere)

    def recall(self, row: Row) -> None:
        """Take back a row that was read from disk. Nobody reads before all of them are back."""
        with self._lock:
            if self._heard is None:
                self._heard = False
                self._index.silent(self._holder)
            if self._last is not None and row.at <= self._last:
                self._go_back(row.at)
            if self._is_new(tuple(row.labels)):
                self._meet(tuple(row.labels))
            self._last = row.at
            values = row.values if self._kept is None else row.values[self._kept]
            self.grid.append(row.at, self._ids, values, unread=True)

    def drop_before(self, at: int) -> None:
        """Drop what is older than ``at`` milliseconds, and forget series without samples."""
        with self._lock:
            gone = self.grid.drop_before(at)
            if gone:
                self._labels = None
                self._index.forget(gone)

    def _follows(self, at: int) -> bool:
        """Whether a batch of this time may be appended.

        One that is a little late may not. Two in a row that ascend and are much older mean that the clock was
        set back: what carries times after theirs was recorded under a clock that nobody holds to any more,
        and gives way, so that the origin is not blind until the clock has caught up.
        """
        last, behind = self._last, self._behind
        if last is None or at > last:
            self._behind = None
            return True
        if at > last - _SET_BACK_MS or behind is None or at <= behind:
            self._behind = at
            return False
        self._go_back(at)
        return True

    def _hear(self) -> None:
        if self._heard is False:
            # Others may have taken over series meanwhile.
            self._index.heard(self._holder)
            self._labels = None
        self._heard = True

    def _go_back(self, at: int) -> None:
        self.set_back += 1
        self._behind = None
        self._index.forget(self.grid.drop_after(at - 1))
        self._last = self.grid.last
        self._labels = None

    def _is_new(self, labels: tuple[Labels, ...]) -> bool:
        """Whether anything must be looked up; series that another origin holds may be free by now."""
        if self._refused.claimed_elsewhere:
            return True
        if labels is not self._labels and labels != self._labels:
            return True
        self._labels = labels
        return False

    def _meet(self, labels: tuple[Labels, ...]) -> None:
        claimed = self._index.claim(labels, self._holder)
        places: dict[int, int] = {}
        elsewhere = 0
        for place, series in enumerate(claimed):
            if series.holder != self._holder:
                elsewhere += 1
            else:
                places.setdefault(series.id, place)
        duplicates = len(claimed) - elsewhere - len(places)
        ids = tuple(places)
        self._labels = labels
        if ids != self._ids:
            self._ids, self._stored = ids, tuple([labels[place] for place in places.values()])
        self._refused = Appended(0, duplicates, elsewhere)
        whole = len(places) == len(labels)
        self._kept = None if whole else np.array(tuple(places.values()), dtype=np.intp)
