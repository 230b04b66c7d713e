"""What one origin pushes: from label sets, times and values to points of its series."""

import threading
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from metrics import acceptance, sparse
from metrics.acceptance import AHEAD_MS, STORED, Verdict
from metrics.disk.pushes import Push
from metrics.promql.frame import Times
from metrics.promql.label_sets import Indices
from metrics.series_index import Holder, SeriesIndex
from metrics.sparse import Sparse
from metrics.values import Appended, Floats, Labels, Pushed

WritePush: TypeAlias = Callable[[Push], None]
"""Keeps a push on disk, or takes it for a remote; never raises."""

_SET_BACK_MS = 5_000
"""A push that came this much before the last one says that the clock was set."""
_FAR = 9_000_000_000_000_000.0
_RECALLED_TOGETHER = 2_000_000
_ELSEWHERE = -1


class PushFeed:
    """The points of one origin, and how the label sets of its last push map to series.

    Args:
        keep_ms: how long memory keeps samples.
    """

    def __init__(self, origin: str, index: SeriesIndex, keep_ms: int) -> None:
        self.sparse = Sparse()
        self._holder = Holder(origin, True)
        self._index = index
        self._reach_ms = acceptance.reach(keep_ms)
        self._lock = threading.Lock()
        self._labels: tuple[Labels, ...] | None = None
        self._ids: list[int] = []
        self._received: int | None = None
        self._heard: bool | None = None
        self.set_back = 0

    def push(self, pushed: Pushed, *writes: WritePush) -> Appended:
        """Take what is to be taken; see ``Store.push``."""
        received = round(pushed.received * 1000)
        times = _milliseconds(pushed)
        with self._lock:
            if not self._heard:
                self._hear()
            self._follow_clock(received)
            ids = self._series_of(pushed.labels)
            verdicts = self._add(ids, times, pushed.values, received)
            stored = [place for place, verdict in enumerate(verdicts) if verdict in STORED]
            self._forget_empty(ids)
            if stored:
                taken = _taken(pushed, received, times, stored)
                for write in writes:
                    write(taken)
        return _appended(verdicts)

    def recall(self, pushes: Sequence[Push]) -> None:
        """Take back pushes that were read from disk, in the order in which they came."""
        with self._lock:
            if self._heard is None:
                self._heard = False
                self._index.silent(self._holder)
            waiting: list[Push] = []
            count = 0
            for push in pushes:
                if self._is_set_back(push.received) or count > _RECALLED_TOGETHER:
                    self._recall(waiting)
                    waiting, count = [], 0
                self._follow_clock(push.received)
                waiting.append(push)
                count += len(push.times)
            self._recall(waiting)

    def drop_before(self, at: int) -> None:
        """Drop what is older than ``at`` milliseconds, and forget series without points."""
        with self._lock:
            self._forget(self.sparse.drop_before(at))

    def _add(self, ids: list[int], times: Times, values: Floats, received: int) -> list[Verdict | None]:
        """A verdict on each sample; None for those of other origins."""
        ours = [place for place, number in enumerate(ids) if number != _ELSEWHERE]
        verdicts: list[Verdict | None] = [None] * len(ids)
        picked = np.array(ours, dtype=np.intp)
        points = sparse.points([ids[place] for place in ours], times[picked].tolist(), values[picked])
        for place, verdict in zip(ours, self.sparse.add(points, received, self._reach_ms), strict=True):
            verdicts[place] = verdict
        return verdicts

    def _recall(self, pushes: Sequence[Push]) -> None:
        if not pushes:
            return
        ids: list[Indices] = [np.array(self._series_of(tuple(push.labels)), dtype=np.intp) for push in pushes]
        series = np.concatenate(ids)
        ours = series != _ELSEWHERE
        times = np.concatenate([push.times for push in pushes])
        values = np.concatenate([push.values for push in pushes])
        if ours.any():
            self.sparse.recall(series[ours], times[ours], values[ours])

    def _series_of(self, labels: tuple[Labels, ...]) -> list[int]:
        """The series of each label set; handing over the same tuple again is the fast path."""
        if labels is not self._labels and labels != self._labels:
            claimed = self._index.claim(labels, self._holder)
            self._ids = [each.id if each.holder == self._holder else _ELSEWHERE for each in claimed]
        # What another origin holds may be free by the next time.
        self._labels = None if _ELSEWHERE in self._ids else labels
        return self._ids

    def _hear(self) -> None:
        if self._heard is False:
            # Others may have taken over series meanwhile.
            self._index.heard(self._holder)
            self._labels = None
        self._heard = True

    def _is_set_back(self, received: int) -> bool:
        return self._received is not None and received < self._received - _SET_BACK_MS

    def _follow_clock(self, received: int) -> None:
        """When the clock was set back, what nobody could have pushed by now gives way."""
        if self._is_set_back(received):
            self.set_back += 1
            self._forget(self.sparse.drop_after(received + AHEAD_MS))
        self._received = received

    def _forget_empty(self, ids: list[int]) -> None:
        """Series that were claimed, and none of whose samples was taken, are none."""
        view = self.sparse.view
        self._forget([number for number in ids if number != _ELSEWHERE and number not in view])

    def _forget(self, ids: Sequence[int]) -> None:
        if ids:
            self._labels = None
            self._index.forget(ids)


def _milliseconds(pushed: Pushed) -> Times:
    """The times; what is no time, or none that can be counted, lies far in the future."""
    count = len(pushed.labels)
    if not count == len(pushed.times) == len(pushed.values):
        sizes = f"{count} label sets, {len(pushed.times)} times, {len(pushed.values)} values"
        raise ValueError(f"{pushed.origin}: {sizes} (want as many of each)")
    found = np.nan_to_num(pushed.times * 1000.0, nan=_FAR, posinf=_FAR, neginf=-_FAR)
    return np.rint(np.clip(found, -_FAR, _FAR)).astype(np.int64)


def _taken(pushed: Pushed, received: int, times: Times, places: list[int]) -> Push:
    if len(places) == len(times):
        return Push(pushed.origin, received, pushed.labels, times, np.array(pushed.values, dtype=np.float64))
    labels = tuple([pushed.labels[place] for place in places])
    return Push(pushed.origin, received, labels, times[places], pushed.values[places])


def _appended(verdicts: list[Verdict | None]) -> Appended:
    count = verdicts.count
    return Appended(
        stored=count(Verdict.IN_ORDER) + count(Verdict.LATE),
        duplicates=count(Verdict.DUPLICATE),
        claimed_elsewhere=count(None),
        out_of_order=count(Verdict.TOO_OLD),
        out_of_bounds=count(Verdict.OUT_OF_BOUNDS),
    )
