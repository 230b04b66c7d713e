"""Looks every few seconds at what is due, and runs it on a small pool of threads.

The looking turns on monotonic time and decides by what SQL knows, so that a clock that was set, a night
without power or a restart change nothing: what was missed is done once. apscheduler runs each job at most
once at a time.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.exc import SQLAlchemyError

from database import Database
from housekeeping import job_store
from housekeeping.daemon_threads import DaemonThreads
from housekeeping.decision import (
    JobReason,
    JobVerdict,
    after_failure,
    after_success,
    complaint,
    decide,
    due_at,
)
from housekeeping.job import Job, JobError, JobOutcome, JobState, Stop, StoppedError, begun, ended
from housekeeping.schedule import first_due
from own_loops import KnownTroubleError, LoopReport, NewestFirstLoop

LOOK_SECONDS = 10.0
THREADS = 2
WRITE_AGAIN_SECONDS = 5.0


class NotLookedError(KnownTroubleError):
    """The jobs could not be looked at; the text says why."""


@dataclass(frozen=True, slots=True)
class JobStatus:
    """A job for people: what is known of it, when it is due, and what is wrong (empty when nothing is)."""

    job: Job
    state: JobState
    due_at: float
    complaint: str


class Housekeeping:
    """The jobs of one Showcall.

    Args:
        held: whether a lever is held now.
        patience: seconds that heavy jobs wait while one is.
        clock: Unix seconds.
    """

    def __init__(
        self,
        database: Database,
        jobs: Sequence[Job],
        *,
        held: Callable[[], bool],
        patience: float,
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._jobs = {job.name: job for job in jobs}
        self._held, self._patience, self._clock = held, patience, clock
        self._stop = Stop()
        self._change = threading.Condition()
        self._states: Mapping[str, JobState] = {}
        self._running: set[str] = set()
        self._loop = NewestFirstLoop[None](
            "housekeeping", lambda _: self.look(), idle=LOOK_SECONDS, on_idle=self.look
        )
        self._scheduler = BackgroundScheduler(
            executors={"default": DaemonThreads(THREADS)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
            daemon=True,
        )

    def start(self) -> None:
        """Begin to look."""
        self._scheduler.start()
        self._loop.start()

    def stop(self, within: float) -> bool:
        """Ask running jobs to end at their next step, and wait for that; False when one has not in time."""
        end = time.monotonic() + within
        self._stop.ask()
        self._loop.stop(within)
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        with self._change:
            return self._change.wait_for(lambda: not self._running, max(0.0, end - time.monotonic()))

    def look(self) -> None:
        """Decide about every job, and begin what is due.

        Raises:
            NotLookedError: the database does not answer or takes nothing.
        """
        now = self._clock()
        try:
            self._recall(now)
            held = self._held()
            for job in self._jobs.values():
                self._consider(job, held, now)
            with self._database.transaction() as tx:
                job_store.looked(tx, now)
        except SQLAlchemyError as error:
            raise NotLookedError(_one_line(error)) from None

    def report(self) -> LoopReport:
        """How the looking does."""
        return self._loop.report()

    def statuses(self) -> tuple[JobStatus, ...]:
        """Every job as last known; nothing is read, and nobody is waited for."""
        now, known = self._clock(), self._states
        return tuple(
            JobStatus(job, known[name], due_at(job, known[name], now), complaint(known[name], now))
            for name, job in self._jobs.items()
            if name in known
        )

    def recall(self) -> None:
        """Read what is known before the first look, so that pages can show it."""
        self._recall(self._clock())

    def _recall(self, now: float) -> None:
        """What SQL knows: another process may have made a backup; a run of one that is gone has died."""
        with self._change:
            with self._database.reading() as connection:
                stored = job_store.known(connection)
            fresh = {
                name: self._states[name] if name in self._running else _as_left(job, stored.get(name), now)
                for name, job in self._jobs.items()
            }
            changed = [state for name, state in fresh.items() if state != stored.get(name)]
            if changed:
                self._save(changed, now)
            self._states = fresh

    def _consider(self, job: Job, held: bool, now: float) -> None:
        state = self._states[job.name]
        decision = decide(job, state, held=held, patience=self._patience, now=now)
        if decision.verdict is JobVerdict.RUN:
            self._begin(job, state, now)
        elif decision.verdict is JobVerdict.POSTPONE and state.postponed_since is None:
            structlog.get_logger().info("job_postponed", job=job.name, reason=JobReason.LEVER_HELD.value)
            self._keep(replace(state, postponed_since=now), now)

    def _begin(self, job: Job, state: JobState, now: float) -> None:
        if self._stop.asked:
            return
        self._keep(begun(state, now), now)
        with self._change:
            self._running.add(job.name)
        # An id for each run: the executor may not have done yet with the one before.
        self._scheduler.add_job(self._run, args=(job,), id=f"{job.name}-{state.runs + 1}")

    def _run(self, job: Job) -> None:
        began = time.monotonic()
        outcome, text = self._worked(job)
        now = self._clock()
        state = self._states[job.name]
        if outcome is JobOutcome.DONE:
            due = after_success(job, now)
        elif outcome is JobOutcome.STOPPED:
            due = now
        else:
            due = after_failure(job, state.in_a_row + 1, now)
        after = ended(state, outcome, text, due_at=due, now=now, seconds=time.monotonic() - began)
        self._keep_stubbornly(after, now)
        log = structlog.get_logger()
        (log.info if outcome is not JobOutcome.FAILED else log.error)(
            "job_ended", job=job.name, outcome=outcome.value, text=text
        )
        with self._change:
            self._running.discard(job.name)
            self._change.notify_all()

    def _worked(self, job: Job) -> tuple[JobOutcome, str]:
        try:
            return JobOutcome.DONE, job.work(self._clock(), self._stop)
        except StoppedError:
            return JobOutcome.STOPPED, "stopped with Showcall; it goes on after the next start"
        except (JobError, SQLAlchemyError, OSError) as error:
            return JobOutcome.FAILED, _one_line(error)
        except Exception as error:
            structlog.get_logger().exception("a job broke", job=job.name)
            return JobOutcome.FAILED, f"{type(error).__name__}: {_one_line(error)}"

    def _keep_stubbornly(self, state: JobState, now: float) -> None:
        """What a run came to is known here at once, and written as soon as the database takes it."""
        self._remember(state)
        while True:
            try:
                self._save([state], now)
                return
            except SQLAlchemyError as error:
                structlog.get_logger().error("job_not_noted", job=state.name, problem=_one_line(error))
            try:
                self._stop.pause(WRITE_AGAIN_SECONDS)
            except StoppedError:
                return

    def _keep(self, state: JobState, now: float) -> None:
        self._save([state], now)
        self._remember(state)

    def _remember(self, state: JobState) -> None:
        with self._change:
            self._states = {**self._states, state.name: state}

    def _save(self, states: Sequence[JobState], now: float) -> None:
        with self._database.transaction() as tx:
            job_store.save(tx, states, now)


def _as_left(job: Job, stored: JobState | None, now: float) -> JobState:
    if stored is None:
        return JobState(job.name, first_due(job.schedule, now))
    if stored.outcome is not JobOutcome.RUNNING:
        return stored
    due = after_failure(job, stored.in_a_row + 1, now)
    text = "the process ended while it ran"
    return ended(stored, JobOutcome.DIED, text, due_at=due, now=now, seconds=None)


def _one_line(error: Exception) -> str:
    return (str(getattr(error, "orig", error)).splitlines() or [type(error).__name__])[0]
