"""Series with timestamps of their own, as the bytes of a sealed block."""

import struct
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from metrics.disk.stretch import packed_series, packed_times, unpacked_series, unpacked_times
from metrics.promql.frame import Times
from metrics.promql.source import States
from metrics.track import NOTHING, Track, union
from metrics.values import Floats, Labels

_SIZES = struct.Struct("<II")


@dataclass(frozen=True, slots=True, eq=False)
class SparseStretch:
    """Series of one origin: ``labels`` sorted, ``packed`` points of each (``packed_points``)."""

    origin: str
    labels: Sequence[Labels]
    packed: Sequence[bytes]


def packed_points(times: Times, values: Floats, states: States) -> bytes:
    """The points of one series as bytes; times in milliseconds strictly ascending, at least one."""
    packed = packed_times(times)
    return _SIZES.pack(len(times), len(packed)) + packed + packed_series(values, states)


def unpacked_points(data: bytes) -> Track:
    """The points of one series. Raises ValueError when they are not there."""
    count, size = _sizes(data)
    begin = _SIZES.size + size
    times = unpacked_times(data[_SIZES.size : begin], count)
    return Track(times, *unpacked_series(data[begin:], count))


def points_in(data: bytes) -> int:
    """How many points packed bytes have. Raises ValueError when they are none."""
    return _sizes(data)[0]


def united(old: SparseStretch, new: SparseStretch) -> SparseStretch:
    """The points of both, series by series; those of ``new`` where both have one at the same time."""
    packed = dict(zip(old.labels, old.packed, strict=True))
    for labels, points in zip(new.labels, new.packed, strict=True):
        before = packed.get(labels)
        packed[labels] = points if before is None else _both(before, points)
    return sparse_stretch(new.origin, packed.items())


def sparse_stretch(origin: str, series: Iterable[tuple[Labels, bytes]]) -> SparseStretch:
    """Packed series in the order that a block wants them in."""
    found = sorted(series, key=lambda each: each[0])
    return SparseStretch(origin, [labels for labels, _ in found], [packed for _, packed in found])


def _both(old: bytes, new: bytes) -> bytes:
    before = NOTHING
    # What is damaged is lost; what comes now is not.
    with suppress(ValueError):
        before = unpacked_points(old)
    return packed_points(*union(before, unpacked_points(new)))


def _sizes(data: bytes) -> tuple[int, int]:
    try:
        count, size = _SIZES.unpack_from(data)
    except struct.error as error:
        raise ValueError(str(error)) from None
    return int(count), int(size)
