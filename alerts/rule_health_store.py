"""Rules that fail, in SQL, so that a restart does not tell the same failure twice."""

from sqlalchemy import Column, Connection, Float, String, Table, Text, select

import database

failing_rules = Table(
    "failing_rules",
    database.metadata,
    Column("rule_key", String(400), primary_key=True),
    Column("error", Text, nullable=False),
    Column("since", Float, nullable=False),
)


def failing(connection: Connection) -> frozenset[str]:
    """The keys of the rules that fail."""
    return frozenset(connection.execute(select(failing_rules.c.rule_key)).scalars())


def fails(tx: Connection, rule_key: str, error: str, now: float) -> None:
    """A rule has begun to fail."""
    tx.execute(failing_rules.insert().values(rule_key=rule_key, error=error, since=now))


def works(tx: Connection, rule_key: str) -> None:
    """A rule can be evaluated again, or is gone."""
    tx.execute(failing_rules.delete().where(failing_rules.c.rule_key == rule_key))
