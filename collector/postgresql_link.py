"""One connection to PostgreSQL whose every wait ends at a deadline.

psycopg's own connections wait without one while a server, or the network to it, says nothing; libpq's
non-blocking calls, which psycopg offers as ``psycopg.pq``, leave the waiting to us.
"""

import select
from collections.abc import Sequence

from psycopg import pq
from psycopg.conninfo import make_conninfo

from collector.deadline import Deadline
from collector.round import ErrorKind
from collector.source import ScrapeError

Row = tuple[str | None, ...]
Answer = tuple[tuple[str, ...], list[Row]]
"""Column names and rows, values as PostgreSQL writes them."""

CANCELLED_BY_TIMEOUT = "57014"
REFUSED_STATES = frozenset({"42501", "28000", "28P01", "3D000"})
SESSION = "SET statement_timeout = 1000; SET default_transaction_read_only = on"
IDLE_SESSION = "; SET idle_session_timeout = 60000"  # an orphan behind a dead network ends by itself

_CONNECT_FAILURES: tuple[tuple[ErrorKind, tuple[str, ...]], ...] = (
    (ErrorKind.REFUSED, ("connection refused", "no such file or directory", "no route to host")),
    (
        ErrorKind.UNAVAILABLE,
        ("too many c", "connection slots", "starting up", "shutting down", "recovery"),
    ),
    (ErrorKind.AUTH, ("authentication failed", "no password", "pg_hba.conf", "role ", "database ")),
    (ErrorKind.RESET, ("closed the connection", "reset by peer")),
)


class PostgresqlLink:
    """A connection in the making or made.

    Args:
        conninfo: libpq keywords; ``hostaddr`` must be an address, so that libpq looks up no name.
        where: host:port, for error texts.
    """

    def __init__(self, conninfo: dict[str, str], where: str, deadline: Deadline) -> None:
        self._where = where
        self._connection = pq.PGconn.connect_start(make_conninfo("", **conninfo).encode())
        try:
            self._shake_hands(deadline)
            idle = IDLE_SESSION if self._connection.server_version >= 140000 else ""
            self.ask(SESSION + idle, deadline)
        except BaseException:
            self.close()
            raise

    def ask(self, sql: str, deadline: Deadline) -> list[Answer]:
        """Run statements; column names and rows of each that gives rows.

        Raises ScrapeError, TimeoutError; the connection is of no use after either.
        """
        self._connection.send_query(sql.encode())
        self._flush(deadline)
        answers: list[Answer] = []
        while True:
            while self._connection.is_busy():
                self._wait(select.POLLIN, deadline)
                self._connection.consume_input()
            result = self._connection.get_result()
            if result is None:
                return answers
            if result.status == pq.ExecStatus.TUPLES_OK:
                answers.append(_rows(result))
            elif result.status != pq.ExecStatus.COMMAND_OK:
                raise self._query_failed(result)

    @property
    def server_version(self) -> int:
        """As PostgreSQL counts: 180001 is 18.1."""
        return self._connection.server_version

    def close(self) -> None:
        """Hang up."""
        self._connection.finish()

    def is_usable(self) -> bool:
        """Whether the connection can serve another question; what the server said meanwhile was a goodbye."""
        connection = self._connection
        if connection.status != pq.ConnStatus.OK:
            return False
        poll = select.poll()
        poll.register(connection.socket, select.POLLIN)
        return connection.transaction_status == pq.TransactionStatus.IDLE and not poll.poll(0)

    def _shake_hands(self, deadline: Deadline) -> None:
        wanted = pq.PollingStatus.WRITING
        while wanted != pq.PollingStatus.OK:
            if wanted == pq.PollingStatus.FAILED or self._connection.status == pq.ConnStatus.BAD:
                raise connect_failed(self._connection.get_error_message(), self._where)
            flag = select.POLLIN if wanted == pq.PollingStatus.READING else select.POLLOUT
            self._wait(flag, deadline)
            wanted = pq.PollingStatus(self._connection.connect_poll())
        self._connection.nonblocking = 1

    def _flush(self, deadline: Deadline) -> None:
        while self._connection.flush():
            self._wait(select.POLLIN | select.POLLOUT, deadline)
            self._connection.consume_input()

    def _wait(self, flag: int, deadline: Deadline) -> None:
        poll = select.poll()
        poll.register(self._connection.socket, flag)
        if not poll.poll(deadline.left() * 1000):
            deadline.left()
            raise TimeoutError

    def _query_failed(self, result: pq.abc.PGresult) -> ScrapeError:
        state = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()
        text = (result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b"").decode("utf-8", "replace")
        if state == CANCELLED_BY_TIMEOUT:
            return ScrapeError(
                ErrorKind.TIMEOUT, f"{self._where}: a status query took over 1 s and was ended"
            )
        if state in REFUSED_STATES:
            return ScrapeError(ErrorKind.AUTH, f"{self._where}: {text} (want a role in pg_monitor)")
        return ScrapeError(ErrorKind.UNAVAILABLE, f"{self._where}: {text or 'the connection was lost'}")


def connect_failed(message: str, where: str) -> ScrapeError:
    """Kind and text of what libpq says when it cannot connect."""
    text = message.strip().splitlines()[0] if message.strip() else "no reason given"
    reason = text.rpartition("failed: ")[2]
    lower = text.lower()
    kind = next(
        (kind for kind, marks in _CONNECT_FAILURES if any(mark in lower for mark in marks)),
        ErrorKind.UNAVAILABLE,
    )
    if kind is ErrorKind.REFUSED:
        return ScrapeError(kind, f"nothing listens on {where}")
    return ScrapeError(kind, f"{where}: {reason}")


def _rows(result: pq.abc.PGresult) -> Answer:
    columns = range(result.nfields)
    names = tuple((result.fname(column) or b"").decode() for column in columns)
    return names, [_row(result, row, columns) for row in range(result.ntuples)]


def _row(result: pq.abc.PGresult, row: int, columns: Sequence[int]) -> Row:
    values = (result.get_value(row, column) for column in columns)
    return tuple(None if value is None else value.decode("utf-8", "replace") for value in values)
