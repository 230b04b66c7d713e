"""What people asked of the run loop, in SQL. Written by the console, answered by the loop."""

from collections.abc import Sequence

from sqlalchemy import Column, Connection, Float, Integer, RowMapping, String, Table, Text, select

import database
from runbooks import run_store
from runbooks.request import NewRequest, Request, RequestKind, RequestOutcome

requests = Table(
    "run_requests",
    database.metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("kind", String(20), nullable=False),
    Column("who", String(120), nullable=False),
    Column("at", Float, nullable=False),
    Column("run_key", String(120)),
    Column("plan_hash", String(20)),
    Column("note", Text, nullable=False),
    Column("outcome", String(20), nullable=False, index=True),
    Column("outcome_text", Text, nullable=False),
    Column("answered_at", Float),
    sqlite_autoincrement=True,
)


def add(tx: Connection, new: NewRequest) -> int:
    """Write a request and return its id; the run loop answers at its next step."""
    result = tx.execute(
        requests.insert()
        .values(
            kind=new.kind.value,
            who=new.who,
            at=new.at,
            run_key=new.run_key,
            plan_hash=new.plan_hash,
            note=new.note,
            outcome=RequestOutcome.OPEN.value,
            outcome_text="",
        )
        .returning(requests.c.id)
    )
    return int(result.scalar_one())


def get(connection: Connection, request_id: int) -> Request | None:
    """One request, or None."""
    found = connection.execute(select(requests).where(requests.c.id == request_id)).mappings().first()
    return None if found is None else _request(found)


def open_requests(connection: Connection) -> Sequence[Request]:
    """Requests without an answer, oldest first."""
    query = select(requests).where(requests.c.outcome == RequestOutcome.OPEN).order_by(requests.c.id)
    return [_request(found) for found in connection.execute(query).mappings()]


def answer(tx: Connection, request_id: int, outcome: RequestOutcome, text: str, now: float) -> bool:
    """Write the outcome; False when it was answered before."""
    result = tx.execute(
        requests.update()
        .where(requests.c.id == request_id, requests.c.outcome == RequestOutcome.OPEN)
        .values(outcome=outcome.value, outcome_text=text, answered_at=now)
    )
    return result.rowcount == 1


def forget(tx: Connection, before: float, limit: int) -> int:
    """Drop up to ``limit`` answered requests older than ``before`` whose run is gone; returns how many."""
    of_stored_run = requests.c.run_key.in_(select(run_store.runs.c.key))
    old = select(requests.c.id).where(
        requests.c.at < before,
        requests.c.outcome != RequestOutcome.OPEN.value,
        requests.c.run_key.is_(None) | ~of_stored_run,
    )
    return tx.execute(requests.delete().where(requests.c.id.in_(old.limit(limit)))).rowcount


def _request(found: RowMapping) -> Request:
    return Request(
        id=found["id"],
        kind=RequestKind(found["kind"]),
        who=found["who"],
        at=found["at"],
        run_key=found["run_key"],
        plan_hash=found["plan_hash"],
        note=found["note"],
        outcome=RequestOutcome(found["outcome"]),
        outcome_text=found["outcome_text"],
        answered_at=found["answered_at"],
    )
