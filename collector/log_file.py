"""One file that others write to, rotate, truncate and delete, read on from where the last look ended.

Rules:
1. The first look begins at the file's end; a file that was not there then is read from its beginning.
2. The file stays open. A rename is seen by the path leading to another file; the old one is read to its end
   first, and left only once the new one has something in it: a program writes into one of the two at a time.
3. What was read last is compared before more is read. Another text, or less of it, is a truncated file.
4. A file that was closed is taken up again where it was left if it still is the same file, by number and by
   the text before that place. A reused number alone is not the same file.
5. Who falls far behind (64 MiB) goes on 4 MiB before the end; what is skipped is counted.

Lost are: what is written and truncated away between two looks, a file that comes and goes between two looks,
what several programs write into the old file after one of them began the new one.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from collector.round import ErrorKind
from collector.source import ScrapeError

CHUNK_BYTES = 256 * 1024
MARK_BYTES = 64
LEFT_AFTER_SECONDS = 10.0
BEHIND_BYTES = 64 * 1024 * 1024
KEPT_BYTES = 4 * 1024 * 1024

KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


class ChunkKind(StrEnum):
    """What a chunk means for the line that has begun."""

    DATA = "data"
    END = "end"
    GAP = "gap"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Data; or the end of a file, whose last line is whole; or a gap before what comes next."""

    kind: ChunkKind
    data: bytes = b""


@dataclass(slots=True)
class FileCounts:
    """Since the beginning. ``skipped``: bytes that were never read, because reading had fallen behind."""

    read: int = 0
    skipped: int = 0
    rotations: int = 0
    truncations: int = 0


@dataclass(slots=True)
class _Place:
    """Where reading is: which file, how far, and the bytes before that place."""

    device: int
    inode: int
    offset: int
    mark: bytes

    def same_file(self, there: os.stat_result) -> bool:
        return (self.device, self.inode) == (there.st_dev, there.st_ino)

    def still_true(self, descriptor: int, size: int) -> bool:
        if size < self.offset:
            return False
        return os.pread(descriptor, len(self.mark), self.offset - len(self.mark)) == self.mark


