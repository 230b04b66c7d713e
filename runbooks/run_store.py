"""Runs in SQL. A run's key is unique; a run is changed only by the loop that holds it."""

from collections.abc import Sequence

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Float,
    Integer,
    RowMapping,
    Select,
    String,
    Table,
    Text,
    false,
    func,
    select,
)

import database
from runbooks import plan as plans
from runbooks.run import ACTIVE, Run, RunState
from settings.schema import RunbookMode

runs = Table(
    "runs",
    database.metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("key", String(120), nullable=False, unique=True),
    Column("runbook", String(80), nullable=False),
    Column("incident_id", Integer, index=True),
    Column("lever", String(80), nullable=False),
    Column("state", String(20), nullable=False, index=True),
    Column("reason", String(80), nullable=False),
    Column("mode", String(10), nullable=False),
    Column("plan", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("asked_at", Float),
    Column("expires_at", Float),
    Column("decided_by", String(120)),
    Column("started_at", Float),
    Column("ended_at", Float),
    Column("undone_at", Float),
    Column("control", Text, nullable=False),
    Column("holder", String(40), nullable=False),
)


def get(connection: Connection, key: str) -> Run | None:
    """One run, or None."""
    return next(iter(_read(connection, select(runs).where(runs.c.key == key))), None)


def recent(connection: Connection, limit: int = 50) -> Sequence[Run]:
    """The newest runs, newest first."""
    return _read(connection, select(runs).order_by(runs.c.id.desc()).limit(limit))


def for_incident(connection: Connection, incident_id: int) -> Sequence[Run]:
    """An incident's runs, oldest first."""
    return _read(connection, select(runs).where(runs.c.incident_id == incident_id).order_by(runs.c.id))


def in_state(connection: Connection, *states: RunState) -> Sequence[Run]:
    """Runs in one of these states, oldest first."""
    return _read(connection, select(runs).where(runs.c.state.in_(states)).order_by(runs.c.id))


def active(connection: Connection) -> Sequence[Run]:
    """Runs that hold levers, oldest first."""
    return in_state(connection, *sorted(ACTIVE))


def of_runbook_since(connection: Connection, runbook: str, since: float) -> Sequence[Run]:
    """Runs of a runbook that started or ended at ``since`` or later, or are not over, oldest first."""
    newest = func.coalesce(runs.c.ended_at, runs.c.started_at, runs.c.created_at)
    unfinished = runs.c.ended_at.is_(None)
    query = select(runs).where(runs.c.runbook == runbook, (newest >= since) | unfinished)
    return _read(connection, query.order_by(runs.c.id))


def newest_of_runbook(connection: Connection, runbook: str, limit: int) -> Sequence[Run]:
    """A runbook's newest runs, newest first."""
    query = select(runs).where(runs.c.runbook == runbook).order_by(runs.c.id.desc()).limit(limit)
    return _read(connection, query)


def undone_since(connection: Connection, since: float) -> int:
    """How many runs were undone at ``since`` or later."""
    query = select(func.count()).where(runs.c.undone_at >= since)
    return int(connection.execute(query).scalar_one())


def of_runbook_in(connection: Connection, runbook: str, incident_id: int | None) -> Sequence[Run]:
    """A runbook's runs in one incident, oldest first."""
    query = select(runs).where(runs.c.runbook == runbook, runs.c.incident_id == incident_id)
    return _read(connection, query.order_by(runs.c.id))


def holding(connection: Connection, levers: Sequence[str]) -> Run | None:
    """The active run that holds or reserves one of these levers, if any."""
    wanted = set(levers)
    found = (run for run in active(connection) if wanted & {diff.lever for diff in run.plan.diffs})
    return next(found, None)


def next_key(connection: Connection, runbook: str, incident_id: int | None) -> str:
    """The key of the next run of a runbook in an incident."""
    query = select(func.count()).where(runs.c.runbook == runbook, runs.c.incident_id == incident_id)
    count = int(connection.execute(query).scalar_one())
    return f"{runbook}-{0 if incident_id is None else incident_id}-{count + 1}"


def add(tx: Connection, run: Run) -> None:
    """Write a new run; its key must be new."""
    tx.execute(runs.insert().values(**_columns(run)))


def save(tx: Connection, run: Run) -> bool:
    """Write a run that we hold; False when another loop holds it by now, and nothing was written."""
    result = tx.execute(
        runs.update().where(runs.c.key == run.key, runs.c.holder == run.holder).values(**_columns(run))
    )
    return result.rowcount == 1


def claim(tx: Connection, key: str, holder: str) -> None:
    """Take one run over."""
    tx.execute(runs.update().where(runs.c.key == key).values(holder=holder))


def claim_all(tx: Connection, holder: str) -> None:
    """Take every unfinished run over from a loop that is gone."""
    tx.execute(runs.update().where(runs.c.ended_at.is_(None)).values(holder=holder))


def between(connection: Connection, since: float, until: float) -> Sequence[Run]:
    """Runs that started or were undone in [since, until), oldest first."""
    started = (runs.c.started_at >= since) & (runs.c.started_at < until)
    undone = (runs.c.undone_at >= since) & (runs.c.undone_at < until)
    return _read(connection, select(runs).where(started | undone).order_by(runs.c.id))


def ended_before(before: float) -> ColumnElement[bool]:
    """The condition that a run is over, and was so before then."""
    return (runs.c.ended_at < before) & runs.c.state.not_in([*ACTIVE, RunState.ASKED])


def with_unfinished(connection: Connection, before: float) -> frozenset[int]:
    """Ids of incidents with a run that is not over, or was not before then."""
    finished = func.coalesce(ended_before(before), false())
    query = select(runs.c.incident_id).where(runs.c.incident_id.is_not(None), ~finished)
    return frozenset(connection.execute(query).scalars())


def forget_incident(tx: Connection, incident_id: int, limit: int) -> int:
    """Drop up to ``limit`` runs of an incident; returns how many."""
    found = select(runs.c.id).where(runs.c.incident_id == incident_id).limit(limit)
    return tx.execute(runs.delete().where(runs.c.id.in_(found))).rowcount


def _read(connection: Connection, query: Select[tuple[object, ...]]) -> Sequence[Run]:
    return [_run(found) for found in connection.execute(query).mappings()]


def _columns(run: Run) -> dict[str, object]:
    return {
        "key": run.key,
        "runbook": run.runbook,
        "incident_id": run.incident_id,
        "lever": run.lever,
        "state": run.state.value,
        "reason": run.reason,
        "mode": run.mode.value,
        "plan": plans.to_json(run.plan),
        "created_at": run.created_at,
        "asked_at": run.asked_at,
        "expires_at": run.expires_at,
        "decided_by": run.decided_by,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "undone_at": run.undone_at,
        "control": run.control,
        "holder": run.holder,
    }


def _run(found: RowMapping) -> Run:
    return Run(
        key=found["key"],
        runbook=found["runbook"],
        incident_id=found["incident_id"],
        lever=found["lever"],
        state=RunState(found["state"]),
        reason=found["reason"],
        mode=RunbookMode(found["mode"]),
        plan=plans.from_json(found["plan"]),
        created_at=found["created_at"],
        asked_at=found["asked_at"],
        expires_at=found["expires_at"],
        decided_by=found["decided_by"],
        started_at=found["started_at"],
        ended_at=found["ended_at"],
        undone_at=found["undone_at"],
        control=found["control"],
        holder=found["holder"],
    )
