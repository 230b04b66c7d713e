"""Stores whose names OpenMetrics can say, and their samples as they were put in."""

import math
import struct
from pathlib import Path

import numpy as np

from metrics import Store, exporting, openmetrics
from metrics.exporting import Wanted
from metrics.holdings import Holdings
from metrics.values import Labels, labels_of
from tests.metrics.disk_store import batch, store_in

SERIES = tuple(
    labels_of({"__name__": name, "instance": 'a\\b"c\nd\x00ü', "n": str(number)})
    for name in ("m_total", "g", "g_max")
    for number in range(3)
)
ODD = (math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308, 0.1, 1e16, 123456789.0)

Samples = dict[Labels, dict[int, bytes]]
"""By series and milliseconds; values as their bits."""


def bits(value: float) -> bytes:
    return struct.pack("<d", math.nan if math.isnan(value) else value)


def put_in(
    store: Store, count: int, step: float = 10.137, *, origin: str = "app", start: float = 0.0
) -> Samples:
    """Batches whose series come and go; what they say."""
    random = np.random.default_rng(7)
    said: Samples = {}
    for number in range(count):
        at = start + number * step
        values = {
            labels: float(random.normal() * 10.0 ** random.integers(-300, 300))
            for place, labels in enumerate(SERIES)
            if (number >> place % 5) % 3
        }
        if number == 3:
            values = dict(zip(SERIES, ODD, strict=True))
        store.append(batch(at, values, origin))
        store.keep()
        for labels, value in values.items():
            said.setdefault(labels, {})[round((1_700_000_100.0 + at) * 1000)] = bits(value)
    return said


def lived(folder: Path, count: int = 300) -> Samples:
    """A folder with sealed blocks and rows that are not sealed yet."""
    return put_in(store_in(folder, 60.0), count)


def held(folder: Path, first: int = -(2**62), last: int = 2**62) -> Samples:
    """What an export gives."""
    wanted = Wanted(exporting.accepted([]), first, last)
    return {
        found.labels: {
            int(at): bits(float(value)) for at, value in zip(found.times, found.values, strict=True)
        }
        for found in exporting.exported(Holdings(folder, first, last), wanted)
    }


def page(folder: Path) -> str:
    """The export of a folder as text."""
    ever = 2**62
    found = exporting.exported(Holdings(folder, -ever, ever), Wanted(exporting.accepted([]), -ever, ever))
    texts = [text for each in found for text in openmetrics.lines(each.labels, each.times, each.values)]
    return "".join([*texts, openmetrics.END])
