"""The circuit breaker's state machine, driven by hand."""

from dataclasses import replace

import pytest

from stack.service.breaker import (
    Breaker,
    BreakerRules,
    BreakerState,
    Call,
    Permit,
    PermitReason,
    answered,
    ask,
    failure_rate,
    moved,
    slow_rate,
)
from stack.service.breaker_guard import BreakerGuard, CallNotPermittedError

RULES = BreakerRules(
    window=10, minimum_calls=4, slow_seconds=1.0, slow_rate=80.0, open_seconds=10.0, probes=2
)
GOOD, BAD, SLOW = Call(False, False), Call(True, False), Call(False, True)


def after(breaker: Breaker, *calls: Call, now: float = 0.0) -> Breaker:
    for call in calls:
        permit = ask(breaker, RULES, now).permit
        assert permit is not None
        breaker = answered(breaker, RULES, permit, call, now)
    return breaker


def tripped() -> Breaker:
    return after(Breaker(BreakerState.CLOSED), BAD, BAD, BAD, BAD)


def half_open() -> tuple[Breaker, Permit]:
    asked = ask(tripped(), RULES, 10.0)
    assert asked.permit is not None
    return asked.breaker, asked.permit


def test_a_closed_breaker_waits_for_the_minimum_of_calls_before_it_judges() -> None:
    breaker = after(Breaker(BreakerState.CLOSED), BAD, BAD, BAD)
    assert breaker.state is BreakerState.CLOSED
    assert failure_rate(breaker, RULES) == -1.0


def test_half_of_the_calls_failing_opens_it() -> None:
    assert after(Breaker(BreakerState.CLOSED), GOOD, BAD, GOOD, BAD).state is BreakerState.OPEN


def test_slow_calls_alone_open_it() -> None:
    breaker = after(Breaker(BreakerState.CLOSED), SLOW, SLOW, SLOW)
    assert slow_rate(breaker, RULES) == -1.0
    assert after(breaker, SLOW).state is BreakerState.OPEN


def test_only_the_newest_calls_of_the_window_count() -> None:
    breaker = after(Breaker(BreakerState.CLOSED), *[GOOD] * 8, BAD, BAD, BAD, BAD)
    assert failure_rate(breaker, RULES) == 40.0
    assert len(breaker.window) == 10


def test_an_open_breaker_lets_nobody_through_until_its_time_is_over() -> None:
    asked = ask(tripped(), RULES, 9.9)
    assert asked.permit is None
    assert asked.reason is PermitReason.OPEN


def test_half_open_has_one_probe_token() -> None:
    breaker, _ = half_open()
    assert breaker.state is BreakerState.HALF_OPEN
    others = [ask(breaker, RULES, 10.1) for _ in range(50)]
    assert {asked.reason for asked in others} == {PermitReason.PROBE_TAKEN}


def test_probes_that_go_well_close_it_with_an_empty_window() -> None:
    breaker, permit = half_open()
    breaker = answered(breaker, RULES, permit, GOOD, 10.5)
    assert breaker.state is BreakerState.HALF_OPEN
    closed = after(breaker, GOOD, now=10.6)
    assert closed.state is BreakerState.CLOSED
    assert closed.window == ()


@pytest.mark.parametrize("call", [BAD, SLOW])
def test_a_bad_probe_opens_it_again_for_the_whole_time(call: Call) -> None:
    breaker, permit = half_open()
    breaker = answered(breaker, RULES, permit, call, 11.0)
    assert breaker.state is BreakerState.OPEN
    assert ask(breaker, RULES, 20.9).permit is None
    assert ask(breaker, RULES, 21.0).reason is PermitReason.PROBE


def test_a_late_answer_of_an_older_state_is_dropped() -> None:
    asked = ask(Breaker(BreakerState.CLOSED), RULES, 0.0)
    assert asked.permit is not None
    breaker, _ = half_open()
    assert answered(breaker, RULES, asked.permit, BAD, 10.5) == breaker
    assert answered(breaker, RULES, asked.permit, GOOD, 10.5) == breaker


def test_a_probe_that_never_answers_gives_its_token_back_and_cannot_speak_later() -> None:
    breaker, lost = half_open()
    again = ask(breaker, RULES, 10.0 + RULES.probe_seconds)
    assert again.reason is PermitReason.PROBE
    assert again.permit is not None
    assert answered(again.breaker, RULES, lost, BAD, 80.0) == again.breaker
    assert answered(again.breaker, RULES, again.permit, GOOD, 80.0).probes_passed == 1


def test_metrics_only_records_and_never_opens() -> None:
    breaker = after(Breaker(BreakerState.METRICS_ONLY), *[BAD] * 10)
    assert breaker.state is BreakerState.METRICS_ONLY
    assert failure_rate(breaker, RULES) == 100.0


def test_disabled_lets_everything_pass_and_records_nothing() -> None:
    breaker = after(Breaker(BreakerState.DISABLED), *[BAD] * 10)
    assert breaker.window == ()


def test_forced_open_never_leaves_by_itself() -> None:
    breaker = moved(Breaker(BreakerState.METRICS_ONLY), BreakerState.FORCED_OPEN, 0.0)
    assert ask(breaker, RULES, 1e9).reason is PermitReason.FORCED_OPEN


def test_every_move_begins_a_new_generation() -> None:
    breaker = Breaker(BreakerState.CLOSED)
    states = [BreakerState.FORCED_OPEN, BreakerState.CLOSED, BreakerState.DISABLED]
    for number, state in enumerate(states, start=1):
        breaker = moved(breaker, state, 0.0)
        assert breaker.generation == number


def test_the_guard_counts_what_it_refused_but_the_counter_stands_still_while_forced_open() -> None:
    guard = BreakerGuard("database", RULES, BreakerState.FORCED_OPEN)
    for _ in range(3):
        with pytest.raises(CallNotPermittedError, match="'database' is FORCED_OPEN"), guard.call():
            pass
    assert guard.refused_here == 3
    assert guard.not_permitted.value == 0


def test_the_guard_counts_refusals_of_an_open_breaker_and_times_calls_by_result() -> None:
    now = 0.0
    guard = BreakerGuard("database", replace(RULES, window=4), BreakerState.CLOSED, lambda: now)
    for _ in range(4):
        with pytest.raises(OSError, match="gone"), guard.call():
            raise OSError("gone")
    assert guard.failed.read(now).count == 4
    with pytest.raises(CallNotPermittedError), guard.call():
        pass
    assert guard.not_permitted.value == 1
    now = 10.0
    with guard.call():
        pass
    assert guard.successful.read(now).count == 1
