"""Label sets as bytes: names and values with separators that no UTF-8 text can contain."""

import zlib
from collections.abc import Callable, Sequence
from functools import lru_cache

from metrics.values import Labels, Pairs, made_of

# Lone surrogates that "surrogateescape" writes as the bytes 0xFE and 0xFF.
_WITHIN, _BETWEEN = "\udcfe", "\udcff"


def packed(sets: Sequence[Labels]) -> bytes:
    """Label sets as compressed bytes. What is not valid UTF-8 is replaced, never refused."""
    return zlib.compress(_encoded(sets), 1)


def unpacked(data: bytes | memoryview, count: int) -> tuple[Labels, ...]:
    """The ``count`` label sets that were packed. Raises ValueError when they are not there."""
    try:
        text = zlib.decompress(data).decode("utf-8", "surrogateescape")
    except zlib.error as error:
        raise ValueError(f"label sets cannot be unpacked ({error})") from None
    pairs: Pairs = {}
    sets = tuple([made_of(pairs, _labels(each)) for each in text.split(_BETWEEN)]) if count else ()
    if len(sets) != count:
        raise ValueError(f"{len(sets)} label sets, {count} wanted")
    return sets


def remembering() -> Callable[[bytes | memoryview, int], tuple[Labels, ...]]:
    """``unpacked`` that gives the same object for the same bytes: a target repeats its label sets."""
    return lru_cache(maxsize=1024)(unpacked)


def _encoded(sets: Sequence[Labels]) -> bytes:
    texts = [_WITHIN.join([text for pair in labels for text in pair]) for labels in sets]
    separators = sum(2 * len(labels) - 1 for labels in sets if labels) + max(0, len(sets) - 1)
    try:
        data = _BETWEEN.join(texts).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return _encoded([_readable(labels) for labels in sets])
    if data.count(b"\xfe") + data.count(b"\xff") != separators:
        return _encoded([_readable(labels) for labels in sets])
    return data


def _readable(labels: Labels) -> Labels:
    return tuple((_utf8(name), _utf8(value)) for name, value in labels)


def _utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _labels(text: str) -> Labels:
    parts = text.split(_WITHIN) if text else []
    return tuple(zip(parts[::2], parts[1::2], strict=True))
