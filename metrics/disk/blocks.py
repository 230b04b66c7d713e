"""The sealed blocks of a store: which there are, what is in them, and how long they stay."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from metrics.disk import block_file, label_text
from metrics.disk.block_file import TEMPORARY, Section
from metrics.disk.block_time import BLOCK_MS, Shown, Span, block_span, merged_span, shown
from metrics.disk.cutting import AnyStretch, Piece, laid_over
from metrics.disk.damage import Damage, DamageKind
from metrics.disk.stretch import Stretch
from metrics.disk.unpacked import Series, Unpacked
from metrics.track import Track
from metrics.values import Labels

_REMEMBERED_SETS = 64
_OPEN_BLOCKS = 128


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A block's file; equal only to itself, so that one that took its place is another.

    Attributes:
        readable: False where the file system did not give it.
    """

    span: Span
    sections: tuple[Section, ...]
    readable: bool = True


@dataclass(frozen=True, slots=True)
class Window:
    """The time from ``first`` up to ``end`` (milliseconds), and the file that tells of it."""

    block: Block
    first: int
    end: int

    @property
    def sections(self) -> tuple[Section, ...]:
        """What the file holds, other times too."""
        return self.block.sections

    def piece(self, section: Section) -> Piece:
        """What the file tells of one origin."""
        span = self.block.span
        return Piece(section, self.first, self.end, (span.start, span.end) == (self.first, self.end))


@dataclass(frozen=True, slots=True, eq=False)
class File:
    """A file as it was written; equal only to itself."""

    size: int


