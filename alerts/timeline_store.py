"""The timeline's rows in SQL. Append-only: no row is ever changed, and only retention takes old ones away."""

import json
from collections.abc import Sequence

from sqlalchemy import Column, Connection, Float, Integer, RowMapping, String, Table, Text, select

import database
from alerts.timeline import NewTimelineRow, TimelineKind, TimelineRow

timeline = Table(
    "timeline",
    database.metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Float, nullable=False, index=True),
    Column("incident_id", Integer, index=True),
    Column("kind", String(40), nullable=False),
    Column("reason", String(80), nullable=False),
    Column("text", Text, nullable=False),
    Column("actor", String(120), nullable=False),
    Column("run_key", String(120), index=True),
    Column("details", Text, nullable=False),
    sqlite_autoincrement=True,
)


def append(tx: Connection, row: NewTimelineRow) -> int:
    """Write one row inside the caller's transaction and return its id."""
    return int(tx.execute(timeline.insert().returning(timeline.c.id), _columns(row)).scalar_one())


def append_all(tx: Connection, rows: Sequence[NewTimelineRow]) -> None:
    """Write rows in order, as one statement: thousands of alerts may change at once."""
    if rows:
        tx.execute(timeline.insert(), [_columns(row) for row in rows])


def since(
    connection: Connection, after_id: int, incident_id: int | None = None, limit: int = 500
) -> Sequence[TimelineRow]:
    """Rows with an id above ``after_id``, oldest first, of one incident or of all."""
    query = select(timeline).where(timeline.c.id > after_id).order_by(timeline.c.id).limit(limit)
    if incident_id is not None:
        query = query.where(timeline.c.incident_id == incident_id)
    return [row_of(found) for found in connection.execute(query).mappings()]


def latest(connection: Connection, limit: int = 50) -> Sequence[TimelineRow]:
    """The newest rows, newest first."""
    query = select(timeline).order_by(timeline.c.id.desc()).limit(limit)
    return [row_of(found) for found in connection.execute(query).mappings()]


def first_of_kind(connection: Connection, incident_id: int, kind: TimelineKind) -> TimelineRow | None:
    """The first row of a kind in an incident, or None."""
    query = (
        select(timeline)
        .where(timeline.c.incident_id == incident_id, timeline.c.kind == kind.value)
        .order_by(timeline.c.id)
        .limit(1)
    )
    found = connection.execute(query).mappings().first()
    return None if found is None else row_of(found)


def forget(tx: Connection, before: float, limit: int) -> int:
    """Drop up to ``limit`` rows without an incident that are older than ``before``; returns how many."""
    old = select(timeline.c.id).where(timeline.c.at < before, timeline.c.incident_id.is_(None)).limit(limit)
    return tx.execute(timeline.delete().where(timeline.c.id.in_(old))).rowcount


def forget_incident(tx: Connection, incident_id: int, limit: int) -> int:
    """Drop up to ``limit`` rows of an incident, oldest first; returns how many."""
    rows = select(timeline.c.id).where(timeline.c.incident_id == incident_id)
    found = rows.order_by(timeline.c.id).limit(limit)
    return tx.execute(timeline.delete().where(timeline.c.id.in_(found))).rowcount


def _columns(row: NewTimelineRow) -> dict[str, object]:
    return {
        "at": row.at,
        "incident_id": row.incident_id,
        "kind": row.kind.value,
        "reason": row.reason,
        "text": row.text,
        "actor": row.actor,
        "run_key": row.run_key,
        "details": json.dumps(row.details, ensure_ascii=False),
    }


def row_of(found: RowMapping) -> TimelineRow:
    """A row as a value."""
    return TimelineRow(
        id=found["id"],
        at=found["at"],
        incident_id=found["incident_id"],
        kind=TimelineKind(found["kind"]),
        reason=found["reason"],
        text=found["text"],
        actor=found["actor"],
        run_key=found["run_key"],
        details=json.loads(found["details"]),
    )
