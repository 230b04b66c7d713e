"""What stands in a segment of the queue: definitions of series, layouts of rows, and rows.

A record is one frame (``metrics.disk.frames``). Each segment stands for itself: it defines the series that it
names. A layout is an origin and the numbers of its series; no two rows of an origin with the same layout have
one with another layout between them.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from metrics.disk import label_text
from metrics.remote.wire import encoded_labels
from metrics.values import Floats, Labels

_DEFINE = struct.Struct("<BII")
_LAYOUT = struct.Struct("<BIH")
_ROW = struct.Struct("<BIq")


class Kind(IntEnum):
    """What a record is."""

    DEFINE = 1
    LAYOUT = 2
    ROW = 3


class LostError(ValueError):
    """A record names something that was not read, or is no record."""


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Series of one origin as encoded labels; compared by identity."""

    origin: str
    series: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, eq=False)
class QueuedRow:
    """Values of the series of a layout at one time (ms); stale ones have Prometheus' marker."""

    layout: Layout
    at: int
    values: Floats


@dataclass(slots=True, eq=False)
class Known:
    """What a segment has defined as far as it was read."""

    series: list[bytes] = field(default_factory=list)
    layouts: dict[int, Layout] = field(default_factory=dict)


def definition(first: int, sets: Sequence[Labels]) -> bytes:
    """Label sets that get the numbers from ``first`` on."""
    return _DEFINE.pack(Kind.DEFINE, first, len(sets)) + label_text.packed(sets)


def layout(number: int, origin: str, series: Sequence[int]) -> bytes:
    """A layout and its number."""
    name = origin.encode("utf-8", "replace")
    return _LAYOUT.pack(Kind.LAYOUT, number, len(name)) + name + np.array(series, dtype="<i4").tobytes()


def row(layout_number: int, at: int, values: Floats) -> bytes:
    """A row."""
    return _ROW.pack(Kind.ROW, layout_number, at) + np.ascontiguousarray(values, dtype="<f8").tobytes()


def samples_in(payload: memoryview) -> int:
    """How many samples a record has."""
    is_row = len(payload) >= _ROW.size and payload[0] == Kind.ROW
    return (len(payload) - _ROW.size) // 8 if is_row else 0


def read(payload: memoryview, known: Known) -> QueuedRow | None:
    """The row of a record, None for one that only defines. Raises LostError."""
    try:
        match payload[0]:
            case Kind.ROW:
                return _read_row(payload, known)
            case Kind.LAYOUT:
                _read_layout(payload, known)
            case Kind.DEFINE:
                _read_definition(payload, known)
            case other:
                raise LostError(f"no record (kind {other})")
    except (struct.error, IndexError, KeyError, UnicodeDecodeError) as error:
        raise LostError(f"not to be read without what is lost ({type(error).__name__})") from None
    return None


def _read_row(payload: memoryview, known: Known) -> QueuedRow:
    _, number, at = _ROW.unpack_from(payload)
    values = np.frombuffer(payload[_ROW.size :], dtype="<f8")
    found = known.layouts[number]
    if len(values) != len(found.series):
        raise LostError(f"{len(values)} values, {len(found.series)} wanted")
    return QueuedRow(found, at, values)


def _read_layout(payload: memoryview, known: Known) -> None:
    _, number, length = _LAYOUT.unpack_from(payload)
    begin = _LAYOUT.size + length
    origin = bytes(payload[_LAYOUT.size : begin]).decode("utf-8")
    places = np.frombuffer(payload[begin:], dtype="<i4").tolist()
    series = tuple([known.series[place] for place in places])
    if not all(series):
        raise LostError("a definition of its series is lost")
    known.layouts[number] = Layout(origin, series)


def _read_definition(payload: memoryview, known: Known) -> None:
    _, first, count = _DEFINE.unpack_from(payload)
    if first < len(known.series):
        raise LostError("series are defined a second time")
    # A definition that was lost leaves its numbers empty, so that later ones keep theirs.
    known.series.extend([b""] * (first - len(known.series)))
    sets = label_text.unpacked(payload[_DEFINE.size :], count)
    known.series.extend(map(encoded_labels, sets))
