"""Label sets that are made once and handed out again while the series of a thing stay the same."""

from collections.abc import Mapping
from itertools import chain
from typing import NamedTuple

from metrics.values import Labels, labels_of

Key = tuple[str, ...]
"""A metric's name, then label names and values in turn."""

Reading = tuple[Key, float]
"""One value of one series."""

Keys = tuple[Key, ...]
"""Series that come together. The very same objects as last time cost nothing to compare."""

Groups = tuple[Keys, ...]


class Columns(NamedTuple):
    """Series in groups, and one value for each of them. A named tuple: one is made for every message."""

    groups: Groups
    values: tuple[float, ...]


NOTHING = Columns((), ())


class KnownSeries:
    """Label sets by key, each with the labels that all of them share.

    Args:
        shared: labels of every series; empty values are left out.
    """

    def __init__(self, shared: Mapping[str, str]) -> None:
        self.shared = dict(shared)
        self._groups: Groups = ()
        self._labels: tuple[Labels, ...] = ()

    def labels(self, groups: Groups) -> tuple[Labels, ...]:
        """One label set a key; the very same tuple as last time when the groups are equal."""
        if groups != self._groups:
            known = dict(zip(chain.from_iterable(self._groups), self._labels, strict=True))
            self._labels = tuple(known.get(key) or self._made(key) for key in chain.from_iterable(groups))
            self._groups = groups
        return self._labels

    def _made(self, key: Key) -> Labels:
        own = dict(zip(key[1::2], key[2::2], strict=True))
        return labels_of({**self.shared, **own, "__name__": key[0]})
