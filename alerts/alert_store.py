"""Alert episodes in SQL: the only truth for an alert's state and for how long it has been in it."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Float,
    Integer,
    RowMapping,
    String,
    Table,
    Text,
    bindparam,
    select,
)

import database
from alerts.alert_state import Alert, AlertState
from metrics.values import labels_of

alerts = Table(
    "alerts",
    database.metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("rule", String(200), nullable=False),
    Column("rule_key", String(400), nullable=False),
    Column("labels", Text, nullable=False),
    Column("annotations", Text, nullable=False),
    Column("state", String(20), nullable=False, index=True),
    Column("held", String(20), nullable=False),
    Column("active_at", Float, nullable=False),
    Column("fired_at", Float),
    Column("resolved_at", Float),
    Column("value", Float),
    Column("component", String(80)),
    Column("severity", String(40), nullable=False),
    Column("incident_id", Integer, index=True),
    Column("expected", Boolean, nullable=False),
    Column("unknown_at", Float),
    Column("keep_firing_since", Float),
    sqlite_autoincrement=True,
)


def active(connection: Connection) -> Sequence[Alert]:
    """Every alert that is pending, firing or unknown, oldest first."""
    query = select(alerts).where(alerts.c.state != AlertState.INACTIVE.value).order_by(alerts.c.id)
    return [_alert(found) for found in connection.execute(query).mappings()]


def for_incident(connection: Connection, incident_id: int) -> Sequence[Alert]:
    """Every episode that belongs to an incident, resolved ones too, in the order of firing."""
    query = (
        select(alerts)
        .where(alerts.c.incident_id == incident_id)
        .order_by(alerts.c.fired_at.nulls_first(), alerts.c.id)
    )
    return [_alert(found) for found in connection.execute(query).mappings()]


def add_all(tx: Connection, new: Sequence[Alert]) -> Sequence[Alert]:
    """Store new episodes, as one statement, and return them with their ids."""
    if not new:
        return []
    statement = alerts.insert().returning(alerts.c.id, sort_by_parameter_order=True)
    ids = tx.execute(statement, [_columns(alert) for alert in new]).scalars()
    return [replace(alert, id=alert_id) for alert, alert_id in zip(new, ids, strict=True)]


def change_all(tx: Connection, changed: Sequence[Alert]) -> None:
    """Store the present values of episodes, by their ids."""
    if changed:
        statement = alerts.update().where(alerts.c.id == bindparam("key"))
        tx.execute(statement, [{**_columns(alert), "key": alert.id} for alert in changed])


def remove_all(tx: Connection, ended: Sequence[Alert]) -> None:
    """Forget episodes that never fired."""
    if ended:
        statement = alerts.delete().where(alerts.c.id == bindparam("key"))
        tx.execute(statement, [{"key": alert.id} for alert in ended])


def forget(tx: Connection, before: float, limit: int) -> int:
    """Drop up to ``limit`` ended episodes without an incident, older than ``before``; returns how many."""
    old = select(alerts.c.id).where(
        alerts.c.state == AlertState.INACTIVE.value,
        alerts.c.incident_id.is_(None),
        alerts.c.resolved_at < before,
    )
    return tx.execute(alerts.delete().where(alerts.c.id.in_(old.limit(limit)))).rowcount


def forget_incident(tx: Connection, incident_id: int, limit: int) -> int:
    """Drop up to ``limit`` ended episodes of an incident; returns how many."""
    old = select(alerts.c.id).where(
        alerts.c.incident_id == incident_id, alerts.c.state == AlertState.INACTIVE.value
    )
    return tx.execute(alerts.delete().where(alerts.c.id.in_(old.limit(limit)))).rowcount


def with_active(connection: Connection) -> frozenset[int]:
    """Ids of incidents with an episode that is not over."""
    query = select(alerts.c.incident_id).where(
        alerts.c.state != AlertState.INACTIVE.value, alerts.c.incident_id.is_not(None)
    )
    return frozenset(connection.execute(query).scalars())


def _columns(alert: Alert) -> dict[str, object]:
    return {
        "rule": alert.rule,
        "rule_key": alert.rule_key,
        "labels": json.dumps(dict(alert.labels), ensure_ascii=False),
        "annotations": json.dumps(dict(alert.annotations), ensure_ascii=False),
        "state": alert.state.value,
        "held": alert.held.value,
        "active_at": alert.active_at,
        "fired_at": alert.fired_at,
        "resolved_at": alert.resolved_at,
        "value": None if math.isnan(alert.value) else alert.value,
        "component": alert.component,
        "severity": alert.severity,
        "incident_id": alert.incident_id,
        "expected": alert.expected,
        "unknown_at": alert.unknown_at,
        "keep_firing_since": alert.keep_firing_since,
    }


def _alert(found: RowMapping) -> Alert:
    return Alert(
        id=found["id"],
        rule=found["rule"],
        rule_key=found["rule_key"],
        labels=labels_of(json.loads(found["labels"])),
        annotations=json.loads(found["annotations"]),
        state=AlertState(found["state"]),
        held=AlertState(found["held"]),
        active_at=found["active_at"],
        fired_at=found["fired_at"],
        resolved_at=found["resolved_at"],
        value=math.nan if found["value"] is None else found["value"],
        component=found["component"],
        severity=found["severity"],
        incident_id=found["incident_id"],
        expected=bool(found["expected"]),
        unknown_at=found["unknown_at"],
        keep_firing_since=found["keep_firing_since"],
    )
