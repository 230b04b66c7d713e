"""Samples on their way into sealed blocks: put down in any order, taken block by block, in bounded memory.

They wait in a nameless temporary file in the store's own folder, where there must be room for the blocks too;
the operating system removes it with the process, however that ends.
"""

import os
import tempfile
from array import array
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from metrics.disk.block_time import BLOCK_MS
from metrics.track import Track, picked, values_at

_SAMPLE = np.dtype([("series", np.uint32), ("offset", np.uint32), ("value", np.float64)])
"""``offset`` counts milliseconds from the start of the block."""
_WAITING = 2**20
"""Samples that wait in memory until they are put down together."""
_AT_ONCE = 2**22
"""Samples of a block that are in memory together."""

Samples = npt.NDArray[Any]


class Spool:
    """Takes samples of numbered series and gives them back by block. For one thread.

    Every method raises OSError where the folder takes no more.
    """

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by close()
        self._waiting = array("I"), array("q"), array("d")
        self._end = 0
        self._extents: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)

    def add(self, series: int, at: int, value: float) -> None:
        """Put down a sample at ``at`` milliseconds."""
        numbers, times, values = self._waiting
        numbers.append(series)
        times.append(at)
        values.append(value)
        if len(numbers) == _WAITING:
            self._put_down()

    def blocks(self) -> tuple[int, ...]:
        """Where the blocks begin that have samples, ascending, milliseconds."""
        self._put_down()
        return tuple(sorted(self._extents))

    def taken(self, block: int) -> Iterator[tuple[int, Track]]:
        """Every series with samples in this block, ascending; of two at the same time the later one."""
        self._put_down()
        for low, high in self._slices(block):
            parts = [part[(part["series"] >= low) & (part["series"] < high)] for part in self._parts(block)]
            yield from _by_series(block, np.concatenate(parts))

    def close(self) -> None:
        """Let the file go."""
        # What could not be written before cannot be written now either.
        with suppress(OSError):
            self._file.close()

    def _put_down(self) -> None:
        numbers, times, values = (np.array(each) for each in self._waiting)
        if not len(numbers):
            return
        self._waiting = array("I"), array("q"), array("d")
        blocks = times // BLOCK_MS
        order = np.argsort(blocks, kind="stable")
        samples = np.empty(len(order), dtype=_SAMPLE)
        samples["series"], samples["value"] = numbers[order], values[order]
        samples["offset"] = (times - blocks * BLOCK_MS)[order]
        starts, begins = np.unique(blocks[order], return_index=True)
        for start, begin, end in zip(starts, begins, [*begins[1:], len(order)], strict=True):
            self._extents[int(start) * BLOCK_MS].append((self._end + int(begin), int(end - begin)))
        self._file.write(samples.tobytes())
        self._file.flush()
        self._end += len(order)

    def _parts(self, block: int) -> Iterator[Samples]:
        for begin, count in self._extents[block]:
            data = os.pread(self._file.fileno(), count * _SAMPLE.itemsize, begin * _SAMPLE.itemsize)
            yield np.frombuffer(data, dtype=_SAMPLE)

    def _slices(self, block: int) -> Iterator[tuple[int, int]]:
        """Ranges of series with so many samples each as may be in memory together, or one series."""
        counts = np.zeros(0, dtype=np.int64)
        for part in self._parts(block):
            more = np.bincount(part["series"], minlength=len(counts))
            more[: len(counts)] += counts
            counts = more
        totals = np.cumsum(counts)
        low, taken = 0, 0
        while low < len(counts):
            high = max(low + 1, int(np.searchsorted(totals, taken + _AT_ONCE, side="right")))
            yield low, high
            low, taken = high, int(totals[high - 1])


def _by_series(block: int, samples: Samples) -> Iterator[tuple[int, Track]]:
    order = np.lexsort((samples["offset"], samples["series"]))
    samples = samples[order]
    numbers, begins = np.unique(samples["series"], return_index=True)
    for number, begin, end in zip(numbers, begins, [*begins[1:], len(samples)], strict=True):
        some = samples[begin:end]
        times = some["offset"].astype(np.int64) + block
        last_of_its_time = np.append(np.diff(times) > 0, True)
        yield int(number), picked(values_at(times, some["value"].copy()), last_of_its_time)
