"""The concert service's SQL: functions over one connection that return values."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, text

from stack.queries import DATE_QUERY

SEATS_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Concert:
    """One concert of the list."""

    id: int
    title: str


@dataclass(frozen=True, slots=True)
class ConcertDate:
    """One date of a concert; ``starts_at`` as ISO 8601 text."""

    schedule_id: int
    starts_at: str
    free_seats: int


@dataclass(frozen=True, slots=True)
class Seat:
    """One free seat."""

    id: int
    number: int
    price: int


class Reservation(StrEnum):
    """What came of wanting a seat."""

    RESERVED = "reserved"
    TAKEN = "taken"
    NO_SUCH_SEAT = "no_such_seat"


def concerts(connection: Connection) -> Sequence[Concert]:
    """Every concert: the whole list, as the original cached it."""
    rows = connection.execute(text("SELECT id, title FROM concerts ORDER BY id"))
    return [Concert(row.id, row.title) for row in rows]


def concerts_page(connection: Connection, offset: int, limit: int) -> Sequence[Concert]:
    """Some concerts, in the list's order."""
    query = text("SELECT id, title FROM concerts ORDER BY id OFFSET :offset LIMIT :limit")
    return [
        Concert(row.id, row.title) for row in connection.execute(query, {"offset": offset, "limit": limit})
    ]


def dates(connection: Connection, concert_id: int) -> Sequence[ConcertDate]:
    """The dates of a concert with their free seats: the slow query of the drill."""
    rows = connection.execute(text(DATE_QUERY), {"concert_id": concert_id})
    return [ConcertDate(row.id, _iso(row.starts_at), row.free_seats) for row in rows]


def free_seats(connection: Connection, schedule_id: int) -> Sequence[Seat]:
    """The first `SEATS_SHOWN` free seats of a date."""
    query = text(
        "SELECT id, number, price FROM seats"
        " WHERE schedule_id = :schedule_id AND reserved_by IS NULL ORDER BY number LIMIT :limit"
    )
    found = connection.execute(query, {"schedule_id": schedule_id, "limit": SEATS_SHOWN})
    return [Seat(row.id, int(row.number), int(row.price)) for row in found]


def reserve(tx: Connection, schedule_id: int, seat_id: int, member_id: int) -> Reservation:
    """Take a seat under its row lock; taking one's own seat again changes nothing."""
    locked = text("SELECT reserved_by FROM seats WHERE id = :seat AND schedule_id = :schedule FOR UPDATE")
    row = tx.execute(locked, {"seat": seat_id, "schedule": schedule_id}).one_or_none()
    if row is None:
        return Reservation.NO_SUCH_SEAT
    if row.reserved_by is not None:
        return Reservation.RESERVED if row.reserved_by == member_id else Reservation.TAKEN
    take = text("UPDATE seats SET reserved_by = :member WHERE id = :seat")
    tx.execute(take, {"member": member_id, "seat": seat_id})
    return Reservation.RESERVED


def reserved_price(connection: Connection, seat_id: int, member_id: int) -> int | None:
    """The price of a seat that this member has reserved; None if it is not theirs."""
    query = text("SELECT price FROM seats WHERE id = :seat AND reserved_by = :member")
    price = connection.execute(query, {"seat": seat_id, "member": member_id}).scalar_one_or_none()
    return None if price is None else int(price)


def _iso(moment: object) -> str:
    return moment.isoformat() if isinstance(moment, datetime) else str(moment)
