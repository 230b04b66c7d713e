"""The admission law, sentence by sentence."""

from dataclasses import replace

import pytest

from runbooks import admission_law
from runbooks.admission_control import decide
from runbooks.admission_law import Control, Decided, Facts, Law, Phase, begin, cut, must_cut
from runbooks.step import Action, Direction, StepReason, Unusable

LAW = Law(cut=8, floor=7, baseline=1000, objective=2.5)
NOW = 1_800_000_000.0

CALM = Facts(
    pending=0,
    pending_mean=0,
    completions=4.8,
    active=8,
    waiting=100,
    pool_size=10,
    latency=1.8,
    requests=40,
)


def steering(cap: float = 8, since: float = 10, bound: float = 0) -> Control:
    return Control(
        Phase.STEER,
        cap,
        changed_at=NOW - since,
        decided_at=NOW - since,
        measured_from=NOW - since,
        bound_at=NOW - bound,
    )


def releasing(cap: float = 10, since: float = 3) -> Control:
    return replace(steering(cap, since, bound=30), phase=Phase.RELEASE)


def step(control: Control, facts: Facts | Unusable) -> Decided:
    return decide(LAW, control, facts, NOW)


def test_the_trigger_is_as_many_waiting_as_the_pool_has_connections() -> None:
    assert must_cut(replace(CALM, pending=10))
    assert not must_cut(replace(CALM, pending=9))
    assert not must_cut(Unusable(StepReason.STALE_FACTS, ""))


def test_the_cut_goes_to_the_floor_at_once_and_puts_the_excess_back() -> None:
    decided = cut(LAW, begin(1000, NOW), replace(CALM, pending=24), StepReason.CUT, NOW)
    assert (decided.wish.action, decided.wish.value, decided.wish.put_back_excess) == (Action.SET, 8, True)
    assert decided.wish.text == (
        "pool waiting 24, backlog 5.0 s: 1000 -> 8 users, the excess back to the head of the queue"
    )
    assert decided.control.phase is Phase.DRAIN


def test_the_backlog_is_littles_law_in_seconds() -> None:
    assert replace(CALM, pending=24).backlog == pytest.approx(5.0)
    assert CALM.backlog == 0
    assert replace(CALM, pending=1, completions=0).backlog == float("inf")


@pytest.mark.parametrize(("pending", "mean", "after"), [(3, 5, 20), (0, 2, 20), (0, 0, 4)])
def test_while_somebody_waits_or_five_seconds_have_not_passed_it_only_holds(
    pending: float, mean: float, after: float
) -> None:
    control = replace(begin(8, NOW - after), bound_at=NOW)
    decided = step(control, replace(CALM, pending=pending, pending_mean=mean))
    assert decided.wish.reason is StepReason.DRAINING
    assert decided.control.phase is Phase.DRAIN


def test_once_the_backlog_is_gone_it_steers_and_measures_from_now_on() -> None:
    decided = step(begin(8, NOW - 12), CALM)
    assert decided.wish.reason is StepReason.DRAINED
    assert decided.control.phase is Phase.STEER
    assert decided.control.measured_from == NOW
    assert decided.wish.next_at == NOW + 10


def test_there_is_one_decision_per_period() -> None:
    decided = step(steering(since=9), replace(CALM, latency=9.0))
    assert decided.wish.reason is StepReason.BETWEEN_DECISIONS
    assert decided.wish.next_at == NOW + 1


def test_room_and_a_binding_cap_let_one_more_in() -> None:
    decided = step(steering(8), replace(CALM, latency=1.2))
    assert (decided.wish.action, decided.wish.value) == (Action.SET, 9)
    assert decided.wish.reason is StepReason.ROOM
    assert not decided.wish.put_back_excess


def test_the_next_measurement_leaves_out_what_was_issued_before_the_change() -> None:
    decided = step(steering(8), replace(CALM, latency=1.2))
    assert decided.control.measured_from == pytest.approx(NOW + 1.5 + 1.2)


def test_a_limit_that_nobody_reaches_does_not_grow() -> None:
    decided = step(steering(8, bound=11), replace(CALM, latency=1.2, active=5))
    assert decided.wish.reason is StepReason.CAP_NOT_BINDING


def test_the_ceiling_is_the_pool_and_is_lifted_only_with_much_room() -> None:
    at_pool = replace(CALM, active=10)
    assert step(steering(10), replace(at_pool, latency=1.2)).wish.reason is StepReason.AT_CEILING
    assert step(steering(10), replace(at_pool, latency=0.8)).wish.value == 11


@pytest.mark.parametrize("latency", [1.51, 2.0, 2.37])
def test_the_dead_band_is_wide(latency: float) -> None:
    assert step(steering(), replace(CALM, latency=latency)).wish.reason is StepReason.DEAD_BAND


def test_too_slow_takes_a_tenth_off() -> None:
    decided = step(steering(10), replace(CALM, latency=2.4))
    assert (decided.wish.reason, decided.wish.value) == (StepReason.TOO_SLOW, 9)


def test_requests_waiting_in_the_pool_take_three_tenths_off() -> None:
    decided = step(steering(20), replace(CALM, pending=3, latency=0.5))
    assert (decided.wish.reason, decided.wish.value) == (StepReason.POOL_WAITS, 14)


def test_the_floor_is_the_last_word() -> None:
    decided = step(steering(7), replace(CALM, latency=9.0))
    assert (decided.wish.action, decided.wish.reason) == (Action.HOLD, StepReason.AT_FLOOR)
    assert step(steering(8), replace(CALM, pending=5)).wish.value == 7


