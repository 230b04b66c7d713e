"""A log file: which events it tells of, and its newest lines.

Each look reads what was added, within a budget of bytes and half of its time; the rest is read by the next
looks. Counters begin at 0 when Showcall starts and count what is written from then on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from collector.deadline import Deadline
from collector.log_file import Chunk, ChunkKind, LogFile
from collector.log_groups import MOST_GROUPS, groups_of
from collector.log_lines import LogExtract
from collector.log_patterns import LogPatterns
from collector.log_records import LogRecords
from collector.log_splitter import LineSplitter
from collector.round import ErrorKind
from collector.source import Finding, Measured, Scraped, ScrapeError, gauges, measured
from metrics.values import Metadata

BYTES_A_LOOK = 4 * 1024 * 1024
STANDING_SECONDS = 5.0

METADATA = gauges(
    {
        "log_file_size_bytes": "Size of the file that is being read.",
        "log_file_unread_bytes": "How much of it is still to be read.",
        "log_file_up": "Whether there is a file at the path that can be read.",
    }
) | {
    name: Metadata("counter", text)
    for name, text in {
        "log_events_total": "Lines that match a pattern, since Showcall started; a stack trace counts once.",
        "log_lines_total": "Lines read.",
        "log_read_bytes_total": "Bytes read.",
        "log_dropped_bytes_total": "Bytes passed over: in too long lines, or because reading was behind.",
        "log_rotations_total": "Times that another file took this one's place.",
        "log_truncations_total": "Times that the file was cut and begun again.",
    }.items()
}


@dataclass(frozen=True, slots=True)
class LogSettings:
    """Which file, and own patterns (name -> RE2 expression) beside the published ones."""

    file: Path
    patterns: Mapping[str, str]


class LogSource:
    """Follows one file."""

    def __init__(self, target: str, settings: LogSettings) -> None:
        self._target = target
        self._path = settings.file
        self._patterns = LogPatterns(settings.patterns)
        self._file = LogFile(settings.file)
        self._splitter = LineSplitter()
        self._records = LogRecords(self._patterns)
        self._added_at = 0.0
        self._labels = tuple(labels for labels, _ in self._samples())

    def fetch(self, at: float, deadline: Deadline) -> Scraped:
        """Read on. A file that was renamed away is read to its end first, and said in the finding."""
        self._records.begin(at)
        try:
            self._read_on(at, deadline)
        except ScrapeError as error:
            raise error.with_verdict((self._up(value=False),)) from None
        values = np.array([value for _, value in self._samples()], dtype=np.float64)
        finding = Finding(ErrorKind.GONE, f"there is no file {self._path}") if self._file.missing else None
        return Scraped(self._labels, values, METADATA, (self._up(value=finding is None),), finding)

    def extract(self, now: float, seconds: float) -> LogExtract:
        """The newest lines, see ``LogReader``."""
        kept = self._records.between(now - seconds, now)
        groups = groups_of(kept.records, self._patterns.names)
        given = groups[:MOST_GROUPS]
        lines = sum(group.count for group in given)
        dropped = kept.pushed_out + len(kept.records) - lines
        return LogExtract(self._target, str(self._path.resolve()), kept.begins_at, now, given, lines, dropped)

    def close(self) -> None:
        """Close the file; the next look goes on where this one ended."""
        self._file.close()

    def _read_on(self, at: float, deadline: Deadline) -> None:
        for chunk in self._file.chunks(at, BYTES_A_LOOK):
            self._added_at = at
            self._records.take(self._lines_in(chunk), at)
            if deadline.left() < deadline.given / 2:
                break
        if self._splitter.has_begun and at - self._added_at >= STANDING_SECONDS:
            self._records.take(self._splitter.end(), at)

    def _lines_in(self, chunk: Chunk) -> list[bytes]:
        if chunk.kind is ChunkKind.DATA:
            return self._splitter.feed(chunk.data)
        if chunk.kind is ChunkKind.GAP:
            self._splitter.pass_over()
            return []
        lines = self._splitter.end()
        self._splitter.restart()
        return lines

    def _up(self, *, value: bool) -> Measured:
        return measured("log_file_up", float(value), target=self._target)

    def _samples(self) -> list[Measured]:
        size, unread = self._file.unread()
        read, target = self._file.counts, self._target
        events = zip(self._patterns.names, self._records.events, strict=True)
        return [
            *(measured("log_events_total", n, pattern=name, target=target) for name, n in events),
            measured("log_lines_total", self._records.lines, target=target),
            measured("log_read_bytes_total", read.read, target=target),
            measured("log_dropped_bytes_total", self._splitter.cut, reason="too_long", target=target),
            measured("log_dropped_bytes_total", read.skipped, reason="behind", target=target),
            measured("log_rotations_total", read.rotations, target=target),
            measured("log_truncations_total", read.truncations, target=target),
            measured("log_file_size_bytes", size, target=target),
            measured("log_file_unread_bytes", unread, target=target),
        ]
