"""Rows of one origin over some time, and as the bytes of a sealed block."""

import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pcodec import ChunkConfig, standalone

from metrics.promql.frame import Times
from metrics.promql.source import ABSENT, VALUE
from metrics.values import Floats, Labels

_CONSTANT, _WITH_STATES = 1, 2
_LEVEL = 8


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Series of one origin: ``labels`` sorted, ``times`` in milliseconds, ``packed`` cells of each series.

    The cells are packed as they are gathered: where series come and go, all of them side by side would take
    many times the room of what is there.
    """

    origin: str
    times: Times
    labels: Sequence[Labels]
    packed: Sequence[bytes]


def joined(old: Stretch, new: Stretch) -> Stretch:
    """The rows of ``old`` before the first of ``new``, then ``new``."""
    keep = len(old.times) if not len(new.times) else int(np.searchsorted(old.times, new.times[0]))
    if keep == 0:
        return new
    before = dict(zip(old.labels, old.packed, strict=True))
    after = dict(zip(new.labels, new.packed, strict=True))
    labels: list[Labels] = []
    packed: list[bytes] = []
    for each in sorted({*before, *after}):
        first = _cells(before.get(each), len(old.times))
        second = _cells(after.get(each), len(new.times))
        states = np.concatenate((first[1][:keep], second[1]))
        if (states != ABSENT).any():
            labels.append(each)
            packed.append(packed_series(np.concatenate((first[0][:keep], second[0])), states))
    return Stretch(new.origin, np.concatenate((old.times[:keep], new.times)), labels, packed)


def _cells(data: bytes | None, count: int) -> tuple[Floats, npt.NDArray[np.uint8]]:
    """The cells of a series; nothing where there are none, or none that can be read."""
    if data is not None:
        with suppress(ValueError):
            return unpacked_series(data, count)
    return np.zeros(count), np.zeros(count, dtype=np.uint8)


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
