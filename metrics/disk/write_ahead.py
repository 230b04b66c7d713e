"""The write-ahead files: every row and push of every origin, written when it comes, one file per block.

A row is handed to the operating system before ``write`` returns, so a killed process loses nothing that it
appended. ``sync`` makes files safe against power loss; a thread of its own calls it every second.

A disk that is full or broken never disturbs an append: the row stays in memory alone and is counted, and the
next second a new file is tried. What an origin writes first into a file is a whole record, so a new file
depends on no other.
"""

import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from metrics.disk import label_text, pushes, rows
from metrics.disk.block_time import BLOCK_MS, wal_name, wal_place
from metrics.disk.frames import frame
from metrics.disk.pushes import Push
from metrics.disk.rows import Row, Turn
from metrics.values import Labels

_ROWS_BETWEEN_HEADS = 120
_SECONDS_BETWEEN_TRIES = 1.0
_FILES_OPEN = 4


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why rows cannot be written, and since when (monotonic seconds)."""

    text: str
    since: float


@dataclass(frozen=True, slots=True)
class WriteNumbers:
    """What was done since the start."""

    rows: int
    bytes: int
    unwritten_rows: int
    failures: int
    syncs: int


@dataclass(slots=True, eq=False)
class _Written:
    """The last row of an origin in a file, how many may follow before a whole one, and label sets packed."""

    row: Row
    ids: tuple[int, ...]
    left: int
    packed_ids: tuple[int, ...] | None = None
    packed: bytes = b""


@dataclass(slots=True, eq=False)
class _File:
    """An open file. ``size`` is where its good records end."""

    descriptor: int
    path: Path
    size: int = 0
    synced: int = 0
    written: dict[str, _Written] = field(default_factory=dict)


class WriteAhead:
    """Writes rows. Any thread may call any method; rows of one origin come from one thread at a time.

    Args:
        folder: where the files are; it exists.
        monotonic: seconds, for the time between tries.
    """

    def __init__(self, folder: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._files: dict[int, _File] = {}
        self._last: dict[tuple[str, bool], int] = {}
        self._number = 0
        self._closed = False
        self._trouble: Trouble | None = None
        self._try_at = 0.0
        self._rows = self._bytes = self._unwritten = self._failures = self._syncs = 0

    @property
    def trouble(self) -> Trouble | None:
        """Why rows are not written now; None while they are."""
        return self._trouble

    @property
    def numbers(self) -> WriteNumbers:
        """What was done since the start."""
        return WriteNumbers(self._rows, self._bytes, self._unwritten, self._failures, self._syncs)

    def write(self, row: Row, ids: tuple[int, ...]) -> None:
        """Write a row. ``ids`` are its series: the very same tuple as before means the same series."""
        self._guarded(lambda: self._write(row, ids))

    def write_push(self, push: Push) -> None:
        """Write a push into the file of the block in which it came, whatever the times of its samples are."""
        self._guarded(lambda: self._write_push(push))

    def sync(self) -> None:
        """Make what was written safe against power loss."""
        with self._lock:
            pending = [
                (block, file, file.size) for block, file in self._files.items() if file.size > file.synced
            ]
        for block, file, size in pending:
            try:
                os.fsync(file.descriptor)
                if file.synced == 0:
                    sync_folder(self._folder)
            except OSError as error:
                self._fell_out(block, file, error)
            else:
                file.synced = max(file.synced, size)
                self._syncs += 1

    def forget(self, block: int) -> None:
        """Delete the files of a block; it is sealed."""
        with self._lock:
            file = self._files.pop(block, None)
            if file is not None:
                os.close(file.descriptor)
        for path in self._folder.iterdir():
            place = wal_place(path.name)
            if place is not None and place[0] == block:
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Sync and close; rows that come later are not written."""
        self.sync()
        with self._lock:
            self._closed = True
            for file in self._files.values():
                os.close(file.descriptor)
            self._files.clear()

    def _guarded(self, write: Callable[[], None]) -> None:
        with self._lock:
            if self._closed:
                return
            try:
                write()
            except OSError as error:
                self._failed(error)
            except _PausedError:
                self._unwritten += 1

    def _write(self, row: Row, ids: tuple[int, ...]) -> None:
        key = row.origin, False
        block, file = self._file(key, row.at)
        self._put(block, file, frame(_record(row, ids, file.written.get(row.origin))))
        _remember(file.written, row, ids)
        self._last[key] = row.at

    def _write_push(self, push: Push) -> None:
        key = push.origin, True
        self._put(*self._file(key, push.received), frame(pushes.record(push)))
        self._last[key] = push.received

    def _file(self, key: tuple[str, bool], at: int) -> tuple[int, _File]:
        """The block of a time and its file, for an origin's rows or its pushes."""
        if at < self._last.get(key, at):
            self._begin_again()
        block = at // BLOCK_MS * BLOCK_MS
        return block, self._files.get(block) or self._opened(block)

    def _put(self, block: int, file: _File, record: bytes) -> None:
        try:
            _write_whole(file.descriptor, record)
        except OSError:
            self._give_up(block, file)
            raise
        file.size += len(record)
        self._rows += 1
        self._bytes += len(record)
        self._trouble = None

    def _opened(self, block: int) -> _File:
        if self._trouble is not None and self._monotonic() < self._try_at:
            raise _PausedError
        if self._number == 0:
            places = (wal_place(path.name) for path in self._folder.iterdir())
            self._number = max((place[1] for place in places if place is not None), default=0)
        self._number += 1
        path = self._folder / wal_name(block, self._number)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._close_oldest()
        file = self._files[block] = _File(descriptor, path)
        return file

    def _begin_again(self) -> None:
        """The clock was set back: new files, so that the order of files stays the order of rows."""
        for file in self._files.values():
            os.close(file.descriptor)
        self._files.clear()
        self._last.clear()

    def _close_oldest(self) -> None:
        while len(self._files) >= _FILES_OPEN:
            os.close(self._files.pop(min(self._files)).descriptor)

    def _give_up(self, block: int, file: _File) -> None:
        """Leave a file that could not be written to, without the torn record at its end."""
        del self._files[block]
        with suppress(OSError):
            os.ftruncate(file.descriptor, file.size)
        with suppress(OSError):
            if file.size == 0:
                file.path.unlink()
        with suppress(OSError):
            os.close(file.descriptor)

    def _fell_out(self, block: int, file: _File, error: OSError) -> None:
        """After a failed fsync nobody knows what is on the disk: go on in a new file."""
        with self._lock:
            if self._files.get(block) is file:
                del self._files[block]
                os.close(file.descriptor)
                self._failed(error, rows_lost=0)

    def _failed(self, error: OSError, rows_lost: int = 1) -> None:
        now = self._monotonic()
        text = f"{self._folder}: samples cannot be written ({error.strerror or error})"
        self._trouble = Trouble(text, now if self._trouble is None else self._trouble.since)
        self._try_at = now + _SECONDS_BETWEEN_TRIES
        self._failures += 1
        self._unwritten += rows_lost


