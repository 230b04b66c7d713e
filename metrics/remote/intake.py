"""From the appending threads to the disk: what an append costs is one entry in a list in memory.

A thread of its own writes the entries to segments within milliseconds. A disk that is full, broken or slow
makes entries wait in memory, up to a bound; beyond it the newest are left out and counted.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import structlog

from metrics.disk.frames import frame
from metrics.disk.pushes import Push
from metrics.disk.rows import Row
from metrics.remote import records
from metrics.remote.folder import Folder
from metrics.track import STALE_BITS
from metrics.values import Labels

_MOST_IN_MEMORY = 2_000_000
_SEGMENT_BYTES = 8 * 2**20
_SEGMENT_MS = 15 * 60 * 1000
_TRY_AGAIN_SECONDS = 1.0
_PUSHED = "\n"
"""After the origin of a push, so that its layouts and those of the origin's rows do not end each other."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much waits on the disk at most: bytes, and seconds since a segment was written last."""

    size_bytes: int
    age: float


@dataclass(slots=True)
class Lost:
    """Samples that will never be sent, by reason."""

    memory: int = 0
    size: int = 0
    age: int = 0


class _Waiting(NamedTuple):
    """A row, its series (None where it says nothing of others, as a push), and when it came, milliseconds."""

    row: Row
    ids: tuple[int, ...] | None
    came: int


@dataclass(slots=True, eq=False)
class _Before:
    """The last row of an origin that was written: its series, and their layout in the segment."""

    ids: tuple[int, ...]
    labels: Sequence[Labels]
    layout: int | None


@dataclass(slots=True, eq=False)
class _Segment:
    """The segment that is written to."""

    number: int
    descriptor: int
    began_at: int
    size: int = 0
    layouts: int = 0
    series: dict[Labels, int] = field(default_factory=dict)


