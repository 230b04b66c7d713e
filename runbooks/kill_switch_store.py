"""The kill switch in SQL: every turn of it is a row, the newest is how it stands."""

from sqlalchemy import Boolean, Column, Connection, Float, Integer, String, Table, Text, func, select

import database
from runbooks.kill_switch import KillSwitch

kill_switch = Table(
    "kill_switch",
    database.metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Float, nullable=False),
    Column("engaged", Boolean, nullable=False),
    Column("who", String(120), nullable=False),
    Column("why", Text, nullable=False),
)


def read(connection: Connection) -> KillSwitch:
    """How it stands now; never turned means not engaged."""
    query = select(kill_switch).order_by(kill_switch.c.id.desc()).limit(1)
    found = connection.execute(query).mappings().first()
    if found is None:
        return KillSwitch(engaged=False)
    return KillSwitch(engaged=found["engaged"], at=found["at"], who=found["who"], why=found["why"])


def turn(tx: Connection, switch: KillSwitch) -> None:
    """Engage or disengage it."""
    tx.execute(
        kill_switch.insert().values(at=switch.at, engaged=switch.engaged, who=switch.who, why=switch.why)
    )


def forget(tx: Connection, before: float, limit: int) -> int:
    """Drop up to ``limit`` turns older than ``before``, never the newest; returns how many."""
    newest = select(func.max(kill_switch.c.id)).scalar_subquery()
    old = select(kill_switch.c.id).where(kill_switch.c.at < before, kill_switch.c.id < newest).limit(limit)
    return tx.execute(kill_switch.delete().where(kill_switch.c.id.in_(old))).rowcount
