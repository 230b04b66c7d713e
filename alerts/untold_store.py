"""Which timeline rows a delivery still has to tell, read in a bounded form however many there are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, func, select

from alerts.delivery import Delivery
from alerts.notification import MINOR
from alerts.timeline import TimelineKind, TimelineRow
from alerts.timeline_store import row_of, timeline

ROWS_AT_ONCE = 200
MAJOR_AT_MOST = 60


@dataclass(frozen=True, slots=True)
class Untold:
    """Rows to tell, oldest first, and how many more there are between them."""

    rows: tuple[TimelineRow, ...]
    left_out: int = 0


def untold(connection: Connection, delivery: Delivery, wants: Callable[[TimelineRow], bool]) -> Untold:
    """The rows of a delivery; of very many only the newest of those that matter."""
    of_it = _of(delivery)
    number = int(connection.execute(select(func.count()).where(of_it)).scalar_one())
    if number <= ROWS_AT_ONCE:
        rows = _read(connection, of_it, ROWS_AT_ONCE)
        return Untold(tuple(row for row in rows if wants(row)))
    minor = timeline.c.kind.in_([kind.value for kind in MINOR])
    shown = [row for row in _read(connection, and_(of_it, ~minor), MAJOR_AT_MOST) if wants(row)]
    rest = _read(connection, of_it, 1) if not shown else []
    return Untold((*shown, *rest), number - len(shown) - len(rest))


def resolution(connection: Connection, incident_id: int) -> TimelineRow | None:
    """The newest row that resolved an incident."""
    resolved = and_(
        timeline.c.incident_id == incident_id, timeline.c.kind == TimelineKind.INCIDENT_RESOLVED.value
    )
    return next(iter(_read(connection, resolved, 1)), None)


def too_old(connection: Connection, delivery: Delivery, before: float) -> tuple[int, int]:
    """The newest untold row that happened before a time (its id, or what is told now), and how many did."""
    old = and_(_of(delivery), timeline.c.at < before)
    newest, number = connection.execute(select(func.max(timeline.c.id), func.count()).where(old)).one()
    return int(newest or delivery.through), int(number)


def since_of(connection: Connection, delivery: Delivery, through: int, otherwise: float) -> float:
    """When the oldest row after ``through`` happened (Unix seconds)."""
    after = and_(_of(delivery), timeline.c.id > through)
    return float(connection.execute(select(func.min(timeline.c.at)).where(after)).scalar_one() or otherwise)


def _of(delivery: Delivery) -> ColumnElement[bool]:
    between = and_(timeline.c.id > delivery.through, timeline.c.id <= delivery.newest)
    if delivery.incident_id is None:
        return and_(between, timeline.c.incident_id.is_(None))
    return and_(between, timeline.c.incident_id == delivery.incident_id)


def _read(connection: Connection, which: ColumnElement[bool], limit: int) -> Sequence[TimelineRow]:
    """The newest of them, oldest first."""
    query = select(timeline).where(which).order_by(timeline.c.id.desc()).limit(limit)
    return [row_of(found) for found in connection.execute(query).mappings()][::-1]
