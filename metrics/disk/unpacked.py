"""Series of sealed blocks that were unpacked last."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Container
from typing import TypeAlias

import numpy as np

from metrics.disk.block_file import Section
from metrics.disk.damage import Damage
from metrics.promql.source import ABSENT, States
from metrics.track import NOTHING, Track, picked
from metrics.values import Floats

_BYTES = 64 * 2**20

Series: TypeAlias = tuple[Floats, States]


class Unpacked:
    """Unpacks series, and remembers some. Any thread may call any method.

    Args:
        note: takes damage when it is found.
    """

    def __init__(self, note: Callable[[list[Damage]], None]) -> None:
        self._note = note
        self._lock = threading.Lock()
        self._found: OrderedDict[tuple[Section, int], Track | None] = OrderedDict()
        self._bytes = 0

    def series(self, section: Section, number: int) -> Series:
        """Values and states of one series at the section's times; nothing where they are damaged."""
        found = self._remembered(section, number)
        if found is None:
            count = len(section.times)
            return np.zeros(count), np.zeros(count, dtype=np.uint8)
        return found.values, found.states

    def track(self, section: Section, number: int) -> Track:
        """The points of one series; where they are damaged, there are none."""
        found = self._remembered(section, number)
        if found is None:
            return NOTHING
        return found if section.sparse else picked(found, found.states != ABSENT)

    def forget(self, blocks: Container[str]) -> None:
        """Let go of the series of files with these names."""
        with self._lock:
            for key in [key for key in self._found if key[0].block in blocks]:
                self._bytes -= _size(key[0], self._found.pop(key))

    def _remembered(self, section: Section, number: int) -> Track | None:
        """All cells or points of a series; None where they are damaged."""
        key = section, number
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
                return self._found[key]
        found = self._read(section, number)
        with self._lock:
            if key not in self._found:
                self._found[key] = found
                self._bytes += _size(section, found)
            while self._bytes > _BYTES:
                (oldest, _), gone = self._found.popitem(last=False)
                self._bytes -= _size(oldest, gone)
        return found

    def _read(self, section: Section, number: int) -> Track | None:
        try:
            return section.track(number) if section.sparse else Track(section.times, *section.series(number))
        except ValueError as error:
            self._note([section.damage(number, error)])
            return None


def _size(section: Section, found: Track | None) -> int:
    """What a series takes in memory; the times of rows are the section's own."""
    if found is None:
        return 0
    return found.values.nbytes + found.states.nbytes + (found.times.nbytes if section.sparse else 0)
