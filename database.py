"""The SQL side: one engine, one MetaData, one writer.

SQLite in WAL mode with ``synchronous=FULL``: a committed journal row survives power loss before
anything is sent. Writers take ``BEGIN IMMEDIATE`` one at a time; readers never wait for them.
A commit that raises means *unknown*, not "not done": read back by key before trying again.
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
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, create_engine, event, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError

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
_MIGRATIONS = Path(__file__).parent / "migrations"


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
        return "locked" in self.text


class Database:
    """The engine with one writer and many readers.

    Args:
        url: SQLAlchemy URL, e.g. ``sqlite:///var/showcall.db``.
    """

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self._writer = threading.Lock()
        self._trouble: WriteTrouble | None = None

    @property
    def trouble(self) -> WriteTrouble | None:
        """What keeps transactions from being written now; None since one was."""
        return self._trouble

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One atomic change. No network call and no PromQL inside."""
        with self._writer, self._watched(), self.engine.connect() as connection:
            _begin(connection, "IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            now, before = time.monotonic(), self._trouble
            text = (str(error.orig).splitlines() or [type(error).__name__])[0]
            self._trouble = WriteTrouble(text, now if before is None else before.since, now)
            raise
        self._trouble = None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A consistent view for reading; writes made through it are rolled back."""
        with self.engine.connect() as connection:
            _begin(connection, "DEFERRED")
            try:
                yield connection
            finally:
                connection.rollback()

    def upgrade(self) -> None:
        """Bring the schema to the newest migration."""
        with self._writer, self.engine.connect() as connection:
            command.upgrade(_alembic_config(connection), "head")
            connection.commit()

    def create_all(self) -> None:
        """Create the tables of every store imported so far, without migrations (for tests of one store)."""
        metadata.create_all(self.engine)

    def give_back(self, pages: int) -> int:
        """Give up to so many free pages back to the file system; bring the planner's statistics up to date.

        Returns:
            How many were given back; 0 when there were none, or the database does it by itself.
        """
        if self.engine.dialect.name != "sqlite":
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
        self.engine.dispose()


def schema_revisions() -> frozenset[str]:
    """Every revision of the schema that this version knows; a database of any of them can be brought up."""
    script = ScriptDirectory(str(_MIGRATIONS))
    return frozenset(each.revision for each in script.walk_revisions())


def _begin(connection: Connection, mode: str) -> None:
    if connection.dialect.name == "sqlite":
        connection.execute(text(f"BEGIN {mode}"))
    else:
        connection.begin()


def _engine(url: str) -> Engine:
    engine = create_engine(url, pool_size=8, max_overflow=8)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_pragmas)
    return engine


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


def _alembic_config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config
