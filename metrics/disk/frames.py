"""Checksummed records one after the other, and reading them past damage.

A frame is a marker, the length of its payload, a CRC-32 of length and payload, and the payload. A reader that
finds no valid frame where one should begin looks for the next one that is valid as a whole, so a flipped bit
costs the frame that it hit and nothing after it.
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from mmap import mmap

_MARKER = b"\xf5SC1"
_HEAD = struct.Struct("<4sII")
_MOST = 256 * 2**20


@dataclass(frozen=True, slots=True)
class Framed:
    """A payload and where its frame lies."""

    offset: int
    end: int
    payload: memoryview


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes that are no valid frame; ``last`` when no frame follows."""

    offset: int
    end: int
    last: bool


def frame(payload: bytes) -> bytes:
    """The payload as it is written."""
    length = len(payload)
    return _HEAD.pack(_MARKER, length, _checksum(length, payload)) + payload


def frames(data: bytes) -> Iterator[Framed | Gap]:
    """Every valid frame in order, and the gaps between them."""
    return frames_with_bodies(data, lambda _: 0)


def frames_with_bodies(data: bytes | mmap, body: Callable[[memoryview], int]) -> Iterator[Framed | Gap]:
    """The same where each frame is followed by so many bytes as ``body`` reads from its payload."""
    whole = memoryview(data)
    offset = 0
    while offset < len(whole):
        found = _at(whole, offset)
        if found is None:
            found = _next(whole, offset + 1)
            end = len(whole) if found is None else found.offset
            yield Gap(offset, end, found is None)
        if found is None:
            return
        yield found
        offset = found.end + body(found.payload)


def _next(whole: memoryview, start: int) -> Framed | None:
    text = bytes(whole[start:])
    place = text.find(_MARKER)
    while place >= 0:
        found = _at(whole, start + place)
        if found is not None:
            return found
        place = text.find(_MARKER, place + 1)
    return None


def _at(whole: memoryview, offset: int) -> Framed | None:
    begin = offset + _HEAD.size
    if begin > len(whole):
        return None
    marker, length, checksum = _HEAD.unpack_from(whole, offset)
    if marker != _MARKER or length > _MOST or begin + length > len(whole):
        return None
    payload = whole[begin : begin + length]
    return Framed(offset, begin + length, payload) if _checksum(length, payload) == checksum else None


def _checksum(length: int, payload: bytes | memoryview) -> int:
    return zlib.crc32(payload, length)