class Intake:
    """Writes rows into the queue's folder. ``write`` may be called by any thread and never waits for a disk.

    Args:
        clock: Unix seconds, for the age of segments.
    """

    def __init__(self, folder: Folder, bounds: Bounds, clock: Callable[[], float]) -> None:
        self._folder, self._bounds, self._clock = folder, bounds, clock
        self._change = threading.Condition()
        self._rows: deque[_Waiting] = deque()
        self._held = 0
        self._stopping = False
        self._segment: _Segment | None = None
        self._before: dict[str, _Before] = {}
        self._segment_bytes = min(_SEGMENT_BYTES, max(1, bounds.size_bytes // 4))
        self._thread = threading.Thread(target=self._run, name="remote-queue", daemon=True)
        self.lost = Lost()
        self.trouble = ""
        self.newest_at: float | None = None

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self, within: float) -> None:
        """Write what waits, and end; give up waiting after so many seconds."""
        with self._change:
            self._stopping = True
            self._change.notify_all()
        if self._thread.is_alive():
            self._thread.join(within)

    def write(self, row: Row, ids: tuple[int, ...]) -> None:
        """Take a row. ``ids`` are its series: the very same tuple as before means the same series."""
        self._take(_Waiting(row, ids, row.at))

    def push(self, push: Push) -> None:
        """Take samples with times of their own: one row for each time, which says nothing of other series."""
        for at in np.unique(push.times).tolist():
            places = np.flatnonzero(push.times == at)
            labels = tuple([push.labels[place] for place in places.tolist()])
            row = Row(f"{push.origin}{_PUSHED}", at, labels, push.values[places])
            self._take(_Waiting(row, None, push.received))

    def _take(self, waiting: _Waiting) -> None:
        count = len(waiting.row.values)
        with self._change:
            if self._held + count > _MOST_IN_MEMORY:
                self.lost.memory += count
                return
            self._held += count
            self._rows.append(waiting)
            self._change.notify()

    def _run(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._rows or self._stopping)
                if self._stopping and (not self._rows or self.trouble):
                    break
                first = self._rows[0]
            self._guarded(first)
        self._close()

    def _guarded(self, first: _Waiting) -> None:
        """Write the first row that waits; it goes on waiting where the disk does not take it."""
        row = first.row
        try:
            self._write(first)
            self.trouble = ""
        except OSError as error:
            self._fell_out(error)
            return
        except Exception:  # one row that cannot be written must not end the queue
            structlog.get_logger().exception("remote.queue.fault", origin=row.origin)
            self.lost.memory += len(row.values)
        with self._change:
            self._rows.popleft()
            self._held -= len(row.values)

    def _fell_out(self, error: OSError) -> None:
        if not self.trouble:
            structlog.get_logger().warning("remote.queue.trouble", reason=error.strerror)
        self.trouble = f"{self._folder.path}: samples cannot be queued ({error.strerror or error})"
        self._close()
        with self._change:
            self._change.wait_for(lambda: self._stopping, timeout=_TRY_AGAIN_SECONDS)

    def _write(self, waiting: _Waiting) -> None:
        row, ids, came = waiting
        segment = self._room(came)
        before = self._before.get(row.origin)
        if ids is not None and before is not None and before.ids is ids and before.layout is not None:
            pieces, layout = [], before.layout
        else:
            pieces = [] if ids is None else _endings(segment, row, ids, before)
            layout = _add_layout(segment, row.origin, row.labels, pieces)
        if len(row.values):
            pieces.append(records.row(layout, row.at, row.values))
        _write_whole(segment, b"".join(map(frame, pieces)))
        if ids is not None:
            self._before[row.origin] = _Before(ids, row.labels, layout)
        self._folder.grown(segment.number, segment.size)
        self.newest_at = came / 1000.0

    def _room(self, at: int) -> _Segment:
        """The segment to write to; a new one when this one is full or old."""
        segment = self._segment
        if segment is not None:
            old = abs(at - segment.began_at) >= _SEGMENT_MS
            if segment.size < self._segment_bytes and not old:
                return segment
            self._close()
        self._segment = _opened(self._folder, at)
        for before in self._before.values():
            before.layout = None
        self._shed()
        return self._segment

    def _shed(self) -> None:
        """Give up the oldest segments where they are too old, or too much together."""
        for number in self._folder.numbers()[:-1]:
            old = self._clock() - _written_at(self._folder, number) > self._bounds.age
            if old:
                self.lost.age += self._folder.drop(number)
            elif self._folder.total_bytes() + self._segment_bytes > self._bounds.size_bytes:
                self.lost.size += self._folder.drop(number)

    def _close(self) -> None:
        if self._segment is not None:
            with suppress(OSError):
                os.ftruncate(self._segment.descriptor, self._segment.size)
            with suppress(OSError):
                os.close(self._segment.descriptor)
            self._segment = None


def _opened(folder: Folder, at: int) -> _Segment:
    number = folder.begin()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
    try:
        return _Segment(number, os.open(folder.file(number), flags, 0o600), at)
    except OSError:
        folder.forget(number)
        raise


def _endings(segment: _Segment, row: Row, ids: tuple[int, ...], before: _Before | None) -> list[bytes]:
    """Records of the markers for the series of the row before that are not in this one."""
    pieces: list[bytes] = []
    if before is None or before.ids is ids:
        return pieces
    present = set(ids)
    gone = [labels for number, labels in zip(before.ids, before.labels, strict=True) if number not in present]
    if gone:
        layout = _add_layout(segment, row.origin, gone, pieces)
        stale = np.full(len(gone), STALE_BITS, dtype=np.uint64).view(np.float64)
        pieces.append(records.row(layout, row.at, stale))
    return pieces


def _add_layout(segment: _Segment, origin: str, sets: Sequence[Labels], pieces: list[bytes]) -> int:
    """The number of a new layout; what defines it is added to ``pieces``."""
    new = [labels for labels in dict.fromkeys(sets) if labels not in segment.series]
    if new:
        first = len(segment.series)
        pieces.append(records.definition(first, new))
        segment.series.update(zip(new, range(first, first + len(new)), strict=True))
    segment.layouts += 1
    pieces.append(records.layout(segment.layouts, origin, [segment.series[labels] for labels in sets]))
    return segment.layouts


def _write_whole(segment: _Segment, data: bytes) -> None:
    written = 0
    while written < len(data):
        more = os.write(segment.descriptor, data[written:])
        if more == 0:
            raise OSError("the disk takes no more")
        written += more
    segment.size += len(data)


def _written_at(folder: Folder, number: int) -> float:
    try:
        return folder.file(number).stat().st_mtime
    except OSError:
        return 0.0
