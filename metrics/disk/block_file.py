"""A sealed block: 15 minutes, or two merged hours, of every origin in one file that never changes.

For each origin a frame with its timestamps, label sets and a table of its series, then the cells of each
series; where series have timestamps of their own, those stand with them and none in the frame. Frame and
series have checksums of their own, so that damage costs the series, or the origin, that it hit. The last
frame says that it is the last, so that a file that was cut between two origins is not taken for a whole one.
It is written beside its place, made safe, then renamed: there is the old file or the new one, never a part.
"""

import hashlib
import mmap
import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from metrics.disk import label_text
from metrics.disk.damage import Damage, DamageKind
from metrics.disk.frames import Gap, frame, frames_with_bodies
from metrics.disk.sparse_stretch import SparseStretch, unpacked_points
from metrics.disk.stretch import Stretch, packed_times, unpacked_series, unpacked_times
from metrics.disk.write_ahead import sync_folder
from metrics.promql.frame import Times
from metrics.promql.source import ABSENT
from metrics.track import Track, picked
from metrics.values import Floats, Labels

_FIXED = struct.Struct("<QHIIII")
_END = b"end"
END_BYTES = len(frame(_END))
"""How long the frame is that says that it is the last."""
TEMPORARY = ".tmp"

Decode: TypeAlias = "Callable[[bytes, int], tuple[Labels, ...]]"


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """One origin in a block.

    Attributes:
        block: the file's name.
        times: of its rows; empty where its series have timestamps of their own (``sparse``).
        digest: of the packed label sets; equal ones mean equal label sets.
        table: length and CRC-32 of each series' bytes.
        starts: where each begins in the file.
    """

    block: str
    origin: str
    sparse: bool
    times: Times
    labels: tuple[Labels, ...]
    digest: bytes
    table: npt.NDArray[np.uint32]
    starts: npt.NDArray[np.int64]
    data: mmap.mmap

    def series(self, number: int) -> tuple[Floats, npt.NDArray[np.uint8]]:
        """Values and states of one series at ``times``. Raises ValueError when they are damaged."""
        return unpacked_series(self.packed(number), len(self.times))

    def track(self, number: int) -> Track:
        """The points of one series. Raises ValueError when they are damaged."""
        if self.sparse:
            return unpacked_points(self.packed(number))
        values, states = self.series(number)
        return picked(Track(self.times, values, states), states != ABSENT)

    def packed(self, number: int) -> bytes:
        """One series as it is in the file. Raises ValueError when it is damaged."""
        start, (length, checksum) = int(self.starts[number]), self.table[number]
        data = self.data[start : start + int(length)]
        if len(data) != length or zlib.crc32(data) != checksum:
            raise ValueError("a series with a wrong checksum")
        return data

    def damage(self, number: int, error: ValueError) -> Damage:
        """What a series that cannot be read is told as."""
        start, length = int(self.starts[number]), int(self.table[number, 0])
        text = f"a series of {self.origin} ({error})"
        return Damage(self.block, DamageKind.CHECKSUM, start, length, text)


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """A section on its way into a file.

    Attributes:
        labels: sorted.
        times: of its rows; None where its series have timestamps of their own.
        packed: as many series as there are label sets, one after the other.
    """

    origin: str
    labels: Sequence[Labels]
    times: Times | None
    packed: Iterable[bytes]


