"""Incidents end to end: one failure path is one incident, from opening to the quiet end."""

from collections.abc import Callable

from alerts import incident_store, timeline_store
from alerts.incident import IncidentState
from alerts.timeline import NewTimelineRow, TimelineKind
from tests.alerts.alert_rig import Rig, lease

MakeRig = Callable[..., Rig]

RULES = """
- alert: PoolExhausted
  expr: active == limit and pending >= limit
  for: 1s
  labels: {severity: critical}
  annotations:
    summary: "Connection pool exhausted: requests wait for a database connection"
    component: pool
    clear_if: pending == 0
- alert: PoolBacklog
  expr: pending / served > 2.5
  for: 3s
  labels: {severity: warning}
  annotations: {summary: Long line, component: pool}
- alert: LatencyHigh
  expr: p95 > 2.5
  labels: {severity: warning}
  annotations: {summary: Slow answers, component: service}
- alert: CpuHigh
  expr: busy > 0.8
  labels: {severity: info}
  annotations: {summary: CPU busy, component: database}
- alert: RedisDown
  expr: redis_up == 0
  labels: {severity: critical}
  annotations: {summary: Redis is down, component: redis}
- alert: TargetDown
  expr: up == 0
  labels: {severity: critical}
  annotations: {summary: "{{ $labels.job }} does not answer"}
"""


def calm(rig: Rig) -> None:
    rig.shows(active=2.0, limit=10.0, pending=0.0, served=1.0, p95=0.4, busy=0.3, admitted=0.3)


def surge(rig: Rig) -> None:
    rig.shows(active=10.0, limit=10.0, pending=27.0, served=5.0, p95=1.0, busy=0.95, admitted=5.0)


def started(rig: MakeRig) -> Rig:
    up = rig(RULES)
    calm(up)
    up.rounds(5)
    assert up.incidents() == []
    surge(up)
    up.rounds(2)
    return up


def test_the_first_alert_opens_an_incident_that_says_what_and_why(rig: MakeRig) -> None:
    incident = started(rig).incident()
    assert incident.title == "Connection pool exhausted: requests wait for a database connection"
    assert (incident.state, incident.severity, incident.cause) == ("open", "critical", "database")
    assert incident.why is not None
    assert incident.why.chain == (
        "admits 5.0 users/s x 5 queries = 25/s > database serves 5.0 queries/s"
        " -> pool waiting 27 requests -> service p95 1.0 s"
    )


def test_everything_on_the_failure_path_joins_the_same_incident(rig: MakeRig) -> None:
    up = started(rig)
    up.rounds(3)
    up.shows(p95=6.1)
    up.rounds(2)
    incident = up.incident()
    joined = {alert.rule for alert in up.active() if alert.incident_id == incident.id}
    assert joined == {"PoolExhausted", "PoolBacklog", "LatencyHigh", "CpuHigh"}
    assert incident.rules[0] == "PoolExhausted"


def test_a_failure_elsewhere_is_an_incident_of_its_own(rig: MakeRig) -> None:
    up = started(rig)
    up.shows("cache#scrape", redis_up=0.0)
    up.round()
    assert [incident.cause for incident in up.incidents()] == ["database", "redis"]


def test_the_cause_goes_down_the_path_and_never_up_again(rig: MakeRig) -> None:
    up = rig(RULES)
    calm(up)
    up.shows(p95=3.0)
    up.round()
    assert up.incident().cause == "service"
    surge(up)
    up.shows(p95=3.0)
    up.rounds(2)
    assert up.incident().cause == "database"
    up.shows(busy=0.1, pending=0.0, active=1.0)
    up.round()
    assert up.incident().cause == "database"
    assert up.kinds().count("incident_cause") == 1
    assert up.incident().title.startswith("Connection pool exhausted")


def test_info_alerts_open_no_incident_and_hold_none(rig: MakeRig) -> None:
    up = rig(RULES)
    calm(up)
    up.shows(busy=1.0)
    up.rounds(3)
    assert up.incidents() == []
    surge(up)
    up.rounds(3)
    calm(up)
    up.shows(busy=1.0)
    up.rounds(30)
    assert up.incident().state is IncidentState.RESOLVED
    assert up.states() == {"CpuHigh": "firing"}


def test_it_is_mitigated_while_a_lease_is_held_and_resolved_after_quiet(rig: MakeRig) -> None:
    up = started(rig)
    incident = up.incident()
    up.leases.now = (lease(incident.id),)
    up.rounds(3)
    assert up.incident().state is IncidentState.OPEN
    calm(up)
    up.round()
    assert up.incident().state is IncidentState.MITIGATED
    up.rounds(60)
    assert up.incident().state is IncidentState.MITIGATED
    up.leases.now = ()
    up.rounds(20)
    assert up.incident().state is IncidentState.MITIGATED
    up.round()
    assert up.incident().state is IncidentState.RESOLVED
    assert [kind for kind in up.kinds() if kind.startswith("incident")] == [
        "incident_opened",
        "incident_mitigated",
        "incident_resolved",
    ]


def test_without_a_lease_it_resolves_after_quiet(rig: MakeRig) -> None:
    up = started(rig)
    calm(up)
    up.rounds(20)
    assert up.incident().state is IncidentState.OPEN
    up.round()
    assert up.incident().state is IncidentState.RESOLVED


