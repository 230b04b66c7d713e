"""The journal in SQL: one row per write to a lever, committed before anything is sent."""

import json
from collections.abc import Sequence

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
    Update,
    select,
)

import database
from runbooks import run_store
from runbooks.intent import Intent, IntentState, Purpose

intents = Table(
    "lever_intents",
    database.metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("request_id", String(60), nullable=False, unique=True),
    Column("run_key", String(120), nullable=False, index=True),
    Column("lever", String(80), nullable=False),
    Column("purpose", String(10), nullable=False),
    Column("value", Text, nullable=False),
    Column("if_version", database.Whole),
    Column("lease_seconds", Float, nullable=False),
    Column("put_back_excess", Boolean, nullable=False),
    Column("reason", String(80), nullable=False),
    Column("text", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("state", String(20), nullable=False, index=True),
    Column("outcome", Text, nullable=False),
    Column("resolved_at", Float),
)


def add(tx: Connection, intent: Intent) -> None:
    """Write a new intent; its request id must be new."""
    tx.execute(intents.insert().values(**_columns(intent)))


def attempted(tx: Connection, intent: Intent) -> None:
    """Write that it is about to be sent once more."""
    tx.execute(_row(intent).values(attempts=intent.attempts))


def resolve(tx: Connection, intent: Intent, state: IntentState, outcome: str, now: float) -> bool:
    """Write what became of it; False when that was known already."""
    result = tx.execute(
        intents.update()
        .where(intents.c.request_id == intent.request_id, intents.c.state == IntentState.OPEN)
        .values(state=state.value, outcome=outcome, resolved_at=now)
    )
    return result.rowcount == 1


def note(tx: Connection, intent: Intent, outcome: str) -> None:
    """Write why it is still open."""
    tx.execute(_row(intent).values(outcome=outcome))


def open_of_run(connection: Connection, run_key: str) -> Intent | None:
    """The run's intent whose outcome is not known, or None; a run has at most one."""
    query = select(intents).where(intents.c.run_key == run_key, intents.c.state == IntentState.OPEN)
    found = connection.execute(query).mappings().first()
    return None if found is None else _intent(found)


def of_run(connection: Connection, run_key: str) -> Sequence[Intent]:
    """Every write of a run, oldest first."""
    query = select(intents).where(intents.c.run_key == run_key).order_by(intents.c.id)
    return [_intent(found) for found in connection.execute(query).mappings()]


def forget_renewals(tx: Connection, before: float, limit: int) -> int:
    """Drop up to ``limit`` settled renewals of runs that ended before then; returns how many.

    A lease that is held for an hour is renewed 360 times; what people read of it is on the timeline.
    """
    over = select(run_store.runs.c.key).where(run_store.ended_before(before))
    old = select(intents.c.id).where(
        intents.c.purpose == Purpose.RENEW.value,
        intents.c.state != IntentState.OPEN.value,
        intents.c.created_at < before,
        intents.c.run_key.in_(over),
    )
    return tx.execute(intents.delete().where(intents.c.id.in_(old.limit(limit)))).rowcount


def forget_incident(tx: Connection, incident_id: int, limit: int) -> int:
    """Drop up to ``limit`` writes of an incident's runs; returns how many."""
    of_incident = select(run_store.runs.c.key).where(run_store.runs.c.incident_id == incident_id)
    found = select(intents.c.id).where(intents.c.run_key.in_(of_incident)).limit(limit)
    return tx.execute(intents.delete().where(intents.c.id.in_(found))).rowcount


def _row(intent: Intent) -> Update:
    return intents.update().where(intents.c.request_id == intent.request_id)


def _columns(intent: Intent) -> dict[str, object]:
    return {
        "request_id": intent.request_id,
        "run_key": intent.run_key,
        "lever": intent.lever,
        "purpose": intent.purpose.value,
        "value": json.dumps(intent.value),
        "if_version": intent.if_version,
        "lease_seconds": intent.lease_seconds,
        "put_back_excess": intent.put_back_excess,
        "reason": intent.reason,
        "text": intent.text,
        "after": intent.after,
        "created_at": intent.created_at,
        "attempts": intent.attempts,
        "state": intent.state.value,
        "outcome": intent.outcome,
        "resolved_at": intent.resolved_at,
    }


def _intent(found: RowMapping) -> Intent:
    return Intent(
        request_id=found["request_id"],
        run_key=found["run_key"],
        lever=found["lever"],
        purpose=Purpose(found["purpose"]),
        value=json.loads(found["value"]),
        if_version=found["if_version"],
        lease_seconds=found["lease_seconds"],
        put_back_excess=found["put_back_excess"],
        reason=found["reason"],
        text=found["text"],
        after=found["after"],
        created_at=found["created_at"],
        attempts=found["attempts"],
        state=IntentState(found["state"]),
        outcome=found["outcome"],
        resolved_at=found["resolved_at"],
    )
