"""A fake concert stack on one port: the actuator page, the levers, and a ledger of every write.

It stands for the other side of the wire, so it is written against the wire contract and shares no code with
the product or the real stack.
"""

import json
import os
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.assembly.fake_journey import FakeJourney
from tests.assembly.fake_lever import FakeLever, Fault, Json, Value, Write

LATE_SECONDS = 1.5
TICK_SECONDS = 0.05
STATES = {
    "FORCE_OPEN": "FORCED_OPEN",
    "CLOSE": "CLOSED",
    "METRICS_ONLY": "METRICS_ONLY",
    "DISABLE": "DISABLED",
}


class PageMode(StrEnum):
    """How the actuator page answers."""

    GOOD = "good"
    HANG = "hang"
    HTML = "html"
    ERROR = "error"


def wall_clock() -> float:
    """Unix seconds."""
    return datetime.now(UTC).timestamp()


class FakeStack:
    """Serve until ``close``."""

    def __init__(self, cap: int = 64) -> None:
        self.ledger: list[Write] = []
        self.cap = FakeLever("active_users_cap", self.ledger, cap)
        self.admission = FakeLever("admission_rate", self.ledger, 100)
        self.breaker = FakeLever("circuit_breaker", self.ledger, "METRICS_ONLY")
        self.journey = FakeJourney(lambda: int(self.cap.value), lambda: str(self.breaker.value))
        self.page_mode = PageMode.GOOD
        self.closing = threading.Event()
        self._connections: set[socket.socket] = set()
        self._server = self._serving(0)
        self.port = int(self._server.server_address[1])
        self._ticking = threading.Thread(target=self._tick, daemon=True)
        self._ticking.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def levers(self) -> tuple[FakeLever, ...]:
        return (self.cap, self.admission, self.breaker)

    @property
    def cuts(self) -> list[Write]:
        """Writes that lowered a lever."""
        return [write for write in list(self.ledger) if write.cut]

    def surge(self, users: int = 50) -> None:
        """Many users want in: all connections are used, and more wait than there are connections."""
        self.journey.demand = users

    def calm(self) -> None:
        """Nobody wants in any more."""
        self.journey.demand = 0

    def go_down(self) -> None:
        """Nothing listens any more, and what was connected is cut off."""
        self._server.shutdown()
        self._server.server_close()
        for connection in list(self._connections):
            _hang_up(connection)

    def come_back(self) -> None:
        """Listen on the same port again."""
        self._server = self._serving(self.port)

    def close(self) -> None:
        self.closing.set()
        self.go_down()
        self._ticking.join(2)

    def _tick(self) -> None:
        while not self.closing.wait(TICK_SECONDS):
            now = wall_clock()
            self.journey.advance(now)
            for lever in self.levers:
                lever.step(now, self.journey.pending > 0)

    def _serving(self, port: int) -> ThreadingHTTPServer:
        server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(TICK_SECONDS,), daemon=True).start()
        return server

    def connected(self, connection: socket.socket) -> None:
        self._connections.add(connection)

    def disconnected(self, connection: socket.socket) -> None:
        self._connections.discard(connection)


def _handler(stack: FakeStack) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        def setup(self) -> None:
            self.stack = stack
            stack.connected(self.request)
            super().setup()

        def finish(self) -> None:
            stack.disconnected(self.request)
            super().finish()

    return Handler


@dataclass(frozen=True, slots=True)
class _Route:
    """Which lever a path means, and how it is read and written there."""

    lever: FakeLever
    kind: str
    shown: Callable[[Json], Json] = lambda reading: reading
    wanted: Callable[[Json], Value | None] = lambda body: body.get("value")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stack: FakeStack

    def log_message(self, *_: object) -> None:
        """Silence."""

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def do_GET(self) -> None:
        if self.path == "/actuator/prometheus":
            self._page()
        elif self.path == "/actuator/circuitbreakers":
            breaker = {"database": {"state": self.stack.breaker.value}}
            self._answer(200, {"circuitBreakers": breaker})
        elif (route := _route(self.stack, self.path)) is not None:
            self._read(route)
        else:
            self._answer(404, {"message": f"nothing is at {self.path}"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))) or b"{}")
        route = _route(self.stack, self.path)
        if route is None:
            self._answer(404, {"message": f"nothing is at {self.path}"})
        else:
            self._write(route, body, route.lever.next_fault())

    def _read(self, route: _Route) -> None:
        match route.lever.read_fault:
            case Fault.HANG:
                self._hang()
            case Fault.ERROR:
                self._answer(500, {"message": "broken"})
            case _:
                self._answer(200, route.shown(route.lever.reading()))

    def _write(self, route: _Route, body: Json, fault: Fault | None) -> None:
        lever, kind = route.lever, route.kind
        if fault is Fault.LATE:
            threading.Timer(LATE_SECONDS, self._apply, (route, body)).start()
            self._hang()
        elif fault in {Fault.ERROR, Fault.HANG}:
            lever.unreached(kind, body, wall_clock())
            self._hang() if fault is Fault.HANG else self._answer(500, {"message": "broken"})
        else:
            self._answered(route, self._apply(route, body), fault)

    def _apply(self, route: _Route, body: Json) -> tuple[int, Json]:
        return route.lever.write(route.kind, route.wanted(body), body, wall_clock())

    def _answered(self, route: _Route, answer: tuple[int, Json], fault: Fault | None) -> None:
        match fault:
            case Fault.RESET_AFTER:
                self.close_connection = True
                _reset(self.connection)
            case Fault.ERROR_AFTER:
                self._answer(500, {"message": "broken after it was applied"})
            case Fault.SLOW_ANSWER:
                self.stack.closing.wait(LATE_SECONDS)
                self._answer(answer[0], route.shown(answer[1]))
            case _:
                self._answer(answer[0], route.shown(answer[1]))

    def _page(self) -> None:
        match self.stack.page_mode:
            case PageMode.HANG:
                self._hang()
            case PageMode.HTML:
                self._send(200, "text/html; charset=utf-8", b"<html><title>Sign in</title></html>")
            case PageMode.ERROR:
                self._send(500, "text/plain", b"broken")
            case PageMode.GOOD:
                text = self.stack.journey.page(wall_clock())
                self._send(200, "text/plain; version=0.0.4; charset=utf-8", text.encode())

    def _hang(self) -> None:
        """Say nothing until the other side gives up."""
        self.close_connection = True
        self.connection.settimeout(TICK_SECONDS)
        while not self.stack.closing.is_set():
            try:
                if not self.connection.recv(1):
                    return
            except TimeoutError:
                continue

    def _answer(self, status: int, body: Mapping[str, Any]) -> None:
        self._send(status, "application/json", json.dumps(body).encode())

    def _send(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _route(stack: FakeStack, path: str) -> _Route | None:
    released = path.endswith("/release")
    kind = "release" if released else "set"
    match path.removesuffix("/release"):
        case "/actuator/active-users":
            return _Route(stack.cap, kind)
        case "/actuator/admission":
            return _Route(stack.admission, kind)
        case "/actuator/circuitbreakers/database" if not released:
            return _Route(stack.breaker, kind, _as_breaker, lambda body: STATES[str(body["updateState"])])
    return None


def _as_breaker(reading: Json) -> Json:
    return {**reading, "state": reading["value"], "currentState": reading["value"]}


def _reset(connection: socket.socket) -> None:
    """Close with RST: the other side learns that the connection broke, and nothing else."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(connection.detach())


def _hang_up(connection: socket.socket) -> None:
    """End a connection that another thread reads from."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
