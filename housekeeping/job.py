"""A job, and what is known of it: values only."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from housekeeping.schedule import Schedule


class JobOutcome(StrEnum):
    """How the last run of a job ended."""

    NEVER = "never"  # it has not run yet
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"  # Showcall was stopped; it goes on after the next start
    DIED = "died"  # the process ended while it ran


class JobError(RuntimeError):
    """A job could not do its work; the text says what is in the way and what to do."""


class StoppedError(Exception):
    """Showcall stops: the job has left its work at a point where it may be left."""


class Stop:
    """Asked by jobs between two steps."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def ask(self) -> None:
        """From now on jobs end at their next step."""
        self._event.set()

    @property
    def asked(self) -> bool:
        """Whether jobs should end."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise StoppedError when jobs should end."""
        if self._event.is_set():
            raise StoppedError

    def pause(self, seconds: float) -> None:
        """Let others have their turn; raise StoppedError when jobs should end."""
        self._event.wait(seconds)
        self.check()


Work = Callable[[float, Stop], str]
"""Does a job once: the time (Unix seconds) and the stop in, one line about what was done out."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job.

    Attributes:
        name: in SQL, metrics and docs.
        title: how people read it.
        heavy: it reads or writes much: it waits while a lever is held.
    """

    name: str
    title: str
    schedule: Schedule
    work: Work
    heavy: bool = False


@dataclass(frozen=True, slots=True)
class JobState:
    """What SQL knows of a job; times are Unix seconds.

    Attributes:
        due_at: when it is due next.
        started_at, ended_at: of the last run; ``succeeded_at``: when one last ended well.
        seconds: length of the last run.
        text: what the last run did, or why it could not.
        runs: all that began; ``failures`` and ``cut_short`` of them did not end well.
        in_a_row: runs since the last good one.
        postponed_since: since when it is due and waits for calm, None while it does not.
    """

    name: str
    due_at: float
    outcome: JobOutcome = JobOutcome.NEVER
    started_at: float | None = None
    ended_at: float | None = None
    succeeded_at: float | None = None
    seconds: float | None = None
    text: str = ""
    runs: int = 0
    failures: int = 0
    cut_short: int = 0
    in_a_row: int = 0
    postponed_since: float | None = None


def begun(state: JobState, now: float) -> JobState:
    """The job as it is while it runs."""
    return replace(
        state, outcome=JobOutcome.RUNNING, started_at=now, ended_at=None, runs=state.runs + 1,
        postponed_since=None, text="",
    )  # fmt: skip


def ended(
    state: JobState, outcome: JobOutcome, text: str, *, due_at: float, now: float, seconds: float | None
) -> JobState:
    """The job after a run of so many seconds (None: not known)."""
    good = outcome is JobOutcome.DONE
    return replace(
        state,
        outcome=outcome,
        ended_at=now,
        succeeded_at=now if good else state.succeeded_at,
        seconds=seconds,
        text=text,
        due_at=due_at,
        failures=state.failures + (outcome is JobOutcome.FAILED),
        cut_short=state.cut_short + (outcome in {JobOutcome.STOPPED, JobOutcome.DIED}),
        in_a_row=0 if good else state.in_a_row + (outcome is not JobOutcome.STOPPED),
    )
