"""The service when everything around it goes wrong: blocked, starved, cut off, stopped."""

import selectors
import signal
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from tests.stack.service_rig import HOST, Postgres, Service, Valkey, eventually

TRY_AGAIN = "잠시 후 다시 시도해 주세요."
DATE = "/api/v1/concert/451/date"
BUSY_THREADS = 'tomcat_threads_busy_threads{name="http-nio"}'
PENDING = 'hikaricp_connections_pending{pool="HikariPool-1"}'
TIMEOUTS = 'hikaricp_connections_timeout_total{pool="HikariPool-1"}'


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[Valkey]:
    server = Valkey(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    server = Postgres()
    server.start()
    server.load()
    yield server
    server.remove()


@contextmanager
def running(service: Service) -> Iterator[Service]:
    try:
        service.start()
        yield service
    finally:
        service.kill()


@contextmanager
def date_requests(service: Service, token: str, count: int) -> Iterator[list[socket.socket]]:
    """Requests that are sent and not yet answered; one connection each, no thread."""
    head = f"GET {DATE} HTTP/1.1\r\nHost: {HOST}\r\nwaitingToken: {token}\r\n\r\n".encode()
    with ExitStack() as opened:
        sockets = []
        for _ in range(count):
            made = opened.enter_context(socket.create_connection((HOST, service.port), timeout=30))
            made.sendall(head)
            sockets.append(made)
        yield sockets


def answers(sockets: list[socket.socket], seconds: float) -> list[bytes]:
    """The status lines that arrive in time."""
    lines: list[bytes] = []
    deadline = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        for waiting in sockets:
            selector.register(waiting, selectors.EVENT_READ)
        while len(lines) < len(sockets) and time.monotonic() < deadline:
            for key, _ in selector.select(deadline - time.monotonic()):
                assert isinstance(key.fileobj, socket.socket)
                lines.append(key.fileobj.recv(65536).split(b"\r\n")[0])
                selector.unregister(key.fileobj)
    return lines


def took(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def test_with_all_threads_blocked_scrape_lever_and_tokens_still_answer(
    make_service: Callable[..., Service], postgres: Postgres
) -> None:
    service = make_service()
    token = service.inside()
    with postgres.seats_locked(), date_requests(service, token, 230):
        eventually(lambda: service.metrics()[PENDING] == 190)
        assert service.metrics()[BUSY_THREADS] == 200
        active = (
            'http_server_requests_active_seconds_gcount{method="GET",uri="/api/v1/concert/{concertId}/date"}'
        )
        eventually(lambda: service.metrics()[active] == 230)
        for act in (
            lambda: service.manage("GET", "/actuator/prometheus"),
            lambda: service.set_lever("active-users", 8),
            lambda: service.manage("GET", "/actuator/health"),
            lambda: service.number(token),
        ):
            assert statistics.median(took(act) for _ in range(9)) < 0.2
        assert (
            service.log().count("HikariPool-1 - Pool saturated (total=10, active=10, idle=0, waiting=10)")
            == 1
        )
        assert service.number(token) == 0


def test_requests_beyond_the_threads_are_answered_once_the_threads_come_free(
    make_service: Callable[..., Service], postgres: Postgres
) -> None:
    service = make_service(requestThreads=12, poolSize=4)
    token = service.inside()
    with ExitStack() as stack:
        with postgres.seats_locked():
            sockets = stack.enter_context(date_requests(service, token, 40))
            eventually(lambda: service.metrics()[BUSY_THREADS] == 12)
        assert answers(sockets, 15) == [b"HTTP/1.1 200 OK"] * 40
    assert service.metrics()[BUSY_THREADS] == 0


def test_a_user_waiting_for_an_answer_keeps_the_slot(
    make_service: Callable[..., Service], postgres: Postgres
) -> None:
    service = make_service(silenceSeconds=1)
    waits, silent = service.inside(), service.inside()
    with postgres.seats_locked(), date_requests(service, waits, 1):
        eventually(lambda: service.metrics()["queue_silent_total"] == 1)
        time.sleep(1.5)
        eventually(lambda: service.metrics()["queue_active"] == 1)
    assert service.ask("GET", DATE, token=silent).status == 404


def test_a_pool_timeout_is_a_503_and_hikaricps_line_in_the_log(
    make_service: Callable[..., Service], postgres: Postgres
) -> None:
    service = make_service(poolSize=1, poolTimeoutSeconds=0.3)
    token = service.inside()
    with postgres.seats_locked(), date_requests(service, token, 1):
        eventually(lambda: service.metrics()['hikaricp_connections_active{pool="HikariPool-1"}'] == 1)
        refused = service.ask("GET", DATE, token=token)
        assert (refused.status, refused.json) == (503, {"message": TRY_AGAIN})
        assert refused.headers["retry-after"] == "1"
        assert service.metrics()[TIMEOUTS] == 1
    said = (
        "ERROR HikariPool-1 - Connection is not available, request timed out after 300ms "
        "(total=1, active=1, idle=0, waiting=0)"
    )
    assert said in service.log()


def test_a_stop_takes_less_than_two_seconds_even_with_every_thread_blocked(
    make_service: Callable[..., Service], postgres: Postgres
) -> None:
    service = make_service()
    token = service.inside()
    with postgres.seats_locked(), date_requests(service, token, 230):
        eventually(lambda: service.metrics()[BUSY_THREADS] == 200)
        assert service.process is not None
        started = time.monotonic()
        assert service.stop() == 0
        assert time.monotonic() - started < 2.0
        assert service.process.stderr is not None
        assert service.process.stderr.read() == ""
    assert "HikariPool-1 - Shutdown completed." in service.log()


def test_valkey_gone_and_back(own_valkey: Valkey, postgres: Postgres, tmp_path: Path) -> None:
    with running(Service(tmp_path, own_valkey.port, postgres.url)) as service:
        token = service.inside()
        own_valkey.stop()
        for method, path in (
            ("POST", "/api/v1/user/1/queue/token/issue"),
            ("GET", "/api/v1/user/queue/token/query"),
            ("GET", DATE),
        ):
            refused = service.ask(method, path, token=token)
            assert (refused.status, refused.json) == (503, {"message": TRY_AGAIN})
            assert refused.headers["retry-after"] == "1"
        eventually(lambda: service.manage("GET", "/actuator/health").status == 503)
        assert service.manage("GET", "/actuator/health").json["components"]["redis"]["status"] == "DOWN"
        assert "queue_waiting" not in service.metrics()
        assert service.set_lever("active-users", 8).status == 200
        assert "ERROR Unable to send PING command" in service.log()
        own_valkey.start()
        eventually(lambda: service.manage("GET", "/actuator/health").status == 200)
        assert "Redis answers again after" in service.log()
        assert service.number(service.token()) >= 0
        assert service.metrics()["queue_active_cap"] == 8


def test_valkey_hanging_is_a_timeout_and_nobody_is_swept_for_it(
    own_valkey: Valkey, postgres: Postgres, tmp_path: Path
) -> None:
    settings = {"redisTimeoutSeconds": 0.3, "silenceSeconds": 1}
    with running(Service(tmp_path, own_valkey.port, postgres.url, **settings)) as service:
        token = service.inside()
        with own_valkey.frozen():
            refused = service.ask("GET", "/api/v1/user/queue/token/query", token=token)
            assert (refused.status, refused.json) == (503, {"message": TRY_AGAIN})
            eventually(lambda: "ERROR Redis command timed out" in service.log())
            assert took(lambda: service.manage("GET", "/actuator/prometheus")) < 0.2
            time.sleep(1.5)
        eventually(lambda: "queue_active" in service.metrics())
        assert service.number(token) == 0


def test_a_restarted_valkey_needs_no_restart_of_the_service(
    own_valkey: Valkey, postgres: Postgres, tmp_path: Path
) -> None:
    with running(Service(tmp_path, own_valkey.port, postgres.url)) as service:
        service.token()
        own_valkey.stop()
        own_valkey.start()
        eventually(lambda: service.ask("POST", "/api/v1/user/1/queue/token/issue").status == 200)
        token = service.inside()
        assert service.ask("GET", DATE, token=token).status == 200


def test_the_database_gone_and_back(valkey: Valkey, own_postgres: Postgres, tmp_path: Path) -> None:
    with running(Service(tmp_path, valkey.port, own_postgres.url)) as service:
        token = service.inside()
        assert service.ask("GET", DATE, token=token).status == 200
        own_postgres.stop()
        with date_requests(service, token, 40) as sockets:
            assert answers(sockets, 10) == [b"HTTP/1.1 503 Service Unavailable"] * 40
        eventually(lambda: service.manage("GET", "/actuator/health").status == 503)
        assert service.manage("GET", "/actuator/health").json["components"]["db"]["status"] == "DOWN"
        assert "Database call failed: " in service.log()
        assert service.metrics()[PENDING] == 0
        own_postgres.start()
        assert service.ask("GET", DATE, token=token).status == 200
        eventually(lambda: service.manage("GET", "/actuator/health").status == 200)


def test_a_database_that_dies_under_a_full_pool_frees_everybody(
    valkey: Valkey, own_postgres: Postgres, tmp_path: Path
) -> None:
    with running(Service(tmp_path, valkey.port, own_postgres.url)) as service:
        token = service.inside()
        with ExitStack() as stack:
            # The lock's own connection dies with the rest.
            with suppress(psycopg.OperationalError), own_postgres.seats_locked():
                sockets = stack.enter_context(date_requests(service, token, 60))
                eventually(lambda: service.metrics()[PENDING] == 50)
                own_postgres.stop()
            assert answers(sockets, 10) == [b"HTTP/1.1 503 Service Unavailable"] * 60
        own_postgres.start()
        assert service.ask("GET", DATE, token=token).status == 200
        assert service.metrics()[PENDING] == 0


def test_improved_opens_its_breaker_when_the_database_fails(
    valkey: Valkey, own_postgres: Postgres, tmp_path: Path
) -> None:
    with running(Service(tmp_path, valkey.port, own_postgres.url, profile="improved")) as service:
        token = service.inside()
        own_postgres.stop()
        with date_requests(service, token, 30) as sockets:
            assert len(answers(sockets, 10)) == 30
        shown = service.manage("GET", "/actuator/circuitbreakers/database").json
        assert shown["state"] == "OPEN"
        refused = service.ask("GET", DATE, token=token)
        assert (refused.status, refused.json) == (503, {"message": TRY_AGAIN})
        name = 'resilience4j_circuitbreaker_not_permitted_calls_total{kind="not_permitted",name="database"}'
        assert service.metrics()[name] >= 1


def failed_start(service: Service) -> str:
    process = service.spawn()
    _, said = process.communicate(timeout=20)
    assert process.returncode == 1
    assert len(said.strip().splitlines()) == 1, said
    return said


def test_a_port_in_use_is_one_clear_line(valkey: Valkey, postgres: Postgres, tmp_path: Path) -> None:
    service = Service(tmp_path, valkey.port, postgres.url)
    with socket.create_server((HOST, service.management_port)):
        said = failed_start(service)
    assert (
        f"managementPort: cannot listen on {HOST}:{service.management_port}: Address already in use" in said
    )


def test_a_missing_valkey_is_one_clear_line(postgres: Postgres, tmp_path: Path) -> None:
    said = failed_start(Service(tmp_path, 1, postgres.url))
    assert f"Valkey at {HOST}:1 (valkeyPort) does not answer" in said


def test_a_missing_database_is_one_clear_line_without_its_password(valkey: Valkey, tmp_path: Path) -> None:
    url = f"postgresql+psycopg://concert:hunter2@{HOST}:1/concert"
    said = failed_start(Service(tmp_path, valkey.port, url))
    assert "(databaseUrl) cannot be used: connection failed" in said
    assert "hunter2" not in said


def test_a_wrong_config_is_one_clear_line(valkey: Valkey, postgres: Postgres, tmp_path: Path) -> None:
    said = failed_start(Service(tmp_path, valkey.port, postgres.url, poolSize=-1))
    assert "service.json: poolSize: Input should be greater than or equal to 1 (found -1)" in said


def test_a_start_waits_for_a_valkey_that_comes_a_moment_later(
    own_valkey: Valkey, postgres: Postgres, tmp_path: Path
) -> None:
    own_valkey.stop()
    service = Service(tmp_path, own_valkey.port, postgres.url, startPatienceSeconds=20)
    service.spawn()
    try:
        time.sleep(1.0)
        own_valkey.start()
        eventually(lambda: service.manage("GET", "/actuator/health").status == 200)
        assert service.process is not None
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(5) == 0
    finally:
        service.kill()
