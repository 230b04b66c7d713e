"""The deliveries of the outbox in SQL: how far each channel has got with each subject.

The timeline row is the event, here is only what became of telling it.
"""

import json
from collections.abc import Iterable, Sequence

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Float,
    Integer,
    RowMapping,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    case,
    func,
    or_,
    select,
)

import database
from alerts.delivery import CRITICAL, Delivery, DeliveryState, Wanted
from alerts.incident import IncidentState
from alerts.incident_store import incidents
from alerts.timeline_store import timeline

deliveries = Table(
    "outbox_deliveries",
    database.metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("channel", String(40), nullable=False),
    Column("subject", String(60), nullable=False),
    Column("incident_id", Integer, index=True),
    Column("newest", Integer, nullable=False),
    Column("through", Integer, nullable=False),
    Column("importance", Integer, nullable=False),
    Column("state", String(20), nullable=False, index=True),
    Column("since", Float, nullable=False),
    Column("not_before", Float, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("receipt", Text, nullable=False),
    Column("uncertain", Boolean, nullable=False),
    Column("claimed_at", Float),
    Column("first_attempt_at", Float),
    Column("sent_at", Float),
    Column("left_out", Integer, nullable=False),
    UniqueConstraint("channel", "subject"),
    sqlite_autoincrement=True,
)


def add(tx: Connection, name: str, wanted: Iterable[Wanted]) -> None:
    """What new rows of the timeline ask for; a subject that is known already stays one delivery."""
    for each in wanted:
        if not _join(tx, name, each):
            tx.execute(deliveries.insert().values(channel=name, **_new_delivery(each)))


def _join(tx: Connection, name: str, wanted: Wanted) -> bool:
    settled = deliveries.c.through >= deliveries.c.newest
    changed = tx.execute(
        deliveries.update()
        .where(deliveries.c.channel == name, deliveries.c.subject == wanted.subject)
        .values(
            newest=wanted.newest,
            importance=wanted.importance,
            state=DeliveryState.PENDING.value,
            since=case((settled, wanted.since), else_=deliveries.c.since),
            # Only trouble with this very subject outlasts news of it.
            not_before=case(
                (deliveries.c.state == DeliveryState.PENDING.value, deliveries.c.not_before), else_=0.0
            ),
        )
    )
    return changed.rowcount == 1


def _new_delivery(wanted: Wanted) -> dict[str, object]:
    return {
        "subject": wanted.subject,
        "incident_id": wanted.incident_id,
        "newest": wanted.newest,
        "through": wanted.first - 1,
        "importance": wanted.importance,
        "state": DeliveryState.PENDING.value,
        "since": wanted.since,
        "not_before": 0.0,
        "attempts": 0,
        "reason": "",
        "receipt": "{}",
        "uncertain": False,
        "left_out": 0,
    }


def owe_again(tx: Connection, name: str) -> None:
    """A channel comes back: it owes its word on incidents it has told of, and forgets what it never began."""
    newest = (
        select(func.max(timeline.c.id))
        .where(timeline.c.incident_id == deliveries.c.incident_id)
        .scalar_subquery()
    )
    of_channel = deliveries.c.channel == name
    begun = and_(of_channel, deliveries.c.incident_id.is_not(None), deliveries.c.sent_at.is_not(None))
    tx.execute(
        deliveries.update()
        .where(begun, deliveries.c.state.in_([DeliveryState.PENDING.value, DeliveryState.TOLD.value]))
        .values(state=DeliveryState.PENDING.value, newest=func.coalesce(newest, deliveries.c.newest))
    )
    tx.execute(
        deliveries.delete().where(
            of_channel, deliveries.c.sent_at.is_(None), deliveries.c.state == DeliveryState.PENDING.value
        )
    )


def due(connection: Connection, name: str, now: float, limit: int) -> Sequence[Delivery]:
    """What may be worked on, the most important first; of critical ones the newest, of others the oldest."""
    critical = deliveries.c.importance >= CRITICAL
    query = (
        select(deliveries)
        .where(deliveries.c.channel == name, unsettled(), deliveries.c.not_before <= now)
        .order_by(
            (deliveries.c.state == DeliveryState.PENDING.value).desc(),
            deliveries.c.importance.desc(),
            case((critical, -deliveries.c.id), else_=0),
            deliveries.c.since,
            deliveries.c.id,
        )
        .limit(limit)
    )
    return [_delivery(found) for found in connection.execute(query).mappings()]


def unsettled() -> ColumnElement[bool]:
    """A delivery that may still be worked on."""
    return deliveries.c.state.in_([DeliveryState.PENDING.value, DeliveryState.TOLD.value])


def counts(connection: Connection, name: str) -> tuple[int, int, float | None]:
    """How many deliveries of a channel are pending, how many are dead, and since when the oldest waits."""

    def of(state: DeliveryState) -> ColumnElement[int]:
        return func.count(case((deliveries.c.state == state.value, 1)))

    oldest = func.min(case((deliveries.c.state == DeliveryState.PENDING.value, deliveries.c.since)))
    counted = select(of(DeliveryState.PENDING), of(DeliveryState.DEAD), oldest)
    pending, dead, since = connection.execute(counted.where(deliveries.c.channel == name)).one()
    return int(pending), int(dead), since


def overdue(connection: Connection, name: str, before: float) -> Sequence[Delivery]:
    """What waits since before a time (Unix seconds)."""
    query = select(deliveries).where(
        deliveries.c.channel == name,
        deliveries.c.state == DeliveryState.PENDING.value,
        deliveries.c.since < before,
    )
    return [_delivery(found) for found in connection.execute(query).mappings()]


def recent(connection: Connection, name: str, limit: int) -> Sequence[Delivery]:
    """What is owed and what is dead first, then the newest."""
    order = case(
        (deliveries.c.state == DeliveryState.PENDING.value, 0),
        (deliveries.c.state == DeliveryState.DEAD.value, 1),
        else_=2,
    )
    query = (
        select(deliveries)
        .where(deliveries.c.channel == name)
        .order_by(order, deliveries.c.id.desc())
        .limit(limit)
    )
    return [_delivery(found) for found in connection.execute(query).mappings()]


def of_subject(connection: Connection, name: str, subject: str) -> Delivery | None:
    """One delivery, or None."""
    query = select(deliveries).where(deliveries.c.channel == name, deliveries.c.subject == subject)
    found = connection.execute(query).mappings().first()
    return None if found is None else _delivery(found)


def unfinished(connection: Connection, names: Sequence[str]) -> frozenset[int]:
    """Ids of incidents that one of these channels has not told to the end."""
    query = select(deliveries.c.incident_id).where(
        deliveries.c.incident_id.is_not(None), deliveries.c.channel.in_(names), unsettled()
    )
    return frozenset(connection.execute(query).scalars())


def forget(tx: Connection, before: float, limit: int) -> int:
    """Drop up to ``limit`` deliveries that were done or dead before a time (Unix seconds); returns how many.

    An incident that is not resolved keeps its delivery, whatever its age.
    """
    finished = deliveries.c.state.in_([DeliveryState.DONE.value, DeliveryState.DEAD.value])
    unresolved = select(incidents.c.id).where(incidents.c.state != IncidentState.RESOLVED.value)
    over = or_(deliveries.c.incident_id.is_(None), deliveries.c.incident_id.not_in(unresolved))
    old = func.coalesce(deliveries.c.sent_at, deliveries.c.since) < before
    found = select(deliveries.c.id).where(finished, over, old).limit(limit)
    return tx.execute(deliveries.delete().where(deliveries.c.id.in_(found))).rowcount


def _delivery(found: RowMapping) -> Delivery:
    return Delivery(
        id=found["id"],
        channel=found["channel"],
        subject=found["subject"],
        incident_id=found["incident_id"],
        newest=found["newest"],
        through=found["through"],
        importance=found["importance"],
        state=DeliveryState(found["state"]),
        since=found["since"],
        not_before=found["not_before"],
        attempts=found["attempts"],
        reason=found["reason"],
        receipt=json.loads(found["receipt"]),
        uncertain=found["uncertain"],
        first_attempt_at=found["first_attempt_at"],
        sent_at=found["sent_at"],
        left_out=found["left_out"],
    )
