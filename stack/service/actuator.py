"""The management port: metrics, health, levers. Nothing here waits for a thread, Valkey or the database."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stack.service import exposition
from stack.service.bodies import BodyTooLargeError, small_body
from stack.service.breaker import BreakerState, failure_rate, slow_rate
from stack.service.breaker_guard import BreakerGuard
from stack.service.concerts_cache import ConcertsCache
from stack.service.health import ComponentHealth
from stack.service.lever_board import HeldLever, LeverBoard
from stack.service.lever_requests import BadRequestError, read_breaker_change, read_change, read_release
from stack.service.levers import Answer, Lease, LeverReading, Outcome
from stack.service.metrics_page import MetricsPage
from stack.service.pool import POOL_NAME, FairPool
from stack.service.queue_loop import QueueLoop

Handler = Callable[[Request], Awaitable[Response]]


class Actuator:
    """The endpoints; `app` is what uvicorn serves on the management port."""

    def __init__(
        self,
        *,
        page: MetricsPage,
        health: Callable[[], tuple[ComponentHealth, ...]],
        board: LeverBoard,
        loop: QueueLoop,
        guard: BreakerGuard,
        pool: FairPool,
        cache: ConcertsCache,
        clock: Callable[[], float],
    ) -> None:
        self._page = page
        self._health = health
        self._board = board
        self._loop = loop
        self._guard = guard
        self._pool = pool
        self._cache = cache
        self._clock = clock

    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/actuator/prometheus", self._prometheus),
                Route("/actuator/health", self._show_health),
                *self._lever_routes("active-users", self._board.active_users),
                *self._lever_routes("admission", self._board.admission),
                *self._lever_routes("hikaricp", self._board.pool_size, self._pool_details),
                Route("/actuator/circuitbreakers", self._breakers),
                Route("/actuator/circuitbreakers/{name}", self._show_breaker),
                Route("/actuator/circuitbreakers/{name}", self._set_breaker, methods=["POST"]),
                Route("/actuator/cache", self._show_cache),
            ],
            exception_handlers={BadRequestError: _bad_request, BodyTooLargeError: _too_large},
        )

    async def _prometheus(self, _: Request) -> Response:
        return Response(self._page.text(), headers={"Content-Type": exposition.CONTENT_TYPE})

    async def _show_health(self, _: Request) -> Response:
        components = self._health()
        up = all(component.trouble is None for component in components)
        shown = {component.name: component.shown() for component in components}
        return JSONResponse(
            {"status": "UP" if up else "DOWN", "components": shown}, status_code=200 if up else 503
        )

    def _lever_routes(
        self, path: str, lever: HeldLever, details: Callable[[], dict[str, Any]] = dict
    ) -> list[Route]:
        async def read(_: Request) -> Response:
            return JSONResponse({**lever_json(lever.reading()), **details()})

        async def write(request: Request) -> Response:
            wanted, put_back = read_change(await small_body(request), lever.bounds)
            answer = lever.change(wanted, self._clock())
            acted = answer.outcome in {Outcome.CHANGED, Outcome.RENEWED}
            self._loop.wake(put_back=put_back and acted and lever is self._board.active_users)
            return lever_answer(lever.name, answer)

        async def let_go(request: Request) -> Response:
            answer = lever.release(read_release(await small_body(request)), self._clock())
            self._loop.wake()
            return lever_answer(lever.name, answer)

        return [
            Route(f"/actuator/{path}", read),
            Route(f"/actuator/{path}", write, methods=["POST"]),
            Route(f"/actuator/{path}/release", let_go, methods=["POST"]),
        ]

    def _pool_details(self) -> dict[str, Any]:
        reading = self._pool.reading()
        return {
            "pool": POOL_NAME,
            "total": reading.total,
            "active": reading.active,
            "idle": reading.idle,
            "waiting": reading.waiting,
            "maximumPoolSize": reading.maximum,
        }

    async def _breakers(self, _: Request) -> Response:
        return JSONResponse({"circuitBreakers": {self._guard.name: breaker_json(self._guard)}})

    async def _show_breaker(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name != self._guard.name:
            return self._no_such_breaker(name)
        reading = self._board.breaker.reading()
        return JSONResponse({**breaker_json(self._guard), **lease_json(reading)})

    async def _set_breaker(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name != self._guard.name:
            return self._no_such_breaker(name)
        wanted = read_breaker_change(await small_body(request))
        answer = self._board.breaker.change(wanted, self._clock())
        if answer.outcome is Outcome.OLD_VERSION:
            return JSONResponse(
                {
                    "message": old_version(name, answer),
                    **breaker_json(self._guard),
                    **lease_json(answer.reading),
                },
                status_code=409,
            )
        return JSONResponse(
            {
                "circuitBreakerName": name,
                "currentState": answer.reading.value,
                "message": f"{name} state has been changed successfully",
                **lease_json(answer.reading),
            }
        )

    def _no_such_breaker(self, name: str) -> Response:
        # Resilience4j would create it here, answer 200 and protect nothing.
        message = f"no circuit breaker named {name!r} (there is: {self._guard.name})"
        return JSONResponse({"message": message}, status_code=404)

    async def _show_cache(self, _: Request) -> Response:
        reading = self._cache.reading()
        return JSONResponse(
            {
                "name": reading.name,
                "layout": reading.layout,
                "hits": reading.hits,
                "misses": reading.misses,
                "expiresSeconds": reading.expires_seconds,
            }
        )


def lever_json(reading: LeverReading) -> dict[str, Any]:
    """The contract's GET shape."""
    return {"value": reading.value, **lease_json(reading), "ramping": reading.ramping}


