"""Merging old blocks: the 15 minutes of two hours become one file, which takes less room and is read sooner.

The merged file is written beside, made safe and renamed, then its parts are deleted. Killed in between,
merged file and parts tell the same, and the next start finds more than one file for these two hours: they are
merged again. So is what was sealed anew within hours that are merged already.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import structlog

from metrics.disk.block_file import Writer
from metrics.disk.block_time import BLOCK_MS, HOUR_MS, Span, merged_span
from metrics.disk.blocks import Blocks, File, Window
from metrics.disk.cutting import Piece, put_together
from metrics.disk.damage import Damage

SETTLED_MS = HOUR_MS
"""So long after their end nobody seals parts anew, as a rule."""
_TURN_SECONDS = 0.2
_AGAIN_SECONDS = 600.0
_LEFT_FREE = 64 * 2**20
"""Bytes that a merge leaves free on the disk: write-ahead files go first."""

Parts = Mapping[Span, File]


def due(files: Mapping[Span, File], now: int, ahead: frozenset[int]) -> Span | None:
    """The oldest merged block that is to be made now; None without any.

    Args:
        now: the newest row, milliseconds.
        ahead: 15 minutes with rows that may lie in no block yet, by their start.
    """
    for span in sorted({merged_span(each.start) for each in files}):
        if span.end + SETTLED_MS > now:
            return None
        settled = ahead.isdisjoint(range(span.start, span.end, BLOCK_MS))
        if settled and len(parts_of(span, files)) > 1:
            return span
    return None


def parts_of(span: Span, files: Mapping[Span, File]) -> Parts:
    """The files that a merged block is made of; one that has its name is among them."""
    return {each: file for each, file in files.items() if merged_span(each.start) == span}


class Merging:
    """Merges blocks, some milliseconds of work at a time. For the store's own thread.

    Args:
        note: takes damage when it is found.
        hurried: asked between two series: True while something is at work that goes first.
    """

    def __init__(
        self,
        blocks: Blocks,
        note: Callable[[list[Damage]], None],
        hurried: Callable[[], bool] = lambda: False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._blocks, self._note = blocks, note
        self._hurried, self._monotonic = hurried, monotonic
        self._merge: _Merge | None = None
        self._unreadable: set[Span] = set()
        self._not_before = 0.0
        self._trouble = ""
        self.merged = 0

    def turn(self, now: int, ahead: Callable[[], frozenset[int]]) -> None:
        """Begin a merge that is due, or go on with the present one for a moment.

        A disk that is full or broken leaves the parts; it is tried again later.

        Args:
            now, ahead: as for ``due``.
        """
        until = self._monotonic() + _TURN_SECONDS
        try:
            if self._merge is None:
                self._begin(now, ahead)
            if self._merge is not None and self._goes_on(self._merge, until):
                self._merge = None
        except OSError as error:
            if self._merge is not None:
                self._merge.abandon()
            self._merge = None
            self._wait(error)

    def _begin(self, now: int, ahead: Callable[[], frozenset[int]]) -> None:
        if self._monotonic() < self._not_before:
            return
        files = {
            each: file
            for each, file in self._blocks.files.items()
            if merged_span(each.start) not in self._unreadable
        }
        # Most of the time nothing is due, whatever lies ahead.
        if due(files, now, frozenset()) is None:
            return
        span = due(files, now, ahead())
        if span is None:
            return
        windows = self._blocks.between(span.start, span.end - 1)
        if all(window.block.readable for window in windows):
            self._merge = _Merge(self._blocks, span, windows, self._note)
        else:
            self._unreadable.add(span)

    def _goes_on(self, merge: "_Merge", until: float) -> bool:
        """Whether the merge is done."""
        for _ in merge.steps:
            if self._hurried() or self._monotonic() >= until:
                merge.settle()
                return False
        self.merged += merge.finish()
        self._trouble = ""
        return True

    def _wait(self, error: OSError) -> None:
        self._not_before = self._monotonic() + _AGAIN_SECONDS
        text = error.strerror or str(error)
        if text != self._trouble:
            structlog.get_logger().warning("store_blocks_not_merged", error=text)
        self._trouble = text


class _Merge:
    """One merge. Raises OSError when the disk does not take it."""

    def __init__(
        self, blocks: Blocks, span: Span, windows: Sequence[Window], note: Callable[[list[Damage]], None]
    ) -> None:
        self._blocks, self._span = blocks, span
        self._parts = parts_of(span, blocks.files)
        path = blocks.path(span)
        if shutil.disk_usage(path.parent).free < _LEFT_FREE + sum(file.size for file in self._parts.values()):
            raise OSError("too little room on the disk")
        self._writer = Writer(path)
        self.steps = self._steps(windows, note)

    def settle(self) -> None:
        """Make what is written safe."""
        self._writer.settle()

    def finish(self) -> bool:
        """Put the block in its place, unless its parts have changed meanwhile; whether that was done."""
        if parts_of(self._span, self._blocks.files) != self._parts:
            self.abandon()
            return False
        self._blocks.adopt(self._span, self._writer.finish(), self._parts)
        return True

    def abandon(self) -> None:
        """Leave no trace."""
        self._writer.abandon()

    def _steps(self, windows: Sequence[Window], note: Callable[[list[Damage]], None]) -> Iterator[None]:
        """The work; stops again and again."""
        pieces: dict[tuple[str, bool], list[Piece]] = {}
        for window in windows:
            for section in window.sections:
                pieces.setdefault((section.origin, section.sparse), []).append(window.piece(section))
        for _, some in sorted(pieces.items(), key=lambda each: each[0]):
            yield from put_together(some, self._writer, note)
