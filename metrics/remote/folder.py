"""The folder of the queue: numbered segments, and how far the remote has acknowledged them.

    <folder>/00000007.segment   frames of records; only the newest is written to, by one process
    <folder>/sent               segment, the byte up to which it is acknowledged, and a checksum of both

One thread writes segments, another reads them; the lock is held for bookkeeping only, never while files are
read or written.
"""

import threading
import zlib
from dataclasses import dataclass
from pathlib import Path

from metrics.disk.frames import Framed, frames
from metrics.remote import records

_SENT = "sent"
_SUFFIX = ".segment"


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the queue: everything before it is acknowledged."""

    segment: int
    offset: int


class Folder:
    """The segments that there are. Raises OSError when the folder cannot be used."""

    def __init__(self, path: Path) -> None:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = path
        self._lock = threading.Lock()
        self._ends = {number: _size(self.file(number)) for number in _numbers(path)}
        self._next = max(self._ends, default=0) + 1
        self._sent = self._read_sent()

    def file(self, number: int) -> Path:
        """Where a segment lies."""
        return self._path / f"{number:08d}{_SUFFIX}"

    @property
    def path(self) -> Path:
        """The folder."""
        return self._path

    @property
    def sent(self) -> Position:
        """Up to where the remote has acknowledged."""
        return self._sent

    def begin(self) -> int:
        """The number of a new segment, the newest from now on."""
        with self._lock:
            number = self._next
            self._next += 1
            self._ends[number] = 0
            return number

    def grown(self, number: int, end: int) -> None:
        """A segment has whole records up to ``end``."""
        with self._lock:
            self._ends[number] = end

    def end(self, number: int) -> int | None:
        """Up to where a segment may be read; None for one that is gone."""
        with self._lock:
            return self._ends.get(number)

    def after(self, number: int) -> int | None:
        """The segment that follows, None after the newest."""
        with self._lock:
            return min((each for each in self._ends if each > number), default=None)

    def numbers(self) -> list[int]:
        """The segments that there are, the oldest first."""
        with self._lock:
            return sorted(self._ends)

    def waiting_bytes(self) -> int:
        """Bytes that are not acknowledged."""
        with self._lock:
            sent = self._sent
            ends = [(number, end) for number, end in self._ends.items() if number >= sent.segment]
        return sum(end - (min(sent.offset, end) if number == sent.segment else 0) for number, end in ends)

    def total_bytes(self) -> int:
        """Bytes of all segments."""
        with self._lock:
            return sum(self._ends.values())

    def settle(self, position: Position) -> None:
        """Everything before this is acknowledged; what is sent whole is deleted. Raises OSError."""
        if position <= self._sent:
            return
        self._sent = position
        for number in [each for each in self.numbers() if each < position.segment]:
            self.forget(number)
        spare = self._path / f"{_SENT}.new"
        spare.write_text(_sent_text(position), encoding="ascii")
        spare.replace(self._path / _SENT)

    def drop(self, number: int) -> int:
        """Give up a segment; how many of its samples were not acknowledged. Raises OSError."""
        sent = self._sent
        start = 0
        if number <= sent.segment:
            start = sent.offset if number == sent.segment else _size(self.file(number))
        lost = _samples_from(self.file(number), start)
        self.forget(number)
        return lost

    def forget(self, number: int) -> None:
        """Delete a segment. Raises OSError."""
        with self._lock:
            self._ends.pop(number, None)
        self.file(number).unlink(missing_ok=True)

    def _read_sent(self) -> Position:
        try:
            text = (self._path / _SENT).read_text(encoding="ascii")
            segment, offset, _ = text.split()
            position = Position(int(segment), int(offset))
        except (OSError, ValueError):
            text, position = "", Position(0, 0)
        # Without it everything is sent again: the remote has equal samples already and says so.
        return position if text == _sent_text(position) else Position(0, 0)


def _sent_text(position: Position) -> str:
    numbers = f"{position.segment} {position.offset}"
    return f"{numbers} {zlib.crc32(numbers.encode()):08x}\n"


def _numbers(path: Path) -> list[int]:
    names = [each.name.removesuffix(_SUFFIX) for each in path.glob(f"*{_SUFFIX}")]
    return sorted(int(name) for name in names if name.isdecimal())


def _size(path: Path) -> int:
    return path.stat().st_size


def _samples_from(path: Path, start: int) -> int:
    try:
        data = path.read_bytes()
    except OSError:
        return 0
    found = (each for each in frames(data) if isinstance(each, Framed) and each.end > start)
    return sum(records.samples_in(each.payload) for each in found)
