"""One writer, many readers, one Showcall per data directory."""

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from database import Database, DataDirectoryInUseError, DataDirectoryLock

INCREMENTAL = 2


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = Database(f"sqlite:///{tmp_path}/some.db")
    with made.transaction() as tx:
        tx.execute(text("create table things (name text)"))
    return made


def names(database: Database) -> list[str]:
    with database.reading() as connection:
        return list(connection.execute(text("select name from things")).scalars())


def test_a_transaction_is_kept_whole_or_not_at_all(database: Database) -> None:
    with database.transaction() as tx:
        tx.execute(text("insert into things values ('kept')"))
    with suppress(ZeroDivisionError), database.transaction() as tx:
        tx.execute(text("insert into things values ('lost')"))
        raise ZeroDivisionError
    assert names(database) == ["kept"]


def test_a_reader_sees_one_state_whatever_is_written_meanwhile(database: Database) -> None:
    with database.reading() as connection:
        assert connection.execute(text("select count(*) from things")).scalar() == 0
        with database.transaction() as tx:
            tx.execute(text("insert into things values ('new')"))
        assert connection.execute(text("select count(*) from things")).scalar() == 0
    assert names(database) == ["new"]


def test_a_new_reader_does_not_wait_for_a_writer_that_does_not_end(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("database.BUSY_TIMEOUT_SECONDS", 30.0)
    fresh = Database(f"sqlite:///{tmp_path}/some.db")
    with database.transaction() as tx:
        tx.execute(text("insert into things values ('not yet')"))
        began = time.monotonic()
        assert names(fresh) == []
        assert time.monotonic() - began < 3.0


def test_free_pages_of_a_new_file_can_be_given_back(database: Database) -> None:
    with database.reading() as connection:
        assert connection.execute(text("pragma auto_vacuum")).scalar() == INCREMENTAL


def test_what_is_written_through_a_reader_is_rolled_back(database: Database) -> None:
    with database.reading() as connection:
        connection.execute(text("insert into things values ('stray')"))
    assert names(database) == []


def test_f28_a_second_holder_of_a_data_directory_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    first = DataDirectoryLock(tmp_path)
    with pytest.raises(DataDirectoryInUseError, match="already used by another Showcall"):
        DataDirectoryLock(tmp_path)
    first.release()
    DataDirectoryLock(tmp_path).release()


def test_f24_a_log_of_the_database_that_is_cut_anywhere_gives_every_commit_before_the_cut(
    database: Database, tmp_path: Path
) -> None:
    for number in range(6):
        with database.transaction() as tx:
            tx.execute(text(f"insert into things values ('{number}')"))
    whole, log = (tmp_path / "some.db").read_bytes(), (tmp_path / "some.db-wal").read_bytes()
    counts = []
    for number, length in enumerate(range(0, len(log) + 1, 1000)):
        copy = tmp_path / f"{number}.db"
        copy.write_bytes(whole)
        Path(f"{copy}-wal").write_bytes(log[:length])
        found = Database(f"sqlite:///{copy}")
        with suppress(OperationalError):  # the table itself is not there yet
            counts.append(len(names(found)))
            assert names(found) == [str(each) for each in range(counts[-1])]
        found.close()
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]


def test_the_mark_stands_while_nobody_commits_and_changes_whoever_does(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("database.MARK_SECONDS", 1e9)
    first = database.mark()
    names(database)
    with suppress(ZeroDivisionError), database.transaction() as tx:
        tx.execute(text("insert into things values ('lost')"))
        raise ZeroDivisionError
    assert first is not None
    assert database.mark() == first
    with database.transaction() as tx:
        tx.execute(text("insert into things values ('ours')"))
        assert database.mark() == first
    second = database.mark()
    assert second != first
    insert = f"import sqlite3; c = sqlite3.connect({str(tmp_path / 'some.db')!r}); "
    insert += "c.execute(\"insert into things values ('theirs')\"); c.commit()"
    subprocess.run([sys.executable, "-c", insert], check=True)
    third = database.mark()
    assert third not in {first, second}
    assert database.mark() == third
    database.close()


def test_a_mark_does_not_last_for_ever(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    first = database.mark()
    later = time.monotonic() + 11.0
    monkeypatch.setattr("database.time.monotonic", lambda: later)
    assert database.mark() != first
    database.close()


def test_a_file_that_is_no_database_has_no_mark(tmp_path: Path) -> None:
    (tmp_path / "some.db").write_bytes(b"no database" * 1000)
    assert Database(f"sqlite:///{tmp_path}/some.db").mark() is None
