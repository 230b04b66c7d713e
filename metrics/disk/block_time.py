"""Stretches of the wall clock that are sealed and merged together, and what their files are called."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

HOUR_MS = 3_600_000
BLOCK_MS = 15 * 60 * 1000
"""Length of a block as it is sealed."""
MERGED_MS = 2 * HOUR_MS
"""Length of what old blocks are merged into."""

_FORM = "%Y%m%dT%H%M%SZ"
_WAL = re.compile(r"(\d{8}T\d{6}Z)-(\d+)\.wal")
_BLOCK = re.compile(r"(\d{8}T\d{6}Z)(-2h)?\.block")


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The time that a block's file is for: start and length in milliseconds."""

    start: int
    length: int = BLOCK_MS

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.start + self.length

    @property
    def name(self) -> str:
        """The name of the file."""
        return f"{_text(self.start)}{'' if self.length == BLOCK_MS else '-2h'}.block"


@dataclass(frozen=True, slots=True)
class Shown:
    """What a file tells of: its time from ``first`` up to ``end``, milliseconds."""

    span: Span
    first: int
    end: int


def shown(files: Iterable[Span]) -> list[Shown]:
    """Which file tells of which time, oldest first.

    A block that was sealed where a merged one is there already has taken in what that held of its 15 minutes,
    so it alone tells of them, until both are merged. The parts of a merged one that were not deleted yet tell
    the same as it does.
    """
    every = sorted(files)
    sealed = {span.start for span in every if span.length == BLOCK_MS}
    return sorted((piece for span in every for piece in _pieces(span, sealed)), key=lambda piece: piece.first)


def _pieces(span: Span, sealed: set[int]) -> Iterable[Shown]:
    if span.length == BLOCK_MS:
        yield Shown(span, span.start, span.end)
        return
    first = span.start
    for start in range(span.start, span.end, BLOCK_MS):
        if start in sealed:
            if first < start:
                yield Shown(span, first, start)
            first = start + BLOCK_MS
    if first < span.end:
        yield Shown(span, first, span.end)


def merged_span(start: int) -> Span:
    """The merged block that a time belongs into."""
    return Span(start // MERGED_MS * MERGED_MS, MERGED_MS)


def wal_name(block: int, number: int) -> str:
    """The name of a write-ahead file: the start of its block, and its number among all of the store's."""
    return f"{_text(block)}-{number}.wal"


def wal_place(name: str) -> tuple[int, int] | None:
    """Start of the block (milliseconds) and number of a write-ahead file; None for another file."""
    found = _WAL.fullmatch(name)
    return None if found is None else (_start(found[1]), int(found[2]))


def block_name(block: int) -> str:
    """The name of a sealed block's file."""
    return Span(block).name


def block_span(name: str) -> Span | None:
    """The time of a block by the name of its file; None for another file."""
    found = _BLOCK.fullmatch(name)
    if found is None:
        return None
    return Span(_start(found[1]), BLOCK_MS if found[2] is None else MERGED_MS)


def block_start(name: str) -> int | None:
    """Where a block of 15 minutes begins by the name of its file; None for another file."""
    span = block_span(name)
    return None if span is None or span.length != BLOCK_MS else span.start


def _text(block: int) -> str:
    return datetime.fromtimestamp(block / 1000, UTC).strftime(_FORM)


def _start(text: str) -> int:
    return int(datetime.strptime(text, _FORM).replace(tzinfo=UTC).timestamp()) * 1000
