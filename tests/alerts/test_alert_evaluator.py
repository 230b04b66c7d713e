"""The evaluator over a real store and a real database: unknown, health, second thresholds, labels."""

from collections.abc import Callable

import numpy as np
import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from alerts.rule_outcome import RuleHealth
from metrics.values import Batch, labels_of
from tests.alerts.alert_rig import Rig

MakeRig = Callable[..., Rig]

POOL = """
- alert: Pool
  expr: active == limit and pending >= limit
  for: 1s
  labels: {severity: critical}
  annotations:
    summary: Pool exhausted
    component: pool
    clear_if: pending == 0
"""
DOWN = """
- alert: Down
  expr: up == 0
- alert: Gone
  expr: absent(active)
- alert: Pushed
  expr: pushed > 0
"""


def exhausted(rig: Rig) -> None:
    rig.says(
        "concert",
        {'active{job="concert"}': 10.0, 'limit{job="concert"}': 10.0, 'pending{job="concert"}': 27.0},
    )


def test_the_condition_must_be_seen_twice_a_second_apart(rig: MakeRig) -> None:
    up = rig(POOL)
    exhausted(up)
    assert [dict(up.states()) for _ in up.rounds(1)] == [{"Pool": "pending"}]
    up.round()
    assert up.states() == {"Pool": "firing"}


def test_it_clears_by_its_second_threshold_only(rig: MakeRig) -> None:
    up = rig(POOL)
    exhausted(up)
    up.rounds(2)
    up.says("concert", {'pending{job="concert"}': 1.0})
    up.rounds(5)
    assert up.states() == {"Pool": "firing"}
    up.says("concert", {'pending{job="concert"}': 0.0})
    up.round()
    assert up.states() == {}
    assert up.rows()[-1].reason != "series_gone"


def test_series_that_are_gone_while_their_target_is_up_end_the_alert(rig: MakeRig) -> None:
    up = rig(POOL)
    exhausted(up)
    up.rounds(2)
    up.values["concert"] = {"something_else": 1.0}
    up.round()
    assert up.states() == {}
    assert "series_gone" in [row.reason for row in up.rows()]


@pytest.mark.parametrize(("rounds", "held"), [(1, "pending"), (5, "firing")])
def test_a_target_that_is_down_makes_its_alerts_unknown_until_it_is_back(
    rig: MakeRig, rounds: int, held: str
) -> None:
    up = rig(POOL.replace("for: 1s", "for: 3s"))
    exhausted(up)
    up.rounds(rounds)
    up.rounds(5, down=["concert"])
    (alert,) = up.active()
    assert (alert.state, alert.held) == ("unknown", held)
    up.round()
    assert up.states() == {"Pool": held}
    assert [kind for kind in up.kinds() if "known" in kind] == ["alert_unknown", "alert_known"]


def test_a_target_that_is_late_starts_no_alert(rig: MakeRig) -> None:
    up = rig("- alert: Any\n  expr: sum(load) > 1")
    up.shows(load=0.0)
    up.round()
    up.shows(load=2.0)
    up.store.append(Batch("concert", up.at + 0.5, (labels_of({"__name__": "load"}),), np.array([2.0])))
    up.evaluator.evaluate(up.at + 1, frozenset({"concert"}))
    assert up.active() == []
    up.evaluator.evaluate(up.at + 2, frozenset())
    assert up.states() == {"Any": "firing"}


def test_one_late_look_holds_an_alert_as_it_is_and_is_not_told(rig: MakeRig) -> None:
    up = rig(POOL)
    exhausted(up)
    up.rounds(3)
    up.round(down=["concert"])
    up.rounds(3)
    assert up.states() == {"Pool": "firing"}
    assert "alert_unknown" not in up.kinds()


def test_another_target_that_is_down_does_not_matter(rig: MakeRig) -> None:
    up = rig(POOL)
    exhausted(up)
    up.shows("cache", redis_up=1.0)
    up.rounds(3)
    up.rounds(3, down=["cache"])
    assert up.states() == {"Pool": "firing"}


def test_of_two_instances_only_the_one_that_is_down_becomes_unknown(rig: MakeRig) -> None:
    up = rig("- alert: Busy\n  expr: load > 1")
    up.says("one", {'load{job="one"}': 2.0})
    up.says("two", {'load{job="two"}': 2.0})
    up.round()
    up.rounds(2, down=["one"])
    assert {dict(alert.labels)["job"]: alert.state.value for alert in up.active()} == {
        "one": "unknown",
        "two": "firing",
    }


def test_rules_on_up_absence_and_pushed_series_are_never_unknown(rig: MakeRig) -> None:
    up = rig(DOWN)
    up.says("concert#scrape", {'up{job="concert"}': 1.0})
    up.shows(active=1.0)
    up.shows("pushed", pushed=1.0)
    up.round()
    up.says("concert#scrape", {'up{job="concert"}': 0.0})
    up.rounds(2, down=["concert"])
    assert up.states() == {"Down": "firing", "Gone": "firing", "Pushed": "firing"}


