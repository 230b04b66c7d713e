"""A real PostgreSQL with a fresh database for each test, and a network to it that can be cut."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from uuid import uuid4

from tests.stack.service_rig import HOST, Postgres

PASSWORD = "canary-p4ssw0rd-77ab"


@dataclass(frozen=True)
class Place:
    """An empty database."""

    server: Postgres
    name: str

    @property
    def url(self) -> str:
        return self.url_by(self.server.port)

    def url_by(self, port: int) -> str:
        return f"postgresql://postgres:{PASSWORD}@{HOST}:{port}/{self.name}"

    def restart(self) -> None:
        """As after a crash of the server: every connection is broken."""
        self.server.stop()
        self.server.start()

    def end_sessions(self) -> None:
        """Every session on this database ends."""
        with self.server.connect() as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (self.name,)
            )


def fresh(server: Postgres) -> Place:
    """A new database on the server."""
    place = Place(server, f"showcall_{uuid4().hex[:8]}")
    with server.connect() as admin:
        admin.execute(f"CREATE DATABASE {place.name}")
    return place


class Lost(StrEnum):
    """What happened to a commit whose answer never came."""

    HAPPENED = "happened"
    NEVER_ARRIVED = "never arrived"


class Network:
    """A way to a port that can be cut, also at a commit."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._lost: Lost | None = None
        self._to_pass = 0
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def lose_commit(self, lost: Lost, after: int = 0) -> None:
        """The answer to a commit from now on, the first after so many others, does not come."""
        self._to_pass, self._lost = after, lost

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection((HOST, self._port)) as server:
            while True:
                ready = select.select([client, server], [], [])[0]
                for source, sink in ((client, server), (server, client)):
                    if source in ready:
                        data = source.recv(65536)
                        if not data or (source is client and self._cut_at(data, server)):
                            return
                        sink.sendall(data)

    def _cut_at(self, data: bytes, server: socket.socket) -> bool:
        if self._lost is None or b"COMMIT\x00" not in data:
            return False
        if self._to_pass > 0:
            self._to_pass -= 1
            return False
        lost, self._lost = self._lost, None
        if lost is Lost.HAPPENED:
            server.sendall(data)
            assert server.recv(65536)
        self.cuts += 1
        return True


@contextmanager
def network(port: int) -> Iterator[Network]:
    """For as long as the block lasts."""
    made = Network(port)
    try:
        yield made
    finally:
        made.close()
