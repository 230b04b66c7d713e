"""Guards fail closed; limits forget nothing; the lever's owner is told apart."""

from dataclasses import replace

import pytest

from metrics.values import Sample, Scalar, Vector
from runbooks.guards import Guard, GuardFacts, GuardReason, GuardResult, first_refusal, judge
from runbooks.lever import LeverLease, LeverReading
from runbooks.limits import LimitReason, limited
from runbooks.ownership import Owner, free, whose
from runbooks.plan import LeverDiff, Plan
from runbooks.run import Run, RunState
from runbooks.runbook import Limits
from settings.schema import RunbookMode

NOW = 1_800_000_000.0
GUARD = Guard("queue_answers", "queue_active_cap > 0", fresh=5.0, why="The queue must answer.")


def judged(facts: GuardFacts, lag: float = 0.0) -> GuardResult:
    return judge(GUARD, facts, lag, lag_limit=0.5)


def vector(*values: float) -> Vector:
    return Vector(tuple(Sample((("__name__", "x"),), value, NOW) for value in values))


def test_a_guard_passes_when_it_returns_something_fresh_even_a_zero() -> None:
    assert judged(GuardFacts(vector(0.0), 1.0)).passed
    assert judged(GuardFacts(Scalar(1.0, NOW), 1.0)).passed


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (GuardFacts(vector(), 1.0), GuardReason.FALSE),
        (GuardFacts(vector(float("nan")), 1.0), GuardReason.FALSE),
        (GuardFacts(Scalar(0.0, NOW), 1.0), GuardReason.FALSE),
        (GuardFacts(vector(1.0), 5.1), GuardReason.STALE),
        (GuardFacts(vector(1.0), None), GuardReason.MISSING),
        (GuardFacts(None, None, "1:4: unexpected end"), GuardReason.ERROR),
    ],
)
def test_f48_everything_else_is_a_no_with_its_reason(facts: GuardFacts, reason: GuardReason) -> None:
    result = judged(facts)
    assert not result.passed
    assert result.reason is reason


def test_f48_a_late_loop_is_a_no_whatever_the_facts_say() -> None:
    assert judged(GuardFacts(vector(1.0), 0.1), lag=0.6).reason is GuardReason.LATE_LOOP


def test_a_stale_guard_says_how_old_and_how_old_it_may_be() -> None:
    assert judged(GuardFacts(vector(1.0), 9.25)).text == "facts are 9.2 s old (at most 5 s)"


def test_the_first_no_is_the_one_that_is_told() -> None:
    good, bad = judged(GuardFacts(vector(1.0), 1.0)), judged(GuardFacts(vector(), 1.0))
    assert first_refusal([good, bad, bad]) is bad
    assert first_refusal([good]) is None


DIFF = LeverDiff("active_users_cap", "Cap", "users", 1000.0, 8.0, 1000.0, 7)
RUN = Run(
    key="throttle_queue-1-1",
    runbook="throttle_queue",
    incident_id=1,
    lever="active_users_cap",
    state=RunState.SUCCEEDED,
    reason="released",
    mode=RunbookMode.AUTO,
    plan=Plan("throttle_queue", 1, "active_users_cap", (DIFF,), (), "", "", "abc"),
    created_at=NOW - 100,
    started_at=NOW - 100,
    ended_at=NOW - 10,
)
LIMITS = Limits(cooldown=30, per_hour=3)


def test_f47_a_runbook_cools_down_after_a_run() -> None:
    found = limited(LIMITS, [RUN], NOW)
    assert found is not None
    assert (found.reason, found.until) == (LimitReason.COOLDOWN, NOW + 20)
    assert limited(LIMITS, [RUN], NOW + 20) is None


def test_f47_a_runbook_acts_only_so_often_in_an_hour() -> None:
    runs = [replace(RUN, started_at=NOW - 900 * n, ended_at=NOW - 900 * n + 60) for n in (3, 2, 1)]
    found = limited(LIMITS, runs, NOW)
    assert found is not None
    assert (found.reason, found.until) == (LimitReason.PER_HOUR, NOW - 2700 + 3600)
    assert limited(LIMITS, runs, NOW + 901) is None


def test_a_run_that_never_acted_does_not_count() -> None:
    assert limited(LIMITS, [replace(RUN, started_at=None)], NOW) is None


def test_f49_a_clock_set_back_neither_skips_nor_prolongs_the_cooldown() -> None:
    before_the_jump = replace(RUN, started_at=NOW + 3500, ended_at=NOW + 3600)
    found = limited(LIMITS, [before_the_jump], NOW)
    assert found is not None
    assert found.until == NOW + 30


def reading(
    value: float,
    run: str | None = None,
    *,
    owner: str = "showcall",
    ramping: bool = False,
    version: int | None = 9,
) -> LeverReading:
    lease = None if run is None else LeverLease(owner, run, NOW + 30)
    return LeverReading(value, 1000.0, version, lease, NOW, ramping)


@pytest.mark.parametrize(
    ("found", "owner"),
    [
        (reading(8, "mine"), Owner.OURS),
        (reading(16, None, ramping=True), Owner.TARGET_RAMP),
        (reading(1000), Owner.AT_BASELINE),
        (reading(8, "other"), Owner.ANOTHER_LEASE),
        (reading(8, "mine", owner="cron"), Owner.ANOTHER_LEASE),
        (reading(500), Owner.MOVED),
        (reading(500, "mine"), Owner.MOVED),
        (reading(8, None), Owner.MOVED),
        (reading(8, None, version=None), Owner.OURS),
    ],
)
def test_a_reading_says_whose_the_lever_is(found: LeverReading, owner: Owner) -> None:
    assert whose(found, "mine", expected=8, baseline=1000) is owner


def test_a_new_run_takes_only_a_lever_that_is_free_or_on_its_way_back() -> None:
    assert free(reading(1000), 1000)
    assert free(reading(64, ramping=True), 1000)
    assert not free(reading(500), 1000)
    assert not free(reading(8, "other"), 1000)
