"""The messages of Prometheus' remote write 1.0 (prometheus/prompb/remote.proto), encoded by hand.

WriteRequest { repeated TimeSeries timeseries = 1; }
TimeSeries   { repeated Label labels = 1; repeated Sample samples = 2; }
Label        { string name = 1; string value = 2; }
Sample       { double value = 1; int64 timestamp = 2; }     milliseconds
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from metrics.values import Floats, Labels

_TIMESERIES = _LABELS = b"\x0a"
_SAMPLES, _VALUE, _TIMESTAMP = 0x12, 0x09, 0x10
_NAME, _TEXT = b"\x0a", b"\x12"


@dataclass(slots=True, eq=False)
class Group:
    """The same series at several times (ms): ``series`` as encoded labels, ``values`` one row a time."""

    series: Sequence[bytes]
    times: list[int] = field(default_factory=list)
    values: list[Floats] = field(default_factory=list)


def varint(number: int) -> bytes:
    """A number as protobuf writes it; negative ones as 64 bits in two's complement."""
    left = number & (1 << 64) - 1
    found = bytearray()
    while left > 0x7F:
        found.append(left & 0x7F | 0x80)
        left >>= 7
    found.append(left)
    return bytes(found)


def encoded_labels(labels: Labels) -> bytes:
    """The labels of a TimeSeries, each with its tag. What is not valid Unicode is replaced."""
    pieces = (_field(_NAME, name) + _field(_TEXT, value) for name, value in labels)
    return b"".join([_LABELS + varint(len(piece)) + piece for piece in pieces])


def write_request(groups: Iterable[Group]) -> bytes:
    """A whole WriteRequest, uncompressed. A series keeps the order of the groups and of their times."""
    return b"".join([piece for group in groups for piece in _timeseries(group)])


def _timeseries(group: Group) -> Iterable[bytes]:
    if not group.series:
        return
    samples = _samples(group)
    size = len(samples) // len(group.series)
    heads: dict[int, bytes] = {}
    at = 0
    for labels in group.series:
        length = len(labels) + size
        head = heads.get(length)
        if head is None:
            head = heads[length] = _TIMESERIES + varint(length)
        yield head
        yield labels
        yield samples[at : at + size]
        at += size


def _samples(group: Group) -> bytes:
    """The Sample messages of all series, series by series; those of one time are equally long."""
    columns = [_cells(at, values) for at, values in zip(group.times, group.values, strict=True)]
    together: bytes = np.concatenate(columns, axis=1).tobytes()
    return together


def _cells(at: int, values: Floats) -> npt.NDArray[np.uint8]:
    """One Sample message for each value, [values, bytes]."""
    stamp = varint(at)
    tail = np.frombuffer(bytes([_TIMESTAMP]) + stamp, dtype=np.uint8)
    cells = np.empty((len(values), 3 + 8 + len(tail)), dtype=np.uint8)
    cells[:, 0], cells[:, 1], cells[:, 2] = _SAMPLES, 1 + 8 + len(tail), _VALUE
    cells[:, 3:11] = np.ascontiguousarray(values, dtype="<f8").view(np.uint8).reshape(-1, 8)
    cells[:, 11:] = tail
    return cells


def _field(tag: bytes, text: str) -> bytes:
    data = text.encode("utf-8", "replace")
    return tag + varint(len(data)) + data
