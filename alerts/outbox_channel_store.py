"""The channels of the outbox in SQL: each one's cursor over the timeline, and its trouble."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

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
    func,
    select,
)

import database
from alerts import outbox_store
from alerts.timeline_store import timeline

channels = Table(
    "outbox_channels",
    database.metadata,
    Column("name", String(40), primary_key=True),
    Column("installation", String(40), nullable=False),
    Column("cursor", Integer, nullable=False),
    Column("retired", Boolean, nullable=False),
    Column("wait_until", Float),
    Column("wait_reason", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("blocked_at", Float),
    Column("blocked_reason", Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """A channel's place on the timeline and its trouble, if any (times in Unix seconds).

    Attributes:
        installation: tells this Showcall's messages from another one's in the same place.
        wait_until, wait_reason: nothing goes out before, and why.
        failures: attempts in a row that failed.
        blocked_at, blocked_reason: since when and why trying again cannot help.
    """

    name: str
    installation: str
    cursor: int
    wait_until: float | None = None
    wait_reason: str = ""
    failures: int = 0
    blocked_at: float | None = None
    blocked_reason: str = ""


@dataclass(frozen=True, slots=True)
class ChannelStatus:
    """A channel in numbers, for health, metrics and the page; ``oldest``: since when something waits."""

    channel: ChannelRow
    pending: int
    dead: int
    oldest: float | None


def register(tx: Connection, name: str) -> ChannelRow:
    """The channel's row; a new channel, or one that was switched off, begins with what happens from now on.

    A channel that comes back owes its word on incidents of which it has told: those are taken up again.
    """
    found = tx.execute(select(channels).where(channels.c.name == name)).mappings().first()
    if found is not None and not found["retired"]:
        return _channel(found)
    newest = newest_row(tx)
    if found is None:
        tx.execute(channels.insert().values(name=name, installation=uuid4().hex[:12], **_fresh(newest)))
    else:
        tx.execute(channels.update().where(channels.c.name == name).values(**_fresh(newest)))
        outbox_store.owe_again(tx, name)
    return _channel(tx.execute(select(channels).where(channels.c.name == name)).mappings().one())


def retire_others(tx: Connection, names: Sequence[str]) -> None:
    """Channels that are no longer configured stop collecting; what they sent is remembered."""
    tx.execute(channels.update().where(channels.c.name.not_in(names)).values(retired=True))


def _fresh(cursor: int) -> dict[str, object]:
    return {"cursor": cursor, "retired": False, **_no_trouble()}


def _no_trouble() -> dict[str, object]:
    return {"wait_until": None, "wait_reason": "", "failures": 0, "blocked_at": None, "blocked_reason": ""}


def channel(connection: Connection, name: str) -> ChannelRow | None:
    """One channel, or None."""
    found = connection.execute(select(channels).where(channels.c.name == name)).mappings().first()
    return None if found is None else _channel(found)


def newest_row(connection: Connection) -> int:
    """The id of the newest timeline row; 0 without one."""
    return int(connection.execute(select(func.coalesce(func.max(timeline.c.id), 0))).scalar_one())


def advance(tx: Connection, name: str, cursor: int) -> None:
    """Rows of the timeline up to the cursor are taken over."""
    tx.execute(channels.update().where(channels.c.name == name).values(cursor=cursor))


def hold(tx: Connection, name: str, until: float, reason: str) -> None:
    """The whole channel waits."""
    tx.execute(
        channels.update()
        .where(channels.c.name == name)
        .values(wait_until=until, wait_reason=reason, failures=channels.c.failures + 1)
    )


def bring_forward(tx: Connection, name: str, seconds: float) -> None:
    """The channel waits until so much earlier, if it waits."""
    tx.execute(
        channels.update().where(channels.c.name == name).values(wait_until=channels.c.wait_until - seconds)
    )


def block(tx: Connection, name: str, reason: str, now: float) -> None:
    """The whole channel stops until somebody repairs it."""
    tx.execute(
        channels.update()
        .where(channels.c.name == name)
        .values(
            blocked_at=func.coalesce(channels.c.blocked_at, now),
            blocked_reason=reason,
            wait_until=None,
            wait_reason="",
        )
    )


def try_again(tx: Connection, name: str) -> bool:
    """Forget the channel's trouble, so that it is tried at once; False when there is no such channel."""
    return tx.execute(channels.update().where(channels.c.name == name).values(**_no_trouble())).rowcount == 1


def blocked(connection: Connection) -> Sequence[ChannelRow]:
    """Channels in use that are refused for good, by name."""
    query = (
        select(channels)
        .where(channels.c.retired.is_(False), channels.c.blocked_at.is_not(None))
        .order_by(channels.c.name)
    )
    return [_channel(found) for found in connection.execute(query).mappings()]


def statuses(connection: Connection) -> Sequence[ChannelStatus]:
    """Every channel in use, by name."""
    query = select(channels).where(channels.c.retired.is_(False)).order_by(channels.c.name)
    return [_status(connection, _channel(found)) for found in connection.execute(query).mappings()]


def owing(connection: Connection) -> frozenset[int]:
    """Ids of incidents that a channel in use has not told to the end."""
    in_use = select(channels.c.name).where(channels.c.retired.is_(False))
    return outbox_store.unfinished(connection, list(connection.execute(in_use).scalars()))


def _status(connection: Connection, row: ChannelRow) -> ChannelStatus:
    return ChannelStatus(row, *outbox_store.counts(connection, row.name))


def _channel(found: RowMapping) -> ChannelRow:
    return ChannelRow(
        name=found["name"],
        installation=found["installation"],
        cursor=found["cursor"],
        wait_until=found["wait_until"],
        wait_reason=found["wait_reason"],
        failures=found["failures"],
        blocked_at=found["blocked_at"],
        blocked_reason=found["blocked_reason"],
    )