class Blocks:
    """Sealed blocks in a folder, each read when it is first asked for. Any thread may call any method.

    One thread alone seals, adopts and forgets. ``changes`` counts how often it did.

    Args:
        folder: where the files are; left-overs of a seal that was cut short are removed at once.
        note: takes damage when it is found.
    """

    def __init__(self, folder: Path, note: Callable[[list[Damage]], None]) -> None:
        self._folder = folder
        self._note = note
        self._lock = threading.Lock()
        self._files: dict[Span, File] = {}
        self.changes = 0
        self._first_rows: dict[Shown, int | None] = {}
        self._open: OrderedDict[Span, Block] = OrderedDict()
        self._sets: OrderedDict[bytes, tuple[Labels, ...]] = OrderedDict()
        self._unpacked = Unpacked(note)
        for path in folder.iterdir():
            span = block_span(path.name)
            if span is not None:
                self._files[span] = File(_size(path))
            elif path.name.endswith(TEMPORARY):
                path.unlink(missing_ok=True)
        self._shown: list[Shown] = shown(self._files)

    @property
    def files(self) -> Mapping[Span, File]:
        """The files there are."""
        with self._lock:
            return dict(self._files)

    @property
    def starts(self) -> tuple[int, ...]:
        """Where the 15 minutes begin that files tell of, ascending, milliseconds."""
        pieces = self._shown
        return tuple(start for each in pieces for start in range(each.first, each.end, BLOCK_MS))

    @property
    def size(self) -> int:
        """Bytes of all blocks."""
        with self._lock:
            return sum(file.size for file in self._files.values())

    def path(self, span: Span) -> Path:
        """Where a block is, or would be."""
        return self._folder / span.name

    def written_at(self, start: int) -> float | None:
        """When a block of its own was written for these 15 minutes (Unix seconds of the file system).

        None without one: a block is merged only when no write-ahead file of its time is left, so any that is
        there has come since.
        """
        span = Span(start)
        with suppress(OSError):
            return self.path(span).stat().st_mtime if span in self._files else None
        return None

    def between(self, first: int, last: int) -> list[Window]:
        """What files tell of any time in [first, last], oldest first; nothing of one that cannot be read."""
        return list(self.each(first, last))

    def each(self, first: int, last: int) -> Iterator[Window]:
        """The same, each file opened when its turn comes.

        Files may be merged meanwhile: then the merged one tells of what is left.
        """
        begin = first
        while True:
            piece = next((each for each in self._shown if each.end > first and each.first <= last), None)
            if piece is None:
                return
            block = self._opened(piece.span)
            if block is not None:
                yield Window(block, piece.first if first == begin else max(piece.first, first), piece.end)
                first = piece.end

    def series(self, section: Section, number: int) -> Series:
        """Values and states of one series at the section's times; nothing where they are damaged."""
        return self._unpacked.series(section, number)

    def track(self, section: Section, number: int) -> Track:
        """The points of one series; where they are damaged, there are none."""
        return self._unpacked.track(section, number)

    def seal(self, start: int, stretches: Iterable[AnyStretch]) -> int:
        """Write a block, each origin at most once as rows and once as points. Raises OSError.

        Of one that is there already, rows older than the new rows of their origin stay, and all points but
        those that a new one of their series has the time of. Where no rows are given, the file keeps its time
        of change: it says which rows of write-ahead files are in the block.

        Returns:
            The size of the file.
        """
        brought, span = _Brought(stretches), Span(start)
        written_at = self.written_at(start) or 0.0
        merged = laid_over(self._before(start), brought, self._note)
        size = block_file.write(self.path(span), merged, lambda: None if brought.rows else written_at)
        self._change({span: File(size)}, ())
        return size

    def adopt(self, span: Span, size: int, parts: Iterable[Span]) -> None:
        """Take in a merged block that is in its place, and delete its parts. Raises OSError."""
        gone = [part for part in parts if part != span]
        self._change({span: File(size)}, gone)
        for part in gone:
            self.path(part).unlink(missing_ok=True)

    def rows_from(self) -> int | None:
        """Since when every row is in blocks that was not lost by age (milliseconds); None without any row.

        Blocks go oldest first, so all rows after the first one that is left are there. It counts from the end
        of its 15 minutes: they may begin with the first row that there ever was, anywhere in them. Blocks
        without rows say nothing: what was imported into a time whose rows are gone.
        """
        firsts = map(self._first_row, tuple(self._shown))
        first = next((first for first in firsts if first is not None), None)
        return None if first is None else (first // BLOCK_MS + 1) * BLOCK_MS

    def forget(self, before: int, most_bytes: int) -> int:
        """Delete blocks that end at ``before`` or earlier, and the oldest while all are too big; how many.

        The newest one stays, whatever its size.

        Raises:
            OSError: a file could not be deleted.
        """
        gone = 0
        # A merged block goes before what was sealed within its time later: that tells what is right.
        oldest = sorted(self.files, key=lambda span: (merged_span(span.start), -span.length, span))
        for span in oldest[:-1]:
            if span.end > before and self.size <= most_bytes:
                break
            self.path(span).unlink(missing_ok=True)
            self._change({}, (span,))
            gone += 1
        return gone

    def _before(self, start: int) -> Iterator[Piece]:
        """What files tell of 15 minutes that are sealed anew. Raises OSError when one cannot be read now."""
        for window in self.each(start, start):
            if not window.block.readable:
                # What is in it would be lost if another took its place; it is read again by the next try.
                with self._lock:
                    self._open.pop(window.block.span, None)
                raise OSError(f"{window.block.span.name} cannot be read")
            first, end = max(window.first, start), min(window.end, start + BLOCK_MS)
            yield from map(Window(window.block, first, end).piece, window.sections)

    def _first_row(self, piece: Shown) -> int | None:
        if piece not in self._first_rows:
            block = self._opened(piece.span)
            sections = () if block is None else block.sections
            firsts = [
                int(section.times[low])
                for section in sections
                if (low := int(np.searchsorted(section.times, piece.first))) < len(section.times)
            ]
            self._first_rows[piece] = min((first for first in firsts if first < piece.end), default=None)
        return self._first_rows[piece]

    def _change(self, new: Mapping[Span, File], gone: Iterable[Span]) -> None:
        """Other files are there now."""
        with self._lock:
            changed = {*new, *gone}
            for span in gone:
                self._files.pop(span, None)
            self._files.update(new)
            self._shown = shown(self._files)
            self.changes += 1
            self._first_rows = {
                piece: first for piece, first in self._first_rows.items() if piece.span not in changed
            }
            for span in changed:
                self._open.pop(span, None)
        # What is remembered of a file that is gone keeps its room on the disk.
        self._unpacked.forget({span.name for span in changed})

    def _opened(self, span: Span) -> Block | None:
        """A block, read when it was not; None where it is gone."""
        with self._lock:
            file = self._files.get(span)
            if span in self._open:
                self._open.move_to_end(span)
                return self._open[span]
        if file is None:
            return None
        block, damaged = self._read_block(span)
        with self._lock:
            if self._files.get(span) is not file:
                # It was sealed anew, merged or deleted while it was read: then look again what there is.
                return None
            block = self._open.setdefault(span, block)
            if len(self._open) > _OPEN_BLOCKS:
                self._open.popitem(last=False)
        self._note(damaged)
        return block

    def _read_block(self, span: Span) -> tuple[Block, list[Damage]]:
        try:
            sections, damaged = block_file.read(self.path(span), self._labels)
        except OSError as error:
            text = f"cannot be read ({error.strerror})"
            return Block(span, (), readable=False), [Damage(span.name, DamageKind.UNREADABLE, 0, 0, text)]
        return Block(span, tuple(sections)), damaged

    def _labels(self, data: bytes, count: int) -> tuple[Labels, ...]:
        """The label sets; the same object for the same bytes, as most blocks of a target have the same."""
        with self._lock:
            found = self._sets.get(data)
        if found is None:
            found = label_text.unpacked(data, count)
            with self._lock:
                found = self._sets.setdefault(data, found)
                if len(self._sets) > _REMEMBERED_SETS:
                    self._sets.popitem(last=False)
        return found


class _Brought:
    """Stretches, and whether any of them had rows."""

    def __init__(self, stretches: Iterable[AnyStretch]) -> None:
        self._stretches = stretches
        self.rows = False

    def __iter__(self) -> Iterator[AnyStretch]:
        for stretch in self._stretches:
            self.rows = self.rows or isinstance(stretch, Stretch)
            yield stretch


def _size(path: Path) -> int:
    """0 where the file system does not say it: reading the file will tell why."""
    with suppress(OSError):
        return path.stat().st_size
    return 0


def matching(sets: Sequence[Labels], accepts: Callable[[Labels], bool]) -> list[int]:
    """The positions of the label sets that are accepted."""
    return [position for position, labels in enumerate(sets) if accepts(labels)]