class _PausedError(Exception):
    """Not tried: the last try failed a moment ago."""


def _record(row: Row, ids: tuple[int, ...], before: _Written | None) -> bytes:
    if before is None:
        return rows.head(row)
    if before.left <= 0:
        if before.packed_ids is not ids:
            before.packed_ids, before.packed = ids, label_text.packed(row.labels)
        return rows.head(row, before.packed)
    if before.ids is ids:
        return rows.following(row, before.row)
    return rows.turned(row, before.row, _turn(row.labels, ids, before.ids))


def _turn(labels: Sequence[Labels], ids: tuple[int, ...], before: tuple[int, ...]) -> Turn:
    places = {number: place for place, number in enumerate(before)}
    new: list[Labels] = []
    take = np.empty(len(ids), dtype=np.int32)
    for position, number in enumerate(ids):
        place = places.get(number)
        if place is None:
            place = len(before) + len(new)
            new.append(labels[position])
        take[position] = place
    return Turn(new, take)


def _remember(written: dict[str, _Written], row: Row, ids: tuple[int, ...]) -> None:
    before = written.get(row.origin)
    if before is None:
        # Origins come back to a whole record at different rows, so that no second has to write all of them.
        written[row.origin] = _Written(
            row, ids, _ROWS_BETWEEN_HEADS // 2 + len(written) * 7 % _ROWS_BETWEEN_HEADS
        )
        return
    before.left = before.left - 1 if before.left > 0 else _ROWS_BETWEEN_HEADS
    before.row, before.ids = row, ids


def sync_folder(folder: Path) -> None:
    """Make the names of files safe against power loss. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_whole(descriptor: int, record: bytes) -> None:
    written = os.write(descriptor, record)
    while written < len(record):
        more = os.write(descriptor, record[written:])
        if more == 0:
            raise OSError("the disk takes no more")
        written += more
