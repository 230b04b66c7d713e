"""What is known of the jobs, in SQL: the only truth about what ran and what is due."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from sqlalchemy import Column, Connection, Float, Integer, RowMapping, String, Table, Text, select

import database
from housekeeping.job import JobOutcome, JobState

jobs = Table(
    "housekeeping_jobs",
    database.metadata,
    Column("name", String(40), primary_key=True),
    Column("due_at", Float, nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("started_at", Float),
    Column("ended_at", Float),
    Column("succeeded_at", Float),
    Column("seconds", Float),
    Column("text", Text, nullable=False),
    Column("runs", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("cut_short", Integer, nullable=False),
    Column("in_a_row", Integer, nullable=False),
    Column("postponed_since", Float),
    Column("looked_at", Float, nullable=False),
)


def known(connection: Connection) -> Mapping[str, JobState]:
    """Every job that was ever noted, by name."""
    return {found["name"]: _state(found) for found in connection.execute(select(jobs)).mappings()}


def save(tx: Connection, states: Sequence[JobState], now: float) -> None:
    """Write what is known of jobs, in place of what was known before."""
    for state in states:
        tx.execute(jobs.delete().where(jobs.c.name == state.name))
        tx.execute(jobs.insert().values(**asdict(state) | {"outcome": state.outcome.value}, looked_at=now))


def looked(tx: Connection, now: float) -> None:
    """Note that the jobs were looked at: also a write that shows whether the database takes any."""
    tx.execute(jobs.update().values(looked_at=now))


def _state(found: RowMapping) -> JobState:
    fields = {name: value for name, value in found.items() if name != "looked_at"}
    return JobState(**fields | {"outcome": JobOutcome(found["outcome"])})
