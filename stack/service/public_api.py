"""The public port: the API that users and load scripts call.

Everything that may touch the database runs in one of the request threads, as in the original: request 201
waits for a thread. Tokens are served on the event loop itself, because the whole crowd asks about them every
few seconds and must not take a thread from those who are in.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from stack.service.bodies import BodyTooLargeError, small_body
from stack.service.http_meters import HttpMeters, MeasuredApp, RequestKind, note_of
from stack.service.journey import NOT_IN_QUEUE, Journey
from stack.service.presence import Presence
from stack.service.queue import QueueDesk, Standing
from stack.service.queue_loop import QueueMeters
from stack.service.replies import (
    DATABASE_AWAY,
    NOT_PERMITTED,
    POOL_TIMEOUT,
    REDIS_AWAY,
    REDIS_TIMEOUT,
    TRY_AGAIN,
    Failures,
    RefusedError,
    Reply,
)

ISSUE_URI = "/api/v1/user/{userId}/queue/token/issue"
QUERY_URI = "/api/v1/user/queue/token/query"
LEAVE_URI = "/api/v1/user/queue/token"
CONCERTS_URI = "/api/v1/concerts/query"
DATE_URI = "/api/v1/concert/{concertId}/date"
SEAT_URI = "/api/v1/concert/{scheduleId}/seat"
RESERVE_URI = "/api/v1/concert/{scheduleId}/reserve"
PAY_URI = "/api/v1/pay"
QUEUE_HEADER = "waitingToken"
LARGEST_ID = 2**63 - 1

EXPECTED = (
    RequestKind("GET", DATE_URI, 200),
    RequestKind("GET", DATE_URI, 403),
    *(
        RequestKind("GET", DATE_URI, 503, exception)
        for exception in (POOL_TIMEOUT, NOT_PERMITTED, REDIS_TIMEOUT, REDIS_AWAY, DATABASE_AWAY)
    ),
    RequestKind("POST", ISSUE_URI, 200),
    RequestKind("GET", QUERY_URI, 200),
    RequestKind("GET", CONCERTS_URI, 200),
)
"""Series that stand at zero from the start."""

Handler = Callable[[Request], Awaitable[Reply]]


class PublicApi:
    """The endpoints; `app` is what uvicorn serves."""

    def __init__(
        self,
        *,
        desk: QueueDesk,
        journey: Journey,
        presence: Presence,
        threads: anyio.CapacityLimiter,
        failures: Failures,
        http_meters: HttpMeters,
        queue_meters: QueueMeters,
        stopwatch: Callable[[], float],
        clock: Callable[[], float],
    ) -> None:
        self._desk = desk
        self._journey = journey
        self._presence = presence
        self._threads = threads
        self._failures = failures
        self._http_meters = http_meters
        self._queue_meters = queue_meters
        self._stopwatch = stopwatch
        self._clock = clock

    def app(self) -> ASGIApp:
        """The measured ASGI application."""
        routes = [
            self._route(ISSUE_URI, "POST", self._issue),
            self._route(QUERY_URI, "GET", self._query),
            self._route(LEAVE_URI, "DELETE", self._leave),
            self._route(CONCERTS_URI, "GET", self._concerts),
            self._route(DATE_URI, "GET", self._dates),
            self._route(SEAT_URI, "GET", self._seats),
            self._route(RESERVE_URI, "POST", self._reserve),
            self._route(PAY_URI, "POST", self._pay),
        ]
        return MeasuredApp(Starlette(routes=routes), self._http_meters, self._stopwatch)

    def _route(self, uri: str, method: str, handler: Handler) -> Route:
        async def endpoint(request: Request) -> Response:
            note = note_of(request.scope)
            note.uri = uri
            token = request.headers.get(QUEUE_HEADER)
            with self._http_meters.active(method, uri), self._presence.of(token):
                try:
                    reply = await handler(request)
                except Exception as error:  # every failure becomes an answer a client can read
                    reply = self._failures.reply(error)
                note.exception = reply.exception
                return JSONResponse(reply.body, reply.status, reply.headers)

        return Route(uri, endpoint, methods=[method])

    async def _issue(self, request: Request) -> Reply:
        token = str(uuid4())
        number = await self._desk.issue(token, _path_id(request, "userId"), self._clock())
        if number is None:
            self._queue_meters.rejected.add()
            return Reply(429, {"message": TRY_AGAIN})
        self._queue_meters.issued.add()
        return Reply(200, {"waitingToken": token, "waitingNumber": number})

    async def _query(self, request: Request) -> Reply:
        place = await self._desk.ask(_token(request), self._clock())
        if place.standing is Standing.UNKNOWN:
            raise RefusedError(404, NOT_IN_QUEUE)
        return Reply(200, {"waitingNumber": place.number})

    async def _leave(self, request: Request) -> Reply:
        if not await self._desk.leave(_token(request)):
            raise RefusedError(404, NOT_IN_QUEUE)
        return Reply(200, {"left": True})

    async def _concerts(self, request: Request) -> Reply:
        page = _whole_number(request.query_params.get("page", "1"), "page")
        return await self._in_thread(lambda: self._journey.concerts(page))

    async def _dates(self, request: Request) -> Reply:
        token, concert_id = _token(request), _path_id(request, "concertId")
        return await self._in_thread(lambda: self._journey.dates(token, concert_id))

    async def _seats(self, request: Request) -> Reply:
        token, schedule_id = _token(request), _path_id(request, "scheduleId")
        return await self._in_thread(lambda: self._journey.seats(token, schedule_id))

    async def _reserve(self, request: Request) -> Reply:
        token, schedule_id = _token(request), _path_id(request, "scheduleId")
        seat_id = _seat_id(await _json_body(request))
        if seat_id is None:
            raise RefusedError(400, "seatId가 필요합니다.")
        return await self._in_thread(lambda: self._journey.reserve(token, schedule_id, seat_id))

    async def _pay(self, request: Request) -> Reply:
        token = _token(request)
        seat_id = _seat_id(await _json_body(request))
        return await self._in_thread(lambda: self._journey.pay(token, seat_id))

    async def _in_thread(self, work: Callable[[], Reply]) -> Reply:
        return await anyio.to_thread.run_sync(self._failures.answer, work, limiter=self._threads)


def _token(request: Request) -> str:
    token = request.headers.get(QUEUE_HEADER)
    if not token:
        raise RefusedError(401, f"{QUEUE_HEADER} 헤더가 필요합니다.")
    return token


def _path_id(request: Request, name: str) -> int:
    return _whole_number(request.path_params[name], name)


def _whole_number(text: str, name: str) -> int:
    digits = text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_ID))
    if not digits or not 0 < int(text) <= LARGEST_ID:
        raise RefusedError(400, f"{name}: {text[:40]!r}은(는) 1 이상의 정수가 아닙니다.")
    return int(text)


def _seat_id(body: dict[str, Any]) -> int | None:
    seat_id = body.get("seatId")
    if seat_id is None:
        return None
    return _whole_number(str(seat_id), "seatId")


async def _json_body(request: Request) -> dict[str, Any]:
    try:
        raw = await small_body(request)
        body = json.loads(raw or b"{}")
    except BodyTooLargeError as error:
        raise RefusedError(413, str(error)) from None
    except (ValueError, RecursionError):
        raise RefusedError(400, "본문이 JSON이 아닙니다.") from None
    if not isinstance(body, dict):
        raise RefusedError(400, "본문이 JSON 객체가 아닙니다.")
    return body
