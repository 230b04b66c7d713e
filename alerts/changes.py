"""What one evaluation changes in SQL, written as one: alerts, incidents, failing rules and timeline rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from alerts import alert_store, incident_store, rule_health_store, timeline_store
from alerts.alert_state import Alert, AlertState
from alerts.incident import Incident, IncidentState
from alerts.timeline import NewTimelineRow
from metrics.values import Labels


@dataclass(frozen=True, slots=True)
class Remembered:
    """A copy of what SQL holds: active alerts by rule and labels, unresolved incidents, rules that fail."""

    alerts: Mapping[str, Mapping[Labels, Alert]]
    incidents: Mapping[int, Incident]
    failing: frozenset[str]


@dataclass(frozen=True, slots=True)
class Changes:
    """The changes of one evaluation. New incidents have negative ids, which alerts and rows refer to.

    Attributes:
        alerts: to be stored; those that ended without having fired are forgotten.
        opened, incidents: new ones, and those whose row changes.
        failed: rules that begin to fail, with the error; ``works`` are those that do so no longer.
    """

    alerts: tuple[Alert, ...] = ()
    opened: tuple[Incident, ...] = ()
    incidents: tuple[Incident, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    works: frozenset[str] = frozenset()
    rows: tuple[NewTimelineRow, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.alerts or self.opened or self.incidents or self.failed or self.works or self.rows)


@dataclass(frozen=True, slots=True)
class Stored:
    """The same with the ids that SQL gave."""

    alerts: tuple[Alert, ...]
    incidents: tuple[Incident, ...]


def recall(connection: Connection) -> Remembered:
    """Read everything that an evaluation starts from."""
    alerts: dict[str, dict[Labels, Alert]] = {}
    for alert in alert_store.active(connection):
        alerts.setdefault(alert.rule_key, {})[alert.labels] = alert
    incidents = {incident.id: incident for incident in incident_store.unresolved(connection)}
    return Remembered(alerts, incidents, rule_health_store.failing(connection))


def store(tx: Connection, changes: Changes, now: float) -> Stored:
    """Write all changes inside the caller's transaction."""
    opened = {
        incident.id: replace(incident, id=incident_store.add(tx, incident)) for incident in changes.opened
    }
    ids = {incident_id: incident.id for incident_id, incident in opened.items()}
    for incident in changes.incidents:
        incident_store.change(tx, incident)
    alerts = _store_alerts(
        tx, [replace(alert, incident_id=_real(alert.incident_id, ids)) for alert in changes.alerts]
    )
    for rule_key, error in changes.failed.items():
        rule_health_store.fails(tx, rule_key, error, now)
    for rule_key in changes.works:
        rule_health_store.works(tx, rule_key)
    rows = [replace(row, incident_id=_real(row.incident_id, ids)) for row in changes.rows]
    timeline_store.append_all(tx, rows)
    return Stored(alerts, (*opened.values(), *changes.incidents))


def after(before: Remembered, changes: Changes, stored: Stored) -> Remembered:
    """What SQL holds once the transaction is committed."""
    alerts = {rule_key: dict(found) for rule_key, found in before.alerts.items()}
    for alert in stored.alerts:
        of_rule = alerts.setdefault(alert.rule_key, {})
        if alert.state is AlertState.INACTIVE:
            of_rule.pop(alert.labels, None)
        else:
            of_rule[alert.labels] = alert
    incidents = {**before.incidents, **{incident.id: incident for incident in stored.incidents}}
    return Remembered(
        alerts={rule_key: found for rule_key, found in alerts.items() if found},
        incidents={
            incident.id: incident
            for incident in incidents.values()
            if incident.state is not IncidentState.RESOLVED
        },
        failing=(before.failing | changes.failed.keys()) - changes.works,
    )


def _store_alerts(tx: Connection, alerts: Sequence[Alert]) -> tuple[Alert, ...]:
    forgotten = [alert for alert in alerts if alert.state is AlertState.INACTIVE and alert.fired_at is None]
    kept = [alert for alert in alerts if alert.state is not AlertState.INACTIVE or alert.fired_at is not None]
    changed = [alert for alert in kept if alert.id]
    alert_store.remove_all(tx, forgotten)
    alert_store.change_all(tx, changed)
    return (*forgotten, *changed, *alert_store.add_all(tx, [alert for alert in kept if not alert.id]))


def _real(incident_id: int | None, ids: Mapping[int, int]) -> int | None:
    return None if incident_id is None else ids.get(incident_id, incident_id)
