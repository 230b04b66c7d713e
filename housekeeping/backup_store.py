"""Copies of the database in a folder: made while it is in use, checked, kept, put back.

SQLite's online backup copies one state of the database, that of its beginning, while others write. A copy
counts only when it was checked, is on the disk, and has its name: a cut at any moment leaves the older ones
whole and at most a ``.part`` file, which the next backup removes.
"""

import fcntl
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from database import schema_revisions
from housekeeping.job import JobError, Stop, StoppedError

_NAME = re.compile(r"showcall-(\d{8}T\d{6}Z)\.db", re.ASCII)
_STAMP = "%Y%m%dT%H%M%SZ"
_PART = ".part"
_PAGES_AT_ONCE = 512
_INSTRUCTIONS_AT_ONCE = 100_000
SPARE_BYTES = 16 * 1024 * 1024
"""So much more than the size of the database must be free."""


class BackupError(JobError):
    """A backup could not be made or put back; the older ones are as they were."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy that was checked when it was made; ``at`` in Unix seconds."""

    path: Path
    at: float
    bytes: int


def listed(folder: Path) -> tuple[Backup, ...]:
    """The backups of a folder, newest first."""
    found = (path for path in folder.glob("showcall-*.db") if _NAME.fullmatch(path.name))
    return tuple(sorted(map(_backup, found), key=lambda each: each.path.name, reverse=True))


def make(source: Path, folder: Path, *, keep: int, now: float, stop: Stop) -> Backup:
    """Copy the database into the folder, check the copy, and only then let go of all but ``keep``.

    Raises:
        BackupError: says what is in the way and that the older backups are still there.
        StoppedError: Showcall stops; nothing is left behind.
    """
    final = folder / f"showcall-{datetime.fromtimestamp(now, UTC).strftime(_STAMP)}.db"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone_in(folder):
            _enough_room(source, folder)
            _made(source, final, stop)
            _prune(folder, keep)
        return _backup(final)
    except (OSError, sqlite3.Error) as error:
        raise BackupError(f"{folder}: {_why(error)}; the older backups are kept") from None


def check(path: Path, stop: Stop) -> None:
    """Read the whole file and look for damage.

    Raises:
        BackupError: it is damaged, no database of Showcall, or of a version that is newer than this one.
        StoppedError: Showcall stops.
    """
    try:
        with closing(_opened(path, read_only=True)) as copy:
            with _interruptible(copy, stop):
                found = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
            revision = _revision(copy)
    except sqlite3.Error as error:
        raise BackupError(f"{path}: cannot be read as a database ({error})") from None
    if found != "ok":
        raise BackupError(f"{path}: is damaged ({' '.join(found.split())})")
    if revision is None:
        raise BackupError(f"{path}: is not a database of Showcall")
    if revision not in schema_revisions():
        raise BackupError(
            f"{path}: is of a newer Showcall, or not of Showcall at all (its schema is {revision!r}, want "
            f"one up to {max(schema_revisions())})"
        )


def _revision(connection: sqlite3.Connection) -> str | None:
    """Which schema a database says that it has; None when it does not say."""
    tables = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'")
    if not tables.fetchone()[0]:
        return None
    found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if found is None else str(found[0])


def put_back(backup: Path, database: Path, now: float, stop: Stop) -> Path | None:
    """Put a backup in the place of the database, which nobody may have open.

    The present database is set aside under a name of its own, with its log; returns that name, None when
    there was none.

    Raises:
        BackupError: the backup is damaged or cannot be copied; the database is as it was.
    """
    check(backup, stop)
    part = database.with_name(database.name + _PART)
    try:
        part.unlink(missing_ok=True)
        _private(part)
        with closing(_opened(backup, read_only=True)) as source, closing(_opened(part)) as copy:
            _copied(source, copy, stop)
        _synced(part)
        aside = _set_aside(database, now)
        part.replace(database)
        _synced(database.parent)
    except (OSError, sqlite3.Error) as error:
        part.unlink(missing_ok=True)
        raise BackupError(f"{backup}: cannot be put back ({_why(error)})") from None
    return aside


def _set_aside(database: Path, now: float) -> Path | None:
    """A second name for the database until the new one takes its place: at no moment there is none."""
    if not database.exists():
        return None
    with suppress(sqlite3.Error), closing(_opened(database)) as present:
        present.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    stamp = datetime.fromtimestamp(now, UTC).strftime(_STAMP)
    aside = database.with_name(f"{database.name}.before-{stamp}")
    aside.hardlink_to(database)
    # The log of the old database beside the new one would be read as the new one's.
    for ending in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            database.with_name(database.name + ending).replace(aside.with_name(aside.name + ending))
    return aside


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """One backup at a time per folder, whoever makes it; the lock goes with the process."""
    with (folder / "backup.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError(f"{folder}: another backup is being made there now") from None
        for left in folder.glob(f"showcall-*.db{_PART}*"):
            left.unlink(missing_ok=True)
        yield


def _enough_room(source: Path, folder: Path) -> None:
    wanted, free = source.stat().st_size + SPARE_BYTES, shutil.disk_usage(folder).free
    if free < wanted:
        raise BackupError(
            f"{folder}: {_megabytes(free)} are free (want {_megabytes(wanted)}); the older backups are kept"
        )


def _made(source: Path, final: Path, stop: Stop) -> None:
    part = final.with_name(final.name + _PART)
    try:
        _private(part)
        with closing(_opened(source, read_only=True)) as present, closing(_opened(part)) as copy:
            # One reading transaction over all steps: writers go on, and the copy is of this moment.
            present.execute("BEGIN")
            present.execute("SELECT count(*) FROM sqlite_master").fetchone()
            _copied(present, copy, stop)
        check(part, stop)
        _synced(part)
        part.replace(final)
        _synced(final.parent)
    except (sqlite3.Error, OSError, StoppedError, BackupError):
        for ending in ("", "-journal", "-wal", "-shm"):
            part.with_name(part.name + ending).unlink(missing_ok=True)
        raise


def _copied(source: sqlite3.Connection, copy: sqlite3.Connection, stop: Stop) -> None:
    source.backup(copy, pages=_PAGES_AT_ONCE, progress=lambda *_: stop.check(), sleep=0.0)
    # One file that stands for itself, without a log beside it.
    copy.execute("PRAGMA journal_mode=DELETE")


def _private(path: Path) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _opened(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    mode = "ro" if read_only else "rw"
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None)


@contextmanager
def _interruptible(connection: sqlite3.Connection, stop: Stop) -> Iterator[None]:
    connection.set_progress_handler(lambda: int(stop.asked), _INSTRUCTIONS_AT_ONCE)
    try:
        yield
    except sqlite3.OperationalError:
        stop.check()
        raise
    finally:
        connection.set_progress_handler(None, 0)


def _synced(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _prune(folder: Path, keep: int) -> None:
    for old in listed(folder)[keep:]:
        old.path.unlink(missing_ok=True)


def _backup(path: Path) -> Backup:
    stamp = datetime.strptime(path.name, f"showcall-{_STAMP}.db").replace(tzinfo=UTC)
    return Backup(path, stamp.timestamp(), path.stat().st_size)


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"


def _why(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
