"""Incidents in SQL. Acknowledging is a mark that anyone may set; the rest is the evaluator's."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import Column, Connection, Float, Integer, RowMapping, String, Table, Text, select

import database
from alerts import timeline_store, why_json
from alerts.incident import Incident, IncidentState, Peak
from alerts.timeline import NewTimelineRow, TimelineKind

incidents = Table(
    "incidents",
    database.metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("title", Text, nullable=False),
    Column("state", String(20), nullable=False, index=True),
    Column("cause", String(80)),
    Column("severity", String(40), nullable=False),
    Column("opened_at", Float, nullable=False),
    Column("mitigated_at", Float),
    Column("resolved_at", Float),
    Column("acknowledged_by", String(120)),
    Column("acknowledged_at", Float),
    Column("why", Text),
    Column("peak", Text, nullable=False),
    Column("rules", Text, nullable=False),
    Column("clear_since", Float),
    Column("quiet_since", Float),
    Column("reopened_at", Text, nullable=False),
    sqlite_autoincrement=True,
)


def get(connection: Connection, incident_id: int) -> Incident | None:
    """One incident, or None."""
    found = connection.execute(select(incidents).where(incidents.c.id == incident_id)).mappings().first()
    return None if found is None else _incident(found)


def unresolved(connection: Connection) -> Sequence[Incident]:
    """Open and mitigated incidents, oldest first."""
    query = (
        select(incidents).where(incidents.c.state != IncidentState.RESOLVED.value).order_by(incidents.c.id)
    )
    return [_incident(found) for found in connection.execute(query).mappings()]


def recent(connection: Connection, limit: int = 50) -> Sequence[Incident]:
    """The newest incidents of any state, newest first."""
    query = select(incidents).order_by(incidents.c.id.desc()).limit(limit)
    return [_incident(found) for found in connection.execute(query).mappings()]


def between(connection: Connection, since: float, until: float) -> Sequence[Incident]:
    """Incidents that were not over at some time in [since, until), oldest first."""
    lasted = (incidents.c.resolved_at >= since) | incidents.c.resolved_at.is_(None)
    query = select(incidents).where(incidents.c.opened_at < until, lasted).order_by(incidents.c.id)
    return [_incident(found) for found in connection.execute(query).mappings()]


def resolved_before(connection: Connection, before: float) -> Sequence[int]:
    """Ids of incidents that were resolved before then, oldest first."""
    query = select(incidents.c.id).where(
        incidents.c.state == IncidentState.RESOLVED.value, incidents.c.resolved_at < before
    )
    return list(connection.execute(query.order_by(incidents.c.id)).scalars())


def forget(tx: Connection, incident_id: int, before: float) -> bool:
    """Drop an incident that was resolved before then; what belongs to it goes first. False: it stays."""
    result = tx.execute(
        incidents.delete().where(
            incidents.c.id == incident_id,
            incidents.c.state == IncidentState.RESOLVED.value,
            incidents.c.resolved_at < before,
        )
    )
    return result.rowcount == 1


def add(tx: Connection, incident: Incident) -> int:
    """Store a new incident and return its id; its own ``id`` is ignored."""
    result = tx.execute(incidents.insert().values(**_columns(incident)).returning(incidents.c.id))
    return int(result.scalar_one())


def change(tx: Connection, incident: Incident) -> None:
    """Store what the evaluator decides about an incident; the acknowledgement is left as it is."""
    tx.execute(incidents.update().where(incidents.c.id == incident.id).values(**_columns(incident)))


def acknowledge(tx: Connection, incident_id: int, who: str, now: float) -> bool:
    """Mark an incident as somebody's, with a timeline row; the first one to do so owns it.

    Returns:
        False when there is no such incident or it is acknowledged already; then nothing is written.
    """
    marked = tx.execute(
        incidents.update()
        .where(incidents.c.id == incident_id, incidents.c.acknowledged_by.is_(None))
        .values(acknowledged_by=who, acknowledged_at=now)
    )
    if marked.rowcount != 1:
        return False
    row = NewTimelineRow(
        at=now,
        kind=TimelineKind.ACKNOWLEDGED,
        reason="by_user",
        text=f"Acknowledged by {who}",
        incident_id=incident_id,
        actor=f"user:{who}",
    )
    timeline_store.append(tx, row)
    return True


def add_note(tx: Connection, incident_id: int, who: str, text: str, now: float) -> int:
    """Append a person's note to the incident's timeline and return the row's id.

    Raises:
        ValueError: there is no such incident, or the note is empty.
    """
    if not text.strip():
        raise ValueError("the note is empty (want some text)")
    if get(tx, incident_id) is None:
        raise ValueError(f"there is no incident {incident_id}")
    row = NewTimelineRow(now, TimelineKind.NOTE, "by_user", text, incident_id, actor=f"user:{who}")
    return timeline_store.append(tx, row)


def _columns(incident: Incident) -> dict[str, object]:
    peaks = {key: asdict(peak) for key, peak in incident.peak.items()}
    return {
        "title": incident.title,
        "state": incident.state.value,
        "cause": incident.cause,
        "severity": incident.severity,
        "opened_at": incident.opened_at,
        "mitigated_at": incident.mitigated_at,
        "resolved_at": incident.resolved_at,
        "why": None if incident.why is None else why_json.to_json(incident.why),
        "peak": json.dumps(peaks, ensure_ascii=False),
        "rules": json.dumps(incident.rules),
        "clear_since": incident.clear_since,
        "quiet_since": incident.quiet_since,
        "reopened_at": json.dumps(incident.reopened_at),
    }


def _incident(found: RowMapping) -> Incident:
    return Incident(
        id=found["id"],
        title=found["title"],
        state=IncidentState(found["state"]),
        cause=found["cause"],
        severity=found["severity"],
        opened_at=found["opened_at"],
        mitigated_at=found["mitigated_at"],
        resolved_at=found["resolved_at"],
        acknowledged_by=found["acknowledged_by"],
        acknowledged_at=found["acknowledged_at"],
        why=None if found["why"] is None else why_json.from_json(found["why"]),
        peak={key: Peak(**peak) for key, peak in json.loads(found["peak"]).items()},
        rules=tuple(json.loads(found["rules"])),
        clear_since=found["clear_since"],
        quiet_since=found["quiet_since"],
        reopened_at=tuple(json.loads(found["reopened_at"])),
    )
