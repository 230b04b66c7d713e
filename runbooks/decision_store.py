"""The last decision of each runbook in each incident, in SQL: what the machine is (not) doing, and why."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Column, Connection, Float, Integer, RowMapping, String, Table, Text, select

import database
from runbooks.decision import Decision, DecisionReason, DecisionVerdict

decisions = Table(
    "run_decisions",
    database.metadata,
    Column("runbook", String(80), primary_key=True),
    Column("incident_id", Integer, primary_key=True, autoincrement=False),
    Column("verdict", String(10), nullable=False),
    Column("reason", String(40), nullable=False),
    Column("text", Text, nullable=False),
    Column("at", Float, nullable=False),
)


@dataclass(frozen=True, slots=True)
class KnownDecision:
    """A decision as stored; ``at``: since when it stands."""

    runbook: str
    incident_id: int
    decision: Decision
    at: float


def of_incident(connection: Connection, incident_id: int) -> Sequence[KnownDecision]:
    """An incident's decisions, by runbook."""
    query = select(decisions).where(decisions.c.incident_id == incident_id).order_by(decisions.c.runbook)
    return [_known(found) for found in connection.execute(query).mappings()]


def get(connection: Connection, runbook: str, incident_id: int) -> KnownDecision | None:
    """One decision, or None when none was needed so far."""
    query = select(decisions).where(decisions.c.runbook == runbook, decisions.c.incident_id == incident_id)
    found = connection.execute(query).mappings().first()
    return None if found is None else _known(found)


def changed(tx: Connection, known: KnownDecision) -> bool:
    """Store a decision; False when the stored one has the same verdict and reason, which is then kept."""
    before = get(tx, known.runbook, known.incident_id)
    if before is not None and _same(before.decision, known.decision):
        return False
    tx.execute(
        decisions.delete().where(
            decisions.c.runbook == known.runbook, decisions.c.incident_id == known.incident_id
        )
    )
    tx.execute(
        decisions.insert().values(
            runbook=known.runbook,
            incident_id=known.incident_id,
            verdict=known.decision.verdict.value,
            reason=known.decision.reason.value,
            text=known.decision.text,
            at=known.at,
        )
    )
    return True


def forget_incident(tx: Connection, incident_id: int, limit: int) -> int:
    """Drop up to ``limit`` decisions of an incident; returns how many."""
    found = select(decisions.c.runbook).where(decisions.c.incident_id == incident_id).limit(limit)
    result = tx.execute(
        decisions.delete().where(decisions.c.incident_id == incident_id, decisions.c.runbook.in_(found))
    )
    return result.rowcount


def _same(one: Decision, other: Decision) -> bool:
    return (one.verdict, one.reason) == (other.verdict, other.reason)


def _known(found: RowMapping) -> KnownDecision:
    decision = Decision(DecisionVerdict(found["verdict"]), DecisionReason(found["reason"]), found["text"])
    return KnownDecision(found["runbook"], found["incident_id"], decision, found["at"])
