"""Killed in every state, a new evaluator on the same database goes on and tells nothing twice."""

from collections.abc import Callable

import pytest

from alerts.alert_state import AlertState
from alerts.incident import IncidentState
from tests.alerts.alert_rig import Rig, configured, lease
from tests.alerts.test_incidents import RULES, calm, surge

MakeRig = Callable[..., Rig]


def whole_story(up: Rig, killed_at: frozenset[int]) -> list[str]:
    """One incident from the first wait to the quiet end; killed before the given rounds."""
    number = 0
    for act, rounds in ((calm, 3), (surge, 6), (leased, 2), (calm, 3), (late, 2), (calm, 3), (let_go, 6)):
        act(up)
        for _ in range(rounds):
            if number in killed_at:
                up.restart()
            up.round()
            number += 1
    return up.kinds()


def leased(up: Rig) -> None:
    up.leases.now = (lease(up.incident().id),)


def late(up: Rig) -> None:
    up.shows(p95=7.0)


def let_go(up: Rig) -> None:
    up.leases.now = ()


@pytest.mark.parametrize("killed_at", [*(frozenset({number}) for number in range(25)), frozenset(range(25))])
def test_a_kill_at_any_round_changes_nothing_that_is_told(rig: MakeRig, killed_at: frozenset[int]) -> None:
    up = rig(RULES, quiet=4.0)
    assert whole_story(up, killed_at) == [
        *(
            "alert_pending",
            "alert_pending",
            "alert_firing",
            "alert_firing",
            "incident_opened",
            "alert_firing",
        ),
        *("alert_resolved", "alert_resolved", "alert_resolved", "incident_mitigated"),
        *("alert_firing", "incident_reopened"),
        *("alert_resolved", "incident_mitigated", "incident_resolved"),
    ]
    assert up.incident().state is IncidentState.RESOLVED


def test_an_alert_that_was_unknown_at_the_kill_is_still_unknown(rig: MakeRig) -> None:
    up = rig(RULES)
    surge(up)
    up.rounds(4)
    up.rounds(2, down=["concert"])
    up.restart()
    up.rounds(3, down=["concert"])
    assert {alert.state for alert in up.active()} == {AlertState.UNKNOWN}
    up.round()
    assert up.kinds().count("alert_unknown") == up.kinds().count("alert_known") == 3
    assert up.kinds().count("incident_opened") == 1


def test_after_a_restart_an_alert_waits_until_its_window_is_filled_again(rig: MakeRig) -> None:
    up = rig("- alert: Busy\n  expr: rate(done[10s]) > 4\n  annotations: {component: pool}")
    for number in range(10):
        up.shows(done=5.0 * number)
        up.round()
    assert up.states() == {"Busy": "firing"}
    up.restart()
    for number in range(10, 20):
        up.shows(done=5.0 * number)
        up.round()
        assert up.states() == {"Busy": "firing"}
    assert up.kinds() == ["alert_firing", "incident_opened"]


def test_after_a_restart_an_alert_whose_condition_is_over_ends_when_its_window_is_filled(
    rig: MakeRig,
) -> None:
    up = rig("- alert: Busy\n  expr: rate(done[10s]) > 4\n  annotations: {component: pool}")
    for number in range(10):
        up.shows(done=5.0 * number)
        up.round()
    up.restart()
    up.rounds(10)
    assert up.states() == {"Busy": "firing"}
    up.round()
    assert up.states() == {}


def test_a_rule_taken_out_of_the_configuration_ends_its_alerts(rig: MakeRig, tmp_path: object) -> None:
    up = rig(RULES)
    surge(up)
    up.rounds(3)
    fewer, _ = configured(tmp_path, "- alert: Other\n  expr: load > 1")  # type: ignore[arg-type] # a Path
    up.restart(fewer)
    up.round()
    assert up.states() == {}
    assert "rule_gone" in [row.reason for row in up.rows()]


def test_a_failure_of_a_rule_is_not_told_again_after_a_restart(rig: MakeRig) -> None:
    up = rig("- alert: Clash\n  expr: load > 1\n  labels: {zone: same}")
    up.says("concert", {'load{zone="a"}': 2.0, 'load{zone="b"}': 2.0})
    up.rounds(2)
    up.restart()
    up.rounds(2)
    assert [row.reason for row in up.rows()] == ["rule_failed"]