class Writer:
    """Writes a block beside its place, and then puts it there. Its methods raise OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._beside = path.with_name(path.name + TEMPORARY)
        self._file = self._beside.open("wb")

    def put(self, flow: Flow) -> Iterator[None]:
        """Write a section; stops after each series, so that other work may come in between."""
        name, sets = flow.origin.encode("utf-8", "replace"), label_text.packed(flow.labels)
        rows, times = (0, b"") if flow.times is None else (len(flow.times), packed_times(flow.times))
        table = np.zeros((len(flow.labels), 2), dtype=np.uint32)
        begin = self._file.tell()
        # The head says how long each series is: room for it now, the head itself when they are written.
        room = len(frame(b"")) + _FIXED.size + len(name) + len(sets) + len(times) + table.nbytes
        self._file.write(bytes(room))
        for number, data in enumerate(flow.packed):
            self._file.write(data)
            table[number] = len(data), zlib.crc32(data)
            yield
        end = self._file.tell()
        fixed = _FIXED.pack(end - begin - room, len(name), rows, len(table), len(sets), len(times))
        self._file.seek(begin)
        self._file.write(frame(fixed + name + sets + times + table.tobytes()))
        self._file.seek(end)

    def settle(self) -> None:
        """Make what was written until now safe, so that the end has little to wait for."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def finish(self, at: float | None = None) -> int:
        """Put the block in its place; its size. ``at`` is the file's time of change, None for now."""
        self._file.write(frame(_END))
        self.settle()
        size = self._file.tell()
        self._file.close()
        if at is not None:
            os.utime(self._beside, (at, at))
        self._beside.rename(self._path)
        sync_folder(self._path.parent)
        return size

    def abandon(self) -> None:
        """Leave no trace. Never raises."""
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._beside.unlink()


def write(
    path: Path, stretches: Iterable[Stretch | SparseStretch], dated: Callable[[], float | None] = lambda: None
) -> int:
    """Write a block, whole or not at all; its size. Raises OSError.

    ``dated``, asked when all is written, says what the file's time of change is to be; None for now.
    """
    writer = Writer(path)
    try:
        for stretch in stretches:
            times = stretch.times if isinstance(stretch, Stretch) else None
            for _ in writer.put(Flow(stretch.origin, stretch.labels, times, stretch.packed)):
                pass
        return writer.finish(dated())
    except OSError:
        writer.abandon()
        raise


def read(path: Path, labels_of: Decode = label_text.unpacked) -> tuple[list[Section], list[Damage]]:
    """The origins of a block, their series still packed, and what is damaged. Raises OSError."""
    sections: list[Section] = []
    damaged: list[Damage] = []
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if not size:
            return sections, [_without_end(path, size)]
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    told = False
    for piece in frames_with_bodies(data, _body):
        told = isinstance(piece, Gap) or piece.payload == _END
        if isinstance(piece, Gap):
            text = "a part of the block cannot be read"
            kind = DamageKind.TORN_TAIL if piece.last else DamageKind.CHECKSUM
            damaged.append(Damage(path.name, kind, piece.offset, piece.end - piece.offset, text))
        elif not told:
            try:
                sections.append(_section(path.name, piece.payload, piece.end, data, labels_of))
            except (ValueError, struct.error) as error:
                length = piece.end - piece.offset
                damaged.append(Damage(path.name, DamageKind.CHECKSUM, piece.offset, length, str(error)))
    return sections, damaged if told else [*damaged, _without_end(path, size)]


def _without_end(path: Path, size: int) -> Damage:
    text = "the end is torn off, and perhaps targets with it"
    return Damage(path.name, DamageKind.TORN_TAIL, size, 0, text)


def _body(payload: memoryview) -> int:
    """How many bytes of cells follow a frame."""
    return int(_FIXED.unpack_from(payload)[0]) if len(payload) >= _FIXED.size else 0


def _section(block: str, payload: memoryview, start: int, data: mmap.mmap, labels_of: Decode) -> Section:
    _, name_size, rows, count, sets_size, times_size = _FIXED.unpack_from(payload)
    at = _FIXED.size
    name, at = bytes(payload[at : at + name_size]), at + name_size
    sets, at = bytes(payload[at : at + sets_size]), at + sets_size
    times, at = bytes(payload[at : at + times_size]), at + times_size
    table = np.frombuffer(payload[at:], dtype=np.uint32).reshape(-1, 2).copy()
    if len(table) != count:
        raise ValueError("the table of series is not whole")
    ends = np.cumsum(table[:, 0], dtype=np.int64)
    return Section(
        block=block,
        origin=name.decode("utf-8", "replace"),
        sparse=not times,
        times=unpacked_times(times, rows) if times else np.empty(0, dtype=np.int64),
        labels=labels_of(sets, count),
        digest=hashlib.blake2b(sets, digest_size=16).digest(),
        table=table,
        starts=start + ends - table[:, 0],
        data=data,
    )
