"""Held leases in SQL: one row per lever that is away from its baseline."""

import json
from collections.abc import Sequence

from sqlalchemy import Column, Connection, Float, Integer, RowMapping, String, Table, Text, select

import database
from alerts.held_lease import HeldLease
from runbooks import lever_store
from runbooks.lease import Lease, LeasePhase
from runbooks.lever_store import KnownLever

leases = Table(
    "leases",
    database.metadata,
    Column("lever", String(80), primary_key=True),
    Column("run_key", String(120), nullable=False, index=True),
    Column("runbook", String(80), nullable=False),
    Column("component", String(80), nullable=False),
    Column("incident_id", Integer),
    Column("value", Text, nullable=False),
    Column("baseline", Text, nullable=False),
    Column("unit", String(40), nullable=False),
    Column("since", Float, nullable=False),
    Column("until", Float, nullable=False),
    Column("phase", String(20), nullable=False),
    Column("doing", Text, nullable=False),
    Column("next_at", Float),
)


def held(connection: Connection) -> Sequence[Lease]:
    """Every held lease, by lever name."""
    query = select(leases).order_by(leases.c.lever)
    return [_lease(found) for found in connection.execute(query).mappings()]


def of_incidents(connection: Connection) -> frozenset[int]:
    """Ids of incidents for which a lease is held."""
    query = select(leases.c.incident_id).where(leases.c.incident_id.is_not(None))
    return frozenset(connection.execute(query).scalars())


def of_run(connection: Connection, run_key: str) -> Lease | None:
    """The lease that a run holds, or None."""
    query = select(leases).where(leases.c.run_key == run_key)
    found = connection.execute(query).mappings().first()
    return None if found is None else _lease(found)


def save(tx: Connection, lease: Lease) -> None:
    """Write a lease, in place of what the lever's row said before."""
    tx.execute(leases.delete().where(leases.c.lever == lease.lever))
    tx.execute(
        leases.insert().values(
            lever=lease.lever,
            run_key=lease.run_key,
            runbook=lease.runbook,
            component=lease.component,
            incident_id=lease.incident_id,
            value=json.dumps(lease.value),
            baseline=json.dumps(lease.baseline),
            unit=lease.unit,
            since=lease.since,
            until=lease.until,
            phase=lease.phase.value,
            doing=lease.doing,
            next_at=lease.next_at,
        )
    )


def extend(tx: Connection, run_key: str, until: float) -> None:
    """The target holds it until then, unless we renew again."""
    tx.execute(leases.update().where(leases.c.run_key == run_key).values(until=until))


def end(tx: Connection, lever: str, run_key: str) -> None:
    """The run no longer holds the lever."""
    tx.execute(leases.delete().where(leases.c.lever == lever, leases.c.run_key == run_key))


class LeasesInDatabase:
    """The ``HeldLeases`` that the alerts room asks for."""

    def __init__(self, db: database.Database) -> None:
        self._database = db

    def held(self) -> tuple[HeldLease, ...]:
        """Every lever away from its baseline: those we hold, and those that somebody else moved."""
        with self._database.reading() as connection:
            ours, known = held(connection), lever_store.readings(connection)
        leased = {lease.lever for lease in ours}
        moved = (_moved(lever) for lever in known if lever.lever not in leased)
        return (*map(as_held, ours), *(lease for lease in moved if lease is not None))


def as_held(lease: Lease) -> HeldLease:
    """A lease as incidents and why cards see it."""
    return HeldLease(
        lever=lease.lever,
        component=lease.component,
        incident_id=lease.incident_id,
        value=lease.value,
        baseline=lease.baseline,
        unit=lease.unit,
        since=lease.since,
    )


def _moved(known: KnownLever) -> HeldLease | None:
    if known.reading is None or known.away_since is None:
        return None
    return HeldLease(
        lever=known.lever,
        component=known.component,
        incident_id=None,
        value=known.reading.value,
        baseline=known.baseline,
        unit=known.unit,
        since=known.away_since,
    )


def _lease(found: RowMapping) -> Lease:
    return Lease(
        lever=found["lever"],
        run_key=found["run_key"],
        runbook=found["runbook"],
        component=found["component"],
        incident_id=found["incident_id"],
        value=json.loads(found["value"]),
        baseline=json.loads(found["baseline"]),
        unit=found["unit"],
        since=found["since"],
        until=found["until"],
        phase=LeasePhase(found["phase"]),
        doing=found["doing"],
        next_at=found["next_at"],
    )
