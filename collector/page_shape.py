"""Pages that differ from the one before in values only: most do, look after look.

All lines are compared at once, place by place, and only values whose text changed are read. Whoever
finds anything else on the page gets None and reads it line by line.
"""

from collections.abc import Container, Sequence
from itertools import compress
from operator import ne

import numpy as np

from collector.exposition_numbers import column
from metrics.values import Floats


class PageShape:
    """Where each series stands on a page, and what it was there last.

    Args:
        lines: a page whose sample lines are a known series, one blank and a value.
        known: the series.
        texts, values: the values, one per sample line.
    """

    def __init__(
        self, lines: Sequence[str], known: Container[str], texts: Sequence[str], values: Floats
    ) -> None:
        series = [line.rpartition(" ")[0] for line in lines]
        self._is_sample = [each in known for each in series]
        self._is_other = [not sample for sample in self._is_sample]
        self._heads = [f"{each} " for each in compress(series, self._is_sample)]
        self._others = list(compress(lines, self._is_other))
        self._head_length = sum(map(len, self._heads))
        self._texts = texts
        self._values = values

    @property
    def samples(self) -> int:
        """Sample lines."""
        return len(self._heads)

    def values(self, lines: Sequence[str]) -> Floats | None:
        """The values of the next page; None when its lines are not the same series in the same places."""
        if len(lines) != len(self._is_sample) or list(compress(lines, self._is_other)) != self._others:
            return None
        samples = list(compress(lines, self._is_sample))
        texts = list(map(str.removeprefix, samples, self._heads))
        if sum(map(len, samples)) != sum(map(len, texts)) + self._head_length:
            return None
        return self._taken(texts)

    def _taken(self, texts: Sequence[str]) -> Floats | None:
        changed = list(map(ne, texts, self._texts))
        fresh = column(list(compress(texts, changed)))
        if fresh is None:
            return None
        values = self._values.copy()
        values[np.frombuffer(bytes(changed), dtype=np.bool_)] = fresh
        self._texts, self._values = texts, values
        return values
