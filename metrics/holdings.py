"""What the files of a store hold, read without changing any of them, also while a Showcall writes them."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from metrics import sealing
from metrics.disk import block_file, label_text, recovery
from metrics.disk.block_file import Decode, Section
from metrics.disk.block_time import BLOCK_MS, Shown, Span, block_name, block_span, merged_span, shown
from metrics.disk.damage import Damage, DamageKind
from metrics.disk.pushes import Push
from metrics.disk.rows import Row
from metrics.disk.sparse_stretch import unpacked_points
from metrics.disk.stretch import Stretch, unpacked_series
from metrics.feed import Feed
from metrics.promql.frame import Times
from metrics.promql.source import ABSENT
from metrics.sealing import Points
from metrics.series_index import SeriesIndex
from metrics.track import NOTHING, Track, between, picked
from metrics.values import Labels

_OPEN_BLOCKS = 64
_REMEMBERED_SETS = 64


class ChangedError(Exception):
    """A file took the place of one that was being read."""


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """Series of one origin in one stretch of time.

    Attributes:
        digest: equal ones mean equal label sets.
        times: of the rows of its file; empty where its series have timestamps of their own.
        most: how many points a series of it has at most; one a second where it has timestamps of its own.
        labels: of its series, unless they were not asked for.
        track: the points of the series with a number; none where they are damaged.
    """

    origin: str
    digest: bytes
    times: Times
    most: int
    labels: Sequence[Labels]
    track: Callable[[int], Track]


class Holdings:
    """The sealed blocks of a folder, and the rows that are not sealed yet, within [first, last] milliseconds.

    Rows that are not sealed are read at once and kept packed; what comes later is not seen.

    Attributes:
        starts: where stretches of time begin that files tell of, ascending, milliseconds.
        damage: what could not be read until now, each piece once.

    Raises:
        OSError: the folder cannot be read.
    """

    def __init__(self, folder: Path, first: int, last: int) -> None:
        self._folder = folder
        self.damage: dict[Damage, None] = {}
        self._rows = self._read_rows(first, last)
        # In this order a block that is sealed meanwhile is seen twice, which does no harm.
        files = filter(None, (block_span(path.name) for path in folder.iterdir()))
        told = [piece for piece in shown(files) if piece.end > first and piece.first <= last]
        self._told = {piece.first: piece for piece in told}
        self._states = {piece.span: self._state(piece.span) for piece in told}
        held = {start for piece in told for start in _blocks(piece)}
        self.starts = tuple(sorted({*self._told, *(self._rows.keys() - held)}))
        self._labels = lru_cache(_REMEMBERED_SETS)(label_text.unpacked)
        self._sections = lru_cache(_OPEN_BLOCKS)(self._read_block)

    def sheets(self, start: int, *, with_labels: bool = False) -> list[Sheet]:
        """What is told of the time that begins there; of a block that was deleted meanwhile nothing.

        Raises:
            ChangedError: another file has taken the place of one.
        """
        piece = self._told.get(start)
        if piece is None:
            return self._rows[start]
        rows = [sheet for block in _blocks(piece) for sheet in self._rows.get(block, ())]
        read = self._read_block if with_labels else self._sections
        sections = read(piece.span, self._labels if with_labels else _none)
        return [*(self._sheet(section, piece, _hidden(section, rows)) for section in sections), *rows]

    def _sheet(self, section: Section, piece: Shown, hidden: Sequence[tuple[int, int]]) -> Sheet:
        def track(number: int) -> Track:
            try:
                found = between(section.track(number), piece.first, piece.end)
            except ValueError as error:
                self.damage[section.damage(number, error)] = None
                return NOTHING
            for first, end in hidden:
                found = picked(found, (found.times < first) | (found.times >= end))
            return found

        most = len(section.times) or (piece.end - piece.first) // 1000
        return Sheet(section.origin, section.digest, section.times, most, section.labels, track)

    def _read_block(self, span: Span, labels_of: Decode) -> list[Section]:
        path = self._folder / span.name
        try:
            sections, damaged = block_file.read(path, labels_of)
        except FileNotFoundError:
            if (self._folder / merged_span(span.start).name).exists():
                raise _changed(path) from None
            return []
        except OSError as error:
            text = f"cannot be read ({error.strerror})"
            sections, damaged = [], [Damage(path.name, DamageKind.UNREADABLE, 0, 0, text)]
        if self._state(span) not in (self._states[span], None):
            raise _changed(path)
        self.damage.update(dict.fromkeys(damaged))
        return sections

    def _state(self, span: Span) -> tuple[int, int] | None:
        """What tells a file from one that took its place."""
        with suppress(FileNotFoundError):
            found = (self._folder / span.name).stat()
            return found.st_ino, found.st_ctime_ns
        return None

    def _unsealed(self, block: int) -> bool:
        """Whether a write-ahead file was written to after its block was sealed."""
        with suppress(FileNotFoundError):
            sealed = (self._folder / block_name(block)).stat().st_mtime
            files = recovery.wal_files(self._folder)
            return any(path.stat().st_mtime > sealed for start, path in files if start == block)
        return True

    def _read_rows(self, first: int, last: int) -> dict[int, list[Sheet]]:
        """What lies in write-ahead files alone, as it would be sealed; every origin keeps what it brought.

        All is replayed in the order of the files: where the clock was set back, rows end what was before.
        Pushes bring points into other blocks than their own.
        """
        feeds: dict[str, tuple[Feed, SeriesIndex]] = {}
        pushes: list[Push] = []
        files = recovery.wal_files(self._folder)
        unsealed = {block for block, _ in files if self._unsealed(block)}
        for block, path in files:
            for found in self._whole(path):
                if isinstance(found, Push):
                    pushes.append(found)
                elif block in unsealed:
                    _recall(found, feeds)
        points = sealing.alone(pushes)
        blocks = unsealed.union(*map(sealing.blocks_of, pushes))
        wanted = [block for block in blocks if block + BLOCK_MS > first and block <= last]
        return {block: [*_rows(block, feeds), *_points(block, points)] for block in wanted}

    def _whole(self, path: Path) -> Iterator[Row | Push]:
        for found in recovery.read_all(path):
            if not isinstance(found, Damage):
                yield found
            elif path.exists():  # one that is gone was deleted since it was listed: its block was sealed
                self.damage[found] = None


def _changed(path: Path) -> ChangedError:
    return ChangedError(f"{path}: sealed anew or merged while it was read; export again")


def _blocks(piece: Shown) -> range:
    """Where the 15 minutes begin that a piece tells of."""
    return range(piece.first, piece.end, BLOCK_MS)


def _hidden(section: Section, rows: Sequence[Sheet]) -> list[tuple[int, int]]:
    """The times of which rows of the same origin tell that are not sealed yet: from their first one on."""
    if section.sparse:
        return []
    firsts = (int(sheet.times[0]) for sheet in rows if sheet.origin == section.origin and len(sheet.times))
    return [(first, first // BLOCK_MS * BLOCK_MS + BLOCK_MS) for first in firsts]


def _none(_data: bytes, _count: int) -> tuple[Labels, ...]:
    """Label sets that are not asked for."""
    return ()


def _recall(row: Row, feeds: dict[str, tuple[Feed, SeriesIndex]]) -> None:
    if row.origin not in feeds:
        index = SeriesIndex()
        feeds[row.origin] = Feed(row.origin, index), index
    feeds[row.origin][0].recall(row)


def _rows(block: int, feeds: Mapping[str, tuple[Feed, SeriesIndex]]) -> Iterator[Sheet]:
    for origin, (feed, index) in feeds.items():
        found = sealing.stretch(origin, feed.grid.view, index, block)
        if found is not None:
            yield _of_rows(found)


def _points(block: int, points: Iterable[Points]) -> Iterator[Sheet]:
    for found in sealing.points_within(block, points):
        track, most = _unpacking(found.packed), BLOCK_MS // 1000
        yield Sheet(found.origin, _digest(found.labels), NOTHING.times, most, found.labels, track)


def _unpacking(packed: Sequence[bytes]) -> Callable[[int], Track]:
    return lambda number: unpacked_points(packed[number])


def _of_rows(stretch: Stretch) -> Sheet:
    times, packed = stretch.times, stretch.packed

    def track(number: int) -> Track:
        values, states = unpacked_series(packed[number], len(times))
        return picked(Track(times, values, states), states != ABSENT)

    return Sheet(stretch.origin, _digest(stretch.labels), times, len(times), stretch.labels, track)


def _digest(labels: Sequence[Labels]) -> bytes:
    return hashlib.blake2b(label_text.packed(labels), digest_size=16).digest()
