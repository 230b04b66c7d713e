"""Real servers and a real concert service for the tests of stack/service, all on ephemeral ports."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from redis import Redis

from stack.local.account import can_enter, postgres_account
from stack.local.wheels import postgres_install, valkey_server
from stack.service.queue import Queue

HOST = "127.0.0.1"
SEATS_PER_SCHEDULE = 20


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def eventually(check: Callable[[], Any], seconds: float = 10.0, pause: float = 0.02) -> Any:
    """The first truthy answer of ``check``; its last failure once the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            found = check()
        except (AssertionError, OSError, http.client.HTTPException):
            if time.monotonic() >= deadline:
                raise
        else:
            if found:
                return found
            assert time.monotonic() < deadline, f"{check} stayed {found!r} for {seconds} s"
        time.sleep(pause)


class Valkey:
    """A Valkey server that can be stopped, frozen and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def client(self) -> Redis:
        return Redis(host=HOST, port=self.port, socket_timeout=5)

    def flush(self) -> None:
        with self.client() as client:
            client.flushall()

    def start(self) -> None:
        options = ["--bind", HOST, "--port", str(self.port), "--save", "", "--dir", str(self._folder)]
        self._process = subprocess.Popen([valkey_server(), *options], stdout=subprocess.DEVNULL)
        eventually(self._answers)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def _answers(self) -> bool:
        with socket.create_connection((HOST, self.port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")


class Postgres:
    """A PostgreSQL server with a handful of concerts; it can be stopped and started again."""

    def __init__(self) -> None:
        self.port = free_port()
        self._home = Path(tempfile.mkdtemp(prefix="concert-test-"))
        self._account = postgres_account()
        self._process: subprocess.Popen[bytes] | None = None
        self._programs = self._reachable_programs()
        self._own(self._home)
        self._run("initdb", "-D", str(self._home / "data"), "-U", "postgres", "--no-sync", "-E", "UTF8")

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://postgres@{HOST}:{self.port}/postgres"

    def connect(self) -> "psycopg.Connection[Any]":
        return psycopg.connect(
            host=HOST, port=self.port, user="postgres", dbname="postgres", connect_timeout=2, autocommit=True
        )

    def start(self) -> None:
        options = {"listen_addresses": HOST, "port": str(self.port), "unix_socket_directories": ""}
        options |= {"fsync": "off", "max_connections": "60", "autovacuum": "off"}
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        self._process = self._spawn("postgres", "-D", str(self._home / "data"), *words)
        eventually(self._answers)

    def stop(self) -> None:
        """Shut down at once, breaking every connection."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._home, ignore_errors=True)

    def load(self) -> None:
        with self.connect() as connection:
            connection.execute("CREATE TABLE concerts (id bigint PRIMARY KEY, title text NOT NULL)")
            connection.execute("CREATE TABLE members (id bigint PRIMARY KEY, name text NOT NULL)")
            connection.execute(
                "CREATE TABLE schedules (id bigint PRIMARY KEY, concert_id bigint, starts_at timestamptz)"
            )
            connection.execute(
                "CREATE TABLE seats (id bigint PRIMARY KEY, schedule_id bigint, number integer,"
                " price integer, reserved_by bigint)"
            )
            connection.execute(
                "INSERT INTO concerts SELECT i, 'Concert ' || i FROM generate_series(1, 500) i"
            )
            connection.execute("INSERT INTO members SELECT i, 'Member ' || i FROM generate_series(1, 100) i")
            connection.execute(
                "INSERT INTO schedules SELECT i, (i + 1) / 2, timestamptz '2026-12-01 19:00+09'"
                " FROM generate_series(1, 1000) i"
            )
            connection.execute(
                "INSERT INTO seats SELECT s * 100 + n, s, n, 50000"
                f" FROM generate_series(1, 1000) s, generate_series(1, {SEATS_PER_SCHEDULE}) n"
            )

    @contextmanager
    def seats_locked(self) -> Iterator[None]:
        """Every query that reads seats hangs while the block runs."""
        with self.connect() as connection, connection.transaction():
            connection.execute("LOCK TABLE seats IN ACCESS EXCLUSIVE MODE")
            yield

    def _reachable_programs(self) -> Path:
        install = postgres_install()
        if self._account is None or can_enter(install / "bin", self._account):
            return install / "bin"
        copy = self._home / "install"
        for part in ("bin", "lib", "share"):
            shutil.copytree(install / part, copy / part)
        return copy / "bin"

    def _own(self, path: Path) -> None:
        if self._account is not None:
            os.chown(path, self._account.uid, self._account.gid)

    def _spawn(self, program: str, *arguments: str) -> "subprocess.Popen[bytes]":
        account = self._account
        return subprocess.Popen(
            [self._programs / program, *arguments],
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )

    def _run(self, program: str, *arguments: str) -> None:
        assert self._spawn(program, *arguments).wait() == 0, program

    def _answers(self) -> bool:
        with suppress(psycopg.Error), self.connect():
            return True
        return False


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def request(
    port: int,
    method: str,
    path: str,
    *,
    body: object = None,
    token: str | None = None,
    seconds: float = 20.0,
) -> Answer:
    connection = http.client.HTTPConnection(HOST, port, timeout=seconds)
    try:
        headers = {"waitingToken": token} if token else {}
        raw = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(method, path, raw, headers)
        response = connection.getresponse()
        text = response.read().decode()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, text)
    finally:
        connection.close()


