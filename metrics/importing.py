"""Samples of the past into sealed blocks.

Only while no Showcall uses the folder. Everything was read and judged before the first block is written; each
block is then sealed on its own, whole or not at all, with what was in it before. Importing the same again
gives the same blocks, so an import that was cut short is made whole by repeating it.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from metrics import sealing
from metrics.disk.block_time import BLOCK_MS
from metrics.disk.shelf import Shelf
from metrics.disk.sparse_stretch import packed_points, sparse_stretch
from metrics.disk.spool import Spool
from metrics.values import Labels

ORIGIN = "import"
"""Whose series imported ones are."""


class Refusal(StrEnum):
    """Why a sample is not taken."""

    TOO_OLD = "too_old"
    NOT_OVER = "not_over"
    FUTURE = "future"


@dataclass(frozen=True, slots=True)
class Reach:
    """Which times are taken: those of 15 minutes that are over and still kept (milliseconds)."""

    now: int
    retention: int

    @property
    def first(self) -> int:
        """Where the first block begins that is kept."""
        return (self.now - self.retention) // BLOCK_MS * BLOCK_MS

    @property
    def end(self) -> int:
        """Where the block begins that is not over yet."""
        return self.now // BLOCK_MS * BLOCK_MS

    def refusal(self, at: int) -> Refusal:
        """Why a sample of a time that is not within reach is not taken."""
        if at < self.first:
            return Refusal.TOO_OLD
        return Refusal.FUTURE if at > self.now else Refusal.NOT_OVER


class NoRoomError(Exception):
    """The folder takes no more; the text says what was imported until then."""


class Intake:
    """Judges samples by their time and spools those that are taken.

    Args:
        reach: which times are taken.
        spool: None only to count.

    Attributes:
        series: the numbers of those with a sample that was taken.
        blocks: where the blocks of these samples begin, milliseconds.
        samples: how many were taken.
        refused: how many were not, by reason.
    """

    def __init__(self, reach: Reach, spool: Spool | None) -> None:
        self._first, self._end = reach.first, reach.end
        self._reach = reach
        self._spool = spool
        self.series: set[int] = set()
        self.blocks: set[int] = set()
        self.samples = 0
        self.refused: Counter[Refusal] = Counter()

    def take(self, series: int, at: int, value: float) -> None:
        """One sample at ``at`` milliseconds. Raises NoRoomError."""
        if not self._first <= at < self._end:
            self.refused[self._reach.refusal(at)] += 1
            return
        self.series.add(series)
        self.blocks.add(at - at % BLOCK_MS)
        self.samples += 1
        if self._spool is not None:
            try:
                self._spool.add(series, at, value)
            except OSError as error:
                raise _no_room(error, 0) from None


def seal(shelf: Shelf, spool: Spool, labels: Sequence[Labels]) -> Iterator[int]:
    """Seal what was spooled, oldest block first; the start of each block that is done.

    Args:
        labels: of each series by its number in the spool.

    Raises:
        NoRoomError: the block that was being written is as it was before.
    """
    done = 0
    try:
        blocks = spool.blocks()
        if blocks:
            _seal_rows(shelf, blocks[-1] + BLOCK_MS)
        for block in blocks:
            packed = ((labels[number], packed_points(*track)) for number, track in spool.taken(block))
            shelf.blocks.seal(block, [sparse_stretch(ORIGIN, packed)])
            done += 1
            yield block
    except OSError as error:
        raise _no_room(error, done) from None


def _seal_rows(shelf: Shelf, end: int) -> None:
    """Seal what lies in write-ahead files of blocks before ``end`` alone, and delete these.

    What is read back into memory from such files would hide what blocks of their time hold. Those with points
    that belong into later blocks stay; points may be ahead by minutes, so there is rarely one.
    """
    sealing.seal_rows_before(shelf, end)
    spare = sealing.seal_points_before(shelf, end)
    if any(block < end and block not in spare for block in shelf.unsealed()):
        raise NoRoomError("; ".join((*shelf.troubles, "nothing is imported")))
    shelf.forget_rows(end, spare)


def _no_room(error: OSError, blocks: int) -> NoRoomError:
    done = f"{blocks} blocks are imported, whole" if blocks else "nothing is imported"
    return NoRoomError(f"samples cannot be written ({error.strerror or error}); {done}")
