"""Whether a job runs now, and why."""

from dataclasses import replace

import pytest

from housekeeping.decision import (
    JobReason,
    JobVerdict,
    after_failure,
    after_success,
    complaint,
    decide,
    due_at,
)
from housekeeping.job import Job, JobOutcome, JobState, begun, ended
from housekeeping.schedule import DailyAt

NOW = 1_790_000_000.0
DAY = 86_400.0
PATIENCE = 6 * 3600.0
LIGHT = Job("digest", "Digest", DailyAt("03:30", "UTC"), lambda *_: "")
HEAVY = replace(LIGHT, name="backup", heavy=True)
DUE = JobState("backup", due_at=NOW - 1)


@pytest.mark.parametrize(
    ("job", "state", "held", "verdict", "reason"),
    [
        (HEAVY, DUE, False, JobVerdict.RUN, JobReason.DUE),
        (HEAVY, replace(DUE, due_at=NOW + 60), False, JobVerdict.WAIT, JobReason.NOT_DUE),
        (HEAVY, replace(DUE, due_at=NOW - 3 * DAY), False, JobVerdict.RUN, JobReason.DUE),
        (HEAVY, DUE, True, JobVerdict.POSTPONE, JobReason.LEVER_HELD),
        (LIGHT, DUE, True, JobVerdict.RUN, JobReason.DUE),
        (HEAVY, replace(DUE, postponed_since=NOW - PATIENCE + 1), True, JobVerdict.POSTPONE,
         JobReason.LEVER_HELD),
        (HEAVY, replace(DUE, postponed_since=NOW - PATIENCE), True, JobVerdict.RUN,
         JobReason.WAITED_LONG_ENOUGH),
        (HEAVY, begun(DUE, NOW - 1), False, JobVerdict.WAIT, JobReason.RUNS_ALREADY),
    ],
)  # fmt: skip
def test_a_job_runs_when_it_is_due_and_a_heavy_one_waits_while_a_lever_is_held(
    job: Job, state: JobState, held: bool, verdict: JobVerdict, reason: JobReason
) -> None:
    decision = decide(job, state, held=held, patience=PATIENCE, now=NOW)
    assert (decision.verdict, decision.reason) == (verdict, reason)


def test_a_job_noted_by_a_clock_that_was_a_year_ahead_is_due_at_the_next_regular_time() -> None:
    ahead = replace(DUE, due_at=NOW + 365 * DAY)
    assert NOW < due_at(HEAVY, ahead, NOW) <= NOW + DAY


def test_f49_a_wait_begun_by_a_clock_that_was_ahead_does_not_last_for_ever() -> None:
    ahead = replace(DUE, postponed_since=NOW + DAY)
    assert decide(HEAVY, ahead, held=True, patience=PATIENCE, now=NOW).verdict is JobVerdict.RUN


def test_what_failed_is_tried_again_soon_then_ever_more_rarely_and_never_later_than_regularly() -> None:
    early = due_at(HEAVY, replace(DUE, due_at=NOW + DAY), NOW) - DAY + 60  # just after a regular time
    pauses = [after_failure(HEAVY, count, early) - early for count in (1, 2, 3, 50)]
    assert pauses == [600.0, 1200.0, 2400.0, 6 * 3600.0]
    late = early + DAY - 120
    assert after_failure(HEAVY, 50, late) == after_success(HEAVY, late)


def test_a_run_is_counted_by_how_it_ended() -> None:
    def ran(state: JobState, outcome: JobOutcome) -> JobState:
        return ended(begun(state, NOW), outcome, "x", due_at=NOW + DAY, now=NOW + 2, seconds=2.0)

    failed = ran(ran(DUE, JobOutcome.FAILED), JobOutcome.DIED)
    assert (failed.runs, failed.failures, failed.cut_short, failed.in_a_row) == (2, 1, 1, 2)
    assert failed.succeeded_at is None
    stopped = ran(failed, JobOutcome.STOPPED)
    assert (stopped.cut_short, stopped.in_a_row) == (2, 2)
    done = ran(stopped, JobOutcome.DONE)
    assert (done.in_a_row, done.succeeded_at, done.seconds) == (0, NOW + 2, 2.0)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (DUE, ""),
        (replace(DUE, due_at=NOW - 2 * 3600), "overdue for 120 min"),
        (replace(DUE, due_at=NOW - 2 * 3600, postponed_since=NOW - 3600), ""),
        (replace(DUE, outcome=JobOutcome.FAILED, text="no room", in_a_row=1), "failed once: no room"),
        (replace(DUE, outcome=JobOutcome.DIED, text="x", in_a_row=3), "failed 3 times in a row: x"),
        (replace(DUE, outcome=JobOutcome.RUNNING, started_at=NOW - 60), ""),
        (replace(DUE, outcome=JobOutcome.RUNNING, started_at=NOW - 7200), "has been running for 120 min"),
    ],
)  # fmt: skip
def test_people_are_told_what_is_wrong_with_a_job(state: JobState, said: str) -> None:
    assert complaint(state, NOW) == said
