"""Rows of a write-ahead file: one look at one origin each, written as what changed since the row before.

``HEAD`` says everything: label sets and values. ``TURN`` follows a row with other series: where each one
stood there, and the label sets of new ones. ``ROW`` follows a row with the same series. The latter two name
the time of the row that they follow, so a reader never builds on one that it does not have; a ``HEAD`` comes
back every minute or two, which bounds what one lost record takes with it.
"""

import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from metrics.disk import label_text
from metrics.values import Floats, Labels

_FIXED = struct.Struct("<BHqqI")
_SIZE = struct.Struct("<I")

Unpack: TypeAlias = Callable[[bytes, int], tuple[Labels, ...]]
Positions: TypeAlias = npt.NDArray[np.int32]


class Kind(IntEnum):
    """What a record builds on; a push (``metrics.disk.pushes``) is none of a row."""

    HEAD = 1
    TURN = 2
    ROW = 3
    PUSH = 4


class LostContextError(ValueError):
    """A record follows a row that was not read."""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One look at one origin: series and values of the same length, milliseconds."""

    origin: str
    at: int
    labels: Sequence[Labels]
    values: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """How the series of a row come from the row before.

    Attributes:
        new: label sets that were not there.
        take: for each series its place in (the row before, then ``new``).
    """

    new: Sequence[Labels]
    take: Positions


def head(row: Row, sets: bytes | None = None) -> bytes:
    """A record that needs no other; ``sets`` are its label sets if they were packed before."""
    sets = label_text.packed(row.labels) if sets is None else sets
    return _fixed(Kind.HEAD, row, 0) + _SIZE.pack(len(sets)) + sets + row.values.tobytes()


def following(row: Row, before: Row) -> bytes:
    """A record of a row with the very series of the row before."""
    return _fixed(Kind.ROW, row, before.at) + _changes(row.values, before.values)


def turned(row: Row, before: Row, turn: Turn) -> bytes:
    """A record of a row with other series than the row before."""
    sets = label_text.packed(turn.new)
    steps = zlib.compress(np.diff(turn.take, prepend=np.int32(0)).tobytes(), 1)
    sizes = _SIZE.pack(len(turn.new)) + _SIZE.pack(len(sets)) + _SIZE.pack(len(steps))
    changes = _changes(row.values, _taken(before.values, turn))
    return _fixed(Kind.TURN, row, before.at) + sizes + sets + steps + changes


def read(payload: memoryview, known: dict[str, Row], unpacked: Unpack = label_text.unpacked) -> Row:
    """The row of a record; ``known`` holds the last row of each origin and is brought up to date.

    ``unpacked`` gives label sets, the same object for the same bytes if it can.

    Raises:
        LostContextError: the row before is missing.
        ValueError: this is no record.
    """
    try:
        kind, length, at, before_at, width = _FIXED.unpack_from(payload)
        origin = bytes(payload[_FIXED.size : _FIXED.size + length]).decode("utf-8")
        rest = payload[_FIXED.size + length :]
        if kind == Kind.HEAD:
            row = _read_head(rest, origin, at, width, unpacked)
        else:
            before = known.get(origin)
            if before is None or before.at != before_at:
                raise LostContextError(origin)
            row = _read_following(Kind(kind), rest, before, at, width)
    except (struct.error, zlib.error, IndexError) as error:
        raise ValueError(f"no record ({error})") from None
    known[origin] = row
    return row


def _read_head(rest: memoryview, origin: str, at: int, width: int, unpacked: Unpack) -> Row:
    (size,) = _SIZE.unpack_from(rest)
    labels = unpacked(bytes(rest[4 : 4 + size]), width)
    values = np.frombuffer(rest[4 + size :], dtype=np.float64)
    return Row(origin, at, labels, _whole(values, width))


def _read_following(kind: Kind, rest: memoryview, before: Row, at: int, width: int) -> Row:
    if kind is Kind.ROW:
        return Row(before.origin, at, before.labels, _changed(rest, before.values))
    new_count, sets_size, steps_size = struct.unpack_from("<III", rest)
    steps_at = 12 + sets_size
    new = label_text.unpacked(rest[12:steps_at], new_count)
    steps = np.frombuffer(zlib.decompress(rest[steps_at : steps_at + steps_size]), dtype=np.int32)
    turn = Turn(new, np.cumsum(steps, dtype=np.int32))
    every = (*before.labels, *new)
    labels = tuple([every[place] for place in turn.take])
    values = _changed(rest[steps_at + steps_size :], _taken(before.values, turn))
    return Row(before.origin, at, labels, _whole(values, width))


def _fixed(kind: Kind, row: Row, before_at: int) -> bytes:
    name = row.origin.encode("utf-8", "replace")
    return _FIXED.pack(kind, len(name), row.at, before_at, len(row.values)) + name


def _taken(values: Floats, turn: Turn) -> Floats:
    taken: Floats = np.concatenate((values, np.zeros(len(turn.new))))[turn.take]
    return taken


def _changes(values: Floats, before: Floats) -> bytes:
    """The values that differ, bit by bit, and which they are; all of them where that is shorter."""
    differs = values.view(np.int64) != before.view(np.int64)
    count = int(np.count_nonzero(differs))
    if count * 8 + len(values) // 8 >= len(values) * 8:
        return _SIZE.pack(len(values)) + values.tobytes()
    return b"".join((_SIZE.pack(count), np.packbits(differs).tobytes(), values[differs].tobytes()))


def _changed(rest: memoryview, before: Floats) -> Floats:
    (count,) = _SIZE.unpack_from(rest)
    width = len(before)
    if count == width:
        return _whole(np.frombuffer(rest[4:], dtype=np.float64), width)
    bits = 4 + (width + 7) // 8
    differs = np.unpackbits(np.frombuffer(rest[4:bits], dtype=np.uint8), count=width).view(bool)
    values = before.copy()
    values[differs] = _whole(np.frombuffer(rest[bits:], dtype=np.float64), count)
    return values


def _whole(values: Floats, width: int) -> Floats:
    if len(values) != width:
        raise ValueError(f"{len(values)} values, {width} wanted")
    return values