def test_f31_a_rule_that_fails_changes_no_alert_and_the_others_go_on(rig: MakeRig) -> None:
    up = rig(
        """
- alert: Clash
  expr: load > 1
  labels: {zone: same}
- alert: Other
  expr: load > 5
"""
    )
    up.says("concert", {'load{zone="a"}': 2.0})
    up.round()
    assert up.states() == {"Clash": "firing"}
    up.says("concert", {'load{zone="b"}': 9.0})
    statuses = up.round().rules
    assert [status.health for status in statuses] == [RuleHealth.ERR, RuleHealth.OK]
    assert "same labelset" in (statuses[0].error or "")
    assert up.states() == {"Clash": "firing", "Other": "firing"}
    up.rounds(3)
    up.says("concert", {'load{zone="b"}': None})
    up.round()
    reasons = [row.reason for row in up.rows() if row.kind == "showcall"]
    assert reasons == ["rule_failed", "rule_works"]


def test_f31_many_to_many_matching_is_a_failure_of_the_rule(rig: MakeRig) -> None:
    up = rig("- alert: Wide\n  expr: load * on (zone) other > 0")
    up.says("concert", {'load{zone="a",n="1"}': 1.0, 'load{zone="a",n="2"}': 1.0, 'other{zone="a"}': 1.0})
    up.says("concert", {'other{zone="a",n="2"}': 1.0})
    (status,) = up.round().rules
    assert status.health is RuleHealth.ERR
    assert up.active() == []


def test_f17_a_rule_whose_metrics_are_not_there_has_no_data(rig: MakeRig) -> None:
    up = rig(POOL)
    up.shows(renamed=1.0)
    assert up.round().rules[0].health is RuleHealth.NO_DATA
    exhausted(up)
    assert up.round().rules[0].health is RuleHealth.OK


def test_more_alerts_than_the_limit_of_the_group_are_a_failure(rig: MakeRig) -> None:
    up = rig("- alert: Many\n  expr: load > 0")
    limited = up.rules.groups[0]
    object.__setattr__(limited, "limit", 1)
    up.restart()
    up.says("concert", {'load{n="1"}': 1.0, 'load{n="2"}': 1.0})
    (status,) = up.round().rules
    assert (status.health, status.error) == (RuleHealth.ERR, "exceeded limit of 1 with 2 alerts")


def test_f32_a_flapping_alert_that_is_kept_firing_makes_one_incident(rig: MakeRig) -> None:
    up = rig("- alert: Flap\n  expr: load > 1\n  keep_firing_for: 5s\n  annotations: {component: service}")
    for number in range(60):
        up.shows(load=float(2 * (number % 2)))
        up.round()
    assert up.kinds() == ["alert_firing", "incident_opened"]


def test_a_round_in_which_nothing_changes_writes_nothing(
    rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    up = rig(POOL)
    exhausted(up)
    up.rounds(3)

    def refuse(*_: object) -> None:
        raise AssertionError("a transaction was opened")

    monkeypatch.setattr(up.database, "transaction", refuse)
    up.rounds(5)


def test_f26_a_commit_that_fails_is_read_back_before_the_next_round(
    rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    up = rig(POOL)
    exhausted(up)
    up.round()
    with monkeypatch.context() as patched:

        def locked(tx: Connection, *_: object) -> None:
            raise OperationalError("INSERT", {}, Exception("database is locked"))

        patched.setattr("alerts.evaluator.store", locked)
        evaluation = up.round()
        assert evaluation.problem is not None
        assert "database is locked" in evaluation.problem
    assert up.states() == {"Pool": "pending"}
    up.round()
    assert up.states() == {"Pool": "firing"}
    assert up.kinds().count("alert_firing") == 1


def test_f23_a_commit_that_fails_but_happened_is_not_told_twice(
    rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    up = rig(POOL)
    exhausted(up)
    up.round()
    with monkeypatch.context() as patched:

        def lost(*_: object) -> None:
            raise OperationalError("COMMIT", {}, Exception("disk I/O error"))

        patched.setattr("alerts.evaluator.after", lost)
        up.round()
    up.rounds(3)
    assert up.kinds() == ["alert_pending", "alert_firing", "incident_opened"]


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x" * 1_000_000,
        "\x00\x1b[31m",
        "\u202eabc",
        "🎫🎶",
        "__proto__",
        "<img onerror=1>",
        "{{ $labels }}",
    ],
)
def test_f34_strange_label_values_are_kept_as_they_are(rig: MakeRig, value: str) -> None:
    up = rig(
        '- alert: Odd\n  expr: load > 1\n  annotations: {summary: "{{ $labels.text }}", component: pool}'
    )
    labels = labels_of({"__name__": "load", "text": value})
    up.at += 1
    up.store.append(Batch("concert", up.at, (labels,), np.array([2.0])))
    up.evaluator.evaluate(up.at, frozenset())
    (alert,) = up.active()
    assert dict(alert.labels).get("text", "") == value
    assert len(up.incidents()) == 1


def test_recording_rules_give_series_to_later_rules(rig: MakeRig) -> None:
    up = rig(
        """
- record: pool:free
  expr: limit - active
  labels: {by: us}
- alert: NoneFree
  expr: pool:free == 0
"""
    )
    exhausted(up)
    up.round()
    (alert,) = up.active()
    assert dict(alert.labels)["by"] == "us"


def test_a_group_with_a_longer_interval_waits_for_its_turn(rig: MakeRig) -> None:
    up = rig("- alert: Slow\n  expr: load > 1")
    object.__setattr__(up.rules.groups[0], "interval", 5.0)
    up.restart()
    up.shows(load=0.0)
    up.round()
    up.shows(load=2.0)
    up.rounds(4)
    assert up.states() == {}
    up.round()
    assert up.states() == {"Slow": "firing"}
