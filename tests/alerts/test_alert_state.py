"""The state machine of alerts, one sentence each."""

from dataclasses import replace

import pytest

from alerts.alert_state import Alert, AlertReason, AlertState, Condition, Timing, judge, without_rule

AT = 1_700_000_000.0
WAIT = Timing(for_=5.0, keep_firing_for=0.0)
KEEP = Timing(for_=0.0, keep_firing_for=10.0)


def alert(state: AlertState = AlertState.INACTIVE, **changes: object) -> Alert:
    base = Alert(
        rule="A",
        labels=(("alertname", "A"),),
        annotations={},
        state=state,
        held=state,
        active_at=AT,
        fired_at=AT if state is AlertState.FIRING else None,
        resolved_at=None,
        value=1.0,
        component=None,
        severity="warning",
        incident_id=None,
    )
    return replace(base, **changes)  # type: ignore[arg-type] # each test names real fields


def last(steps: list) -> Alert:  # type: ignore[type-arg] # read once, right below
    found: Alert = steps[-1].after
    return found


def test_a_true_condition_makes_an_alert_pending() -> None:
    (step,) = judge(alert(), Condition.TRUE, WAIT, AT)
    assert (step.after.state, step.reason, step.after.active_at) == (
        AlertState.PENDING,
        AlertReason.CONDITION_TRUE,
        AT,
    )


def test_without_a_for_it_fires_at_once() -> None:
    (step,) = judge(alert(), Condition.TRUE, KEEP, AT)
    assert (step.after.state, step.reason, step.after.fired_at) == (
        AlertState.FIRING,
        AlertReason.FOR_ELAPSED,
        AT,
    )


@pytest.mark.parametrize(("seconds", "state"), [(4.9, AlertState.PENDING), (5.0, AlertState.FIRING)])
def test_it_fires_once_the_for_has_elapsed(seconds: float, state: AlertState) -> None:
    steps = judge(alert(AlertState.PENDING), Condition.TRUE, WAIT, AT + seconds)
    assert (last(steps).state if steps else AlertState.PENDING) is state


def test_a_pending_alert_whose_condition_goes_is_inactive() -> None:
    (step,) = judge(alert(AlertState.PENDING), Condition.FALSE, WAIT, AT + 2)
    assert (step.after.state, step.after.fired_at) == (AlertState.INACTIVE, None)


def test_a_firing_alert_stays_until_its_second_threshold_is_true() -> None:
    firing = alert(AlertState.FIRING)
    assert judge(firing, Condition.NOT_CLEARED, WAIT, AT + 60) == []
    (step,) = judge(firing, Condition.CLEARED, WAIT, AT + 61)
    assert (step.after.state, step.reason, step.after.resolved_at) == (
        AlertState.INACTIVE,
        AlertReason.CLEARED,
        AT + 61,
    )


def test_a_firing_alert_whose_series_are_gone_ends() -> None:
    (step,) = judge(alert(AlertState.FIRING), Condition.GONE, WAIT, AT + 1)
    assert step.reason is AlertReason.SERIES_GONE


def test_keep_firing_for_counts_from_the_moment_the_condition_went() -> None:
    (kept,) = judge(alert(AlertState.FIRING), Condition.FALSE, KEEP, AT + 1)
    assert (kept.after.state, kept.reason, kept.after.keep_firing_since) == (
        AlertState.FIRING,
        AlertReason.KEPT_FIRING,
        AT + 1,
    )
    assert judge(kept.after, Condition.FALSE, KEEP, AT + 10) == []
    (ended,) = judge(kept.after, Condition.FALSE, KEEP, AT + 11)
    assert ended.after.state is AlertState.INACTIVE


def test_a_condition_that_is_back_starts_keep_firing_for_again() -> None:
    (kept,) = judge(alert(AlertState.FIRING), Condition.FALSE, KEEP, AT + 1)
    (again,) = judge(kept.after, Condition.TRUE, KEEP, AT + 2)
    assert (again.after.keep_firing_since, again.reason) == (None, AlertReason.TRUE_AGAIN)


def test_stale_inputs_start_nothing() -> None:
    assert judge(alert(), Condition.UNKNOWN, KEEP, AT) == []


@pytest.mark.parametrize("held", [AlertState.PENDING, AlertState.FIRING])
def test_stale_inputs_make_it_unknown_and_it_holds_what_was(held: AlertState) -> None:
    (step,) = judge(alert(held), Condition.UNKNOWN, WAIT, AT + 60)
    assert (step.after.state, step.after.held, step.after.unknown_at) == (AlertState.UNKNOWN, held, AT + 60)
    assert judge(step.after, Condition.UNKNOWN, WAIT, AT + 120) == []


def test_fresh_inputs_bring_back_what_was_held_and_then_judge_it() -> None:
    (unknown,) = judge(alert(AlertState.FIRING), Condition.UNKNOWN, WAIT, AT + 1)
    known, ended = judge(unknown.after, Condition.FALSE, WAIT, AT + 2)
    assert (known.reason, known.after.state) == (AlertReason.INPUTS_FRESH, AlertState.FIRING)
    assert ended.after.state is AlertState.INACTIVE


def test_the_for_does_not_count_time_in_which_nobody_could_see() -> None:
    (unknown,) = judge(alert(AlertState.PENDING), Condition.UNKNOWN, WAIT, AT + 2)
    (known,) = judge(unknown.after, Condition.TRUE, WAIT, AT + 60)
    assert known.after.state is AlertState.PENDING
    (fired,) = judge(known.after, Condition.TRUE, WAIT, AT + 63)
    assert fired.after.state is AlertState.FIRING


def test_f11_a_clock_that_jumps_ahead_does_not_fire_early() -> None:
    (jumped,) = judge(alert(AlertState.PENDING), Condition.TRUE, WAIT, AT + 3601, missed=3600)
    assert (jumped.reason, jumped.after.active_at) == (AlertReason.TIME_JUMPED, AT + 3600)


def test_f11_a_clock_set_back_does_not_make_it_wait_for_an_hour() -> None:
    (jumped,) = judge(alert(AlertState.PENDING), Condition.TRUE, WAIT, AT - 3600)
    assert jumped.after.active_at == AT - 3600
    assert last(judge(jumped.after, Condition.TRUE, WAIT, AT - 3595)).state is AlertState.FIRING


def test_a_rule_that_is_gone_ends_its_alerts() -> None:
    step = without_rule(alert(AlertState.FIRING), AT + 1)
    assert (step.after.state, step.reason) == (AlertState.INACTIVE, AlertReason.RULE_GONE)


def test_whether_it_fires_survives_the_unknown() -> None:
    (unknown,) = judge(alert(AlertState.FIRING), Condition.UNKNOWN, WAIT, AT + 1)
    assert unknown.after.fires
    assert not alert(AlertState.PENDING).fires