def test_the_baseline_is_the_highest_it_ever_goes() -> None:
    law = replace(LAW, baseline=8)
    decided = decide(law, steering(8), replace(CALM, latency=0.2), NOW)
    assert decided.wish.action is Action.HOLD


@pytest.mark.parametrize(("latency", "requests"), [(None, 0), (0.5, 9)])
def test_too_few_requests_since_the_change_decide_nothing(latency: float | None, requests: float) -> None:
    decided = step(steering(), replace(CALM, latency=latency, requests=requests))
    assert decided.wish.reason is StepReason.TOO_FEW_REQUESTS


def test_a_new_backlog_while_steering_cuts_again_at_once() -> None:
    decided = step(steering(20, since=2), replace(CALM, pending=12))
    assert (decided.wish.reason, decided.wish.value) == (StepReason.BACKLOG_AGAIN, 8)
    assert decided.wish.put_back_excess


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize(
    "reason", [StepReason.STALE_FACTS, StepReason.MISSING_FACTS, StepReason.LATE_LOOP], ids=str
)
def test_f48_unusable_facts_step_neither_way_in_any_phase(phase: Phase, reason: StepReason) -> None:
    control = replace(steering(bound=60), phase=phase)
    decided = step(control, Unusable(reason, "why"))
    assert (decided.wish.action, decided.wish.reason) == (Action.HOLD, reason)
    assert decided.control == control


def test_a_reversal_is_counted_and_a_further_step_the_same_way_is_not() -> None:
    up = step(steering(8), replace(CALM, latency=1.0)).control
    due = replace(up, decided_at=NOW - 10, bound_at=NOW)
    assert up.reversals == 0
    assert step(due, replace(CALM, latency=1.0)).control.reversals == 0
    assert step(due, replace(CALM, latency=2.45)).control.reversals == 1


def test_an_empty_pool_queue_alone_never_lets_go() -> None:
    decided = step(steering(8, since=5, bound=0), replace(CALM, active=8, waiting=300))
    assert decided.wish.direction is Direction.HOLDING


def test_letting_go_begins_when_the_cap_has_not_bound_for_twenty_seconds() -> None:
    nobody = replace(CALM, active=3, waiting=0)
    assert step(steering(8, since=5, bound=19), nobody).wish.direction is Direction.HOLDING
    decided = step(steering(8, since=5, bound=20), nobody)
    assert decided.wish.direction is Direction.RELEASING
    assert (decided.wish.action, decided.wish.value) == (Action.SET, 16)


def test_users_between_two_admissions_do_not_keep_the_throttle_on() -> None:
    decided = step(steering(8, since=5, bound=20), replace(CALM, active=3, waiting=5))
    assert decided.wish.direction is Direction.RELEASING
    decided = step(steering(8, since=5, bound=20), replace(CALM, active=3, waiting=6))
    assert decided.wish.direction is Direction.HOLDING


def test_the_ramp_doubles_every_three_seconds() -> None:
    nobody = replace(CALM, active=3, waiting=0)
    assert step(releasing(16, since=2), nobody).wish.action is Action.HOLD
    assert step(releasing(16, since=3), nobody).wish.value == 32


def test_the_ramp_ends_the_lease_at_the_baseline() -> None:
    decided = step(releasing(640), replace(CALM, active=3, waiting=0))
    assert (decided.wish.action, decided.wish.value) == (Action.END, 1000)


@pytest.mark.parametrize("facts", [replace(CALM, active=16), replace(CALM, active=3, pending=1)])
def test_the_ramp_pauses_while_the_cap_binds_or_the_pool_waits(facts: Facts) -> None:
    decided = step(releasing(16), facts)
    assert (decided.wish.action, decided.wish.reason) == (Action.HOLD, StepReason.RAMP_PAUSED)
    assert decided.control.phase is Phase.RELEASE


def test_binding_with_a_backlog_goes_back_to_the_cut() -> None:
    decided = step(releasing(64), replace(CALM, active=64, pending=4, pending_mean=3))
    assert (decided.wish.reason, decided.wish.value) == (StepReason.BOUND_AGAIN, 8)
    assert decided.control.phase is Phase.DRAIN


def test_binding_for_long_without_a_backlog_goes_back_to_steering() -> None:
    decided = step(releasing(16, since=21), replace(CALM, active=16))
    assert decided.wish.reason is StepReason.BOUND_AGAIN
    assert (decided.control.phase, decided.control.cap) == (Phase.STEER, 16)


def test_a_forced_release_waits_only_for_the_pool() -> None:
    forced = admission_law.let_go(steering(8, since=3))
    assert step(forced, replace(CALM, active=8, waiting=300)).wish.value == 16
    assert step(forced, replace(CALM, pending=12)).wish.reason is StepReason.RAMP_PAUSED


def test_a_cut_never_lets_more_in() -> None:
    decided = cut(LAW, steering(cap=7), replace(CALM, pending=24), StepReason.CUT, NOW)
    assert decided.wish.value == 7
    assert "7 -> 7" in decided.wish.text


def test_a_cap_below_the_floor_is_not_raised_to_shed_load() -> None:
    decided = step(steering(cap=5), replace(CALM, latency=4.0))
    assert decided.wish.action is Action.HOLD
    assert decided.control.cap == 5


def test_it_says_the_truth_when_there_is_no_decision() -> None:
    few = step(steering(), replace(CALM, requests=9.7))
    assert "only 9 requests since the last change (want 10)" in few.wish.text
    unknown = step(steering(), replace(CALM, latency=None))
    assert "no p95 of the requests since the last change yet" in unknown.wish.text
