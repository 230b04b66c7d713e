"""Which series there are: label sets, label names and their values, in memory and in sealed blocks."""

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from metrics.disk.block_file import Section
from metrics.disk.blocks import Blocks
from metrics.memory import Memory
from metrics.promql import inputs
from metrics.promql.ast import Matcher
from metrics.promql.context import Check
from metrics.promql.extent import Extent
from metrics.promql.parser import parse_selector
from metrics.promql.source import VALUE
from metrics.series_index import accepting
from metrics.snapshot import Snapshot
from metrics.track import between
from metrics.values import Labels, label

Key = TypeVar("Key", bound=Hashable)
Found = TypeVar("Found", bound=Sized)
_MATCHED_AT_ONCE = 1000
_UNPACKED_AT_ONCE = 50
_REMEMBERED = 500_000
"""Positions and texts together."""


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """What is asked of one section of a block: [first, last] milliseconds, and nothing that memory has."""

    section: Section
    first: int
    last: int


class Listing:
    """Lists what a store holds. Any thread may ask; work between two checks is bounded.

    Label names and values go with whole sections of blocks, and with memory as one, as Prometheus takes them
    from whole blocks: one is listed when anything was kept within the time asked for.

    Args:
        blocks: None for memory alone.
    """

    def __init__(self, memory: Memory, blocks: Blocks | None) -> None:
        self._memory, self._index, self._blocks = memory, memory.index, blocks
        self._positions: _Remembered[tuple[bytes, tuple[Matcher, ...]], Sequence[int]] = _Remembered()
        self._texts: _Remembered[tuple[bytes, tuple[Matcher, ...], str | None], frozenset[str]] = (
            _Remembered()
        )

    def series(self, selectors: Sequence[str], span: Extent, check: Check) -> tuple[Labels, ...]:
        """Label sets with a sample within the span that match any of the selector texts, sorted."""
        chosen = [parse_selector(text) for text in selectors]
        snapshot = Snapshot(self._memory)
        found: set[Labels] = set()
        for matchers in chosen:
            found.update(inputs.with_samples(snapshot.select(matchers), span[0] - 1, span[1], check))
        for sheet in self._sheets(span, check):
            for matchers in chosen:
                self._add_sampled(found, sheet, matchers, check)
        return tuple(sorted(found))

    def names(self, selectors: Sequence[str], span: Extent, check: Check) -> tuple[str, ...]:
        """Label names of the series that match any of the selector texts, or of all without any; sorted."""
        return self._collected(selectors, span, check, None)

    def values(self, name: str, selectors: Sequence[str], span: Extent, check: Check) -> tuple[str, ...]:
        """Values of a label in the same."""
        return self._collected(selectors, span, check, name)

    def _collected(
        self, selectors: Sequence[str], span: Extent, check: Check, name: str | None
    ) -> tuple[str, ...]:
        chosen = [parse_selector(text) for text in selectors]
        found = self._in_memory(chosen, name) if self._reaches(span) else set()
        for sheet in self._sheets(span, check):
            for matchers in chosen or [()]:
                found |= self._texts_of(sheet.section, matchers, name, check)
        return tuple(sorted(found))

    def _in_memory(self, chosen: Sequence[tuple[Matcher, ...]], name: str | None) -> set[str]:
        if not chosen:
            return set(self._index.names() if name is None else self._index.values(name))
        matched = (labels for matchers in chosen for labels in self._index.select(matchers).sets.labels)
        return set(_texts(matched, name))

    def _reaches(self, span: Extent) -> bool:
        """Whether memory has anything within the span."""
        kept = self._memory.spans()
        return span[0] <= span[1] and any(first <= span[1] and span[0] <= last for first, last in kept)

    def _sheets(self, span: Extent, check: Check) -> Iterator[Sheet]:
        """What sealed blocks hold within the span, oldest first."""
        if self._blocks is None or span[0] > span[1]:
            return
        for window in self._blocks.each(*span):
            check()
            within = max(span[0], window.first), min(span[1], window.end - 1)
            for section in window.sections:
                sheet = self._sheet(section, within)
                if sheet is not None:
                    yield sheet

    def _sheet(self, section: Section, span: Extent) -> Sheet | None:
        first, last = span
        if section.sparse:
            return Sheet(section, first, last)
        times = self._memory.rows(section.origin).times
        if len(times):
            last = min(last, int(times[0]) - 1)
        low, high = np.searchsorted(section.times, (first, last + 1))
        return Sheet(section, first, last) if low < high else None

    def _add_sampled(
        self, found: set[Labels], sheet: Sheet, matchers: tuple[Matcher, ...], check: Check
    ) -> None:
        for count, position in enumerate(self._matching(sheet.section, matchers, check)):
            if count % _UNPACKED_AT_ONCE == 0:
                check()
            labels = sheet.section.labels[position]
            if labels not in found and self._has_value(sheet, position):
                found.add(labels)

    def _has_value(self, sheet: Sheet, position: int) -> bool:
        if self._blocks is None:
            return False
        track = between(self._blocks.track(sheet.section, position), sheet.first, sheet.last + 1)
        return bool((track.states == VALUE).any())

    def _matching(self, section: Section, matchers: tuple[Matcher, ...], check: Check) -> Sequence[int]:
        key = section.digest, matchers
        positions = self._positions.get(key)
        if positions is None:
            positions = self._positions.put(key, _matching(section.labels, matchers, check))
        return positions

    def _texts_of(
        self, section: Section, matchers: tuple[Matcher, ...], name: str | None, check: Check
    ) -> frozenset[str]:
        key = section.digest, matchers, name
        found = self._texts.get(key)
        if found is None:
            matched = (section.labels[place] for place in self._matching(section, matchers, check))
            found = self._texts.put(key, frozenset(_texts(matched, name)))
        return found


def _matching(sets: Sequence[Labels], matchers: tuple[Matcher, ...], check: Check) -> Sequence[int]:
    if not matchers:
        return range(len(sets))
    accepts, found = accepting(matchers), []
    for begin in range(0, len(sets), _MATCHED_AT_ONCE):
        check()
        some = sets[begin : begin + _MATCHED_AT_ONCE]
        found += [begin + place for place, labels in enumerate(some) if accepts(labels)]
    return found


def _texts(sets: Iterable[Labels], name: str | None) -> Iterator[str]:
    """Label names, or the values of one."""
    if name is None:
        return (key for labels in sets for key, _ in labels)
    return (value for labels in sets if (value := label(labels, name)))


class _Remembered(Generic[Key, Found]):
    """What was found last, of bounded length together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: OrderedDict[Key, Found] = OrderedDict()
        self._length = 0

    def get(self, key: Key) -> Found | None:
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
            return self._found.get(key)

    def put(self, key: Key, found: Found) -> Found:
        with self._lock:
            if key not in self._found:
                self._length += len(found) + 1
            self._found[key] = found
            while self._length > _REMEMBERED:
                _, gone = self._found.popitem(last=False)
                self._length -= len(gone) + 1
        return found
