"""From the disk to the sender: the rows that are not acknowledged, in the order of their writing."""

import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from metrics.disk.frames import Framed, Gap, frames
from metrics.remote import records
from metrics.remote.folder import Folder, Position
from metrics.remote.records import Known, Layout, QueuedRow
from metrics.remote.wire import Group, write_request


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """A row, and the position after it."""

    row: QueuedRow
    after: Position


@dataclass(slots=True, eq=False)
class _Reading:
    """The segment that is read: what it defines, and how far it was read."""

    number: int
    offset: int = 0
    known: Known = field(default_factory=Known)


class Outflow:
    """Reads the queue. One thread only."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._reading = _Reading(folder.sent.segment)
        self._rows: deque[Taken] = deque()
        self.damaged = 0
        """Pieces of segments that could not be read."""

    def take(self, most: int) -> list[Taken]:
        """The next rows, together at most so many samples, or a single row that has more."""
        taken: list[Taken] = []
        count = 0
        if self._rows and self._folder.end(self._rows[0].after.segment) is None:
            # The segment was given up while its rows waited here.
            self._rows.clear()
        while self._rows or self._read_on():
            count += len(self._rows[0].row.values)
            if taken and count > most:
                break
            taken.append(self._rows.popleft())
        return taken

    def _read_on(self) -> bool:
        """Read more rows; False when there are none."""
        while not self._rows:
            if not self._read_piece() and not self._next_segment():
                return False
        return True

    def _next_segment(self) -> bool:
        number = self._folder.after(self._reading.number)
        # The newest of an earlier process may be followed by nothing yet, and the present one may still grow.
        if number is None:
            return False
        end = self._folder.end(self._reading.number)
        if end is not None and self._reading.offset < end:
            return True
        self._reading = _Reading(number)
        return True

    def _read_piece(self) -> bool:
        """Read what was written since; False when that is nothing."""
        reading, end = self._reading, self._folder.end(self._reading.number)
        if end is None or end <= reading.offset:
            return False
        start, reading.offset = reading.offset, end
        for piece in frames(_bytes(self._folder, reading.number, start, end)):
            if isinstance(piece, Gap):
                self._damage(start + piece.offset, "no record")
            else:
                self._keep(piece, start)
        return True

    def _keep(self, piece: Framed, start: int) -> None:
        try:
            row = records.read(piece.payload, self._reading.known)
        except ValueError as error:
            self._damage(start + piece.offset, str(error))
            return
        after = Position(self._reading.number, start + piece.end)
        if row is not None and after > self._folder.sent:
            self._rows.append(Taken(row, after))

    def _damage(self, offset: int, reason: str) -> None:
        self.damaged += 1
        file = self._folder.file(self._reading.number).name
        structlog.get_logger().warning("remote.queue.damaged", file=file, offset=offset, reason=reason)


def request(rows: Sequence[Taken]) -> bytes:
    """A WriteRequest, uncompressed. Rows of one layout share their labels; each series keeps its order."""
    groups: list[Group] = []
    open_groups: dict[str, tuple[Layout, Group]] = {}
    for taken in rows:
        layout = taken.row.layout
        found = open_groups.get(layout.origin)
        if found is None or found[0] is not layout:
            found = open_groups[layout.origin] = (layout, Group(layout.series))
            groups.append(found[1])
        found[1].times.append(taken.row.at)
        found[1].values.append(taken.row.values)
    return write_request(groups)


def _bytes(folder: Folder, number: int, start: int, end: int) -> bytes:
    try:
        with folder.file(number).open("rb") as file:
            return os.pread(file.fileno(), end - start, start)
    except OSError:
        return b""
