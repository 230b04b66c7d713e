"""Evidence in SQL: a row for each capture, written before a slow one is begun and once more when it ends."""

from collections.abc import Sequence

from sqlalchemy import Column, Connection, Float, Integer, RowMapping, String, Table, Text, func, select

import database
from alerts.evidence import CaptureName, Evidence, EvidenceState, Occasion, Pace, Traits
from alerts.evidence_due import Past
from alerts.evidence_json import from_json, to_json

evidence = Table(
    "evidence",
    database.metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("incident_id", Integer, nullable=False, index=True),
    Column("taking", Integer, nullable=False),
    Column("occasion", String(20), nullable=False),
    Column("because", Text, nullable=False),
    Column("capture", String(40), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("title", Text, nullable=False),
    Column("component", String(80)),
    Column("pace", String(10), nullable=False),
    Column("state", String(20), nullable=False, index=True),
    Column("asked_at", Float, nullable=False),
    Column("began_at", Float),
    Column("seconds", Float),
    Column("captured", Text, nullable=False),
    Column("error", Text),
    sqlite_autoincrement=True,
)


def add_all(tx: Connection, new: Sequence[Evidence]) -> tuple[int, ...]:
    """Store captures, taken or about to be, and return their ids in the same order."""
    if not new:
        return ()
    statement = evidence.insert().returning(evidence.c.id, sort_by_parameter_order=True)
    return tuple(tx.execute(statement, [_columns(each) for each in new]).scalars())


def finish(tx: Connection, ended: Evidence) -> bool:
    """Store how a capture ended; False when that was decided already, and nothing is written."""
    changed = tx.execute(
        evidence.update()
        .where(evidence.c.id == ended.id, evidence.c.state == EvidenceState.TAKING.value)
        .values(_outcome(ended))
    )
    return changed.rowcount == 1


def interrupt_all(tx: Connection) -> int:
    """Whatever a Showcall before us was taking never ended; how many."""
    changed = tx.execute(
        evidence.update()
        .where(evidence.c.state == EvidenceState.TAKING.value)
        .values(state=EvidenceState.INTERRUPTED.value, error="Showcall ended while it was being taken")
    )
    return changed.rowcount


def for_incident(connection: Connection, incident_id: int) -> Sequence[Evidence]:
    """All of an incident, in the order of taking."""
    query = select(evidence).where(evidence.c.incident_id == incident_id)
    return [_evidence(found) for found in connection.execute(query.order_by(evidence.c.id)).mappings()]


def of_taking(connection: Connection, incident_id: int, taking: int, pace: Pace) -> Sequence[Evidence]:
    """The quick or the slow captures of one taking."""
    query = select(evidence).where(
        evidence.c.incident_id == incident_id, evidence.c.taking == taking, evidence.c.pace == pace.value
    )
    return [_evidence(found) for found in connection.execute(query.order_by(evidence.c.id)).mappings()]


def past(connection: Connection, incident_id: int) -> Past:
    """What was taken for an incident; what was interrupted is to be taken again."""
    of_incident = evidence.c.incident_id == incident_id
    takings = connection.execute(select(func.max(evidence.c.taking)).where(of_incident)).scalar_one()
    query = (
        select(evidence.c.capture, evidence.c.subject, func.max(evidence.c.asked_at).label("last"))
        .where(of_incident, evidence.c.state != EvidenceState.INTERRUPTED.value)
        .group_by(evidence.c.capture, evidence.c.subject)
    )
    last = {_key(found): found["last"] for found in connection.execute(query).mappings()}
    return Past(takings or 0, last)


def forget_incident(tx: Connection, incident_id: int, limit: int) -> int:
    """Drop up to ``limit`` rows of an incident, oldest first; returns how many."""
    rows = select(evidence.c.id).where(evidence.c.incident_id == incident_id)
    found = rows.order_by(evidence.c.id).limit(limit)
    return tx.execute(evidence.delete().where(evidence.c.id.in_(found))).rowcount


def mark(connection: Connection, incident_id: int) -> str:
    """A text that changes whenever evidence of the incident does."""
    ended = func.count(evidence.c.id).filter(evidence.c.state != EvidenceState.TAKING.value)
    query = select(func.count(evidence.c.id), ended).where(evidence.c.incident_id == incident_id)
    counted, finished = connection.execute(query).one()
    return f"{counted}-{finished}"


def _key(found: RowMapping) -> str:
    return Traits(CaptureName(found["capture"]), "", Pace.QUICK, found["subject"]).key


def _columns(each: Evidence) -> dict[str, object]:
    return {
        "incident_id": each.incident_id,
        "taking": each.taking,
        "occasion": each.occasion.value,
        "because": each.because,
        "capture": each.traits.name.value,
        "subject": each.traits.subject,
        "title": each.traits.title,
        "component": each.traits.component,
        "pace": each.traits.pace.value,
        "asked_at": each.asked_at,
        **_outcome(each),
    }


def _outcome(each: Evidence) -> dict[str, object]:
    return {
        "state": each.state.value,
        "began_at": each.began_at,
        "seconds": each.seconds,
        "captured": to_json(each.captured),
        "error": each.error,
    }


def _evidence(found: RowMapping) -> Evidence:
    return Evidence(
        id=found["id"],
        incident_id=found["incident_id"],
        taking=found["taking"],
        occasion=Occasion(found["occasion"]),
        because=found["because"],
        traits=Traits(
            name=CaptureName(found["capture"]),
            title=found["title"],
            pace=Pace(found["pace"]),
            subject=found["subject"],
            component=found["component"],
        ),
        asked_at=found["asked_at"],
        state=EvidenceState(found["state"]),
        began_at=found["began_at"],
        seconds=found["seconds"],
        captured=from_json(found["captured"]),
        error=found["error"],
    )
