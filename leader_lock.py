"""Who may write and act where several could: one advisory lock of PostgreSQL, on a connection of its own.

The lock lives as long as its session. Every write transaction asks the server whether that session still
holds it (``Database.transaction``), so that a Showcall that was cut off writes and sends nothing, whatever it
believes itself. A session that is silent for 15 s is ended by the server.
"""

import os
import socket
import threading
import time
from collections.abc import Callable
from uuid import uuid4

import psycopg
import structlog

from database import HOLDS_LOCK, LEADER_KEY, NotLeadingError
from postgresql import Server, Session, in_one_line

LOOK_SECONDS = 1.0
TAKE_SECONDS = 2.0
"""At the start: one that was ended a moment ago may still be seen."""
NAME_BYTES = 63
_SILENCE = "15s"


class DatabaseInUseError(RuntimeError):
    """Another Showcall holds the database; the text says which."""


class Leadership:
    """Undisputed: a SQLite file is in a data directory, which has a lock of its own.

    Attributes:
        term: grows each time the lock is taken.
        trouble: why nothing is acted on, empty while it may be; None where there is no lock.
    """

    term = 0
    leads = True
    trouble: str | None = None

    def follower(self) -> Callable[[], bool]:
        """For one thread, to be called as each of its turns begins: was the lock taken anew since the last?

        What the thread remembers of the database may not be so any more then.
        """
        return lambda: False

    def look(self) -> None:
        """See whether the lock is still held, and else try to take it."""

    def release(self) -> None:
        """Let it go."""


class LeaderLock(Leadership):
    """The lock on a PostgreSQL database.

    Args:
        name: the stack's, for whoever is refused because of us.
    """

    def __init__(self, server: Server, name: str) -> None:
        self._server, self._name = server, name
        self._process = uuid4().hex[:12]
        self._session: Session | None = None
        self._turn = threading.local()
        self.leads, self.term = False, 0
        self.trouble: str | None = "the database's lock is not held yet"

    def take(self, patience: float = TAKE_SECONDS) -> None:
        """Take it, at the start.

        Raises:
            DatabaseInUseError: names the database and who holds it.
            psycopg.OperationalError: the server does not answer.
        """
        end = time.monotonic() + patience
        while (holder := self._try()) is not None:
            if time.monotonic() > end:
                self._close()
                raise DatabaseInUseError(
                    f"{self._server.shown}: already used by another Showcall ({holder}); "
                    "stop it or give this one a database of its own"
                )
            time.sleep(0.1)

    def look(self) -> None:
        """See whether the session lives, and else try to take the lock anew. Raises nothing."""
        try:
            if self.leads and self._session is not None:
                self._session.execute("SELECT 1")
                return
            holder = self._try()
        except psycopg.Error as error:
            self._stand_back(f"the database's lock was lost: {in_one_line(error)}")
            return
        if holder is not None:
            self._stand_back(f"another Showcall acts on {self._server.shown} ({holder})")

    def release(self) -> None:
        """Let it go; nothing is written after that."""
        self.leads = False
        self._close()

    def follower(self) -> Callable[[], bool]:
        """As ``Leadership.follower``; a turn that began in an older term can write nothing more."""
        seen = self.term

        def taken_anew() -> bool:
            nonlocal seen
            before, seen = seen, self.term
            self._turn.term = seen
            return seen != before

        return taken_anew

    def token(self) -> str:
        """The name of the session that holds the lock, for the server to look up.

        Raises:
            NotLeadingError: it is not held, or was lost since the thread's turn began.
        """
        if not self.leads:
            raise NotLeadingError(self.trouble or "the database's lock is not held")
        if getattr(self._turn, "term", self.term) != self.term:
            raise NotLeadingError("the database's lock was lost and taken anew meanwhile")
        return self._token(self.term)

    def _token(self, term: int) -> str:
        return f"showcall/{self._process}.{term} "

    def _try(self) -> str | None:
        """Take the lock on a new session, if it is free; else who holds it."""
        self._close()
        words = f"{self._token(self.term + 1)}{self._name} {os.getpid()}@{socket.gethostname()}"
        shown = words.encode("ascii", "replace").decode()[:NAME_BYTES]
        self._session = session = self._server.connect(shown, idle_session_timeout=_SILENCE)
        session.autocommit = True
        if session.execute(f"SELECT pg_try_advisory_lock({LEADER_KEY})").fetchone() != (True,):
            return _holder(session)
        self._taken()
        return None

    def _taken(self) -> None:
        again = self.term > 0
        self.term += 1
        self.trouble, self.leads = "", True
        if again:
            structlog.get_logger().warning("leader_lock_taken_again", term=self.term)

    def _stand_back(self, trouble: str) -> None:
        self.leads = False
        self._close()
        if trouble != self.trouble:
            self.trouble = trouble
            structlog.get_logger().error("leader_lock_not_held", problem=trouble)

    def _close(self) -> None:
        if self._session is not None:
            self._session.close()
        self._session = None


def _holder(session: Session) -> str:
    """Who holds the lock, in words."""
    found = session.execute(f"SELECT a.application_name, host(a.client_addr) {HOLDS_LOCK}").fetchone()
    if found is None:
        return "which has just let it go"
    said = str(found[0]).partition(" ")[2] or "it does not say which"
    return f"{said}, from {found[1]}" if found[1] else said
