"""Who has reported in this round, and when the round is whole. No clock, no thread: the loop calls it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from collector.round import Round, TargetReport

PHASE_SECONDS = 0.3
CLOSE_SECONDS = 0.6


@dataclass(frozen=True, slots=True)
class Timing:
    """When, after a tick, rules are evaluated (``phase``) and a round is closed whoever is missing."""

    interval: float
    phase: float
    close: float

    @classmethod
    def of(cls, interval: float) -> "Timing":
        """300 and 600 ms, or the same parts of an interval under a second."""
        scale = min(interval, 1.0)
        return cls(interval, PHASE_SECONDS * scale, CLOSE_SECONDS * scale)


@dataclass(slots=True)
class RoundBoard:
    """The round that is open, if one is.

    Attributes:
        tick: its number.
        started: its tick in Unix seconds.
        opened: when the loop began, if that was later: rules are not evaluated for a time before it.
        lag: seconds by which the loop was late for it.
        waiting: targets due in it that have not reported.
    """

    timing: Timing
    tick: int = -1
    started: float = 0.0
    opened: float = 0.0
    lag: float = 0.0
    jump: float = 0.0
    is_open: bool = False
    waiting: set[str] = field(default_factory=set)

    def open(
        self, started: float, ticks: int, lag: float, jump: float, due: Iterable[str], *, opened: float = 0.0
    ) -> None:
        """Begin the next round. ``ticks`` is 1, or more when some were missed."""
        self.tick += ticks
        self.started, self.lag, self.jump, self.opened = started, lag, jump, opened
        self.waiting = set(due)
        self.is_open = True

    def report(self, target: str) -> bool:
        """A target has reported; whether the round is whole by that."""
        self.waiting.discard(target)
        return self.is_open and not self.waiting

    def close(self, reports: Mapping[str, TargetReport], slow: frozenset[str]) -> Round:
        """The round as it stands.

        Args:
            reports: the latest of every target.
            slow: targets that need not answer within this round; they are late only by their own time.
        """
        self.is_open = False
        late = self.waiting - slow
        there = tuple(report for name, report in reports.items() if name not in late)
        begun, ends = self.started, self.started + self.timing.interval
        fresh = [report.at for report in there if begun <= report.at < ends]
        at = max([begun + self.timing.phase, self.opened, *fresh])
        return Round(self.tick, at, self.timing.interval, there, tuple(sorted(late)), self.lag, self.jump)
