"""The SQL side: one engine, one MetaData, one writer.

SQLite in WAL mode with ``synchronous=FULL``: a committed journal row survives power loss before
anything is sent. Writers take ``BEGIN IMMEDIATE`` one at a time; readers never wait for them.
A commit that raises means *unknown*, not "not done": read back by key before trying again.

PostgreSQL keeps the same promises: one writer at a time of all processes, by an advisory lock of the
transaction, so that ids become visible in their order; readers see one snapshot; and who must hold the
leader's lock (``leader_lock.py``) writes nothing without it.
"""

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from sqlalchemy import (
    BigInteger,
    Connection,
    Integer,
    MetaData,
    PoolProxiedConnection,
    create_engine,
    event,
    inspect,
    text,
)
from sqlalchemy.engine import Engine
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError, SQLAlchemyError

import postgresql

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""Every ``*_store.py`` file declares its tables here."""

BUSY_TIMEOUT_SECONDS = 5.0
MARK_SECONDS = 10.0
Mark: TypeAlias = tuple[int, float]
"""What a database holds; see ``Database.mark``."""
Whole = Integer().with_variant(BigInteger(), "postgresql")
"""A number that is not ours, such as a lever's version: 64 bits everywhere."""

_MIGRATIONS = Path(__file__).parent / "migrations"
_REVISION_DIGITS = 4


_SCHEMA = "coalesce(current_schema(), '')"
_WRITER_KEY = f"hashtextextended('showcall writer ' || {_SCHEMA}, 0)"
LEADER_KEY = f"hashtextextended('showcall leader ' || {_SCHEMA}, 0)"
HOLDS_LOCK = f"""
    FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND ((l.classid::bigint << 32) | l.objid::bigint) = {LEADER_KEY}
"""  # noqa: S608 - nothing of anybody's is in it
"""The session that holds the leader's lock, as ``a``. Locks and keys belong to one schema of one database."""


class NotLeadingError(OperationalError):
    """Another Showcall may be acting on this database: nothing was written."""

    def __init__(self, reason: str) -> None:
        super().__init__(None, None, RuntimeError(reason))


class Fence(Protocol):
    """Who must hold the leader's lock to write."""

    def token(self) -> str:
        """The beginning of the name of the session that holds it. Raises NotLeadingError."""


class SchemaError(RuntimeError):
    """The schema is not one that this version knows; the text names it."""


class DataDirectoryInUseError(RuntimeError):
    """Another Showcall holds the data directory."""


