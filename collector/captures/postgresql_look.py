"""Slowest statements and locks of a PostgreSQL, over a connection of their own that is closed at once.

Literals are taken out of every statement before it leaves this file.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TypeVar

from psycopg import OperationalError

from collector.captures import postgresql_capture_store as questions
from collector.captures.sql_text import normalised
from collector.deadline import Deadline
from collector.failures import wire_error
from collector.postgresql import PostgresqlSettings, connect
from collector.postgresql_link import PostgresqlLink, Row
from collector.resolver import Resolver
from collector.round import ErrorKind
from collector.source import ScrapeError

APPLICATION = "showcall evidence"
OLDEST_WITH_STATEMENTS = 130000
OLDEST_WITH_RESET = 140000
NO_EXTENSION = (
    "pg_stat_statements is not installed in this database, so only what runs at the moment is shown "
    "(shared_preload_libraries = 'pg_stat_statements', then CREATE EXTENSION pg_stat_statements)."
)

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Statement:
    """Its cost since the numbers were reset: share in percent of all, times in seconds."""

    share: float
    mean: float
    longest: float
    calls: int
    text: str


@dataclass(frozen=True, slots=True)
class Activity:
    """A connection that is not idle; times in seconds since its statement and its transaction began."""

    pid: int
    user: str
    state: str
    waits_for: str
    seconds: float | None
    transaction_seconds: float | None
    text: str


@dataclass(frozen=True, slots=True)
class StatementsFound:
    """Statements by their share, and what runs; ``since`` is Unix seconds; ``notes`` say what is missing."""

    statements: tuple[Statement, ...]
    since: float | None
    running: tuple[Activity, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Waiter:
    """Somebody who waits for a lock, and one who holds it; times in seconds."""

    pid: int
    seconds: float | None
    wants: str
    mode: str
    text: str
    blocker: int | None
    blocker_state: str
    blocker_seconds: float | None
    blocker_text: str


@dataclass(frozen=True, slots=True)
class LockCount:
    """Locks of one mode."""

    mode: str
    held: int
    wanted: int


@dataclass(frozen=True, slots=True)
class LocksFound:
    """Who waits for whom, and how many locks there are."""

    waiters: tuple[Waiter, ...]
    counts: tuple[LockCount, ...]


class PostgresqlLook:
    """One server. Every look opens one connection, read-only, each query ended by the server after 1 s."""

    def __init__(self, settings: PostgresqlSettings, resolver: Resolver) -> None:
        self._settings = settings
        self._resolver = resolver

    @property
    def where(self) -> str:
        """host:port."""
        return f"{self._settings.host}:{self._settings.port}"

    def statements(self, deadline: Deadline) -> StatementsFound:
        """What costs and what runs. Raises ScrapeError."""
        with self._open(deadline) as link:
            running = tuple(_activity(row) for row in link.ask(questions.ACTIVITY, deadline)[0][1])
            extension = link.ask(questions.EXTENSION, deadline)[0][1]
            if not extension:
                return StatementsFound((), None, running, (NO_EXTENSION,))
            try:
                costs, since = _costs(link, extension[0][0] or "", deadline)
            except ScrapeError as error:
                note = f"pg_stat_statements could not be read: {error.text}."
                return StatementsFound((), None, running, (note,))
        return StatementsFound(costs, since, running, ())

    def locks(self, deadline: Deadline) -> LocksFound:
        """Who waits for whom. Raises ScrapeError."""
        with self._open(deadline) as link:
            (_, waiters), (_, counts) = link.ask(f"{questions.WAITERS};{questions.LOCKS}", deadline)
        return LocksFound(
            tuple(_waiter(row) for row in waiters),
            tuple(LockCount(mode or "", int(held or 0), int(wanted or 0)) for mode, held, wanted in counts),
        )

    @contextmanager
    def _open(self, deadline: Deadline) -> Iterator[PostgresqlLink]:
        try:
            with closing(connect(self._settings, self._resolver, deadline, APPLICATION)) as link:
                yield link
        except OperationalError as error:
            raise ScrapeError(ErrorKind.RESET, f"{self.where}: {error}".strip()) from error
        except OSError as error:
            raise wire_error(error, self.where, self._settings.host, deadline) from error


def _costs(
    link: PostgresqlLink, schema: str, deadline: Deadline
) -> tuple[tuple[Statement, ...], float | None]:
    if link.server_version < OLDEST_WITH_STATEMENTS:
        raise ScrapeError(ErrorKind.BAD_FORMAT, "it is read from PostgreSQL 13 on")
    rows = link.ask(questions.statements(schema), deadline)[0][1]
    since = None
    if link.server_version >= OLDEST_WITH_RESET:
        since = _number(link.ask(questions.reset_at(schema), deadline)[0][1][0][0])
    return tuple(_statement(row) for row in rows), since


def _statement(row: Row) -> Statement:
    share, mean, longest, calls, text = row
    return Statement(
        share=float(share or 0),
        mean=float(mean or 0),
        longest=float(longest or 0),
        calls=int(calls or 0),
        text=normalised(text or ""),
    )


def _activity(row: Row) -> Activity:
    pid, user, state, waits_for, seconds, transaction_seconds, text = row
    return Activity(
        pid=int(pid or 0),
        user=user or "",
        state=state or "",
        waits_for=waits_for or "",
        seconds=_number(seconds),
        transaction_seconds=_number(transaction_seconds),
        text=normalised(text or ""),
    )


def _waiter(row: Row) -> Waiter:
    pid, seconds, wants, mode, text, blocker, blocker_state, blocker_seconds, blocker_text = row
    return Waiter(
        pid=int(pid or 0),
        seconds=_number(seconds),
        wants=wants or "",
        mode=mode or "",
        text=normalised(text or ""),
        blocker=_optional(blocker, int),
        blocker_state=blocker_state or "",
        blocker_seconds=_number(blocker_seconds),
        blocker_text=normalised(blocker_text or ""),
    )


def _number(text: str | None) -> float | None:
    return _optional(text, float)


def _optional(text: str | None, read: Callable[[str], Found]) -> Found | None:
    return None if text is None else read(text)
