"""The newest records of a log. A record is a line with the lines that belong to it, e.g. its stack trace."""

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from collector.log_line import begins_with_time, continues, time_of
from collector.log_patterns import LogPatterns

MOST_RECORDS = 2000
MOST_BYTES = 1024 * 1024
LONGEST_FIRST = 4096
LONGEST_REST = 16 * 1024
OPEN_SECONDS = 2.0
TRUSTED_SECONDS = 300.0
SECONDS_REMEMBERED = 3600


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One record as kept.

    Attributes:
        at: Unix seconds; of the line where it says so, else of the look that found it.
        first: the line, at most 4 KiB of it.
        rest: the lines that belong to it, at most 16 KiB of them.
        patterns: what its lines match, as positions in ``LogPatterns.names``.
    """

    at: float
    first: bytes
    rest: tuple[bytes, ...]
    patterns: tuple[int, ...]


@dataclass(slots=True)
class _Record:
    seen_at: float
    first: bytes
    timed: bool
    rest: list[bytes]
    size: int
    patterns: list[int]


@dataclass(frozen=True, slots=True)
class Kept:
    """The records of a span, oldest first; ``begins_at`` says since when all are there.

    Attributes:
        pushed_out: records of the span that newer ones pushed out.
    """

    records: tuple[LogRecord, ...]
    begins_at: float
    pushed_out: int


class LogRecords:
    """Takes lines, counts events, keeps the newest records within bounds. Read from any thread.

    A pattern counts once a record: the causes in a stack trace repeat one failure's text.

    Attributes:
        events: by pattern, since the beginning.
        lines: since the beginning.
    """

    def __init__(self, patterns: LogPatterns) -> None:
        self.events = [0] * len(patterns.names)
        self.lines = 0
        self._patterns = patterns
        self._records: deque[_Record] = deque()
        self._bytes = 0
        self._began_at: float | None = None
        self._pushed_out: deque[tuple[float, int]] = deque(maxlen=SECONDS_REMEMBERED)
        self._lock = threading.Lock()

    def take(self, lines: Iterable[bytes], at: float) -> None:
        """Lines that were found at ``at`` (Unix seconds), in their order."""
        with self._lock:
            for line in lines:
                self.lines += 1
                if line and not line.isspace():
                    self._take(line, at)
            self._push_out()

    def begin(self, at: float) -> None:
        """The log is followed since now."""
        if self._began_at is None:
            self._began_at = at

    def between(self, begin: float, end: float) -> Kept:
        """The records with a time from ``begin`` to ``end``."""
        with self._lock:
            records = [_finished(record) for record in self._records]
            pushed_out = sum(count for at, count in self._pushed_out if begin <= at <= end)
            began = end if self._began_at is None else self._began_at
        if pushed_out and records:
            began = max(began, records[0].at)
        inside = sorted((one for one in records if begin <= one.at <= end), key=lambda one: one.at)
        return Kept(tuple(inside), min(max(begin, began), end), pushed_out)

    def _take(self, line: bytes, at: float) -> None:
        record = self._records[-1] if self._records else None
        timed = begins_with_time(line)
        if record is None or at - record.seen_at > OPEN_SECONDS or not continues(line, timed, record.timed):
            first = line[:LONGEST_FIRST]
            record = _Record(at, first, timed, [], len(first), [])
            self._bytes += len(first)
            self._records.append(record)
        elif record.size + len(line) <= LONGEST_FIRST + LONGEST_REST:
            record.rest.append(line)
            record.size += len(line)
            self._bytes += len(line)
        for index in self._patterns.found_in(line):
            if index not in record.patterns:
                record.patterns.append(index)
                self.events[index] += 1

    def _push_out(self) -> None:
        out = 0
        seen_at = 0.0
        while len(self._records) > MOST_RECORDS or self._bytes > MOST_BYTES:
            record = self._records.popleft()
            self._bytes -= record.size
            if out and record.seen_at != seen_at:
                self._pushed_out.append((seen_at, out))
                out = 0
            seen_at, out = record.seen_at, out + 1
        if out:
            self._pushed_out.append((seen_at, out))


def _finished(record: _Record) -> LogRecord:
    said = time_of(record.first)
    believed = said is not None and 0 <= record.seen_at - said <= TRUSTED_SECONDS
    at = said if said is not None and believed else record.seen_at
    return LogRecord(at, record.first, tuple(record.rest), tuple(record.patterns))