class DataDirectoryLock:
    """One Showcall per data directory, for as long as this object lives.

    The lock is the kernel's (``flock``), so it goes with the process however that ends.

    Raises:
        DataDirectoryInUseError: names the directory and the process that holds it.
    """

    def __init__(self, data_dir: Path) -> None:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = (data_dir / "showcall.lock").open("a+", encoding="ascii")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.seek(0)
            holder = self._file.read().strip() or "unknown"
            self._file.close()
            raise DataDirectoryInUseError(
                f"data_dir {data_dir}: already used by another Showcall (pid {holder}); "
                "stop it or give this one a data_dir of its own"
            ) from None
        self._file.seek(0)
        self._file.truncate()
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Let the directory go."""
        self._file.close()


@dataclass(frozen=True, slots=True)
class WriteTrouble:
    """Why the last transaction could not be written, since when none could, and when it was (monotonic)."""

    text: str
    since: float
    last: float

    @property
    def busy(self) -> bool:
        """Somebody else was writing: that may be over the next time."""
        return "locked" in self.text or "lock timeout" in self.text


class Database:
    """The engine with one writer and many readers.

    Args:
        url: ``sqlite:///var/showcall.db`` or ``postgresql://…``; of the latter no error shows the password.
        application: how PostgreSQL's own views call us.

    Attributes:
        place: where it is, for people.
        fence: where one stands, only who leads may write.
    """

    def __init__(self, url: str, application: str = "showcall") -> None:
        self.place, self.engine = _reached(url, application)
        self.fence: Fence | None = None
        self._writer = threading.Lock()
        self._trouble: WriteTrouble | None = None
        self._marking = threading.Lock()
        # SQLite counts for a connection what all others commit, so this one must never write.
        self._marks: PoolProxiedConnection | None = None

    @property
    def is_sqlite(self) -> bool:
        """A file of ours; else a server of somebody's, who backs it up."""
        return self.engine.dialect.name == "sqlite"

    @property
    def trouble(self) -> WriteTrouble | None:
        """What keeps transactions from being written now; None since one was."""
        return self._trouble

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One atomic change. No network call and no PromQL inside."""
        with self._writer, self._watched(), self.engine.connect() as connection:
            self._begin_alone(connection)
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    def _begin_alone(self, connection: Connection) -> None:
        if self.is_sqlite:
            connection.execute(text("BEGIN IMMEDIATE"))
            return
        token = None if self.fence is None else self.fence.token()
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_WRITER_KEY})"))
        if token is None:
            return
        ours = text(f"SELECT count(*) {HOLDS_LOCK} AND starts_with(a.application_name, :token)")
        if not connection.execute(ours, {"token": token}).scalar_one():
            raise NotLeadingError("the database's lock was lost")

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, InterfaceError, InternalError) as error:
            now, before = time.monotonic(), self._trouble
            text = (str(error.orig).splitlines() or [type(error).__name__])[0]
            self._trouble = WriteTrouble(text, now if before is None else before.since, now)
            raise
        self._trouble = None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A consistent view for reading; writes made through it are rolled back."""
        with self.engine.connect() as connection:
            if self.is_sqlite:
                connection.execute(text("BEGIN DEFERRED"))
            else:
                connection.execution_options(isolation_level="REPEATABLE READ")
            try:
                yield connection
            finally:
                connection.rollback()

    def mark(self) -> Mark | None:
        """Stands for what the database holds: the same mark as before means that nobody committed since.

        Read before what shall be known to stand still. A file that cannot be read any more must be noticed,
        so no mark lasts longer than ``MARK_SECONDS``. None where only reading tells, as in PostgreSQL.
        """
        if not self.is_sqlite:
            return None
        try:
            with self._marking:
                if self._marks is None:
                    self._marks = self.engine.raw_connection()
                    self._marks.detach()
                cursor = self._marks.cursor()
                version = cursor.execute("PRAGMA data_version").fetchone()[0]
                cursor.close()
        except (sqlite3.Error, SQLAlchemyError):
            return None
        return version, time.monotonic() // MARK_SECONDS

    def upgrade(self) -> None:
        """Bring the schema to the newest migration. Raises SchemaError."""
        with self._writer, self.engine.connect() as connection:
            if not self.is_sqlite:
                connection.execute(text("SET LOCAL statement_timeout = 0"))
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_WRITER_KEY})"))
            _migrate(connection)
            connection.commit()

    def create_all(self) -> None:
        """Create the tables of every store imported so far, without migrations (for tests of one store)."""
        metadata.create_all(self.engine)

    def give_back(self, pages: int) -> int:
        """Give up to so many free pages back to the file system; bring the planner's statistics up to date.

        Returns:
            How many were given back; 0 when there were none, or the database does it by itself.
        """
        if not self.is_sqlite:
            return 0
        with self._writer, self.engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - the dialect says so
            before = _free_pages(driver)
            # A script, because execute() takes one step of the statement, which is one page.
            driver.executescript(f"PRAGMA incremental_vacuum({int(pages)}); PRAGMA optimize")
            return before - _free_pages(driver)

    def close(self) -> None:
        """Close every connection."""
        with self._marking:
            if self._marks is not None:
                self._marks.close()
                self._marks = None
        self.engine.dispose()


def schema_revisions() -> frozenset[str]:
    """Every revision of the schema that this version knows; a database of any of them can be brought up."""
    return frozenset(path.name[:_REVISION_DIGITS] for path in (_MIGRATIONS / "versions").glob("*.py"))


def _reached(url: str, application: str) -> tuple[str, Engine]:
    """What a database is called for people, and its engine."""
    if url.startswith(postgresql.SCHEME):
        server = postgresql.server(url)
        return server.shown, postgresql.engine(server, application)
    engine = create_engine(url, pool_size=8, max_overflow=8)
    event.listen(engine, "connect", _sqlite_pragmas)
    return url.removeprefix("sqlite:///"), engine


def _free_pages(driver: sqlite3.Connection) -> int:
    return int(driver.execute("PRAGMA freelist_count").fetchone()[0])


def _sqlite_pragmas(connection: Any, _record: object) -> None:
    # The driver's own transaction handling starts BEGIN late and DEFERRED; BEGIN is ours.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={int(BUSY_TIMEOUT_SECONDS * 1000)}")
    # Only a new file takes this in: free pages can be given back a few at a time. On any other it would
    # still wait for the write lock, and a reader must not.
    if not cursor.execute("PRAGMA page_count").fetchone()[0]:
        cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _migrate(connection: Connection) -> None:
    present, known = _revision(connection), schema_revisions()
    if present == max(known):
        return
    if present is not None and present not in known:
        raise SchemaError(f"its schema is {present!r}, of a newer Showcall (want one up to {max(known)})")
    # A tenth of a second that only a start after an update needs.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    """The revision of the schema; None of a new database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found
