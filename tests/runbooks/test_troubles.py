"""What runbooks see of incidents, and which alerts they are for."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from alerts import alert_store, incident_store
from alerts.alert_state import AlertState
from alerts.incident import Incident, IncidentState
from database import Database
from runbooks import lease_store
from runbooks.catalog_files import matchers
from runbooks.lease import Lease, LeasePhase
from runbooks.trouble import IncidentsInDatabase, Trouble, concerns
from tests.runbooks.scene import START, alert, lever_settings, shipped_throttle


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/showcall.db")
    made.create_all()
    yield made
    made.close()


def test_only_firing_alerts_of_incidents_that_are_not_over_are_seen(database: Database) -> None:
    incident = Incident(0, "Pool exhausted", IncidentState.OPEN, "pool", "critical", START)
    with database.transaction() as tx:
        over = incident_store.add(tx, replace(incident, state=IncidentState.RESOLVED))
        here = incident_store.add(tx, incident)
        states = (AlertState.FIRING, AlertState.PENDING, AlertState.UNKNOWN)
        alerts = [replace(alert("PoolExhausted"), state=state, incident_id=here) for state in states]
        alert_store.add_all(tx, [*alerts, replace(alerts[0], incident_id=over)])
    found = IncidentsInDatabase(database).unresolved()
    assert [(trouble.incident_id, [each.state for each in trouble.firing]) for trouble in found] == [
        (here, [AlertState.FIRING])
    ]


def test_an_alert_expected_behind_a_held_lever_starts_nothing_until_the_lever_is_back(
    database: Database,
) -> None:
    incident = Incident(0, "Pool exhausted", IncidentState.OPEN, "pool", "critical", START)
    lease = Lease(
        lever="active_users_cap",
        run_key="throttle_queue-1-1",
        runbook="throttle_queue",
        component="queue",
        incident_id=1,
        value=8.0,
        baseline=1000.0,
        unit="users",
        since=START,
        until=START + 60,
        phase=LeasePhase.HELD,
        doing="holding",
    )
    with database.transaction() as tx:
        here = incident_store.add(tx, incident)
        firing = replace(alert("ErrorRatioHigh"), state=AlertState.FIRING, incident_id=here, expected=True)
        alert_store.add_all(tx, [firing])
        lease_store.save(tx, lease)
    assert IncidentsInDatabase(database).unresolved()[0].firing == ()
    with database.transaction() as tx:
        lease_store.end(tx, lease.lever, lease.run_key)
    assert [each.rule for each in IncidentsInDatabase(database).unresolved()[0].firing] == ["ErrorRatioHigh"]


@pytest.mark.parametrize(
    ("selector", "fits"),
    [
        ("PoolExhausted", True),
        ("PoolBacklog", False),
        ('PoolExhausted{pool="HikariPool-1"}', True),
        ('PoolExhausted{pool="HikariPool-2"}', False),
        ('{alertname=~"Pool.*", pool!=""}', True),
        ('{alertname=~"Pool"}', False),
        ('PoolExhausted{pool!~"Redis.*"}', True),
    ],
)
def test_a_runbook_is_for_alerts_as_a_selector_says(selector: str, fits: bool) -> None:
    runbook = replace(shipped_throttle().runbooks[0], when=(matchers(selector),))
    assert concerns(runbook, Trouble(1, (alert("PoolExhausted"),))) is fits


def test_an_incident_that_opens_and_ends_is_seen_each_time_by_who_looked_before(database: Database) -> None:
    incident = Incident(0, "Pool exhausted", IncidentState.OPEN, "pool", "critical", START)
    looking = IncidentsInDatabase(database)
    assert not looking.unresolved()
    assert not looking.unresolved()
    with database.transaction() as tx:
        here = incident_store.add(tx, incident)
    assert [trouble.incident_id for trouble in looking.unresolved()] == [here]
    assert [trouble.incident_id for trouble in looking.unresolved()] == [here]
    with database.transaction() as tx:
        incident_store.change(tx, replace(incident, id=here, state=IncidentState.RESOLVED))
    assert not looking.unresolved()
    assert not looking.unresolved()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"minimum": None}, "needs minimum, maximum and safe_direction"),
        ({"baseline": 5000}, "baseline is 5000.0 (want a number from 7 to 1000)"),
        ({"baseline": "CLOSED"}, "baseline is 'CLOSED'"),
        ({"kind": "resilience4j"}, "needs breaker, states and safe_state"),
        (
            {
                "kind": "resilience4j",
                "breaker": "database",
                "states": ("CLOSED", "FORCED_OPEN"),
                "baseline": "CLOSE",
                "safe_state": "OPEN",
            },
            "baseline is 'CLOSE' (want one of the states: CLOSED, FORCED_OPEN); safe_state is 'OPEN'",
        ),
    ],
)
def test_a_lever_that_does_not_fit_its_kind_says_everything_that_is_wrong(
    changes: dict[str, object], says: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        lever_settings("http://127.0.0.1:1/x", **changes)
    assert says in str(caught.value)
