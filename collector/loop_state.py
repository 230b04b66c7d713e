"""What the scrape loop keeps of its targets, its events and itself."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from collector.deadline import Deadline
from collector.scrape import TargetScrape
from collector.steady_clock import SteadyClock
from collector.target import Target
from collector.tick_grid import Slot
from collector.together import Arrival


@dataclass(frozen=True, slots=True)
class ScrapeLoopHealth:
    """Counts since the loop began, and threads now.

    Attributes:
        rounds: closed.
        missed_ticks: of rounds, because the loop itself was late by an interval or more.
        missed_scrapes: ticks of targets, for the same reason or because the last look still ran.
        late_reports: targets that had not reported when their round was closed, summed over rounds.
        skipped_rounds: not evaluated, because the evaluation before took too long.
        round_errors: evaluations that raised.
        hanging: targets whose look did not come back at its deadline.
    """

    rounds: int
    missed_ticks: int
    missed_scrapes: int
    late_reports: int
    skipped_rounds: int
    round_errors: int
    workers: int
    hanging: int


@dataclass(slots=True)
class Running:
    """A look on its way.

    Attributes:
        at: Unix seconds, when it was handed to a worker.
        until: its deadline, monotonic seconds.
        publishing: it has come back and is being stored.
        abandoned: it did not come back in time; nobody wants its answer any more.
        asked: Unix seconds when its question was sent ahead; None where it was not.
    """

    at: float
    until: float
    publishing: bool = False
    abandoned: bool = False
    asked: float | None = None


@dataclass(slots=True)
class TargetState:
    """One target's place in the loop."""

    target: Target
    scrape: TargetScrape
    slot: Slot
    running: Running | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """A look that is due: whose, and the clocks that it goes by."""

    state: TargetState
    running: Running
    steady: SteadyClock
    monotonic: Callable[[], float]

    def ask(self) -> int | None:
        """Send its question ahead; see ``collector.together``."""
        left = self.running.until - self.monotonic()
        if left <= 0:
            return None
        asked = self.steady.now()
        target = self.state.target
        descriptor = self.state.scrape.ask(Deadline(time.monotonic() + left, target.timeout))
        self.running.asked = None if descriptor is None else asked
        return descriptor

    def arrived(self) -> Arrival:
        """How much of its answer is there."""
        return self.state.scrape.arrived()


@dataclass(slots=True)
class Counts:
    """What the loop's own thread counts."""

    rounds: int = 0
    missed_ticks: int = 0
    missed_scrapes: int = 0
    late_reports: int = 0


class Event(NamedTuple):
    """What is due at a monotonic time; a round opens before its targets are asked."""

    due: float
    order: int
    name: str
    round_tick: int = -1
