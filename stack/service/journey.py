"""What a user does once in: look at concerts, dates and seats, reserve, pay. Runs in request threads."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError

from stack.service import concert_store
from stack.service.breaker_guard import BreakerGuard
from stack.service.concert_store import Reservation
from stack.service.concerts_cache import ConcertsCache
from stack.service.queue import Place, Queue, Standing
from stack.service.replies import RefusedError, Reply

NOT_IN_QUEUE = "대기열에 없는 토큰입니다. 다시 발급받아 주세요."
NOT_YOUR_TURN = "아직 입장 순서가 아닙니다."


def refused_place(place: Place) -> RefusedError | None:
    """Why a token may not go on: unknown or dropped, or not its turn (yet, or any more)."""
    if place.standing is Standing.UNKNOWN:
        return RefusedError(404, NOT_IN_QUEUE)
    if place.standing is Standing.WAITING:
        return RefusedError(403, NOT_YOUR_TURN, waitingNumber=place.number)
    return None


class Journey:
    """The steps of the public API behind the queue. Every method may block; failures are exceptions."""

    def __init__(
        self,
        engine: Engine,
        guard: BreakerGuard,
        queue: Queue,
        cache: ConcertsCache,
        clock: Callable[[], float],
    ) -> None:
        self._reads = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._engine = engine
        self._guard = guard
        self._queue = queue
        self._cache = cache
        self._clock = clock

    def concerts(self, page: int) -> Reply:
        """One page of the concert list; no token needed."""
        found = self._cache.page(page, self._all_concerts, self._concerts_page)
        listed = [{"concertId": concert.id, "title": concert.title} for concert in found]
        return Reply(200, {"page": page, "concerts": listed})

    def dates(self, token: str, concert_id: int) -> Reply:
        """The dates of a concert with their free seats."""
        self._admitted(token)
        with self._reading() as connection:
            found = concert_store.dates(connection, concert_id)
        listed = [
            {"scheduleId": date.schedule_id, "startsAt": date.starts_at, "freeSeats": date.free_seats}
            for date in found
        ]
        return Reply(200, {"concertId": concert_id, "dates": listed})

    def seats(self, token: str, schedule_id: int) -> Reply:
        """Free seats of a date."""
        self._admitted(token)
        with self._reading() as connection:
            found = concert_store.free_seats(connection, schedule_id)
        listed = [{"seatId": seat.id, "number": seat.number, "price": seat.price} for seat in found]
        return Reply(200, {"scheduleId": schedule_id, "seats": listed})

    def reserve(self, token: str, schedule_id: int, seat_id: int) -> Reply:
        """Reserve one seat for the token's user."""
        member_id = self._admitted(token)
        try:
            with self._guard.call(), self._engine.begin() as tx:
                came = concert_store.reserve(tx, schedule_id, seat_id, member_id)
        except IntegrityError:
            raise RefusedError(400, f"회원 {member_id}을(를) 찾을 수 없습니다.") from None
        match came:
            case Reservation.NO_SUCH_SEAT:
                raise RefusedError(404, f"일정 {schedule_id}에 좌석 {seat_id}이(가) 없습니다.")
            case Reservation.TAKEN:
                raise RefusedError(409, f"이미 예약된 좌석입니다: {seat_id}")
            case Reservation.RESERVED:
                return Reply(200, {"scheduleId": schedule_id, "seatId": seat_id, "reserved": True})

    def pay(self, token: str, seat_id: int | None) -> Reply:
        """Pay for a reserved seat, or go without one; either way the journey ends and its slot comes free."""
        member_id = self._admitted(token)
        paid = 0 if seat_id is None else self._price(seat_id, member_id)
        self._queue.leave(token)
        return Reply(200, {"seatId": seat_id, "paid": paid})

    def _price(self, seat_id: int, member_id: int) -> int:
        with self._reading() as connection:
            price = concert_store.reserved_price(connection, seat_id, member_id)
        if price is None:
            raise RefusedError(409, f"예약하지 않은 좌석입니다: {seat_id}")
        return price

    def _admitted(self, token: str) -> int:
        place = self._queue.look(token, self._clock())
        refused = refused_place(place)
        if refused is not None:
            raise refused
        return place.user_id or 0

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._guard.call(), self._reads.connect() as connection:
            yield connection

    def _all_concerts(self) -> list[concert_store.Concert]:
        with self._reading() as connection:
            return list(concert_store.concerts(connection))

    def _concerts_page(self, offset: int, limit: int) -> list[concert_store.Concert]:
        with self._reading() as connection:
            return list(concert_store.concerts_page(connection, offset, limit))
