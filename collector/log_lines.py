"""What a followed log has to say of a span of time: its newest lines, grouped by template."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LogGroup:
    """Lines that differ only in numbers, ids and quoted words.

    Attributes:
        template: the line with what varies replaced, e.g. ``took <n> ms``.
        count: lines of the span with this template; a stack trace belongs to its first line.
        pattern: name of the pattern that its lines match (as in ``log_events_total``), None without one.
        first_at, last_at: Unix seconds of the oldest and the newest of them.
        example: the newest of them as written, its stack trace included.
        last_lines: the newest of them, oldest first, without stack traces; at most five.
    """

    template: str
    count: int
    pattern: str | None
    first_at: float
    last_at: float
    example: str
    last_lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LogExtract:
    """What one log said between two points in time.

    Attributes:
        target: name of the log target.
        file: path of the file.
        from_at, to_at: Unix seconds, both included; ``from_at`` is later than what was asked for when older
            lines are not kept any more.
        groups: those that match a pattern first, then the most frequent, then the newest.
        lines_read: lines of the span that the groups count.
        dropped: lines that are not in here although they may belong here: pushed out by newer ones.
    """

    target: str
    file: str
    from_at: float
    to_at: float
    groups: tuple[LogGroup, ...]
    lines_read: int
    dropped: int


class LogReader(Protocol):
    """The newest lines of one log target; may be asked from any thread, never waits for the file."""

    def extract(self, now: float, seconds: float) -> LogExtract:
        """What the log said in the ``seconds`` before ``now`` (Unix seconds)."""


LogReaders = Mapping[str, LogReader]
"""By target name, in the order of the configuration; ``collector.sources.log_readers`` makes it."""
