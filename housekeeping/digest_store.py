"""Which days have had their digest, in SQL: the key of a day is what keeps it from being told twice."""

from sqlalchemy import Column, Connection, Float, String, Table, select

import database

digests = Table(
    "daily_digests",
    database.metadata,
    Column("day", String(10), primary_key=True),
    Column("until", Float, nullable=False),
)


def claim(tx: Connection, day: str, until: float) -> bool:
    """Take a day's digest, which covers everything up to ``until``; False when it was told already."""
    if tx.execute(select(digests.c.day).where(digests.c.day == day)).first() is not None:
        return False
    tx.execute(digests.insert().values(day=day, until=until))
    return True


def told_until(connection: Connection, before: float) -> float | None:
    """Up to when the digests before that time have told everything, None without one."""
    query = select(digests.c.until).where(digests.c.until < before).order_by(digests.c.until.desc()).limit(1)
    found = connection.execute(query).scalar()
    return None if found is None else float(found)


def forget(tx: Connection, before: float, limit: int) -> int:
    """Drop up to ``limit`` days older than ``before``; returns how many."""
    old = select(digests.c.day).where(digests.c.until < before).limit(limit)
    return tx.execute(digests.delete().where(digests.c.day.in_(old))).rowcount
