"""Pages that differ from the one before in values only: most do, look after look.

All lines are compared at once with those of the page before, and only the values of lines that changed are
read. Whoever finds anything else on the page gets None and reads it line by line.
"""

from collections.abc import Container, Sequence
from itertools import compress
from operator import is_, ne

import numpy as np

from collector.exposition_numbers import column
from metrics.values import Floats

_NO_HEAD = "\n"
"""What no line begins with, so that one that is no sample may not change."""


class PageShape:
    """Where each series stands on a page, and what it was there last.

    Args:
        lines: a page whose sample lines are a known series, one blank and a value.
        known: the series.
        values: of the sample lines, in their order.
    """

    def __init__(self, lines: Sequence[str], known: Container[str], values: Floats) -> None:
        series = [line.rpartition(" ")[0] for line in lines]
        is_sample = [each in known for each in series]
        self._lines = lines
        self._heads = [f"{each} " if each in known else _NO_HEAD for each in series]
        self._samples = np.flatnonzero(is_sample)
        self._values = values

    @property
    def samples(self) -> int:
        """Sample lines."""
        return len(self._samples)

    def values(self, lines: Sequence[str]) -> Floats | None:
        """The values of the next page; None when its lines are not the same series in the same places."""
        if len(lines) != len(self._heads):
            return None
        changed = list(map(ne, lines, self._lines))
        fresh = list(compress(lines, changed))
        texts = list(map(str.removeprefix, fresh, compress(self._heads, changed)))
        # A line that does not begin with its head stays the very same object.
        if any(map(is_, fresh, texts)):
            return None
        read = column(texts)
        if read is None:
            return None
        values = self._values.copy()
        values[np.frombuffer(bytes(changed), dtype=np.bool_)[self._samples]] = read
        self._lines, self._values = lines, values
        return values