class Service:
    """The service as a process of its own."""

    def __init__(self, folder: Path, valkey_port: int, database_url: str, **settings: object) -> None:
        self.port, self.management_port = free_port(), free_port()
        self.valkey_port = valkey_port
        self.log_file = folder / "logs" / "concert.log"
        self.config_file = folder / "service.json"
        self.process: subprocess.Popen[str] | None = None
        values: dict[str, object] = {
            "host": HOST,
            "servicePort": self.port,
            "managementPort": self.management_port,
            "valkeyPort": valkey_port,
            "databaseUrl": database_url,
            "logFile": str(self.log_file),
            "startPatienceSeconds": 1,
        }
        self.config_file.write_text(json.dumps(values | settings), encoding="utf-8")

    def spawn(self) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "stack.service", "--config", str(self.config_file)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        return self.process

    def start(self) -> None:
        self.spawn()
        eventually(lambda: self.manage("GET", "/actuator/health").status == 200)

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(10)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def ask(self, method: str, path: str, **more: Any) -> Answer:
        return request(self.port, method, path, **more)

    def manage(self, method: str, path: str, body: object = None) -> Answer:
        return request(self.management_port, method, path, body=body)

    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8")

    def metrics(self) -> dict[str, float]:
        lines = self.manage("GET", "/actuator/prometheus").text.splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    def token(self, user_id: int = 1) -> str:
        answer = self.ask("POST", f"/api/v1/user/{user_id}/queue/token/issue")
        assert answer.status == 200, answer
        token: str = answer.json["waitingToken"]
        return token

    def number(self, token: str) -> int:
        answer = self.ask("GET", "/api/v1/user/queue/token/query", token=token)
        assert answer.status == 200, answer
        number: int = answer.json["waitingNumber"]
        return number

    def inside(self, user_id: int = 1) -> str:
        """A token that is let in without waiting for the scheduler."""
        token = self.token(user_id)
        with Redis(port=self.valkey_port) as client:
            Queue(client).open(places=100, calls=100, heard_since=0.0)
        assert self.number(token) == 0
        return token

    def set_lever(self, lever: str, value: object, **more: object) -> Answer:
        """Change a lever at its present version, leased for a minute unless said otherwise."""
        body: dict[str, object] = {
            "value": value,
            "ifVersion": self.manage("GET", f"/actuator/{lever}").json["version"],
            "requestId": str(uuid4()),
            "leaseSeconds": 60,
            "owner": "showcall",
            "runId": "r1",
        }
        return self.manage("POST", f"/actuator/{lever}", body | more)

    def reset_levers(self) -> None:
        for lever in ("active-users", "admission", "hikaricp"):
            baseline = self.manage("GET", f"/actuator/{lever}").json["baseline"]
            assert self.set_lever(lever, baseline, leaseSeconds=0).status == 200
        breaker = "/actuator/circuitbreakers/database"
        assert self.manage("POST", breaker, {"updateState": "METRICS_ONLY"}).status == 200
