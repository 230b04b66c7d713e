"""Whether a job runs now: a verdict with its reason. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from housekeeping.job import Job, JobOutcome, JobState
from housekeeping.schedule import next_due

RETRY_FIRST_SECONDS = 600.0
RETRY_LONGEST_SECONDS = 6 * 3600.0
LATE_SECONDS = 3600.0
LONG_RUN_SECONDS = 3600.0


class JobVerdict(StrEnum):
    """What to do with a job now."""

    RUN = "run"
    WAIT = "wait"
    POSTPONE = "postpone"


class JobReason(StrEnum):
    """Why."""

    DUE = "due"
    NOT_DUE = "not_due"
    RUNS_ALREADY = "runs_already"
    LEVER_HELD = "lever_held"
    WAITED_LONG_ENOUGH = "waited_long_enough"


@dataclass(frozen=True, slots=True)
class JobDecision:
    """A verdict with its reason."""

    verdict: JobVerdict
    reason: JobReason


def decide(job: Job, state: JobState, *, held: bool, patience: float, now: float) -> JobDecision:
    """What to do with a job.

    A heavy job does not compete with a runbook for the disk and the writer, but an action that lasts for
    ever must not be the end of backups.

    Args:
        held: whether a lever is held.
        patience: seconds that a heavy job waits for that to end.
        now: Unix seconds.
    """
    if state.outcome is JobOutcome.RUNNING:
        return JobDecision(JobVerdict.WAIT, JobReason.RUNS_ALREADY)
    if due_at(job, state, now) > now:
        return JobDecision(JobVerdict.WAIT, JobReason.NOT_DUE)
    if not (job.heavy and held):
        return JobDecision(JobVerdict.RUN, JobReason.DUE)
    since = state.postponed_since
    # A clock that was set back must not make it wait anew for as long as that.
    if since is not None and abs(now - since) >= patience:
        return JobDecision(JobVerdict.RUN, JobReason.WAITED_LONG_ENOUGH)
    return JobDecision(JobVerdict.POSTPONE, JobReason.LEVER_HELD)


def due_at(job: Job, state: JobState, now: float) -> float:
    """When it is due: as was noted, but never later than the next regular time (the clock was wrong)."""
    return min(state.due_at, next_due(job.schedule, now))


def after_success(job: Job, now: float) -> float:
    """When it is due again: missed times are not made up one by one."""
    return next_due(job.schedule, now)


def after_failure(job: Job, in_a_row: int, now: float) -> float:
    """When it is tried again: soon, then ever more rarely, and never later than regularly."""
    pause = min(RETRY_FIRST_SECONDS * 2.0 ** min(max(in_a_row, 1) - 1, 10), RETRY_LONGEST_SECONDS)
    return min(now + pause, next_due(job.schedule, now))


def complaint(state: JobState, now: float) -> str:
    """What is wrong with a job, for the health checks; empty when nothing is."""
    if state.outcome in {JobOutcome.FAILED, JobOutcome.DIED}:
        return f"failed {_times(state.in_a_row)}: {state.text}"
    if state.outcome is JobOutcome.RUNNING:
        ran = now - (state.started_at or now)
        return f"has been running for {ran / 60:.0f} min" if ran > LONG_RUN_SECONDS else ""
    if state.postponed_since is None and now - state.due_at > LATE_SECONDS:
        return f"overdue for {(now - state.due_at) / 60:.0f} min"
    return ""


def _times(count: int) -> str:
    return "once" if count <= 1 else f"{count} times in a row"
