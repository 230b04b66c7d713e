"""Whether the database and Valkey answer, for ``/actuator/health``; asked apart from the pool and threads."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg

PROBE_SECONDS = 2.0
SILENT_SECONDS = 6.0


@dataclass(frozen=True, slots=True)
class ComponentHealth:
    """One component: why it is down, or None while it is up."""

    name: str
    trouble: str | None
    details: dict[str, str]

    def shown(self) -> dict[str, Any]:
        """Spring Boot's form."""
        details = self.details if self.trouble is None else {**self.details, "error": self.trouble}
        return {"status": "DOWN" if self.trouble else "UP", "details": details}


def database_trouble(answered_at: float, error: str | None, now: float) -> str | None:
    """What is wrong with the database: its error, or a silence longer than three probes."""
    if error is not None:
        return error
    silent = now - answered_at
    return f"no answer for {silent:.0f} s" if silent > SILENT_SECONDS else None


class DatabaseProbe:
    """Asks ``SELECT 1`` every two seconds over its own connection, so a full pool cannot hide the truth."""

    def __init__(self, connect: Callable[[], "psycopg.Connection[Any]"], clock: Callable[[], float]) -> None:
        self._connect = connect
        self._clock = clock
        self._answered_at = clock()
        self._error: str | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="database-probe", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end."""
        self._stopped.set()

    def trouble(self) -> str | None:
        """What is wrong with the database now, or None."""
        return database_trouble(self._answered_at, self._error, self._clock())

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._ask_while_connected()
            except psycopg.Error as error:
                self._error = " ".join(str(error).split())
            self._stopped.wait(PROBE_SECONDS)

    def _ask_while_connected(self) -> None:
        with self._connect() as connection:
            connection.autocommit = True
            while not self._stopped.is_set():
                connection.execute("SELECT 1")
                self._answered_at, self._error = self._clock(), None
                self._stopped.wait(PROBE_SECONDS)
