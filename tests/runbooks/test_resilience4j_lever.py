"""The circuit breaker over Resilience4j's actuator form, stock and with our extra fields."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from runbooks.lever import Applied, Change, Conflict, LeverReading, Refused, Unknown, UnknownKind
from runbooks.levers.resilience4j import Resilience4jLever
from settings.schema import LeverSettings
from tests.runbooks.scene import START

STATES = {"FORCE_OPEN": "FORCED_OPEN", "CLOSE": "CLOSED", "METRICS_ONLY": "METRICS_ONLY"}


@dataclass
class Breakers:
    """The endpoint: a stock one creates any breaker it is asked about and says so was a success."""

    state: dict[str, str] = field(default_factory=lambda: {"database": "METRICS_ONLY"})
    versions: bool = True
    deaf: bool = False
    version: int = 3
    lease: dict[str, Any] | None = None
    posts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def get(self, name: str) -> tuple[int, dict[str, Any]]:
        if not name:
            return 200, {"circuitBreakers": {key: {"state": value} for key, value in self.state.items()}}
        if not self.versions or name not in self.state:
            return 404, {"message": "not here"}
        return 200, {"state": self.state[name], **self._extra()}

    def post(self, name: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.posts.append((name, body))
        if self.versions and body.get("ifVersion") not in (None, self.version):
            return 409, {"message": "old", "state": self.state[name], **self._extra()}
        if not self.deaf:
            self.state[name] = STATES[body["updateState"]]
            self.version += 1
            held = {"owner": body["owner"], "runId": body["runId"], "until": "2099-01-01T00:00:00Z"}
            self.lease = held if body["leaseSeconds"] else None
        return 200, {"circuitBreakerName": name, "currentState": self.state[name], "message": "changed"}

    def _extra(self) -> dict[str, Any]:
        return {"version": self.version, "baseline": "METRICS_ONLY", "lease": self.lease}


@contextmanager
def serving(breakers: Breakers) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_GET(self) -> None:
            self._answer(*breakers.get(self.path.removeprefix("/actuator/circuitbreakers").strip("/")))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(*breakers.post(self.path.rsplit("/", 1)[1], body))

        def _answer(self, status: int, body: dict[str, Any]) -> None:
            raw = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/actuator/circuitbreakers"
    server.shutdown()
    server.server_close()


def lever(url: str, breaker: str = "database") -> Resilience4jLever:
    return Resilience4jLever(
        LeverSettings.model_validate(
            {
                "name": "circuit_breaker",
                "title": "Breaker",
                "kind": "resilience4j",
                "component": "pool",
                "url": url,
                "breaker": breaker,
                "states": ("METRICS_ONLY", "CLOSED", "FORCED_OPEN"),
                "baseline": "METRICS_ONLY",
                "safe_state": "FORCED_OPEN",
            }
        )
    )


def opening(version: int | None = 3) -> Change:
    return Change("FORCED_OPEN", version, "r1", 60, "trip_breaker-1-1")


def test_an_unknown_breaker_is_refused_before_anything_is_sent() -> None:
    breakers = Breakers(versions=False)
    with serving(breakers) as url:
        result = lever(url, "databse").set(opening(None), START)
    assert isinstance(result, Refused)
    assert "no circuit breaker 'databse' (known: database)" in result.text
    assert breakers.posts == []


def test_the_state_is_set_by_its_verb_and_read_back() -> None:
    breakers = Breakers()
    with serving(breakers) as url:
        result = lever(url).set(opening(), START)
    assert isinstance(result, Applied)
    assert result.reading.value == "FORCED_OPEN"
    assert result.reading.version == 4
    assert breakers.posts[0][1]["updateState"] == "FORCE_OPEN"
    assert breakers.posts[0][1]["requestId"] == "r1"


def test_a_stock_endpoint_without_versions_works_by_its_list() -> None:
    with serving(Breakers(versions=False)) as url:
        result = lever(url).set(opening(None), START)
    assert isinstance(result, Applied)
    assert (result.reading.value, result.reading.version, result.reading.lease) == ("FORCED_OPEN", None, None)


def test_f45_a_yes_that_cannot_be_seen_is_not_a_yes() -> None:
    with serving(Breakers(deaf=True)) as url:
        result = lever(url).set(opening(), START)
    assert isinstance(result, Unknown)
    assert result.kind is UnknownKind.NOT_VISIBLE
    assert "reads METRICS_ONLY (want FORCED_OPEN)" in result.text


def test_f44_an_old_version_is_a_conflict() -> None:
    breakers = Breakers()
    with serving(breakers) as url:
        result = lever(url).set(opening(version=2), START)
    assert isinstance(result, Conflict)
    assert breakers.state["database"] == "METRICS_ONLY"


@pytest.mark.parametrize("own_move", ["OPEN", "HALF_OPEN"])
def test_a_breaker_that_moved_by_itself_still_stands_at_closed(own_move: str) -> None:
    with serving(Breakers(state={"database": own_move})) as url:
        reading = lever(url).read(START)
    assert isinstance(reading, LeverReading)
    assert reading.value == "CLOSED"


def test_a_state_that_is_not_configured_is_refused() -> None:
    breakers = Breakers()
    with serving(breakers) as url:
        result = lever(url).set(Change("DISABLED", 3, "r1", 60, "x"), START)
    assert isinstance(result, Refused)
    assert "'DISABLED' (want one of METRICS_ONLY, CLOSED, FORCED_OPEN)" in result.text
    assert breakers.posts == []
