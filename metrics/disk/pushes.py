"""Pushes of a write-ahead file: samples with timestamps of their own, each record whole in itself.

Kind, length of the origin's name, milliseconds when the push came, how many label sets and samples; then the
name, the label sets, and for each sample its label set, its time and its value.
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metrics.disk import label_text
from metrics.disk.rows import Kind, Unpack
from metrics.promql.frame import Times
from metrics.values import Floats, Labels

_FIXED = struct.Struct("<BHqIII")


@dataclass(frozen=True, slots=True, eq=False)
class Push:
    """Samples that were taken: ``labels``, ``times`` (ms) and ``values`` of the same length."""

    origin: str
    received: int
    labels: Sequence[Labels]
    times: Times
    values: Floats


def is_push(payload: memoryview) -> bool:
    """Whether a record is one of these."""
    return len(payload) > 0 and payload[0] == Kind.PUSH


def record(push: Push) -> bytes:
    """The record of a push."""
    name = push.origin.encode("utf-8", "replace")
    places: dict[Labels, int] = {}
    of = np.array([places.setdefault(labels, len(places)) for labels in push.labels], dtype="<u4")
    sets = label_text.packed(tuple(places))
    samples = zlib.compress(of.tobytes() + push.times.astype("<i8").tobytes(), 1)
    sizes = len(places), len(push.times), len(sets)
    head = _FIXED.pack(Kind.PUSH, len(name), push.received, *sizes) + name + sets
    return b"".join((head, struct.pack("<I", len(samples)), samples, push.values.astype("<f8").tobytes()))


def read(payload: memoryview, unpacked: Unpack = label_text.unpacked) -> Push:
    """The push of a record. Raises ValueError when it is none."""
    try:
        _, length, received, sets_count, count, sets_size = _FIXED.unpack_from(payload)
        at = _FIXED.size + length
        origin = bytes(payload[_FIXED.size : at]).decode("utf-8")
        sets = unpacked(bytes(payload[at : at + sets_size]), sets_count)
        at += sets_size
        (size,) = struct.unpack_from("<I", payload, at)
        samples = zlib.decompress(payload[at + 4 : at + 4 + size])
        of = np.frombuffer(samples, dtype="<u4", count=count)
        times = np.frombuffer(samples, dtype="<i8", offset=4 * count)
        values = np.frombuffer(payload[at + 4 + size :], dtype="<f8")
        # All samples of a page in its own order are the usual case; then the label sets stay the same object.
        usual = count == sets_count and bool((of == np.arange(count)).all())
        labels = sets if usual else tuple([sets[place] for place in of.tolist()])
    except (struct.error, zlib.error, IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"no push ({error})") from None
    if not len(times) == len(values) == count:
        raise ValueError(f"{len(times)} times and {len(values)} values, {count} wanted")
    return Push(origin, received, labels, times, values)
