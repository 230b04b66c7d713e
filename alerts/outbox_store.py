"""The deliveries of the outbox in SQL: how far each channel has got with each subject.

The timeline row is the event, here is only what became of telling it. A claim is a
conditional UPDATE that is committed before anything is sent: one that is found after a crash means that the
attempt may have taken effect.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

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
from alerts.incident import IncidentState
from alerts.incident_store import incidents
from alerts.outbox import Receipt
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


CRITICAL = 2
"""The importance from which on the newest goes first."""


class DeliveryState(StrEnum):
    """``told``: nothing is owed, the message is still kept up to date. ``dead``: given up, visible."""

    PENDING = "pending"
    TOLD = "told"
    DONE = "done"
    DEAD = "dead"


OWED = frozenset({DeliveryState.PENDING, DeliveryState.DEAD})
"""What a person may want to look at."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How far a channel has got with one subject.

    Attributes:
        newest: id of the newest timeline row to tell; ``through``: of the newest that is told.
        since: Unix seconds of the oldest row that is not told.
        importance: 2 critical to 0; the more important goes first.
        uncertain: an attempt may have taken effect without our knowing.
        sent_at: when something of it was last delivered.
        left_out: rows that were too old to be told.
    """

    id: int
    channel: str
    subject: str
    incident_id: int | None
    newest: int
    through: int
    importance: int
    state: DeliveryState
    since: float
    not_before: float
    attempts: int
    reason: str
    receipt: Receipt = field(default_factory=dict)
    uncertain: bool = False
    first_attempt_at: float | None = None
    sent_at: float | None = None
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """A subject that has new rows: the first and the newest of them, and when the first happened."""

    subject: str
    incident_id: int | None
    first: int
    newest: int
    since: float
    importance: int


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
        .where(deliveries.c.channel == name, _unfinished(), deliveries.c.not_before <= now)
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


def _unfinished() -> ColumnElement[bool]:
    return deliveries.c.state.in_([DeliveryState.PENDING.value, DeliveryState.TOLD.value])


def claim(tx: Connection, delivery: Delivery, now: float) -> bool:
    """Take a delivery for one attempt; False when somebody else has it or it has moved on."""
    taken = tx.execute(
        deliveries.update()
        .where(
            deliveries.c.id == delivery.id,
            deliveries.c.claimed_at.is_(None),
            deliveries.c.through == delivery.through,
            _unfinished(),
        )
        .values(
            claimed_at=now,
            attempts=deliveries.c.attempts + 1,
            first_attempt_at=func.coalesce(deliveries.c.first_attempt_at, now),
        )
    )
    return taken.rowcount == 1


def recover(tx: Connection, name: str) -> int:
    """Claims that nobody works on any more may have taken effect: the next attempt looks for it first.

    Returns:
        How many there were.
    """
    left = tx.execute(
        deliveries.update()
        .where(deliveries.c.channel == name, deliveries.c.claimed_at.is_not(None))
        .values(claimed_at=None, uncertain=True)
    )
    return left.rowcount


def settle_delivered(
    tx: Connection, delivery: Delivery, receipt: Receipt, *, through: int, since: float, now: float
) -> None:
    """An attempt was delivered: the receipt, and how far it got."""
    tx.execute(
        deliveries.update()
        .where(deliveries.c.id == delivery.id)
        .values(
            receipt=json.dumps(receipt, ensure_ascii=False),
            through=through,
            since=since,
            sent_at=now,
            attempts=0,
            not_before=0.0,
            reason="",
            uncertain=False,
            claimed_at=None,
        )
    )


def settle_failed(
    tx: Connection,
    delivery: Delivery,
    reason: str,
    *,
    uncertain: bool,
    not_before: float,
    receipt: Receipt | None,
) -> None:
    """An attempt failed, or nobody knows; ``not_before`` 0 when the channel as a whole waits."""
    values: dict[str, object] = {
        "reason": reason,
        "uncertain": uncertain,
        "not_before": not_before,
        "claimed_at": None,
    }
    if receipt is not None:
        values["receipt"] = json.dumps(receipt, ensure_ascii=False)
    tx.execute(deliveries.update().where(deliveries.c.id == delivery.id).values(**values))


def rest(tx: Connection, delivery: Delivery, state: DeliveryState, not_before: float) -> None:
    """Nothing is owed now: ``told`` until the message is due for a refresh, or ``done``. News overrule it."""
    tx.execute(
        deliveries.update()
        .where(deliveries.c.id == delivery.id, deliveries.c.newest == delivery.newest)
        .values(state=state.value, not_before=not_before, through=delivery.newest)
    )


def bury(tx: Connection, delivery: Delivery, reason: str) -> None:
    """A dead letter: it stays, with its reason, and nothing more is tried."""
    tx.execute(
        deliveries.update()
        .where(deliveries.c.id == delivery.id)
        .values(state=DeliveryState.DEAD.value, reason=reason, claimed_at=None, through=deliveries.c.newest)
    )


def leave_out(tx: Connection, delivery: Delivery, through: int, rows: int, since: float) -> None:
    """Rows up to ``through`` are too old to be told one by one; the message itself is still owed."""
    tx.execute(
        deliveries.update()
        .where(deliveries.c.id == delivery.id)
        .values(
            through=through,
            left_out=deliveries.c.left_out + rows,
            since=since,
            reason=f"{rows} timeline rows were too old to be sent",
        )
    )


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
        deliveries.c.incident_id.is_not(None), deliveries.c.channel.in_(names), _unfinished()
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
