"""The alerts of an incident as its page lists them."""

from dataclasses import replace

from alerts.alert_state import Alert, AlertState
from metrics.values import labels_of
from web.incident_alerts import shown_alerts


def episode(rule: str, fired_at: float, resolved_at: float | None = None, uri: str = "") -> Alert:
    state = AlertState.FIRING if resolved_at is None else AlertState.INACTIVE
    return Alert(
        rule=rule,
        labels=labels_of({"alertname": rule, "uri": uri}),
        annotations={},
        state=state,
        held=state,
        active_at=fired_at - 1,
        fired_at=fired_at,
        resolved_at=resolved_at,
        value=1.0,
        component=None,
        severity="warning",
        incident_id=1,
        expected=False,
        rule_key=f"group/{rule}",
    )


def test_an_alert_that_comes_and_goes_is_listed_once_with_its_newest_time() -> None:
    (found,) = shown_alerts([episode("PoolTimeouts", 10, 20), episode("PoolTimeouts", 30)])
    assert (found.newest.fired_at, found.times) == (30, 2)


def test_what_fires_stands_before_what_is_over() -> None:
    found = shown_alerts([episode("PoolExhausted", 10, 20), episode("ErrorRatioHigh", 15)])
    assert [each.newest.rule for each in found] == ["ErrorRatioHigh", "PoolExhausted"]


def test_one_rule_on_two_endpoints_is_two_alerts() -> None:
    found = shown_alerts([episode("Slow", 10, uri="/dates"), episode("Slow", 11, uri="/list")])
    assert [each.times for each in found] == [1, 1]


def test_an_alert_that_cannot_be_judged_is_not_over() -> None:
    unknown = replace(episode("RedisDown", 12), state=AlertState.UNKNOWN)
    found = shown_alerts([episode("PoolExhausted", 10, 20), unknown])
    assert [each.newest.rule for each in found] == ["RedisDown", "PoolExhausted"]
