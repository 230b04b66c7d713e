"""The sealed blocks of a store: which there are, what is in them, and how long they stay."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from metrics.disk import block_file, label_text
from metrics.disk.block_file import TEMPORARY, Section
from metrics.disk.block_time import BLOCK_MS, block_name, block_start
from metrics.disk.damage import Damage, DamageKind
from metrics.disk.sparse_stretch import SparseStretch, united
from metrics.disk.stretch import Stretch, joined
from metrics.promql.source import ABSENT, States
from metrics.track import NOTHING, Track, picked
from metrics.values import Floats, Labels

_REMEMBERED_SETS = 64
_OPEN_BLOCKS = 128
_CACHE_BYTES = 64 * 2**20

Series = tuple[Floats, States]
AnyStretch: TypeAlias = Stretch | SparseStretch


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A sealed block; equal only to itself, so that a block sealed anew is another one."""

    start: int
    path: Path
    sections: tuple[Section, ...]

    @property
    def end(self) -> int:
        """Where the next one begins, milliseconds."""
        return self.start + BLOCK_MS


class Blocks:
    """Sealed blocks in a folder, each read when it is first asked for. Any thread may call any method.

    Args:
        folder: where the files are; left-overs of a seal that was cut short are removed at once.
        note: takes damage when it is found.
    """

    def __init__(self, folder: Path, note: Callable[[list[Damage]], None]) -> None:
        self._folder = folder
        self._note = note
        self._lock = threading.Lock()
        self._sizes: dict[int, int] = {}
        self._first_rows: dict[int, int | None] = {}
        self._open: OrderedDict[int, Block] = OrderedDict()
        self._sets: OrderedDict[bytes, tuple[Labels, ...]] = OrderedDict()
        self._decoded: OrderedDict[tuple[Section, int], Track | None] = OrderedDict()
        self._decoded_bytes = 0
        for path in folder.iterdir():
            start = block_start(path.name)
            if start is not None:
                self._sizes[start] = path.stat().st_size
            elif path.name.endswith(TEMPORARY):
                path.unlink(missing_ok=True)

    @property
    def starts(self) -> tuple[int, ...]:
        """Where the blocks begin, ascending, milliseconds."""
        with self._lock:
            return tuple(sorted(self._sizes))

    @property
    def size(self) -> int:
        """Bytes of all blocks."""
        with self._lock:
            return sum(self._sizes.values())

    def written_at(self, start: int) -> float | None:
        """When the file of a block was written (Unix seconds of the file system); None without one."""
        if start not in self._sizes:
            return None
        return (self._folder / block_name(start)).stat().st_mtime

    def between(self, first: int, last: int) -> list[Block]:
        """The blocks with any time in [first, last], oldest first; one that cannot be read is left out."""
        return list(self.each(first, last))

    def each(self, first: int, last: int) -> Iterator[Block]:
        """The same, each opened when its turn comes."""
        wanted = [start for start in self.starts if start + BLOCK_MS > first and start <= last]
        return (block for block in map(self._opened, wanted) if block is not None)

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

    def _remembered(self, section: Section, number: int) -> Track | None:
        """All cells or points of a series; None where they are damaged."""
        key = section, number
        with self._lock:
            if key in self._decoded:
                self._decoded.move_to_end(key)
                return self._decoded[key]
        found = self._read(section, number)
        with self._lock:
            if key not in self._decoded:
                self._decoded[key] = found
                self._decoded_bytes += _bytes(section, found)
            while self._decoded_bytes > _CACHE_BYTES:
                (oldest, _), gone = self._decoded.popitem(last=False)
                self._decoded_bytes -= _bytes(oldest, gone)
        return found

    def seal(self, start: int, stretches: Iterable[AnyStretch]) -> int:
        """Write a block, each origin at most once as rows and once as points. Raises OSError.

        Of one that is there already, rows older than the new rows of their origin stay, and all points but
        those that a new one of their series has the time of. Where no rows are given, the file keeps its time
        of change: it says which rows of write-ahead files are in the block.

        Returns:
            The size of the file.
        """
        brought = _Brought(stretches)
        written_at = self.written_at(start) or 0.0
        merged = _merged(self._opened(start), brought)
        path = self._folder / block_name(start)
        size = block_file.write(path, merged, lambda: None if brought.rows else written_at)
        with self._lock:
            self._sizes[start] = size
            self._open.pop(start, None)
            self._first_rows.pop(start, None)
        return size

    def rows_from(self) -> int | None:
        """Since when every row is in blocks that was not lost by age (milliseconds); None without any row.

        Blocks go oldest first, so all rows after the first one that is left are there. It counts from the end
        of its 15 minutes: they may begin with the first row that there ever was, anywhere in them. Blocks
        without rows say nothing: what was imported into a time whose rows are gone.
        """
        firsts = (self._first_row(start) for start in self.starts)
        first = next((first for first in firsts if first is not None), None)
        return None if first is None else (first // BLOCK_MS + 1) * BLOCK_MS

    def forget(self, before: int, most_bytes: int) -> int:
        """Delete blocks that end at ``before`` or earlier, and the oldest while all are too big; how many.

        The newest one stays, whatever its size.

        Raises:
            OSError: a file could not be deleted.
        """
        gone = 0
        for start in self.starts[:-1]:
            if start + BLOCK_MS > before and self.size <= most_bytes:
                break
            (self._folder / block_name(start)).unlink(missing_ok=True)
            with self._lock:
                del self._sizes[start]
                self._open.pop(start, None)
                self._first_rows.pop(start, None)
            gone += 1
        return gone

    def _first_row(self, start: int) -> int | None:
        if start not in self._first_rows:
            block = self._opened(start)
            sections = () if block is None else block.sections
            firsts = [int(section.times[0]) for section in sections if len(section.times)]
            self._first_rows[start] = min(firsts, default=None)
        return self._first_rows[start]

    def _opened(self, start: int) -> Block | None:
        with self._lock:
            if start not in self._sizes:
                return None
            if start in self._open:
                self._open.move_to_end(start)
                return self._open[start]
            path = self._folder / block_name(start)
            try:
                sections, damaged = block_file.read(path, self._labels)
            except OSError as error:
                text = f"cannot be read ({error.strerror})"
                sections, damaged = [], [Damage(path.name, DamageKind.UNREADABLE, 0, 0, text)]
            block = self._open[start] = Block(start, path, tuple(sections))
            if len(self._open) > _OPEN_BLOCKS:
                self._open.popitem(last=False)
        self._note(damaged)
        return block

    def _labels(self, data: bytes, count: int) -> tuple[Labels, ...]:
        """The label sets; the same object for the same bytes, as most blocks of a target have the same."""
        found = self._sets.get(data)
        if found is None:
            found = self._sets[data] = label_text.unpacked(data, count)
            if len(self._sets) > _REMEMBERED_SETS:
                self._sets.popitem(last=False)
        return found

    def _read(self, section: Section, number: int) -> Track | None:
        try:
            return section.track(number) if section.sparse else Track(section.times, *section.series(number))
        except ValueError as error:
            start, length = int(section.starts[number]), int(section.table[number, 0])
            text = f"a series of {section.origin} ({error})"
            self._note([Damage(section.block, DamageKind.CHECKSUM, start, length, text)])
            return None


class _Brought:
    """Stretches, and whether any of them had rows."""

    def __init__(self, stretches: Iterable[AnyStretch]) -> None:
        self._stretches = stretches
        self.rows = False

    def __iter__(self) -> Iterator[AnyStretch]:
        for stretch in self._stretches:
            self.rows = self.rows or isinstance(stretch, Stretch)
            yield stretch


def _bytes(section: Section, found: Track | None) -> int:
    """What a series takes in memory; the times of rows are the section's own."""
    if found is None:
        return 0
    return found.values.nbytes + found.states.nbytes + (found.times.nbytes if section.sparse else 0)


def _merged(before: Block | None, stretches: Iterable[AnyStretch]) -> Iterable[AnyStretch]:
    known: dict[tuple[str, bool], Section] = {}
    if before is not None:
        known.update(((section.origin, section.sparse), section) for section in before.sections)
    for stretch in stretches:
        section = known.pop((stretch.origin, isinstance(stretch, SparseStretch)), None)
        yield stretch if section is None else _on_top(block_file.whole(section), stretch)
    yield from map(block_file.whole, known.values())


def _on_top(old: AnyStretch, new: AnyStretch) -> AnyStretch:
    if isinstance(old, SparseStretch) and isinstance(new, SparseStretch):
        return united(old, new)
    if isinstance(old, Stretch) and isinstance(new, Stretch):
        return joined(old, new)
    raise TypeError("rows and points are not put together")


def matching(sets: Sequence[Labels], accepts: Callable[[Labels], bool]) -> list[int]:
    """The positions of the label sets that are accepted."""
    return [position for position, labels in enumerate(sets) if accepts(labels)]
