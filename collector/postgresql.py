"""PostgreSQL: activity, locks and settings, under postgres_exporter's names."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from psycopg import OperationalError

from collector.deadline import Deadline
from collector.failures import wire_error
from collector.postgresql_link import Answer, PostgresqlLink, Row
from collector.postgresql_store import METADATA, QUICK, SETTINGS_SQL, SLOW, UNITS, VERSION_SQL, Question
from collector.resolver import Resolver
from collector.round import ErrorKind
from collector.secret_file import read_secret
from collector.source import Measured, Scraped, ScrapeError, measured, scraped

SLOW_EVERY_SECONDS = 60.0

# Planning these would cost the server more than running them.
PREPARE_QUICK = ";".join(f"PREPARE quick_{n} AS {question.sql}" for n, question in enumerate(QUICK))
EXECUTE_QUICK = ";".join(f"EXECUTE quick_{n}" for n in range(len(QUICK)))


@dataclass(frozen=True, slots=True)
class PostgresqlSettings:
    """Where it is and who asks; the role needs ``pg_monitor``."""

    host: str
    port: int
    database: str
    user: str | None
    password_file: Path | None


class PostgresqlSource:
    """One server, over one kept connection and never a second.

    Sizes and settings are asked every 60 s only and repeated in between.
    """

    def __init__(self, settings: PostgresqlSettings, resolver: Resolver) -> None:
        self._settings = settings
        self._resolver = resolver
        self._link: PostgresqlLink | None = None
        self._slow: list[Measured] = []
        self._slow_until = 0.0

    def fetch(self, at: float, deadline: Deadline) -> Scraped:  # noqa: ARG002 - a Source is given its time
        """Ask everything once. ``pg_up`` is absent when it refuses our password or role."""
        where = f"{self._settings.host}:{self._settings.port}"
        try:
            samples = self._ask(deadline)
        except ScrapeError as error:
            raise self._failed(error) from error
        except OperationalError as error:
            raise self._failed(ScrapeError(ErrorKind.RESET, f"{where}: {error}".strip())) from error
        except OSError as error:
            failure = wire_error(error, where, self._settings.host, deadline)
            raise self._failed(failure) from error
        return scraped(samples, METADATA, verdict=(measured("pg_up", 1.0),))

    def close(self) -> None:
        """Drop the connection."""
        if self._link is not None:
            self._link.close()
        self._link = None
        self._slow_until = 0.0

    def _failed(self, error: ScrapeError) -> ScrapeError:
        self.close()
        return error if error.kind is ErrorKind.AUTH else error.with_verdict((measured("pg_up", 0.0),))

    def _ask(self, deadline: Deadline) -> list[Measured]:
        link = self._connected(deadline)
        answers = link.ask(EXECUTE_QUICK, deadline)
        if time.monotonic() >= self._slow_until:
            self._slow = self._ask_slow(link, deadline)
            self._slow_until = time.monotonic() + SLOW_EVERY_SECONDS
        return [*question_samples(QUICK, answers), *self._slow]

    def _ask_slow(self, link: PostgresqlLink, deadline: Deadline) -> list[Measured]:
        statements = [*(question.sql for question in SLOW), SETTINGS_SQL, VERSION_SQL]
        *sizes, settings, version = link.ask(";".join(statements), deadline)
        short, full = version[1][0]
        static = measured("pg_static", 1.0, short_version=short or "", version=full or "")
        return [*question_samples(SLOW, sizes), *settings_samples(settings[1]), static]

    def _connected(self, deadline: Deadline) -> PostgresqlLink:
        if self._link is not None and not self._link.is_usable():
            self.close()
        if self._link is None:
            self._link = connect(self._settings, self._resolver, deadline)
            self._link.ask(PREPARE_QUICK, deadline)
        return self._link


def connect(
    settings: PostgresqlSettings, resolver: Resolver, deadline: Deadline, application: str = "showcall"
) -> PostgresqlLink:
    """A connection under the name ``application``. Raises ScrapeError, OSError."""
    found = resolver.resolve(settings.host, settings.port, deadline)
    conninfo = {
        "host": ",".join(settings.host for _ in found),
        "hostaddr": ",".join(address for _, (address, _) in found),
        "port": str(settings.port),
        "dbname": settings.database,
        "application_name": application,
        "gssencmode": "disable",
    }
    password = read_secret(settings.password_file)
    conninfo |= {"user": settings.user} if settings.user else {}
    conninfo |= {"password": password} if password else {}
    return PostgresqlLink(conninfo, f"{settings.host}:{settings.port}", deadline)


def question_samples(questions: Sequence[Question], answers: Sequence[Answer]) -> Iterator[Measured]:
    """Every column of every row that is no label, as a sample; NULL is no sample."""
    for question, (columns, rows) in zip(questions, answers, strict=True):
        for row in rows:
            yield from _row_samples(question, dict(zip(columns, row, strict=True)))


def _row_samples(question: Question, row: dict[str, str | None]) -> Iterator[Measured]:
    labels = {name: row[name] or "" for name in question.labels}
    for column, value in row.items():
        if value is not None and column not in labels:
            yield measured(f"{question.prefix}_{column}", float(value), **labels)


def settings_samples(rows: Sequence[Row]) -> Iterator[Measured]:
    """Settings in base units (bytes, seconds), switches as 0 and 1."""
    for name, text, unit, kind in rows:
        if text is None:
            continue
        suffix, scale = UNITS.get(unit or "", ("", 1.0))
        value = float(text == "on") if kind == "bool" else float(text)
        yield measured(f"pg_settings_{name}{suffix}", value * scale if value >= 0 else value)
