"""The behaviours of the public alert-generator compliance suite, on a virtual clock of 15 s rounds."""

from collections.abc import Callable

import pytest

from metrics.values import Sample, Vector
from tests.alerts.alert_rig import Rig

MakeRig = Callable[..., Rig]

PENDING_AND_FIRING = """
- alert: PendingAndFiring
  expr: load > 10
  for: 24s
  labels: {severity: warning}
  annotations:
    summary: "the load is {{ $value }}"
"""


def series(rig: Rig, name: str) -> tuple[Sample, ...]:
    result = rig.store.query(name, rig.at)
    assert isinstance(result, Vector)
    return result.samples


def told(rig: Rig, name: str = "ALERTS") -> dict[str, str]:
    return {dict(found.labels)["alertname"]: dict(found.labels)["alertstate"] for found in series(rig, name)}


def test_an_alert_is_pending_then_firing_then_inactive(rig: MakeRig) -> None:
    up = rig(PENDING_AND_FIRING, interval=15.0)
    up.shows(load=5.0)
    up.rounds(4)
    assert up.states() == {}
    up.shows(load=11.0)
    up.round()
    assert up.states() == {"PendingAndFiring": "pending"}
    up.round()
    assert up.states() == {"PendingAndFiring": "pending"}
    up.round()
    assert up.states() == {"PendingAndFiring": "firing"}
    up.shows(load=9.0)
    up.round()
    assert up.states() == {}
    assert up.kinds()[-1] == "alert_resolved"


def test_alerts_and_alerts_for_state_show_it_as_series(rig: MakeRig) -> None:
    up = rig(PENDING_AND_FIRING, interval=15.0)
    up.shows(load=11.0)
    up.round()
    since = up.at
    assert told(up) == {"PendingAndFiring": "pending"}
    up.rounds(2)
    assert told(up) == {"PendingAndFiring": "firing"}
    assert [found.value for found in series(up, "ALERTS_FOR_STATE")] == [since]
    up.shows(load=0.0)
    up.round()
    assert told(up) == {}
    assert series(up, "ALERTS_FOR_STATE") == ()


def test_annotations_follow_the_value_while_it_fires(rig: MakeRig) -> None:
    up = rig(PENDING_AND_FIRING, interval=15.0)
    up.shows(load=11.0)
    up.rounds(3)
    up.shows(load=17.5)
    evaluation = up.round()
    (alert,) = evaluation.rules[0].alerts
    assert alert.annotations["summary"] == "the load is 17.5"
    assert (alert.value, alert.state.value) == (17.5, "firing")
    assert len(up.active()) == 1


def test_it_may_fire_again_after_it_has_resolved(rig: MakeRig) -> None:
    up = rig(PENDING_AND_FIRING, interval=15.0)
    for load in (11.0, 0.0, 11.0):
        up.shows(load=load)
        up.rounds(3)
    assert [kind for kind in up.kinds() if kind.startswith("alert")] == [
        "alert_pending",
        "alert_firing",
        "alert_resolved",
        "alert_pending",
        "alert_firing",
    ]


def test_a_pending_alert_whose_condition_goes_never_fires(rig: MakeRig) -> None:
    up = rig(PENDING_AND_FIRING, interval=15.0)
    up.shows(load=11.0)
    up.rounds(2)
    up.shows(load=3.0)
    up.rounds(10)
    assert up.kinds() == ["alert_pending", "alert_cleared"]
    assert up.incidents() == []


def test_a_pending_alert_whose_data_disappears_never_fires(rig: MakeRig) -> None:
    up = rig(PENDING_AND_FIRING, interval=15.0)
    up.shows(load=11.0, other=1.0)
    up.rounds(2)
    up.shows(load=None)
    up.rounds(10)
    assert up.kinds() == ["alert_pending", "alert_cleared"]


def test_an_alert_whose_condition_never_holds_is_never_told(rig: MakeRig) -> None:
    up = rig(PENDING_AND_FIRING, interval=15.0)
    up.shows(load=9.9)
    up.rounds(20)
    assert up.kinds() == []
    assert series(up, "ALERTS") == ()


@pytest.mark.parametrize(("wait", "rounds"), [("0s", 1), ("13s", 2), ("15s", 2), ("16s", 3)])
def test_a_for_of_zero_fires_at_once_and_one_below_the_interval_at_the_second_round(
    rig: MakeRig, wait: str, rounds: int
) -> None:
    up = rig(PENDING_AND_FIRING.replace("24s", wait), interval=15.0)
    up.shows(load=11.0)
    fired = []
    for _ in range(rounds):
        up.round()
        fired.append(up.states() == {"PendingAndFiring": "firing"})
    assert fired == [False] * (rounds - 1) + [True]


ORDER = """
- alert: First
  expr: load > 10
  labels: {tier: "{{ $labels.zone }}"}
  annotations:
    text: "{{ $labels.severity }}|{{ $labels.zone }}"
- alert: Second
  expr: ALERTS{alertname="First", alertstate="firing"} == 1
  labels: {alertname: Overwritten}
"""


def test_a_later_rule_sees_the_alerts_of_an_earlier_one_in_the_same_round(rig: MakeRig) -> None:
    up = rig(ORDER, interval=15.0)
    up.says("concert", {'load{zone="a"}': 11.0})
    up.round()
    assert sorted(alert.rule for alert in up.active()) == ["First", "Second"]
    up.says("concert", {'load{zone="b"}': 12.0})
    up.round()
    assert sorted(alert.rule for alert in up.active()) == ["First", "First", "Second", "Second"]


def test_templates_see_the_labels_of_the_query_only(rig: MakeRig) -> None:
    up = rig(ORDER, interval=15.0)
    up.says("concert", {'load{zone="a"}': 11.0})
    up.round()
    first = next(alert for alert in up.active() if alert.rule == "First")
    assert first.annotations["text"] == "|a"
    assert ("tier", "a") in first.labels


def test_the_name_of_the_alert_wins_over_a_label_of_that_name(rig: MakeRig) -> None:
    up = rig(ORDER, interval=15.0)
    up.says("concert", {'load{zone="a"}': 11.0})
    up.round()
    second = next(alert for alert in up.active() if alert.rule == "Second")
    assert ("alertname", "Second") in second.labels


def test_new_alerts_of_a_rule_do_not_disturb_those_that_fire(rig: MakeRig) -> None:
    up = rig(PENDING_AND_FIRING, interval=15.0)
    up.says("concert", {'load{zone="a"}': 11.0})
    up.rounds(3)
    before = {alert.labels: alert.fired_at for alert in up.active()}
    up.says("concert", {'load{zone="b"}': 12.0})
    up.rounds(3)
    after = {alert.labels: alert.fired_at for alert in up.active()}
    assert before.items() <= after.items()
    assert len(after) == 2