def lease_json(reading: LeverReading) -> dict[str, Any]:
    """Version, baseline and lease."""
    return {"baseline": reading.baseline, "version": reading.version, "lease": _lease(reading.lease)}


def lever_answer(name: str, answer: Answer) -> Response:
    """200 with the reading, or 409 with the reading and why."""
    shown = lever_json(answer.reading)
    if answer.outcome is Outcome.OLD_VERSION:
        return JSONResponse({"message": old_version(name, answer), **shown}, status_code=409)
    return JSONResponse(shown)


def old_version(name: str, answer: Answer) -> str:
    """Why a change was refused."""
    present = answer.reading.version
    return f"{name}: ifVersion is not the present version {present}; read it again and decide anew"


def breaker_json(guard: BreakerGuard) -> dict[str, Any]:
    """Resilience4j's details of one breaker; rates are text with a percent sign."""
    breaker, rules = guard.breaker, guard.rules
    slow = [call for call in breaker.window if call.slow]
    return {
        "failureRate": f"{failure_rate(breaker, rules):.1f}%",
        "slowCallRate": f"{slow_rate(breaker, rules):.1f}%",
        "failureRateThreshold": f"{rules.failure_rate:.1f}%",
        "slowCallRateThreshold": f"{rules.slow_rate:.1f}%",
        "bufferedCalls": len(breaker.window),
        "failedCalls": sum(call.failed for call in breaker.window),
        "slowCalls": len(slow),
        "slowFailedCalls": sum(call.failed for call in slow),
        "notPermittedCalls": guard.refused_here,
        "state": BreakerState(breaker.state),
    }


def _lease(lease: Lease | None) -> dict[str, Any] | None:
    if lease is None:
        return None
    until = datetime.fromtimestamp(lease.until, UTC).isoformat(timespec="milliseconds")
    return {"owner": lease.owner, "runId": lease.run_id, "until": until.replace("+00:00", "Z")}


async def _too_large(_: Request, error: Exception) -> Response:
    return JSONResponse({"message": str(error)}, status_code=413)


async def _bad_request(_: Request, error: Exception) -> Response:
    return JSONResponse({"message": str(error)}, status_code=400)
