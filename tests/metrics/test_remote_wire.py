"""Remote write's messages against bytes worked out by hand from the published description."""

import math
import struct

import cramjam
import numpy as np
import pytest

from metrics.remote.wire import Group, encoded_labels, varint, write_request
from metrics.track import STALE_BITS
from metrics.values import Floats, Labels, labels_of
from tests.metrics.remote_servers import decoded

UP = labels_of({"__name__": "up", "job": "a"})
UP_BYTES = b"\x0a\x0e\x0a\x08__name__\x12\x02up\x0a\x08\x0a\x03job\x12\x01a"


def read(groups: list[Group]) -> list[tuple[Labels, list[tuple[int, float]]]]:
    return decoded(bytes(cramjam.snappy.compress_raw(write_request(groups))))


def values(*found: float) -> Floats:
    return np.array(found, dtype=np.float64)


@pytest.mark.parametrize(
    ("number", "data"),
    [(0, b"\x00"), (1, b"\x01"), (127, b"\x7f"), (128, b"\x80\x01"), (300, b"\xac\x02"),
     (1 << 35, b"\x80" * 5 + b"\x01"), (-1, b"\xff" * 9 + b"\x01")],
)  # fmt: skip
def test_a_number_is_written_as_protobuf_writes_it(number: int, data: bytes) -> None:
    assert varint(number) == data


def test_labels_are_messages_of_name_and_value() -> None:
    assert encoded_labels(UP) == UP_BYTES


def test_one_sample_is_the_known_bytes() -> None:
    sample = b"\x12\x0c\x09" + struct.pack("<d", 1.5) + b"\x10\xac\x02"
    series = UP_BYTES + sample
    found = write_request([Group([UP_BYTES], [300], [values(1.5)])])
    assert found == b"\x0a" + bytes([len(series)]) + series


def test_every_value_arrives_bit_by_bit() -> None:
    stale = np.array([STALE_BITS], dtype=np.uint64).view(np.float64)
    given = np.concatenate((values(0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, 0.1), stale))
    names = [encoded_labels(labels_of({"__name__": f"m{number}"})) for number in range(len(given))]
    found = read([Group(names, [1_764_000_000_137], [given])])
    arrived = np.array([samples[0][1] for _, samples in found])
    assert arrived.view(np.uint64).tolist() == given.view(np.uint64).tolist()
    assert {samples[0][0] for _, samples in found} == {1_764_000_000_137}


def test_rows_of_the_same_series_share_their_labels_and_keep_their_order() -> None:
    names = [encoded_labels(labels_of({"__name__": name})) for name in ("a", "b")]
    found = read([Group(names, [127, 128, 90_000], [values(1, 2), values(3, 4), values(5, 6)])])
    assert found == [
        ((("__name__", "a"),), [(127, 1.0), (128, 3.0), (90_000, 5.0)]),
        ((("__name__", "b"),), [(127, 2.0), (128, 4.0), (90_000, 6.0)]),
    ]


def test_what_is_no_unicode_is_replaced_and_not_refused() -> None:
    (found,) = read([Group([encoded_labels((("a", "x\udc80y"),))], [1], [values(1)])])
    assert found[0] == (("a", "x?y"),)


def test_no_groups_are_an_empty_request() -> None:
    assert write_request([]) == b""
