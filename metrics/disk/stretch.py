"""Rows of one origin over some time, and as the bytes of a sealed block."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pcodec import ChunkConfig, standalone

from metrics.promql.frame import Times
from metrics.promql.source import ABSENT, VALUE, Cells
from metrics.values import Floats, Labels

_CONSTANT, _WITH_STATES = 1, 2
_LEVEL = 8


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Series of one origin: ``cells`` [series, times], ``labels`` sorted, ``times`` in milliseconds."""

    origin: str
    times: Times
    labels: Sequence[Labels]
    cells: Cells


def joined(old: Stretch, new: Stretch) -> Stretch:
    """The rows of ``old`` before the first of ``new``, then ``new``."""
    keep = len(old.times) if not len(new.times) else int(np.searchsorted(old.times, new.times[0]))
    if keep == 0:
        return new
    labels = sorted({*old.labels, *new.labels})
    row = {each: number for number, each in enumerate(labels)}
    shape = len(labels), keep + len(new.times)
    cells = Cells(np.zeros(shape), np.zeros(shape, dtype=np.uint8))
    for each, columns, taken in (
        (old, slice(0, keep), slice(0, keep)),
        (new, slice(keep, None), slice(None)),
    ):
        rows = [row[one] for one in each.labels]
        cells.values[rows, columns] = each.cells.values[:, taken]
        cells.states[rows, columns] = each.cells.states[:, taken]
    return there(Stretch(new.origin, np.concatenate((old.times[:keep], new.times)), labels, cells))


def there(stretch: Stretch) -> Stretch:
    """The series alone that have any cell."""
    rows = np.flatnonzero((stretch.cells.states != ABSENT).any(axis=1))
    if len(rows) == len(stretch.labels):
        return stretch
    cells = Cells(stretch.cells.values[rows], stretch.cells.states[rows])
    return Stretch(stretch.origin, stretch.times, [stretch.labels[int(row)] for row in rows], cells)


def packed_times(times: Times) -> bytes:
    """Timestamps as bytes."""
    return _compressed(np.ascontiguousarray(times))


def unpacked_times(data: bytes, count: int) -> Times:
    """The timestamps. Raises ValueError when they are not there."""
    try:
        times = standalone.simple_decompress(data)
    except RuntimeError as error:
        raise ValueError(str(error)) from None
    if times is None or len(times) != count:
        raise ValueError("timestamps are missing")
    return np.asarray(times, dtype=np.int64)


def packed_series(values: Floats, states: npt.NDArray[np.uint8]) -> bytes:
    """The cells of one series as bytes."""
    head, kept = b"", values
    kind = 0
    if not (states == VALUE).all():
        kind |= _WITH_STATES
        text = zlib.compress(np.ascontiguousarray(states).tobytes(), 6)
        head = len(text).to_bytes(4, "little") + text
        kept = values[states == VALUE]
    kept = np.ascontiguousarray(kept)
    bits = kept.view(np.int64)
    if not len(kept) or (bits == bits[0]).all():
        return bytes((kind | _CONSTANT,)) + head + kept[:1].tobytes()
    return bytes((kind,)) + head + _compressed(kept)


def unpacked_series(data: bytes, count: int) -> tuple[Floats, npt.NDArray[np.uint8]]:
    """Values and states of a series' ``count`` cells. Raises ValueError when they are not there."""
    try:
        kind, at = data[0], 1
        states = np.full(count, VALUE, dtype=np.uint8)
        if kind & _WITH_STATES:
            size = int.from_bytes(data[1:5], "little")
            states, at = np.frombuffer(zlib.decompress(data[5 : 5 + size]), dtype=np.uint8), 5 + size
        there = states == VALUE
        values = np.zeros(len(states))
        if kind & _CONSTANT:
            values[there] = np.frombuffer(data[at:], dtype=np.float64)[:1] if there.any() else 0.0
        else:
            values[there] = standalone.simple_decompress(data[at:])
    except (RuntimeError, zlib.error, IndexError) as error:
        raise ValueError(str(error)) from None
    if len(values) != count:
        raise ValueError(f"{len(values)} cells, {count} wanted")
    return values, states


def _compressed(numbers: Floats | Times) -> bytes:
    data: bytes = standalone.simple_compress(numbers, ChunkConfig(compression_level=_LEVEL))
    return data