def test_a_pending_alert_is_not_quiet(rig: MakeRig) -> None:
    up = started(rig)
    calm(up)
    up.rounds(15)
    surge(up)
    up.round()
    calm(up)
    up.rounds(20)
    assert up.incident().state is IncidentState.OPEN
    up.round()
    assert up.incident().state is IncidentState.RESOLVED


def test_an_alert_that_comes_after_the_mitigation_is_expected_and_reopens_the_same_incident(
    rig: MakeRig,
) -> None:
    up = started(rig)
    up.leases.now = (lease(up.incident().id),)
    calm(up)
    up.rounds(2)
    up.shows(p95=6.1)
    up.round()
    (alert,) = up.active()
    assert (alert.rule, alert.expected, alert.incident_id) == ("LatencyHigh", True, up.incident().id)
    assert up.incident().state is IncidentState.OPEN
    assert up.rows()[-1].text == "Reopened, firing again: LatencyHigh"
    up.shows(p95=0.5)
    up.round()
    assert up.incident().state is IncidentState.MITIGATED


def test_a_failure_beside_the_path_is_not_expected_behind_a_lease(rig: MakeRig) -> None:
    up = started(rig)
    up.leases.now = (lease(up.incident().id),)
    up.shows("cache#scrape", redis_up=0.0)
    up.round()
    redis = next(alert for alert in up.active() if alert.rule == "RedisDown")
    assert not redis.expected
    assert len(up.incidents()) == 2


def test_f32_it_is_reopened_three_times_an_hour_at_most(rig: MakeRig) -> None:
    up = started(rig)
    up.leases.now = (lease(up.incident().id),)
    for _ in range(30):
        calm(up)
        up.rounds(2)
        up.shows(p95=6.0)
        up.round()
    kinds = up.kinds()
    assert kinds.count("incident_reopened") == 3
    assert len(up.incidents()) == 1
    calm(up)
    up.rounds(25)
    assert up.incident().state is IncidentState.MITIGATED


def test_an_unknown_alert_holds_its_incident_as_it_is(rig: MakeRig) -> None:
    up = started(rig)
    up.leases.now = (lease(up.incident().id),)
    up.rounds(60, down=["concert"])
    assert up.incident().state is IncidentState.OPEN


def test_an_alert_without_a_place_shares_an_incident_with_its_own_rule_only(rig: MakeRig) -> None:
    up = rig(RULES)
    calm(up)
    up.says("boxes#scrape", {'up{job="boxes"}': 0.0, 'up{job="more_boxes"}': 0.0})
    up.round()
    assert up.incident().cause is None
    surge(up)
    up.rounds(2)
    assert [incident.cause for incident in up.incidents()] == [None, "database"]


def test_a_target_that_is_down_belongs_where_the_configuration_puts_it(rig: MakeRig) -> None:
    up = rig(RULES)
    up.says("cache#scrape", {'up{job="cache"}': 0.0})
    up.round()
    assert (up.incident().cause, up.incident().title) == ("redis", "cache does not answer")


def test_the_end_tells_peak_now_duration_and_what_fixed_it(rig: MakeRig) -> None:
    up = started(rig)
    incident = up.incident()
    up.shows(pending=41.0)
    up.round()
    with up.database.transaction() as tx:
        row = NewTimelineRow(
            up.at,
            TimelineKind.LEVER_SET,
            "first_cut",
            "active_users_cap set to 8 users",
            incident.id,
            run_key="throttle_queue:1",
        )
        timeline_store.append(tx, row)
    calm(up)
    up.rounds(21)
    row = up.rows()[-1]
    assert row.kind is TimelineKind.INCIDENT_RESOLVED
    assert row.run_key == "throttle_queue:1"
    assert "active_users_cap set to 8 users" in row.text
    assert "pool.waiting peaked at 41 requests, now 0 requests" in row.text
    assert row.details["duration"] == up.at - incident.opened_at
    assert up.incident().peak["pool.waiting"].value == 41.0


def test_the_card_is_frozen_at_the_opening(rig: MakeRig) -> None:
    up = started(rig)
    up.shows(pending=99.0)
    up.rounds(3)
    why = up.incident().why
    assert why is not None
    assert why.at == up.incident().opened_at
    assert "waiting 27 requests" in why.chain


def test_acknowledging_is_a_mark_that_the_evaluator_leaves_alone(rig: MakeRig) -> None:
    up = started(rig)
    incident = up.incident()
    with up.database.transaction() as tx:
        assert incident_store.acknowledge(tx, incident.id, "kim", up.at)
        assert not incident_store.acknowledge(tx, incident.id, "lee", up.at)
        assert incident_store.add_note(tx, incident.id, "kim", "looking at it", up.at) > 0
    up.shows(pending=50.0)
    up.rounds(2)
    assert (up.incident().acknowledged_by, up.incident().state) == ("kim", "open")
    assert [row.text for row in up.rows() if row.actor == "user:kim"] == [
        "Acknowledged by kim",
        "looking at it",
    ]


def test_showcall_started_in_the_middle_of_an_incident_opens_it_once(rig: MakeRig) -> None:
    up = rig(RULES)
    surge(up)
    up.shows(p95=6.0)
    up.round()
    up.rounds(10)
    assert up.incident().state is IncidentState.OPEN
    assert up.kinds().count("incident_opened") == 1