class LogFile:
    """Follows one path. Not for two threads at once.

    Attributes:
        missing: whether the latest look found nothing at the path.
    """

    def __init__(self, path: Path) -> None:
        self.counts = FileCounts()
        self.missing = False
        self._path = path
        self._descriptor: int | None = None
        self._place: _Place | None = None
        self._missing_since: float | None = None
        self._seen: tuple[int, int] | None = None
        self._never_looked = True

    def chunks(self, at: float, budget: int) -> Iterator[Chunk]:
        """What was added, at most ``budget`` bytes of it; may be left off after any chunk.

        Raises:
            ScrapeError: there is nothing to read, or it may not be read.
        """
        there = self._look(at)
        try:
            yield from self._from_path(there, at, budget)
        except OSError as error:
            self.close()
            raise refused(self._path, error) from None

    def unread(self) -> tuple[int, int]:
        """Size of the open file, and how much of it is still to be read."""
        if self._descriptor is None or self._place is None:
            return 0, 0
        size = os.fstat(self._descriptor).st_size
        return size, max(size - self._place.offset, 0)

    def close(self) -> None:
        """Close the file; the next look goes on from the same place."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor, self._seen = None, None

    def _look(self, at: float) -> os.stat_result | None:
        there = status_of(self._path)
        self.missing = there is None
        if there is not None:
            self._missing_since = None
        elif self._missing_since is None:
            self._missing_since = at
        return there

    def _from_path(self, there: os.stat_result | None, at: float, budget: int) -> Iterator[Chunk]:
        if self._descriptor is None:
            if there is None:
                self._never_looked = False
                raise ScrapeError(ErrorKind.GONE, f"there is no file {self._path}")
            yield from self._open()
        yield from self._verified()
        while budget > 0:
            data = self._read(min(CHUNK_BYTES, budget))
            if data:
                budget -= len(data)
                yield Chunk(ChunkKind.DATA, data)
            elif self._is_left_for(there, at):
                yield Chunk(ChunkKind.END)
                if there is None:
                    return
                yield from self._open()
            else:
                return

    def _open(self) -> Iterator[Chunk]:
        descriptor = opened(self._path)
        self._descriptor = descriptor
        status, place = os.fstat(descriptor), self._place
        begins_at_end, self._never_looked = self._never_looked, False
        if place is not None and place.same_file(status) and place.still_true(descriptor, status.st_size):
            return
        self._place = _Place(status.st_dev, status.st_ino, 0, b"")
        if begins_at_end:
            yield from self._moved_to(status.st_size)
        elif place is not None:
            self.counts.rotations += 1
            yield Chunk(ChunkKind.END)

    def _verified(self) -> Iterator[Chunk]:
        """What to know before more is read: the file was truncated, or reading has fallen behind."""
        descriptor, place = self._reading()
        status = os.fstat(descriptor)
        seen, self._seen = self._seen, (status.st_size, status.st_mtime_ns)
        if seen != self._seen and not place.still_true(descriptor, status.st_size):
            place.offset, place.mark = 0, b""
            self.counts.truncations += 1
            yield Chunk(ChunkKind.END)
        if status.st_size - place.offset > BEHIND_BYTES:
            self.counts.skipped += status.st_size - KEPT_BYTES - place.offset
            yield from self._moved_to(status.st_size - KEPT_BYTES)

    def _moved_to(self, offset: int) -> Iterator[Chunk]:
        descriptor, place = self._reading()
        begin = max(offset - MARK_BYTES, 0)
        place.mark = os.pread(descriptor, offset - begin, begin)
        place.offset = begin + len(place.mark)
        if place.mark and not place.mark.endswith(b"\n"):
            yield Chunk(ChunkKind.GAP)

    def _read(self, most: int) -> bytes:
        descriptor, place = self._reading()
        data = os.pread(descriptor, most, place.offset)
        place.offset += len(data)
        place.mark = (place.mark + data[-MARK_BYTES:])[-MARK_BYTES:]
        self.counts.read += len(data)
        return data

    def _is_left_for(self, there: os.stat_result | None, at: float) -> bool:
        """Whether the open file, read to its end, is done with: what is at the path takes its place."""
        descriptor, place = self._reading()
        if there is not None and place.same_file(there):
            return False
        deleted = os.fstat(descriptor).st_nlink == 0
        if there is None:
            left = deleted or at - (self._missing_since or at) >= LEFT_AFTER_SECONDS
        else:
            left = deleted or there.st_size > 0
        if left:
            self.close()
        if left and deleted:
            # Its number may be given to another file at once: nothing that is there later is this one.
            self._place = _Place(-1, -1, 0, b"")
        return left

    def _reading(self) -> tuple[int, _Place]:
        if self._descriptor is None or self._place is None:
            raise ScrapeError(ErrorKind.INTERNAL, f"{self._path} is not open")
        return self._descriptor, self._place


def status_of(path: Path) -> os.stat_result | None:
    """What is at the path, links followed; None when nothing is. Raises ScrapeError."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise refused(path, error) from None
    _require_regular(path, status)
    return status


def opened(path: Path) -> int:
    """A descriptor for reading a regular file; whatever else is there by now is not waited for.

    Raises ScrapeError.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        raise refused(path, error) from None
    try:
        _require_regular(path, os.fstat(descriptor))
    except ScrapeError:
        os.close(descriptor)
        raise
    return descriptor


def refused(path: Path, error: OSError) -> ScrapeError:
    """The error for a file that cannot be read."""
    if isinstance(error, FileNotFoundError):
        return ScrapeError(ErrorKind.GONE, f"there is no file {path}")
    kind = ErrorKind.AUTH if isinstance(error, PermissionError) else ErrorKind.INTERNAL
    return ScrapeError(kind, f"{path} cannot be read: {error.strerror or error}")


def _require_regular(path: Path, status: os.stat_result) -> None:
    for is_kind, name in KINDS:
        if is_kind(status.st_mode):
            raise ScrapeError(ErrorKind.BAD_FORMAT, f"{path} is {name} (want a regular file)")
