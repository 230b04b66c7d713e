"""Label sets that are made once and handed out again while the series of a thing stay the same."""

from collections.abc import Mapping

from metrics.values import Labels, labels_of

Key = tuple[str, ...]
"""A metric's name, then label names and values in turn."""

Reading = tuple[Key, float]
"""One value of one series."""


class KnownSeries:
    """Label sets by key, each with the labels that all of them share.

    Args:
        shared: labels of every series; empty values are left out.
    """

    def __init__(self, shared: Mapping[str, str]) -> None:
        self.shared = dict(shared)
        self._keys: tuple[Key, ...] = ()
        self._labels: tuple[Labels, ...] = ()

    def labels(self, keys: tuple[Key, ...]) -> tuple[Labels, ...]:
        """One label set a key; the very same tuple as last time when the keys are equal."""
        if keys != self._keys:
            known = dict(zip(self._keys, self._labels, strict=True))
            self._labels = tuple(known.get(key) or self._made(key) for key in keys)
            self._keys = keys
        return self._labels

    def _made(self, key: Key) -> Labels:
        own = dict(zip(key[1::2], key[2::2], strict=True))
        return labels_of({**self.shared, **own, "__name__": key[0]})
